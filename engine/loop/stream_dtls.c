/* What DTLS (RFC 6347) needs beyond TLS: datagrams of a size that arrives, a limit to how many are
 * read at a time, and flights of the handshake that go out again.
 *
 * OpenSSL knows which flight waits for an answer and since when, by the wall clock; a timer of the
 * loop asks it.  Each flight that goes out again is a packet more for a host that may have had
 * enough of them, so the guard is asked as for the first; until it says yes the answer may still
 * come.  OpenSSL sends again also when it has read something that is no answer after the time was
 * over: what the guard does not allow then is lost, as on any network. */
#include "engine/loop/stream_priv.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#define DTLS_MTU 1232 /* bytes: an IPv6 packet of 1,280, which every link carries (RFC 8200, 5) */
#define READ_MAX 16   /* datagrams of a call: OpenSSL reads on while what comes is garbage */

#define ANSWER_FIRST 1000000 /* microseconds (RFC 6347, 4.2.4.1) */
#define ANSWER_MOST  60000000

/* How long the answer may take, in microseconds: of a new flight, or of one that goes out again now
 * and had so long before. */
static unsigned on_flight(SSL *ssl, unsigned before)
{
    struct stream *s = BIO_get_data(SSL_get_rbio(ssl));

    s->mute = before && !s->may_resend &&
              guard_check(s->guard, GUARD_PAYLOAD, &s->to.addr, s->to.port) < 0;
    if (!before)
        return ANSWER_FIRST;
    return before < ANSWER_MOST / 2 ? 2 * before : ANSWER_MOST;
}

/* 0: it went out, or it is not time yet; else failure. */
static int send_again(struct stream *s)
{
    int r;

    ERR_clear_error();
    s->may_resend = true;
    r = DTLSv1_handle_timeout(s->ssl);
    s->may_resend = false;
    if (r < 0 && !s->tls_errno)
        return tls_fail(s);
    return s->tls_errno ? stream_fail(s, -s->tls_errno, strerror(s->tls_errno)) : dtls_watch(s);
}

/* The wall clock may be behind the loop's: then no token is taken. */
static bool is_due(struct stream *s)
{
    struct timeval left;

    return DTLSv1_get_timeout(s->ssl, &left) && left.tv_sec == 0 && left.tv_usec == 0;
}

static void on_resend(struct timer *t)
{
    struct stream *s = CONTAINER_OF(t, struct stream, resend);
    int r = is_due(s) ? guard_check(s->guard, GUARD_PAYLOAD, &s->to.addr, s->to.port) : 0;

    if (r == 0)
        r = send_again(s);
    else if (r == -EAGAIN)
        r = timer_set(s->loop, &s->resend, guard_wait(s->guard));
    if (r < 0)
        stream_complete_broken(s, r);
}

void dtls_init(struct stream *s)
{
    s->dtls = true;
    s->resend.fire = on_resend;
}

/* Without renegotiation nothing but the handshake needs the timer. */
void dtls_prepare(SSL *ssl)
{
    SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION);
    SSL_set_mtu(ssl, DTLS_MTU);
    DTLS_set_timer_cb(ssl, on_flight);
}

int dtls_watch(struct stream *s)
{
    struct timeval left;
    int r;

    if (!DTLSv1_get_timeout(s->ssl, &left)) {
        timer_stop(s->loop, &s->resend);
        return 0;
    }
    r = timer_set(s->loop, &s->resend, (usec_t)left.tv_sec * USEC_PER_SEC + (usec_t)left.tv_usec);
    return r < 0 ? stream_fail(s, r, "out of memory") : 0;
}

bool dtls_may_read(struct stream *s)
{
    return !s->dtls || s->n_read++ < READ_MAX;
}
