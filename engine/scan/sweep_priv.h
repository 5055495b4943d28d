/* Shared by sweep.c (what to send) and sweep_answer.c (what comes back). */
#pragma once

#include "engine/scan/hosts.h"
#include "engine/scan/sentinel.h"
#include "engine/scan/sweep.h"
#include "engine/scan/walk.h"

#define SWEEP_PINGS_MAX 6

struct ping {
    enum probe_kind kind;
    uint16_t port;
};

/* The ways to ask a host whether it is there, in turn: one per pass. */
struct ping_list {
    struct ping v[SWEEP_PINGS_MAX];
    unsigned n;
};

struct sweep {
    struct sweep_opts o;
    struct sweep_sink sink;
    void *user;

    struct walk walk;
    uint64_t admitted; /* of the walk */
    struct hosts hosts;
    struct host_queue parked; /* up, waiting for memory for their ports */
    size_t n_parked;
    size_t port_hosts, max_port_hosts;

    uint16_t *order;     /* position -> port */
    uint32_t *positions; /* port -> position; UINT32_MAX: not asked for */
    uint32_t n_ports;

    struct rtt rtt; /* of all hosts */
    struct loss loss;
    struct sentinels sentinels;
    unsigned since_sentinel;
    struct sweep_counts counts;
};

void sweep_pings(const struct sweep *s, const struct host *h, struct ping_list *ret);
unsigned sweep_tries(const struct sweep *s);

/* The host is there: tells it, and goes on to its ports. */
void sweep_host_up(struct sweep *s, struct host *h, const struct probe_reply *r);
void sweep_host_down(struct sweep *s, struct host *h);
/* The host is through; it is gone afterwards. */
void sweep_host_end(struct sweep *s, struct host *h);
