/* The scanner process: scans that the core orders, each under the guard of its zone, findings back
 * as they come; and what is heard on the links of zones that listen.
 *
 * It knows no configuration and no database.  Scopes and ports of a zone or scan arrive in pieces
 * before the message that uses them and are gathered under its id.  When the core's channel ends,
 * so does the process: the monitor starts a fresh one, and no packet is sent for a core that is no
 * longer there. */
#include "service/role/scanner.h"

#include "engine/base/log.h"
#include "engine/loop/guard.h"
#include "engine/scan/payload.h"
#include "engine/scan/sample.h"
#include "engine/scan/scan.h"
#include "service/config/paths.h"
#include "service/privilege/privilege.h"
#include "service/role/child.h"
#include "service/role/ears.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define GATHERINGS_MAX 64 /* ids that have pieces and no start yet */
#define ZONES_MAX      4096
#define SCANS_MAX      256
#define QUEUE_LIMIT                                                                                \
    (64U << 20) /* of findings that the core does not take: then the scan is stopped */

struct gathering {
    LIST_ENTRY(gathering) entry;
    uint32_t id;
    struct addr_set targets, excludes, known;
    struct port_set ports;
    bool has_ports;
};

struct zone {
    LIST_ENTRY(zone) entry;
    uint32_t id;
    unsigned users; /* scans under its guard */
    double host_rate, net_rate;
    bool dropped; /* goes with the last of them */
    struct addr_set scope;
    struct guard *guard;
};

struct scanner;

struct job {
    LIST_ENTRY(job) entry;
    struct scanner *scanner;
    struct zone *zone;
    uint32_t id;
    struct scan *scan;
    bool overrun; /* the core takes nothing: it ends */
};

struct scanner {
    struct child *child;
    struct loop *loop;
    struct channel *core;
    LIST_HEAD(, gathering) gatherings;
    LIST_HEAD(, zone) zones;
    LIST_HEAD(, job) jobs;
    unsigned n_gatherings, n_zones, n_jobs;
    struct payloads *payloads; /* of UDP probes; NULL: there is no table */
    struct ears *ears;
};

static struct gathering *gathering_free(struct scanner *s, struct gathering *g)
{
    if (g) {
        LIST_REMOVE(g, entry);
        s->n_gatherings--;
        addr_set_done(&g->targets);
        addr_set_done(&g->excludes);
        addr_set_done(&g->known);
        free(g);
    }
    return NULL;
}

/* The pieces under an id, made when there are none.  NULL: too many, or no memory. */
static struct gathering *gathering_of(struct scanner *s, uint32_t id)
{
    struct gathering *g;

    LIST_FOREACH (g, &s->gatherings, entry)
        if (g->id == id)
            return g;
    if (s->n_gatherings == GATHERINGS_MAX)
        return NULL;
    g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->id = id;
    LIST_INSERT_HEAD(&s->gatherings, g, entry);
    s->n_gatherings++;
    return g;
}

static struct zone *zone_find(struct scanner *s, uint32_t id)
{
    struct zone *z;

    LIST_FOREACH (z, &s->zones, entry)
        if (z->id == id)
            return z;
    return NULL;
}

static struct job *job_find(struct scanner *s, uint32_t id)
{
    struct job *j;

    LIST_FOREACH (j, &s->jobs, entry)
        if (j->id == id)
            return j;
    return NULL;
}

static void zone_free(struct scanner *s, struct zone *z)
{
    LIST_REMOVE(z, entry);
    s->n_zones--;
    guard_free(z->guard);
    addr_set_done(&z->scope);
    free(z);
}

static void job_free(void *object)
{
    struct job *j = object;

    scan_free(j->scan);
    if (--j->zone->users == 0 && j->zone->dropped)
        zone_free(j->scanner, j->zone);
    free(j);
}

/* The core speaks badly, or wants more than there is: nothing sane can follow. */
static void scanner_fail(struct scanner *s, const char *why)
{
    log_event(LOG_ERR, "the core's orders cannot be followed, ending", "WHY", why);
    child_exit(s->child, EXIT_FAILURE);
}

