/* Networks are the runs of plan numbers that fall into one /24; which of a network's addresses are
 * its sample is worked out again whenever it is needed (a list of at most 128), so that a network
 * costs a few bytes.  The samples of all networks are one permuted walk; escalated networks take
 * turns, an address each, so that none gets a burst. */
#include "engine/scan/sample.h"

#include "engine/scan/walk.h"

#include <errno.h>
#include <string.h>

struct net {
    uint64_t start;  /* number of its first address in the plan */
    uint64_t before; /* samples of the networks before it */
    uint32_t n;      /* addresses; of what is not sampled any number */
    uint8_t first;   /* last octet of its first address */
    bool whole;      /* it is not sampled */
    bool pieces;     /* its addresses do not all follow each other */
    bool escalated;
};

struct sample {
    struct sample_opts o;
    struct addr_set known;
    struct net *nets;
    size_t n_nets, cap_nets, n_sampled;
    uint64_t samples; /* of all networks */
    uint64_t more;    /* addresses of escalated networks besides */
    uint64_t taken;   /* of the walk */
    struct walk walk;
    struct {
        uint32_t net;
        uint16_t at; /* next position in it */
    } * queue;       /* escalated networks that are not through, as a ring of their number */
    size_t head, queued, cap_queue;
};

static int net_add(struct sample *s, const struct net *one)
{
    if (s->n_nets == SAMPLE_NETS_MAX)
        return -EOVERFLOW;
    if (s->n_nets == s->cap_nets) {
        size_t cap = s->cap_nets ? s->cap_nets * 2 : 64;
        struct net *grown = reallocarray(s->nets, cap, sizeof *grown);

        if (!grown)
            return -ENOMEM;
        s->nets = grown;
        s->cap_nets = cap;
    }
    s->nets[s->n_nets++] = *one;
    return 0;
}

static uint32_t host_word(const struct addr *a)
{
    return (uint32_t)a->b[0] << 24 | (uint32_t)a->b[1] << 16 | (uint32_t)a->b[2] << 8 | a->b[3];
}

/* Addresses from `at` on that lie in the same /24 and follow each other both in the plan and in
 * number; of IPv6 all up to the end of the segment. */
static int add_run(struct sample *s, uint64_t at, uint64_t end, uint64_t *ret_next)
{
    struct addr a;
    struct net one = {.start = at};
    uint64_t left;

    plan_nth(s->o.plan, at, &a);
    left = end - at;
    one.first = a.b[3];
    one.whole = a.family != ADDR_V4;
    if (a.family == ADDR_V4 && left > 256U - a.b[3])
        left = 256U - a.b[3];
    if (left > UINT32_MAX)
        left = UINT32_MAX;
    one.n = (uint32_t)left;
    *ret_next = at + left;
    return net_add(s, &one);
}

/* Pieces of one /24 (an exclude, an address of ours or another route lies between) are one network.
 */
static bool joins(const struct sample *s, uint64_t at)
{
    struct addr a, b;
    const struct net *last = s->n_nets ? &s->nets[s->n_nets - 1] : NULL;

    if (!last || last->whole)
        return false;
    plan_nth(s->o.plan, at, &a);
    plan_nth(s->o.plan, last->start + last->n - 1, &b);
    return a.family == ADDR_V4 && host_word(&a) >> 8 == host_word(&b) >> 8;
}

static int find_nets(struct sample *s)
{
    const struct plan *p = s->o.plan;

    for (size_t i = 0; i < p->n_segments; i++) {
        uint64_t at = p->segments[i].start;
        uint64_t end = i + 1 < p->n_segments ? p->segments[i + 1].start : p->total;

        while (at < end) {
            bool join = joins(s, at);
            int r = add_run(s, at, end, &at);

            if (r < 0)
                return r;
            if (join) {
                s->n_nets--;
                s->nets[s->n_nets - 1].n += s->nets[s->n_nets].n;
                s->nets[s->n_nets - 1].pieces = true;
            }
        }
    }
    return 0;
}

/* What a network contributes to the walk. */
static uint64_t share(const struct sample *s, const struct net *n)
{
    return n->whole ? n->n : s->o.per_net;
}

