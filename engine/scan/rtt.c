/* See rtt.h.  The retransmission count follows from the measured loss and not from a fixed number,
 * because on a clean network every further try is wasted on silent ports, and on a lossy one three
 * are too few. */
#include "engine/scan/rtt.h"

#define MISS_WANTED 2e-5
/* Weight of the assumption that there is loss: 1 of 40 lost. */
#define PRIOR_LOST  0.5
#define PRIOR_TOTAL 20.0

void rtt_add(struct rtt *r, usec_t sample)
{
    usec_t difference;

    if (sample == 0)
        sample = 1;
    if (!rtt_known(r)) {
        r->smoothed = sample;
        r->variance = sample / 2;
        return;
    }
    difference = sample > r->smoothed ? sample - r->smoothed : r->smoothed - sample;
    r->variance = (3 * r->variance + difference) / 4;
    r->smoothed = (7 * r->smoothed + sample) / 8;
    if (r->smoothed == 0)
        r->smoothed = 1;
}

usec_t rtt_timeout(const struct rtt *r, usec_t min, usec_t max)
{
    usec_t t = r->smoothed + 4 * r->variance;

    return t < min ? min : t > max ? max : t;
}

void loss_add(struct loss *l, unsigned try)
{
    l->answered++;
    l->lost += try;
}

void loss_add_lost(struct loss *l)
{
    l->lost++;
}

double loss_measured(const struct loss *l)
{
    return l->answered ? (double)l->lost / (double)(l->lost + l->answered) : 0;
}

unsigned loss_tries_for(const struct loss *l, double share, unsigned max)
{
    double lost =
        ((double)l->lost + PRIOR_LOST) / ((double)l->lost + (double)l->answered + PRIOR_TOTAL);
    double miss = share * lost * lost;
    unsigned tries = 2;

    for (; miss > MISS_WANTED && tries < max; tries++)
        miss *= lost;
    return tries < max ? tries : max;
}

unsigned loss_tries(const struct loss *l, unsigned max)
{
    return loss_tries_for(l, 1, max);
}
