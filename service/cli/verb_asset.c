/* `muster asset WHAT`: everything about one asset on one page. */
#include "service/cli/asset_find.h"
#include "service/cli/change_form.h"
#include "service/cli/db.h"
#include "service/cli/scan_writer.h"
#include "service/cli/verb_changes.h"
#include "service/cli/verb_db.h"

#include <errno.h>
#include <string.h>

static const char json_sql[] =
    "SELECT jsonb_build_object('asset', (SELECT to_jsonb(a) FROM report.asset a"
    " WHERE a.asset_id = $1::uuid),"
    " 'hosts', (SELECT jsonb_agg(to_jsonb(h) ORDER BY h.address) FROM report.host h"
    " WHERE" AT_ASSET(
        "h",
        "$1") "),"
              " 'services', (SELECT COALESCE(jsonb_agg(to_jsonb(s) ORDER BY s.address, s.protocol, "
              "s.port),"
              " '[]') FROM report.service s WHERE" AT_ASSET(
                  "s",
                  "$1") "),"
                        " 'scripts', (SELECT COALESCE(jsonb_agg(to_jsonb(r) ORDER BY r.address, "
                        "r.port, r.script),"
                        " '[]') FROM report.script_result r WHERE" AT_ASSET(
                            "r",
                            "$1") "),"
                                  " 'changes', (SELECT COALESCE(jsonb_agg(to_jsonb(c) - 'tx' - "
                                  "'change_id' ORDER BY c.noted_at),"
                                  " '[]') FROM (SELECT c.* FROM report.change c WHERE" OF_ASSET(
                                      "$1") " ORDER BY c.noted_at DESC LIMIT 100) c),"
                                            " 'annotation', (SELECT to_jsonb(n) - 'asset_id' FROM "
                                            "report.annotation n WHERE "
                                            "n.asset_id = "
                                            "$1::uuid),"
                                            " 'approvals', (SELECT COALESCE(jsonb_agg(to_jsonb(q) "
                                            "- 'asset_id' ORDER BY "
                                            "q.made_at), '[]') "
                                            "FROM report.approval q"
                                            " WHERE q.asset_id = $1::uuid AND q.state <> "
                                            "'ended'))::text";

static const char head_sql[] =
    "SELECT a.name, a.state, a.zone, a.asset_id, array_to_string(a.macs, ' '), a.vendor,"
    " a.first_seen, a.last_seen, a.label, a.note, n.owner, n.criticality, n.expected_presence,"
    " array_to_string(n.tags, ' ') FROM report.asset a LEFT JOIN report.annotation n USING "
    "(asset_id)"
    " WHERE a.asset_id = $1::uuid";

static const char hosts_sql[] =
    "SELECT host(h.address), h.state, h.hostname, h.mac, h.vendor, h.reason, h.present_since,"
    " h.last_seen, h.last_checked FROM report.host h WHERE" AT_ASSET("h",
                                                                     "$1") " ORDER BY h.address";

/* The latest sighting of its addresses; of one address that may belong to no asset. */
static const char heard_sql[] =
    "SELECT max(l.last_heard) FROM report.heard l WHERE NOT l.answers AND" AT_ASSET("l", "$1");
static const char heard_only_sql[] =
    "SELECT zone, source, first_heard, last_heard, macs FROM report.heard"
    " WHERE host(address) = $1 AND ($2::text IS NULL OR zone = $2) ORDER BY zone";

static const char ports_sql[] =
    "SELECT host(s.address), s.port || '/' || s.protocol, s.state,"
    " concat(s.tunnel || '/', s.service), s.first_seen, s.last_seen,"
    " concat_ws(' ', s.product, s.version, '(' || s.extra || ')') FROM report.service s"
    " WHERE" AT_ASSET("s", "$1") " ORDER BY s.address, s.protocol, s.port";

static const char scripts_sql[] =
    "SELECT host(r.address), r.port || '/' || r.protocol, r.script, r.output,"
    " CASE WHEN r.errors > 0 THEN r.last_seen END"
    " FROM report.script_result r WHERE" AT_ASSET(
        "r", "$1") " ORDER BY r.address, r.port NULLS FIRST, r.script";

