/* A channel of c-ares 1.18 on the loop.
 *
 * c-ares tells which sockets it wants watched, and is called when one is ready or its time has
 * come.  Its timers run on the real clock, also under the fake one.  A channel reads the system's
 * servers once, when it is opened; that they have become others is to be seen by the file alone. */
#include "engine/loop/dns_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONF_PATH "/etc/resolv.conf"

/* When does it want to be called without an event? */
void dns_channel_rearm(struct dns_channel *c)
{
    struct timeval tv;

    if (!ares_timeout(c->ares, NULL, &tv)) {
        timer_stop(c->loop, &c->timer);
        return;
    }
    /* If there is no memory for the timer, the next socket event gets us here again. */
    (void)!timer_set(c->loop, &c->timer, (usec_t)tv.tv_sec * USEC_PER_SEC + (usec_t)tv.tv_usec + 1);
}

static void on_timer(struct timer *t)
{
    struct dns_channel *c = CONTAINER_OF(t, struct dns_channel, timer);

    ares_process_fd(c->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    dns_channel_rearm(c);
}

static void on_ready(struct io *io, uint32_t events)
{
    struct dns_channel *c = CONTAINER_OF(io, struct dns_socket, io)->channel;
    uint32_t broken = events & (EPOLLERR | EPOLLHUP);
    ares_socket_t fd = io->fd; /* the call may close it and recycle the slot */

    ares_process_fd(c->ares, (events & EPOLLIN) || broken ? fd : ARES_SOCKET_BAD,
                    events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
    dns_channel_rearm(c);
}

static struct dns_socket *socket_find(struct dns_channel *c, int fd)
{
    for (size_t i = 0; i < DNS_SOCKETS_MAX; i++)
        if (c->sockets[i].io.fd == fd)
            return &c->sockets[i];
    return NULL;
}

/* Comes from inside c-ares, before it closes the socket when neither direction is wanted. */
static void on_socket_state(void *user, ares_socket_t fd, int readable, int writable)
{
    struct dns_channel *c = user;
    struct dns_socket *s = socket_find(c, fd);

    if (!readable && !writable) {
        if (!s)
            return;
        io_remove(c->loop, &s->io);
        s->io.fd = -1;
        return;
    }
    if (!s)
        s = socket_find(c, -1);
    if (!s) /* not watched: c-ares runs into its timeout and tries the next server */
        return;
    s->io.fd = fd;
    if (io_want(c->loop, &s->io, (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0)) < 0 &&
        !s->io.wanted)
        s->io.fd = -1;
}

static const char *conf_path(const struct dns_opts *o)
{
    return o->conf ? o->conf : CONF_PATH;
}

static int ares_open(struct dns_channel *c, const struct dns_opts *o)
{
    /* It copies the path. */
    struct ares_options options = {
        .timeout = (int)((o->timeout ? o->timeout : 2 * USEC_PER_SEC) / USEC_PER_MSEC),
        .tries = o->tries > 0 ? o->tries : 2,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = c,
        .resolvconf_path = (char *)(uintptr_t)conf_path(o),
    };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB | ARES_OPT_RESOLVCONF;

    if (options.timeout < 1)
        options.timeout = 1;
    return ares_init_options(&c->ares, &options, mask);
}

static int set_servers(struct dns_channel *c, const char *servers, struct err *e)
{
    if (!servers || ares_set_servers_ports_csv(c->ares, servers) == ARES_SUCCESS)
        return 0;
    return err_set(e, -EINVAL,
                   "DNS servers '%s': expected addresses with optional port, separated by commas",
                   servers);
}

int dns_channel_new(struct dns_channel **ret, struct loop *l, const struct dns_opts *o,
                    struct err *e)
{
    struct dns_channel *c = calloc(1, sizeof *c);
    int code, r;

    if (!c)
        return err_set(e, -ENOMEM, "out of memory");
    c->loop = l;
    c->timer.fire = on_timer;
    for (size_t i = 0; i < DNS_SOCKETS_MAX; i++)
        c->sockets[i] = (struct dns_socket){.io = {.ready = on_ready, .fd = -1}, .channel = c};
    code = ares_open(c, o);
    if (code != ARES_SUCCESS) {
        free(c);
        return err_set(e, code == ARES_ENOMEM ? -ENOMEM : -EIO, "resolver: %s",
                       ares_strerror(code));
    }
    r = set_servers(c, o->servers, e);
    if (r < 0)
        c = dns_channel_free(c);
    else
        *ret = c;
    return r;
}

struct dns_channel *dns_channel_free(struct dns_channel *c)
{
    if (!c)
        return NULL;
    ares_destroy(c->ares);
    timer_stop(c->loop, &c->timer);
    free(c);
    return NULL;
}

static bool is_same(const struct dns_conf *a, const struct dns_conf *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* Who is confined may still see that a file has changed that it can no longer read, and c-ares
 * takes such a one for an empty file. */
static bool is_readable(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

bool dns_conf_changed(const struct dns_opts *o, const struct dns_conf *known, struct dns_conf *ret)
{
    struct dns_conf now;
    struct stat st;

    if (stat(conf_path(o), &st) < 0)
        return false;
    now = (struct dns_conf){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
    if (is_same(&now, known) || !is_readable(conf_path(o)))
        return false;
    *ret = now;
    return true;
}
