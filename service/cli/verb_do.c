/* The verbs that make something happen: rescan, and the database's own. */
#include "service/cli/db.h"
#include "service/cli/verb_db.h"

#include "engine/scan/targets.h"
#include "service/config/config.h"
#include "service/config/paths.h"
#include "service/store/migrate.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static void target_list_donep(struct target_list *t)
{
    target_list_done(t);
}

static int rescan_range(struct cli_db *x, const char *zone, const struct addr_range *g,
                        int64_t *ret_rows, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];
    const char *params[] = {zone, addr_format(&g->first, first), addr_format(&g->last, last)};
    int r = cli_ask(x, "SELECT api.rescan($1, $2::inet, $3::inet)", params, ARRAY_LEN(params),
                    &rows, e);

    if (r == 0)
        *ret_rows += db_rows_int(rows, 0, 0, 0);
    return r;
}

/* A name is one that the inventory knows, or its first word, as for asset_find(). */
static int rescan_name(struct cli_db *x, const char *zone, const char *name, int64_t *ret_rows,
                       struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *params[] = {zone, name};
    int r = cli_ask(x,
                    "SELECT count(*), sum(api.rescan(h.zone, h.address, h.address))"
                    " FROM report.host h WHERE ($1::text IS NULL OR h.zone = $1)"
                    " AND lower($2) IN (lower(h.hostname), split_part(lower(h.hostname), '.', 1))",
                    params, ARRAY_LEN(params), &rows, e);

    if (r == 0 && !db_rows_int(rows, 0, 0, 0))
        return err_set(e, -ENOENT, "no host in the inventory has the name '%s'", name);
    if (r == 0)
        *ret_rows += db_rows_int(rows, 0, 1, 0);
    return r;
}

static int rescan(struct cli_db *x, const struct db_args *a, const char *target, struct err *e)
{
    CLEANUP(target_list_donep) struct target_list list = {0};
    int64_t n = 0;
    int r = target_list_add(&list, target, e);

    if (r < 0)
        return r;
    r = cli_db_open(x, a, CLI_DB_WRITE, e);
    for (size_t i = 0; r == 0 && i < list.addrs.n; i++)
        r = rescan_range(x, a->zone, &list.addrs.ranges[i], &n, e);
    for (size_t i = 0; r == 0 && i < list.n_names; i++)
        r = rescan_name(x, a->zone, list.names[i], &n, e);
    if (r == 0 && !n)
        return err_set(e, -ENOENT, "no network of the configuration%s%s holds %s",
                       a->zone ? ", zone " : "", a->zone ? a->zone : "", target);
    if (r == 0)
        printf("%s is due now in %" PRId64 " block%s of passes\n", target, n, n == 1 ? "" : "s");
    return r;
}

int verb_rescan(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    struct err e = {0};

    return rescan(&x, c->args, c->operands.values[0], &e) < 0 ? verb_fail(c, &e) : EXIT_NOTHING;
}

static void on_applied(void *user, const char *file)
{
    (void)user;
    printf("applied %s\n", file);
}

static void on_notice(void *user, const char *sentence)
{
    (void)user;
    fprintf(stderr, "muster db migrate: %s\n", sentence);
}

int verb_db_migrate(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    const struct db_args *a = c->args;
    char data[PATH_MAX], dir[PATH_MAX + 16];
    struct migrate_opts o = {.dir = dir,
                             .program = "muster",
                             .check_only = a->check,
                             .applied = on_applied,
                             .notice = on_notice};
    struct err e = {0};
    int version = 0, r;

    if (cli_db_find(&x, a, &e) < 0 || paths_data(data, &e) < 0)
        return verb_fail(c, &e);
    snprintf(dir, sizeof dir, "%s/migrations", data);
    o.conninfo = x.conninfo;
    r = migrate_run(&o, &version, &e);
    if (r == -ENOENT && a->check) {
        printf("%s\n", err_text(&e));
        return EXIT_CHANGES;
    }
    if (r < 0)
        return verb_fail(c, &e);
    printf("the database is at version %d\n", version);
    return EXIT_NOTHING;
}

/* The password goes by the environment: command lines can be read by everyone. */
static int psql_password(const struct config *c, struct err *e)
{
    CLEANUP(freep) char *password = NULL;
    int r;

    if (!c || !c->database || !c->database_secret)
        return 0;
    r = config_secret_read(&password, c->database_secret, e);
    if (r == 0)
        r = setenv("PGPASSWORD", password, 1) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
    if (password)
        explicit_bzero(password, strlen(password));
    return r;
}

int verb_db_psql(struct verb_call *c)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    CLEANUP(freep) char **argv = calloc(c->operands.n + 3, sizeof *argv);
    const struct db_args *a = c->args;
    struct err e = {0};
    size_t n = 0;

    if (cli_db_find(&x, a, &e) < 0 || (!a->database && psql_password(x.config, &e) < 0))
        return verb_fail(c, &e);
    if (!argv)
        return verb_fail(c, (err_set(&e, -ENOMEM, "out of memory"), &e));
    argv[n++] = (char *)(uintptr_t) "psql";
    argv[n++] = !a->database && x.config->database ? x.config->database : x.conninfo;
    for (size_t i = 0; i < c->operands.n; i++)
        argv[n++] = (char *)(uintptr_t)c->operands.values[i];
    execvp("psql", argv);
    err_set(&e, -errno, "cannot start psql: %s (package postgresql-client)", strerror(errno));
    return verb_fail(c, &e);
}
