/* See paths.h.
 *
 * Known paths are a tree that grows from us: a node is a router at its distance, `below` the node
 * before it.  A host's path joins it where one of its routers is found there. */
#include "engine/scan/paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

struct place {
    struct addr_key addr;
    uint32_t hops; /* what else tells two entries of a table apart */
};

struct node {
    UT_hash_handle hh;
    struct place place;
    struct path_hop hop;
    struct node *below; /* NULL: the first hop */
    SLIST_ENTRY(node) all;
};

/* A place whose way is known to end at a node: a gateway of ours, a network at a distance. */
struct way {
    UT_hash_handle hh;
    struct place place;
    struct node *node;
};

enum asked_state { NOT_ASKED, ASKED, SILENT, ANSWERED };

struct asked_hop {
    enum asked_state state;
    unsigned tries;
    usec_t sent[PATHS_TRIES];
    usec_t due;
    struct path_hop hop;
};

struct path {
    UT_hash_handle hh;
    struct place place;
    TAILQ_ENTRY(path) entry;
    struct path_target target;
    struct asked_hop *hops; /* by distance, from 1 on; NULL: it waits in line */
    unsigned low, top;      /* hops asked, from - to; 0: none yet */
    unsigned end;           /* where the packet arrives; 0: not known */
    bool lost;              /* and it will not be */
    bool stopped;           /* nothing is asked any more */
    struct node *joined;    /* what lies below `low`; with it nothing further is asked */
};

TAILQ_HEAD(path_list, path);

struct paths {
    paths_cb done;
    void *user;
    struct path *by_addr;
    struct path_list waiting, active;
    unsigned n_active;
    bool led;           /* a first host is through: what the others share with it is known */
    struct node *nodes; /* routers, by address and distance */
    struct way *gateways, *nets;
    SLIST_HEAD(, node) all;
};

static struct place place_of(const struct addr *a, unsigned hops)
{
    return (struct place){addr_key(a), hops};
}

static struct place net_of(const struct addr *a, unsigned hops)
{
    struct place p = place_of(a, hops);
    size_t kept = a->family == ADDR_V4 ? 3 : 8;

    memset(p.addr.b + kept, 0, sizeof p.addr.b - kept);
    return p;
}

unsigned paths_distance(uint8_t ttl)
{
    static const unsigned starts[] = {32, 64, 128, 255};

    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        if (ttl && ttl <= starts[i])
            return starts[i] - ttl + 1;
    return 0;
}

/* -------------------------------------------------------------------- the tree */

static struct node *node_find(const struct paths *p, const struct addr *a, unsigned hops)
{
    struct place place = place_of(a, hops);
    struct node *n;

    HASH_FIND(hh, p->nodes, &place, sizeof place, n);
    return n;
}

static struct node *node_add(struct paths *p, const struct path_hop *hop, unsigned hops,
                             struct node *below)
{
    struct node *n = calloc(1, sizeof *n);

    if (!n)
        return NULL;
    n->place = place_of(&hop->addr, hops);
    n->hop = *hop;
    n->below = below;
    SLIST_INSERT_HEAD(&p->all, n, all);
    if (hop->addr.family != ADDR_NONE)
        HASH_ADD(hh, p->nodes, place, sizeof n->place, n);
    return n;
}

static struct node *way_find(struct way *table, const struct place *place)
{
    struct way *w;

    HASH_FIND(hh, table, place, sizeof *place, w);
    return w ? w->node : NULL;
}

static void way_add(struct way **table, const struct place *place, struct node *n)
{
    struct way *w;

    HASH_FIND(hh, *table, place, sizeof *place, w);
    if (w || !n || !(w = calloc(1, sizeof *w)))
        return;
    w->place = *place;
    w->node = n;
    HASH_ADD(hh, *table, place, sizeof w->place, w);
}

static void ways_free(struct way **table)
{
    struct way *w, *next;

    HASH_ITER (hh, *table, w, next) {
        HASH_DEL(*table, w);
        free(w);
    }
}

/* -------------------------------------------------------------------- life */

struct paths *paths_new(paths_cb done, void *user)
{
    struct paths *p = calloc(1, sizeof *p);

