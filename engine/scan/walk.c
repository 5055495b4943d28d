/* A balanced Feistel network over the smallest even number of bits that holds n, walked along its
 * cycle until the value falls below n (Black and Rogaway 2002).  At most three of four values are
 * outside, so a step takes fewer than four rounds of the network on average.  It spreads load and
 * need not withstand an attacker: the round function is the finalizer of MurmurHash3. */
#include "engine/scan/walk.h"

#define ROUNDS 4

void walk_init(struct walk *w, uint64_t n, uint64_t seed)
{
    unsigned bits = n > 1 ? 64 - (unsigned)__builtin_clzll(n - 1) : 1;

    *w = (struct walk){.n = n, .seed = seed, .half = (bits + 1) / 2};
}

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ x >> 33;
}

uint64_t walk_at(const struct walk *w, uint64_t i)
{
    uint64_t mask = (1ULL << w->half) - 1;

    do {
        uint64_t left = i >> w->half, right = i & mask;

        for (uint64_t round = 1; round <= ROUNDS; round++) {
            uint64_t next = left ^ (mix(right ^ mix(w->seed + round)) & mask);

            left = right;
            right = next;
        }
        i = left << w->half | right;
    } while (i >= w->n);
    return i;
}
