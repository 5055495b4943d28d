/* `muster report list` and `report run NAME`: the reports of report.catalog as a table, CSV or JSON
 * lines.
 *
 * The names of reports, parameters and types that go into SQL come from the catalog and the server,
 * never from the command line; what the command line gives is a parameter of the query.  A report
 * runs in a read-only transaction, as the reader where the connection may become it: what a report
 * tells is then what a reader would get. */
#include "service/cli/csv.h"
#include "service/cli/db.h"
#include "service/cli/verb_db.h"

#include <errno.h>
#include <string.h>

#define REPORT_PARAMS_MAX 8

struct report {
    const char *name;
    char past[64];           /* the name of its twin with a time */
    char at[TIME_TEXT_MAX];  /* --at; "": the present */
    struct db_rows *params;  /* name, type, whether it has a default */
    struct db_rows *columns; /* name, type */
    const char *values[REPORT_PARAMS_MAX + 1];
    char times[REPORT_PARAMS_MAX][TIME_TEXT_MAX]; /* what values points to where times were given */
    size_t n_values;
};

static void report_done(struct report *r)
{
    r->params = db_rows_free(r->params);
    r->columns = db_rows_free(r->columns);
}

static const struct column list_columns[] = {
    {"category", "CATEGORY", COLUMN_TEXT},
    {"name", "REPORT", COLUMN_TEXT},
    {"parameters", "PARAMETERS", COLUMN_TEXT},
    {"question", "QUESTION", COLUMN_TEXT},
    {"title", NULL, COLUMN_TEXT},
    {"params", NULL, COLUMN_JSON},
    {"since_version", NULL, COLUMN_TEXT},
};

int verb_report_list(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    const struct db_args *a = c->args;
    struct err e = {0};
    struct cli_listing l = {
        .sql = "SELECT category, name, (SELECT string_agg(p ->> 'name' || COALESCE('=' || (p ->> "
               "'default'), ''), ' ')"
               " FROM jsonb_array_elements(params) p), question, title, params, since_version FROM "
               "report.catalog"
               " ORDER BY category = 'tables', category, name",
        .columns = list_columns,
        .n_columns = ARRAY_LEN(list_columns),
        .nothing = "no reports",
    };

    if (cli_db_open(&x, a, CLI_DB_ONCE, &e) < 0 || cli_list(&x, &l, a->json, &e) < 0)
        return verb_fail(c, &e);
    return EXIT_NOTHING;
}

static int unknown_report(struct cli_db *x, const char *name, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *names[128] = {NULL}, *near;
    int r = cli_ask(x, "SELECT name FROM report.catalog ORDER BY name", NULL, 0, &rows, e);

    if (r < 0)
        return r;
    for (size_t i = 0; i < db_rows_count(rows) && i + 1 < ARRAY_LEN(names); i++)
        names[i] = db_rows_text(rows, i, 0);
    near = word_suggest(names, name);
    if (near)
        return err_set(e, -ENOENT, "there is no report '%s'; did you mean '%s'?", name, near);
    return err_set(e, -ENOENT, "there is no report '%s' (muster report list)", name);
}

static int report_find(struct cli_db *x, struct report *g, struct err *e)
{
    const char *params[] = {g->name};
    int r = cli_ask(x,
                    "SELECT p ->> 'name', p ->> 'type', p ? 'default' FROM report.catalog c"
                    " LEFT JOIN jsonb_array_elements(c.params) WITH ORDINALITY q(p, n) ON true"
                    " WHERE c.name = $1 ORDER BY n",
                    params, 1, &g->params, e);

    if (r < 0)
        return r;
    if (!db_rows_count(g->params))
        return unknown_report(x, g->name, e);
    return cli_ask(x,
                   "SELECT a.attname, format_type(a.atttypid, NULL) FROM report.catalog c"
                   " JOIN pg_attribute a ON a.attnum > 0 AND NOT a.attisdropped AND a.attrelid ="
                   " CASE WHEN c.params = '[]' THEN to_regclass('report.' || c.name)::oid"
                   " ELSE (SELECT t.typrelid FROM pg_proc f JOIN pg_type t ON t.oid = f.prorettype"
                   " WHERE f.proname = c.name AND f.pronamespace = 'report'::regnamespace) END"
                   " WHERE c.name = $1 ORDER BY a.attnum",
                   params, 1, &g->columns, e);
}

static const char *param_given(const struct option_list *given, const char *name)
{
    const char *value = NULL;
    size_t len = strlen(name);

    for (size_t i = 0; i < given->n; i++)
        if (strncmp(given->values[i], name, len) == 0 && given->values[i][len] == '=')
            value = given->values[i] + len + 1;
    return value;
}

static bool is_param(const struct report *g, const char *text)
{
    for (size_t i = 0; i < db_rows_count(g->params); i++) {
        const char *name = db_rows_text(g->params, i, 0);

        if (name && strncmp(text, name, strlen(name)) == 0 && text[strlen(name)] == '=')
            return true;
    }
    return false;
}

