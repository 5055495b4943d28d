/* Visits of the kinds presence and ports: one scan of the block, or of the addresses that are in
 * doubt.
 *
 * A ports visit asks for presence too (it pings before it probes), so both tell hosts that are
 * down: silence that was asked for is what a fact closes on.  If the scanner dies, the hosts that
 * were not done are asked once more. */
#include "service/schedule/visit.h"

#include "engine/base/log.h"
#include "engine/base/random.h"

#include <errno.h>
#include <string.h>

static void on_host(void *user, const struct host_finding *h)
{
    struct visit *v = user;

    /* A second scan, after the death of this one's scanner, asks all. */
    if (h->state == HOST_UP) {
        v->order.start.sample = 0;
        visit_name(v, &h->address);
    }
    visit_keep(v, collect_host(v->collect, h));
}

static void on_port(void *user, const struct port_finding *p)
{
    struct visit *v = user;
    struct port_finding named = *p;

    if (!named.service.name) {
        named.service.name = services_name(v->generation->services, p->protocol, p->port);
        named.service.method = SERVICE_TABLE;
        named.service.confidence = named.service.name ? 3 : 0;
    }
    visit_keep(v, collect_port(v->collect, &named));
}

static void on_host_done(void *user, const struct addr *a, bool conclusive)
{
    struct visit *v = user;
    int r = collect_done(v->collect, a, conclusive ? COLLECT_SURE : COLLECT_UNSURE);

    visit_keep(v, r);
    if (r == 0)
        visit_progress(v);
}

/* What is left to ask, when a scan ended in the middle. */
static int targets_left(struct visit *v, struct addr_set *ret)
{
    struct addr_walk walk = {0};
    struct addr a;
    int r = 0;

    while (r == 0 && addr_set_next(&v->targets, &walk, &a)) {
        if (collect_is_done(v->collect, &a))
            continue;
        collect_forget(v->collect, &a);
        r = addr_set_add(ret, &a, &a);
    }
    return r;
}

static int scan_again(struct visit *v)
{
    struct addr_set left = {0};
    int r = targets_left(v, &left);

    addr_set_done(&v->order.targets);
    v->order.targets = left;
    return r < 0 ? r : scan_link_start(schedule_scan_link(v->schedule), &v->order, &v->scan);
}

/* A second scan adds to what the first one did. */
static void coverage_add(struct visit *v, const struct coverage *c)
{
    struct coverage sum = v->coverage;

    if (c->method && *c->method)
        snprintf(v->method, sizeof v->method, "%s", c->method);
    v->coverage = *c;
    v->coverage.probes += sum.probes;
    v->coverage.retransmissions += sum.retransmissions;
    v->coverage.drops += sum.drops;
}

static void on_done(void *user, int status, const struct coverage *c, const char *why)
{
    struct visit *v = user;

    v->scan = 0;
    if (status == -ECONNRESET && v->deaths++ < VISIT_DEATHS && scan_again(v) == 0)
        return;
    if (c)
        coverage_add(v, c);
    if (status == 0 && v->coverage.complete && v->coverage.sampled) {
        status = visit_tell_sample(v);
        if (status == 0)
            return;
    }
    if (status == 0 && !v->coverage.complete) {
        status = -EIO;
        why = why && *why ? why : "the scan did not ask all";
    }
    visit_end(v, status, why && *why ? why : strerror(-status));
}

static enum scan_method method_of(const struct config_pass *p)
{
    if (p->kind == PASS_PRESENCE || !port_set_count(p->port_set, PROTOCOL_TCP))
        return SCAN_HOSTS_ONLY;
    return p->method == METHOD_CONNECT ? SCAN_CONNECT : SCAN_SYN;
}

/* The same walk each time, so that the time between two looks at a host is even. */
static uint64_t seed_of(const struct visit *v)
{
    const struct siphash_key key = {0x6d75737465722e77, 0x616c6b2e73656564};
    struct {
        uint8_t first[16], last[16];
    } block;
    uint64_t seed;

    memcpy(block.first, v->lease.first.b, sizeof block.first);
    memcpy(block.last, v->lease.last.b, sizeof block.last);
    seed =
        siphash(&key, &block, sizeof block) ^ siphash(&key, v->lease.zone, strlen(v->lease.zone));
    return seed ? seed : 1;
}

static int ports_text(struct visit *v)
{
    struct buf text = {0};

    if (!v->pass->port_set)
        return 0;
    port_set_format(&text, v->pass->port_set);
    v->ports = buf_take(&text);
    return v->ports ? 0 : -ENOMEM;
}

int visit_scan_targets(struct visit *v)
{
    int r = 0;

    for (size_t i = 0; i < v->targets.n && r == 0; i++)
        r = addr_set_add(&v->order.targets, &v->targets.ranges[i].first,
                         &v->targets.ranges[i].last);
    return r;
}

int visit_scan_go(struct visit *v)
{
    return scan_link_start(schedule_scan_link(v->schedule), &v->order, &v->scan);
}

static int scan_begin(struct visit *v, struct err *e)
{
    const struct config_pass *p = v->pass;
    int r;

    v->order = (struct scan_order){
        .start =
            {
                .zone = generation_zone_id(v->generation, v->zone),
                .ping = p->probes, /* enum config_probe has the values of enum scan_ping */
                .ping_syn = p->syn_ports,
                .ping_ack = p->ack_ports,
                .ping_udp = p->udp_ports,
                .method = method_of(p),
                .interface = v->zone->interface,
                .max_rate = generation_rate(v->generation, v->zone),
                .max_retries = p->retries,
                .host_timeout = p->host_timeout,
                .seed = seed_of(v),
                .sample = v->lease.only.n || v->wide ? 0 : p->sample,
                .report_down = true,
            },
        .ports = p->port_set,
        .user = v,
        .host = on_host,
        .port = on_port,
        .host_done = on_host_done,
        .done = on_done,
    };
    snprintf(v->method, sizeof v->method, "%s", p->kind == PASS_PRESENCE ? "icmp" : "syn");
    r = ports_text(v);
    if (r == 0 && v->wide)
        return visit_ask_past(v, e);
    if (r == 0)
        r = visit_scan_targets(v);
    if (r == 0 && v->order.start.sample)
        return visit_ask_past(v, e);
    if (r == 0)
        r = visit_scan_go(v);
    return r < 0 ? err_set(e, r, "out of memory") : 0;
}

static void scan_cancel(struct visit *v)
{
    timer_stop(schedule_loop(v->schedule), &v->wait);
    if (v->scan)
        scan_link_cancel(schedule_scan_link(v->schedule), v->scan);
    v->scan = 0;
    addr_set_done(&v->order.targets);
    addr_set_done(&v->order.known);
}

_Static_assert((unsigned)PROBE_NONE == (unsigned)SCAN_PING_NONE &&
                   (unsigned)PROBE_ARP == (unsigned)SCAN_PING_ARP &&
                   (unsigned)PROBE_CONNECT == (unsigned)SCAN_PING_CONNECT &&
                   (unsigned)PROBE_UDP == (unsigned)SCAN_PING_UDP &&
                   (unsigned)PROBE_LINK == (unsigned)SCAN_PING_LINK &&
                   (unsigned)PROBE_NO_ARP == (unsigned)SCAN_PING_NO_ARP,
               "the configuration names probes by the scanner's bits");

const struct visit_source visit_scan = {scan_begin, scan_cancel};
