/* UDP sockets with deadlines.  Same scheme as stream.c: the starting calls record and post, system
 * calls happen in a later turn, each operation ends once.  The socket is made by the first call
 * that tells the family. */
#include "engine/loop/dgram.h"

#include "engine/loop/guard.h"
#include "engine/loop/loop_priv.h"

#include <errno.h>
#include <string.h>

struct dgram_op {
    struct dgram *dgram;
    struct timer deadline;
    bool active;
    bool cancelled;
    bool waits; /* for the socket */
    void *user;
};

struct dgram {
    struct loop *loop;
    struct guard *guard;
    struct io io;
    struct task work, bury;
    struct timer guard_timer;
    bool closing;
    enum addr_family family;
    int link; /* of what goes to groups; 0: the routes tell */

    struct addr_port peer; /* of dgram_connect(); family ADDR_NONE: none */

    struct dgram_op send, recv;
    dgram_cb send_cb;
    dgram_data_cb recv_cb;
    struct addr_port to;
    bool permitted; /* the guard has said yes to what is being sent */
    usec_t go_at;   /* but not before this */
    char *out;
    size_t out_len;
};

static void dgram_work(struct dgram *d);

static void op_end(struct dgram_op *op)
{
    op->active = false;
    op->waits = false;
    timer_stop(op->dgram->loop, &op->deadline);
}

static void send_complete(struct dgram *d, int status)
{
    op_end(&d->send);
    free(d->out);
    d->out = NULL;
    d->send_cb(d->send.user, status);
}

static void recv_fail(struct dgram *d, int status)
{
    op_end(&d->recv);
    d->recv_cb(d->recv.user, status, NULL, NULL, 0);
}

static void on_deadline(struct timer *t)
{
    struct dgram_op *op = CONTAINER_OF(t, struct dgram_op, deadline);

    if (op == &op->dgram->send)
        send_complete(op->dgram, -ETIMEDOUT);
    else
        recv_fail(op->dgram, -ETIMEDOUT);
}

static void on_ready(struct io *io, uint32_t events)
{
    (void)events;
    dgram_work(CONTAINER_OF(io, struct dgram, io));
}

static void on_work(struct task *t)
{
    dgram_work(CONTAINER_OF(t, struct dgram, work));
}

static void on_guard(struct timer *t)
{
    dgram_work(CONTAINER_OF(t, struct dgram, guard_timer));
}

static void on_bury(struct task *t)
{
    struct dgram *d = CONTAINER_OF(t, struct dgram, bury);

    if (d->send.cancelled)
        d->send_cb(d->send.user, -ECANCELED);
    if (d->recv.cancelled)
        d->recv_cb(d->recv.user, -ECANCELED, NULL, NULL, 0);
    free(d->out);
    free(d);
}

int dgram_new(struct dgram **ret, struct loop *l, struct guard *g)
{
    struct dgram *d = calloc(1, sizeof *d);

    if (!d)
        return -ENOMEM;
    d->loop = l;
    d->guard = g;
    d->io.fd = -1;
    d->io.ready = on_ready;
    d->work.run = on_work;
    d->bury.run = on_bury;
    d->guard_timer.fire = on_guard;
    d->send.dgram = d->recv.dgram = d;
    d->send.deadline.fire = d->recv.deadline.fire = on_deadline;
    *ret = d;
    return 0;
}

struct dgram *dgram_free(struct dgram *d)
{
    if (!d || d->closing)
        return NULL;
    d->closing = true;
    d->send.cancelled = d->send.active;
    d->recv.cancelled = d->recv.active;
    op_end(&d->send);
    op_end(&d->recv);
    timer_stop(d->loop, &d->guard_timer);
    task_cancel(d->loop, &d->work);
    io_remove(d->loop, &d->io);
    if (d->io.fd >= 0)
        close(d->io.fd);
    d->io.fd = -1;
    loop_post(d->loop, &d->bury);
    return NULL;
}

void dgram_freep(struct dgram **d)
{
    *d = dgram_free(*d);
}

void dgram_set_link(struct dgram *d, int ifindex)
{
    d->link = ifindex;
}

