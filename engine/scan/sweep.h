/* The sweep: which probe goes out next, what answers mean, and when a host is through.
 *
 * Hosts enter in the order of a permuted walk, are looked for (pings), then asked for their ports,
 * each in its own order of ports; they leave one by one as they are through.  Pure: no fd, no
 * clock, no knowledge of frames.  Memory is bounded by the number of hosts under way, not by the
 * number of targets. */
#pragma once

#include "engine/scan/plan.h"
#include "engine/scan/probe.h"
#include "engine/scan/scan.h"

struct pacer;
struct sweep;

struct sweep_opts {
    const struct plan *plan; /* kept by the caller while the sweep lives */
    uint64_t seed;
    struct ping_choice ping;   /* its mask is not 0 */
    bool raw;                  /* neighbours are found by ARP and ND */
    enum probe_kind port_kind; /* of TCP ports; PROBE_NONE: they are not asked */
    bool udp;                  /* UDP ports are, after them */
    const struct port_set *ports;
    unsigned max_retries;
    usec_t host_timeout;                   /* 0: none */
    double host_rate, net_rate;            /* as in scan_opts */
    unsigned sample;                       /* addresses of each /24, as in scan_opts; 0: all */
    const struct addr_set *known, *in_use; /* used during sweep_new() only */
    bool report_down, report_closed;
    struct pacer *pacer; /* for sentinels; NULL: none are sent */
    double pacer_max;    /* what a network may have that is slowed down alone; 0: none is */
};

/* The sink's times are left 0: the sweep has no clock of the wall. */
struct sweep_sink {
    void (*host)(void *user, struct host_finding *h);
    void (*port)(void *user, struct port_finding *p);
    void (*summary)(void *user, const struct port_summary *s);
    void (*host_done)(void *user, const struct addr *a, bool conclusive);
};

struct sweep_probe {
    struct addr addr;
    const struct hop *hop;
    struct mac mac; /* next hop on Ethernet */
    enum probe_kind kind;
    uint16_t port;
    unsigned try;
    usec_t timeout; /* after this an answer is not expected any more */
};

enum sweep_step { SWEEP_PROBE, SWEEP_WAIT, SWEEP_DONE };

struct sweep_counts {
    uint64_t hosts_done, hosts_up, ports_open;
    uint64_t probes, retransmissions; /* probes includes retransmissions and sentinels */
    uint64_t inconclusive;            /* hosts */
    uint64_t total;                   /* hosts to visit, as far as is known now */
    uint64_t sampled;                 /* networks of which only a sample was visited */
    double loss;
};

/* 0, -ENOMEM, -EOVERFLOW: more networks than can be sampled. */
int sweep_new(struct sweep **ret, const struct sweep_opts *o, const struct sweep_sink *sink,
              void *user) MUST_USE;
struct sweep *sweep_free(struct sweep *s);
void sweep_freep(struct sweep **s);

/* SWEEP_PROBE: *ret is to be sent now.  SWEEP_WAIT: nothing for *ret_wait (0: come back at once,
 * there was much to do). SWEEP_DONE: all hosts are through.  Calls the sink. */
enum sweep_step sweep_next(struct sweep *s, usec_t now, struct sweep_probe *ret, usec_t *ret_wait);
/* Calls the sink.  Replies that come late, twice or unasked are harmless. */
void sweep_answer(struct sweep *s, const struct probe_reply *r, usec_t now);
/* The probe that sweep_next() gave went out only `delay` later (a rate limit): its answer is waited
 * for from then on. */
void sweep_delayed(struct sweep *s, const struct sweep_probe *p, usec_t delay);
/* Answers that came until now may have been lost on our own side (a full capture ring, a device
 * that took nothing): the silence of what was asked before proves nothing, and it is asked again.
 */
void sweep_doubt(struct sweep *s, usec_t now);
/* The probe that sweep_next() gave must not be sent: its host stays undecided. */
void sweep_refuse(struct sweep *s, const struct sweep_probe *p);
/* The plan has other ways now (and the same addresses): hosts under way are asked again what is
 * open, those without a way end undecided.  pending: a probe that sweep_next() gave and that will
 * not be sent; may be NULL.  lost: how long there was no way; no host's time.  Calls the sink. */
void sweep_reroute(struct sweep *s, const struct sweep_probe *pending, usec_t lost, usec_t now);
void sweep_counts(const struct sweep *s, struct sweep_counts *ret);
