/* The scanner: finds hosts and ports of one scope and tells each finding as it becomes known.
 *
 * Knows no database and no config file.  All callbacks come from the loop, never inside
 * scan_start().  The order of events of one host: host (once, up or down as opts say), ports, then
 * host_done; hosts interleave. */
#pragma once

#include "engine/base/addrset.h"
#include "engine/loop/loop.h"
#include "engine/model/finding.h"
#include "engine/model/ports.h"
#include "engine/scan/pings.h"

struct guard;
struct scan;
struct payloads;
struct vendors;

enum scan_method { SCAN_HOSTS_ONLY, SCAN_SYN, SCAN_CONNECT };

/* Packets per second where nobody says otherwise; loopback has its own. */
#define SCAN_RATE_DEFAULT 10000

struct scan_opts {
    const struct addr_set *targets;  /* copied */
    const struct addr_set *excludes; /* absolute; copied; may be NULL */
    struct ping_choice ping;
    enum scan_method
        method; /* without raw rights SCAN_SYN becomes SCAN_CONNECT (scan_method_used) */
    bool udp;   /* the UDP ports of `ports` are asked too, or alone (SCAN_HOSTS_ONLY); needs raw
                   rights */
    const struct port_set *ports; /* copied; may be NULL for hosts only */
    const char *interface;        /* NULL: from the routes */
    double max_rate;      /* packets per second; 0: the default (10,000; on loopback 300,000) */
    double min_rate;      /* 0: none */
    double host_rate;     /* port probes per second to one host; 0: no limit */
    double net_rate;      /* probes per second into one /24 (IPv6: /64); 0: no limit */
    unsigned max_retries; /* retransmissions per probe at most (6 are the limit); how many there are
                             follows from the measured loss, at least one */
    usec_t host_timeout;  /* 0: none */
    usec_t way_timeout;   /* how long to wait for an interface or route that went away; 0: 10 s */
    uint64_t seed;        /* of the walk's permutation; 0: random */
    unsigned ring;        /* bytes of the capture ring of each interface; 0: the default (8 MiB) */
    unsigned sample; /* of each IPv4 /24 at first only so many addresses, 1 to 128; all of it as
                        soon as one answers.  0: all at once */
    const struct addr_set *known;  /* in use before: first in the sample; copied; may be NULL */
    const struct addr_set *in_use; /* their /24s are visited whole from the start; may be NULL */
    bool report_down;              /* tell hosts that are down too */
    bool report_closed; /* a port_finding for each closed and filtered port, else port_summary */
    const struct vendors *vendors;   /* vendor.h: names for MAC addresses; kept; may be NULL */
    const struct payloads *payloads; /* payload.h: what UDP ports are sent; kept; may be NULL */
};

struct scan_sink {
    void (*host)(void *user, const struct host_finding *h);
    void (*port)(void *user, const struct port_finding *p);
    void (*summary)(void *user, const struct port_summary *s); /* may be NULL */
    void (*host_done)(void *user, const struct addr *a,
                      bool conclusive); /* not conclusive: timed out, errors */
    void (*done)(void *user, const struct coverage *c,
                 int status); /* once, last; status 0, -ECANCELED, errno */
};

/* Whether this process may open raw sockets. */
bool scan_privileged(void);
/* The guard (may be NULL) is asked before every probe.  *ret is the caller's to scan_free(), also
 * after done. */
int scan_start(struct scan **ret, struct loop *l, struct guard *g, const struct scan_opts *o,
               const struct scan_sink *sink, void *user, struct err *e) MUST_USE;
/* Ends early: done comes with -ECANCELED and complete=false in a later turn. */
void scan_stop(struct scan *s);
struct scan *scan_free(struct scan *s); /* no callback comes any more */
void scan_freep(struct scan **s);

struct scan_progress {
    uint64_t hosts_total, hosts_done, hosts_up, probes_sent, probes_total, ports_open;
};
/* In `done`, when it is not complete: which way went away, for people; NULL: none did. */
const char *scan_why(const struct scan *s);
/* Targets that there is no route to. */
uint64_t scan_unrouted(const struct scan *s);
void scan_progress(const struct scan *s, struct scan_progress *ret);
enum scan_method scan_method_used(const struct scan *s);