static const char approvals_sql[] =
    "SELECT COALESCE(p.port || '/' || p.protocol, p.policy), p.state, p.author, p.made_at, "
    "p.expires_at, p.reason"
    " FROM report.approval p WHERE p.asset_id = $1::uuid AND p.state <> 'ended'"
    " ORDER BY p.policy NULLS FIRST, p.protocol, p.port";

static const struct column approval_columns[] = {
    {"what", "APPROVED", COLUMN_TEXT},    {"state", "STATE", COLUMN_STATE},
    {"author", "BY", COLUMN_TEXT},        {"made_at", "ON", COLUMN_TIME},
    {"expires_at", "UNTIL", COLUMN_TIME}, {"reason", "REASON", COLUMN_TEXT},
};

static const struct column host_columns[] = {
    {"address", "ADDRESS", COLUMN_TEXT},
    {"state", "STATE", COLUMN_STATE},
    {"hostname", "NAME", COLUMN_TEXT},
    {"mac", "MAC", COLUMN_TEXT},
    {"vendor", "VENDOR", COLUMN_TEXT},
    {"reason", "BY", COLUMN_TEXT},
    {"present_since", "THERE SINCE", COLUMN_TIME},
    {"last_seen", "LAST SEEN", COLUMN_TIME},
    {"last_checked", "LOOKED AT", COLUMN_TIME},
};

static const struct column port_columns[] = {
    {"address", "ADDRESS", COLUMN_TEXT},       {"place", "PORT", COLUMN_TEXT},
    {"state", "STATE", COLUMN_STATE},          {"service", "SERVICE", COLUMN_TEXT},
    {"first_seen", "OPEN SINCE", COLUMN_TIME}, {"last_seen", "LAST SEEN", COLUMN_TIME},
    {"product", "PRODUCT", COLUMN_TEXT},
};

/* The same with a time, $2. */
static const char json_at_sql[] =
    "SELECT jsonb_build_object('at', $2::timestamptz, 'asset', (SELECT to_jsonb(a)"
    " FROM report.asset_at($2::timestamptz, NULL, $1::uuid) a),"
    " 'hosts', (SELECT jsonb_agg(to_jsonb(h)) FROM report.host_at($2::timestamptz, NULL, NULL,"
    " $1::uuid) h), 'services', (SELECT COALESCE(jsonb_agg(to_jsonb(s)), '[]')"
    " FROM report.service_at($2::timestamptz, NULL, NULL, $1::uuid) s),"
    " 'scripts', (SELECT COALESCE(jsonb_agg(to_jsonb(r)), '[]')"
    " FROM report.script_result_at($2::timestamptz, NULL, NULL, $1::uuid) r))::text";

static const char head_at_sql[] =
    "SELECT a.name, a.state, a.zone, a.asset_id, array_to_string(a.macs, ' '), a.vendor,"
    " a.first_seen, a.last_seen, a.label, a.note"
    " FROM report.asset_at($2::timestamptz, NULL, $1::uuid) a";

static const char hosts_at_sql[] =
    "SELECT host(h.address), h.state, h.hostname, h.mac, h.vendor, NULL, h.present_since,"
    " h.last_seen, h.last_checked FROM report.host_at($2::timestamptz, NULL, NULL, $1::uuid) h"
    " ORDER BY h.address";

static const char ports_at_sql[] =
    "SELECT host(s.address), s.port || '/' || s.protocol, s.state,"
    " concat(s.tunnel || '/', s.service), s.first_seen, s.last_seen,"
    " concat_ws(' ', s.product, s.version, '(' || s.extra || ')')"
    " FROM report.service_at($2::timestamptz, NULL, NULL, $1::uuid) s"
    " ORDER BY s.address, s.protocol, s.port";

static const char scripts_at_sql[] =
    "SELECT host(r.address), r.port || '/' || r.protocol, r.script, r.output, NULL"
    " FROM report.script_result_at($2::timestamptz, NULL, NULL, $1::uuid) r"
    " ORDER BY r.address, r.port NULLS FIRST, r.script";

struct page {
    struct cli_db *x;
    struct buf out;
    struct table_style style;
    const char *id;
    const char *at; /* RFC 3339; NULL: now */
};