    if (!p)
        return NULL;
    p->done = done;
    p->user = user;
    TAILQ_INIT(&p->waiting);
    TAILQ_INIT(&p->active);
    SLIST_INIT(&p->all);
    return p;
}

static void path_free(struct paths *p, struct path *path)
{
    HASH_DEL(p->by_addr, path);
    TAILQ_REMOVE(path->hops ? &p->active : &p->waiting, path, entry);
    p->n_active -= path->hops != NULL;
    free(path->hops);
    free(path);
}

struct paths *paths_free(struct paths *p)
{
    struct path *path, *next;
    struct node *n;

    if (!p)
        return NULL;
    HASH_ITER (hh, p->by_addr, path, next)
        path_free(p, path);
    HASH_CLEAR(hh, p->nodes);
    while ((n = SLIST_FIRST(&p->all))) {
        SLIST_REMOVE_HEAD(&p->all, all);
        free(n);
    }
    ways_free(&p->gateways);
    ways_free(&p->nets);
    free(p);
    return NULL;
}

static struct path *path_find(struct paths *p, const struct addr *a)
{
    struct place place = place_of(a, 0);
    struct path *path;

    HASH_FIND(hh, p->by_addr, &place, sizeof place, path);
    return path;
}

int paths_add(struct paths *p, const struct path_target *t)
{
    struct path *path;

    if (path_find(p, &t->addr))
        return -EEXIST;
    path = calloc(1, sizeof *path);
    if (!path)
        return -ENOMEM;
    path->place = place_of(&t->addr, 0);
    path->target = *t;
    HASH_ADD(hh, p->by_addr, place, sizeof path->place, path);
    TAILQ_INSERT_TAIL(&p->waiting, path, entry);
    return 0;
}

/* -------------------------------------------------------------------- what is known */

static bool settled(const struct asked_hop *h)
{
    return h->state == SILENT || h->state == ANSWERED;
}

/* The last router of other hosts in the network, as far away. */
static struct node *last_of_net(const struct paths *p, const struct path *path)
{
    struct place net = net_of(&path->target.addr, path->end);

    return path->end > 1 ? way_find(p->nets, &net) : NULL;
}

static struct node *joint(const struct paths *p, const struct path *path)
{
    const struct asked_hop *low = &path->hops[path->low];
    struct place gateway = place_of(&path->target.gateway, 0);
    struct node *n = NULL;

    if (path->low == 2 && path->target.gateway.family != ADDR_NONE)
        n = way_find(p->gateways, &gateway);
    if (n || path->low == path->end)
        return n;
    if (low->state == ANSWERED)
        n = node_find(p, &low->hop.addr, path->low);
    else if (low->state == SILENT && (n = last_of_net(p, path)))
        for (unsigned at = path->end - 1; n && at > path->low; at--)
            n = n->below;
    return n ? n->below : NULL;
}

/* Looks for the rest of the path among those that are known. */
static void join(struct paths *p, struct path *path)
{
    if (!path->joined && path->low > 1)
        path->joined = joint(p, path);
}

/* Silent hops become what they are to other hosts of the network. */
static void borrow(struct paths *p, struct path *path)
{
    struct node *n = last_of_net(p, path);

    for (unsigned at = path->end - 1; n && at >= path->low; at--, n = n->below)
        if (path->hops[at].state == SILENT)
            path->hops[at].hop = n->hop;
}

static unsigned last_answer(const struct path *path)
{
    unsigned at = path->end ? path->end - 1 : path->top;

    while (at >= path->low && at && path->hops[at].hop.addr.family == ADDR_NONE)
        at--;
    return at;
}

/* Adds what was found to the tree. */
static void remember(struct paths *p, const struct path *path)
{
    struct place gateway = place_of(&path->target.gateway, 0);
    struct place net = net_of(&path->target.addr, path->end);
    unsigned last = last_answer(path);
    struct node *n = path->joined;

    for (unsigned at = path->low; at && at <= last; at++) {
        const struct path_hop *hop = &path->hops[at].hop;
        struct node *known = hop->addr.family == ADDR_NONE ? NULL : node_find(p, &hop->addr, at);

        n = known ? known : node_add(p, hop, at, n);
        if (!n)
            return;
        if (at == 1 && path->target.gateway.family != ADDR_NONE)
            way_add(&p->gateways, &gateway, n);
    }
    if (path->end > 1 && last == path->end - 1)
        way_add(&p->nets, &net, n);
}

