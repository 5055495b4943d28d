/* A fixed set of slots, each one non-blocking socket with its own timer.
 *
 * Answers that connect(2) gives at once (loopback, a local refusal) are kept and told from the
 * loop, as all others are: nothing calls back inside connector_start(). */
#include "engine/scan/connect.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

struct slot {
    struct connector *owner;
    struct io io;
    struct timer timer;
    struct connect_probe probe;
    usec_t started;
    int code;               /* errno of one that is over, told in the next turn */
    LIST_ENTRY(slot) entry; /* free, or finished */
};

LIST_HEAD(slot_list, slot);

struct connector {
    struct loop *loop;
    connect_cb cb;
    void *user;
    struct slot *slots;
    unsigned n_slots;
    struct slot_list free, finished;
    struct task task;
};

/* Half of the file descriptors at most: the process has other uses for them. */
static unsigned slots_allowed(unsigned max)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / 2 >= max)
        return max;
    return limit.rlim_cur / 2 > 0 ? (unsigned)(limit.rlim_cur / 2) : 1;
}

/* An abortive close, so that the port is free at once and the server sees that nobody is there. */
static void slot_close(struct slot *s)
{
    struct linger abort = {1, 0};

    timer_stop(s->owner->loop, &s->timer);
    if (s->io.fd < 0)
        return;
    if (s->io.wanted)
        io_remove(s->owner->loop, &s->io);
    setsockopt(s->io.fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
    close(s->io.fd);
    s->io.fd = -1;
}

static void slot_release(struct slot *s)
{
    slot_close(s);
    LIST_INSERT_HEAD(&s->owner->free, s, entry);
}

static enum reason reason_of(int code)
{
    switch (code) {
    case 0:
        return REASON_SYN_ACK;
    case ECONNREFUSED:
        return REASON_CONN_REFUSED;
    case EHOSTUNREACH:
    case EHOSTDOWN:
        return REASON_HOST_UNREACH;
    case ENETUNREACH:
        return REASON_NET_UNREACH;
    case EACCES:
    case EPERM:
        return REASON_ADMIN_PROHIBITED;
    default:
        return REASON_UNKNOWN; /* not an answer of the target: ETIMEDOUT, no local port ... */
    }
}

static void tell(struct slot *s, int code)
{
    struct connector *c = s->owner;
    struct probe_reply r = {
        .addr = s->probe.addr,
        .kind = PROBE_CONNECT,
        .port = s->probe.port,
        .try = s->probe.try,
        .reason = reason_of(code),
        .rtt = loop_now(c->loop) - s->started + 1,
    };

    slot_release(s);
    if (r.reason != REASON_UNKNOWN)
        c->cb(c->user, &r);
}

/* On this machine the kernel may pick the very port that is asked for as our own: the socket then
 * is connected to itself (simultaneous open), and nobody listens there. */
static bool is_self(int fd)
{
    struct sockaddr_storage local = {0}, remote = {0};
    socklen_t local_len = sizeof local, remote_len = sizeof remote;

    return getsockname(fd, (struct sockaddr *)&local, &local_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&remote, &remote_len) == 0 &&
           local_len == remote_len && memcmp(&local, &remote, local_len) == 0;
}

static void on_ready(struct io *io, uint32_t events)
{
    struct slot *s = CONTAINER_OF(io, struct slot, io);
    socklen_t len = sizeof(int);
    int code = 0;

    (void)events;
    if (getsockopt(s->io.fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
        code = errno;
    tell(s, code == 0 && is_self(s->io.fd) ? ECONNREFUSED : code);
}

/* The timer may come first where both have waited for the loop: the answer counts. */
static void on_timeout(struct timer *t)
{
    struct slot *s = CONTAINER_OF(t, struct slot, timer);
    struct pollfd p = {.fd = s->io.fd, .events = POLLOUT};

    if (poll(&p, 1, 0) > 0)
        on_ready(&s->io, EPOLLOUT);
    else
        slot_release(s);
}

static void on_finished(struct task *t)
{
    struct connector *c = CONTAINER_OF(t, struct connector, task);
    struct slot_list batch = c->finished;
    struct slot *s;

    if (batch.lh_first)
        batch.lh_first->entry.le_prev = &batch.lh_first;
    LIST_INIT(&c->finished);
    while ((s = LIST_FIRST(&batch))) {
        LIST_REMOVE(s, entry);
        tell(s, s->code);
    }
}

int connector_new(struct connector **ret, struct loop *l, unsigned max, connect_cb cb, void *user)
{
    struct connector *c = calloc(1, sizeof *c);

    if (!c)
        return -ENOMEM;
    c->n_slots = slots_allowed(max);
    c->slots = calloc(c->n_slots, sizeof *c->slots);
    if (!c->slots) {
        free(c);
        return -ENOMEM;
    }
    c->loop = l;
    c->cb = cb;
    c->user = user;
    c->task.run = on_finished;
    LIST_INIT(&c->free);
    LIST_INIT(&c->finished);
    for (unsigned i = 0; i < c->n_slots; i++) {
        struct slot *s = &c->slots[i];

        s->owner = c;
        s->io = (struct io){.fd = -1, .ready = on_ready};
        s->timer.fire = on_timeout;
        LIST_INSERT_HEAD(&c->free, s, entry);
    }
    *ret = c;
    return 0;
}

struct connector *connector_free(struct connector *c)
{
    if (!c)
        return NULL;
    task_cancel(c->loop, &c->task);
    for (unsigned i = 0; i < c->n_slots; i++)
        slot_close(&c->slots[i]);
    free(c->slots);
    free(c);
    return NULL;
}

bool connector_full(const struct connector *c)
{
    return LIST_EMPTY(&c->free);
}

static void finish_later(struct slot *s, int code)
{
    s->code = code;
    LIST_INSERT_HEAD(&s->owner->finished, s, entry);
    loop_post(s->owner->loop, &s->owner->task);
}

/* Opens and starts.  EINPROGRESS, 0, or what came of it at once. */
static int slot_connect(struct slot *s)
{
    struct sockaddr_storage to;
    socklen_t len = addr_to_sockaddr(&s->probe.addr, s->probe.port, &to);

    s->io.fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->io.fd < 0)
        return errno;
    if (connect(s->io.fd, (struct sockaddr *)&to, len) < 0)
        return errno;
    return is_self(s->io.fd) ? ECONNREFUSED : 0;
}

/* What connect(2) says at once of this machine, and what says nothing of the target. */
static int not_sent(int code)
{
    switch (code) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return -EAGAIN;
    case ENETUNREACH:
    case ENETDOWN:
        return -ENETDOWN;
    default:
        return 0;
    }
}

int connector_start(struct connector *c, const struct connect_probe *p)
{
    struct slot *s = LIST_FIRST(&c->free);
    int code;

    if (!s)
        return -EAGAIN;
    s->probe = *p;
    s->started = loop_now(c->loop);
    code = slot_connect(s);
    if (not_sent(code) < 0) {
        slot_close(s);
        return not_sent(code);
    }
    LIST_REMOVE(s, entry);
    if (code != EINPROGRESS)
        finish_later(s, code);
    else if (io_want(c->loop, &s->io, EPOLLOUT) < 0 ||
             timer_set(c->loop, &s->timer, p->timeout) < 0)
        slot_release(s);
    return 0;
}
