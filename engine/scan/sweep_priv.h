/* Shared by sweep.c (what to send) and sweep_answer.c (what comes back). */
#pragma once

#include "engine/scan/hosts.h"
#include "engine/scan/netloss.h"
#include "engine/scan/netpace.h"
#include "engine/scan/sample.h"
#include "engine/scan/sentinel.h"
#include "engine/scan/sweep.h"
#include "engine/scan/walk.h"

#include <limits.h>

/* Times the tries of each (7) this must stay below PASSES_MAX. */
#define SWEEP_PINGS_MAX (3 * PORT_FEW_MAX + 4)

struct ping {
    enum probe_kind kind;
    uint16_t port;
};

/* The ways to ask a host whether it is there, in turn: one per pass. */
struct ping_list {
    struct ping v[SWEEP_PINGS_MAX];
    unsigned n;
};

/* The ports of one protocol, in the order in which each host is asked for them. */
struct port_list {
    enum protocol protocol;
    enum probe_kind kind;
    uint16_t *order;     /* position -> port */
    uint32_t *positions; /* port -> position; UINT32_MAX: not asked for */
    uint32_t n;
};

#define PORT_LISTS 2

struct sweep {
    struct sweep_opts o;
    struct sweep_sink sink;
    void *user;

    struct walk walk;
    uint64_t admitted;     /* of the walk */
    struct sample *sample; /* the order, where networks are sampled; else NULL */
    struct hosts hosts;
    struct netpace nets;
    struct netloss losses;    /* of each network, and of all */
    struct host_queue parked; /* up, waiting for memory for their ports */
    size_t n_parked;
    size_t port_hosts, max_port_hosts;

    struct port_list lists[PORT_LISTS];
    unsigned n_lists;

    struct rtt rtt;                        /* of all hosts */
    uint64_t found, found_by[PROBE_KINDS]; /* hosts with several ways to ask, by what answered */
    usec_t doubted; /* answers up to then may have been lost on our own side */
    struct sentinels sentinels;
    unsigned since_sentinel;
    struct sweep_counts counts;
};

/* pings.c */
void sweep_pings(const struct sweep *s, const struct host *h, struct ping_list *ret);
static inline const struct port_list *sweep_list(const struct sweep *s, const struct host *h)
{
    return &s->lists[h->list];
}
/* A control of this kind may be under way to the host. */
static inline bool sweep_has_control(const struct sweep *s, const struct host *h,
                                     enum probe_kind kind)
{
    return h->stage == HOST_PORTS && kind == sweep_list(s, h)->kind;
}
/* The questions of the host's list begin. */
void sweep_list_begin(struct sweep *s, struct host *h);

unsigned sweep_tries(const struct sweep *s, const struct host *h);

/* sweep_ping.c */
#define SWEEP_NO_STAGE UINT_MAX
/* A host's stages are its rounds of pings, each way once a round; this is the first from `stage` on
 * that is still worth asking.  SWEEP_NO_STAGE: none. */
unsigned sweep_ping_stage(const struct sweep *s, const struct host *h, const struct ping_list *l,
                          unsigned stage);
/* A host was found by this way, of several. */
void sweep_ping_found(struct sweep *s, enum probe_kind kind);
/* Whether what was asked since `began` must be asked again, because answers may have been lost on
 * our own side or in a network that loses more than others.  Counts; a host that never gets a clean
 * pass becomes inconclusive. */
bool sweep_must_repeat(const struct sweep *s, struct host *h);

/* The host is there: tells it, and goes on to its ports. */
void sweep_host_up(struct sweep *s, struct host *h, const struct probe_reply *r);
void sweep_host_down(struct sweep *s, struct host *h);
/* The host is through with its list, and without another one it is gone afterwards. */
void sweep_host_end(struct sweep *s, struct host *h);