/* -------------------------------------------------------------------- one host */

static unsigned under_way(const struct path *path)
{
    unsigned n = 0;

    for (unsigned at = path->low; at && at <= path->top; at++)
        n += path->hops[at].state == ASKED;
    return n;
}

/* Whether the hop may be left behind: it is settled, or was asked before in vain. */
static bool passable(const struct asked_hop *h)
{
    return settled(h) || h->tries > 1;
}

static unsigned silent_at_top(const struct path *path)
{
    unsigned n = 0;

    for (unsigned at = path->top; at >= path->low && path->hops[at].state != ANSWERED; at--)
        n += passable(&path->hops[at]);
    return n;
}

/* Whether the host is looked for further away; else it is given up when all is silent. */
static bool look_up(struct path *path)
{
    if (path->end || path->lost)
        return false;
    path->lost = path->top >= PATHS_HOPS_MAX || silent_at_top(path) >= PATHS_SILENT;
    return !path->lost;
}

static bool ask_first(struct path *path, unsigned *ret)
{
    unsigned distance = path->target.distance;

    if (path->low)
        return false;
    *ret = distance && distance <= PATHS_HOPS_MAX ? distance : 1;
    path->low = path->top = *ret;
    return true;
}

/* The next hop that is to be asked for the first time.  ahead: before those above it have answered.
 */
static bool ask_new(struct path *path, bool ahead, unsigned *ret)
{
    if (ask_first(path, ret))
        return true;
    if (passable(&path->hops[path->top]) && look_up(path)) {
        *ret = ++path->top;
        return true;
    }
    if (path->low > 1 && !path->joined && (ahead || passable(&path->hops[path->low]))) {
        *ret = --path->low;
        return true;
    }
    return false;
}

/* One whose time is over: again, or it is silent. */
static bool ask_again(struct path *path, unsigned tries, usec_t now, unsigned *ret)
{
    for (unsigned at = path->low; at && at <= path->top; at++) {
        struct asked_hop *h = &path->hops[at];

        if (h->state != ASKED || h->due > now)
            continue;
        if (h->tries >= tries || (path->end && at > path->end)) {
            h->state = SILENT;
            continue;
        }
        *ret = at;
        return true;
    }
    return false;
}

static bool complete(const struct path *path)
{
    unsigned last = path->end ? path->end : path->top;

    if (path->stopped)
        return true;
    if (!path->low || (!path->end && !path->lost) || (path->low > 1 && !path->joined))
        return false;
    for (unsigned at = path->low; at <= last; at++)
        if (!settled(&path->hops[at]))
            return false;
    return true;
}

static void question(struct path *path, unsigned at, usec_t now, struct path_question *ret)
{
    struct asked_hop *h = &path->hops[at];

    *ret = (struct path_question){path->target.addr, at, h->tries};
    h->state = ASKED;
    h->sent[h->tries++] = now;
    h->due = now + PATHS_TIMEOUT;
}

static void tell(struct paths *p, struct path *path)
{
    struct path_hop hops[PATHS_HOPS_MAX];
    unsigned n = path->end ? path->end : path->top, below = path->low ? path->low - 1 : 0;
    struct addr addr = path->target.addr;

    memset(hops, 0, sizeof hops);
    if (path->hops && path->end)
        borrow(p, path);
    for (const struct node *node = path->joined; node && below; node = node->below)
        hops[--below] = node->hop;
    for (unsigned at = path->low; at && at <= n; at++)
        hops[at - 1] = path->hops[at].hop;
    while (n && hops[n - 1].addr.family == ADDR_NONE)
        n--;
    if (path->hops && !path->stopped)
        remember(p, path);
    p->led |= path->hops != NULL;
    path_free(p, path);
    p->done(p->user, &addr, hops, n);
}

