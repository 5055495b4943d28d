/* A keyed permutation of 0 .. n-1: the order of a walk over hosts or ports, without a table.  The
 * same seed gives the same order, so that each host's turn comes at even intervals from pass to
 * pass. */
#pragma once

#include <stdint.h>

struct walk {
    uint64_t n;
    uint64_t seed;
    unsigned half; /* bits of each half of the Feistel network */
};

void walk_init(struct walk *w, uint64_t n, uint64_t seed);
/* The i-th of the walk; i < n. */
uint64_t walk_at(const struct walk *w, uint64_t i);
