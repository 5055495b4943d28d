/* The system calls of a stream: stream_work() tries each operation under way and leaves behind the
 * mask of events to wait for.
 *
 * It runs when the socket is ready, when something was started, and when the guard has a token
 * again.  It never nests: starting calls only post it.  Each completion may run user code that
 * frees the stream, which `closing` tells. */
#include "engine/loop/stream_priv.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>

#define SEND_SLICE (1024 * 1024) /* bytes of one turn; then others get theirs */

int stream_fail(struct stream *s, int status, const char *text)
{
    snprintf(s->error, sizeof s->error, "%s", text);
    return status;
}

static int fail_errno(struct stream *s, int error)
{
    return stream_fail(s, -error, strerror(error));
}

/* The peer has ended it, and has all we sent: it may have ended its side alone, and still read. */
static bool is_over(const struct stream *s)
{
    int under_way = 0;

    return s->peer_ended && ioctl(s->io.fd, TIOCOUTQ, &under_way) == 0 && !under_way;
}

/* What is over is reset: one packet instead of two, and a small device need not remember it for a
 * minute (RFC 9293 3.6.1, TIME-WAIT is with who closed first). */
void stream_close(struct stream *s)
{
    static const struct linger reset = {.l_onoff = 1};

    io_remove(s->loop, &s->io);
    if (s->io.fd >= 0 && is_over(s))
        setsockopt(s->io.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    if (s->io.fd >= 0)
        close(s->io.fd);
    s->ack_held = false;
    s->io.fd = -1;
}

/* Ends an operation and tells its owner.  The stream may be closing afterwards. */
void stream_complete(struct stream_op *op, int status, const char *data)
{
    op->active = false;
    op->wait = 0;
    timer_stop(op->stream->loop, &op->deadline);
    if (op->data_cb)
        op->data_cb(op->user, status, data);
    else
        op->cb(op->user, status);
}

/* Connecting or the handshake failed: what is left of the connection is of no use. */
void stream_complete_broken(struct stream *s, int status)
{
    s->phase = PHASE_BROKEN;
    tls_close(s);
    stream_close(s);
    stream_complete(&s->both, status, NULL);
}

void stream_drop_output(struct stream *s)
{
    free(s->out);
    s->out = NULL;
    s->out_len = s->out_pos = 0;
}

void stream_cut_output(struct stream *s)
{
    s->send_broken = s->out_pos > 0 || s->ssl;
    stream_drop_output(s);
}

/* How long the operation may still wait. */
static usec_t patience(const struct stream_op *op)
{
    usec_t now = loop_now(op->stream->loop);

    if (!timer_running(&op->deadline))
        return USEC_INFINITY;
    return op->deadline.due > now ? op->deadline.due - now : 0;
}

/* 0: go on; -EAGAIN: not yet, or not before the deadline, which then ends it; else the end. */
static int ask_guard(struct stream *s, struct stream_op *op, enum guard_kind kind)
{
    usec_t now = loop_now(s->loop);
    usec_t wait;
    int r;

    if (!op->permitted) {
        r = guard_take(s->guard, kind, &s->to, patience(op), &wait);
        if (r == -EPERM)
            stream_fail(s, r, guard_why(s->guard));
        if (r < 0)
            return r;
        op->permitted = true;
        op->go_at = now + wait;
    }
    if (now >= op->go_at)
        return 0;
    r = timer_set_at(s->loop, &s->guard_timer, op->go_at);
    return r < 0 ? stream_fail(s, r, "out of memory") : -EAGAIN;
}

static int local_bind(struct stream *s)
{
    struct sockaddr_storage sa;
    socklen_t len;
    int one = 1;

    if (!s->bind_local)
        return 0;
    if (!s->dtls)
        setsockopt(s->io.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    len = addr_to_sockaddr(&s->local.addr, s->local.port, &sa);
    return bind(s->io.fd, (struct sockaddr *)&sa, len) < 0 ? -errno : 0;
}

/* The last packet of the handshake waits, up to 200 ms, for the data that mostly follow at once:
 * one packet and one wake-up of the server less.  Who receives first, or settles, lets it go. */
static void ack_hold(struct stream *s)
{
    s->ack_held = setsockopt(s->io.fd, IPPROTO_TCP, TCP_QUICKACK, &(int){0}, sizeof(int)) == 0;
}

void stream_settle(struct stream *s)
{
    if (s->ack_held)
        setsockopt(s->io.fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
    s->ack_held = false;
}

static void tcp_options(struct stream *s)
{
    int one = 1;

    setsockopt(s->io.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    ack_hold(s);
}

/* 0, -EINPROGRESS, or failure. */
static int connect_begin(struct stream *s)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&s->to.addr, s->to.port, &sa);
    int type = s->dtls ? SOCK_DGRAM : SOCK_STREAM, r;

    s->io.fd = socket(sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->io.fd < 0)
        return -errno;
    r = local_bind(s);
    if (r < 0)
        return r;
    if (!s->dtls)
        tcp_options(s);
    return connect(s->io.fd, (struct sockaddr *)&sa, len) < 0 ? -errno : 0;
}

static int connect_result(struct stream *s)
{
    int error = 0;
    socklen_t len = sizeof error;
    struct sockaddr_storage sa;
    socklen_t sa_len = sizeof sa;

    if (getsockopt(s->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    if (error)
        return -error;
    if (getpeername(s->io.fd, (struct sockaddr *)&sa, &sa_len) < 0) /* a wake-up before its time */
        return errno == ENOTCONN ? -EINPROGRESS : -errno;
    return 0;
}

static void work_connect(struct stream *s)
{
    int r = s->dtls ? 0 : ask_guard(s, &s->both, GUARD_CONNECT);

    if (r == -EAGAIN)
        return;
    if (r < 0) {
        stream_complete_broken(s, r);
        return;
    }
    r = s->connect_sent ? connect_result(s) : connect_begin(s);
    s->connect_sent = true;
    if (r == -EINPROGRESS) {
        s->both.wait = EPOLLOUT;
        return;
    }
    if (r < 0) {
        stream_complete_broken(s, fail_errno(s, -r));
        return;
    }
    s->phase = PHASE_OPEN;
    stream_complete(&s->both, 0, NULL);
}

static void work_handshake(struct stream *s)
{
    int r = ask_guard(s, &s->both, GUARD_PAYLOAD);

    s->both.wait = 0;
    if (r == -EAGAIN)
        return;
    if (r == 0)
        r = tls_handshake(s, &s->both.wait);
    if (r == -EAGAIN)
        return;
    if (r < 0) {
        stream_complete_broken(s, r);
        return;
    }
    s->phase = PHASE_OPEN;
    stream_complete(&s->both, 0, NULL);
}

ssize_t stream_raw_send(struct stream *s, const void *data, size_t len)
{
    ssize_t n = send(s->io.fd, data, len, MSG_NOSIGNAL);

    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    s->peer_ended = false;
    s->bytes_out += (uint64_t)n;
    return n;
}

ssize_t stream_raw_recv(struct stream *s, void *data, size_t len)
{
    ssize_t n;

    stream_settle(s);
    n = recv(s->io.fd, data, len, 0);
    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    if (s->dtls && n == 0) /* an empty datagram says nothing */
        return -EAGAIN;
    s->peer_ended = n == 0 && len > 0;
    s->bytes_in += (uint64_t)n;
    return n;
}

static ssize_t send_some(struct stream *s, const char *data, size_t len)
{
    ssize_t n;

    if (s->ssl)
        return tls_send(s, data, len, &s->send.wait);
    n = stream_raw_send(s, data, len);
    if (n == -EAGAIN)
        s->send.wait = EPOLLOUT;
    else if (n < 0)
        fail_errno(s, (int)-n);
    return n;
}

/* 0: all is out; -EAGAIN; else failure. */
static int send_all(struct stream *s)
{
    size_t slice = 0;

    while (s->out_pos < s->out_len) {
        ssize_t n;

        if (slice >= SEND_SLICE) {
            loop_post(s->loop, &s->work);
            return -EAGAIN;
        }
        n = send_some(s, s->out + s->out_pos, s->out_len - s->out_pos);
        if (n < 0)
            return (int)n;
        s->out_pos += (size_t)n;
        slice += (size_t)n;
    }
    return 0;
}

static void work_send(struct stream *s)
{
    int r = ask_guard(s, &s->send, GUARD_PAYLOAD);

    s->send.wait = 0;
    if (r == 0)
        r = send_all(s);
    if (r == -EAGAIN)
        return;
    s->send_broken = r < 0 && r != -EPERM;
    stream_drop_output(s);
    stream_complete(&s->send, r, NULL);
}

static ssize_t recv_some(struct stream *s, char *data, size_t len)
{
    ssize_t n;

    if (s->ssl)
        return tls_recv(s, data, len, &s->recv.wait);
    n = stream_raw_recv(s, data, len);
    if (n == -EAGAIN)
        s->recv.wait = EPOLLIN;
    else if (n == 0)
        return stream_fail(s, -ENODATA, "the peer closed the connection");
    else if (n < 0)
        fail_errno(s, (int)-n);
    return n;
}

static void work_recv(struct stream *s)
{
    char *data = s->loop->scratch;
    ssize_t n;

    s->recv.wait = 0;
    n = recv_some(s, data, s->recv_max < LOOP_SCRATCH ? s->recv_max : LOOP_SCRATCH);
    if (n == -EAGAIN)
        return;
    if (n > 0)
        data[n] = '\0';
    stream_complete(&s->recv, (int)n, n > 0 ? data : NULL);
}

/* Registers what the operations under way wait for; nothing at all when they wait for the guard or
 * the next turn (a registered fd reports hang-ups even with an empty mask). */
static void watch(struct stream *s)
{
    uint32_t events = 0;
    int r;

    if (s->io.fd < 0)
        return;
    events |= s->both.active ? s->both.wait : 0;
    events |= s->send.active ? s->send.wait : 0;
    events |= s->recv.active ? s->recv.wait : 0;
    r = io_want(s->loop, &s->io, events);
    if (r == 0)
        return;
    fail_errno(s, -r);
    if (s->both.active) {
        stream_complete_broken(s, r);
        return;
    }
    if (s->send.active) {
        stream_cut_output(s);
        stream_complete(&s->send, r, NULL);
    }
    if (!s->closing && s->recv.active)
        stream_complete(&s->recv, r, NULL);
}

void stream_work(struct stream *s)
{
    if (s->both.active && s->phase == PHASE_CONNECTING)
        work_connect(s);
    else if (s->both.active && s->phase == PHASE_HANDSHAKE)
        work_handshake(s);
    if (!s->closing && s->send.active)
        work_send(s);
    if (!s->closing && s->recv.active)
        work_recv(s);
    if (!s->closing)
        watch(s);
}
