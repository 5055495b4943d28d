/* See scan_link.h.  Scans are few (the claimer's capacity), so they stand in a list. */
#include "service/schedule/scan_link.h"

#include "engine/base/log.h"
#include "service/ipc/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

struct scan_job {
    LIST_ENTRY(scan_job) entry;
    uint32_t id;
    const struct scan_order *order;
    bool sent;
    bool dead; /* ran in a scanner that died */
};

struct known {
    LIST_ENTRY(known) entry;
    const struct generation *g;
};

struct scan_link {
    struct loop *loop;
    struct channel *scanner; /* NULL: none is there */
    LIST_HEAD(, scan_job) jobs;
    LIST_HEAD(, known) generations;
    uint32_t next_id;
    unsigned holds;
    struct scan_link_ears ears;
    struct task bury; /* tells the scans of a dead scanner */
    char why[128];
};

static void bury(struct task *t);

int scan_link_new(struct scan_link **ret, struct loop *l, const struct scan_link_ears *ears)
{
    struct scan_link *s = calloc(1, sizeof *s);

    if (!s)
        return -ENOMEM;
    s->loop = l;
    s->ears = *ears;
    s->bury.run = bury;
    *ret = s;
    return 0;
}

static void job_remove(struct scan_job *j)
{
    LIST_REMOVE(j, entry);
    free(j);
}

struct scan_link *scan_link_free(struct scan_link *s)
{
    if (!s)
        return NULL;
    task_cancel(s->loop, &s->bury);
    s->scanner = channel_free(s->scanner);
    while (LIST_FIRST(&s->jobs))
        job_remove(LIST_FIRST(&s->jobs));
    while (LIST_FIRST(&s->generations))
        scan_link_drop(s, LIST_FIRST(&s->generations)->g);
    free(s);
    return NULL;
}

static struct scan_job *job_find(struct scan_link *s, uint32_t id)
{
    struct scan_job *j;

    LIST_FOREACH (j, &s->jobs, entry)
        if (j->id == id)
            return j;
    return NULL;
}

static int listen_send(struct scan_link *s, uint32_t id, const struct config_zone *z)
{
    struct ipc_listen m = {.promiscuous = z->promiscuous, .multicast = z->multicast};
    int r = 0;

    if (z->listen_auto && z->interface) /* the zone's packets go this way, whatever is on link */
        m.interface = z->interface;
    if (z->listen_auto)
        return channel_send(s->scanner, MSG_LISTEN, id, &m);
    for (uint32_t i = 0; i < z->n_listen && r == 0; i++) {
        m.interface = z->listen[i];
        r = channel_send(s->scanner, MSG_LISTEN, id, &m);
    }
    return r;
}

static int zones_send(struct scan_link *s, const struct generation *g)
{
    int r = 0;

    for (uint32_t i = 0; i < g->config->n_zones && r == 0; i++) {
        const struct config_zone *z = &g->config->zones[i];
        const struct ipc_zone m = {generation_rate(g, z), z->host_rate, z->net_rate, z->fragile};
        uint32_t id = generation_zone_id(g, z);

        r = channel_send_scope(s->scanner, id, SCOPE_TARGETS, &z->scope);
        if (r == 0)
            r = channel_send_scope(s->scanner, id, SCOPE_EXCLUDES, &z->excluded);
        if (r == 0)
            r = channel_send(s->scanner, MSG_ZONE, id, &m);
        if (r == 0)
            r = listen_send(s, id, z);
    }
    return r;
}

/* A channel that takes no order is as good as none: the monitor will see that the scanner is gone,
 * or hangs. */
static void failed(struct scan_link *s, int r)
{
    if (r < 0 && r != -EPIPE)
        log_event(LOG_ERR, "the scanner takes no orders", "WHY", strerror(-r));
    if (r < 0)
        scan_link_gone(s, "it takes no orders");
}

int scan_link_add(struct scan_link *s, const struct generation *g)
{
    struct known *k = calloc(1, sizeof *k);

    if (!k)
        return -ENOMEM;
    k->g = g;
    LIST_INSERT_HEAD(&s->generations, k, entry);
    if (s->scanner)
        failed(s, zones_send(s, g));
    return 0;
}

void scan_link_drop(struct scan_link *s, const struct generation *g)
{
    struct known *k;

    LIST_FOREACH (k, &s->generations, entry)
        if (k->g == g)
            break;
    if (!k)
        return;
    LIST_REMOVE(k, entry);
    free(k);
    for (uint32_t i = 0; i < g->config->n_zones && s->scanner; i++)
        (void)channel_send(s->scanner, MSG_ZONE_DROP, g->first_zone + i, NULL);
}

static int ports_send(struct scan_link *s, uint32_t id, const struct port_set *ports)
{
    static uint8_t bits[IPC_PORT_BITS_LEN]; /* too large for a stack; only within this call */
    struct ipc_scan_ports m = {PROTOCOL_TCP, {bits, sizeof bits}};
    int r;

    if (!ports)
        return 0;
    ipc_port_bits_put(bits, ports->tcp);
    r = channel_send(s->scanner, MSG_SCAN_PORTS, id, &m);
    if (r < 0 || !port_set_count(ports, PROTOCOL_UDP))
        return r;
    m.protocol = PROTOCOL_UDP;
    ipc_port_bits_put(bits, ports->udp);
    return channel_send(s->scanner, MSG_SCAN_PORTS, id, &m);
}

