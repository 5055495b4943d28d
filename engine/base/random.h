/* Randomness from the kernel, and a keyed hash (SipHash-2-4, Aumasson and Bernstein 2012) for
 * tables and cookies that a peer must not be able to predict. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Fills buf from getrandom(2).  Aborts when the kernel has none: nothing sane can follow. */
void random_bytes(void *buf, size_t len);
uint64_t random_u64(void);

struct siphash_key {
    uint64_t k0, k1;
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);
