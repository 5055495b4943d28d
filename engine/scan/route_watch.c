/* A netlink socket in the groups of links, addresses and routes.
 *
 * What the messages say is not read: who is told asks the kernel for what is now, which is right
 * also when messages were lost (ENOBUFS). */
#include "engine/scan/route_watch.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define GROUPS                                                                                     \
    (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)
#define DRAIN_MAX 64 /* messages in one turn */

struct route_watch {
    struct loop *loop;
    struct mnl_socket *nl;
    struct io io;
    void (*changed)(void *user);
    void *user;
};

static void on_ready(struct io *io, uint32_t events)
{
    struct route_watch *w = CONTAINER_OF(io, struct route_watch, io);
    char message[8192];

    (void)events;
    for (int i = 0; i < DRAIN_MAX; i++)
        if (recv(io->fd, message, sizeof message, MSG_DONTWAIT) < 0 && errno != ENOBUFS)
            break;
    w->changed(w->user);
}

int route_watch_new(struct route_watch **ret, struct loop *l, void (*changed)(void *user),
                    void *user, struct err *e)
{
    struct route_watch *w = calloc(1, sizeof *w);
    int r;

    if (!w)
        return err_set(e, -ENOMEM, "out of memory");
    *w = (struct route_watch){.loop = l, .changed = changed, .user = user, .io.ready = on_ready};
    w->io.fd = -1;
    w->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!w->nl || mnl_socket_bind(w->nl, GROUPS, MNL_SOCKET_AUTOPID) < 0) {
        r = err_set(e, -errno, "rtnetlink: %s", strerror(errno));
        route_watch_free(w);
        return r;
    }
    w->io.fd = mnl_socket_get_fd(w->nl);
    r = io_want(l, &w->io, EPOLLIN);
    if (r < 0) {
        route_watch_free(w);
        return err_set(e, r, "rtnetlink: %s", strerror(-r));
    }
    *ret = w;
    return 0;
}

struct route_watch *route_watch_free(struct route_watch *w)
{
    if (!w)
        return NULL;
    io_remove(w->loop, &w->io);
    if (w->nl)
        mnl_socket_close(w->nl);
    /* The loop may stand in our callback. */
    loop_post_free(w->loop, free, w);
    return NULL;
}
