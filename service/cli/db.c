/* Synchronous questions from the command line: a loop of its own that turns until the answer is
 * there. */
#include "service/cli/db.h"

#include "engine/loop/loop.h"
#include "engine/model/services.h"
#include "service/cli/scan_plan.h"
#include "service/cli/when.h"
#include "service/config/config.h"
#include "service/store/embedded.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define ASK_TIMEOUT (60 * USEC_PER_SEC)

static int find_by_config(struct cli_db *x, const struct db_args *a, struct err *e)
{
    CLEANUP(freep) char *path = NULL;
    int r = config_find_path(&path, a->config, e);

    if (r == 0)
        r = config_load(&x->config, path, e);
    if (r == -EINVAL && config_rescue(&x->config, path) == 0) {
        x->fault = *e;
        *e = (struct err){0};
        r = 0;
    }
    if (r < 0)
        return r;
    if (x->config->database)
        return config_conninfo(&x->conninfo, x->config, e);
    x->conninfo = embedded_conninfo_for(x->config->state_directory);
    return 0;
}

int cli_db_find(struct cli_db *x, const struct db_args *a, struct err *e)
{
    int r = 0;

    if (a->database)
        x->conninfo = strdup(a->database);
    else
        r = find_by_config(x, a, e);
    if (r < 0)
        return r;
    if (!x->conninfo)
        return err_set(e, -ENOMEM, "out of memory");
    return db_conninfo_check(x->conninfo, true, e);
}

/* What libpq says, without its question whether the server is running there: what to look at is for
 * us to say. */
static void keep_reason(struct cli_db *x, const char *why)
{
    static const char asks[] = "Is the server running";
    size_t n = 0;

    x->why[0] = '\0';
    while (n < sizeof x->why && *why) {
        const char *asked = strstr(why, asks);
        size_t len = asked ? (size_t)(asked - why) : strlen(why);

        n += (size_t)snprintf(x->why + n, sizeof x->why - n, "%.*s", (int)len, why);
        why += len;
        if (asked)
            why += strcspn(why, "?") + (strchr(why, '?') != NULL);
    }
    n = strlen(x->why);
    while (n > 0 && strchr(" \t\n", x->why[n - 1]))
        x->why[--n] = '\0';
}

static void on_state(void *user, enum db_state s, const char *why)
{
    struct cli_db *x = user;

    x->connected = s == DB_READY;
    if (s == DB_DOWN)
        keep_reason(x, why ? why : "");
}

int cli_db_connect(struct cli_db *x, enum cli_db_mode mode, struct err *e)
{
    struct db_opts o = {.conninfo = x->conninfo,
                        .application_name = "muster cli",
                        .writes = mode == CLI_DB_WRITE,
                        .no_reconnect = mode != CLI_DB_STAY,
                        .user = x,
                        .state = on_state};
    int r = loop_new(&x->loop, e);

    return r < 0 ? r : db_open(&x->db, x->loop, &o, e);
}

/* Whoever only asks need not wait until the file is mended. */
static void say_fault(const struct err *fault)
{
    CLEANUP(buf_done) struct buf line = {0};

    screen_text(&line, err_text(fault));
    fprintf(stderr, "muster: %s; nothing but the place of the database is used of this file\n",
            line.data ? line.data : "");
}

int cli_db_open(struct cli_db *x, const struct db_args *a, enum cli_db_mode mode, struct err *e)
{
    int r = cli_db_find(x, a, e);

    if (x->fault.code)
        say_fault(&x->fault);
    return r < 0 ? r : cli_db_connect(x, mode, e);
}

void cli_db_done(struct cli_db *x)
{
    x->db = db_free(x->db);
    x->loop = loop_free(x->loop);
    x->config = config_free(x->config);
    x->names = services_free(x->names);
    if (x->conninfo)
        explicit_bzero(x->conninfo, strlen(x->conninfo)); /* there may be a password in it */
    free(x->conninfo);
    x->conninfo = NULL;
}

const char *cli_db_advice(const struct cli_db *x)
{
    if (strstr(x->why, "Permission denied"))
        return "root may, and the user that musterd runs as";
    if (x->config && !x->config->database)
        return "is musterd running? 'muster doctor' looks";
    return "is that server running? 'muster doctor' looks";
}

const struct err *cli_explain(const struct cli_db *x, struct err *e)
{
    char text[ERR_TEXT_MAX];
    int r = e->code;

    snprintf(text, sizeof text, "%s", err_text(e));
    if (r == -ESRCH)
        err_set(e, r,
                "the database has no inventory of this version yet: start musterd, or run "
                "'muster db migrate' (%s)",
                text);
    else if (r == -ECONNREFUSED)
        err_set(e, r, "no connection to the database: %s (%s)", x->why[0] ? x->why : text,
                cli_db_advice(x));
    return e;
}

int cli_ask(struct cli_db *x, const char *sql, const char *const *params, size_t n_params,
            struct db_rows **ret, struct err *e)
{
    struct db_call call = {.sql = sql, .params = params, .n_params = n_params};
    int r = db_ask(x->db, &call, ASK_TIMEOUT, ret, e);

    if (r < 0)
        cli_explain(x, e);
    return r;
}