/* The last network that begins at the address or before it; SIZE_MAX: none does. */
static size_t net_before(const struct sample *s, const struct addr *a)
{
    size_t lo = 0, hi = s->n_nets;
    struct addr first;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        plan_nth(s->o.plan, s->nets[mid].start, &first);
        if (addr_cmp(&first, a) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo - 1;
}

static void mark_used(struct sample *s, const struct addr_range *r)
{
    size_t first = net_before(s, &r->first), last = net_before(s, &r->last);

    for (size_t i = first == SIZE_MAX ? 0 : first; last != SIZE_MAX && i <= last; i++)
        s->nets[i].whole = true;
}

int sample_new(struct sample **ret, const struct sample_opts *o)
{
    CLEANUP(sample_freep) struct sample *s = calloc(1, sizeof *s);
    int r = s ? 0 : -ENOMEM;

    if (r < 0)
        return r;
    s->o = *o;
    s->o.known = s->o.in_use = NULL;
    for (size_t i = 0; o->known && i < o->known->n && r == 0; i++)
        r = addr_set_add(&s->known, &o->known->ranges[i].first, &o->known->ranges[i].last);
    if (r == 0)
        r = find_nets(s);
    if (r < 0)
        return r;
    for (size_t i = 0; o->in_use && i < o->in_use->n; i++)
        mark_used(s, &o->in_use->ranges[i]);
    for (size_t i = 0; i < s->n_nets; i++) {
        struct net *n = &s->nets[i];

        n->whole = n->whole || n->n <= 2 * o->per_net;
        n->before = s->samples;
        s->samples += share(s, n);
        s->n_sampled += !n->whole;
    }
    walk_init(&s->walk, s->samples, o->seed);
    *ret = take(&s);
    return 0;
}

struct sample *sample_free(struct sample *s)
{
    if (!s)
        return NULL;
    addr_set_done(&s->known);
    free(s->nets);
    free(s->queue);
    free(s);
    return NULL;
}

void sample_freep(struct sample **s)
{
    *s = sample_free(*s);
}

struct chosen {
    bool is[256];
    uint16_t order[SAMPLE_MAX]; /* positions in the network */
    unsigned n;
};

static void choose(struct chosen *c, unsigned position, unsigned most)
{
    if (c->n == most || c->is[position])
        return;
    c->is[position] = true;
    c->order[c->n++] = (uint16_t)position;
}

/* The sample of a network: in use before, where gateways and servers usually are, and others. */
static void net_sample(const struct sample *s, const struct net *n, struct chosen *c)
{
    static const uint8_t likely[] = {1, 254, 2, 253, 10, 100, 129, 20, 50, 200, 3, 5, 11, 101};
    struct walk others;

    memset(c, 0, sizeof *c);
    for (unsigned i = 0; s->known.n && i < n->n; i++) {
        struct addr a;

        plan_nth(s->o.plan, n->start + i, &a);
        if (addr_set_contains(&s->known, &a))
            choose(c, i, s->o.per_net);
    }
    for (size_t i = 0; i < ARRAY_LEN(likely); i++)
        if (!n->pieces && likely[i] >= n->first && likely[i] - n->first < (int)n->n)
            choose(c, likely[i] - n->first, s->o.per_net);
    for (unsigned i = 0; n->pieces && i < n->n; i++) {
        struct addr a;

        plan_nth(s->o.plan, n->start + i, &a);
        if (memchr(likely, a.b[3], sizeof likely))
            choose(c, i, s->o.per_net);
    }
    walk_init(&others, n->n, s->o.seed ^ n->start);
    for (unsigned i = 0; i < n->n; i++)
        choose(c, (unsigned)walk_at(&others, i), s->o.per_net);
}

static bool queue_next(struct sample *s, uint64_t *ret)
{
    while (s->queued) {
        const struct net *n = &s->nets[s->queue[s->head].net];
        uint16_t at = s->queue[s->head].at;
        uint32_t number = s->queue[s->head].net;
        struct chosen c;

        net_sample(s, n, &c);
        while (at < n->n && c.is[at])
            at++;
        s->head = (s->head + 1) % s->cap_queue;
        s->queued--;
        if (at == n->n)
            continue;
        /* to the end of the line, where a place has just become free */
        s->queue[(s->head + s->queued) % s->cap_queue].net = number;
        s->queue[(s->head + s->queued) % s->cap_queue].at = (uint16_t)(at + 1);
        s->queued++;
        *ret = n->start + at;
        return true;
    }
    return false;
}

/* The network that the x-th of all samples belongs to. */
static const struct net *net_of(const struct sample *s, uint64_t x)
{
    size_t lo = 0, hi = s->n_nets;

    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;

        if (s->nets[mid].before <= x)
            lo = mid;
        else
            hi = mid;
    }
    return &s->nets[lo];
}

bool sample_next(struct sample *s, uint64_t *ret)
{
    const struct net *n;
    struct chosen c;
    uint64_t x;

    if (queue_next(s, ret))
        return true;
    if (s->taken == s->samples)
        return false;
    x = walk_at(&s->walk, s->taken++);
    n = net_of(s, x);
    if (n->whole) {
        *ret = n->start + (x - n->before);
        return true;
    }
    net_sample(s, n, &c);
    *ret = n->start + c.order[x - n->before];
    return true;
}

bool sample_has_next(const struct sample *s)
{
    return s->taken < s->samples || s->queued;
}

static int queue_grow(struct sample *s)
{
    size_t cap = s->cap_queue ? s->cap_queue * 2 : 16;
    void *grown;

    if (s->queued < s->cap_queue)
        return 0;
    grown = calloc(cap, sizeof *s->queue);
    if (!grown)
        return -ENOMEM;
    for (size_t i = 0; i < s->queued; i++)
        memcpy((char *)grown + i * sizeof *s->queue, &s->queue[(s->head + i) % s->cap_queue],
               sizeof *s->queue);
    free(s->queue);
    s->queue = grown;
    s->cap_queue = cap;
    s->head = 0;
    return 0;
}

void sample_escalate(struct sample *s, const struct addr *a)
{
    size_t number = net_before(s, a);
    struct net *n = number == SIZE_MAX ? NULL : &s->nets[number];

    if (!n || n->whole || n->escalated || queue_grow(s) < 0)
        return;
    n->escalated = true;
    s->queue[(s->head + s->queued) % s->cap_queue].net = (uint32_t)number;
    s->queue[(s->head + s->queued) % s->cap_queue].at = 0;
    s->queued++;
    s->more += n->n - s->o.per_net;
    s->n_sampled--;
}

uint64_t sample_total(const struct sample *s)
{
    return s->samples + s->more;
}

uint64_t sample_networks(const struct sample *s)
{
    return s->n_sampled;
}
