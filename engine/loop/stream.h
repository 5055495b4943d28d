/* A TCP connection, plain or TLS, with deadlines; or DTLS over UDP (stream_new_dtls).
 *
 * One operation of a direction is under way at a time: connect, start_tls and shutdown use both
 * directions; one send and one recv may run side by side.  Each started operation calls its
 * callback exactly once, never inside the call that started it, also when the stream is closed
 * under it (-ECANCELED).  Status: 0 or > 0 bytes; -ETIMEDOUT; -ENODATA: the peer closed (end of
 * stream); -EPERM: the guard said no; -EBUSY at the start: that direction is in use; else what the
 * kernel said; -EPROTO: TLS failed (stream_error_text). */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/buf.h"
#include "engine/loop/loop.h"

struct stream;
struct guard;
typedef struct x509_st X509;
typedef struct ssl_st SSL;

typedef void (*stream_cb)(void *user, int status);
/* data is valid during the call only; NULL unless status > 0, which is then its length. */
typedef void (*stream_data_cb)(void *user, int status, const char *data);

enum stream_tls_profile {
    STREAM_TLS_PROBE,  /* no verification, every version and cipher OpenSSL has (security level 0):
                          for looking at servers */
    STREAM_TLS_VERIFY, /* system roots, host name checked, TLS 1.2 and newer */
};

struct stream_tls_opts {
    enum stream_tls_profile profile;
    const char *server_name; /* SNI; NULL: none */
    const char *const *alpn; /* protocol names; NULL: none */
    size_t n_alpn;
    int min_version, max_version; /* TLS1_VERSION ...; 0: as the profile says */
};

int stream_new(struct stream **ret, struct loop *l, struct guard *g) MUST_USE; /* 0, -ENOMEM */
/* The same calls over UDP: connecting sends nothing, start_tls speaks DTLS (the probing profile
 * alone) and nothing goes out in the clear before.  A send is one datagram of at most 16 KiB
 * (-EMSGSIZE), a recv takes from one.  A flight of the handshake that stays without an answer goes
 * out again, as the guard allows. */
int stream_new_dtls(struct stream **ret, struct loop *l, struct guard *g) MUST_USE;
/* Closes at once; callbacks of what is under way come with -ECANCELED in the next turn, then the
 * memory goes.  Returns NULL. */
struct stream *stream_free(struct stream *s);
void stream_freep(struct stream **s);

/* timeout USEC_INFINITY: none.  `local` (may be NULL) is the address to bind, port 0: any. */
int stream_connect(struct stream *s, const struct addr *to, uint16_t port, const struct addr *local,
                   uint16_t local_port, usec_t timeout, stream_cb cb, void *user);
int stream_start_tls(struct stream *s, const struct stream_tls_opts *o, usec_t timeout,
                     stream_cb cb, void *user);
/* data is copied.  The callback comes when all of it was handed to the kernel. */
int stream_send(struct stream *s, const void *data, size_t len, usec_t timeout, stream_cb cb,
                void *user);
/* Lets the server know of a connection on which nothing was sent or awaited yet: it may hear of it
 * with the first data only, or 200 ms late. */
void stream_settle(struct stream *s);
/* As soon as anything is there: at most max bytes. */
int stream_recv(struct stream *s, size_t max, usec_t timeout, stream_data_cb cb, void *user);
/* Whether bytes have come in that no stream_recv() has taken yet.  For TLS they may be part of a
 * record, which a recv waits for. */
bool stream_waiting(struct stream *s);

bool stream_connected(const struct stream *s);
int stream_local(const struct stream *s, struct addr *ret, uint16_t *ret_port); /* 0 or -ENOTCONN */
int stream_remote(const struct stream *s, struct addr *ret, uint16_t *ret_port);
SSL *stream_ssl(struct stream *s); /* NULL when plain; for version, cipher, certificate chain */
const char *stream_error_text(const struct stream *s); /* of the last failure; "" when none */
uint64_t stream_bytes_in(const struct stream *s);
uint64_t stream_bytes_out(const struct stream *s);
