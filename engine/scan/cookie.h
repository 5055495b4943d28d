/* Cookies: what makes a reply prove that it answers a probe of ours, without a table of probes.
 *
 * A probe's 32-bit number (TCP sequence or acknowledgment number) holds 12 bits of a keyed hash of
 * its target, the time of sending in units of 32 us modulo 4.2 s, and the try; the source port
 * holds 12 more bits of the hash. */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/random.h"
#include "engine/base/time.h"

#define COOKIE_PORTS   4096 /* source ports, from the base on */
#define COOKIE_TRY_MAX 7    /* tries are 0 .. 7 */

/* What the hash covers. */
struct cookie_of {
    struct addr addr;
    uint16_t port;
    uint8_t kind; /* enum probe_kind: one kind's reply never passes for another's */
};

struct cookie {
    uint32_t number;
    uint16_t sport; /* offset into the port range */
};

struct cookie cookie_make(const struct siphash_key *key, const struct cookie_of *of, unsigned try,
                          usec_t now);
/* True when `c` is a cookie of `of`; tells its try and how long ago it was made (up to 4.2 s). */
bool cookie_check(const struct siphash_key *key, const struct cookie_of *of, struct cookie c,
                  usec_t now, unsigned *ret_try, usec_t *ret_age);
/* The 64-bit hash itself, for probes that have room for it (echo payload). */
uint64_t cookie_hash(const struct siphash_key *key, const struct cookie_of *of);
