/* Alerts on their way: what waits, what failed, once more please. */
#include "service/cli/db.h"
#include "service/cli/verb_db.h"

#include "service/alert/deliveries.h"
#include "service/alert/endpoints.h"
#include "service/alert/try.h"
#include "service/cli/screen.h"
#include "service/config/config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const struct column delivery_columns[] = {
    {"endpoint", "ENDPOINT", COLUMN_TEXT}, {"event", "EVENT", COLUMN_TEXT},
    {"type", "TYPE", COLUMN_TEXT},         {"severity", NULL, COLUMN_TEXT},
    {"zone", NULL, COLUMN_TEXT},           {"subject", NULL, COLUMN_TEXT},
    {"summary", NULL, COLUMN_TEXT},        {"state", "STATE", COLUMN_STATE},
    {"attempts", "TRIES", COLUMN_NUMBER},  {"next_at", "NEXT", COLUMN_TIME},
    {"last_at", "LAST", COLUMN_TIME},      {"code", "CODE", COLUMN_TEXT},
    {"reason", "REASON", COLUMN_TEXT},     {"created_at", NULL, COLUMN_TIME},
};

static const struct column endpoint_columns[] = {
    {"endpoint", "ENDPOINT", COLUMN_TEXT}, {"state", "STATE", COLUMN_STATE},
    {"since", "SINCE", COLUMN_TIME},       {"reason", "REASON", COLUMN_TEXT},
    {"waiting", "WAITING", COLUMN_NUMBER}, {"retry", "RETRY", COLUMN_NUMBER},
    {"dead", "DEAD", COLUMN_NUMBER},       {"last_ok_at", "LAST OK", COLUMN_TIME},
    {"next_at", "NEXT TRY", COLUMN_TIME},
};

static int print(const struct db_rows *rows, struct table *t, const struct db_args *a,
                 const char *nothing, struct err *e)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct table_style style = table_style_for(stdout, a->json);

    if (cli_rows_table(t, rows, NULL, NULL) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    table_write(&out, t, &style);
    if (!t->n_rows && style.mode == TABLE_TTY)
        buf_printf(&out, "%s\n", nothing);
    cli_print(&out);
    return 0;
}

int verb_deliveries(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(table_done)
    struct table t = {.columns = delivery_columns, .n_columns = ARRAY_LEN(delivery_columns)};
    const struct db_args *a = c->args;
    struct deliveries_filter f = {
        .endpoint = c->operands.n ? c->operands.values[0] : NULL, .all = a->all, .limit = a->limit};
    struct err e = {0};

    if (cli_db_open(&x, a, CLI_DB_ONCE, &e) < 0 || deliveries_list(x.db, &f, &rows, &e) < 0 ||
        print(rows, &t, a, "nothing waits and nothing failed", &e) < 0)
        return verb_fail(c, cli_explain(&x, &e));
    return EXIT_NOTHING;
}

