/* Connections with deadlines: the operations, and how they end.
 *
 * The starting calls only record what is wanted and post `work`; all system calls happen in
 * stream_work(), in a later turn, so nothing can complete inside the call that started it, and
 * bytes that already wait inside SSL are found though the fd is quiet. stream_work() runs when the
 * socket is ready, when something was started, and when the guard has a token again; it tries each
 * operation and leaves behind the mask of events to wait for.  Each completion goes through
 * stream_complete(), so each operation calls back exactly once.  A callback may free the stream: it
 * is then only marked, and the memory lives until `bury` ran from the task queue. */
#include "engine/loop/stream_priv.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

static void on_deadline(struct timer *t)
{
    struct stream_op *op = CONTAINER_OF(t, struct stream_op, deadline);
    struct stream *s = op->stream;

    stream_fail(s, -ETIMEDOUT, "timed out");
    if (op == &s->both) {
        stream_complete_broken(s, -ETIMEDOUT);
        return;
    }
    if (op == &s->send)
        stream_cut_output(s);
    stream_complete(op, -ETIMEDOUT, NULL);
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
    stream_drop_output(s);
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

int stream_new_dtls(struct stream **ret, struct loop *l, struct guard *g)
{
    int r = stream_new(ret, l, g);

    if (r == 0)
        dtls_init(*ret);
    return r;
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
    stream_close(s);
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
    s->to = (struct addr_port){*to, port};
    s->bind_local = (local && local->family != ADDR_NONE) || local_port;
    s->local = (struct addr_port){.addr.family = to->family, .port = local_port};
    if (local && local->family != ADDR_NONE)
        s->local.addr = *local;
    s->phase = PHASE_CONNECTING;
    s->connect_sent = s->send_broken = s->peer_ended = false;
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

/* Bytes may go both ways. */
static bool is_usable(const struct stream *s)
{
    return s->phase == PHASE_OPEN && (s->ssl || !s->dtls);
}

int stream_send(struct stream *s, const void *data, size_t len, usec_t timeout, stream_cb cb,
                void *user)
{
    int r;

    if (s->both.active || s->send.active)
        return -EBUSY;
    if (!is_usable(s))
        return -ENOTCONN;
    if (s->send_broken)
        return -EPIPE;
    if (s->dtls && len > DTLS_SEND_MAX)
        return -EMSGSIZE;
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
        stream_drop_output(s);
    return r;
}

int stream_recv(struct stream *s, size_t max, usec_t timeout, stream_data_cb cb, void *user)
{
    if (s->both.active || s->recv.active)
        return -EBUSY;
    if (!is_usable(s))
        return -ENOTCONN;
    if (max == 0)
        return -EINVAL;
    s->recv_max = max;
    s->recv.data_cb = cb;
    return op_start(&s->recv, timeout, user);
}

bool stream_waiting(struct stream *s)
{
    int there = 0;

    if (!stream_connected(s))
        return false;
    return tls_waiting(s) || (ioctl(s->io.fd, FIONREAD, &there) == 0 && there > 0);
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
    *ret = s->to.addr;
    if (ret_port)
        *ret_port = s->to.port;
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