/* Where it fails the routes tell after all. */
static void multicasts_by_link(const struct dgram *d)
{
    struct ip_mreqn v4 = {.imr_ifindex = d->link};

    if (d->family == ADDR_V4)
        setsockopt(d->io.fd, IPPROTO_IP, IP_MULTICAST_IF, &v4, sizeof v4);
    else
        setsockopt(d->io.fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &d->link, sizeof d->link);
}

static bool is_broadcast(const struct addr *a)
{
    return a->family == ADDR_V4 && addr_to_v4(a) == UINT32_MAX;
}

/* Of what is sent next. */
static void broadcasts_by_link(const struct dgram *d, bool on)
{
    uint32_t link = on ? htonl((uint32_t)d->link) : 0;

    setsockopt(d->io.fd, IPPROTO_IP, IP_UNICAST_IF, &link, sizeof link);
}

static int socket_for(struct dgram *d, enum addr_family family)
{
    int one = 1;

    if (family != ADDR_V4 && family != ADDR_V6)
        return -EAFNOSUPPORT;
    if (d->io.fd >= 0)
        return d->family == family ? 0 : -EAFNOSUPPORT;
    d->io.fd = socket(family == ADDR_V4 ? AF_INET : AF_INET6,
                      SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->io.fd < 0)
        return -errno;
    d->family = family;
    setsockopt(d->io.fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one);
    if (d->link)
        multicasts_by_link(d);
    return 0;
}

int dgram_bind(struct dgram *d, const struct addr *local, uint16_t port)
{
    struct sockaddr_storage sa;
    int r = socket_for(d, local->family);

    if (r < 0)
        return r;
    return bind(d->io.fd, (struct sockaddr *)&sa, addr_to_sockaddr(local, port, &sa)) < 0 ? -errno
                                                                                          : 0;
}

int dgram_connect(struct dgram *d, const struct addr *to, uint16_t port)
{
    struct sockaddr_storage sa;
    int r = socket_for(d, to->family);

    if (r < 0)
        return r;
    if (d->link && is_broadcast(to))
        broadcasts_by_link(d, true);
    if (connect(d->io.fd, (struct sockaddr *)&sa, addr_to_sockaddr(to, port, &sa)) < 0)
        return -errno;
    d->peer = (struct addr_port){*to, port};
    return 0;
}

static int op_start(struct dgram_op *op, usec_t timeout, void *user)
{
    struct dgram *d = op->dgram;

    if (timeout != USEC_INFINITY) {
        int r = timer_set(d->loop, &op->deadline, timeout);

        if (r < 0)
            return r;
    }
    op->active = true;
    op->waits = false;
    op->user = user;
    loop_post(d->loop, &d->work);
    return 0;
}

int dgram_sendto(struct dgram *d, const struct addr *to, uint16_t port, const void *data,
                 size_t len, usec_t timeout, dgram_cb cb, void *user)
{
    int r;

    if (d->send.active)
        return -EBUSY;
    r = socket_for(d, to->family);
    if (r < 0)
        return r;
    d->out = malloc(len ? len : 1);
    if (!d->out)
        return -ENOMEM;
    if (len)
        memcpy(d->out, data, len);
    d->out_len = len;
    d->to = (struct addr_port){*to, port};
    d->permitted = false;
    d->send_cb = cb;
    r = op_start(&d->send, timeout, user);
    if (r < 0) {
        free(d->out);
        d->out = NULL;
    }
    return r;
}

int dgram_send(struct dgram *d, const void *data, size_t len, usec_t timeout, dgram_cb cb,
               void *user)
{
    struct addr to = d->peer.addr;

    if (to.family == ADDR_NONE)
        return -ENOTCONN;
    return dgram_sendto(d, &to, d->peer.port, data, len, timeout, cb, user);
}

int dgram_recv(struct dgram *d, usec_t timeout, dgram_data_cb cb, void *user)
{
    if (d->recv.active)
        return -EBUSY;
    if (d->io.fd < 0)
        return -ENOTCONN;
    d->recv_cb = cb;
    return op_start(&d->recv, timeout, user);
}

