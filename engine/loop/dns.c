/* Names by c-ares 1.18 on the loop.
 *
 * c-ares may call back from anywhere: inside ares_getaddrinfo() for numeric names, inside process,
 * cancel and destroy.  Calling it from such a callback is a known source of use-after-free.  So its
 * callbacks only copy the answer and post; users hear of it in a later turn, from the top of the
 * loop, where they may start or free whatever they like.  A cancelled query is answered at once and
 * left to run out by itself.  A query lives until both its user and c-ares are through with it. The
 * timers of c-ares run on the real clock, also under the fake one.
 *
 * Reverse names do not go by ares_gethostbyaddr(): it looks on in the hosts file after any failure
 * and then says "not found", so that a silent server could not be told from an address without a
 * name. */
#include "engine/loop/dns.h"

#include "engine/loop/loop_priv.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define SOCKETS_MAX 16  /* c-ares uses one UDP and one TCP socket a server */
#define ADDRS_MAX   256 /* of one name */

#define POINTER_NAME_MAX 80 /* 32 digits and dots, "ip6.arpa" */

struct dns_query {
    struct dns *dns;
    TAILQ_ENTRY(dns_query) entry;
    struct task deliver;
    dns_addrs_cb addrs_cb;
    dns_name_cb name_cb;
    void *user;
    int status;
    struct addr *addrs;
    size_t n_addrs;
    struct addr address; /* of a reverse name */
    char *name;
    bool running;   /* c-ares will call back */
    bool delivered; /* the user was told */
};

struct dns_socket {
    struct io io;
    struct dns *dns;
};

struct dns {
    struct loop *loop;
    ares_channel channel, files; /* files: knows the hosts file only, answers at once */
    bool has_channel, has_files;
    struct timer timer;
    struct task bury;
    TAILQ_HEAD(, dns_query) queries;
    struct dns_socket sockets[SOCKETS_MAX]; /* fd -1: free */
};

static int status_of(int code)
{
    switch (code) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME:
    case ARES_ENONAME:
        return -ENOENT;
    case ARES_ETIMEOUT:
        return -ETIMEDOUT;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
        return -ECANCELED;
    case ARES_ENOMEM:
        return -ENOMEM;
    default:
        return -EIO;
    }
}

static void query_release(struct dns_query *q)
{
    if (q->running || !q->delivered)
        return;
    TAILQ_REMOVE(&q->dns->queries, q, entry);
    free(q->addrs);
    free(q->name);
    free(q);
}

static void on_deliver(struct task *t)
{
    struct dns_query *q = CONTAINER_OF(t, struct dns_query, deliver);

    q->delivered = true;
    if (q->addrs_cb)
        q->addrs_cb(q->user, q->status, q->status == 0 ? q->addrs : NULL,
                    q->status == 0 ? q->n_addrs : 0);
    else
        q->name_cb(q->user, q->status, q->status == 0 ? q->name : NULL);
    query_release(q);
}

/* The end of a query as c-ares sees it; after a cancel nobody wants to know. */
static void query_finish(struct dns_query *q, int status)
{
    q->running = false;
    if (q->delivered) {
        query_release(q);
        return;
    }
    if (!q->deliver.queued)
        q->status = status;
    loop_post(q->dns->loop, &q->deliver);
}

static int copy_addrs(struct dns_query *q, const struct ares_addrinfo *res)
{
    size_t n = 0;

    for (const struct ares_addrinfo_node *a = res->nodes; a && n < ADDRS_MAX; a = a->ai_next)
        n++;
    q->addrs = calloc(n ? n : 1, sizeof *q->addrs);
    if (!q->addrs)
        return -ENOMEM;
    for (const struct ares_addrinfo_node *a = res->nodes; a && q->n_addrs < n; a = a->ai_next)
        if (addr_from_sockaddr(a->ai_addr, &q->addrs[q->n_addrs], NULL) == 0)
            q->n_addrs++;
    return q->n_addrs ? 0 : -ENOENT;
}

static void on_addrs(void *user, int code, int timeouts, struct ares_addrinfo *res)
{
    struct dns_query *q = user;
    int status = status_of(code);

    (void)timeouts;
    if (status == 0 && !q->addrs)
        status = copy_addrs(q, res);
    ares_freeaddrinfo(res);
    query_finish(q, status);
}

/* Of several names always the same one, in whatever order they come. */
static int copy_name(struct dns_query *q, const struct hostent *host)
{
    const char *least = host ? host->h_name : NULL;

    for (char **a = host ? host->h_aliases : NULL; a && *a; a++)
        if (!least || !*least || (**a && strcasecmp(*a, least) < 0))
            least = *a;
    if (!least || !*least)
        return -ENOENT;
    q->name = strdup(least);
    return q->name ? 0 : -ENOMEM;
}

