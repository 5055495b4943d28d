/* The guard: excludes, scope, fragile ports, and one token bucket, in that order; a refusal costs
 * no token.
 *
 * The bucket may be overdrawn by those who wait for their turn (guard_take).  It is refilled from
 * the loop's clock when it is asked, so it needs no timer; fake time turns it in tests. */
#include "engine/loop/guard.h"

#include <errno.h>

#define PORT_WORDS (65536 / 64)
#define N_KINDS    3
#define ONE_TOKEN  (1 - 1e-9) /* what sums of fractions may lack */

struct guard {
    struct loop *loop;
    struct addr_set scope, excludes;
    uint64_t fragile[PORT_WORDS];
    double rate, burst;
    double tokens;
    usec_t filled; /* when tokens was right */
    const char *why;
    uint64_t sent[N_KINDS];
};

static int set_copy(struct addr_set *to, const struct addr_set *from)
{
    for (size_t i = 0; from && i < from->n; i++) {
        int r = addr_set_add(to, &from->ranges[i].first, &from->ranges[i].last);

        if (r < 0)
            return r;
    }
    return 0;
}

int guard_new(struct guard **ret, struct loop *l, const struct guard_opts *o, struct err *e)
{
    CLEANUP(guard_freep) struct guard *g = calloc(1, sizeof *g);

    if (!g)
        return err_set(e, -ENOMEM, "out of memory");
    if (o->rate < 0 || o->burst < 0)
        return err_set(e, -EINVAL, "guard: rate and burst must not be negative");
    g->loop = l;
    g->why = "";
    if (set_copy(&g->scope, o->scope) < 0 || set_copy(&g->excludes, o->excludes) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < o->n_fragile_ports; i++)
        g->fragile[o->fragile_ports[i] / 64] |= 1ULL << o->fragile_ports[i] % 64;
    g->rate = o->rate;
    g->burst = o->burst > 0 ? o->burst : o->rate / 10;
    if (g->burst < 1)
        g->burst = 1;
    g->tokens = g->burst;
    g->filled = loop_now(l);
    *ret = take(&g);
    return 0;
}

struct guard *guard_free(struct guard *g)
{
    if (!g)
        return NULL;
    addr_set_done(&g->scope);
    addr_set_done(&g->excludes);
    free(g);
    return NULL;
}

void guard_freep(struct guard **g)
{
    *g = guard_free(*g);
}

/* A set written without interface ("fe80::/10") means the address on every link. */
static bool covers(const struct addr_set *s, const struct addr *a)
{
    struct addr bare = *a;

    if (addr_set_contains(s, a))
        return true;
    bare.scope = 0;
    return a->scope && addr_set_contains(s, &bare);
}

static const char *refusal(const struct guard *g, enum guard_kind kind, const struct addr *to,
                           uint16_t port)
{
    if (covers(&g->excludes, to))
        return "excluded";
    if (!covers(&g->scope, to))
        return "out of scope";
    if (kind == GUARD_PAYLOAD && g->fragile[port / 64] >> port % 64 & 1)
        return "fragile port";
    return NULL;
}

static void refill(struct guard *g)
{
    usec_t now = loop_now(g->loop);

    if (now <= g->filled)
        return;
    g->tokens += (double)(now - g->filled) * g->rate / (double)USEC_PER_SEC;
    if (g->tokens > g->burst)
        g->tokens = g->burst;
    g->filled = now;
}

int guard_take(struct guard *g, enum guard_kind kind, const struct addr_port *to, usec_t max_wait,
               usec_t *ret_wait)
{
    const char *why;
    usec_t wait;

    *ret_wait = 0;
    if (!g)
        return 0;
    why = refusal(g, kind, &to->addr, to->port);
    if (why) {
        g->why = why;
        return -EPERM;
    }
    wait = guard_wait(g);
    if (wait > max_wait)
        return -EAGAIN;
    if (g->rate > 0)
        g->tokens -= 1;
    g->sent[kind]++;
    *ret_wait = wait;
    return 0;
}

int guard_check(struct guard *g, enum guard_kind kind, const struct addr *to, uint16_t port)
{
    struct addr_port ap = {*to, port};
    usec_t wait;

    return guard_take(g, kind, &ap, 0, &wait);
}

const char *guard_why(const struct guard *g)
{
    return g ? g->why : "";
}

usec_t guard_wait(struct guard *g)
{
    if (!g || g->rate <= 0)
        return 0;
    refill(g);
    if (g->tokens >= ONE_TOKEN)
        return 0;
    return 1 + (usec_t)((1 - g->tokens) / g->rate * (double)USEC_PER_SEC);
}

int guard_scope_add(struct guard *g, const struct addr *first, const struct addr *last)
{
    return g ? addr_set_add(&g->scope, first, last) : 0;
}

uint64_t guard_sent(const struct guard *g, enum guard_kind kind)
{
    return g ? g->sent[kind] : 0;
}
