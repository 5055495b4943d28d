/* The interfaces of a scan, and the MAC addresses of its gateways.
 *
 * One capture and one sender per interface that the plan's routes use.  Gateways are looked up in
 * the kernel's neighbour table and, unless that has confirmed them of late, asked for before the
 * sweep starts; they are not targets, so the guard is not asked: the kernel would do the same for
 * any connection behind them.  It would also find out that another machine has taken the address
 * over, which raw frames to the old one never do. */
#include "engine/scan/scan_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define GATEWAY_TRIES 5
#define GATEWAY_WAIT  (300 * USEC_PER_MSEC)

static bool asks_udp(const struct scan *s)
{
    return s->o.udp || s->o.ping.mask & SCAN_PING_UDP;
}

static unsigned kinds_of(const struct iface *i, bool udp)
{
    unsigned kinds = 1U << PROBE_SYN | (udp ? 1U << PROBE_UDP : 0);

    if (i->loopback)
        return kinds;
    kinds |= 1U << PROBE_ECHO | 1U << PROBE_ECHO6 | 1U << PROBE_TIMESTAMP | 1U << PROBE_ACK;
    if (i->ethernet)
        kinds |= 1U << PROBE_ARP | 1U << PROBE_ND;
    return kinds;
}

static int link_open(struct scan *s, struct link *l, struct err *e)
{
    CLEANUP(buf_done) struct buf filter = {0};
    struct capture_opts o = {.interface = l->iface.name, .ring = s->o.ring};
    enum sender_mode mode = l->ctx.ether ? SENDER_ETHER : SENDER_IP;
    int r;

    probe_filter(&filter, kinds_of(&l->iface, asks_udp(s)), s->sport_base);
    if (filter.failed)
        return err_set(e, -ENOMEM, "out of memory");
    /* Bound to lo, packets to an address of another interface of ours would not be routed as local.
     */
    r = sender_open(&l->sender, mode, l->iface.loopback ? 0 : l->iface.index, e);
    if (r < 0)
        return r;
    o.filter = filter.data;
    return capture_open(&l->capture, s->loop, &o, scan_on_packet, l, e);
}

/* A place that was never used, or whose interface is gone.  Its drops stay in the sum. */
static struct link *link_place(struct scan *s)
{
    if (s->n_links < LINKS_MAX)
        return &s->links[s->n_links++];
    for (size_t i = 0; i < s->n_links; i++)
        if (!s->links[i].capture)
            return &s->links[i];
    return NULL;
}

/* The link of an interface, opened when it is the first hop's.  NULL with the error set. */
static struct link *link_get(struct scan *s, int ifindex, struct err *e)
{
    struct link *l;

    for (size_t i = 0; i < s->n_links; i++)
        if (s->links[i].capture && s->links[i].iface.index == ifindex)
            return &s->links[i];
    l = link_place(s);
    if (!l) {
        err_set(e, -E2BIG, "routes to the targets use more than %d interfaces", LINKS_MAX);
        return NULL;
    }
    *l = (struct link){.scan = s, .drops = l->drops};
    if (route_iface(s->routes, ifindex, &l->iface) < 0) {
        err_set(e, -ENODEV, "interface %d is gone", ifindex);
        return NULL;
    }
    l->ctx = (struct probe_ctx){
        .key = s->key,
        .sport_base = s->sport_base,
        .mac = l->iface.mac,
        .ether = l->iface.ethernet && !l->iface.loopback,
        .payloads = s->o.payloads,
    };
    return link_open(s, l, e) < 0 ? NULL : l;
}

static bool needs_link(const struct scan *s, const struct hop *h)
{
    if (h->kind == HOP_LOCAL)
        return s->method == SCAN_SYN || s->o.udp;
    return s->raw && (h->kind == HOP_ONLINK || h->kind == HOP_GATEWAY);
}

static int hop_open(struct scan *s, struct hop *h, struct err *e)
{
    if (!needs_link(s, h))
        return 0;
    h->link = link_get(s, h->ifindex, e);
    if (!h->link)
        return e && e->code ? e->code : -EIO;
    h->resolve = h->link->ctx.ether && h->kind != HOP_LOCAL;
    if (h->resolve && h->kind == HOP_GATEWAY)
        h->has_mac = route_neighbour_fresh(s->routes, h->ifindex, &h->gateway, &h->mac) == 0;
    return 0;
}

int scan_open_links(struct scan *s, struct err *e)
{
    for (size_t i = 0; i < s->plan.n_hops; i++) {
        int r = hop_open(s, &s->plan.hops[i], e);

        if (r < 0)
            return r;
    }
    return 0;
}

static void link_close(struct link *l)
{
    l->capture = capture_close(l->capture);
    l->sender = sender_close(l->sender);
}

void scan_close_links(struct scan *s)
{
    for (size_t i = 0; i < s->n_links; i++)
        link_close(&s->links[i]);
}