static void say_done(struct scanner *s, uint32_t id, const struct coverage *c, int status,
                     const char *text)
{
    struct ipc_scan_done done = {.error = (uint32_t)-status, .text = text};
    int r;

    if (c)
        done.coverage = *c;
    /* However much waits: the end of a scan that was stopped because of that is told like this. */
    r = channel_send_always(s->core, MSG_SCAN_DONE, id, &done);
    if (r < 0 && r != -EPIPE)
        scanner_fail(s, "the end of a scan cannot be told");
}

/* Tells a finding.  A core that takes none for so long that the queue is full gets an incomplete
 * scan. */
static void say(struct job *j, uint16_t type, const void *value)
{
    int r = channel_send(j->scanner->core, type, j->id, value);

    if (r == -ENOBUFS && !j->overrun) {
        j->overrun = true;
        log_event(LOG_WARNING, "the core takes no findings, ending the scan", "EVENT",
                  "visit-failed");
        scan_stop(j->scan);
    } else if (r < 0 && r != -EPIPE && r != -ENOBUFS)
        log_event(LOG_ERR, "a finding cannot be told, leaving it out", "WHY", strerror(-r));
}

static void on_host(void *user, const struct host_finding *h)
{
    say(user, MSG_SCAN_HOST, h);
}

static void on_port(void *user, const struct port_finding *p)
{
    say(user, MSG_SCAN_PORT, p);
}

static void on_host_done(void *user, const struct addr *a, bool conclusive)
{
    const struct ipc_scan_host_done done = {.address = *a, .conclusive = conclusive};

    say(user, MSG_SCAN_HOST_DONE, &done);
}

static void on_done(void *user, const struct coverage *c, int status)
{
    struct job *j = user;
    struct scanner *s = j->scanner;

    say_done(s, j->id, c, status, c->complete ? NULL : scan_why(j->scan));
    LIST_REMOVE(j, entry);
    s->n_jobs--;
    loop_post_free(s->loop, job_free, j);
}

static const struct scan_sink sink = {
    .host = on_host,
    .port = on_port,
    .host_done = on_host_done,
    .done = on_done,
};

static int job_start(struct scanner *s, uint32_t id, const struct ipc_scan_start *m,
                     const struct gathering *g, struct err *e)
{
    struct zone *z = zone_find(s, m->zone);
    struct scan_opts o = {
        .targets = &g->targets,
        .excludes = &g->excludes,
        .ping.mask = m->ping,
        .method = port_set_count(&g->ports, PROTOCOL_TCP) ? m->method : SCAN_HOSTS_ONLY,
        .udp = port_set_count(&g->ports, PROTOCOL_UDP) > 0,
        .payloads = s->payloads,
        .ports = g->has_ports ? &g->ports : NULL,
        .interface = m->interface,
        .max_rate = m->max_rate,
        .min_rate = m->min_rate,
        .max_retries = m->max_retries,
        .host_timeout = m->host_timeout,
        .seed = m->seed,
        .sample = m->sample < SAMPLE_MAX ? m->sample : SAMPLE_MAX,
        .known = &g->known,
        .report_down = m->report_down,
        .report_closed = m->report_closed,
    };
    struct job *j;
    int r;

    if (!z || z->dropped)
        return err_set(e, -ENOENT, "the zone of the scan is not known");
    if (s->n_jobs == SCANS_MAX)
        return err_set(e, -EBUSY, "too many scans at a time");
    o.host_rate = z->host_rate;
    o.net_rate = z->net_rate;
    r = port_few_parse(&o.ping.syn, m->ping_syn, e);
    if (r == 0)
        r = port_few_parse(&o.ping.ack, m->ping_ack, e);
    if (r == 0)
        r = port_few_parse(&o.ping.udp, m->ping_udp, e);
    if (r < 0)
        return r;
    j = calloc(1, sizeof *j);
    if (!j)
        return err_set(e, -ENOMEM, "out of memory");
    *j = (struct job){.scanner = s, .zone = z, .id = id};
    r = scan_start(&j->scan, s->loop, z->guard, &o, &sink, j, e);
    if (r < 0) {
        free(j);
        return r;
    }
    LIST_INSERT_HEAD(&s->jobs, j, entry);
    s->n_jobs++;
    z->users++;
    return 0;
}