static int replay_range(struct cli_db *x, struct verb_call *c, uint64_t *ret, struct err *e)
{
    const struct db_args *a = c->args;
    char since[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
    struct deliveries_range range = {since, "infinity", a->dead ? DELIVERIES_DEAD : DELIVERIES_ALL};
    int r;

    if (c->operands.n > 1)
        return err_set(e, -EINVAL, "either events or --since");
    if (!a->since)
        return err_set(e, -EINVAL, "--until and --dead need --since");
    r = cli_time(a->since, "--since", since, e);
    if (r == 0 && a->until) {
        range.until = until;
        r = cli_time(a->until, "--until", until, e);
    }
    return r < 0 ? r : deliveries_replay_range(x->db, c->operands.values[0], &range, ret, e);
}

int verb_replay(struct verb_call *c)
{
    const struct db_args *a = c->args;

    CLEANUP(cli_db_done) struct cli_db x = {0};
    struct err e = {0};
    uint64_t n = 0;

    if (cli_db_open(&x, a, CLI_DB_WRITE, &e) < 0)
        return verb_fail(c, cli_explain(&x, &e));
    if (a->since || a->until || a->dead
            ? replay_range(&x, c, &n, &e) < 0
            : deliveries_replay(x.db, c->operands.values[0], c->operands.values + 1,
                                c->operands.n - 1, &n, &e) < 0)
        return verb_fail(c, cli_explain(&x, &e));
    printf("%" PRIu64 " event%s will be delivered to %s once more\n", n, n == 1 ? "" : "s",
           c->operands.values[0]);
    return EXIT_NOTHING;
}

int verb_endpoint_list(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(table_done)
    struct table t = {.columns = endpoint_columns, .n_columns = ARRAY_LEN(endpoint_columns)};
    const struct db_args *a = c->args;
    struct err e = {0};

    if (cli_db_open(&x, a, CLI_DB_ONCE, &e) < 0 || deliveries_endpoints(x.db, &rows, &e) < 0 ||
        print(rows, &t, a, "no endpoints", &e) < 0)
        return verb_fail(c, cli_explain(&x, &e));
    return EXIT_NOTHING;
}

int verb_dead_drop(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    struct err e = {0};
    uint64_t n = 0;

    if (cli_db_open(&x, c->args, CLI_DB_WRITE, &e) < 0 ||
        deliveries_drop(x.db, c->operands.values[0], c->operands.values + 1, c->operands.n - 1, &n,
                        &e) < 0)
        return verb_fail(c, cli_explain(&x, &e));
    printf("%" PRIu64 " dead letter%s of %s dropped\n", n, n == 1 ? "" : "s",
           c->operands.values[0]);
    return EXIT_NOTHING;
}

static void put_lines(struct buf *out, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        CLEANUP(freep) char *line = strndup(text, len);

        screen_text(out, line);
        buf_char(out, '\n');
        text += len + (text[len] == '\n');
    }
}

static void print_trial(const struct alert_tried *t)
{
    CLEANUP(buf_done) struct buf out = {0};

    put_lines(&out, t->request);
    buf_printf(&out, "\n%s", t->outcome);
    if (t->code)
        buf_printf(&out, ": HTTP %ld in %u ms", t->code, t->ms);
    if (t->error[0])
        buf_printf(&out, ": %s", t->error);
    buf_char(&out, '\n');
    if (t->answer)
        put_lines(&out, t->answer);
    cli_print(&out);
}

static int test_endpoint(const struct config *config, const char *name, struct alert_tried *ret,
                         struct err *e)
{
    CLEANUP(endpoints_done) struct endpoints eps = {0};
    int r = endpoints_of(config, &eps, e);

    if (r < 0)
        return r;
    for (size_t i = 0; i < eps.n; i++)
        if (strcmp(eps.list[i].name, name) == 0)
            return alert_try(&eps.list[i], config->resolver, ret, e);
    return err_set(e, -ENOENT, "%s has no endpoint '%.63s'", config->path, name);
}

/* Exit code 0: it was taken. */
int verb_endpoint_test(struct verb_call *c)
{
    CLEANUP(alert_tried_done) struct alert_tried tried = {0};
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(freep) char *path = NULL;
    const struct db_args *a = c->args;
    struct err e = {0};

    if (config_find_path(&path, a->config, &e) < 0 || config_load(&config, path, &e) < 0 ||
        test_endpoint(config, c->operands.values[0], &tried, &e) < 0)
        return verb_fail(c, &e);
    print_trial(&tried);
    return strcmp(tried.outcome, "ok") == 0 ? EXIT_NOTHING : EXIT_ERROR;
}

int verb_endpoint_enable(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    const struct db_args *a = c->args;
    struct err e = {0};

    if (cli_db_open(&x, a, CLI_DB_WRITE, &e) < 0 ||
        deliveries_enable(x.db, c->operands.values[0],
                          a->skip ? DELIVERIES_SKIP : DELIVERIES_RESUME, &e) < 0)
        return verb_fail(c, cli_explain(&x, &e));
    printf("%s takes deliveries again\n", c->operands.values[0]);
    return EXIT_NOTHING;
}
