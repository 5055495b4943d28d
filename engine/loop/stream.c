/* TCP connections with deadlines: the operations, and how they end.
 *
 * The starting calls only record what is wanted and post `work`; all system calls happen in
 * stream_work(), in a later turn, so nothing can complete inside the call that started it, and
 * bytes that already wait inside SSL are found though the fd is quiet. stream_work() runs when the
 * socket is ready, when something was started, and when the guard has a token again; it tries each
 * operation and leaves behind the mask of events to wait for.  Each completion goes through
 * complete(), so each operation calls back exactly once.  A callback may free the stream: it is
 * then only marked, and the memory lives until `bury` ran from the task queue. */
#include "engine/loop/guard.h"
#include "engine/loop/stream_priv.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#define SEND_SLICE (1024 * 1024) /* bytes of one turn; then others get theirs */

static void stream_work(struct stream *s);

int stream_fail(struct stream *s, int status, const char *text)
{
    snprintf(s->error, sizeof s->error, "%s", text);
    return status;
}

static int fail_errno(struct stream *s, int error)
{
    return stream_fail(s, -error, strerror(error));
}

static int socket_close(struct stream *s)
{
    io_remove(s->loop, &s->io);
    if (s->io.fd >= 0)
        close(s->io.fd);
    s->io.fd = -1;
    return 0;
}

/* Ends an operation and tells its owner.  The stream may be closing afterwards. */
static void complete(struct stream_op *op, int status, const char *data)
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
static void complete_broken(struct stream *s, int status)
{
    s->phase = PHASE_BROKEN;
    tls_close(s);
    socket_close(s);
    complete(&s->both, status, NULL);
}

static void drop_output(struct stream *s)
{
    free(s->out);
    s->out = NULL;
    s->out_len = s->out_pos = 0;
}

static void on_deadline(struct timer *t)
{
    struct stream_op *op = CONTAINER_OF(t, struct stream_op, deadline);
    struct stream *s = op->stream;

    stream_fail(s, -ETIMEDOUT, "timed out");
    if (op == &s->both) {
        complete_broken(s, -ETIMEDOUT);
        return;
    }
    if (op == &s->send) {
        s->send_broken = s->out_pos > 0 || s->ssl;
        drop_output(s);
    }
    complete(op, -ETIMEDOUT, NULL);
}

static void on_ready(struct io *io, uint32_t events)
{
    (void)events;
    stream_work(CONTAINER_OF(io, struct stream, io));
}

static void on_work(struct task *t)
{
    stream_work(CONTAINER_OF(t, struct stream, work));
}

static void on_guard(struct timer *t)
{
    stream_work(CONTAINER_OF(t, struct stream, guard_timer));
}

static void op_bury(struct stream_op *op)
{
    if (!op->cancelled)
        return;
    op->cancelled = false;
    if (op->data_cb)
        op->data_cb(op->user, -ECANCELED, NULL);
    else
        op->cb(op->user, -ECANCELED);
}

static void on_bury(struct task *t)
{
    struct stream *s = CONTAINER_OF(t, struct stream, bury);

    op_bury(&s->both);
    op_bury(&s->send);
    op_bury(&s->recv);
    drop_output(s);
    free(s);
}

int stream_new(struct stream **ret, struct loop *l, struct guard *g)
{
    struct stream *s = calloc(1, sizeof *s);

    if (!s)
        return -ENOMEM;
    s->loop = l;
    s->guard = g;
    s->io.fd = -1;
    s->io.ready = on_ready;
    s->work.run = on_work;
    s->bury.run = on_bury;
    s->guard_timer.fire = on_guard;
    s->both.stream = s->send.stream = s->recv.stream = s;
    s->both.deadline.fire = s->send.deadline.fire = s->recv.deadline.fire = on_deadline;
    *ret = s;
    return 0;
}

static void op_cancel(struct stream_op *op)
{
    timer_stop(op->stream->loop, &op->deadline);
    op->cancelled = op->active;
    op->active = false;
}