/* The names of its parameters, for a message. */
static void param_names(const struct report *g, struct buf *out)
{
    for (size_t i = 0; i < db_rows_count(g->params); i++)
        if (db_rows_text(g->params, i, 0))
            buf_printf(out, "%s%s", i ? ", " : "", db_rows_text(g->params, i, 0));
    if (!out->len)
        buf_str(out, "none");
}

static int params_check(const struct report *g, const struct option_list *given, struct err *e)
{
    CLEANUP(buf_done) struct buf names = {0};

    param_names(g, &names);
    for (size_t i = 0; i < given->n; i++)
        if (!is_param(g, given->values[i]))
            return err_set(e, -EINVAL, "--param %s: expected NAME=VALUE; parameters of %s: %s",
                           given->values[i], g->name, names.data ? names.data : "");
    return 0;
}

static bool has_column(const struct report *g, const char *name)
{
    for (size_t i = 0; i < db_rows_count(g->columns); i++)
        if (strcmp(db_rows_text(g->columns, i, 0), name) == 0)
            return true;
    return false;
}

static int report_param(struct report *g, size_t i, const struct db_args *a, struct buf *sql,
                        struct err *e)
{
    const char *name = db_rows_text(g->params, i, 0), *type = db_rows_text(g->params, i, 1);
    const char *value = name ? param_given(&a->params, name) : NULL;

    if (!name)
        return 0;
    if (!value && strcmp(name, "at") == 0 && g->at[0])
        value = g->at;
    if (!value && strcmp(name, "zone") == 0)
        value = a->zone;
    if (!value && db_rows_bool(g->params, i, 2))
        return 0;
    if (!value)
        return err_set(e, -EINVAL, "%s needs --param %s=%s", g->name, name, type);
    if (g->n_values == REPORT_PARAMS_MAX)
        return err_set(e, -E2BIG, "%s has too many parameters", g->name);
    if (strncmp(type, "timestamp", 9) == 0 && cli_time(value, "", g->times[g->n_values], NULL) == 0)
        value = g->times[g->n_values]; /* else the server says what it takes, "infinity" say */
    g->values[g->n_values++] = value;
    buf_printf(sql, "%s%s => $%zu::%s", g->n_values > 1 ? ", " : "", name, g->n_values, type);
    return 0;
}

/* "report.NAME(days => $1::int4)", or the view's name. */
static int report_source(struct report *g, const struct db_args *a, struct buf *sql, struct err *e)
{
    bool is_function = db_rows_text(g->params, 0, 0) != NULL;

    buf_printf(sql, "report.%s", g->name);
    if (is_function)
        buf_char(sql, '(');
    for (size_t i = 0; i < db_rows_count(g->params); i++) {
        int r = report_param(g, i, a, sql, e);

        if (r < 0)
            return r;
    }
    buf_str(sql, is_function ? ") q" : " q");
    if (a->zone) {
        if (!has_column(g, "zone"))
            return err_set(e, -EINVAL, "--zone: %s has no zones", g->name);
        g->values[g->n_values++] = a->zone;
        buf_printf(sql, " WHERE q.zone = $%zu", g->n_values);
    }
    return 0;
}

static enum column_kind kind_of(const char *name, const char *type)
{
    if (strcmp(type, "timestamp with time zone") == 0)
        return COLUMN_TIME;
    if (strcmp(type, "boolean") == 0)
        return COLUMN_BOOL;
    if (strcmp(type, "integer") == 0 || strcmp(type, "bigint") == 0 ||
        strcmp(type, "smallint") == 0 || strcmp(type, "numeric") == 0 ||
        strcmp(type, "double precision") == 0 || strcmp(type, "real") == 0)
        return COLUMN_NUMBER;
    return strcmp(name, "state") == 0 ? COLUMN_STATE : COLUMN_TEXT;
}

static int columns_of(const struct report *g, struct column **ret, char ***ret_heads)
{
    size_t n = db_rows_count(g->columns);
    struct column *columns = calloc(n + 1, sizeof *columns);
    char **heads = calloc(n + 1, sizeof *heads);

    *ret = columns;
    *ret_heads = heads;
    if (!columns || !heads)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const char *name = db_rows_text(g->columns, i, 0);

        heads[i] = strdup(name);
        if (!heads[i])
            return -ENOMEM;
        for (char *p = heads[i]; *p; p++)
            *p = *p == '_' ? ' ' : (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
        columns[i] = (struct column){name, heads[i], kind_of(name, db_rows_text(g->columns, i, 1))};
    }
    return 0;
}

static void heads_free(char **heads)
{
    for (size_t i = 0; heads && heads[i]; i++)
        free(heads[i]);
    free(heads);
}