static void on_scan_start(struct scanner *s, uint32_t id, const struct ipc_scan_start *m)
{
    struct gathering *g = gathering_of(s, id);
    struct err e = {0};
    int r;

    if (!g || job_find(s, id)) {
        scanner_fail(s, "a scan without scope, or twice");
        return;
    }
    r = job_start(s, id, m, g, &e);
    gathering_free(s, g);
    if (r < 0)
        say_done(s, id, NULL, r, err_text(&e));
}

static struct zone *zone_new(struct scanner *s, uint32_t id, struct gathering *g,
                             const struct ipc_zone *m)
{
    CLEANUP(freep) struct port_set *fragile = calloc(1, sizeof *fragile);
    const struct guard_opts o = {
        .scope = &g->targets,
        .excludes = &g->excludes,
        .fragile_ports = guard_printer_ports,
        .n_fragile_ports = GUARD_PRINTER_PORTS,
        .more_fragile = fragile ? fragile->tcp : NULL,
        .rate = m->rate,
        .host_rate = m->host_rate,
        .net_rate = m->net_rate,
    };
    struct zone *z = s->n_zones < ZONES_MAX ? calloc(1, sizeof *z) : NULL;

    if (!z || !fragile || (m->fragile && port_set_parse(fragile, m->fragile, 1, NULL, NULL) < 0) ||
        guard_new(&z->guard, s->loop, &o, NULL) < 0) {
        free(z);
        return NULL;
    }
    z->id = id;
    z->host_rate = m->host_rate;
    z->net_rate = m->net_rate;
    z->scope = g->targets;
    g->targets = (struct addr_set){0};
    LIST_INSERT_HEAD(&s->zones, z, entry);
    s->n_zones++;
    return z;
}

static void on_zone(struct scanner *s, uint32_t id, const struct ipc_zone *m)
{
    struct gathering *g = gathering_of(s, id);

    if (!g || zone_find(s, id) || !zone_new(s, id, g, m))
        scanner_fail(s, "a zone cannot be made");
    gathering_free(s, g);
}

static void on_zone_drop(struct scanner *s, uint32_t id)
{
    struct zone *z = zone_find(s, id);

    if (!z)
        return;
    ears_zone_drop(s->ears, id);
    z->dropped = true;
    if (!z->users)
        zone_free(s, z);
}

static void on_listen(struct scanner *s, uint32_t id, const struct ipc_listen *m)
{
    struct zone *z = zone_find(s, id);

    if (!z || ears_zone(s->ears, id, &z->scope, m) < 0)
        scanner_fail(s, "a zone cannot be listened to");
}

/* What is not told now is told with the device's next frame after the listener's repeat. */
static void on_sighting(void *user, uint32_t zone, const struct sighting *h)
{
    struct scanner *s = user;

    if (s->core && channel_send(s->core, MSG_SIGHTING, zone, h) < 0)
        log_debug("a sighting cannot be told");
}

static void on_listener(void *user, const struct ipc_listener *m)
{
    struct scanner *s = user;

    if (s->core && channel_send(s->core, MSG_LISTENER, 0, m) < 0)
        log_debug("the state of a listener cannot be told");
}

static void on_scope(struct scanner *s, uint32_t id, const struct ipc_scope_msg *m)
{
    struct gathering *g = gathering_of(s, id);
    struct addr_set *set;

    if (g) {
        set = m->which == SCOPE_TARGETS    ? &g->targets
              : m->which == SCOPE_EXCLUDES ? &g->excludes
                                           : &g->known;
        if (ipc_ranges_get(set, &m->ranges) == 0)
            return;
    }
    scanner_fail(s, "a scope cannot be read");
}

static void on_scan_ports(struct scanner *s, uint32_t id, const struct ipc_scan_ports *m)
{
    struct gathering *g = gathering_of(s, id);

    if (g) {
        g->has_ports = true;
        if (ipc_port_bits_get(m->protocol == PROTOCOL_TCP ? g->ports.tcp : g->ports.udp,
                              &m->bits) == 0)
            return;
    }
    scanner_fail(s, "ports cannot be read");
}

static void on_scan_stop(struct scanner *s, uint32_t id)
{
    struct job *j = job_find(s, id);

    if (j)
        scan_stop(j->scan);
}

