/* `muster changes`, `diff` and `changes --follow`.
 *
 * What is listed is the news: edges against an inventory that had been taken before.  A first
 * inventory and the details of another change (the ports of a host that appeared) come with --all.
 *
 * Following reads the ledger in the order in which it became visible (report.changes_after), not by
 * its ids: those are handed out before the commit, and a reader of ids loses what commits late. */
#include "service/cli/verb_changes.h"
#include "service/cli/change_form.h"
#include "service/cli/db.h"
#include "service/cli/filter.h"
#include "service/cli/verb_db.h"

#include "engine/loop/loop.h"

#include <errno.h>
#include <string.h>

#define FOLLOW_EVERY (500 * USEC_PER_MSEC)
#define FOLLOW_ROWS  "500"

/* Columns of struct change, for a row c of report.change. */
#define GIST(side)                                                                                 \
    " CASE c.kind WHEN 'script' THEN c." side "->>'output'"                                        \
    " WHEN 'service' THEN concat_ws(' ', c." side "->>'name', c." side "->>'product', c." side     \
    "->>'version')"                                                                                \
    " WHEN 'holder' THEN COALESCE(c." side "->>'mac', 'asset ' || left(c." side "->>'asset', 8))"  \
    " WHEN 'port' THEN c." side "->>'state'"                                                       \
    " ELSE concat_ws(' ', c." side "->>'hostname', c." side "->>'mac', c." side                    \
    "->>'vendor') END,"

#define CHANGE_COLUMNS                                                                             \
    " c.at, c.zone, host(c.address), c.protocol, c.port,"                                          \
    " COALESCE(split_part(c.type, '.', 1), CASE c.kind WHEN 'presence' THEN 'host'"                \
    " WHEN 'holder' THEN 'host' WHEN 'text' THEN c.attribute ELSE c.kind END),"                    \
    " CASE WHEN c.kind IN ('script', 'policy') THEN c.attribute END,"                              \
    " CASE c.what WHEN 'unconfirmed' THEN c.what ELSE COALESCE(split_part(c.type, '.', 2),"        \
    " c.what) END," GIST("old")                                                                    \
        GIST("new") " COALESCE(c.new->>'service', c.old->>'service'),"                             \
                    " CASE WHEN c.new IS NULL THEN c.last_seen END, c.old::text, c.new::text,"     \
                    " c.tx::text, c.change_id, c.news"

/* Edges of facts, and of rows of policies. */
#define SHARED_COLUMNS                                                                             \
    "noted_at, at, zone, address, protocol, port, kind, attribute, what, news, type, old, new,"    \
    " last_seen, tx, change_id"
#define EVERY_CHANGE                                                                               \
    " FROM (SELECT " SHARED_COLUMNS " FROM report.change UNION ALL SELECT " SHARED_COLUMNS         \
    " FROM report.policy_change) c"

/* Whether a filter takes a row; the numbers of its parameters: network, pattern, port, protocol. */
#define MATCHES(n, p, t, o)                                                                        \
    " (" n "::inet IS NULL OR c.address <<= " n "::inet) AND (" t "::int4 IS NULL OR c.port = " t  \
    "::int4) AND (" o "::text IS NULL OR c.protocol = " o ") AND (" p "::text IS NULL"             \
    " OR concat_ws(' '," GIST("old")                                                               \
        GIST("new") " host(c.address), c.attribute, c.type,"                                       \
                    " c.new->>'service', c.old->>'service') ILIKE " p                              \
                    " OR EXISTS (SELECT FROM report.host h"                                        \
                    " LEFT JOIN report.annotation n USING (asset_id) WHERE h.zone = c.zone"        \
                    " AND h.address = c.address AND concat_ws(' ', h.hostname, h.mac, n.label) "   \
                    "ILIKE " p "))"

enum { COLUMN_TX = 14, COLUMN_ID = 15, COLUMN_NEWS = 16, COLUMN_MATCHES = 17 };

static void change_of_row(struct change *c, struct cli_db *x, const struct db_rows *r, size_t row)
{
    *c = (struct change){
        .at = db_rows_text(r, row, 0),
        .zone = db_rows_text(r, row, 1),
        .address = db_rows_text(r, row, 2),
        .protocol = db_rows_text(r, row, 3),
        .port = db_rows_text(r, row, 4),
        .kind = db_rows_text(r, row, 5),
        .name = db_rows_text(r, row, 6),
        .what = db_rows_text(r, row, 7),
        .old_value = db_rows_text(r, row, 8),
        .new_value = db_rows_text(r, row, 9),
        .service = db_rows_text(r, row, 10),
        .seen = db_rows_text(r, row, 11),
        .old_json = db_rows_text(r, row, 12),
        .new_json = db_rows_text(r, row, 13),
    };
    if (!c->service && c->kind && strcmp(c->kind, "port") == 0)
        c->service = cli_port_name(x, c->protocol, c->port);
}

