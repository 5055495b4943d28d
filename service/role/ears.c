/* See ears.h.  Zones and interfaces are few: lists.  A listener that cannot be had (no rights, not
 * Ethernet) stays in the list as a refusal, so that its reason is told once and not every look. */
#include "service/role/ears.h"

#include "engine/base/log.h"
#include "engine/scan/multicast.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/queue.h>

#define RETRY_REFUSED (60 * USEC_PER_SEC)
#define ZONES_MAX     64 /* of one interface; more do not hear it */

struct wish {
    LIST_ENTRY(wish) entry;
    uint32_t zone;
    char interface[IPC_NAME_MAX]; /* "": by scope */
    bool promiscuous;
    usec_t multicast; /* 0: never */
    struct addr_set scope;
};

struct ear {
    LIST_ENTRY(ear) entry;
    struct ears *ears;
    struct listen *listen;     /* NULL: refused */
    usec_t refused;            /* when; monotonic */
    uint32_t zones[ZONES_MAX]; /* that hear it */
    size_t n_zones;
    uint32_t askers[ZONES_MAX]; /* those of them that have the neighbours asked */
    size_t n_askers;
    usec_t ask_every, ask_at;    /* 0: never; monotonic */
    struct multicast *multicast; /* NULL: nothing is asked now */
    bool wanted_promiscuous, told;
    struct ipc_listener state; /* interface and why point to the texts below */
    char name[IPC_NAME_MAX], why[256];
};

struct ears {
    struct loop *loop;
    struct ears_sink sink;
    void *user;
    LIST_HEAD(, wish) wishes;
    LIST_HEAD(, ear) ears;
    struct timer look, count;
};

static void ear_tell(struct ear *a)
{
    struct listen_stats s = {0};

    if (a->listen)
        listen_stats(a->listen, &s);
    a->state.interface = a->name;
    a->state.why = a->state.up || !*a->why ? NULL : a->why;
    a->state.frames = s.frames;
    a->state.bad = s.bad;
    a->state.told = s.told;
    a->state.limited = s.limited;
    a->state.drops = s.drops;
    a->told = true;
    a->ears->sink.listener(a->ears->user, &a->state);
}

static void on_sighting(void *user, const struct sighting *s)
{
    struct ear *a = user;

    for (size_t i = 0; i < a->n_zones; i++)
        a->ears->sink.sighting(a->ears->user, a->zones[i], s);
}

static void on_answer(void *user, const struct addr *from, const struct mac *mac,
                      enum multicast_how how)
{
    struct ear *a = user;
    const struct sighting s = {
        .source = "multicast",
        .interface = a->name,
        .time = loop_wall(a->ears->loop),
        .has_mac = true,
        .mac = *mac,
        .addresses = {*from},
        .n_addresses = 1,
    };

    (void)how;
    for (size_t i = 0; i < a->n_askers; i++)
        a->ears->sink.sighting(a->ears->user, a->askers[i], &s);
}

static void on_asked(void *user, uint64_t drops)
{
    struct ear *a = user;

    (void)drops; /* it is asked again */
    a->multicast = multicast_stop(a->multicast);
}

static void ear_ask(struct ear *a)
{
    static const struct multicast_sink sink = {on_answer, on_asked};
    usec_t now = loop_now(a->ears->loop);
    struct err e = {0};

    if (!a->ask_every || !a->state.up || a->multicast || now < a->ask_at)
        return;
    a->ask_at = now + a->ask_every;
    if (multicast_start(&a->multicast, a->ears->loop, a->name, &sink, a, &e) < 0)
        log_debug("neighbours cannot be asked by multicast: %s", err_text(&e));
}

static void on_state(void *user, enum listen_state state, const char *why)
{
    struct ear *a = user;

    a->state.up = state == LISTEN_UP;
    snprintf(a->why, sizeof a->why, "%s", why ? why : "");
    ear_tell(a);
}