int cli_ask_long(struct cli_db *x, const char *sql, const char *milliseconds, struct db_rows **ret,
                 struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *params[] = {milliseconds};
    struct db_call call = {.sql = sql};
    usec_t span = strtoull(milliseconds, NULL, 10) * USEC_PER_MSEC;
    int r = cli_ask(x, "SELECT set_config('statement_timeout', $1, false)", params, 1, &rows, e);

    if (r == 0)
        r = db_ask(x->db, &call, span, ret, e);
    if (r < 0)
        cli_explain(x, e);
    return r;
}

int cli_begin_as_reader(struct cli_db *x, struct err *e)
{
    static const char *const steps[] = {
        "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "SET LOCAL search_path = report, pg_temp",
        "SET LOCAL ROLE muster_reader",
    };
    CLEANUP(db_rows_freep) struct db_rows *may = NULL;
    size_t n = ARRAY_LEN(steps);
    int r = cli_ask(x,
                    "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_reader' AND "
                    "pg_has_role(oid, 'MEMBER'))",
                    NULL, 0, &may, e);

    if (r == 0 && !db_rows_bool(may, 0, 0))
        n--;
    for (size_t i = 0; r == 0 && i < n; i++) {
        CLEANUP(db_rows_freep) struct db_rows *done = NULL;

        r = cli_ask(x, steps[i], NULL, 0, &done, e);
    }
    return r;
}

static void names_load(struct cli_db *x)
{
    struct option_list given = {0};
    char **dirs = NULL;
    size_t n;

    x->names_tried = true;
    for (uint32_t i = 0; x->config && i < x->config->scripts->n_datadirs; i++)
        if (option_list_add(&given, x->config->scripts->datadirs[i]) < 0)
            break;
    /* A name is a courtesy: without the table, or with a bad one, the number has to do. */
    if (scan_datadirs(&dirs, &n, &given, NULL) == 0 &&
        scan_services_load(&x->names, dirs, NULL) < 0)
        x->names = NULL;
    scan_datadirs_free(dirs);
    option_list_done(&given);
}

const char *cli_port_name(struct cli_db *x, const char *protocol, const char *port)
{
    if (!protocol || !port)
        return NULL;
    if (!x->names_tried)
        names_load(x);
    return services_name(x->names, protocol_from(protocol), (uint16_t)strtoul(port, NULL, 10));
}

int cli_rows_table(struct table *t, const struct db_rows *r, struct cli_db *x,
                   const struct cli_listing *l)
{
    const char *cells[32] = {NULL};

    if (t->n_columns > ARRAY_LEN(cells))
        return -EINVAL;
    for (size_t row = 0; row < db_rows_count(r); row++) {
        for (size_t c = 0; c < t->n_columns; c++) {
            cells[c] = db_rows_text(r, row, c);
            if (l && l->fill && (!cells[c] || !*cells[c]))
                cells[c] = l->fill(x, r, row, c);
        }
        if (table_add(t, cells) < 0)
            return -ENOMEM;
    }
    return 0;
}

void cli_print(struct buf *out)
{
    if (out->len && !ferror(stdout))
        fwrite(out->data, 1, out->len, stdout);
    fflush(stdout);
    buf_clear(out);
}

/* A zone that is not in the configuration any more has its history still. */
int cli_zone_check(struct cli_db *x, const char *zone, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *params[] = {zone}, *known;
    int r = cli_ask(x,
                    "SELECT EXISTS (SELECT FROM report.coverage WHERE zone = $1)"
                    " OR EXISTS (SELECT FROM report.host WHERE zone = $1)"
                    " OR EXISTS (SELECT FROM report.change WHERE zone = $1),"
                    " (SELECT string_agg(DISTINCT zone, ', ') FROM report.coverage)",
                    params, ARRAY_LEN(params), &rows, e);

    if (r < 0 || db_rows_bool(rows, 0, 0))
        return r;
    known = db_rows_text(rows, 0, 1);
    return err_set(e, -ENOENT, "there is no zone '%.80s'%s%.200s", zone,
                   known ? "; there are: " : " yet", known ? known : "");
}

int cli_list(struct cli_db *x, const struct cli_listing *l, bool json, struct err *e)
{
    CLEANUP(table_done) struct table t = {.columns = l->columns, .n_columns = l->n_columns};
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf out = {0};
    struct table_style style = table_style_for(stdout, json);
    int r;

    if (l->csv && !json)
        style.mode = TABLE_CSV;
    r = cli_ask(x, l->sql, l->params, l->n_params, &rows, e);

    if (r == 0 && cli_rows_table(&t, rows, x, l) < 0)
        r = err_set(e, -ENOMEM, "out of memory");
    if (r == 0 && !t.n_rows && l->zone)
        r = cli_zone_check(x, l->zone, e);
    if (r < 0)
        return r;
    table_write(&out, &t, &style);
    if (!t.n_rows && style.mode == TABLE_TTY)
        buf_printf(&out, "%s\n", l->nothing);
    cli_print(&out);
    return 0;
}

int cli_time(const char *text, const char *option, char ret[TIME_TEXT_MAX], struct err *e)
{
    struct timespec now;
    usec_t wall;

    clock_gettime(CLOCK_REALTIME, &now);
    if (when_parse(text, (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000, &wall) < 0)
        return err_set(e, -EINVAL, "%s %s: expected " WHEN_EXPECTED, option, text);
    time_format(wall, ret);
    return 0;
}
