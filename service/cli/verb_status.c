/* `muster status`: the one line that counts first, then how fresh the inventory is.
 *
 * --wait-baseline is for scripts that start musterd: the database may not even exist yet, so every
 * failure but a bad configuration means "not yet" until the time is over. */
#include "service/cli/db.h"
#include "service/cli/verb_db.h"

#include "engine/loop/loop.h"
#include "engine/model/finding.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define LOOK_EVERY (200 * USEC_PER_MSEC)

static const char counts_sql[] =
    "SELECT count(*) FILTER (WHERE what IN ('opened', 'returned')),"
    " count(*) FILTER (WHERE what IN ('changed', 'reassigned')),"
    " count(*) FILTER (WHERE what NOT IN ('opened', 'returned', 'changed', 'reassigned'))"
    " FROM report.change WHERE news AND noted_at > $1::timestamptz";

static const char totals_sql[] =
    "SELECT a.present, a.absent, a.unknown,"
    " (SELECT count(*) FROM report.service WHERE state = 'open'),"
    " (SELECT COALESCE(sum(doubts), 0) FROM report.coverage),"
    " (SELECT count(*) FROM report.coverage WHERE wanted_at < now() - every AND NOT running),"
    " (SELECT COALESCE(sum(waiting + retry), 0) FROM report.endpoint),"
    " (SELECT COALESCE(sum(dead), 0) FROM report.endpoint),"
    " (SELECT string_agg(endpoint || ' (' || state || ')', ', ' ORDER BY endpoint)"
    " FROM report.endpoint WHERE state NOT IN ('ok', 'throttled'))"
    " FROM (SELECT count(*) FILTER (WHERE state = 'present') AS present,"
    " count(*) FILTER (WHERE state = 'absent') AS absent,"
    " count(*) FILTER (WHERE state = 'unknown') AS unknown FROM report.asset) a";

/* Worst block of each pass: its age, and when the next visit is due; NULL: not before the ports of
 * its blocks were listed, to which there is no span. */
static const char passes_sql[] =
    "SELECT zone, pass, extract(epoch FROM now() - min(last_at))::float8,"
    " CASE WHEN min(due_at) < 'infinity'"
    " THEN extract(epoch FROM GREATEST(min(due_at) - now(), '0'))::float8 END,"
    " count(*), count(last_at),"
    " bool_or(running)"
    " FROM report.coverage GROUP BY zone, pass ORDER BY zone, pass";

static const char listeners_sql[] =
    "SELECT sensor, interface, up, why, frames, sightings, drops FROM report.listener"
    " ORDER BY sensor, interface";
static const char sensors_sql[] =
    "SELECT sensor, state, extract(epoch FROM now() - last_beat)::float8, visits_running,"
    " visits_overdue FROM report.sensor ORDER BY sensor";

/* The times as text: to the second, and how long ago. */
static const char refused_sql[] =
    "SELECT sensor, to_char(config_refused_at AT TIME ZONE 'UTC', "
    "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'),"
    " extract(epoch FROM now() - config_refused_at)::float8, config_why"
    " FROM report.sensor WHERE config_why IS NOT NULL ORDER BY sensor";

static const char baseline_sql[] =
    "SELECT count(*) > 0 AND count(*) = count(last_at), count(last_at), count(*)"
    " FROM report.coverage";

struct status {
    struct db_rows *counts, *totals, *passes, *listeners, *sensors, *refused;
    char since[TIME_TEXT_MAX];
    const char *window;
};

static void status_done(struct status *s)
{
    db_rows_free(s->counts);
    db_rows_free(s->totals);
    db_rows_free(s->passes);
    db_rows_free(s->listeners);
    db_rows_free(s->sensors);
    db_rows_free(s->refused);
}

/* Turns the loop for a while, so that a reconnect can happen and nothing blocks. */
static void linger(struct loop *l, usec_t span)
{
    usec_t until = loop_now(l) + span;

    do
        loop_turn(l, LOOK_EVERY / 4);
    while (loop_now(l) < until);
}

