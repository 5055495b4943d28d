/* TLS over a stream with OpenSSL 3.0, and DTLS as far as it is the same (stream_dtls.c).
 *
 * One SSL_CTX per profile and loop, and one for DTLS.  The probing profile lives in a library
 * context of its own: no openssl.cnf that could forbid old protocols, security level 0, and the
 * legacy provider when the machine has it; so it speaks with what is out there.  SSL reads and
 * writes through a BIO of ours on stream_raw_*(): OpenSSL's socket BIO uses write(), which raises
 * SIGPIPE. The error queue is cleared before each call and read right after it; what to wait for
 * comes from SSL_get_error(), since a read may want to write and the other way round. */
#include "engine/loop/stream_priv.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#define ALPN_MAX 255

struct tls_contexts {
    OSSL_LIB_CTX *lib;
    OSSL_PROVIDER *standard, *legacy;
    SSL_CTX *probe, *probe_dtls, *verify;
    BIO_METHOD *bio;
};

static int bio_write(BIO *b, const char *data, size_t len, size_t *ret_n)
{
    struct stream *s = BIO_get_data(b);
    ssize_t n = s->mute ? (ssize_t)len : stream_raw_send(s, data, len);

    BIO_clear_retry_flags(b);
    *ret_n = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return 1;
    if (n == -EAGAIN)
        BIO_set_retry_write(b);
    else
        s->tls_errno = (int)-n;
    return 0;
}

static int bio_read(BIO *b, char *data, size_t len, size_t *ret_n)
{
    struct stream *s = BIO_get_data(b);
    ssize_t n = dtls_may_read(s) ? stream_raw_recv(s, data, len) : -EAGAIN;

    BIO_clear_retry_flags(b);
    *ret_n = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return 1;
    if (n == -EAGAIN)
        BIO_set_retry_read(b);
    else if (n == 0)
        BIO_set_flags(b, BIO_FLAGS_IN_EOF);
    else
        s->tls_errno = (int)-n;
    return 0;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)num, (void)ptr;
    if (cmd == BIO_CTRL_EOF)
        return BIO_test_flags(b, BIO_FLAGS_IN_EOF) != 0;
    return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP;
}

static int bio_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

static BIO_METHOD *bio_method_new(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");

    if (m && BIO_meth_set_write_ex(m, bio_write) && BIO_meth_set_read_ex(m, bio_read) &&
        BIO_meth_set_ctrl(m, bio_ctrl) && BIO_meth_set_create(m, bio_create))
        return m;
    BIO_meth_free(m);
    return NULL;
}

static void contexts_free(void *p)
{
    struct tls_contexts *c = p;

    if (!c)
        return;
    SSL_CTX_free(c->probe);
    SSL_CTX_free(c->probe_dtls);
    SSL_CTX_free(c->verify);
    BIO_meth_free(c->bio);
    if (c->legacy)
        OSSL_PROVIDER_unload(c->legacy);
    if (c->standard)
        OSSL_PROVIDER_unload(c->standard);
    OSSL_LIB_CTX_free(c->lib);
    free(c);
}

static void set_modes(SSL_CTX *ctx)
{
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
}

static int probe_library(struct tls_contexts *c)
{
    if (c->lib)
        return 0;
    c->lib = OSSL_LIB_CTX_new();
    if (!c->lib)
        return -ENOMEM;
    c->standard = OSSL_PROVIDER_load(c->lib, "default");
    c->legacy =
        OSSL_PROVIDER_load(c->lib, "legacy"); /* a module file; not there: fewer old ciphers */
    return 0;
}

static int probe_context(struct tls_contexts *c, const SSL_METHOD *method, SSL_CTX **ret)
{
    SSL_CTX *ctx = probe_library(c) == 0 ? SSL_CTX_new_ex(c->lib, NULL, method) : NULL;

    if (!ctx)
        return -ENOMEM;
    set_modes(ctx);
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, 0);
    SSL_CTX_set_cipher_list(ctx, "ALL:COMPLEMENTOFALL:@SECLEVEL=0");
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_LEGACY_SERVER_CONNECT |
                                 SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    *ret = ctx;
    return 0;
}