struct stream *stream_free(struct stream *s)
{
    if (!s || s->closing)
        return NULL;
    s->closing = true;
    op_cancel(&s->both);
    op_cancel(&s->send);
    op_cancel(&s->recv);
    timer_stop(s->loop, &s->guard_timer);
    task_cancel(s->loop, &s->work);
    tls_close(s);
    socket_close(s);
    loop_post(s->loop, &s->bury);
    return NULL;
}

void stream_freep(struct stream **s)
{
    *s = stream_free(*s);
}

/* Starts the clock of an operation and has it tried in the next turn. */
static int op_start(struct stream_op *op, usec_t timeout, void *user)
{
    struct stream *s = op->stream;
    int r;

    if (timeout != USEC_INFINITY) {
        r = timer_set(s->loop, &op->deadline, timeout);
        if (r < 0)
            return r;
    }
    op->active = true;
    op->permitted = false;
    op->wait = 0;
    op->user = user;
    loop_post(s->loop, &s->work);
    return 0;
}

static bool any_active(const struct stream *s)
{
    return s->both.active || s->send.active || s->recv.active;
}

int stream_connect(struct stream *s, const struct addr *to, uint16_t port, const struct addr *local,
                   uint16_t local_port, usec_t timeout, stream_cb cb, void *user)
{
    int r;

    if (any_active(s))
        return -EBUSY;
    if (s->phase != PHASE_IDLE && s->phase != PHASE_BROKEN)
        return -EISCONN;
    if (to->family != ADDR_V4 && to->family != ADDR_V6)
        return -EAFNOSUPPORT;
    if (local && local->family != ADDR_NONE && local->family != to->family)
        return -EAFNOSUPPORT;
    s->both.cb = cb;
    r = op_start(&s->both, timeout, user);
    if (r < 0)
        return r;
    s->to = *to;
    s->to_port = port;
    s->bind_local = (local && local->family != ADDR_NONE) || local_port;
    s->local = local && local->family != ADDR_NONE ? *local : (struct addr){.family = to->family};
    s->local_port = local_port;
    s->phase = PHASE_CONNECTING;
    s->connect_sent = s->send_broken = false;
    s->error[0] = '\0';
    return 0;
}

int stream_start_tls(struct stream *s, const struct stream_tls_opts *o, usec_t timeout,
                     stream_cb cb, void *user)
{
    int r;

    if (any_active(s))
        return -EBUSY;
    if (s->phase != PHASE_OPEN)
        return -ENOTCONN;
    if (s->ssl)
        return -EALREADY;
    r = tls_setup(s, o);
    if (r < 0)
        return r;
    s->both.cb = cb;
    r = op_start(&s->both, timeout, user);
    if (r < 0) {
        tls_close(s);
        return r;
    }
    s->phase = PHASE_HANDSHAKE;
    s->error[0] = '\0';
    return 0;
}

int stream_send(struct stream *s, const void *data, size_t len, usec_t timeout, stream_cb cb,
                void *user)
{
    int r;

    if (s->both.active || s->send.active)
        return -EBUSY;
    if (s->phase != PHASE_OPEN)
        return -ENOTCONN;
    if (s->send_broken)
        return -EPIPE;
    s->out = malloc(len ? len : 1);
    if (!s->out)
        return -ENOMEM;
    if (len)
        memcpy(s->out, data, len);
    s->out_len = len;
    s->out_pos = 0;
    s->send.cb = cb;
    r = op_start(&s->send, timeout, user);
    if (r < 0)
        drop_output(s);
    return r;
}

int stream_recv(struct stream *s, size_t max, usec_t timeout, stream_data_cb cb, void *user)
{
    if (s->both.active || s->recv.active)
        return -EBUSY;
    if (s->phase != PHASE_OPEN)
        return -ENOTCONN;
    if (max == 0)
        return -EINVAL;
    s->recv_max = max;
    s->recv.data_cb = cb;
    return op_start(&s->recv, timeout, user);
}