static bool is_done(struct cli_db *x, char *ret_state, size_t size, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;

    if (cli_ask(x, baseline_sql, NULL, 0, &rows, e) < 0)
        return false;
    snprintf(ret_state, size, "%s of %s first looks are done", db_rows_text(rows, 0, 1),
             db_rows_text(rows, 0, 2));
    return db_rows_bool(rows, 0, 0);
}

/* One try with a connection of its own: the database may be starting. */
static bool try_baseline(const struct db_args *a, char *state, size_t size, struct err *e)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};

    if (cli_db_open(&x, a, CLI_DB_ONCE, e) < 0 || !is_done(&x, state, size, e)) {
        if (e->code)
            snprintf(state, size, "%s", err_text(e));
        return false;
    }
    return true;
}

static int wait_baseline(const struct db_args *a, struct err *e)
{
    CLEANUP(cli_db_done) struct cli_db found = {0};
    CLEANUP(loop_freep) struct loop *l = NULL;
    char state[ERR_TEXT_MAX] = "", span[TIME_TEXT_MAX];
    usec_t until;
    int r = cli_db_find(&found, a, e); /* waiting does not mend a configuration */

    if (r == 0 && found.fault.code)
        r = err_set(e, found.fault.code, "%s", err_text(&found.fault));
    if (r == 0)
        r = loop_new(&l, e);
    if (r < 0)
        return r;
    for (until = loop_now(l) + a->wait_baseline;; linger(l, LOOK_EVERY)) {
        struct err why = {0};

        if (try_baseline(a, state, sizeof state, &why))
            return 0;
        if (loop_now(l) >= until)
            return err_set(e, -ETIMEDOUT, "the first inventory was not there after %s: %.400s",
                           span_format(a->wait_baseline, span), state);
    }
}

static int ask_all(struct cli_db *x, const struct db_args *a, struct status *s, struct err *e)
{
    const char *since = a->since ? a->since : "24h";
    const char *params[] = {s->since};
    usec_t span;
    int r = cli_time(since, "--since", s->since, e);

    s->window = span_parse(since, &span) == 0 ? since : NULL;
    if (r == 0)
        r = cli_ask(x, counts_sql, params, 1, &s->counts, e);
    if (r == 0)
        r = cli_ask(x, totals_sql, NULL, 0, &s->totals, e);
    if (r == 0)
        r = cli_ask(x, passes_sql, NULL, 0, &s->passes, e);
    if (r == 0)
        r = cli_ask(x, listeners_sql, NULL, 0, &s->listeners, e);
    if (r == 0)
        r = cli_ask(x, sensors_sql, NULL, 0, &s->sensors, e);
    if (r == 0)
        r = cli_ask(x, refused_sql, NULL, 0, &s->refused, e);
    return r;
}

/* Time passed since s->since, when it was given as a point. */
static void window_text(char ret[TIME_TEXT_MAX], struct cli_db *x, const struct status *s)
{
    usec_t from, now = loop_wall(x->loop);

    if (s->window)
        snprintf(ret, TIME_TEXT_MAX, "%s", s->window);
    else if (time_parse(s->since, &from) == 0 && now > from)
        span_format((now - from) / USEC_PER_SEC * USEC_PER_SEC, ret);
    else
        snprintf(ret, TIME_TEXT_MAX, "0s");
}

static void print_first_line(struct buf *out, struct cli_db *x, const struct status *s)
{
    char window[TIME_TEXT_MAX];

    window_text(window, x, s);
    buf_printf(out, "%" PRId64 " new, %" PRId64 " changed, %" PRId64 " gone since %s (window %s)\n",
               db_rows_int(s->counts, 0, 0, 0), db_rows_int(s->counts, 0, 1, 0),
               db_rows_int(s->counts, 0, 2, 0), s->since, window);
}

