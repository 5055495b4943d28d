/* Round trips and what follows from them: how long to wait before a probe counts as unanswered (RFC
 * 6298), and how often to ask before silence is believed. */
#pragma once

#include "engine/base/time.h"

#include <stdbool.h>

/* A zeroed struct has seen nothing. */
struct rtt {
    usec_t smoothed, variance;
};

void rtt_add(struct rtt *r, usec_t sample);
static inline bool rtt_known(const struct rtt *r)
{
    return r->smoothed > 0;
}
struct rtt_bounds {
    usec_t min, max;
};
/* smoothed + 4 variance within [min, max]. */
usec_t rtt_timeout(const struct rtt *r, usec_t min, usec_t max);

/* How many of the probes that could be answered were lost, on the way there or back. */
struct loss {
    uint64_t answered, lost;
};

/* An answer to the try-th transmission (from 0): those before it were lost. */
void loss_add(struct loss *l, unsigned try);
/* What would have been answered was lost, once. */
void loss_add_lost(struct loss *l);
double loss_measured(const struct loss *l); /* 0..1; 0 before the first answer */
/* Transmissions after which an unanswered probe was lost by accident in fewer than two of 100,000
 * cases; 2 .. max (1 when max is 1).  Before there are measurements it assumes a bad network. */
unsigned loss_tries(const struct loss *l, unsigned max);
/* The same for one of several ways to ask, where only `share` (0..1) of those who answer at all
 * depend on this way. */
unsigned loss_tries_for(const struct loss *l, double share, unsigned max);