/* 0: go on; -EAGAIN: the timer will call; else the end of the operation. */
static int ask_guard(struct stream *s, struct stream_op *op, enum guard_kind kind)
{
    int r;

    if (op->permitted)
        return 0;
    r = guard_check(s->guard, kind, &s->to, s->to_port);
    if (r == 0)
        op->permitted = true;
    else if (r == -EPERM)
        stream_fail(s, r, guard_why(s->guard));
    else if (r == -EAGAIN && timer_set(s->loop, &s->guard_timer, guard_wait(s->guard)) < 0)
        r = stream_fail(s, -ENOMEM, "out of memory");
    return r;
}

static int local_bind(struct stream *s)
{
    struct sockaddr_storage sa;
    socklen_t len;
    int one = 1;

    if (!s->bind_local)
        return 0;
    setsockopt(s->io.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    len = addr_to_sockaddr(&s->local, s->local_port, &sa);
    return bind(s->io.fd, (struct sockaddr *)&sa, len) < 0 ? -errno : 0;
}

/* 0, -EINPROGRESS, or failure. */
static int connect_begin(struct stream *s)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&s->to, s->to_port, &sa);
    int one = 1, r;

    s->io.fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (s->io.fd < 0)
        return -errno;
    r = local_bind(s);
    if (r < 0)
        return r;
    setsockopt(s->io.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
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
    int r = ask_guard(s, &s->both, GUARD_CONNECT);

    if (r == -EAGAIN)
        return;
    if (r < 0) {
        complete_broken(s, r);
        return;
    }
    r = s->connect_sent ? connect_result(s) : connect_begin(s);
    s->connect_sent = true;
    if (r == -EINPROGRESS) {
        s->both.wait = EPOLLOUT;
        return;
    }
    if (r < 0) {
        complete_broken(s, fail_errno(s, -r));
        return;
    }
    s->phase = PHASE_OPEN;
    complete(&s->both, 0, NULL);
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
        complete_broken(s, r);
        return;
    }
    s->phase = PHASE_OPEN;
    complete(&s->both, 0, NULL);
}

ssize_t stream_raw_send(struct stream *s, const void *data, size_t len)
{
    ssize_t n = send(s->io.fd, data, len, MSG_NOSIGNAL);

    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    s->bytes_out += (uint64_t)n;
    return n;
}

ssize_t stream_raw_recv(struct stream *s, void *data, size_t len)
{
    ssize_t n = recv(s->io.fd, data, len, 0);

    if (n < 0)
        return errno == EINTR ? -EAGAIN : -errno;
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
    drop_output(s);
    complete(&s->send, r, NULL);
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
    complete(&s->recv, (int)n, n > 0 ? data : NULL);
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
        complete_broken(s, r);
        return;
    }
    if (s->send.active)
        complete(&s->send, r, NULL);
    if (!s->closing && s->recv.active)
        complete(&s->recv, r, NULL);
}

static void stream_work(struct stream *s)
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

bool stream_connected(const struct stream *s)
{
    return s->phase == PHASE_OPEN || s->phase == PHASE_HANDSHAKE;
}

int stream_local(const struct stream *s, struct addr *ret, uint16_t *ret_port)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;

    if (!stream_connected(s) || getsockname(s->io.fd, (struct sockaddr *)&sa, &len) < 0)
        return -ENOTCONN;
    return addr_from_sockaddr((struct sockaddr *)&sa, ret, ret_port);
}

int stream_remote(const struct stream *s, struct addr *ret, uint16_t *ret_port)
{
    if (!stream_connected(s))
        return -ENOTCONN;
    *ret = s->to;
    if (ret_port)
        *ret_port = s->to_port;
    return 0;
}

SSL *stream_ssl(struct stream *s)
{
    return s->ssl;
}

const char *stream_error_text(const struct stream *s)
{
    return s->error;
}

uint64_t stream_bytes_in(const struct stream *s)
{
    return s->bytes_in;
}

uint64_t stream_bytes_out(const struct stream *s)
{
    return s->bytes_out;
}
