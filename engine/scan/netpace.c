/* Turns are given out ahead of time, so that many hosts of one network wait each for its own moment
 * and none asks in vain.  The table does not grow: networks that share a slot share its rate, which
 * is slower than allowed and never faster. */
#include "engine/scan/netpace.h"

#include <string.h>

#define BURST 4 /* turns that may follow each other at once after a silence */

void netpace_init(struct netpace *p, double rate, uint64_t seed)
{
    memset(p, 0, sizeof *p);
    if (rate > 0)
        p->interval = (usec_t)((double)USEC_PER_SEC / rate);
    p->key = (struct siphash_key){seed, 0x6e657470616365ULL};
}

usec_t netpace_turn(struct netpace *p, const struct addr *a, usec_t now)
{
    size_t len = a->family == ADDR_V6 ? 8 : 3;
    usec_t *next = &p->next[siphash(&p->key, a->b, len) % NETPACE_SLOTS];
    usec_t saved = (BURST - 1) * p->interval, turn;

    if (!p->interval)
        return now;
    if (*next + saved < now)
        *next = now - (saved < now ? saved : now);
    turn = *next > now ? *next : now;
    *next += p->interval;
    return turn;
}