static int job_send(struct scan_link *s, struct scan_job *j)
{
    int r = channel_send_scope(s->scanner, j->id, SCOPE_TARGETS, &j->order->targets);

    if (r == 0 && j->order->known.n)
        r = channel_send_scope(s->scanner, j->id, SCOPE_KNOWN, &j->order->known);
    if (r == 0)
        r = ports_send(s, j->id, j->order->ports);
    if (r == 0)
        r = channel_send(s->scanner, MSG_SCAN_START, j->id, &j->order->start);
    j->sent = r == 0;
    return r;
}

int scan_link_start(struct scan_link *s, const struct scan_order *order, uint32_t *ret_id)
{
    struct scan_job *j = calloc(1, sizeof *j);

    if (!j)
        return -ENOMEM;
    j->id = 0x80000000U | ++s->next_id; /* zones count from 1: ids of both are the scanner's keys */
    j->order = order;
    LIST_INSERT_HEAD(&s->jobs, j, entry);
    *ret_id = j->id;
    if (s->scanner)
        failed(s, job_send(s, j));
    return 0;
}

void scan_link_cancel(struct scan_link *s, uint32_t id)
{
    struct scan_job *j = job_find(s, id);

    if (!j)
        return;
    if (s->scanner && j->sent)
        (void)channel_send(s->scanner, MSG_SCAN_STOP, id, NULL);
    job_remove(j);
}

static void on_done(struct scan_job *j, const struct ipc_scan_done *m)
{
    const struct scan_order *o = j->order;

    job_remove(j);
    o->done(o->user, ipc_status(m->error), &m->coverage, m->text);
}

static void on_heard(struct scan_link *s, uint32_t id, const struct sighting *heard)
{
    struct sighting copy = *heard;

    sighting_count(&copy);
    if (copy.source && copy.interface)
        s->ears.sighting(s->ears.user, id, &copy);
}

static void on_message(void *user, const struct ipc_message *m, uint32_t id,
                       const union ipc_any *value, int *fd)
{
    struct scan_link *s = user;
    struct scan_job *j = job_find(s, id);
    const struct scan_order *o = j ? j->order : NULL;

    (void)fd;
    if (m->type == MSG_SIGHTING)
        on_heard(s, id, &value->sighting);
    if (m->type == MSG_LISTENER && value->listener.interface)
        s->ears.listener(s->ears.user, &value->listener);
    if (!j)
        return; /* cancelled meanwhile */
    switch (m->type) {
    case MSG_SCAN_HOST:
        o->host(o->user, &value->scan_host);
        break;
    case MSG_SCAN_PORT:
        o->port(o->user, &value->port);
        break;
    case MSG_SCAN_HOST_DONE:
        o->host_done(o->user, &value->scan_host_done.address, value->scan_host_done.conclusive);
        break;
    case MSG_SCAN_DONE:
        on_done(j, &value->scan_done);
        break;
    default:
        break;
    }
}

static void on_closed(void *user, int status, const char *why)
{
    if (status < 0)
        log_event(LOG_ERR, "the scanner speaks badly, dropping it", "WHY", why);
    scan_link_gone(user, why);
}

int scan_link_peer(struct scan_link *s, int fd, struct err *e)
{
    const struct channel_opts o = {
        .peer = "scanner",
        .fd = fd,
        .receive = ROUTE_FROM_SCANNER,
        .send = ROUTE_TO_SCANNER,
        .user = s,
        .message = on_message,
        .closed = on_closed,
    };
    struct scan_job *j;
    struct known *k;
    int r;

    scan_link_gone(s, "another took its place");
    r = channel_new(&s->scanner, s->loop, &o, e);
    if (r < 0)
        return r;
    if (s->holds)
        channel_hold(s->scanner);
    LIST_FOREACH (k, &s->generations, entry)
        r = r < 0 ? r : zones_send(s, k->g);
    LIST_FOREACH (j, &s->jobs, entry)
        if (r == 0 && !j->dead)
            r = job_send(s, j);
    failed(s, r);
    return 0;
}

static void bury(struct task *t)
{
    struct scan_link *s = CONTAINER_OF(t, struct scan_link, bury);
    struct scan_job *j;

    for (;;) { /* from the start each time: the callback may start and cancel scans */
        const struct scan_order *o;

        LIST_FOREACH (j, &s->jobs, entry)
            if (j->dead)
                break;
        if (!j)
            return;
        o = j->order;
        job_remove(j);
        o->done(o->user, -ECONNRESET, NULL, s->why);
    }
}

void scan_link_gone(struct scan_link *s, const char *why)
{
    struct scan_job *j;

    if (!s->scanner)
        return;
    snprintf(s->why, sizeof s->why, "the scanner died: %s", why); /* may be the channel's own */
    s->scanner = channel_free(s->scanner);
    s->ears.gone(s->ears.user);
    LIST_FOREACH (j, &s->jobs, entry)
        j->dead = j->dead || j->sent;
    loop_post(s->loop, &s->bury);
}

void scan_link_hold(struct scan_link *s)
{
    if (s->holds++ == 0 && s->scanner)
        channel_hold(s->scanner);
}

void scan_link_resume(struct scan_link *s)
{
    if (--s->holds == 0 && s->scanner)
        channel_resume(s->scanner);
}