static void write_csv(struct buf *out, const struct column *columns, size_t n,
                      const struct db_rows *rows)
{
    char time[TIME_TEXT_MAX];

    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%s", i ? "," : "", columns[i].key);
    buf_str(out, "\r\n");
    for (size_t row = 0; row < db_rows_count(rows); row++) {
        for (size_t i = 0; i < n; i++) {
            const char *value = db_rows_text(rows, row, i);

            if (i)
                buf_char(out, ',');
            if (value && columns[i].kind == COLUMN_TIME && table_time(value))
                buf_str(out, time_format(table_time(value), time));
            else if (value && columns[i].kind == COLUMN_NUMBER)
                buf_str(out, value);
            else
                csv_text(out, value);
        }
        buf_str(out, "\r\n");
        if (out->len > 65536)
            cli_print(out);
    }
}

static int write_rows(const struct report *g, const struct db_rows *rows, bool csv, struct err *e)
{
    CLEANUP(table_done) struct table t = {0};
    CLEANUP(freep) struct column *columns = NULL;
    CLEANUP(buf_done) struct buf out = {0};
    char **heads = NULL;
    struct table_style style = table_style_for(stdout, false);
    int r = columns_of(g, &columns, &heads);

    t = (struct table){.columns = columns, .n_columns = db_rows_count(g->columns)};
    if (r == 0 && !csv)
        r = cli_rows_table(&t, rows, NULL, NULL);
    if (r == 0 && csv)
        write_csv(&out, columns, t.n_columns, rows);
    else if (r == 0)
        table_write(&out, &t, &style);
    if (r == 0 && !csv && !t.n_rows && style.mode == TABLE_TTY)
        buf_str(&out, "nothing\n");
    cli_print(&out);
    heads_free(heads);
    return r < 0 ? err_set(e, r, "out of memory") : 0;
}

static void write_json(const struct db_rows *rows)
{
    CLEANUP(buf_done) struct buf out = {0};

    for (size_t i = 0; i < db_rows_count(rows); i++) {
        buf_printf(&out, "%s\n", db_rows_text(rows, i, 0));
        if (out.len > 65536)
            cli_print(&out);
    }
    cli_print(&out);
}

/* --at: a report of the state has a twin NAME_at. */
static int report_past(struct cli_db *x, const struct db_args *a, struct report *g, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *params[] = {g->name};
    int r = a->at ? cli_time(a->at, "--at", g->at, e) : 0;

    if (r < 0 || !a->at)
        return r;
    r = cli_ask(x,
                "SELECT name FROM report.catalog WHERE name IN ($1, $1 || '_at') AND params @> "
                "'[{\"name\": \"at\"}]'",
                params, 1, &rows, e);
    if (r == 0 && !db_rows_count(rows))
        return err_set(e, -EINVAL, "--at: the report %s does not tell of the past", g->name);
    if (r == 0) {
        snprintf(g->past, sizeof g->past, "%s", db_rows_text(rows, 0, 0));
        g->name = g->past;
    }
    return r;
}

/* A value that the server does not take is told with what each parameter is: it names none. */
static int report_ask(struct cli_db *x, struct report *g, const char *sql, struct db_rows **ret,
                      struct err *e)
{
    CLEANUP(buf_done) struct buf params = {0};
    int r = cli_ask(x, sql, g->values, g->n_values, ret, e);

    if (r == 0 || !g->n_values || strncmp(err_text(e), "invalid input syntax", 20) != 0)
        return r;
    for (size_t i = 0; i < db_rows_count(g->params); i++)
        if (db_rows_text(g->params, i, 0))
            buf_printf(&params, "%s%s=%s", i ? ", " : "", db_rows_text(g->params, i, 0),
                       db_rows_text(g->params, i, 1));
    return err_add(e, r, "--param of %s takes %s", g->name, params.data ? params.data : "");
}

static int report_run(struct cli_db *x, const struct db_args *a, struct report *g, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf sql = {0};
    bool json = a->json || (a->format && strcmp(a->format, "json") == 0);
    int r = report_past(x, a, g, e);

    if (r == 0)
        r = report_find(x, g, e);
    if (r == 0)
        r = params_check(g, &a->params, e);
    buf_str(&sql, json ? "SELECT to_json(q)::text FROM " : "SELECT q.* FROM ");
    if (r == 0)
        r = report_source(g, a, &sql, e);
    if (r == 0 && (sql.failed || !sql.data))
        r = err_set(e, -ENOMEM, "out of memory");
    if (r == 0)
        r = cli_begin_as_reader(x, e);
    if (r == 0)
        r = report_ask(x, g, sql.data, &rows, e);
    if (r == 0 && !db_rows_count(rows) && a->zone)
        r = cli_zone_check(x, a->zone, e);
    if (r < 0)
        return r;
    if (json)
        write_json(rows);
    else
        r = write_rows(g, rows, a->format && strcmp(a->format, "csv") == 0, e);
    return r;
}

int verb_report_run(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    CLEANUP(report_done) struct report g = {.name = c->operands.values[0]};
    const struct db_args *a = c->args;
    struct err e = {0};

    if (cli_db_open(&x, a, CLI_DB_ONCE, &e) < 0 || report_run(&x, a, &g, &e) < 0)
        return verb_fail(c, &e);
    return EXIT_NOTHING;
}
