/* Multiplicative slowing on lost controls, gentle quickening on answered ones.
 *
 * The first search goes in steps of four, because limits lie between thousands and one a second;
 * once it was too slow, in steps of two, and then it closes in on the limit more gently.  One lost
 * control is no evidence where the network loses packets: as many in a row are, as chance would
 * bring in fewer than one of a thousand cases. */
#include "engine/scan/hostpace.h"

#define INTERVAL_FIRST (1 * USEC_PER_MSEC)
#define INTERVAL_MAX   (1100 * USEC_PER_MSEC) /* a little slower than one a second */
#define CHANCE         1e-3
#define MISSES_MAX     4
#define LOST_MAX       12 /* in a row: the port answers no more, and is no control */

void hostpace_init(struct hostpace *p, usec_t base)
{
    *p = (struct hostpace){.base = base, .interval = base};
}

void hostpace_learn(struct hostpace *p, uint16_t port)
{
    if (p->known)
        return;
    p->known = true;
    p->port = port;
}

bool hostpace_control_due(struct hostpace *p, unsigned every, usec_t now)
{
    if (!p->known || p->waiting || ++p->since < every)
        return false;
    p->since = 0;
    p->waiting = true;
    p->sent = now;
    return true;
}

bool hostpace_is_early(const struct hostpace *p, usec_t now)
{
    return p->limited && now < p->sent + 2 * INTERVAL_MAX;
}

bool hostpace_answered(struct hostpace *p, uint16_t port)
{
    if (!p->waiting || p->port != port)
        return false;
    p->waiting = false;
    p->misses = p->lost = 0;
    p->recovered |= p->interval > p->base;
    p->interval -= p->interval / (p->settled ? 16 : 4);
    if (p->interval < p->base || p->interval < INTERVAL_FIRST)
        p->interval = p->base;
    return true;
}

bool hostpace_delayed(struct hostpace *p, uint16_t port, usec_t delay)
{
    if (!p->waiting || p->port != port)
        return false;
    p->sent += delay;
    return true;
}

static void slow_down(struct hostpace *p)
{
    p->misses = 0;
    p->settled = p->recovered;
    p->interval *= p->recovered ? 2 : 4;
    if (p->interval < INTERVAL_FIRST)
        p->interval = INTERVAL_FIRST;
    if (p->interval > INTERVAL_MAX)
        p->interval = INTERVAL_MAX;
}

static unsigned misses_wanted(double loss)
{
    double chance = loss;
    unsigned n = 1;

    /* On a clean network two, because there is no network without any loss. */
    for (; n < 2 || (chance > CHANCE && n < MISSES_MAX); n++)
        chance *= loss;
    return n;
}

void hostpace_expire(struct hostpace *p, usec_t timeout, double loss, usec_t now)
{
    if (!p->waiting || now - p->sent < timeout)
        return;
    p->waiting = false;
    p->doubt = p->limited = true;
    p->misses++;
    if (++p->lost >= LOST_MAX)
        hostpace_init(p, p->base);
    else if (p->misses >= misses_wanted(loss))
        slow_down(p);
}

usec_t hostpace_rest(const struct hostpace *p)
{
    return hostpace_holds(p) ? INTERVAL_MAX : 0;
}

bool hostpace_pass_counts(struct hostpace *p)
{
    bool doubt = p->doubt;

    p->doubt = false;
    p->since = 0;
    return !doubt;
}