/* The interface is the one that was opened, and frames can go through it. */
static bool link_lives(struct scan *s, const struct link *l)
{
    struct iface now;

    return !capture_broken(l->capture) && route_iface(s->routes, l->iface.index, &now) == 0 &&
           now.up && now.running && memcmp(&now.mac, &l->iface.mac, sizeof now.mac) == 0;
}

int scan_renew_links(struct scan *s)
{
    struct err e = {0};

    for (size_t i = 0; i < s->n_links; i++)
        if (s->links[i].capture && !link_lives(s, &s->links[i]))
            link_close(&s->links[i]);
    for (size_t i = 0; i < s->plan.n_hops; i++) {
        struct hop *h = &s->plan.hops[i];

        if (hop_open(s, h, &e) == -ENOMEM)
            return -ENOMEM;
        if (!h->link && needs_link(s, h))
            h->kind = HOP_UNREACHABLE;
    }
    return 0;
}

static int send_frame(struct link *l, enum probe_kind kind, const struct probe_target *t)
{
    struct wbuf w;

    if (sender_full(l->sender)) {
        int r = sender_flush(l->sender);

        if (r < 0)
            return r;
    }
    w = sender_frame(l->sender);
    if (probe_module(kind)->build(&l->ctx, t, &w) == 0)
        sender_add(l->sender, &w, &t->addr);
    return 0;
}

static void ask_gateway(struct scan *s, struct hop *h)
{
    struct probe_target t = {.addr = h->gateway, .src = h->src, .now = loop_now(s->loop)};
    enum probe_kind kind = h->gateway.family == ADDR_V6 ? PROBE_ND : PROBE_ARP;
    struct hop way;

    /* IPv4 behind an IPv6 neighbour: the question needs an IPv6 address of ours. */
    if (h->gateway.family != h->src.family &&
        route_get(s->routes, &h->gateway, h->ifindex, &way) == 0)
        t.src = way.src;
    send_frame(h->link, kind, &t);
}

/* Who answers no questions may still be where the kernel knows it.  False: it is no way. */
static bool give_up_asking(struct scan *s, struct hop *h)
{
    h->has_mac = route_neighbour(s->routes, h->ifindex, &h->gateway, &h->mac) == 0;
    if (!h->has_mac)
        h->kind = HOP_UNREACHABLE;
    return h->has_mac;
}

/* In the middle of a scan hosts are under way to it, whose silence would prove nothing. */
static void end_cut_off(struct scan *s)
{
    sweep_reroute(s->sweep, s->pending ? &s->probe : NULL, 0, loop_now(s->loop));
    s->pending = false;
}

usec_t scan_resolve_gateways(struct scan *s)
{
    bool give_up = s->gateway_tries >= GATEWAY_TRIES, waiting = false, cut = false;

    for (size_t i = 0; i < s->plan.n_hops; i++) {
        struct hop *h = &s->plan.hops[i];

        if (!h->resolve || h->kind != HOP_GATEWAY || h->has_mac)
            continue;
        if (give_up) {
            cut |= !give_up_asking(s, h);
            continue;
        }
        ask_gateway(s, h);
        waiting = true;
    }
    if (cut)
        end_cut_off(s);
    s->gateway_tries++;
    return waiting ? GATEWAY_WAIT : 0;
}

void scan_gateway_answer(struct scan *s, struct link *l, const struct probe_reply *r)
{
    bool found = false, missing = false;

    for (size_t i = 0; i < s->plan.n_hops; i++) {
        struct hop *h = &s->plan.hops[i];

        if (h->kind != HOP_GATEWAY || !h->resolve || h->has_mac)
            continue;
        if (h->link == l && addr_equal(&h->gateway, &r->addr)) {
            h->mac = r->mac;
            h->has_mac = found = true;
        } else {
            missing = true;
        }
    }
    /* The last one: the sweep need not wait any longer. */
    if (found && !missing)
        scan_tick_after(s, 0);
}

int scan_send_raw(struct scan *s, const struct sweep_probe *p)
{
    struct probe_target t = {
        .addr = p->addr,
        .src = p->hop->src,
        .next_hop = p->mac,
        .port = p->port,
        .try = p->try,
        .now = loop_now(s->loop),
    };

    return send_frame(p->hop->link, p->kind, &t);
}

int scan_flush(struct scan *s)
{
    int first = 0;

    for (size_t i = 0; i < s->n_links; i++) {
        int r = s->links[i].sender ? sender_flush(s->links[i].sender) : 0;

        if (r < 0 && first != -ENETDOWN)
            first = r;
    }
    return first;
}

uint64_t scan_drops(struct scan *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->n_links; i++) {
        if (s->links[i].capture)
            s->links[i].drops = capture_drops(s->links[i].capture);
        sum += s->links[i].drops;
    }
    return sum;
}

int scan_drain(struct scan *s)
{
    int r = 0;

    for (size_t i = 0; i < s->n_links && !s->freed; i++) {
        if (!s->links[i].capture)
            continue;
        if (!capture_drain(s->links[i].capture) && r == 0)
            r = SCAN_MORE;
        if (capture_broken(s->links[i].capture))
            r = -ENETDOWN;
    }
    return r;
}