static bool is_peer(const struct dgram *d)
{
    return d->peer.port == d->to.port && addr_equal(&d->peer.addr, &d->to.addr);
}

/* A connected socket learns of ICMP errors only about what it sends to its peer, so that goes
 * without an address. */
static int send_now(struct dgram *d)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&d->to.addr, d->to.port, &sa);
    struct sockaddr *to = is_peer(d) ? NULL : (struct sockaddr *)&sa;
    bool by_link = d->link && to && is_broadcast(&d->to.addr);
    int r;

    if (by_link)
        broadcasts_by_link(d, true);
    r = sendto(d->io.fd, d->out, d->out_len, MSG_NOSIGNAL, to, to ? len : 0) < 0 ? -errno : 0;
    if (by_link)
        broadcasts_by_link(d, false);
    return r == -EINTR ? -EAGAIN : r;
}

/* 0: go on; -EAGAIN: not yet, or not before the deadline, which then ends it; else the end. */
static int ask_guard(struct dgram *d)
{
    usec_t now = loop_now(d->loop);
    usec_t wait = USEC_INFINITY;
    int r;

    if (!d->permitted) {
        if (timer_running(&d->send.deadline))
            wait = d->send.deadline.due > now ? d->send.deadline.due - now : 0;
        r = guard_take(d->guard, GUARD_PAYLOAD, &d->to, wait, &wait);
        if (r < 0)
            return r;
        d->permitted = true;
        d->go_at = now + wait;
    }
    if (now >= d->go_at)
        return 0;
    r = timer_set_at(d->loop, &d->guard_timer, d->go_at);
    return r < 0 ? r : -EAGAIN;
}

static void work_send(struct dgram *d)
{
    int r = ask_guard(d);

    d->send.waits = false;
    if (r == -EAGAIN)
        return;
    if (r == 0)
        r = send_now(d);
    d->send.waits = r == -EAGAIN;
    if (!d->send.waits)
        send_complete(d, r);
}

static void work_recv(struct dgram *d)
{
    struct sockaddr_storage sa;
    socklen_t sa_len = sizeof sa;
    struct addr from = {0};
    uint16_t port = 0;
    ssize_t n =
        recvfrom(d->io.fd, d->loop->scratch, LOOP_SCRATCH, 0, (struct sockaddr *)&sa, &sa_len);

    d->recv.waits = n < 0 && (errno == EAGAIN || errno == EINTR);
    if (d->recv.waits)
        return;
    if (n < 0) {
        recv_fail(d, -errno);
        return;
    }
    d->loop->scratch[n] = '\0';
    (void)addr_from_sockaddr((struct sockaddr *)&sa, &from, &port);
    op_end(&d->recv);
    d->recv_cb(d->recv.user, (int)n, d->loop->scratch, &from, port);
}

static void watch(struct dgram *d)
{
    uint32_t events = (d->send.waits ? EPOLLOUT : 0) | (d->recv.waits ? EPOLLIN : 0);
    int r = io_want(d->loop, &d->io, events);

    if (r == 0)
        return;
    if (d->send.active)
        send_complete(d, r);
    if (!d->closing && d->recv.active)
        recv_fail(d, r);
}

static void dgram_work(struct dgram *d)
{
    if (d->send.active)
        work_send(d);
    if (!d->closing && d->recv.active)
        work_recv(d);
    if (!d->closing)
        watch(d);
}

int dgram_local(const struct dgram *d, struct addr *ret, uint16_t *ret_port)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;

    if (d->io.fd < 0 || getsockname(d->io.fd, (struct sockaddr *)&sa, &len) < 0)
        return -ENOTCONN;
    return addr_from_sockaddr((struct sockaddr *)&sa, ret, ret_port);
}

int dgram_remote(const struct dgram *d, struct addr *ret, uint16_t *ret_port)
{
    if (d->peer.addr.family == ADDR_NONE)
        return -ENOTCONN;
    *ret = d->peer.addr;
    if (ret_port)
        *ret_port = d->peer.port;
    return 0;
}