static void print_span(struct buf *out, const char *seconds)
{
    char text[TIME_TEXT_MAX];
    double s = seconds ? strtod(seconds, NULL) : 0;

    buf_str(out, span_format((usec_t)(s < 0 ? 0 : s) * USEC_PER_SEC, text));
}

static void print_pass(struct buf *out, const struct db_rows *p, size_t row)
{
    int64_t blocks = db_rows_int(p, row, 4, 0), visited = db_rows_int(p, row, 5, 0);

    buf_str(out, "  ");
    screen_text(out, db_rows_text(p, row, 0));
    buf_char(out, ' ');
    screen_text(out, db_rows_text(p, row, 1));
    if (visited < blocks) {
        buf_printf(out, ": first look, %" PRId64 " of %" PRId64 " blocks done", visited, blocks);
    } else {
        buf_str(out, ": looked at ");
        print_span(out, db_rows_text(p, row, 2));
        buf_str(out, " ago");
    }
    if (db_rows_bool(p, row, 6)) {
        buf_str(out, ", running\n");
        return;
    }
    if (db_rows_text(p, row, 3)) {
        buf_str(out, ", next in ");
        print_span(out, db_rows_text(p, row, 3));
    } else {
        buf_str(out, ", next when its ports are listed");
    }
    buf_char(out, '\n');
}

static void print_listener(struct buf *out, const struct db_rows *l, size_t row)
{
    int64_t frames = db_rows_int(l, row, 4, 0), sightings = db_rows_int(l, row, 5, 0);
    int64_t drops = db_rows_int(l, row, 6, 0);

    buf_str(out, row ? "  " : "listeners:\n  ");
    screen_text(out, db_rows_text(l, row, 0));
    buf_char(out, ' ');
    screen_text(out, db_rows_text(l, row, 1));
    if (db_rows_bool(l, row, 2))
        buf_str(out, ": up, ");
    else {
        buf_str(out, ": down (");
        screen_text(out, db_rows_text(l, row, 3));
        buf_str(out, "), ");
    }
    buf_printf(out, "%" PRId64 " frame%s, %" PRId64 " sighting%s", frames, frames == 1 ? "" : "s",
               sightings, sightings == 1 ? "" : "s");
    if (drops)
        buf_printf(out, ", %" PRId64 " frame%s dropped", drops, drops == 1 ? "" : "s");
    buf_char(out, '\n');
}

static void print_refused(struct buf *out, const struct db_rows *r, size_t row)
{
    buf_str(out, "sensor ");
    screen_text(out, db_rows_text(r, row, 0));
    buf_printf(out, ": the configuration file is not in force since %s (", db_rows_text(r, row, 1));
    print_span(out, db_rows_text(r, row, 2));
    buf_str(out, " ago), what held before goes on: ");
    screen_text(out, db_rows_text(r, row, 3));
    buf_char(out, '\n');
}

static void print_alerts(struct buf *out, const struct db_rows *t)
{
    int64_t waiting = db_rows_int(t, 0, 6, 0), dead = db_rows_int(t, 0, 7, 0);

    if (waiting)
        buf_printf(out, "alerts on their way: %" PRId64 "\n", waiting);
    if (dead)
        buf_printf(out, "%" PRId64 " alert%s given up ('muster deliveries', 'muster replay')\n",
                   dead, dead == 1 ? " was" : "s were");
    if (db_rows_text(t, 0, 8)) {
        buf_str(out, "endpoints in trouble: ");
        screen_text(out, db_rows_text(t, 0, 8));
        buf_str(out, " ('muster endpoint list')\n");
    }
}

static void print_sensor(struct buf *out, const struct db_rows *s, size_t row)
{
    bool lost = strcmp(db_rows_text(s, row, 1), "lost") == 0;

    buf_str(out, "  ");
    screen_text(out, db_rows_text(s, row, 0));
    if (lost) {
        buf_str(out, ": lost, last sign of life ");
        print_span(out, db_rows_text(s, row, 2));
        buf_str(out, " ago");
    } else {
        buf_str(out, ": alive");
    }
    if (db_rows_int(s, row, 3, 0))
        buf_printf(out, ", visits under way: %s", db_rows_text(s, row, 3));
    if (db_rows_int(s, row, 4, 0))
        buf_printf(out, " (%s overdue, the next sensor takes them)", db_rows_text(s, row, 4));
    buf_char(out, '\n');
}

