/* Additive increase, multiplicative decrease, with a memory of what a decrease brought.
 *
 * A period gathers sentinels for PERIOD_MIN and until there are enough, then waits until each has
 * its outcome, then judges. A judgement before that would see the answers, which come at once, and
 * not the losses, which take a timeout to show. A network where nothing answers gives no sentinels
 * and no evidence: there the rate goes on to its limit. */
#include "engine/scan/pacer.h"

#define RATE_START       2000.0
#define START_SHARE      8 /* of the limit, when that is more */
#define RATE_FLOOR       100.0
#define PERIOD_MIN       (60 * USEC_PER_MSEC)
#define PERIOD_BLIND     (400 * USEC_PER_MSEC) /* without any sentinel */
#define PERIOD_MAX       (3000 * USEC_PER_MSEC)
#define SENTINELS_WANTED 400.0 /* per second; twice as many while the rate is searched for */
#define SAMPLES_MIN      32
#define LOSS_BEARABLE    0.02 /* beyond the baseline */
#define BURST_SECONDS    0.01
#define BATCH_SECONDS    0.002 /* what may go by then waits, and goes out in one call */
#define NEAR             0.75
/* A halving that leaves this much of the loss changed nothing. */
#define FUTILE       0.5
#define CUT_SAMPLES  96
#define BASELINE_MAX 0.3 /* a network that loses more on its own is not believed */

void pacer_init(struct pacer *p, double min, double max, usec_t now)
{
    *p = (struct pacer){.min = min > RATE_FLOOR ? min : RATE_FLOOR, .max = max, .filled = now};
    if (p->min > max)
        p->min = max;
    p->rate = max / START_SHARE > RATE_START ? max / START_SHARE : RATE_START;
    if (p->rate < p->min)
        p->rate = p->min;
    if (p->rate > max)
        p->rate = max;
    p->slow_start = true;
    p->period_start = now;
    p->period = 1;
    p->tokens = 1;
}

static void set_rate(struct pacer *p, double rate)
{
    p->rate = rate < p->min ? p->min : rate > p->max ? p->max : rate;
}

static void new_period(struct pacer *p, usec_t now)
{
    p->sent = p->ok = p->lost = 0;
    p->period_start = now;
    p->closed = false;
    p->period++;
}

/* A halving, to be judged by what is lost afterwards; loss 0: there is nothing to judge. */
static void halve(struct pacer *p, double loss, usec_t now)
{
    p->slow_start = false;
    if (p->loss_before <= 0)
        p->rate_before = p->rate;
    p->loss_before = loss;
    p->cut_sent = p->cut_lost = 0;
    set_rate(p, p->rate / 2);
    new_period(p, now);
}

void pacer_init_after_loss(struct pacer *p, double max, double rate, double loss, usec_t now)
{
    pacer_init(p, 0, max, now);
    set_rate(p, rate);
    halve(p, loss, now);
}

/* After a halving it goes up fast to near where it was, and gently from there on. */
static void grow(struct pacer *p, usec_t now)
{
    if (p->slow_start)
        set_rate(p, p->rate * 2);
    else if (p->rate < NEAR * p->rate_before)
        set_rate(p, p->rate * 1.4);
    else
        set_rate(p, p->rate * 1.1 + p->max * 0.01);
    new_period(p, now);
}

/* More than can be borne, and more than two standard deviations of chance beyond that. */
static bool is_excessive(const struct pacer *p, unsigned sent, unsigned lost)
{
    double expected = sent * (p->baseline * 1.2 + LOSS_BEARABLE);
    double beyond = lost - expected;

    return beyond > 0 && beyond * beyond > 4 * expected;
}

/* The network loses less than it did, by more than chance: the baseline is out of date. */
static bool is_better(const struct pacer *p)
{
    double expected = p->sent * p->baseline;
    double below = expected - p->lost;

    return below > 0 && below * below > 4 * expected;
}

/* Did the halving help?  Where a narrow place loses less than half, half the rate fits through it
 * and loses nothing; what stays is the network's own loss, and the rate is as it was. */
