/* Outcomes that the database refuses though it is well: some text or row of one message that it
 * does not take.
 *
 * The batch they were in goes message by message then (alert.record_apart), and they alone stay in
 * memory, with what stands behind them in its order, and hold the cursor: should this process end,
 * they are sent again, and what was delivered live behind them as well.  That bounds how long the
 * others go on: until the window is full (WINDOW_ITEMS).  Every few seconds what was refused goes
 * with a batch once more. */
#include "engine/base/log.h"
#include "service/alert/alert_priv.h"

#include <string.h>

#define AGAIN_USEC (5 * USEC_PER_SEC)
#define SAID_MAX   10        /* lines about one batch */
#define ATTEMPTS   (1 << 20) /* bytes of refused attempts; what is more is only logged */

static void say_apart(const struct endpoint *ep, const struct db_rows *rows, size_t row,
                      const struct item *i)
{
    log_event(
        LOG_ERR,
        db_rows_bool(rows, row, 1)
            ? "the database refuses what was told of a delivery, its outcome alone is recorded"
            : "the database refuses the outcome of a delivery, which waits in memory; others "
              "go on",
        "ENDPOINT", ep->name, "SEQ", db_rows_text(rows, row, 0), "EVENT_ID", i ? i->id : NULL,
        "ERROR", db_rows_text(rows, row, 2));
}

static void keep_attempts(struct endpoint *ep, const char *text)
{
    ep->apart.limit = ATTEMPTS;
    if (text && ep->apart.len + strlen(text) + 2 < ATTEMPTS)
        buf_printf(&ep->apart, "%s%s", ep->apart.len ? "," : "", text);
}

/* In memory alone from now on. */
static void take_one(struct endpoint *ep, struct item *i, const char *attempts)
{
    keep_attempts(ep, attempts);
    if (i && i->state == ITEM_RECORDING) {
        i->state = ITEM_FINISHED;
        i->apart = true;
    }
    (void)!timer_set(ep->alert->loop, &ep->again, AGAIN_USEC);
}

void apart_take(struct endpoint *ep, const struct db_rows *rows)
{
    bool said = ep->complained;

    for (size_t row = 0; row < db_rows_count(rows); row++) {
        int64_t seq = db_rows_int(rows, row, 0, 0);
        bool kept = db_rows_bool(rows, row, 1);
        struct item *i = NULL;

        HASH_FIND(hh, ep->by_seq, &seq, sizeof seq, i);
        if ((kept || !said) && row < SAID_MAX)
            say_apart(ep, rows, row, i);
        if (!kept) {
            take_one(ep, i, db_rows_text(rows, row, 3));
            ep->complained = true;
        }
    }
}

bool apart_waits(const struct item *i)
{
    const struct item *first = i->subject ? TAILQ_FIRST(&i->subject->items) : NULL;

    return i->apart || (first && first->apart);
}

void apart_on_again(struct timer *t)
{
    struct endpoint *ep = CONTAINER_OF(t, struct endpoint, again);

    ep->apart_due = true;
    record_soon(ep);
}

void apart_reset(struct endpoint *ep)
{
    timer_stop(ep->alert->loop, &ep->again);
    buf_clear(&ep->apart);
    ep->apart_due = ep->asunder = false;
}