static int ask(struct page *p, const char *sql, struct db_rows **ret, struct err *e)
{
    const char *params[] = {p->id, p->at};

    return cli_ask(p->x, sql, params, p->at ? 2 : 1, ret, e);
}

static void fact(struct page *p, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    buf_printf(&p->out, "%-12s", name);
    screen_text(&p->out, value);
    buf_char(&p->out, '\n');
}

static void fact_time(struct page *p, const char *name, const char *value)
{
    CLEANUP(buf_done) struct buf text = {0};

    if (value)
        table_time_text(&text, value, p->style.mode);
    fact(p, name, text.data);
}

static int page_head(struct page *p, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(db_rows_freep) struct db_rows *heard = NULL;
    int r = ask(p, p->at ? head_at_sql : head_sql, &rows, e);

    if (r == 0 && !p->at)
        r = ask(p, heard_sql, &heard, e);
    if (r < 0)
        return r;
    fact(p, "asset", db_rows_text(rows, 0, 0));
    fact(p, "state", db_rows_text(rows, 0, 1));
    fact(p, "zone", db_rows_text(rows, 0, 2));
    fact(p, "id", db_rows_text(rows, 0, 3));
    fact(p, "mac", db_rows_text(rows, 0, 4));
    fact(p, "vendor", db_rows_text(rows, 0, 5));
    fact_time(p, "first seen", db_rows_text(rows, 0, 6));
    fact_time(p, "last seen", db_rows_text(rows, 0, 7));
    fact_time(p, "heard", db_rows_text(heard, 0, 0)); /* does not answer, but speaks */
    fact(p, "label", db_rows_text(rows, 0, 8));
    fact(p, "note", db_rows_text(rows, 0, 9));
    fact(p, "owner", db_rows_text(rows, 0, 10));
    fact(p, "criticality", db_rows_text(rows, 0, 11));
    fact(p, "expected", db_rows_text(rows, 0, 12));
    fact(p, "tags", db_rows_text(rows, 0, 13));
    return 0;
}

enum { PORT_PLACE = 1, PORT_SERVICE = 3 };

/* The place is "22/tcp". */
static const char *port_fill(struct cli_db *x, const struct db_rows *r, size_t row, size_t column)
{
    const char *place = db_rows_text(r, row, PORT_PLACE);
    const char *slash = place ? strchr(place, '/') : NULL;

    if (column != PORT_SERVICE || !slash)
        return db_rows_text(r, row, column);
    return cli_port_name(x, slash + 1, place);
}

static const struct cli_listing ports_listing = {.fill = port_fill};

static int page_table(struct page *p, const char *sql, const struct column *columns, size_t n,
                      struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(table_done) struct table t = {.columns = columns, .n_columns = n};
    int r = ask(p, sql, &rows, e);

    if (r == 0 &&
        cli_rows_table(&t, rows, p->x, columns == port_columns ? &ports_listing : NULL) < 0)
        r = err_set(e, -ENOMEM, "out of memory");
    if (r < 0 || !t.n_rows)
        return r;
    buf_char(&p->out, '\n');
    table_write(&p->out, &t, &p->style);
    return 0;
}

/* Address and port of two rows of results. */
static bool same_place(const struct db_rows *rows, size_t a, size_t b)
{
    const char *port_a = db_rows_text(rows, a, 1), *port_b = db_rows_text(rows, b, 1);

    return strcmp(db_rows_text(rows, a, 0), db_rows_text(rows, b, 0)) == 0 && !port_a == !port_b &&
           (!port_a || strcmp(port_a, port_b) == 0);
}

/* A result that its script could not ask for again: seen then, and not since. */
static void say_unconfirmed(struct page *p, const char *seen)
{
    char time[TIME_TEXT_MAX];

    if (!seen)
        return;
    time_format(table_time(seen), time);
    buf_printf(&p->out, "  (not confirmed since %s: the script ends with errors)\n", time);
}

