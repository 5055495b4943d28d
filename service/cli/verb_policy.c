/* `muster policy`: queries whose rows should not be there. */
#include "service/cli/verb_db.h"

#include "service/cli/db.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static const struct column policy_columns[] = {
    {"name", "POLICY", COLUMN_TEXT},
    {"state", "STATE", COLUMN_STATE},
    {"findings", "FINDINGS", COLUMN_NUMBER},
    {"severity", "SEVERITY", COLUMN_TEXT},
    {"every", "EVERY", COLUMN_SPAN},
    {"last_checked", "LAST RUN", COLUMN_TIME},
    {"title", "TITLE", COLUMN_TEXT},
    {"error", "ERROR", COLUMN_TEXT},
    {"query", NULL, COLUMN_TEXT},
    {"key_columns", NULL, COLUMN_JSON},
    {"made_by", NULL, COLUMN_TEXT},
    {"made_at", NULL, COLUMN_TIME},
};

int verb_policy_list(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    const struct db_args *a = c->args;
    struct err e = {0};
    struct cli_listing l = {
        .sql = "SELECT name, state, findings, severity, extract(epoch FROM every)::float8, "
               "last_checked, title, error, query,"
               " to_json(key_columns), made_by, made_at FROM report.policy ORDER BY name",
        .columns = policy_columns,
        .n_columns = ARRAY_LEN(policy_columns),
        .nothing = "no policies (muster policy add)",
    };

    if (cli_db_open(&x, a, CLI_DB_ONCE, &e) < 0 || cli_list(&x, &l, a->json, &e) < 0)
        return verb_fail(c, &e);
    return EXIT_NOTHING;
}

/* The query may be tried, and has these columns: nothing is added that can only fail. */
static int check_query(struct cli_db *x, const char *query, struct db_rows **ret, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *ended = NULL;
    CLEANUP(buf_done) struct buf sql = {0};
    int r = cli_begin_as_reader(x, e);

    buf_printf(&sql, "SELECT * FROM (%s\n) q LIMIT 0", query);
    if (r == 0 && sql.failed)
        r = err_set(e, -ENOMEM, "out of memory");
    if (r == 0)
        r = cli_ask(x, sql.data, NULL, 0, ret, e);
    if (r == 0)
        r = cli_ask(x, "COMMIT", NULL, 0, &ended, e);
    return r;
}

static bool has(const struct db_rows *rows, const char *name, size_t len)
{
    for (size_t i = 0; i < db_rows_columns(rows); i++)
        if (strlen(db_rows_name(rows, i)) == len && strncmp(db_rows_name(rows, i), name, len) == 0)
            return true;
    return false;
}

