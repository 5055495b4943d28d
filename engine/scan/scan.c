/* The life of a scan: options checked and copied, plan and links made, the end told once.
 *
 * The sink's functions may call scan_stop() and scan_free(): what they would pull from under our
 * feet is put off with `busy` and `freed` until the stack is clear. */
#include "engine/scan/scan.h"

#include "engine/loop/guard.h"
#include "engine/scan/sample.h"
#include "engine/scan/scan_priv.h"
#include "engine/scan/vendor.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RATE_LOOPBACK 300000.0
#define SOCKETS_MAX   1024
#define SCOPE_RANGES  16 /* named one by one in the coverage */
#define SPORT_BASE    61440
#define PORT_RANGE    "/proc/sys/net/ipv4/ip_local_port_range"
#define DEFAULT_PINGS (SCAN_PING_ECHO | SCAN_PING_SYN | SCAN_PING_ACK | SCAN_PING_TIMESTAMP)
#define RAW_PINGS     (DEFAULT_PINGS | SCAN_PING_ARP | SCAN_PING_UDP | SCAN_PING_LINK)

bool scan_privileged(void)
{
    CLEANUP(closep) int packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    CLEANUP(closep) int raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

    return packet >= 0 && raw >= 0;
}

/* A block of ports that the kernel gives to no connection, so that its sockets and our probes never
 * meet. */
static uint16_t choose_sports(void)
{
    CLEANUP(fclosep) FILE *f = fopen(PORT_RANGE, "re");
    unsigned first, last;

    if (!f || fscanf(f, "%u %u", &first, &last) != 2)
        return SPORT_BASE;
    for (unsigned base = SPORT_BASE; base >= COOKIE_PORTS; base -= COOKIE_PORTS)
        if (base > last || base + COOKIE_PORTS <= first)
            return (uint16_t)base;
    return SPORT_BASE;
}

/* What the rights allow of what is asked for. */
static void choose_method(struct scan *s)
{
    bool privileged = scan_privileged();
    unsigned ping = s->o.ping.mask & ~(unsigned)SCAN_PING_NO_ARP ? s->o.ping.mask
                                                                 : s->o.ping.mask | DEFAULT_PINGS;

    s->method = s->o.ports ? s->o.method : SCAN_HOSTS_ONLY;
    s->o.udp = s->o.udp && s->o.ports;
    if (s->method == SCAN_SYN && !privileged)
        s->method = SCAN_CONNECT;
    /* Beyond the link ARP finds nobody. */
    if ((ping & (RAW_PINGS | SCAN_PING_CONNECT)) == SCAN_PING_ARP)
        ping |= DEFAULT_PINGS;
    s->raw = privileged && (s->method == SCAN_SYN || s->o.udp || (ping & RAW_PINGS));
    if (!s->raw && !(ping & SCAN_PING_NONE))
        ping = SCAN_PING_CONNECT;
    if (ping & SCAN_PING_NONE)
        s->raw = s->method == SCAN_SYN || s->o.udp;
    s->o.ping.mask = ping;
}

/* A UDP probe is a payload: ports that get none are not asked, and coverage does not name them. */
static void leave_out_fragile(struct scan *s)
{
    for (uint32_t port = 0; s->guard && port < 65536; port++)
        if (guard_is_fragile(s->guard, (uint16_t)port))
            s->ports.udp[port / 64] &= ~(1ULL << port % 64);
}