static int page_scripts(struct page *p, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = ask(p, p->at ? scripts_at_sql : scripts_sql, &rows, e);

    for (size_t i = 0; r == 0 && i < db_rows_count(rows); i++) {
        const char *output = db_rows_text(rows, i, 3);
        struct script_result s = {.script = db_rows_text(rows, i, 2),
                                  .output = output,
                                  .output_len = output ? strlen(output) : 0};

        if (!i || !same_place(rows, i - 1, i))
            buf_printf(&p->out, "\n%s %s\n", db_rows_text(rows, i, 0),
                       db_rows_text(rows, i, 1) ? db_rows_text(rows, i, 1) : "(host)");
        scan_script_text(&p->out, &s);
        say_unconfirmed(p, db_rows_text(rows, i, 4));
    }
    return r;
}

static int page_print(struct page *p, bool json, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r;

    if (json) {
        r = ask(p, p->at ? json_at_sql : json_sql, &rows, e);
        if (r == 0)
            buf_printf(&p->out, "%s\n", db_rows_text(rows, 0, 0));
        return r;
    }
    r = page_head(p, e);
    if (r == 0)
        r = page_table(p, p->at ? hosts_at_sql : hosts_sql, host_columns, ARRAY_LEN(host_columns),
                       e);
    if (r == 0)
        r = page_table(p, p->at ? ports_at_sql : ports_sql, port_columns, ARRAY_LEN(port_columns),
                       e);
    if (r == 0 && !p->at)
        r = page_table(p, approvals_sql, approval_columns, ARRAY_LEN(approval_columns), e);
    if (r == 0)
        r = page_scripts(p, e);
    return r < 0 ? r : changes_of_asset(p->x, p->id, p->at, &p->out, e);
}

/* An address that speaks on the link and never answered is no asset, and still not unknown.
 * -ENOENT: not heard either; then *e is as it was. */
static int heard_only(struct cli_db *x, const struct db_args *a, const char *what)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf out = {0};
    char address[ADDR_TEXT_MAX], first[TIME_TEXT_MAX], last[TIME_TEXT_MAX];
    const char *params[] = {address, a->zone};
    struct addr parsed;
    struct err e = {0};

    if (a->at || a->json || addr_parse(what, &parsed) < 0)
        return -ENOENT;
    addr_format(&parsed, address);
    if (cli_ask(x, heard_only_sql, params, ARRAY_LEN(params), &rows, &e) < 0 ||
        !db_rows_count(rows))
        return -ENOENT;
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        time_format(table_time(db_rows_text(rows, i, 2)), first);
        time_format(table_time(db_rows_text(rows, i, 3)), last);
        buf_printf(&out, "%s in zone ", address);
        screen_text(&out, db_rows_text(rows, i, 0));
        buf_printf(&out, " was heard%s (%s",
                   strcmp(db_rows_text(rows, i, 1), "script") == 0 ? " of" : "",
                   db_rows_text(rows, i, 1));
        if (db_rows_text(rows, i, 4))
            buf_printf(&out, ", MAC %s", db_rows_text(rows, i, 4));
        buf_printf(&out, ") from %s to %s, and never answered a probe\n", first, last);
    }
    cli_print(&out);
    return 0;
}

static int pages(struct cli_db *x, const struct db_args *a, const char *what, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *found = NULL;
    char at[TIME_TEXT_MAX] = "";
    int r = a->at ? cli_time(a->at, "--at", at, e) : 0;

    if (r == 0)
        r = a->at ? asset_find_at(x, what, a->zone, at, &found, e)
                  : asset_find(x, what, a->zone, &found, e);
    if (r == -ENOENT && heard_only(x, a, what) == 0)
        return 0;

    for (size_t i = 0; r == 0 && i < db_rows_count(found); i++) {
        struct page p = {.x = x,
                         .style = table_style_for(stdout, false),
                         .id = db_rows_text(found, i, 0),
                         .at = a->at ? at : NULL};

        if (i && !a->json)
            buf_char(&p.out, '\n');
        r = page_print(&p, a->json, e);
        cli_print(&p.out);
        buf_done(&p.out);
    }
    return r;
}

int verb_asset(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    const struct db_args *a = c->args;
    struct err e = {0};

    if (cli_db_open(&x, a, CLI_DB_ONCE, &e) < 0 ||
        (a->why ? asset_why : pages)(&x, a, c->operands.values[0], &e) < 0)
        return verb_fail(c, &e);
    return EXIT_NOTHING;
}
