/* Loss and round trips of each network (an IPv4 /24, an IPv6 /64), and a rate of its own for one
 * that is worse than the others: a slow or lossy network is asked at the rate that it bears, as
 * often as its loss asks for, and waited for as long as it takes, while the others go on as if it
 * were not there.
 *
 * All networks count together until one is set apart by what was lost in it, beyond chance; from
 * then on it counts for itself alone.  The table does not grow: networks that share a slot are
 * treated as one. */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/random.h"
#include "engine/scan/pacer.h"
#include "engine/scan/rtt.h"

#define NETLOSS_SLOTS 4096
#define NETLOSS_APART 256 /* networks with a rate of their own; further ones stay with all */

struct netloss_slot {
    struct rtt rtt;
    uint32_t n_rtt;
    struct loss loss;        /* all that is known: how often to ask */
    struct loss judged;      /* sentinels of late: whether it is as the others */
    unsigned since_sentinel; /* apart: probes */
    struct pacer *own;       /* also of its sentinels; NULL: not apart */
    usec_t next;             /* apart: when the next probe may go there */
    usec_t since;            /* the rate is counted from */
    uint32_t sent;           /* since then */
    double rate;             /* probes per second of the time before */
};

struct netloss {
    struct siphash_key key;
    struct loss all, judged; /* of networks that are not apart */
    double max_rate;         /* of one network; 0: none is given a rate of its own */
    unsigned n_apart;
    struct netloss_slot v[NETLOSS_SLOTS];
};

/* seed: decides which networks share a slot. */
void netloss_init(struct netloss *n, double max_rate, uint64_t seed);
void netloss_done(struct netloss *n);

/* The network of an address; lives as long as *n. */
struct netloss_slot *netloss_slot(struct netloss *n, const struct addr *a);

/* A probe goes there: when it may, not before now.  Counts it. */
usec_t netloss_turn(struct netloss_slot *s, usec_t now);
void netloss_rtt_add(struct netloss_slot *s, usec_t rtt);
/* NULL: not enough is known. */
const struct rtt *netloss_rtt(const struct netloss_slot *s);
/* What holds there: the network's own loss when it is apart, else that of all. */
const struct loss *netloss_of(const struct netloss *n, const struct netloss_slot *s);
/* It may prove to be worse than the others: more was lost there, if only by chance so far.  Losses
 * show a pass later than they happen, and by then the silence of those would be believed that were
 * asked while a narrow place was full.  Where few probes went there was none: a network of few
 * hosts is unlucky often enough. */
bool netloss_is_suspect(const struct netloss *n, const struct netloss_slot *s);
/* Of all networks, those apart too; 0..1. */
double netloss_measured(const struct netloss *n);

/* An answer to the try-th transmission. */
void netloss_answered(struct netloss *n, struct netloss_slot *s, unsigned try);
/* Of a sentinel.  True: the network is apart from now on, and what was under way there is no
 * evidence for the others. */
bool netloss_outcome(struct netloss *n, struct netloss_slot *s, enum pacer_outcome outcome,
                     usec_t now);
