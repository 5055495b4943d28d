/* See claimer.h.  One question is under way at a time; a poke meanwhile is remembered, because the
 * answer may already have been made when the row became due. */
#include "service/schedule/claimer.h"

#include "engine/base/cleanup.h"

#include <stddef.h>

static void claimer_ask(struct claimer *c);

static void claimer_wait(struct claimer *c, usec_t span)
{
    if (c->enabled && timer_set(c->loop, &c->timer, span) < 0)
        c->enabled = false; /* out of memory: claimer_enable() comes with the next connection */
}

static usec_t backoff(unsigned failures)
{
    usec_t span = CLAIM_BACKOFF << (failures < 5 ? failures : 5);

    return span < CLAIM_BACKOFF_MAX ? span : CLAIM_BACKOFF_MAX;
}

static void claimer_failed(struct claimer *c)
{
    claimer_wait(c, backoff(c->failures));
    c->failures++;
}

static void claimer_ask(struct claimer *c)
{
    if (!c->enabled || c->asking || c->used >= c->capacity)
        return;
    timer_stop(c->loop, &c->timer);
    c->asking = true;
    c->again = false;
    if (c->ask(c, c->capacity - c->used) < 0) {
        c->asking = false;
        claimer_failed(c);
    }
}

static void claimer_fire(struct timer *t)
{
    claimer_ask(CONTAINER_OF(t, struct claimer, timer));
}

void claimer_init(struct claimer *c, struct loop *l, unsigned capacity,
                  int (*ask)(struct claimer *c, unsigned n))
{
    *c = (struct claimer){.ask = ask, .loop = l, .capacity = capacity};
    c->timer.fire = claimer_fire;
}

void claimer_stop(struct claimer *c)
{
    c->enabled = false;
    timer_stop(c->loop, &c->timer);
}

void claimer_enable(struct claimer *c)
{
    c->enabled = true;
    c->failures = 0;
    claimer_poke(c);
}

void claimer_disable(struct claimer *c)
{
    claimer_stop(c);
}

void claimer_poke(struct claimer *c)
{
    c->again = c->asking;
    claimer_ask(c);
}

void claimer_resize(struct claimer *c, unsigned capacity)
{
    c->capacity = capacity;
    claimer_poke(c);
}

void claimer_answer(struct claimer *c, int status, unsigned taken, usec_t next_due)
{
    c->asking = false;
    c->used += taken;
    if (status < 0) {
        claimer_failed(c);
        return;
    }
    c->failures = 0;
    if (c->again || (taken && next_due == 0))
        claimer_ask(c);
    if (c->asking)
        return;
    if (next_due == 0) /* due, but not for us now: another sensor is at it */
        next_due = CLAIM_SOON;
    claimer_wait(c, next_due < CLAIM_POLL ? next_due : CLAIM_POLL);
}

void claimer_release(struct claimer *c)
{
    c->used--;
    claimer_poke(c);
}