static void on_pointer(void *user, int code, int timeouts, unsigned char *reply, int len)
{
    struct dns_query *q = user;
    struct hostent *host = NULL;

    (void)timeouts;
    if (code == ARES_SUCCESS)
        code = ares_parse_ptr_reply(reply, len, q->address.b, (int)addr_len(&q->address),
                                    q->address.family == ADDR_V4 ? AF_INET : AF_INET6, &host);
    query_finish(q, code == ARES_SUCCESS ? copy_name(q, host) : status_of(code));
    if (host)
        ares_free_hostent(host);
}

/* The hosts file has been looked at; a miss is no answer yet. */
static void on_hosts_file(void *user, int code, int timeouts, struct hostent *host)
{
    struct dns_query *q = user;

    (void)timeouts;
    if (code == ARES_SUCCESS && host && host->h_name && (q->name = strdup(host->h_name)))
        query_finish(q, 0);
}

/* After every call into c-ares: when does it want to be called without an event? */
static void rearm(struct dns *d)
{
    struct timeval tv;

    if (!ares_timeout(d->channel, NULL, &tv)) {
        timer_stop(d->loop, &d->timer);
        return;
    }
    /* If there is no memory for the timer, the next socket event gets us here again. */
    (void)!timer_set(d->loop, &d->timer, (usec_t)tv.tv_sec * USEC_PER_SEC + (usec_t)tv.tv_usec + 1);
}

static void on_timer(struct timer *t)
{
    struct dns *d = CONTAINER_OF(t, struct dns, timer);

    ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    rearm(d);
}

static void on_ready(struct io *io, uint32_t events)
{
    struct dns *d = CONTAINER_OF(io, struct dns_socket, io)->dns;
    uint32_t broken = events & (EPOLLERR | EPOLLHUP);
    ares_socket_t fd = io->fd; /* the call may close it and recycle the slot */

    ares_process_fd(d->channel, (events & EPOLLIN) || broken ? fd : ARES_SOCKET_BAD,
                    events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
    rearm(d);
}

static struct dns_socket *socket_find(struct dns *d, int fd)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (d->sockets[i].io.fd == fd)
            return &d->sockets[i];
    return NULL;
}

/* Comes from inside c-ares, before it closes the socket when neither direction is wanted. */
static void on_socket_state(void *user, ares_socket_t fd, int readable, int writable)
{
    struct dns *d = user;
    struct dns_socket *s = socket_find(d, fd);

    if (!readable && !writable) {
        if (!s)
            return;
        io_remove(d->loop, &s->io);
        s->io.fd = -1;
        return;
    }
    if (!s)
        s = socket_find(d, -1);
    if (!s) /* not watched: c-ares runs into its timeout and tries the next server */
        return;
    s->io.fd = fd;
    if (io_want(d->loop, &s->io, (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0)) < 0 &&
        !s->io.wanted)
        s->io.fd = -1;
}

static void channel_close(struct dns *d)
{
    if (d->has_channel)
        ares_destroy(d->channel);
    if (d->has_files)
        ares_destroy(d->files);
    d->has_channel = d->has_files = false;
}

static int files_open(struct dns *d)
{
    char only_files[] = "f";
    struct ares_options options = {.lookups = only_files};
    int code = ares_init_options(&d->files, &options, ARES_OPT_LOOKUPS);

    d->has_files = code == ARES_SUCCESS;
    return code;
}

static int channel_open(struct dns *d, const struct dns_opts *o, struct err *e)
{
    struct ares_options options = {
        .timeout = (int)((o && o->timeout ? o->timeout : 2 * USEC_PER_SEC) / USEC_PER_MSEC),
        .tries = o && o->tries > 0 ? o->tries : 2,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = d,
    };
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    int code;

    if (options.timeout < 1)
        options.timeout = 1;
    code = ares_init_options(&d->channel, &options, mask);
    d->has_channel = code == ARES_SUCCESS;
    if (code == ARES_SUCCESS)
        code = files_open(d);
    if (code != ARES_SUCCESS)
        return err_set(e, code == ARES_ENOMEM ? -ENOMEM : -EIO, "resolver: %s",
                       ares_strerror(code));
    if (!o || !o->servers)
        return 0;
    code = ares_set_servers_ports_csv(d->channel, o->servers);
    if (code != ARES_SUCCESS)
        return err_set(
            e, -EINVAL,
            "DNS servers '%s': expected addresses with optional port, separated by commas",
            o->servers);
    return 0;
}

/* From the top of the loop: ares_destroy() ends the queries that still run. */
static void on_bury(struct task *t)
{
    struct dns *d = CONTAINER_OF(t, struct dns, bury);
    struct dns_query *q;

    channel_close(d);
    while ((q = TAILQ_FIRST(&d->queries))) {
        if (!q->delivered) {
            task_cancel(d->loop, &q->deliver);
            on_deliver(&q->deliver);
        } else {
            q->running = false;
            query_release(q);
        }
    }
    timer_stop(d->loop, &d->timer);
    ares_library_cleanup();
    free(d);
}