/* "a,b" as an array; without: those of the usual names that the query has. */
static int keys_of(const char *given, const struct db_rows *columns, struct buf *out, struct err *e)
{
    const char *names = given ? given : "zone,asset_id,address,protocol,port,script";
    char separator = '{';

    for (const char *p = names; *p;) {
        size_t n = strcspn(p, ",");

        if (n && has(columns, p, n)) {
            buf_printf(out, "%c\"%.*s\"", separator, (int)n, p);
            separator = ',';
        } else if (given) {
            return err_set(e, -EINVAL, "--key: the query has no column '%.*s'", (int)n, p);
        }
        p += n + (p[n] == ',');
    }
    if (separator == '{')
        return err_set(e, -EINVAL, "which columns make a row the same row? give --key COLUMN,...");
    buf_char(out, '}');
    return out->failed ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int add(struct cli_db *x, const struct verb_call *c, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *columns = NULL, *added = NULL;
    CLEANUP(buf_done) struct buf keys = {0};
    const struct db_args *a = c->args;
    const struct passwd *who = a->by ? NULL : getpwuid(getuid());
    char every[32];
    const char *params[] = {c->operands.values[0],
                            a->title,
                            c->operands.values[1],
                            NULL,
                            a->severity ? a->severity : "warning",
                            every,
                            a->by                 ? a->by
                            : who && who->pw_name ? who->pw_name
                                                  : "unknown"};
    int r = cli_db_open(x, a, CLI_DB_WRITE, e);

    snprintf(every, sizeof every, "%llu seconds",
             (unsigned long long)((a->every ? a->every : 300 * USEC_PER_SEC) / USEC_PER_SEC));
    if (r == 0)
        r = check_query(x, params[2], &columns, e);
    if (r == 0)
        r = keys_of(a->key, columns, &keys, e);
    params[3] = keys.data;
    return r < 0 ? r
                 : cli_ask(x, "SELECT api.policy_add($1, $2, $3, $4::text[], $5, $6::interval, $7)",
                           params, ARRAY_LEN(params), &added, e);
}

int verb_policy_add(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    struct err e = {0};

    if (add(&x, c, &e) < 0)
        return verb_fail(c, &e);
    printf("%s was added; its first run is the baseline\n", c->operands.values[0]);
    return EXIT_NOTHING;
}

int verb_policy_remove(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *params[] = {c->operands.values[0]};
    struct err e = {0};
    int r = cli_db_open(&x, c->args, CLI_DB_WRITE, &e);

    if (r == 0)
        r = cli_ask(&x, "SELECT api.policy_remove($1)", params, 1, &rows, &e);
    if (r == 0 && !db_rows_bool(rows, 0, 0))
        r = err_set(&e, -ENOENT, "there is no policy '%s' (muster policy list)", params[0]);
    if (r < 0)
        return verb_fail(c, &e);
    printf("%s was removed\n", params[0]);
    return EXIT_NOTHING;
}

/* An answer that is none, such as two rows of one key, is kept as the policy's error. */
static int run_error(struct cli_db *x, const char *name, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = cli_ask(x, "SELECT error FROM report.policy WHERE name = $1", &name, 1, &rows, e);
    const char *error = r == 0 ? db_rows_text(rows, 0, 0) : NULL;

    return error ? err_set(e, -EINVAL, "policy '%s': %s", name, error) : r;
}

/* One run by hand: as musterd does it.  Edges that it made go to *ret_edges. */
static int run_now(struct cli_db *x, const char *name, int64_t *ret_edges, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *next = NULL, *rows = NULL, *told = NULL;
    const char *params[] = {name, NULL, NULL, NULL};
    int r =
        cli_ask(x, "SELECT policy_id, run, query FROM api.policy_next($1)", params, 1, &next, e);

    if (r == 0 && !db_rows_count(next))
        r = err_set(e, -ENOENT, "there is no policy '%s' (muster policy list)", name);
    if (r < 0)
        return r;
    params[0] = db_rows_text(next, 0, 2);
    r = cli_ask(x, "SELECT ops.policy_rows($1, 10000)", params, 1, &rows, e);
    params[0] = db_rows_text(next, 0, 0);
    params[1] = db_rows_text(next, 0, 1);
    params[2] = r == 0 ? db_rows_text(rows, 0, 0) : NULL;
    if (r < 0) {
        struct err ignored = {0};

        params[3] = err_text(e);
        (void)!cli_ask(x, "SELECT api.policy_told($1::int4, $2::int8, $3::jsonb, $4)", params, 4,
                       &told, &ignored);
        return r;
    }
    r = cli_ask(x, "SELECT api.policy_told($1::int4, $2::int8, $3::jsonb, $4)", params, 4, &told,
                e);
    if (r < 0)
        return r;
    *ret_edges = db_rows_int(told, 0, 0, 0);
    if (*ret_edges < 0)
        return err_set(e, -EAGAIN, "policy '%s' was run by another process meanwhile; try again",
                       name);
    return run_error(x, name, e);
}

static const struct column finding_columns[] = {
    {"zone", "ZONE", COLUMN_TEXT},
    {"address", "ADDRESS", COLUMN_TEXT},
    {"place", "PORT", COLUMN_TEXT},
    {"asset_name", "ASSET", COLUMN_TEXT},
    {"state", "STATE", COLUMN_STATE},
    {"since", "SINCE", COLUMN_TIME},
    {"approved_until", "APPROVED UNTIL", COLUMN_TIME},
    {"key_text", "KEY", COLUMN_TEXT},
    {"key", NULL, COLUMN_JSON},
    {"row", NULL, COLUMN_JSON},
};

int verb_policy_run(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    const struct db_args *a = c->args;
    const char *params[] = {c->operands.values[0]};
    int64_t edges = 0;
    struct err e = {0};
    struct cli_listing l = {
        .sql = "SELECT zone, host(address), port || '/' || protocol, asset_name, state, since, "
               "approved_until,"
               " (SELECT string_agg(k || '=' || COALESCE(v, ''), ' ') FROM jsonb_each_text(key) "
               "t(k, v)), key, row"
               " FROM report.policy_findings WHERE policy = $1 ORDER BY zone, address, port, key",
        .params = params,
        .n_params = 1,
        .columns = finding_columns,
        .n_columns = ARRAY_LEN(finding_columns),
        .nothing = "nothing violates it",
    };

    if (cli_db_open(&x, a, CLI_DB_WRITE, &e) < 0 || run_now(&x, params[0], &edges, &e) < 0 ||
        cli_list(&x, &l, a->json, &e) < 0)
        return verb_fail(c, &e);
    return edges > 0 ? EXIT_CHANGES : EXIT_NOTHING;
}

/* In bites, each a transaction, so that nothing waits long for a lock. */
int verb_forget(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    const struct db_args *a = c->args;
    const char *params[] = {c->operands.values[0], a->all ? "t" : "f"};
    struct err e = {0};
    int r = cli_db_open(&x, a, CLI_DB_WRITE, &e);
    bool done = false;

    while (r == 0 && !done) {
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;

        r = cli_ask(&x, "SELECT api.forget_zone($1, $2::bool)", params, ARRAY_LEN(params), &rows,
                    &e);
        done = r == 0 && db_rows_bool(rows, 0, 0);
    }
    if (r < 0)
        return verb_fail(c, &e);
    printf(a->all ? "zone %s is forgotten\n" : "the history of zone %s is forgotten\n", params[0]);
    return EXIT_NOTHING;
}
