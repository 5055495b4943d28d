/* See cookie.h.  Each try has its own source port: a target that still holds the half-open
 * connection of an earlier try would answer a second SYN with another sequence number on the same
 * port by a bare ACK (RFC 5961), not by SYN-ACK. */
#include "engine/scan/cookie.h"

#include <string.h>

#define TRY_BITS  3
#define TIME_BITS 17
#define TIME_UNIT 32 /* us */
#define TIME_MASK ((1U << TIME_BITS) - 1)
#define LOW_BITS  (TRY_BITS + TIME_BITS)
#define LOW_MASK  ((1U << LOW_BITS) - 1)
#define PORT_STEP 769 /* coprime to COOKIE_PORTS */

uint64_t cookie_hash(const struct siphash_key *key, const struct cookie_of *of)
{
    uint8_t in[20];

    memcpy(in, of->addr.b, 16);
    in[16] = (uint8_t)(of->port >> 8);
    in[17] = (uint8_t)of->port;
    in[18] = of->kind;
    in[19] = of->addr.family;
    return siphash(key, in, sizeof in);
}

static uint16_t sport_of(uint64_t hash, unsigned try)
{
    return (uint16_t)((hash + try * PORT_STEP) % COOKIE_PORTS);
}

struct cookie cookie_make(const struct siphash_key *key, const struct cookie_of *of, unsigned try,
                          usec_t now)
{
    uint64_t hash = cookie_hash(key, of);
    uint32_t time = (uint32_t)(now / TIME_UNIT) & TIME_MASK;
    uint32_t low = time << TRY_BITS | (try & COOKIE_TRY_MAX);

    /* The low bits are masked with the hash, so that the time of this machine does not show. */
    return (struct cookie){
        .number = (uint32_t)(hash >> 32 & ~LOW_MASK) | ((uint32_t)(hash >> 32 & LOW_MASK) ^ low),
        .sport = sport_of(hash, try),
    };
}

bool cookie_check(const struct siphash_key *key, const struct cookie_of *of, struct cookie c,
                  usec_t now, unsigned *ret_try, usec_t *ret_age)
{
    uint64_t hash = cookie_hash(key, of);
    uint32_t low = (c.number ^ (uint32_t)(hash >> 32)) & LOW_MASK;
    unsigned try = low & COOKIE_TRY_MAX;

    if ((c.number ^ (uint32_t)(hash >> 32)) & ~LOW_MASK || c.sport != sport_of(hash, try))
        return false;
    *ret_try = try;
    *ret_age = (usec_t)(((uint32_t)(now / TIME_UNIT) - (low >> TRY_BITS)) & TIME_MASK) * TIME_UNIT;
    return true;
}