static int copy_opts(struct scan *s, const struct scan_opts *o, struct err *e)
{
    s->o = *o;
    s->o.targets = s->o.excludes = s->o.known = s->o.in_use = NULL;
    s->o.interface = NULL;
    if (o->interface)
        snprintf(s->interface, sizeof s->interface, "%s", o->interface);
    if (o->ports) {
        s->ports = *o->ports;
        s->o.ports = &s->ports;
        leave_out_fragile(s);
    }
    for (size_t i = 0; i < o->targets->n; i++)
        if (addr_set_add(&s->targets, &o->targets->ranges[i].first, &o->targets->ranges[i].last) <
            0)
            return err_set(e, -ENOMEM, "out of memory");
    if (o->excludes && addr_set_subtract(&s->targets, o->excludes) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    if (!s->targets.n)
        return err_set(e, -EINVAL, "no targets are left to scan (all are excluded)");
    if (o->max_rate < 0 || o->min_rate < 0 || (o->max_rate > 0 && o->min_rate > o->max_rate))
        return err_set(e, -EINVAL, "rate: expected 0 <= min <= max");
    if (!s->o.seed)
        s->o.seed = random_u64();
    return 0;
}

static bool only(const struct plan *p, enum hop_kind kind)
{
    for (size_t i = 0; i < p->n_hops; i++)
        if (p->hops[i].kind != kind)
            return false;
    return true;
}

/* Whatever the routes say, the targets are behind the switch that the interface is plugged into. */
static int all_on_link(struct scan *s, struct plan *p, struct err *e)
{
    int ifindex = s->interface[0] ? (int)if_nametoindex(s->interface) : 0;

    if (!ifindex)
        return err_set(e, -EINVAL, "asking every target by ARP needs the interface to be named");
    for (size_t i = 0; i < p->n_hops; i++) {
        struct hop *h = &p->hops[i];
        enum addr_family family = h->family;

        if (h->kind != HOP_GATEWAY && h->kind != HOP_UNREACHABLE)
            continue;
        if (route_source(s->routes, ifindex, family, &h->src) < 0)
            return err_set(e, -EADDRNOTAVAIL, "interface '%s' has no %s address to ask from",
                           s->interface, family == ADDR_V6 ? "IPv6" : "IPv4");
        h->kind = HOP_ONLINK;
        h->ifindex = ifindex;
        h->gateway = (struct addr){0};
    }
    return 0;
}

int scan_make_plan(struct scan *s, struct plan *ret, struct err *e)
{
    int r = route_plan(s->routes, &s->targets, s->interface[0] ? s->interface : NULL, ret, e);

    return r >= 0 && s->o.ping.mask & SCAN_PING_LINK ? all_on_link(s, ret, e) : r;
}

static int make_plan(struct scan *s, struct err *e)
{
    int r = route_open(&s->routes, e);

    if (r >= 0)
        r = route_watch_new(&s->watch, s->loop, scan_ways_changed, s, e);
    if (r >= 0)
        r = scan_make_plan(s, &s->plan, e);
    if (r < 0)
        return r;
    if (only(&s->plan, HOP_UNREACHABLE))
        return err_set(e, -ENETUNREACH, "there is no route to any of the targets");
    s->changed = scan_ways_dead(s);
    return s->raw || s->method == SCAN_SYN || s->o.udp ? scan_open_links(s, e) : 0;
}

static int make_sweep(struct scan *s, const struct scan_opts *given, struct err *e);

static double max_rate(const struct scan *s)
{
    double standard = only(&s->plan, HOP_LOCAL) ? RATE_LOOPBACK : (double)SCAN_RATE_DEFAULT;
    double max = s->o.max_rate > 0 ? s->o.max_rate : standard;

    return max < s->o.min_rate ? s->o.min_rate : max;
}

/* Asked for as it is, whatever is lost. */
static bool is_rate_fixed(const struct scan *s)
{
    return s->o.min_rate > 0 && s->o.min_rate >= max_rate(s);
}

static void start_pacer(struct scan *s)
{
    double max = max_rate(s), min = s->o.min_rate;

    /* Loopback has no network that could be harmed: it needs no slow start. */
    if (only(&s->plan, HOP_LOCAL) && s->o.max_rate <= 0)
        min = max;
    s->started = loop_now(s->loop);
    pacer_init(&s->pacer, min, max, s->started);
}

static void on_stop(struct task *t)
{
    struct scan *s = CONTAINER_OF(t, struct scan, stop_task);

    if (!s->ended)
        scan_finish(s, -ECANCELED);
}

int scan_start(struct scan **ret, struct loop *l, struct guard *g, const struct scan_opts *o,
               const struct scan_sink *sink, void *user, struct err *e)
{
    CLEANUP(scan_freep) struct scan *s = calloc(1, sizeof *s);
    struct err own = {0};
    int r;

    if (!e)
        e = &own;
    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    s->loop = l;
    s->guard = g;
    s->sink = *sink;
    s->user = user;
    s->timer.fire = scan_tick;
    s->stop_task.run = on_stop;
    random_bytes(&s->key, sizeof s->key);
    s->sport_base = choose_sports();
    r = copy_opts(s, o, e);
    if (r < 0)
        return r;
    choose_method(s);
    if (s->o.udp && !scan_privileged())
        return err_set(e, -EPERM, "UDP ports cannot be scanned without raw sockets (CAP_NET_RAW)");
    r = make_plan(s, e);
    if (r >= 0)
        r = make_sweep(s, o, e);
    if (r < 0)
        return r;
    start_pacer(s);
    s->due = s->started;
    r = timer_set(l, &s->timer, 0);
    if (r < 0)
        return err_set(e, r, "out of memory");
    *ret = take(&s);
    return 0;
}

/* The sweep's events, completed with what it cannot know. */
static void on_host(void *user, struct host_finding *h)
{
    struct scan *s = user;

    if (s->freed)
        return;
    h->time = loop_wall(s->loop);
    if (h->has_mac)
        h->vendor = vendors_name(s->o.vendors, &h->mac);
    s->sink.host(s->user, h);
}

static void on_port(void *user, struct port_finding *p)
{
    struct scan *s = user;

    if (s->freed)
        return;
    p->time = loop_wall(s->loop);
    s->sink.port(s->user, p);
}

static void on_summary(void *user, const struct port_summary *sum)
{
    struct scan *s = user;

    if (!s->freed && s->sink.summary)
        s->sink.summary(s->user, sum);
}

static void on_host_done(void *user, const struct addr *a, bool conclusive)
{
    struct scan *s = user;

    if (!s->freed)
        s->sink.host_done(s->user, a, conclusive);
}

static int make_sweep(struct scan *s, const struct scan_opts *given, struct err *e)
{
    static const struct sweep_sink sink = {on_host, on_port, on_summary, on_host_done};
    static const enum probe_kind kinds[] = {
        [SCAN_HOSTS_ONLY] = PROBE_NONE,
        [SCAN_SYN] = PROBE_SYN,
        [SCAN_CONNECT] = PROBE_CONNECT,
    };
    struct sweep_opts o = {
        .plan = &s->plan,
        .seed = s->o.seed,
        .ping = s->o.ping,
        .raw = s->raw,
        .port_kind = kinds[s->method],
        .udp = s->o.udp,
        .ports = &s->ports,
        .max_retries = s->o.max_retries,
        .host_timeout = s->o.host_timeout,
        .host_rate = s->o.host_rate,
        .net_rate = s->o.net_rate,
        .sample = s->o.sample,
        .known = given->known,
        .in_use = given->in_use,
        .report_down = s->o.report_down,
        .report_closed = s->o.report_closed,
        .pacer = s->raw ? &s->pacer : NULL,
        .pacer_max = s->raw && !is_rate_fixed(s) ? max_rate(s) : 0,
    };

    int r = sweep_new(&s->sweep, &o, &sink, s);

    if (r == -EOVERFLOW)
        return err_set(e, r, "more than %u networks cannot be sampled in one scan",
                       SAMPLE_NETS_MAX);
    if (r < 0 || connector_new(&s->connector, s->loop, SOCKETS_MAX, scan_on_connect, s) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    return 0;
}

/* "192.0.2.0/24", or "first-last" where a range is no network. */
static void write_range(struct buf *out, const struct addr_range *r)
{
    char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX], text[PREFIX_TEXT_MAX];
    unsigned bits = addr_bits(&r->first);
    uint64_t n = addr_distance(&r->first, &r->last) + 1;
    struct prefix p = {r->first, (uint8_t)bits};
    struct addr end;

    for (; n > 1 && p.len > 0; n /= 2)
        p.len--;
    end = prefix_last(&p);
    if (addr_equal(&r->first, &r->last))
        buf_str(out, addr_format(&r->first, first));
    else if (addr_equal(&end, &r->last) && addr_distance(&r->first, &end) != UINT64_MAX)
        buf_str(out, prefix_format(&p, text));
    else
        buf_printf(out, "%s-%s", addr_format(&r->first, first), addr_format(&r->last, last));
}

static void write_scope(struct buf *out, const struct addr_set *set)
{
    for (size_t i = 0; i < set->n && i < SCOPE_RANGES; i++) {
        if (i > 0)
            buf_char(out, ',');
        write_range(out, &set->ranges[i]);
    }
    if (set->n > SCOPE_RANGES)
        buf_printf(out, ",... (%llu addresses)", (unsigned long long)addr_set_count(set));
}

static const char *method_text(const struct scan *s)
{
    if (s->method != SCAN_HOSTS_ONLY && s->o.udp)
        return s->method == SCAN_SYN ? "syn+udp" : "connect+udp";
    if (s->method != SCAN_HOSTS_ONLY)
        return s->method == SCAN_SYN ? "syn" : "connect";
    if (s->o.udp)
        return "udp";
    if (!s->raw)
        return "connect";
    for (size_t i = 0; i < s->plan.n_hops; i++)
        if (s->plan.hops[i].kind == HOP_GATEWAY)
            return "icmp";
    return "arp";
}

void scan_finish(struct scan *s, int status)
{
    CLEANUP(buf_done) struct buf scope = {0}, ports = {0};
    struct sweep_counts n;
    usec_t elapsed = loop_now(s->loop) - s->started;
    struct coverage c = {.method = method_text(s), .elapsed = elapsed};

    s->ended = true;
    timer_stop(s->loop, &s->timer);
    sweep_counts(s->sweep, &n);
    write_scope(&scope, &s->targets);
    c.scope = scope.data ? scope.data : "";
    if (s->method != SCAN_HOSTS_ONLY || s->o.udp) {
        port_set_format(&ports, &s->ports);
        c.ports = ports.data;
    }
    c.probes = n.probes;
    c.retransmissions = n.retransmissions;
    c.loss = n.loss;
    c.rate_pps = elapsed ? (double)n.probes * USEC_PER_SEC / (double)elapsed : 0;
    c.drops = scan_drops(s);
    c.asked = n.hosts_done;
    c.sampled = n.sampled;
    c.complete = status == 0 && n.inconclusive == 0;
    if (s->freed)
        return;
    s->busy++;
    s->sink.done(s->user, &c, status);
    s->busy--;
}

uint64_t scan_unrouted(const struct scan *s)
{
    const struct plan *p = &s->plan;
    uint64_t n = 0;

    for (size_t i = 0; i < p->n_segments; i++) {
        uint64_t end = i + 1 < p->n_segments ? p->segments[i + 1].start : p->total;

        if (p->hops[p->segments[i].hop].kind == HOP_UNREACHABLE)
            n += end - p->segments[i].start;
    }
    return n;
}

void scan_stop(struct scan *s)
{
    if (!s->ended)
        loop_post(s->loop, &s->stop_task);
}

static void destroy(void *object)
{
    struct scan *s = object;

    timer_stop(s->loop, &s->timer);
    task_cancel(s->loop, &s->stop_task);
    scan_close_links(s);
    connector_free(s->connector);
    sweep_free(s->sweep);
    route_watch_free(s->watch);
    route_close(s->routes);
    plan_done(&s->plan);
    addr_set_done(&s->targets);
    free(s);
}

struct scan *scan_free(struct scan *s)
{
    if (!s || s->freed)
        return NULL;
    s->freed = true;
    timer_stop(s->loop, &s->timer);
    if (s->busy)
        loop_post_free(s->loop, destroy, s);
    else
        destroy(s);
    return NULL;
}

void scan_freep(struct scan **s)
{
    *s = scan_free(*s);
}

void scan_progress(const struct scan *s, struct scan_progress *ret)
{
    struct sweep_counts n;
    uint64_t ports = s->method == SCAN_HOSTS_ONLY ? 0 : port_set_count(&s->ports, PROTOCOL_TCP);
    double up;

    if (s->o.udp)
        ports += port_set_count(&s->ports, PROTOCOL_UDP);

    sweep_counts(s->sweep, &n);
    up = n.hosts_done ? (double)n.hosts_up / (double)n.hosts_done : 1;
    *ret = (struct scan_progress){
        .hosts_total = n.total,
        .hosts_done = n.hosts_done,
        .hosts_up = n.hosts_up,
        .probes_sent = n.probes,
        .ports_open = n.ports_open,
    };
    /* What is still to come, if the rest of the hosts is like those seen. */
    ret->probes_total =
        n.probes + (uint64_t)((double)(n.total - n.hosts_done) * (1 + up * (double)ports));
}

enum scan_method scan_method_used(const struct scan *s)
{
    return s->method;
}

const char *scan_why(const struct scan *s)
{
    return s->why[0] ? s->why : NULL;
}
