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

bool hop_equal(const struct hop *a, const struct hop *b)
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

/* The segment of the n-th address. */
static size_t segment_of(const struct plan *p, uint64_t n)
{
    size_t lo = 0, hi = p->n_segments;

    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;

        if (p->segments[mid].start <= n)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

const struct hop *plan_nth(const struct plan *p, uint64_t n, struct addr *ret)
{
    const struct segment *g = &p->segments[segment_of(p, n)];

    *ret = addr_add(&g->first, n - g->start);
    return &p->hops[g->hop];
}

const struct hop *plan_part(const struct plan *p, uint64_t n, uint64_t *ret_end)
{
    size_t at = segment_of(p, n);

    *ret_end = at + 1 < p->n_segments ? p->segments[at + 1].start : p->total;
    return &p->hops[p->segments[at].hop];
}

const struct hop *plan_find(const struct plan *p, const struct addr *a)
{
    size_t lo = 0, hi = p->n_segments;

    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;

        if (addr_cmp(&p->segments[mid].first, a) <= 0)
            lo = mid;
        else
            hi = mid;
    }
    return &p->hops[p->segments[lo].hop];
}
