/* Names by c-ares 1.18 on the loop.
 *
 * c-ares may call back from anywhere: inside ares_getaddrinfo() for numeric names, inside process,
 * cancel and destroy.  Calling it from such a callback is a known source of use-after-free.  So its
 * callbacks only copy the answer and post; users hear of it in a later turn, from the top of the
 * loop, where they may start or free whatever they like.  A cancelled query is answered at once and
 * left to run out by itself.  A query lives until both its user and c-ares are through with it.
 *
 * A channel knows the servers that the system named when it was opened.  They come late when the
 * machine boots, and change with its networks: then the next query opens a new channel.
 *
 * Reverse names do not go by ares_gethostbyaddr(): it looks on in the hosts file after any failure
 * and then says "not found", so that a silent server could not be told from an address without a
 * name. */
#include "engine/loop/dns.h"

#include "engine/loop/dns_channel.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#define ADDRS_MAX 256 /* of one name */

#define POINTER_NAME_MAX 80 /* 32 digits and dots, "ip6.arpa" */

struct dns_query {
    struct dns *dns;
    struct dns_channel *channel; /* that will call back for it, or NULL */
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

struct dns {
    struct loop *loop;
    struct dns_opts o;                 /* of the next channel */
    char *path;                        /* o.conf */
    bool follows;                      /* the servers are the system's */
    struct dns_conf conf;              /* that `channel` was opened with */
    struct dns_channel *channel, *old; /* old: has queries to end, or `drop` is posted */
    struct task drop;
    ares_channel files; /* knows the hosts file only, answers at once */
    bool has_files;
    struct task bury;
    TAILQ_HEAD(, dns_query) queries;
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

static void channel_release(struct dns_query *q)
{
    struct dns_channel *c = take(&q->channel);

    if (c && --c->queries == 0 && c == q->dns->old)
        loop_post(q->dns->loop, &q->dns->drop);
}

/* The end of a query as c-ares sees it; after a cancel nobody wants to know. */
static void query_finish(struct dns_query *q, int status)
{
    q->running = false;
    channel_release(q);
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

static int files_open(struct dns *d, struct err *e)
{
    char only_files[] = "f";
    struct ares_options options = {.lookups = only_files};
    int code = ares_init_options(&d->files, &options, ARES_OPT_LOOKUPS);

    d->has_files = code == ARES_SUCCESS;
    if (code == ARES_SUCCESS)
        return 0;
    return err_set(e, code == ARES_ENOMEM ? -ENOMEM : -EIO, "resolver: %s", ares_strerror(code));
}

/* The options are kept for the channels to come; servers that were given do not change. */
static int open_channels(struct dns *d, const struct dns_opts *o, struct err *e)
{
    int r;

    d->o.timeout = o->timeout;
    d->o.tries = o->tries;
    d->follows = !o->servers;
    if (o->conf && !(d->path = strdup(o->conf)))
        return err_set(e, -ENOMEM, "out of memory");
    d->o.conf = d->path;
    if (d->follows)
        dns_conf_changed(&d->o, &d->conf, &d->conf);
    r = dns_channel_new(&d->channel, d->loop, o, e);
    return r < 0 ? r : files_open(d, e);
}

/* From the top of the loop. */
static void on_drop(struct task *t)
{
    struct dns *d = CONTAINER_OF(t, struct dns, drop);

    d->old = dns_channel_free(d->old);
}

/* The old channel runs out, and until then no further one is opened: a later lookup looks again, as
 * it does where a new one could not be opened. */
static void follow_conf(struct dns *d)
{
    struct dns_channel *fresh = NULL;
    struct dns_conf now;

    if (!d->follows || d->old || !dns_conf_changed(&d->o, &d->conf, &now) ||
        dns_channel_new(&fresh, d->loop, &d->o, NULL) < 0)
        return;
    d->conf = now;
    d->old = d->channel;
    d->channel = fresh;
    if (d->old->queries == 0)
        loop_post(d->loop, &d->drop);
}

int dns_set_conf(struct dns *d, const char *path)
{
    char *copy = d->follows ? strdup(path) : NULL;

    if (!copy)
        return d->follows ? -ENOMEM : 0;
    free(d->path);
    d->o.conf = d->path = copy;
    return 0;
}

static bool addr_of_server(const struct ares_addr_port_node *s, struct addr *ret)
{
    if (s->family == AF_INET)
        *ret = addr_from_bytes(ADDR_V4, (const uint8_t *)&s->addr.addr4);
    else if (s->family == AF_INET6)
        *ret = addr_from_bytes(ADDR_V6, (const uint8_t *)&s->addr.addr6);
    else
        return false;
    return true;
}

size_t dns_servers(struct dns *d, struct addr *ret, size_t max)
{
    struct ares_addr_port_node *servers = NULL;
    size_t n = 0;

    follow_conf(d);
    if (ares_get_servers_ports(d->channel->ares, &servers) != ARES_SUCCESS)
        return 0;
    for (const struct ares_addr_port_node *s = servers; s && n < max; s = s->next)
        n += addr_of_server(s, &ret[n]);
    if (servers)
        ares_free_data(servers);
    return n;
}

/* The channel for a query that is about to be asked. */
static struct dns_channel *query_channel(struct dns_query *q)
{
    follow_conf(q->dns);
    q->channel = q->dns->channel;
    q->channel->queries++;
    return q->channel;
}

/* From the top of the loop: ares_destroy() ends the queries that still run. */
static void on_bury(struct task *t)
{
    struct dns *d = CONTAINER_OF(t, struct dns, bury);
    struct dns_query *q;

    d->channel = dns_channel_free(d->channel);
    d->old = dns_channel_free(d->old);
    if (d->has_files)
        ares_destroy(d->files);
    task_cancel(d->loop, &d->drop); /* posted by the end of the old one's last query */
    while ((q = TAILQ_FIRST(&d->queries))) {
        if (!q->delivered) {
            task_cancel(d->loop, &q->deliver);
            on_deliver(&q->deliver);
        } else {
            q->running = false;
            query_release(q);
        }
    }
    ares_library_cleanup();
    free(d->path);
    free(d);
}

int dns_new(struct dns **ret, struct loop *l, const struct dns_opts *o, struct err *e)
{
    const struct dns_opts none = {0};
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
    d->drop.run = on_drop;
    d->bury.run = on_bury;
    TAILQ_INIT(&d->queries);
    r = open_channels(d, o ? o : &none, e);
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
    struct dns_channel *c;

    if (!q)
        return -ENOMEM;
    q->addrs_cb = cb;
    if (!answer_number(q, name, family)) {
        c = query_channel(q);
        ares_getaddrinfo(c->ares, name, NULL, &hints, on_addrs, q);
        dns_channel_rearm(c);
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
    struct dns_channel *c;
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
        c = query_channel(q);
        ares_query(c->ares, name, C_IN, T_PTR, on_pointer, q);
        dns_channel_rearm(c);
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
