/* What a scan does when interfaces, addresses or routes change under it.
 *
 * The plan is made anew from what the kernel says now.  As long as addresses that could be reached
 * cannot any more, the scan waits: nothing is sent and nothing judged, because silence would prove
 * nothing.  When the way does not come back in time, its hosts end undecided, the rest goes on, and
 * the coverage says incomplete. */
#include "engine/scan/scan_priv.h"

#include <errno.h>
#include <string.h>

#define SETTLE    (100 * USEC_PER_MSEC) /* changes come in groups */
#define LOOK      (250 * USEC_PER_MSEC)
#define WAIT_BACK (10 * USEC_PER_SEC)

void scan_ways_changed(void *user)
{
    struct scan *s = user;

    if (s->changed || s->ended || s->freed)
        return;
    s->changed = true;
    s->look_at = loop_now(s->loop) + SETTLE;
    scan_tick_after(s, 0);
}

/* Sending found out before netlink said so. */
void scan_way_broken(struct scan *s)
{
    s->changed = true;
    s->look_at = loop_now(s->loop);
    if (!s->lost_since)
        s->lost_since = s->look_at;
}

static int all_unreachable(struct scan *s, struct plan *ret)
{
    for (size_t i = 0; i < s->targets.n; i++) {
        const struct addr_range *t = &s->targets.ranges[i];
        const struct hop hop = {.kind = HOP_UNREACHABLE, .family = t->first.family};
        int r = plan_add(ret, &t->first, &t->last, &hop);

        if (r < 0)
            return r;
    }
    return 0;
}

/* Frames could not go there now, whatever the routes say: the cable is out.  An interface that is
 * gone has index 0. */
static bool is_dead(struct scan *s, const struct hop *h, struct iface *ret)
{
    *ret = (struct iface){0};
    if (h->kind != HOP_ONLINK && h->kind != HOP_GATEWAY)
        return false;
    return route_iface(s->routes, h->ifindex, ret) < 0 || !ret->up || !ret->running;
}

static void cut_dead_links(struct scan *s, struct plan *p)
{
    for (size_t i = 0; i < p->n_hops; i++) {
        struct hop *h = &p->hops[i];
        struct iface iface;

        if (!is_dead(s, h, &iface))
            continue;
        if (!iface.index)
            snprintf(s->why, sizeof s->why, "an interface is gone");
        else
            snprintf(s->why, sizeof s->why, "interface '%s' is down%s", iface.name,
                     iface.up ? " (no carrier)" : "");
        h->kind = HOP_UNREACHABLE;
    }
}

bool scan_ways_dead(struct scan *s)
{
    for (size_t i = 0; i < s->plan.n_hops; i++) {
        struct iface iface;

        if (is_dead(s, &s->plan.hops[i], &iface))
            return true;
    }
    return false;
}

static int plan_anew(struct scan *s, struct plan *ret)
{
    struct err e = {0};
    int r = scan_make_plan(s, ret, &e);

    if (r == -ENOMEM || r == -EOVERFLOW)
        return r;
    if (r < 0) { /* the interface that was named is gone, or has lost its address */
        snprintf(s->why, sizeof s->why, "%.*s", (int)sizeof s->why - 1, err_text(&e));
        plan_done(ret);
        return all_unreachable(s, ret);
    }
    cut_dead_links(s, ret);
    return 0;
}

/* The address alone first, which costs one question.  But rules for single addresses are nothing
 * that a plan would show: what it does not see it cannot wait for. */
bool scan_has_way(struct scan *s, const struct sweep_probe *p)
{
    CLEANUP(plan_done) struct plan fresh = {0};
    struct iface iface;
    struct hop hop;

    route_get(s->routes, &p->addr, s->interface[0] ? p->hop->ifindex : 0, &hop);
    if (hop.kind != HOP_UNREACHABLE && !is_dead(s, &hop, &iface))
        return true;
    return plan_anew(s, &fresh) == 0 && plan_find(&fresh, &p->addr)->kind != HOP_UNREACHABLE;
}

/* Whether addresses that had a way have none now. */
static bool is_lost(struct scan *s, const struct plan *now)
{
    for (size_t i = 0; i < now->n_segments; i++) {
        uint64_t at = now->segments[i].start;
        uint64_t end = i + 1 < now->n_segments ? now->segments[i + 1].start : now->total;

        if (now->hops[now->segments[i].hop].kind != HOP_UNREACHABLE)
            continue;
        while (at < end)
            if (plan_part(&s->plan, at, &at)->kind != HOP_UNREACHABLE)
                return true;
    }
    return false;
}

/* From now on this is the plan. */
static int adopt(struct scan *s, struct plan *fresh, usec_t now)
{
    struct plan old = s->plan;
    usec_t lost = s->lost_since ? now - s->lost_since : 0;
    int r;

    s->plan = *fresh;
    *fresh = (struct plan){0};
    s->gateway_tries = 0;
    r = scan_renew_links(s);
    if (r == 0) {
        sweep_reroute(s->sweep, s->pending ? &s->probe : NULL, lost, now);
        s->pending = false;
    }
    plan_done(&old);
    s->lost_since = 0;
    return r;
}

static bool same(const struct scan *s, const struct plan *p)
{
    if (p->n_segments != s->plan.n_segments || p->n_hops != s->plan.n_hops)
        return false;
    for (size_t i = 0; i < p->n_segments; i++)
        if (p->segments[i].start != s->plan.segments[i].start ||
            p->segments[i].hop != s->plan.segments[i].hop)
            return false;
    for (size_t i = 0; i < p->n_hops; i++)
        if (!hop_equal(&p->hops[i], &s->plan.hops[i]))
            return false;
    return true;
}

static bool any_way(const struct plan *p)
{
    for (size_t i = 0; i < p->n_hops; i++)
        if (p->hops[i].kind != HOP_UNREACHABLE)
            return true;
    return false;
}

usec_t scan_follow_ways(struct scan *s)
{
    CLEANUP(plan_done) struct plan fresh = {0};
    usec_t now = loop_now(s->loop);
    int r;

    if (!s->changed && !s->lost_since)
        return 0;
    if (now < s->look_at)
        return s->lost_since ? s->look_at - now : 0;
    s->changed = false;
    r = plan_anew(s, &fresh);
    if (r == 0 && is_lost(s, &fresh)) {
        if (!s->lost_since)
            s->lost_since = now;
        if (!s->why[0])
            snprintf(s->why, sizeof s->why, "the route to a part of the targets is gone");
        if (now - s->lost_since < (s->o.way_timeout ? s->o.way_timeout : WAIT_BACK)) {
            s->look_at = now + LOOK;
            return LOOK;
        }
    } else if (s->lost_since)
        s->why[0] = 0;
    if (r == 0 && (s->lost_since || !same(s, &fresh)))
        r = any_way(&fresh) ? adopt(s, &fresh, now) : -ENETDOWN;
    if (r < 0)
        scan_finish(s, r);
    return 0;
}