static void judge_cut(struct pacer *p, usec_t now)
{
    double loss;

    p->cut_sent += p->sent;
    p->cut_lost += p->lost;
    if (p->cut_sent < CUT_SAMPLES) {
        new_period(p, now);
        return;
    }
    loss = (double)p->cut_lost / p->cut_sent;
    if (loss < BASELINE_MAX && loss - p->baseline >= FUTILE * (p->loss_before - p->baseline)) {
        p->baseline = loss;
        p->loss_before = 0;
        p->slow_start = true;
        set_rate(p, p->rate_before);
        new_period(p, now);
    } else if (is_excessive(p, p->cut_sent, p->cut_lost) && p->rate > p->min) {
        halve(p, loss, now);
    } else {
        p->loss_before = 0;
        grow(p, now);
    }
}

/* All outcomes of the period are there. */
static void judge(struct pacer *p, usec_t now)
{
    double loss = p->sent ? (double)p->lost / p->sent : 0;

    if (p->loss_before > 0) {
        judge_cut(p, now);
        return;
    }
    if (is_excessive(p, p->sent, p->lost) && p->rate > p->min) {
        halve(p, loss, now);
        return;
    }
    if (is_better(p))
        p->baseline = (p->baseline + loss) / 2;
    grow(p, now);
}

static void check_period(struct pacer *p, usec_t now)
{
    usec_t age = now - p->period_start;

    if (p->sent >= SAMPLES_MIN ? age >= PERIOD_MIN : p->sent ? age >= PERIOD_MAX : false)
        p->closed = true;
    if (!p->sent && age >= PERIOD_BLIND)
        grow(p, now);
    else if (p->closed && p->ok + p->lost == p->sent)
        judge(p, now);
}

static void refill(struct pacer *p, usec_t now)
{
    double most = p->rate * BURST_SECONDS;

    check_period(p, now);
    p->tokens += (double)(now - p->filled) * p->rate / (double)USEC_PER_SEC;
    p->filled = now;
    if (most < 1)
        most = 1;
    if (p->tokens > most)
        p->tokens = most;
}

bool pacer_take(struct pacer *p, usec_t now)
{
    if (now > p->filled)
        refill(p, now);
    if (p->tokens < 1 - 1e-9)
        return false;
    p->tokens -= 1;
    return true;
}

usec_t pacer_wait(struct pacer *p, usec_t now)
{
    double batch = p->rate * BATCH_SECONDS, want = batch > 1 ? batch : 1;

    if (now > p->filled)
        refill(p, now);
    if (p->tokens >= want)
        return 0;
    return 1 + (usec_t)((want - p->tokens) / p->rate * (double)USEC_PER_SEC);
}

unsigned pacer_sentinel_every(const struct pacer *p)
{
    bool searching = p->slow_start ? p->rate < p->max : p->loss_before > 0;
    double every = p->rate / (searching ? 2 * SENTINELS_WANTED : SENTINELS_WANTED);

    /* Where the limit is low, nothing is gained by knowing exactly. */
    if (p->max < 2 * SENTINELS_WANTED)
        return 50;
    return every < 10 ? 10 : every > 100 ? 100 : (unsigned)every;
}

uint32_t pacer_sentinel_sent(struct pacer *p, usec_t now)
{
    check_period(p, now);
    if (p->closed)
        return 0;
    p->sent++;
    return p->period;
}

void pacer_sentinel_done(struct pacer *p, enum pacer_outcome outcome, uint32_t period, usec_t now)
{
    if (period != p->period)
        return;
    if (outcome == PACER_ANSWERED)
        p->ok++;
    else
        p->lost++;
    check_period(p, now);
}

void pacer_sentinel_void(struct pacer *p, uint32_t period, usec_t now)
{
    if (period != p->period || p->sent == 0)
        return;
    p->sent--;
    check_period(p, now);
}

void pacer_resume(struct pacer *p, usec_t now)
{
    p->loss_before = 0;
    p->slow_start = true;
    if (p->rate_before > p->rate)
        set_rate(p, p->rate_before);
    new_period(p, now);
}

void pacer_overload(struct pacer *p, usec_t now)
{
    p->loss_before = 0;
    halve(p, 0, now);
}
