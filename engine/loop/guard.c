/* The guard: excludes, scope, fragile ports, the turns of host and network, and one token bucket,
 * in that order; a refusal costs no token.
 *
 * The bucket may be overdrawn by those who wait for their turn (guard_take).  It is refilled from
 * the loop's clock when it is asked, so it needs no timer; fake time turns it in tests.  Turns are
 * kept in tables that do not grow: addresses that share a slot share its rate, which is slower than
 * allowed and never faster. */
#include "engine/loop/guard.h"

#include "engine/base/random.h"

#include <errno.h>

#define PORT_WORDS (65536 / 64)
#define TURN_SLOTS 4096
#define TURN_BURST 4 /* turns that may follow each other at once after a silence */
#define N_KINDS    3
#define ONE_TOKEN  (1 - 1e-9) /* what sums of fractions may lack */

const uint16_t guard_printer_ports[GUARD_PRINTER_PORTS] = {515,  9100, 9101, 9102, 9103,
                                                           9104, 9105, 9106, 9107};

/* At most one step each `interval` to what falls into one slot. */
struct turns {
    usec_t interval; /* 0: no limit */
    usec_t next[TURN_SLOTS];
};

struct guard {
    struct loop *loop;
    struct addr_set scope, excludes;
    int *links; /* indices of interfaces */
    size_t n_links;
    uint64_t fragile[PORT_WORDS];
    double rate, burst;
    double tokens;
    usec_t filled; /* when tokens was right */
    struct siphash_key key;
    struct turns hosts, nets;
    usec_t refused_until;
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

static usec_t interval_of(double rate)
{
    return rate > 0 ? (usec_t)((double)USEC_PER_SEC / rate) : 0;
}

int guard_new(struct guard **ret, struct loop *l, const struct guard_opts *o, struct err *e)
{
    CLEANUP(guard_freep) struct guard *g = calloc(1, sizeof *g);

    if (!g)
        return err_set(e, -ENOMEM, "out of memory");
    if (o->rate < 0 || o->burst < 0 || o->host_rate < 0 || o->net_rate < 0)
        return err_set(e, -EINVAL, "guard: rates and burst must not be negative");
    g->loop = l;
    g->why = "";
    if (set_copy(&g->scope, o->scope) < 0 || set_copy(&g->excludes, o->excludes) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < o->n_fragile_ports; i++)
        g->fragile[o->fragile_ports[i] / 64] |= 1ULL << o->fragile_ports[i] % 64;
    for (size_t i = 0; o->more_fragile && i < PORT_WORDS; i++)
        g->fragile[i] |= o->more_fragile[i];
    random_bytes(&g->key, sizeof g->key);
    g->hosts.interval = interval_of(o->host_rate);
    g->nets.interval = interval_of(o->net_rate);
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
    free(g->links);
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

bool guard_covers(const struct guard *g, const struct addr *a)
{
    return covers(&g->scope, a) && !covers(&g->excludes, a);
}

bool guard_is_fragile(const struct guard *g, uint16_t port)
{
    return g->fragile[port / 64] >> port % 64 & 1;
}

static const char *refusal(const struct guard *g, enum guard_kind kind, const struct addr *to,
                           uint16_t port)
{
    if (covers(&g->excludes, to))
        return "excluded";
    if (!covers(&g->scope, to))
        return "out of scope";
    if (kind == GUARD_PAYLOAD && guard_is_fragile(g, port))
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

static usec_t token_wait(struct guard *g)
{
    if (g->rate <= 0)
        return 0;
    refill(g);
    if (g->tokens >= ONE_TOKEN)
        return 0;
    return 1 + (usec_t)((1 - g->tokens) / g->rate * (double)USEC_PER_SEC);
}

static usec_t longest(usec_t a, usec_t b, usec_t c)
{
    a = a > b ? a : b;
    return a > c ? a : c;
}

/* NULL: there is no limit. */
static usec_t *turn_of(struct guard *g, struct turns *t, const struct addr *a, size_t len)
{
    if (!t->interval)
        return NULL;
    return &t->next[siphash(&g->key, a->b, len) % TURN_SLOTS];
}

/* Until the slot's next turn. */
static usec_t turn_wait(const struct turns *t, const usec_t *next, usec_t now)
{
    usec_t saved = (TURN_BURST - 1) * t->interval;

    return next && *next > now + saved ? *next - now - saved : 0;
}

static void turn_take(const struct turns *t, usec_t *next, usec_t now)
{
    if (next)
        *next = (*next > now ? *next : now) + t->interval;
}

int guard_take(struct guard *g, enum guard_kind kind, const struct addr_port *to, usec_t max_wait,
               usec_t *ret_wait)
{
    usec_t *host, *net, now, wait;
    const char *why;

    *ret_wait = 0;
    if (!g)
        return 0;
    why = refusal(g, kind, &to->addr, to->port);
    if (why) {
        g->why = why;
        return -EPERM;
    }
    now = loop_now(g->loop);
    host = turn_of(g, &g->hosts, &to->addr, addr_len(&to->addr));
    net = turn_of(g, &g->nets, &to->addr, to->addr.family == ADDR_V6 ? 8 : 3);
    wait = longest(token_wait(g), turn_wait(&g->hosts, host, now), turn_wait(&g->nets, net, now));
    if (wait > max_wait) {
        g->refused_until = now + wait;
        return -EAGAIN;
    }
    if (g->rate > 0)
        g->tokens -= 1;
    turn_take(&g->hosts, host, now);
    turn_take(&g->nets, net, now);
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
    usec_t now = g ? loop_now(g->loop) : 0;

    if (!g)
        return 0;
    return longest(token_wait(g), g->refused_until > now ? g->refused_until - now : 0, 0);
}

int guard_scope_add(struct guard *g, const struct addr *first, const struct addr *last)
{
    return g ? addr_set_add(&g->scope, first, last) : 0;
}

static bool has_link(const struct guard *g, int ifindex)
{
    for (size_t i = 0; i < g->n_links; i++)
        if (g->links[i] == ifindex)
            return true;
    return false;
}

int guard_link_add(struct guard *g, int ifindex)
{
    int *more;

    if (!g || has_link(g, ifindex))
        return 0;
    more = realloc(g->links, (g->n_links + 1) * sizeof *more);
    if (!more)
        return -ENOMEM;
    g->links = more;
    g->links[g->n_links++] = ifindex;
    return 0;
}

bool guard_takes_link(const struct guard *g, int ifindex)
{
    return !g || !g->n_links || has_link(g, ifindex);
}

int guard_check_link(struct guard *g, int ifindex)
{
    if (!g)
        return 0;
    if (!has_link(g, ifindex)) {
        g->why = "out of scope";
        return -EPERM;
    }
    if (token_wait(g) > 0) {
        g->refused_until = loop_now(g->loop) + token_wait(g);
        return -EAGAIN;
    }
    if (g->rate > 0)
        g->tokens -= 1;
    g->sent[GUARD_PROBE]++;
    return 0;
}

uint64_t guard_sent(const struct guard *g, enum guard_kind kind)
{
    return g ? g->sent[kind] : 0;
}