static void writer_init(struct change_writer *w, const struct db_args *a)
{
    int form = a->format ? change_form_from(a->format) : CHANGE_TEXT;

    *w = (struct change_writer){.form = a->json ? CHANGE_JSON : (enum change_form)form,
                                .style = table_style_for(stdout, false)};
}

static int ask_zones(struct cli_db *x, struct change_writer *w, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = cli_ask(x, "SELECT count(DISTINCT zone) > 1 FROM report.coverage", NULL, 0, &rows, e);

    if (r == 0)
        w->many_zones = db_rows_bool(rows, 0, 0);
    return r;
}

static const char list_sql[] =
    "SELECT" CHANGE_COLUMNS EVERY_CHANGE
    " WHERE c.noted_at > $1::timestamptz AND ($2::timestamptz IS NULL OR c.noted_at <= $2)"
    " AND ($3::text IS NULL OR c.zone = $3) AND ($4::bool OR c.news)"
    " AND ($5::xid8 IS NULL OR c.tx < $5) AND" MATCHES(
        "$6", "$7", "$8", "$9") " ORDER BY c.noted_at, c.tx, c.change_id";

/* ndiff groups by host. */
static const char ndiff_sql[] =
    "SELECT" CHANGE_COLUMNS EVERY_CHANGE
    " WHERE c.noted_at > $1::timestamptz AND ($2::timestamptz IS NULL OR c.noted_at <= $2)"
    " AND ($3::text IS NULL OR c.zone = $3) AND ($4::bool OR c.news)"
    " AND ($5::xid8 IS NULL OR c.tx < $5) AND" MATCHES(
        "$6", "$7", "$8", "$9") " ORDER BY c.zone, c.address, c.protocol NULLS FIRST, c.port, "
                                "c.noted_at, c.change_id";

/* The same columns of report.diff; what hangs on another line is left out. */
#define DIFF_SQL(order)                                                                            \
    "SELECT c.at, c.zone, host(c.address), c.protocol, c.port,"                                    \
    " CASE c.kind WHEN 'presence' THEN 'host' WHEN 'holder' THEN 'host' WHEN 'text'"               \
    " THEN c.attribute WHEN 'script' THEN CASE c.attribute WHEN 'ssl-cert' THEN 'certificate'"     \
    " WHEN 'ssh-hostkey' THEN 'hostkey' ELSE 'script' END ELSE c.kind END,"                        \
    " CASE WHEN c.kind = 'script' THEN c.attribute END, c.what," GIST("old")                       \
        GIST("new") " COALESCE(c.new->>'service', c.old->>'service'), NULL, c.old::text,"          \
                    " c.new::text, NULL, NULL, true"                                               \
                    " FROM report.diff($1::timestamptz, $2::timestamptz, $3) c"                    \
                    " WHERE ($4::bool OR NOT c.detail) AND concat($5::text, $6::text, $7::text, "  \
                    "$8::text, $9::text)"                                                          \
                    " = '' ORDER BY " order

static const char diff_sql[] = DIFF_SQL("c.at, c.zone, c.address, c.protocol NULLS FIRST, c.port");
static const char diff_ndiff_sql[] =
    DIFF_SQL("c.zone, c.address, c.protocol NULLS FIRST, c.port, c.kind, c.attribute");

/* News of the addresses of an asset ($1), as far as it was the asset's already; the latest first.
 */
static const char asset_sql[] =
    "SELECT" CHANGE_COLUMNS EVERY_CHANGE
    " WHERE" OF_ASSET("$1") " AND c.at <= COALESCE($2::timestamptz, 'infinity')"
                            " ORDER BY c.noted_at DESC, c.tx DESC, c.change_id DESC LIMIT $3::int8";

int changes_of_asset(struct cli_db *x, const char *id, const char *at, struct buf *out,
                     struct err *e)
{
    struct change_writer w = {.form = CHANGE_TEXT, .style = table_style_for(stdout, false)};
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *params[] = {id, at, "10"};
    int r = cli_ask(x, asset_sql, params, ARRAY_LEN(params), &rows, e);

