/* The hosts under way: found by address, queued when they have something to send, ordered by when
 * they are due otherwise. */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/random.h"
#include "engine/base/time.h"
#include "engine/model/finding.h"
#include "engine/scan/hostpace.h"
#include "engine/scan/rtt.h"

#include <sys/queue.h>

struct hop;
struct netloss_slot;

/* What is known of a host's ports.  Positions are those of the sweep's port order, not port
 * numbers. */
struct host_ports {
    uint32_t left;               /* not answered yet */
    uint32_t counts[REASON_MAX]; /* answered, by reason */
    uint32_t rejected;           /* of REASON_PORT_UNREACH: not the host's own word */
    uint64_t answered[];         /* a bit per position */
};

enum host_stage { HOST_PINGS, HOST_PARKED, HOST_PORTS };

struct host {
    struct addr addr;
    const struct hop *hop;
    struct netloss_slot *net;
    enum host_stage stage;
    uint8_t list;      /* of the sweep's lists of ports */
    uint8_t pass;      /* transmissions before the present one */
    uint8_t believed;  /* passes whose silence counts */
    bool news;         /* this pass has brought an answer */
    bool resting;      /* due is the time of the next probe, not the end of the pass */
    bool checked;      /* this pass has had its last control */
    bool granted;      /* its network's turn is taken */
    bool inconclusive; /* something could not be asked */
    uint8_t repeats;   /* passes that were gone through again because of losses of our own */
    uint8_t suspected; /* passes that were because its network may be worse than others */
    bool has_mac;
    struct mac mac;
    enum reason reason; /* of ICMP errors while nothing better is known */
    uint32_t cursor;    /* next position of this pass */
    struct rtt rtt;
    struct hostpace pace;
    usec_t admitted, sent; /* sent: the last probe */
    usec_t began;          /* the first probe of this pass, or of this round of pings */
    struct host_ports *ports;

    usec_t due;
    size_t heap_slot; /* 1-based; 0: not in the heap */
    bool queued;
    TAILQ_ENTRY(host) entry;
    struct host *next; /* in its hash chain */
};

TAILQ_HEAD(host_queue, host);

/* The time stands in the heap as well: what is compared lies side by side. */
struct heap_slot {
    usec_t due;
    struct host *host;
};

struct hosts {
    struct host **table;
    size_t table_size; /* a power of two */
    struct siphash_key key;
    size_t n;

    struct heap_slot *heap;
    size_t n_heap;
    size_t max;

    struct host_queue ready;
    size_t n_ready;
};

/* Room for max hosts.  0 or -ENOMEM. */
int hosts_init(struct hosts *hs, size_t max) MUST_USE;
void hosts_done(struct hosts *hs); /* frees the hosts too */

/* A new host, in no queue.  NULL: out of memory, or max are there. */
struct host *hosts_add(struct hosts *hs, const struct addr *a);
struct host *hosts_find(const struct hosts *hs, const struct addr *a);
void hosts_remove(struct hosts *hs, struct host *h); /* from its queue as well, and frees it */

/* A host is in one of these or in none; each call takes it out of the other. */
void hosts_set_ready(struct hosts *hs, struct host *h);
void hosts_set_due(struct hosts *hs, struct host *h, usec_t due);
void hosts_unqueue(struct hosts *hs, struct host *h);
/* The host that is due first, or NULL. */
struct host *hosts_first_due(const struct hosts *hs);
