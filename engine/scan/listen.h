/* Listens on an interface for what devices say unasked: ARP, IPv6 neighbour and router discovery,
 * DHCP, DHCPv6, mDNS, LLDP, CDP, SSDP, NetBIOS names.  Sends nothing, ever.
 *
 * Needs CAP_NET_RAW.  One listener per interface; a machine's own frames are not heard. */
#pragma once

#include "engine/base/err.h"
#include "engine/loop/loop.h"
#include "engine/model/sighting.h"

struct listen;

enum listen_mode {
    LISTEN_GROUPS,      /* broadcasts, multicasts, and what is sent to this machine */
    LISTEN_PROMISCUOUS, /* all that passes on the link; only when a person asked for it */
};

struct listen_opts {
    const char *interface; /* copied */
    enum listen_mode mode;
    usec_t repeat;    /* unchanged sightings are told again after this; 0: 10 minutes */
    size_t table_max; /* subjects remembered; 0: 8,192 (72 bytes each) */
    double rate_max;  /* sightings told per second, what comes on top is told with the device's next
                         frame; 0: 200 */
};

enum listen_state { LISTEN_DOWN, LISTEN_UP };

struct listen_sink {
    /* At once, in the turn of the loop in which the frame came in.  s is valid during the call. */
    void (*sighting)(void *user, const struct sighting *s);
    /* Each change, the first state included; `why` is a phrase for LISTEN_DOWN, else NULL.  While
     * down the listener tries again, first after 250 ms, in the end every 5 s. */
    void (*state)(void *user, enum listen_state state, const char *why);
};

struct listen_stats {
    uint64_t frames;   /* the filter let through */
    uint64_t bad;      /* malformed */
    uint64_t told;     /* sightings */
    uint64_t repeated; /* left out: told not long ago */
    uint64_t limited;  /* left out: more than rate_max */
    uint64_t evicted;  /* subjects forgotten: more than table_max */
    uint64_t drops;    /* frames the kernel dropped before us */
};

/* Listening when it returns and the interface is up.  One that is down or not there (yet) is no
 * error: state() tells, in a later turn.  -EPERM, -EINVAL, -EAFNOSUPPORT (not Ethernet), -ENOMEM.
 * The sink is copied.  No callback comes before it returns. */
int listen_start(struct listen **ret, struct loop *l, const struct listen_opts *o,
                 const struct listen_sink *sink, void *user, struct err *e) MUST_USE;
/* Not inside a callback.  Calls nothing back.  Returns NULL. */
struct listen *listen_stop(struct listen *l);
void listen_stats(struct listen *l, struct listen_stats *ret);
