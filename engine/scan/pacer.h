/* How fast to send: a token bucket whose rate follows the measured loss.
 *
 * The rate starts low (an eighth of the limit) and doubles while nothing is lost, then grows in
 * steps; when sentinels (probes of ports that are known to answer) go unanswered it is halved. Loss
 * that stays when the rate falls is the network's own and not our doing: the rate goes back to what
 * it was, and only loss beyond that counts. */
#pragma once

#include "engine/base/time.h"

#include <stdbool.h>

struct pacer {
    double rate; /* now, per second */
    double min, max;
    double tokens;
    usec_t filled; /* when tokens was right */

    bool slow_start;
    double baseline;             /* loss that does not depend on the rate */
    double loss_before;          /* what led to the last halving; 0: there is none to judge */
    double rate_before;          /* the first halving of those being judged was from here */
    unsigned cut_sent, cut_lost; /* sentinels since the last halving */

    uint32_t period; /* its number; 0 is none */
    usec_t period_start;
    unsigned sent, ok, lost; /* sentinels of this period */
    bool closed;             /* no further sentinel counts; outcomes are awaited */
};

/* min == max fixes the rate. */
void pacer_init(struct pacer *p, double min, double max, usec_t now);
/* For a part of the whole that has lost `loss` of its sentinels at `rate`: begins at half of that,
 * and judges whether it helped. */
void pacer_init_after_loss(struct pacer *p, double max, double rate, double loss, usec_t now);
/* Takes a token.  False: none is there, wait pacer_wait(). */
bool pacer_take(struct pacer *p, usec_t now);
/* Until two milliseconds' worth of tokens (at least one) is there. */
usec_t pacer_wait(struct pacer *p, usec_t now);

enum pacer_outcome { PACER_ANSWERED, PACER_LOST };
/* One probe in so many should be a sentinel. */
unsigned pacer_sentinel_every(const struct pacer *p);
/* A sentinel goes out.  Returns the period to give back with its outcome. */
uint32_t pacer_sentinel_sent(struct pacer *p, usec_t now);
void pacer_sentinel_done(struct pacer *p, enum pacer_outcome outcome, uint32_t period, usec_t now);
/* It proves nothing: as if it had not been sent. */
void pacer_sentinel_void(struct pacer *p, uint32_t period, usec_t now);
/* What it was slowed down for is the loss of a part that has a pacer of its own now: as before. */
void pacer_resume(struct pacer *p, usec_t now);
/* We dropped frames ourselves: halves at once. */
void pacer_overload(struct pacer *p, usec_t now);
