/* At most so many probes a second into one network: an IPv4 /24 or an IPv6 /64. */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/random.h"
#include "engine/base/time.h"

#define NETPACE_SLOTS 4096

/* A zeroed struct has no limit. */
struct netpace {
    usec_t interval; /* between two probes into one network */
    struct siphash_key key;
    usec_t next[NETPACE_SLOTS]; /* when the next one may go there */
};

/* seed: decides which networks share a slot. */
void netpace_init(struct netpace *p, double rate, uint64_t seed);
/* Takes the network's next turn; returns when that is, not before now. */
usec_t netpace_turn(struct netpace *p, const struct addr *a, usec_t now);