    if (r < 0 || !db_rows_count(rows))
        return r;
    buf_str(out, w.style.mode != TABLE_TTY ? "\n"
                 : w.style.colour          ? "\n\x1b[1mCHANGES\x1b[0m\n"
                                           : "\nCHANGES\n");
    for (size_t i = db_rows_count(rows); i-- > 0;) {
        struct change c;

        change_of_row(&c, x, rows, i);
        change_write(out, &w, &c);
    }
    return 0;
}

struct range {
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
    const char *before_tx; /* NULL: all */
    bool has_to;
    bool net;                        /* what differs at its ends, rather than what happened in it */
    const char *name_from, *name_to; /* of its ends, for messages */
    struct filter filter;
};

static const char *range_sql(const struct range *g, enum change_form form)
{
    if (g->net)
        return form == CHANGE_NDIFF ? diff_ndiff_sql : diff_sql;
    return form == CHANGE_NDIFF ? ndiff_sql : list_sql;
}

/* On a terminal, where an empty answer looks like a hang. */
static void nothing_changed(struct buf *out, const struct range *g)
{
    buf_str(out, "no changes since ");
    table_time_text(out, g->from, TABLE_TTY);
    buf_str(out, "\n");
}

static int print_range(struct cli_db *x, const struct db_args *a, struct change_writer *w,
                       const struct range *g, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf out = {0};
    const struct filter *f = &g->filter;
    const char *params[] = {g->from,      g->has_to ? g->to : NULL,
                            a->zone,      a->all ? "t" : "f",
                            g->before_tx, f->network,
                            f->pattern,   f->port,
                            f->protocol};
    int r = cli_ask(x, range_sql(g, w->form), params, ARRAY_LEN(params), &rows, e);

    if (r < 0)
        return r;
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        struct change c;

        change_of_row(&c, x, rows, i);
        change_write(&out, w, &c);
        if (out.len > 65536)
            cli_print(&out);
    }
    if (!db_rows_count(rows) && a->zone)
        r = cli_zone_check(x, a->zone, e);
    if (!db_rows_count(rows) && r == 0 && w->style.mode == TABLE_TTY && w->form == CHANGE_TEXT)
        nothing_changed(&out, g);
    cli_print(&out);
    return db_rows_count(rows) ? EXIT_CHANGES : r;
}

static int range_make(struct range *g, const struct db_args *a, struct err *e)
{
    int r;

    if (!a->between[0])
        return cli_time(a->since ? a->since : "24h", "--since", g->from, e);
    if (a->since)
        return err_set(e, -EINVAL, "--since and --between exclude each other; give one");
    r = cli_time(a->between[0], g->name_from, g->from, e);
    if (r == 0)
        r = cli_time(a->between[1], g->name_to, g->to, e);
    g->has_to = true;
    if (r == 0 && strcmp(g->from, g->to) > 0)
        return err_set(e, -EINVAL, "%s: %s is later than %s", g->name_from, g->from, g->to);
    return r;
}

/* The last change that was read, of each list: facts, policies. */
struct follower {
    const struct filter *filter;
    struct {
        char tx[32], id[32];
    } at[2];
};

/* Changes of policies are few; their day is asked for because the table has no index by
 * transaction. */
static const char *const follow_sql[] = {
    "SELECT" CHANGE_COLUMNS "," MATCHES(
        "$3", "$4", "$5", "$6") " FROM report.changes_after($1::xid8, $2::int8, " FOLLOW_ROWS ") c",
    "SELECT" CHANGE_COLUMNS
    "," MATCHES("$3", "$4", "$5", "$6") " FROM report.policy_change c"
                                        " WHERE (c.tx, c.change_id) > ($1::xid8, $2::int8)"
                                        " AND c.tx < pg_snapshot_xmin(pg_current_snapshot()) AND "
                                        "c.at > now() - interval '1 day'"
                                        " ORDER BY c.tx, c.change_id LIMIT " FOLLOW_ROWS,
};

/* Everything that commits from now on is behind this point. */
static int follow_from_now(struct cli_db *x, struct follower *f, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = cli_ask(x, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text", NULL, 0, &rows, e);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(f->at); i++) {
        snprintf(f->at[i].tx, sizeof f->at[i].tx, "%s", db_rows_text(rows, 0, 0));
        snprintf(f->at[i].id, sizeof f->at[i].id, "0");
    }
    return 0;
}

