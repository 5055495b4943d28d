/* Questions of the command line about incidents and decisions, and what people tell the rules.  The
 * functions are in migrations/0053_people.sql. */
#include "service/alert/rules_ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ASK_USEC (30 * USEC_PER_SEC)

static void seconds_text(char ret[32], usec_t span)
{
    snprintf(ret, 32, "%.6f", (double)span / (double)USEC_PER_SEC);
}

int silence_add(struct db *d, const struct silence_words *w, int64_t *ret, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char span[32];
    const char *params[] = {w->match,  w->from,   w->span ? span : NULL,         w->until,
                            w->author, w->reason, w->lasting ? "true" : "false", w->on_end};
    struct db_call q = {.sql =
                            "SELECT alert.add_silence($1::jsonb, f, COALESCE($4::timestamptz, f + "
                            "make_interval(secs => $3::float8)), $5, $6, $7::bool, $8) "
                            "FROM (SELECT COALESCE($2::timestamptz, now()) AS f) x",
                        .params = params,
                        .n_params = ARRAY_LEN(params)};
    int r;

    seconds_text(span, w->span);
    r = db_ask(d, &q, ASK_USEC, &rows, e);
    if (r == 0)
        *ret = db_rows_int(rows, 0, 0, 0);
    return r;
}

int window_add(struct db *d, const struct window_words *w, int64_t *ret, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char span[32];
    const char *params[] = {w->match,  w->days,   w->start, w->zone,  span,
                            w->author, w->reason, w->until, w->on_end};
    struct db_call q = {.sql = "SELECT alert.add_window($1::jsonb, $2::int4[], $3::time, $4, "
                               "make_interval(secs => $5::float8), $6, $7, $8::timestamptz, $9)",
                        .params = params,
                        .n_params = ARRAY_LEN(params)};
    int r;

    seconds_text(span, w->span);
    r = db_ask(d, &q, ASK_USEC, &rows, e);
    if (r == 0)
        *ret = db_rows_int(rows, 0, 0, 0);
    return r;
}

static int end(struct db *d, const char *sql, const char *what, const char *id, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct db_call q = {.sql = sql, .params = &id, .n_params = 1};
    int r = db_ask(d, &q, ASK_USEC, &rows, e);

    if (r < 0)
        return r;
    return db_rows_bool(rows, 0, 0)
               ? 0
               : err_set(e, -ENOENT, "there is no %s %.20s, or it has ended", what, id);
}

int silence_end(struct db *d, const char *id, struct err *e)
{
    return end(d, "SELECT alert.end_silence($1::int4)", "silence", id, e);
}

int window_end(struct db *d, const char *id, struct err *e)
{
    return end(d, "SELECT alert.end_window($1::int4)", "window", id, e);
}

int rules_list(struct db *d, enum rules_list what, bool all, struct db_rows **ret, struct err *e)
{
    static const char *const sql[][2] = {
        [RULES_SILENCES] = {"SELECT silence, state, what, author, reason, from_at, until_at, kept "
                            "FROM report.silence WHERE state IN ('active', 'to come') ORDER BY 1",
                            "SELECT silence, state, what, author, reason, from_at, until_at, kept "
                            "FROM report.silence ORDER BY 1"},
        [RULES_WINDOWS] = {"SELECT \"window\", state, what, times, seconds, author, reason, "
                           "until_at, kept FROM report.maintenance WHERE state IN ('open', "
                           "'closed') ORDER BY 1",
                           "SELECT \"window\", state, what, times, seconds, author, reason, "
                           "until_at, kept FROM report.maintenance ORDER BY 1"},
        [RULES_INCIDENTS] = {"SELECT incident, state, severity, zone, route, key, opened_at, "
                             "updated_at, events, messages, summary FROM report.incident "
                             "WHERE state <> 'resolved' ORDER BY 1 DESC LIMIT 200",
                             "SELECT incident, state, severity, zone, route, key, opened_at, "
                             "updated_at, events, messages, summary FROM report.incident "
                             "ORDER BY 1 DESC LIMIT 200"},
    };
    struct db_call q = {.sql = sql[what][all]};

    return db_ask(d, &q, ASK_USEC, ret, e);
}

int rules_why(struct db *d, const char *about, const char *what, struct db_rows **ret,
              struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct db_call q = {.params = &what, .n_params = 1};
    int r;

    if (strcmp(about, "alert") == 0)
        q.sql = "SELECT at, step, detail FROM alert.why($1)";
    else if (strcmp(about, "incident") == 0)
        q.sql = "SELECT at, step, detail FROM alert.why_incident($1)";
    else
        return err_set(e, -EINVAL, "'%.20s': expected 'alert' or 'incident'", about);
    r = db_ask(d, &q, ASK_USEC, &rows, e);
    if (r < 0)
        return r;
    if (!db_rows_count(rows))
        return err_set(e, -ENOENT, "there is no %s '%.63s'", about, what);
    *ret = take(&rows);
    return 0;
}
