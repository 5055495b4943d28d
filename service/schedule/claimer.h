/* When to ask the database for work, and for how much: one for each kind of resource (scanner,
 * script workers).
 *
 * Work is asked for when there is room and something is due; after an empty answer not before the
 * next row is due, and every CLAIM_POLL at the latest, because others write to the schedule too
 * (rescan, new ports).  A failure pauses, longer each time. Pure policy: who embeds it asks the
 * database, so that tests need none. */
#pragma once

#include "engine/loop/loop.h"

#define CLAIM_POLL        (2 * USEC_PER_SEC)
#define CLAIM_SOON        (100 * USEC_PER_MSEC)
#define CLAIM_BACKOFF     USEC_PER_SEC
#define CLAIM_BACKOFF_MAX (30 * USEC_PER_SEC)

struct claimer {
    /* Asks for at most n; claimer_answer() must follow, later.  A negative errno: could not ask. */
    int (*ask)(struct claimer *c, unsigned n);
    struct loop *loop;
    struct timer timer;
    unsigned capacity, used;
    unsigned failures;
    bool enabled, asking, again;
};

void claimer_init(struct claimer *c, struct loop *l, unsigned capacity,
                  int (*ask)(struct claimer *c, unsigned n));
void claimer_stop(struct claimer *c); /* an answer may still come */

void claimer_enable(struct claimer *c); /* the database is there: asks at once */
void claimer_disable(struct claimer *c);
/* Something may be due: ask now, or as soon as the answer under way is there. */
void claimer_poke(struct claimer *c);
void claimer_resize(struct claimer *c, unsigned capacity);

/* status < 0: no answer.  taken: how many rows are ours now; next_due as store_claim_cb. */
void claimer_answer(struct claimer *c, int status, unsigned taken, usec_t next_due);
/* One of ours has ended. */
void claimer_release(struct claimer *c);