int dns_new(struct dns **ret, struct loop *l, const struct dns_opts *o, struct err *e)
{
    struct dns *d;
    int r;

    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return err_set(e, -ENOMEM, "resolver: c-ares does not start");
    d = calloc(1, sizeof *d);
    if (!d) {
        ares_library_cleanup();
        return err_set(e, -ENOMEM, "out of memory");
    }
    d->loop = l;
    d->timer.fire = on_timer;
    d->bury.run = on_bury;
    TAILQ_INIT(&d->queries);
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        d->sockets[i] = (struct dns_socket){.io = {.ready = on_ready, .fd = -1}, .dns = d};
    r = channel_open(d, o, e);
    if (r < 0) {
        on_bury(&d->bury);
        return r;
    }
    *ret = d;
    return 0;
}

struct dns *dns_free(struct dns *d)
{
    struct dns_query *q;

    if (!d || d->bury.queued)
        return NULL;
    TAILQ_FOREACH (q, &d->queries, entry)
        dns_cancel(q);
    loop_post(d->loop, &d->bury);
    return NULL;
}

void dns_freep(struct dns **d)
{
    *d = dns_free(*d);
}

static struct dns_query *query_new(struct dns *d, void *user)
{
    struct dns_query *q = calloc(1, sizeof *q);

    if (!q)
        return NULL;
    q->dns = d;
    q->deliver.run = on_deliver;
    q->user = user;
    q->running = true;
    TAILQ_INSERT_TAIL(&d->queries, q, entry);
    return q;
}

/* Numbers need no server; c-ares 1.18 asks all the same for some of them.  False: `name` is no
 * number. */
static bool answer_number(struct dns_query *q, const char *name, enum addr_family family)
{
    struct addr a;

    if (addr_parse(name, &a) < 0)
        return false;
    q->addrs = calloc(1, sizeof *q->addrs);
    if (q->addrs)
        q->addrs[q->n_addrs++] = a;
    if (family != ADDR_NONE && family != (enum addr_family)a.family)
        query_finish(q, -ENOENT);
    else
        query_finish(q, q->addrs ? 0 : -ENOMEM);
    return true;
}

int dns_lookup(struct dns *d, const char *name, enum addr_family family, dns_addrs_cb cb,
               void *user, struct dns_query **ret)
{
    struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT,
        .ai_family = family == ADDR_V4   ? AF_INET
                     : family == ADDR_V6 ? AF_INET6
                                         : AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    struct dns_query *q = query_new(d, user);

    if (!q)
        return -ENOMEM;
    q->addrs_cb = cb;
    if (!answer_number(q, name, family)) {
        ares_getaddrinfo(d->channel, name, NULL, &hints, on_addrs, q);
        rearm(d);
    }
    if (ret)
        *ret = q;
    return 0;
}

/* "1.2.0.192.in-addr.arpa", "1.0.0 ... 8.b.d.0.1.0.0.2.ip6.arpa". */
static void pointer_name(const struct addr *a, char ret[POINTER_NAME_MAX])
{
    size_t len = addr_len(a);

    *ret = 0;
    for (size_t i = len; i-- > 0;) {
        size_t at = strlen(ret);

        if (a->family == ADDR_V4)
            snprintf(ret + at, POINTER_NAME_MAX - at, "%u.", a->b[i]);
        else
            snprintf(ret + at, POINTER_NAME_MAX - at, "%x.%x.", a->b[i] & 15, a->b[i] >> 4);
    }
    snprintf(ret + strlen(ret), POINTER_NAME_MAX - strlen(ret), "%s",
             a->family == ADDR_V4 ? "in-addr.arpa" : "ip6.arpa");
}

int dns_reverse(struct dns *d, const struct addr *a, dns_name_cb cb, void *user,
                struct dns_query **ret)
{
    int family = a->family == ADDR_V4 ? AF_INET : AF_INET6;
    char name[POINTER_NAME_MAX];
    struct dns_query *q;
    size_t len = addr_len(a);

    if (len == 0)
        return -EAFNOSUPPORT;
    q = query_new(d, user);
    if (!q)
        return -ENOMEM;
    q->name_cb = cb;
    q->address = *a;
    ares_gethostbyaddr(d->files, a->b, (int)len, family, on_hosts_file, q);
    if (q->running) {
        pointer_name(a, name);
        ares_query(d->channel, name, C_IN, T_PTR, on_pointer, q);
        rearm(d);
    }
    if (ret)
        *ret = q;
    return 0;
}

void dns_cancel(struct dns_query *q)
{
    if (q->delivered)
        return;
    q->status = -ECANCELED;
    loop_post(q->dns->loop, &q->deliver);
}