/* True: *ret is to be asked.  False: it waits, or it is complete. */
static bool path_next(struct paths *p, struct path *path, usec_t now, struct path_question *ret)
{
    bool ahead = !p->led && under_way(path) < PATHS_AHEAD;
    unsigned tries = last_of_net(p, path) ? 1 : PATHS_TRIES, at;

    if (path->stopped)
        return false;
    if (ask_again(path, tries, now, &at)) {
        question(path, at, now, ret);
        return true;
    }
    if (path->low)
        join(p, path);
    if (!ask_new(path, ahead, &at))
        return false;
    question(path, at, now, ret);
    return true;
}

/* -------------------------------------------------------------------- all of them */

/* While no path is known one host goes ahead: the others' ways have much of its. */
static void admit(struct paths *p)
{
    unsigned max = p->led ? PATHS_AT_A_TIME : 1;
    struct path *path;

    while (p->n_active < max && (path = TAILQ_FIRST(&p->waiting))) {
        struct asked_hop *hops = calloc(PATHS_HOPS_MAX + 1, sizeof *hops);

        if (!hops)
            return; /* later, perhaps */
        TAILQ_REMOVE(&p->waiting, path, entry);
        path->hops = hops;
        TAILQ_INSERT_TAIL(&p->active, path, entry);
        p->n_active++;
    }
}

static usec_t first_due(const struct path *path)
{
    usec_t due = USEC_INFINITY;

    for (unsigned at = path->low; at && at <= path->top; at++)
        if (path->hops[at].state == ASKED && path->hops[at].due < due)
            due = path->hops[at].due;
    return due;
}

/* The first of the active hosts that is through.  NULL: none; *ret is what to ask, when a host has
 * something (true), or *ret_due says when one will. */
static struct path *through(struct paths *p, usec_t now, struct path_question *ret, bool *ret_ask,
                            usec_t *ret_due)
{
    struct path *path;

    *ret_due = USEC_INFINITY;
    TAILQ_FOREACH (path, &p->active, entry) {
        usec_t due;

        *ret_ask = path_next(p, path, now, ret);
        if (*ret_ask)
            return NULL;
        if (complete(path))
            return path;
        due = first_due(path);
        *ret_due = due < *ret_due ? due : *ret_due;
    }
    return NULL;
}

/* The next in line, which nobody is to ask. */
static struct path *stopped_in_line(const struct paths *p)
{
    struct path *path = TAILQ_FIRST(&p->waiting);

    return path && path->stopped ? path : NULL;
}

enum paths_step paths_next(struct paths *p, usec_t now, struct path_question *ret, usec_t *ret_wait)
{
    struct path *path;
    bool ask = false;
    usec_t due;

    do {
        path = stopped_in_line(p);
        if (!path) {
            admit(p);
            /* what becomes known by one may complete others */
            path = through(p, now, ret, &ask, &due);
        }
        if (path)
            tell(p, path);
    } while (path);
    if (ask)
        return PATHS_ASK;
    if (TAILQ_EMPTY(&p->active) && TAILQ_EMPTY(&p->waiting))
        return PATHS_IDLE;
    *ret_wait = TAILQ_EMPTY(&p->active) ? PATHS_TIMEOUT : due > now ? due - now : 0;
    return PATHS_WAIT;
}

void paths_sent(struct paths *p, const struct path_question *q, usec_t now)
{
    struct path *path = path_find(p, &q->addr);
    struct asked_hop *h;

    if (!path || !path->hops)
        return;
    h = &path->hops[q->hops];
    h->sent[q->try] = now;
    h->due = now + PATHS_TIMEOUT;
}

void paths_answer(struct paths *p, const struct path_answer *a, usec_t now)
{
    struct path *path = path_find(p, &a->addr);
    struct asked_hop *h;

    if (!path || !path->hops || !a->hops || a->hops > PATHS_HOPS_MAX)
        return;
    h = &path->hops[a->hops];
    if (a->try >= h->tries || h->state == ANSWERED)
        return;
    h->state = ANSWERED;
    h->hop = (struct path_hop){a->from, now - h->sent[a->try]};
    if (a->arrived && (!path->end || a->hops < path->end))
        path->end = a->hops;
}

void paths_stop(struct paths *p, const struct addr *a)
{
    struct path *path = path_find(p, a);

    if (path)
        path->stopped = true;
}

void paths_stop_all(struct paths *p)
{
    for (struct path *path = p->by_addr; path; path = path->hh.next)
        path->stopped = true;
}