static void print_rest(struct buf *out, const struct status *s)
{
    const struct db_rows *t = s->totals;

    buf_printf(out, "assets: %s present, %s absent, %s unknown; open ports: %s\n",
               db_rows_text(t, 0, 0), db_rows_text(t, 0, 1), db_rows_text(t, 0, 2),
               db_rows_text(t, 0, 3));
    if (db_rows_int(t, 0, 4, 0))
        buf_printf(out, "waiting for confirmation: %s\n", db_rows_text(t, 0, 4));
    if (db_rows_int(t, 0, 5, 0))
        buf_printf(out, "late: %s blocks were not looked at in time (is musterd running?)\n",
                   db_rows_text(t, 0, 5));
    for (size_t row = 0; row < db_rows_count(s->refused); row++)
        print_refused(out, s->refused, row);
    print_alerts(out, t);
    if (!db_rows_count(s->passes))
        buf_str(out, "nothing is scheduled: musterd has not taken over its configuration yet\n");
    else
        buf_str(out, "passes:\n");
    for (size_t row = 0; row < db_rows_count(s->passes); row++)
        print_pass(out, s->passes, row);
    for (size_t row = 0; row < db_rows_count(s->listeners); row++)
        print_listener(out, s->listeners, row);
    if (db_rows_count(s->sensors))
        buf_str(out, "sensors:\n");
    for (size_t row = 0; row < db_rows_count(s->sensors); row++)
        print_sensor(out, s->sensors, row);
}

static void json_refused(struct buf *out, const struct db_rows *r, size_t row)
{
    static const struct {
        const char *key;
        size_t column;
    } fields[] = {{"{\"sensor\":", 0}, {",\"since\":", 1}, {",\"why\":", 3}};

    buf_str(out, row ? "," : "");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        buf_str(out, fields[i].key);
        json_string(out, db_rows_text(r, row, fields[i].column),
                    db_rows_len(r, row, fields[i].column));
    }
    buf_char(out, '}');
}

static void print_json(struct buf *out, const struct status *s)
{
    static const char *const count_keys[] = {"new", "changed", "gone"};
    static const char *const total_keys[] = {"assets_present", "assets_absent", "assets_unknown",
                                             "ports_open",     "doubts",        "blocks_late",
                                             "alerts_waiting", "alerts_dead"};

    buf_printf(out, "{\"since\":\"%s\"", s->since);
    for (size_t i = 0; i < ARRAY_LEN(count_keys); i++)
        buf_printf(out, ",\"%s\":%s", count_keys[i], db_rows_text(s->counts, 0, i));
    for (size_t i = 0; i < ARRAY_LEN(total_keys); i++)
        buf_printf(out, ",\"%s\":%s", total_keys[i], db_rows_text(s->totals, 0, i));
    buf_str(out, ",\"configurations_refused\":[");
    for (size_t row = 0; row < db_rows_count(s->refused); row++)
        json_refused(out, s->refused, row);
    buf_str(out, "]}\n");
}

int verb_status(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    CLEANUP(status_done) struct status s = {0};
    CLEANUP(buf_done) struct buf out = {0};
    const struct db_args *a = c->args;
    struct err e = {0};

    if (a->wait_baseline && wait_baseline(a, &e) < 0)
        return verb_fail(c, &e);
    if (cli_db_open(&x, a, CLI_DB_ONCE, &e) < 0 || ask_all(&x, a, &s, &e) < 0)
        return verb_fail(c, &e);
    if (a->json) {
        print_json(&out, &s);
    } else {
        print_first_line(&out, &x, &s);
        print_rest(&out, &s);
    }
    cli_print(&out);
    return EXIT_NOTHING;
}
