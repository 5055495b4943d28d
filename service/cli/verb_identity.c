/* `muster asset WHAT --why`, `asset merge`, `asset split` and `asset undo`: who is who, and what a
 * person knows better. */
#include "service/cli/asset_find.h"
#include "service/cli/verb_db.h"

#include "engine/base/addr.h"
#include "engine/base/buf.h"

#include <errno.h>
#include <string.h>

static const char keys_sql[] = "SELECT k.kind, k.key, k.weight, k.since, k.until,"
                               " (SELECT string_agg(host(x), ' ') FROM unnest(k.addresses) x),"
                               " COALESCE('no: ' || k.distrusted, 'yes')"
                               " FROM report.asset_key k WHERE k.asset_id = $1::uuid"
                               " ORDER BY k.until IS NOT NULL, k.weight DESC, k.kind, k.since";

static const char decisions_sql[] =
    "SELECT l.decision, l.at, l.what, host(l.address),"
    " CASE l.asset_id WHEN $1::uuid THEN l.other_asset_id ELSE l.asset_id END, l.score,"
    " NULLIF(concat_ws('; ', NULLIF(array_to_string(l.agreed, ' '), ''),"
    " 'against ' || NULLIF(array_to_string(l.clashed, ' '), ''), l.reason), ''), l.by_whom,"
    " l.undone_at FROM report.identity_log l"
    " WHERE $1::uuid IN (l.asset_id, l.other_asset_id) ORDER BY l.decision";

static const char json_sql[] =
    "SELECT jsonb_build_object('asset_id', $1::uuid,"
    " 'evidence', (SELECT COALESCE(jsonb_agg(to_jsonb(k) - 'asset_id' ORDER BY k.kind, k.since),"
    " '[]') FROM report.asset_key k WHERE k.asset_id = $1::uuid),"
    " 'decisions', (SELECT COALESCE(jsonb_agg(to_jsonb(l) ORDER BY l.decision), '[]')"
    " FROM report.identity_log l WHERE $1::uuid IN (l.asset_id, l.other_asset_id)))::text";

static const struct column key_columns[] = {
    {"kind", "EVIDENCE", COLUMN_TEXT},     {"key", "KEY", COLUMN_TEXT},
    {"weight", "WEIGHT", COLUMN_TEXT},     {"since", "SINCE", COLUMN_TIME},
    {"until", "UNTIL", COLUMN_TIME},       {"addresses", "SEEN AT", COLUMN_TEXT},
    {"distrusted", "COUNTS", COLUMN_TEXT},
};

static const struct column decision_columns[] = {
    {"decision", "DECISION", COLUMN_TEXT}, {"at", "AT", COLUMN_TIME},
    {"what", "WHAT", COLUMN_TEXT},         {"address", "ADDRESS", COLUMN_TEXT},
    {"other", "OTHER ASSET", COLUMN_TEXT}, {"score", "SCORE", COLUMN_TEXT},
    {"why", "WHY", COLUMN_TEXT},           {"by_whom", "BY", COLUMN_TEXT},
    {"undone_at", "UNDONE", COLUMN_TIME},
};

static int why_table(struct cli_db *x, struct buf *out, const char *id, const char *sql,
                     const struct column *columns, size_t n, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(table_done) struct table t = {.columns = columns, .n_columns = n};
    struct table_style style = table_style_for(stdout, false);
    int r = cli_ask(x, sql, &id, 1, &rows, e);

    if (r == 0 && cli_rows_table(&t, rows, x, NULL) < 0)
        r = err_set(e, -ENOMEM, "out of memory");
    if (r < 0 || !t.n_rows)
        return r;
    buf_char(out, '\n');
    table_write(out, &t, &style);
    return 0;
}

static int why_one(struct cli_db *x, const char *id, bool json, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf out = {0};
    int r;

    if (json) {
        r = cli_ask(x, json_sql, &id, 1, &rows, e);
        if (r == 0)
            buf_printf(&out, "%s\n", db_rows_text(rows, 0, 0));
    } else {
        buf_printf(&out, "asset %s\n", id);
        r = why_table(x, &out, id, keys_sql, key_columns, ARRAY_LEN(key_columns), e);
        if (r == 0)
            r = why_table(x, &out, id, decisions_sql, decision_columns, ARRAY_LEN(decision_columns),
                          e);
    }
    if (r == 0)
        cli_print(&out);
    return r;
}