static int verify_context(struct tls_contexts *c)
{
    c->verify = SSL_CTX_new(TLS_client_method());
    if (!c->verify)
        return -ENOMEM;
    set_modes(c->verify);
    SSL_CTX_set_min_proto_version(c->verify, TLS1_2_VERSION);
    SSL_CTX_set_verify(c->verify, SSL_VERIFY_PEER, NULL);
    return SSL_CTX_set_default_verify_paths(c->verify) ? 0 : -EIO;
}

static struct tls_contexts *contexts_of(struct loop *l)
{
    struct tls_contexts *c = l->tls;

    if (c)
        return c;
    c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->bio = bio_method_new();
    if (!c->bio) {
        free(c);
        return NULL;
    }
    l->tls = c;
    l->tls_free = contexts_free;
    return c;
}

static SSL_CTX *probe_get(struct tls_contexts *c, bool dtls)
{
    SSL_CTX **ctx = dtls ? &c->probe_dtls : &c->probe;

    if (!*ctx && probe_context(c, dtls ? DTLS_client_method() : TLS_client_method(), ctx) < 0)
        return NULL;
    return *ctx;
}

static SSL_CTX *verify_get(struct tls_contexts *c)
{
    if (!c->verify && verify_context(c) < 0) {
        SSL_CTX_free(c->verify);
        c->verify = NULL;
    }
    return c->verify;
}

static SSL_CTX *context_get(struct stream *s, enum stream_tls_profile profile)
{
    struct tls_contexts *c = contexts_of(s->loop);
    SSL_CTX *ctx = NULL;

    ERR_clear_error();
    if (c)
        ctx = profile == STREAM_TLS_VERIFY ? verify_get(c) : probe_get(c, s->dtls);
    ERR_clear_error(); /* a legacy provider that is not there leaves its reason behind */
    return ctx;
}

static int set_alpn(SSL *ssl, const struct stream_tls_opts *o)
{
    unsigned char list[ALPN_MAX * 4];
    size_t len = 0;

    for (size_t i = 0; i < o->n_alpn; i++) {
        size_t n = strlen(o->alpn[i]);

        if (n == 0 || n > ALPN_MAX || len + n + 1 > sizeof list)
            return -EINVAL;
        list[len++] = (unsigned char)n;
        memcpy(list + len, o->alpn[i], n);
        len += n;
    }
    return len == 0 || SSL_set_alpn_protos(ssl, list, (unsigned)len) == 0 ? 0 : -ENOMEM;
}

/* SNI carries names only (RFC 6066, 3); an address is checked against the certificate's addresses.
 */
static int set_name(SSL *ssl, const struct stream_tls_opts *o)
{
    bool verify = o->profile == STREAM_TLS_VERIFY;
    struct addr a;

    if (!o->server_name)
        return verify ? -EINVAL : 0;
    if (addr_parse(o->server_name, &a) == 0)
        return !verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), o->server_name)
                   ? 0
                   : -EINVAL;
    if (!SSL_set_tlsext_host_name(ssl, o->server_name))
        return -EINVAL;
    return !verify || SSL_set1_host(ssl, o->server_name) ? 0 : -EINVAL;
}

static int set_opts(SSL *ssl, const struct stream_tls_opts *o)
{
    int r = set_name(ssl, o);

    if (r == 0)
        r = set_alpn(ssl, o);
    if (r == 0 && o->min_version && !SSL_set_min_proto_version(ssl, o->min_version))
        r = -EINVAL;
    if (r == 0 && o->max_version && !SSL_set_max_proto_version(ssl, o->max_version))
        r = -EINVAL;
    return r;
}