static int follow_list(struct cli_db *x, const struct db_args *a, struct change_writer *w,
                       struct follower *f, size_t list, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf out = {0};
    const char *params[] = {f->at[list].tx,     f->at[list].id,  f->filter->network,
                            f->filter->pattern, f->filter->port, f->filter->protocol};
    int r = cli_ask(x, follow_sql[list], params, ARRAY_LEN(params), &rows, e);

    for (size_t i = 0; r == 0 && i < db_rows_count(rows); i++) {
        struct change c;

        change_of_row(&c, x, rows, i);
        snprintf(f->at[list].tx, sizeof f->at[list].tx, "%s", db_rows_text(rows, i, COLUMN_TX));
        snprintf(f->at[list].id, sizeof f->at[list].id, "%s", db_rows_text(rows, i, COLUMN_ID));
        if ((a->all || db_rows_bool(rows, i, COLUMN_NEWS)) &&
            db_rows_bool(rows, i, COLUMN_MATCHES) &&
            (!a->zone || (c.zone && strcmp(c.zone, a->zone) == 0)))
            change_write(&out, w, &c);
    }
    cli_print(&out);
    return r;
}

static int follow_once(struct cli_db *x, const struct db_args *a, struct change_writer *w,
                       struct follower *f, struct err *e)
{
    int r = 0;

    for (size_t list = 0; r == 0 && list < ARRAY_LEN(f->at); list++)
        r = follow_list(x, a, w, f, list, e);
    return r;
}

static void wait_turn(struct cli_db *x)
{
    usec_t until = loop_now(x->loop) + FOLLOW_EVERY;

    do
        loop_turn(x->loop, FOLLOW_EVERY / 5);
    while (loop_now(x->loop) < until);
}

/* Ends only when stdout does.  A database that goes away is told once, and waited for. */
static int follow(struct cli_db *x, const struct db_args *a, struct change_writer *w,
                  struct follower *f)
{
    bool lost = false;

    while (!ferror(stdout)) {
        struct err e = {0};
        int r = follow_once(x, a, w, f, &e);

        if (r < 0 && !lost)
            fprintf(stderr, "muster changes: %s; trying again\n", err_text(&e));
        if (r == 0 && lost)
            fprintf(stderr, "muster changes: the database is back\n");
        lost = r < 0;
        wait_turn(x);
    }
    return EXIT_ERROR;
}

static int changes_follow(struct verb_call *c, struct cli_db *x, struct change_writer *w,
                          struct range *g)
{
    const struct db_args *a = c->args;
    struct follower f = {.filter = &g->filter};
    struct err e = {0};

    if (g->has_to)
        return verb_fail(c, (err_set(&e, -EINVAL, "--follow has no end; leave out --between"), &e));
    if (ask_zones(x, w, &e) < 0 || follow_from_now(x, &f, &e) < 0 ||
        (a->zone && cli_zone_check(x, a->zone, &e) < 0))
        return verb_fail(c, &e);
    g->before_tx = f.at[0].tx;
    if (a->since && print_range(x, a, w, g, &e) < 0)
        return verb_fail(c, &e);
    return follow(x, a, w, &f);
}

static int changes_print(struct verb_call *c, struct range *g)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    const struct db_args *a = c->args;
    struct change_writer w;
    struct err e = {0};
    int r;

    writer_init(&w, a);
    if (cli_db_open(&x, a, a->follow ? CLI_DB_STAY : CLI_DB_ONCE, &e) < 0)
        return verb_fail(c, &e);
    if (a->follow)
        return changes_follow(c, &x, &w, g);
    r = ask_zones(&x, &w, &e);
    if (r == 0)
        r = print_range(&x, a, &w, g, &e);
    return r < 0 ? verb_fail(c, &e) : r;
}

int verb_changes(struct verb_call *c)
{
    struct range g = {.name_from = "--between", .name_to = "--between"};
    struct err e = {0};

    if (range_make(&g, c->args, &e) < 0 ||
        filter_make(&g.filter, c->operands.n ? c->operands.values[0] : NULL, &e) < 0)
        return verb_fail(c, &e);
    return changes_print(c, &g);
}

int verb_diff(struct verb_call *c)
{
    struct db_args *a = c->args;
    struct range g = {.net = true, .name_from = "A", .name_to = "B"};
    struct err e = {0};

    a->between[0] = c->operands.values[0];
    a->between[1] = c->operands.n > 1 ? c->operands.values[1] : "now";
    if (!a->format)
        a->format = "ndiff";
    if (range_make(&g, a, &e) < 0)
        return verb_fail(c, &e);
    return changes_print(c, &g);
}