int asset_why(struct cli_db *x, const struct db_args *a, const char *what, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *found = NULL;
    int r = asset_find(x, what, a->zone, &found, e);

    for (size_t i = 0; r == 0 && i < db_rows_count(found); i++)
        r = why_one(x, db_rows_text(found, i, 0), a->json, e);
    return r;
}

/* Says what was decided; rows has its number. */
static void decided(const struct db_rows *rows, const char *sentence)
{
    CLEANUP(buf_done) struct buf out = {0};

    buf_printf(&out, "decision %s: ", db_rows_text(rows, 0, 0));
    screen_text(&out, sentence);
    buf_char(&out, '\n');
    cli_print(&out);
}

static int merge(struct cli_db *x, const struct verb_call *c, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const struct db_args *a = c->args;
    char from[40], into[40];
    const char *params[] = {from, into, cli_author(a), a->reason};
    int r = cli_db_open(x, a, CLI_DB_WRITE, e);

    if (r == 0)
        r = asset_find_one(x, c->operands.values[0], a->zone, from, e);
    if (r == 0)
        r = asset_find_one(x, c->operands.values[1], a->zone, into, e);
    if (r == 0)
        r = cli_ask(x, "SELECT api.merge_assets($1::uuid, $2::uuid, $3, $4)", params,
                    ARRAY_LEN(params), &rows, e);
    if (r == 0)
        decided(rows, "the two are one asset now (muster asset undo takes it back)");
    return r;
}

int verb_asset_merge(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    struct err e = {0};

    return merge(&x, c, &e) < 0 ? verb_fail(c, &e) : EXIT_NOTHING;
}

static int split(struct cli_db *x, const struct verb_call *c, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf list = {0};
    const struct db_args *a = c->args;
    char id[40], text[ADDR_TEXT_MAX];
    struct addr address;
    const char *params[] = {id, NULL, cli_author(a), a->reason};
    int r = 0;

    for (size_t i = 1; i < c->operands.n; i++) {
        if (addr_parse(c->operands.values[i], &address) < 0)
            return err_set(e, -EINVAL, "'%s' is no IP address", c->operands.values[i]);
        buf_printf(&list, "%c%s", i == 1 ? '{' : ',', addr_format(&address, text));
    }
    buf_char(&list, '}');
    if (list.failed)
        return err_set(e, -ENOMEM, "out of memory");
    params[1] = list.data;
    r = cli_db_open(x, a, CLI_DB_WRITE, e);
    if (r == 0)
        r = asset_find_one(x, c->operands.values[0], a->zone, id, e);
    if (r == 0)
        r = cli_ask(x, "SELECT api.split_asset($1::uuid, $2::inet[], $3, $4)", params,
                    ARRAY_LEN(params), &rows, e);
    if (r == 0)
        decided(rows, "the addresses are an asset of their own (muster asset undo takes it back)");
    return r;
}

int verb_asset_split(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    struct err e = {0};

    return split(&x, c, &e) < 0 ? verb_fail(c, &e) : EXIT_NOTHING;
}

static int undo(struct cli_db *x, const struct verb_call *c, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const struct db_args *a = c->args;
    const char *number = c->operands.values[0];
    const char *params[] = {number, cli_author(a), a->reason};
    int r;

    if (strspn(number, "0123456789") != strlen(number) || strlen(number) > 18)
        return err_set(e, -EINVAL,
                       "'%s' is no number of a decision (muster asset WHAT --why lists them)",
                       number);
    r = cli_db_open(x, a, CLI_DB_WRITE, e);
    if (r == 0)
        r = cli_ask(x, "SELECT api.undo_identity($1::int8, $2, $3)", params, ARRAY_LEN(params),
                    &rows, e);
    if (r == 0)
        decided(rows, "undone, and kept so");
    return r;
}

int verb_asset_undo(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    struct err e = {0};

    return undo(&x, c, &e) < 0 ? verb_fail(c, &e) : EXIT_NOTHING;
}