/* -------------------------------------------------------------------- which interfaces */

/* The network of an address of an interface.  False: none, or one that no zone can be on. */
static bool link_network(const struct ifaddrs *i, struct prefix *ret)
{
    struct addr mask;

    if (!i->ifa_addr || !i->ifa_netmask || !(i->ifa_flags & IFF_UP) ||
        i->ifa_flags & IFF_LOOPBACK || addr_from_sockaddr(i->ifa_addr, &ret->addr, NULL) < 0 ||
        addr_from_sockaddr(i->ifa_netmask, &mask, NULL) < 0 || addr_is_link_local(&ret->addr))
        return false;
    *ret = prefix_of(&ret->addr, addr_mask_len(&mask));
    ret->addr.scope = 0;
    return true;
}

/* -------------------------------------------------------------------- listeners */

static struct ear *ear_find(struct ears *e, const char *name)
{
    struct ear *a;

    LIST_FOREACH (a, &e->ears, entry)
        if (strcmp(a->name, name) == 0)
            return a;
    a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->ears = e;
    snprintf(a->name, sizeof a->name, "%s", name);
    LIST_INSERT_HEAD(&e->ears, a, entry);
    return a;
}

static void ear_end(struct ear *a)
{
    a->listen = listen_stop(a->listen);
    a->multicast = multicast_stop(a->multicast);
    a->state.up = false;
    a->state.over = true;
    *a->why = 0;
    if (a->told)
        ear_tell(a);
    LIST_REMOVE(a, entry);
    free(a);
}

static void ear_start(struct ear *a)
{
    static const struct listen_sink sink = {.sighting = on_sighting, .state = on_state};
    const struct listen_opts o = {
        .interface = a->name,
        .mode = a->wanted_promiscuous ? LISTEN_PROMISCUOUS : LISTEN_GROUPS,
    };
    struct err e = {0};
    usec_t now = loop_now(a->ears->loop);

    if (a->refused && now < a->refused + RETRY_REFUSED)
        return;
    a->state.promiscuous = a->wanted_promiscuous;
    if (listen_start(&a->listen, a->ears->loop, &o, &sink, a, &e) == 0) {
        a->refused = 0;
        return;
    }
    a->listen = NULL;
    a->refused = now ? now : 1;
    on_state(a, LISTEN_DOWN, err_text(&e));
}

static void want_asked(struct ear *a, const struct wish *w)
{
    bool known = false;

    if (!w->multicast || a->n_askers == ZONES_MAX)
        return;
    for (size_t i = 0; i < a->n_askers; i++)
        known |= a->askers[i] == w->zone;
    if (!known)
        a->askers[a->n_askers++] = w->zone;
    if (!a->ask_every || w->multicast < a->ask_every)
        a->ask_every = w->multicast;
}

static void want(struct ears *e, const struct wish *w, const char *name)
{
    struct ear *a = ear_find(e, name);

    if (!a)
        return; /* out of memory: the next look tries again */
    a->wanted_promiscuous = a->wanted_promiscuous || w->promiscuous;
    want_asked(a, w);
    for (size_t i = 0; i < a->n_zones; i++)
        if (a->zones[i] == w->zone)
            return;
    if (a->n_zones < ZONES_MAX)
        a->zones[a->n_zones++] = w->zone;
}

