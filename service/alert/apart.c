/* Outcomes that the database refuses though it is well: some text or row of one message that it
 * does not take.
 *
 * The batch they were in goes message by message then (alert.record_apart), and they alone stay in
 * memory, with what stands behind them in its order, and hold the cursor: should this process end,
 * they are sent again, and what was delivered live behind them as well.  Every few seconds what was
 * refused goes with a batch once more.
 *
 * That has an end, as long as the database takes the outcomes of others: after a while, or when
 * the window has little room left for anything else, what was not delivered becomes a dead letter
 * by its place alone, and what was is passed over; of what cannot even be a dead letter the log is
 * the last word.  When it takes none at all, nothing is given up, and nothing more is sent. */
#include "engine/base/log.h"
#include "service/alert/alert_priv.h"

#include <string.h>

#define AGAIN_USEC (5 * USEC_PER_SEC)
#define SAID_MAX   10        /* lines about one batch */
#define ATTEMPTS   (1 << 20) /* bytes of refused attempts; what is more is only logged */

static const char *sentence(const char *aside, bool kept)
{
    if (aside && strcmp(aside, "dead") == 0)
        return "the database refuses the outcome of a delivery for good, the event is a dead "
               "letter (muster deliveries)";
    if (aside && strcmp(aside, "delivered") == 0)
        return "the database refuses the outcome of a delivery for good, the event was delivered "
               "and that is not recorded";
    if (aside)
        return "the database refuses the outcome of a delivery for good, the event was not "
               "delivered and is passed over (muster replay sends it)";
    return kept ? "the database refuses what was told of a delivery, its outcome alone is recorded"
                : "the database refuses the outcome of a delivery, which waits in memory; others "
                  "go on";
}

static void say_apart(const struct endpoint *ep, const struct db_rows *rows, size_t row,
                      const struct item *i)
{
    log_event(LOG_ERR, sentence(db_rows_text(rows, row, 4), db_rows_bool(rows, row, 1)), "ENDPOINT",
              ep->name, "SEQ", db_rows_text(rows, row, 0), "EVENT_ID", i ? i->id : NULL, "ERROR",
              db_rows_text(rows, row, 2));
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
        if (!i->apart)
            i->refused = loop_now(ep->alert->loop);
        i->apart = true;
    }
    (void)!timer_set(ep->alert->loop, &ep->again, AGAIN_USEC);
}

void apart_take(struct endpoint *ep, const struct db_rows *rows)
{
    bool said = ep->complained;

    for (size_t row = 0; row < db_rows_count(rows); row++) {
        int64_t seq = db_rows_int(rows, row, 0, 0);
        bool kept = db_rows_bool(rows, row, 1), aside = db_rows_text(rows, row, 4) != NULL;
        struct item *i = NULL;

        HASH_FIND(hh, ep->by_seq, &seq, sizeof seq, i);
        if (aside || ((kept || !said) && row < SAID_MAX))
            say_apart(ep, rows, row, i);
        ep->n_dead += aside && i && i->fate != FATE_DONE && i->fate != FATE_DEAD;
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

/* By what is recorded and has to stay, because the cursor cannot come by. */
const struct item *apart_crowding(const struct endpoint *ep)
{
    const struct item *first = TAILQ_FIRST(&ep->live), *i;
    size_t n = 0, bytes = 0;

    if (!first || !first->apart)
        return NULL;
    TAILQ_FOREACH (i, &ep->live, entry)
        if (i->state == ITEM_RECORDED) {
            n++;
            bytes += i->data_len;
        }
    return n >= WINDOW_ITEMS / 2 || bytes >= WINDOW_BYTES / 2 ? first : NULL;
}

bool apart_is_over(const struct item *i, const struct item *crowding)
{
    const struct alert *a = i->endpoint->alert;
    bool others = i->endpoint->taken > i->refused;

    return i->apart && others &&
           (i == crowding || loop_now(a->loop) - i->refused >= a->refused_for);
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
