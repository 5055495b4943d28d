/* Ranges are kept sorted at all times; sets are small (config, targets), so insertion may be
 * linear. */
#include "engine/base/addrset.h"

#include <errno.h>
#include <string.h>

void addr_set_done(struct addr_set *s)
{
    free(s->ranges);
    *s = (struct addr_set){0};
}

static bool is_all_ones(const struct addr *a)
{
    for (size_t i = 0; i < addr_len(a); i++)
        if (a->b[i] != 0xff)
            return false;
    return true;
}

/* True when b starts inside a or right behind it (a.first <= b.first). */
static bool touches(const struct addr_range *a, const struct addr_range *b)
{
    struct addr next;

    if (a->last.family != b->first.family || a->last.scope != b->first.scope)
        return false;
    if (addr_cmp(&b->first, &a->last) <= 0 || is_all_ones(&a->last))
        return true;
    next = addr_add(&a->last, 1);
    return addr_cmp(&b->first, &next) <= 0;
}

static int reserve(struct addr_set *s, size_t n)
{
    size_t cap = s->cap ? s->cap : 8;
    struct addr_range *ranges;

    if (n <= s->cap)
        return 0;
    while (cap < n)
        cap *= 2;
    ranges = reallocarray(s->ranges, cap, sizeof *ranges);
    if (!ranges)
        return -ENOMEM;
    s->ranges = ranges;
    s->cap = cap;
    return 0;
}

/* Melts the range at `at` with its neighbours that it overlaps or touches. */
static void melt(struct addr_set *s, size_t at)
{
    size_t out = at, i;

    if (at > 0 && touches(&s->ranges[at - 1], &s->ranges[at]))
        out = at - 1;
    for (i = out + 1; i < s->n && touches(&s->ranges[out], &s->ranges[i]); i++)
        if (addr_cmp(&s->ranges[i].last, &s->ranges[out].last) > 0)
            s->ranges[out].last = s->ranges[i].last;
    memmove(s->ranges + out + 1, s->ranges + i, (s->n - i) * sizeof *s->ranges);
    s->n -= i - out - 1;
}

/* Where a range that starts at `first` belongs.  Lists come sorted as a rule: the end is tried
 * first. */
static size_t place(const struct addr_set *s, const struct addr *first)
{
    size_t lo = 0, hi = s->n;

    if (s->n && addr_cmp(&s->ranges[s->n - 1].first, first) < 0)
        return s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (addr_cmp(&s->ranges[mid].first, first) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int addr_set_add(struct addr_set *s, const struct addr *first, const struct addr *last)
{
    size_t at;
    int r;

    if (first->family == ADDR_NONE || first->family != last->family || addr_cmp(first, last) > 0)
        return -EINVAL;
    r = reserve(s, s->n + 1);
    if (r < 0)
        return r;
    at = place(s, first);
    memmove(s->ranges + at + 1, s->ranges + at, (s->n - at) * sizeof *s->ranges);
    s->ranges[at] = (struct addr_range){*first, *last};
    s->n++;
    melt(s, at);
    return 0;
}

int addr_set_add_prefix(struct addr_set *s, const struct prefix *p)
{
    struct addr first = prefix_first(p), last = prefix_last(p);

    return addr_set_add(s, &first, &last);
}

static struct addr before(const struct addr *a)
{
    struct addr out = *a;

    for (size_t i = addr_len(a); i-- > 0;)
        if (out.b[i]--)
            break;
    return out;
}

/* Adds what is left of `r` without the ranges of `from`, of which those below `start` lie in front.
 */
static int add_rest(struct addr_set *out, struct addr_range r, const struct addr_set *from,
                    size_t start)
{
    for (size_t i = start; i < from->n; i++) {
        const struct addr_range *cut = &from->ranges[i];
        struct addr end;
        int e;

        if (addr_cmp(&cut->last, &r.first) < 0)
            continue;
        if (addr_cmp(&cut->first, &r.last) > 0)
            break;
        if (addr_cmp(&cut->first, &r.first) > 0) {
            end = before(&cut->first);
            e = addr_set_add(out, &r.first, &end);
            if (e < 0)
                return e;
        }
        if (addr_cmp(&cut->last, &r.last) >= 0)
            return 0;
        r.first = addr_add(&cut->last, 1);
    }
    return addr_set_add(out, &r.first, &r.last);
}

int addr_set_subtract(struct addr_set *s, const struct addr_set *from)
{
    CLEANUP(addr_set_done) struct addr_set out = {0};
    struct addr_set old = *s;
    size_t start = 0;

    for (size_t i = 0; i < s->n; i++) {
        int r;

        while (start < from->n && addr_cmp(&from->ranges[start].last, &s->ranges[i].first) < 0)
            start++;
        r = add_rest(&out, s->ranges[i], from, start);
        if (r < 0)
            return r;
    }
    *s = out;
    out = old;
    return 0;
}

bool addr_set_contains(const struct addr_set *s, const struct addr *a)
{
    size_t lo = 0, hi = s->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (addr_cmp(&s->ranges[mid].last, a) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < s->n && addr_cmp(&s->ranges[lo].first, a) <= 0;
}

bool addr_set_overlaps(const struct addr_set *s, const struct prefix *p)
{
    struct addr first = prefix_first(p), last = prefix_last(p);

    for (size_t i = 0; i < s->n; i++) {
        const struct addr_range *r = &s->ranges[i];

        if (r->first.scope && p->addr.scope && r->first.scope != p->addr.scope)
            continue;
        first.scope = last.scope = r->first.scope;
        if (addr_cmp(&r->first, &last) <= 0 && addr_cmp(&first, &r->last) <= 0)
            return true;
    }
    return false;
}

bool addr_range_is_wide(const struct addr_range *r)
{
    return r->first.family == ADDR_V6 && addr_distance(&r->first, &r->last) >= ADDR_SWEEP_MAX;
}

int addr_set_narrow(struct addr_set *ret, const struct addr_set *s)
{
    int r = 0;

    for (size_t i = 0; i < s->n && r == 0; i++)
        if (!addr_range_is_wide(&s->ranges[i]))
            r = addr_set_add(ret, &s->ranges[i].first, &s->ranges[i].last);
    return r;
}

uint64_t addr_set_count(const struct addr_set *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->n; i++) {
        uint64_t d = addr_distance(&s->ranges[i].first, &s->ranges[i].last);

        if (d == UINT64_MAX || sum + d + 1 < sum)
            return UINT64_MAX;
        sum += d + 1;
    }
    return sum;
}

bool addr_set_next(const struct addr_set *s, struct addr_walk *w, struct addr *ret)
{
    const struct addr_range *r;

    if (w->range >= s->n)
        return false;
    r = &s->ranges[w->range];
    *ret = addr_add(&r->first, w->at);
    if (w->at++ == addr_distance(&r->first, &r->last))
        *w = (struct addr_walk){.range = w->range + 1};
    return true;
}

bool addr_set_nth(const struct addr_set *s, uint64_t n, struct addr *ret)
{
    for (size_t i = 0; i < s->n; i++) {
        uint64_t d = addr_distance(&s->ranges[i].first, &s->ranges[i].last);

        if (n <= d) {
            *ret = addr_add(&s->ranges[i].first, n);
            return true;
        }
        n -= d + 1;
    }
    return false;
}
