/* Segments are kept with the running number of their first address, so that the n-th address is one
 * binary search away however many networks a scan has. */
#include "engine/scan/plan.h"

#include <errno.h>

/* At a million probes a second this is a month: what is larger was meant otherwise (an IPv6
 * network). */
#define PLAN_MAX (1ULL << 41)

void plan_done(struct plan *p)
{
    free(p->segments);
    free(p->hops);
    *p = (struct plan){0};
}

static bool hop_equal(const struct hop *a, const struct hop *b)
{
    return a->kind == b->kind && a->family == b->family && a->ifindex == b->ifindex &&
           addr_equal(&a->src, &b->src) && addr_equal(&a->gateway, &b->gateway);
}

/* The index of an equal hop, or of a new one.  -ENOMEM. */
static int64_t hop_index(struct plan *p, const struct hop *hop)
{
    struct hop *hops;

    for (size_t i = p->n_hops; i-- > 0;)
        if (hop_equal(&p->hops[i], hop))
            return (int64_t)i;
    hops = reallocarray(p->hops, p->n_hops + 1, sizeof *hops);
    if (!hops)
        return -ENOMEM;
    p->hops = hops;
    p->hops[p->n_hops] = *hop;
    return (int64_t)p->n_hops++;
}

int plan_add(struct plan *p, const struct addr *first, const struct addr *last,
             const struct hop *hop)
{
    uint64_t distance = addr_distance(first, last);
    int64_t index = hop_index(p, hop);

    if (index < 0)
        return (int)index;
    if (distance >= PLAN_MAX || p->total + distance >= PLAN_MAX)
        return -EOVERFLOW;
    if (p->n_segments == p->cap_segments) {
        size_t cap = p->cap_segments ? p->cap_segments * 2 : 16;
        struct segment *grown = reallocarray(p->segments, cap, sizeof *grown);

        if (!grown)
            return -ENOMEM;
        p->segments = grown;
        p->cap_segments = cap;
    }
    p->segments[p->n_segments++] = (struct segment){*first, p->total, (uint32_t)index};
    p->total += distance + 1;
    return 0;
}

const struct hop *plan_nth(const struct plan *p, uint64_t n, struct addr *ret)
{
    size_t lo = 0, hi = p->n_segments;

    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;

        if (p->segments[mid].start <= n)
            lo = mid;
        else
            hi = mid;
    }
    *ret = addr_add(&p->segments[lo].first, n - p->segments[lo].start);
    return &p->hops[p->segments[lo].hop];
}