int tls_setup(struct stream *s, const struct stream_tls_opts *o)
{
    SSL_CTX *ctx;
    BIO *bio;
    int r;

    if (s->dtls && o->profile != STREAM_TLS_PROBE)
        return -EINVAL;
    ctx = context_get(s, o->profile);
    s->ssl = ctx ? SSL_new(ctx) : NULL;
    bio = s->ssl ? BIO_new(contexts_of(s->loop)->bio) : NULL;
    if (!bio) {
        tls_close(s);
        return -ENOMEM;
    }
    BIO_set_data(bio, s);
    SSL_set_bio(s->ssl, bio, bio);
    SSL_set_connect_state(s->ssl);
    if (s->dtls)
        dtls_prepare(s->ssl);
    s->tls_verify = o->profile == STREAM_TLS_VERIFY;
    s->tls_dead = true;
    s->tls_errno = 0;
    r = set_opts(s->ssl, o);
    if (r < 0)
        tls_close(s);
    return r;
}

int tls_fail(struct stream *s)
{
    long verify = SSL_get_verify_result(s->ssl);
    char text[STREAM_ERROR_MAX];
    unsigned long code = ERR_peek_last_error();

    if (s->tls_verify && verify != X509_V_OK)
        snprintf(text, sizeof text, "certificate: %s", X509_verify_cert_error_string(verify));
    else if (code && ERR_reason_error_string(code))
        snprintf(text, sizeof text, "TLS: %s", ERR_reason_error_string(code));
    else
        snprintf(text, sizeof text, "TLS failed");
    return stream_fail(s, -EPROTO, text);
}

static int fail_eof(struct stream *s)
{
    return stream_fail(s, -ENODATA, "the peer closed the connection");
}

static bool bare_eof(void)
{
    return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

/* What a call that returned r <= 0 means. */
static int outcome(struct stream *s, int r, uint32_t *ret_wait)
{
    int code = SSL_get_error(s->ssl, r);

    if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) {
        *ret_wait = code == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT;
        return -EAGAIN;
    }
    if (code == SSL_ERROR_ZERO_RETURN)
        return fail_eof(s);
    s->tls_dead = true;
    if (s->tls_errno)
        return stream_fail(s, -s->tls_errno, strerror(s->tls_errno));
    if (code == SSL_ERROR_SSL && !bare_eof())
        return tls_fail(s);
    /* The bare end of the connection.  A verified peer owes us a close_notify: without it the data
     * may be cut. */
    if (s->tls_verify && SSL_is_init_finished(s->ssl))
        return stream_fail(s, -EPROTO, "TLS: the connection ended without close_notify");
    return fail_eof(s);
}

static void call_begin(struct stream *s)
{
    ERR_clear_error();
    s->n_read = 0;
    s->mute = false;
}

int tls_handshake(struct stream *s, uint32_t *ret_wait)
{
    int r;

    call_begin(s);
    r = SSL_do_handshake(s->ssl);
    if (r == 1) {
        timer_stop(s->loop, &s->resend);
        s->tls_dead = false;
        return 0;
    }
    r = outcome(s, r, ret_wait);
    if (r == -EAGAIN && s->dtls)
        r = dtls_watch(s);
    return r == 0 ? -EAGAIN : r;
}

ssize_t tls_send(struct stream *s, const void *data, size_t len, uint32_t *ret_wait)
{
    size_t n = 0;
    int r;

    if (s->tls_dead)
        return -EPIPE;
    call_begin(s);
    r = SSL_write_ex(s->ssl, data, len, &n);
    return r == 1 ? (ssize_t)n : outcome(s, r, ret_wait);
}

ssize_t tls_recv(struct stream *s, void *data, size_t len, uint32_t *ret_wait)
{
    size_t n = 0;
    int r;

    if (s->tls_dead)
        return -EPIPE;
    call_begin(s);
    r = SSL_read_ex(s->ssl, data, len, &n);
    return r == 1 ? (ssize_t)n : outcome(s, r, ret_wait);
}

bool tls_waiting(const struct stream *s)
{
    return s->ssl && SSL_has_pending(s->ssl);
}

void tls_close(struct stream *s)
{
    timer_stop(s->loop, &s->resend);
    if (!s->ssl)
        return;
    ERR_clear_error();
    if (!s->tls_dead)
        SSL_shutdown(s->ssl);
    SSL_free(s->ssl);
    s->ssl = NULL;
    ERR_clear_error();
}
