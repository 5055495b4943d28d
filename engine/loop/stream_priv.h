/* What stream.c and stream_work.c (operations, sockets), stream_tls.c (TLS) and stream_dtls.c (what
 * DTLS needs beyond it) share; nothing else includes this. */
#pragma once

#include "engine/loop/guard.h"
#include "engine/loop/loop_priv.h"
#include "engine/loop/stream.h"

#define STREAM_ERROR_MAX 256

/* One started operation.  It is under way while `active`; its callback comes when it ends. */
struct stream_op {
    struct stream *stream;
    struct timer deadline;
    bool active;
    bool permitted; /* the guard has said yes */
    usec_t go_at;   /* but not before this */
    uint32_t wait;  /* epoll events that may let it go on; 0: it waits for something else */
    stream_cb cb;
    stream_data_cb data_cb;
    void *user;
    bool cancelled; /* by stream_free(): tell -ECANCELED */
};

enum stream_phase { PHASE_IDLE, PHASE_CONNECTING, PHASE_OPEN, PHASE_HANDSHAKE, PHASE_BROKEN };

struct stream {
    struct loop *loop;
    struct guard *guard;
    struct io io;
    struct task work;         /* tries everything that is under way */
    struct task bury;         /* the last callbacks, then the memory */
    struct timer guard_timer; /* our turn with the guard */
    enum stream_phase phase;
    bool closing; /* stream_free() was called; the memory lives until `bury` ran */

    struct stream_op both; /* connect, start_tls */
    struct stream_op send, recv;

    struct addr_port to, local;
    bool bind_local, connect_sent;
    bool ack_held;   /* of the handshake, until there is something to send or to wait for */
    bool peer_ended; /* and nothing was sent since */

    char *out; /* what is being sent */
    size_t out_len, out_pos;
    bool send_broken; /* a send ended in the middle: nothing sensible can follow */
    size_t recv_max;

    SSL *ssl;
    int tls_errno; /* of the last system call below SSL */
    bool tls_verify;
    bool tls_dead; /* not usable (yet, or any more): no reading, writing or taking leave */

    bool dtls;           /* over UDP */
    struct timer resend; /* of the flight that waits for an answer */
    unsigned n_read;     /* datagrams that SSL asked for in this call */
    bool may_resend;     /* the guard has said yes to the flight that goes out again */
    bool mute;           /* it has not: what SSL sends in this call is lost */

    uint64_t bytes_in, bytes_out;
    char error[STREAM_ERROR_MAX];
};

void stream_work(struct stream *s); /* tries everything under way; not from a starting call */
/* Ends an operation and tells its owner.  The stream may be closing afterwards. */
void stream_complete(struct stream_op *op, int status, const char *data);
/* Ends `both` when connecting or the handshake failed: what is left of the connection is of no use.
 */
void stream_complete_broken(struct stream *s, int status);
void stream_drop_output(struct stream *s);
void stream_cut_output(struct stream *s); /* drops what a send that ends early leaves unsent */
void stream_close(struct stream *s);      /* the socket */
int stream_fail(struct stream *s, int status,
                const char *text); /* keeps the text; returns status */

/* Bytes moved; -EAGAIN with *ret_wait = what to wait for; -ENODATA; else a failure with text. */
ssize_t stream_raw_send(struct stream *s, const void *data, size_t len);
ssize_t stream_raw_recv(struct stream *s, void *data, size_t len);

int tls_setup(struct stream *s, const struct stream_tls_opts *o);
int tls_handshake(struct stream *s, uint32_t *ret_wait); /* 0 done, -EAGAIN, or failure */
ssize_t tls_send(struct stream *s, const void *data, size_t len, uint32_t *ret_wait);
ssize_t tls_recv(struct stream *s, void *data, size_t len, uint32_t *ret_wait);
bool tls_waiting(const struct stream *s); /* bytes inside SSL */
void tls_close(struct stream *s);         /* says close_notify if that makes sense, and frees */
int tls_fail(struct stream *s); /* the error that OpenSSL left behind: returns it, with text */

#define DTLS_SEND_MAX 16384 /* bytes of a record (RFC 6347, 4.1) */

void dtls_init(struct stream *s);
void dtls_prepare(SSL *ssl);
int dtls_watch(struct stream *s);     /* sets the timer of the flight under way; 0 or -ENOMEM */
bool dtls_may_read(struct stream *s); /* another datagram in this call */
