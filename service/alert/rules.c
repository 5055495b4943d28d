/* The first stage of the pipeline: from events to notices.
 *
 * All of it happens in the database (alert.think): it reads the log behind its cursor, decides,
 * writes notices and moves the cursor, in one transaction, so an event is decided exactly once
 * whatever dies.  Here is only when it is asked: when somebody says that there are events, when
 * something falls due (a group has waited long enough, a digest is to be sent), and every poll for
 * all that nobody says.  Several processes may ask; one at a time gets to work. */
#include "service/alert/alert_priv.h"

#include "engine/base/log.h"

#include <errno.h>
#include <string.h>

#define THINK_LIMIT "1000"
#define AGAIN_USEC  (5 * USEC_PER_SEC)

static void rules_wait(struct alert *a, const struct db_rows *rows)
{
    const char *next = db_rows_text(rows, 0, 2);
    double seconds = next ? strtod(next, NULL) : -1;

    if (!next || seconds > 86400) {
        timer_stop(a->loop, &a->think_timer);
        return;
    }
    (void)!timer_set(a->loop, &a->think_timer,
                     seconds > 0 ? (usec_t)(seconds * (double)USEC_PER_SEC) + 1 : 0);
}

/* What is refused for the events' sake is not mended by waiting: the next one is decided alone, and
 * passed over when it is the one. */
static void think_later(struct alert *a, const char *why)
{
    if (!a->think_complained)
        log_event(LOG_ERR, "alert rules cannot be applied, will try again", "ERROR", why);
    a->think_complained = true;
    (void)!timer_set(a->loop, &a->think_timer, AGAIN_USEC);
}

static void on_passed_over(struct call *c, int status, const struct db_rows *rows,
                           const struct err *e)
{
    struct alert *a = c->alert;
    const char *id = db_rows_text(rows, 0, 2), *why = db_rows_text(rows, 0, 3);

    a->thinking = false;
    if (a->stopping) {
        alert_check_stopped(a);
        return;
    }
    if (status < 0 || !db_rows_bool(rows, 0, 0)) {
        think_later(a, status < 0 ? err_text(e) : why);
        return;
    }
    if (id)
        log_event(LOG_ERR,
                  "the rules cannot decide about an event, it goes to every endpoint as it is",
                  "EVENT_ID", id, "SEQ", db_rows_text(rows, 0, 1), "ERROR", why);
    alert_deliver(a);
    rules_think(a);
}

static void think_refused(struct alert *a, int status, const struct err *e)
{
    struct db_call q = {.sql = "SELECT * FROM alert.pass_over()"};

    if (status == -ECONNRESET || status == -ETIMEDOUT || status == -EAGAIN)
        (void)!timer_set(a->loop, &a->think_timer, AGAIN_USEC);
    else if (status == -ESRCH || alert_call(a, NULL, &q, on_passed_over) < 0)
        think_later(a, err_text(e));
    else
        a->thinking = true;
}

static void on_thought(struct call *c, int status, const struct db_rows *rows, const struct err *e)
{
    struct alert *a = c->alert;

    a->thinking = false;
    if (a->stopping) {
        alert_check_stopped(a);
        return;
    }
    if (status < 0) {
        think_refused(a, status, e);
        return;
    }
    a->think_complained = false;
    if (db_rows_int(rows, 0, 0, 0) > 0)
        alert_deliver(a);
    if (db_rows_bool(rows, 0, 1) || a->think_again)
        rules_think(a);
    else
        rules_wait(a, rows);
}

void rules_think(struct alert *a)
{
    struct db_call q = {.sql = "SELECT * FROM alert.think(" THINK_LIMIT ")"};

    if (a->stopping || a->db_down)
        return;
    if (a->thinking || a->rules || (a->n_endpoints && !a->taken_once)) { /* first things first */
        a->think_again = true;
        return;
    }
    a->think_again = false;
    if (alert_call(a, NULL, &q, on_thought) == 0)
        a->thinking = true;
}

/* ---- the configuration */

static void on_brought(struct call *c, int status, const struct db_rows *rows, const struct err *e)
{
    struct alert *a = c->alert;

    a->bringing = false;
    if (a->stopping) {
        alert_check_stopped(a);
        return;
    }
    if (status == -ECONNRESET || status == -ETIMEDOUT || status == -EAGAIN)
        return; /* the next heartbeat tries again */
    if (status < 0)
        log_event(LOG_ERR, "the routes of alerts were not taken, those from before stay", "ERROR",
                  err_text(e));
    else if (db_rows_bool(rows, 0, 0))
        log_event(LOG_INFO, "the routes of alerts have changed", "HOLDER", a->holder);
    free(a->rules);
    a->rules = NULL;
    rules_think(a);
}

void rules_bring(struct alert *a)
{
    const char *params[] = {a->holder, a->rules};
    struct db_call q = {.sql = "SELECT alert.sync_rules($1, $2::jsonb)",
                        .params = params,
                        .n_params = ARRAY_LEN(params),
                        .flags = DB_RETRY};

    if (!a->rules || a->bringing || a->stopping)
        return;
    if (alert_call(a, NULL, &q, on_brought) == 0)
        a->bringing = true;
}

void rules_on_timer(struct timer *t)
{
    rules_think(CONTAINER_OF(t, struct alert, think_timer));
}