static void look(struct ears *e)
{
    struct ifaddrs *links = NULL;
    struct prefix network;
    struct ear *a, *next;
    struct wish *w;

    if (getifaddrs(&links) < 0) {
        log_debug("the interfaces are not known now: %s", strerror(errno));
        return; /* nothing is given up for that; the next look tries again */
    }
    LIST_FOREACH (a, &e->ears, entry) {
        a->n_zones = a->n_askers = 0;
        a->ask_every = 0;
        a->wanted_promiscuous = false;
    }
    LIST_FOREACH (w, &e->wishes, entry) {
        if (*w->interface)
            want(e, w, w->interface);
        for (const struct ifaddrs *i = links; i && !*w->interface; i = i->ifa_next)
            if (link_network(i, &network) && addr_set_overlaps(&w->scope, &network))
                want(e, w, i->ifa_name);
    }
    freeifaddrs(links);
    for (a = LIST_FIRST(&e->ears); a; a = next) {
        next = LIST_NEXT(a, entry);
        if (!a->n_zones) {
            ear_end(a);
            continue;
        }
        if (a->listen && a->state.promiscuous != a->wanted_promiscuous)
            a->listen = listen_stop(a->listen);
        if (!a->listen)
            ear_start(a);
        ear_ask(a);
    }
}

static void on_look(struct timer *t)
{
    struct ears *e = CONTAINER_OF(t, struct ears, look);

    look(e);
    if (timer_set(e->loop, &e->look, EARS_LOOK) < 0)
        abort(); /* the timer has had its place before */
}

static void on_count(struct timer *t)
{
    struct ears *e = CONTAINER_OF(t, struct ears, count);
    struct ear *a;

    LIST_FOREACH (a, &e->ears, entry)
        if (a->listen && a->told)
            ear_tell(a);
    if (timer_set(e->loop, &e->count, EARS_COUNT) < 0)
        abort();
}

/* -------------------------------------------------------------------- life */

int ears_new(struct ears **ret, struct loop *l, const struct ears_sink *sink, void *user)
{
    struct ears *e = calloc(1, sizeof *e);

    if (!e)
        return -ENOMEM;
    e->loop = l;
    e->sink = *sink;
    e->user = user;
    e->look.fire = on_look;
    e->count.fire = on_count;
    *ret = e;
    return 0;
}

static void wish_free(struct wish *w)
{
    LIST_REMOVE(w, entry);
    addr_set_done(&w->scope);
    free(w);
}

struct ears *ears_free(struct ears *e)
{
    struct ear *a;

    if (!e)
        return NULL;
    timer_stop(e->loop, &e->look);
    timer_stop(e->loop, &e->count);
    while ((a = LIST_FIRST(&e->ears))) {
        LIST_REMOVE(a, entry);
        listen_stop(a->listen);
        multicast_stop(a->multicast);
        free(a);
    }
    while (LIST_FIRST(&e->wishes))
        wish_free(LIST_FIRST(&e->wishes));
    free(e);
    return NULL;
}

int ears_zone(struct ears *e, uint32_t zone, const struct addr_set *scope,
              const struct ipc_listen *m)
{
    struct wish *w = calloc(1, sizeof *w);
    struct ear *a;
    int r = 0;

    if (!w)
        return -ENOMEM;
    LIST_FOREACH (a, &e->ears, entry)
        a->ask_at = 0; /* its networks may be new */
    w->zone = zone;
    w->promiscuous = m->promiscuous;
    w->multicast = m->multicast;
    snprintf(w->interface, sizeof w->interface, "%s", m->interface ? m->interface : "");
    for (size_t i = 0; i < scope->n && r == 0; i++)
        r = addr_set_add(&w->scope, &scope->ranges[i].first, &scope->ranges[i].last);
    if (r == 0 && !timer_running(&e->count))
        r = timer_set(e->loop, &e->count, EARS_COUNT);
    if (r == 0)
        r = timer_set(e->loop, &e->look, 0);
    LIST_INSERT_HEAD(&e->wishes, w, entry);
    if (r < 0)
        wish_free(w);
    return r;
}

void ears_zone_drop(struct ears *e, uint32_t zone)
{
    struct wish *w, *next;

    for (w = LIST_FIRST(&e->wishes); w; w = next) {
        next = LIST_NEXT(w, entry);
        if (w->zone == zone)
            wish_free(w);
    }
    if (timer_running(&e->look) && timer_set(e->loop, &e->look, 0) < 0)
        abort(); /* the timer has had its place before */
}