static void on_message(void *user, const struct ipc_message *m, uint32_t id,
                       const union ipc_any *value, int *fd)
{
    struct scanner *s = user;

    (void)fd;
    switch (m->type) {
    case MSG_SCOPE:
        on_scope(s, id, &value->scope);
        break;
    case MSG_SCAN_PORTS:
        on_scan_ports(s, id, &value->scan_ports);
        break;
    case MSG_ZONE:
        on_zone(s, id, &value->zone);
        break;
    case MSG_ZONE_DROP:
        on_zone_drop(s, id);
        break;
    case MSG_LISTEN:
        on_listen(s, id, &value->listen);
        break;
    case MSG_SCAN_START:
        on_scan_start(s, id, &value->scan_start);
        break;
    case MSG_SCAN_STOP:
        on_scan_stop(s, id);
        break;
    default:
        break;
    }
}

static void on_closed(void *user, int status, const char *why)
{
    struct scanner *s = user;

    if (status < 0)
        log_event(LOG_ERR, "the core speaks badly, ending", "WHY", why);
    child_exit(s->child, status < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void on_peer(void *user, const struct ipc_peer_msg *p, int *fd)
{
    struct scanner *s = user;
    const struct channel_opts o = {
        .peer = "core",
        .fd = *fd,
        .receive = ROUTE_TO_SCANNER,
        .send = ROUTE_FROM_SCANNER,
        .queue_limit = QUEUE_LIMIT,
        .user = s,
        .message = on_message,
        .closed = on_closed,
    };
    struct err e = {0};

    *fd = -1;
    if (p->role != PEER_CORE || s->core)
        close(o.fd);
    else if (channel_new(&s->core, s->loop, &o, &e) < 0)
        scanner_fail(s, err_text(&e));
}

static void on_shutdown(void *user, usec_t within)
{
    (void)within;
    child_exit(((struct scanner *)user)->child, EXIT_SUCCESS);
}

static void scanner_done(struct scanner *s)
{
    struct job *j;

    if (s->loop)
        loop_turn(s->loop, 0); /* what was posted refers to us */
    s->ears = ears_free(s->ears);
    while ((j = LIST_FIRST(&s->jobs))) {
        LIST_REMOVE(j, entry);
        job_free(j);
    }
    while (LIST_FIRST(&s->zones))
        zone_free(s, LIST_FIRST(&s->zones));
    while (LIST_FIRST(&s->gatherings))
        gathering_free(s, LIST_FIRST(&s->gatherings));
    channel_free(s->core);
    payloads_free(s->payloads);
    child_free(s->child);
}

/* The table that came with the program: once the rights are dropped no file can be read. */
static void payloads_find(struct scanner *s)
{
    char dir[PATH_MAX], path[PATH_MAX + 32];
    struct err e = {0};
    int r = paths_data(dir, &e);

    if (r == 0) {
        snprintf(path, sizeof path, "%s/nselib/data/payloads", dir);
        r = payloads_load(&s->payloads, path, &e);
    }
    if (r < 0)
        log_event(LOG_NOTICE, "no UDP payloads, UDP ports are sent empty packets", "WHY",
                  err_text(&e));
}

int role_scanner(void)
{
    static const struct ears_sink heard = {.sighting = on_sighting, .listener = on_listener};
    struct scanner s = {0};
    const struct child_handlers h = {.user = &s, .peer = on_peer, .shutdown = on_shutdown};
    const struct privilege_opts drop = {.role = PRIVILEGE_SCANNER};
    struct err e = {0};
    int r = child_open(&s.child, "scanner", &h, &e);

    if (r == 0) {
        s.loop = child_loop(s.child);
        privilege_raise_files();
        payloads_find(&s);
        r = ears_new(&s.ears, s.loop, &heard, &s);
    }
    if (r == 0)
        r = privilege_drop(&drop, &e);
    if (r == 0) {
        if (!scan_privileged())
            log_event(LOG_NOTICE, "no right to raw packets (CAP_NET_RAW), looking by connect()");
        child_ready(s.child);
        r = loop_run(s.loop);
    } else
        log_event(LOG_ERR, "the scanner cannot start", "WHY", err_text(&e));
    scanner_done(&s);
    return r < 0 ? EXIT_FAILURE : r;
}
