/* Doctor: is the database there, of a version that Muster knows, and set up? */
#include "service/cli/doctor.h"

#include "service/config/config.h"
#include "service/config/paths.h"
#include "service/store/migrate.h"

#include <errno.h>
#include <string.h>

enum { POSTGRES_OLDEST = 150000 };

static bool is_embedded(const struct doctor *d)
{
    return d->db.config && !d->args->database && !d->db.config->database;
}

static void no_connection(struct doctor *d, const char *why)
{
    doctor_add(d, VERDICT_FAIL, "database", why,
               strstr(why, "Permission denied") ? cli_db_advice(&d->db)
               : is_embedded(d) ? "start musterd: the embedded server runs while it does"
                                : "is the server running, and is 'database' in the configuration "
                                  "right? 'muster db psql' uses the same connection");
}

static bool check_connection(struct doctor *d)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct err e = {0};

    if (cli_db_connect(&d->db, CLI_DB_ONCE, &e) < 0 ||
        cli_ask(&d->db,
                "SELECT current_setting('server_version_num'), "
                "current_setting('server_version'), current_database()",
                NULL, 0, &rows, &e) < 0) {
        no_connection(d, d->db.why[0] ? d->db.why : err_text(&e));
        return false;
    }
    if (db_rows_int(rows, 0, 0, 0) < POSTGRES_OLDEST)
        doctor_addf(d, VERDICT_FAIL, "database", "use PostgreSQL 15 or newer", "PostgreSQL %s",
                    db_rows_text(rows, 0, 1));
    else
        doctor_addf(d, VERDICT_OK, "database", NULL, "PostgreSQL %s, database %s",
                    db_rows_text(rows, 0, 1), db_rows_text(rows, 0, 2));
    return true;
}

static bool check_migrations(struct doctor *d)
{
    char data[PATH_MAX], dir[PATH_MAX + 16];
    struct migrate_opts o = {.conninfo = d->db.conninfo, .dir = dir, .check_only = true};
    struct err e = {0};
    int version = 0, r = paths_data(data, &e);

    snprintf(dir, sizeof dir, "%s/migrations", r == 0 ? data : "");
    if (r == 0)
        r = migrate_run(&o, &version, &e);
    if (r == 0)
        doctor_addf(d, VERDICT_OK, "schema", NULL, "version %d, nothing to apply", version);
    else if (r == -ENOENT)
        doctor_add(d, VERDICT_FAIL, "schema", err_text(&e),
                   "start musterd, or run 'muster db migrate'");
    else
        doctor_add(d, VERDICT_FAIL, "schema", err_text(&e),
                   "restore the files of this version of Muster, or use the version that made the "
                   "database");
    return r == 0;
}

/* Late blocks mean that nobody works on the schedule. */
static void check_schedule(struct doctor *d)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct err e = {0};
    int64_t late, blocks;

    if (cli_ask(&d->db,
                "SELECT count(*), count(*) FILTER (WHERE wanted_at < now() - every AND NOT "
                "running) FROM report.coverage",
                NULL, 0, &rows, &e) < 0) {
        doctor_add(d, VERDICT_FAIL, "schedule", err_text(&e), NULL);
        return;
    }
    blocks = db_rows_int(rows, 0, 0, 0);
    late = db_rows_int(rows, 0, 1, 0);
    if (!blocks)
        doctor_add(d, VERDICT_WARN, "schedule", "nothing is scheduled",
                   "start musterd: it takes over the zones of the configuration");
    else if (late)
        doctor_addf(d, VERDICT_WARN, "schedule",
                    "is musterd running? if so, lower the intervals or raise the rates",
                    "%lld of %lld blocks were not looked at in time", (long long)late,
                    (long long)blocks);
    else
        doctor_addf(d, VERDICT_OK, "schedule", NULL, "%lld blocks, none late", (long long)blocks);
}

/* Sensors that go on with what held before, because their file has a fault. */
static void check_refused(struct doctor *d)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct err e = {0};

    if (cli_ask(&d->db,
                "SELECT sensor, date_trunc('second', config_refused_at)::text, config_why "
                "FROM report.sensor WHERE config_why IS NOT NULL ORDER BY sensor",
                NULL, 0, &rows, &e) < 0)
        doctor_add(d, VERDICT_FAIL, "config", err_text(&e), NULL);
    for (size_t i = 0; i < db_rows_count(rows); i++)
        doctor_addf(d, VERDICT_FAIL, "config",
                    "mend the file, try it with 'muster config check', then reload musterd",
                    "sensor %s: the file is not in force since %s, what held before goes on: %s",
                    db_rows_text(rows, i, 0), db_rows_text(rows, i, 1), db_rows_text(rows, i, 2));
}

/* Interfaces that should be listened to and are not, and frames that were lost. */
static void check_listeners(struct doctor *d)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct err e = {0};

    if (cli_ask(&d->db,
                "SELECT sensor || ' ' || interface, up, why, drops FROM report.listener ORDER BY 1",
                NULL, 0, &rows, &e) < 0) {
        doctor_add(d, VERDICT_FAIL, "listener", err_text(&e), NULL);
        return;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        const char *name = db_rows_text(rows, i, 0), *why = db_rows_text(rows, i, 2);

        if (!db_rows_bool(rows, i, 1))
            doctor_addf(d, VERDICT_WARN, "listener",
                        "is the interface up, and has musterd CAP_NET_RAW?", "%s: %s", name,
                        why ? why : "down");
        else if (db_rows_int(rows, i, 3, 0))
            doctor_addf(d, VERDICT_WARN, "listener", "the machine was too busy for its traffic",
                        "%s: %lld frames were dropped", name,
                        (long long)db_rows_int(rows, i, 3, 0));
        else
            doctor_addf(d, VERDICT_OK, "listener", NULL, "%s hears", name);
    }
}

static void check_server_clock(struct doctor *d)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    char now[TIME_TEXT_MAX];
    const char *params[] = {now};
    struct err e = {0};
    double off;

    if (cli_time("0s", "", now, &e) < 0 ||
        cli_ask(&d->db, "SELECT extract(epoch FROM clock_timestamp() - $1::timestamptz)::float8",
                params, 1, &rows, &e) < 0)
        return;
    off = strtod(db_rows_text(rows, 0, 0), NULL);
    if (off > 2 || off < -2)
        doctor_addf(d, VERDICT_WARN, "clock", "synchronise both clocks",
                    "the database's clock is %.0f seconds %s", off < 0 ? -off : off,
                    off < 0 ? "behind" : "ahead");
}

/* ops.audit(): what must never be.  A contradiction is a fault of Muster, or of somebody who wrote
 * into its tables. */
void doctor_audit(struct doctor *d)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct err e = {0};
    unsigned bad = 0;

    if (!d->db.db)
        return;
    if (cli_ask_long(&d->db, "SELECT what, n FROM ops.audit() ORDER BY what", "3600000", &rows,
                     &e) < 0) {
        doctor_add(d, VERDICT_FAIL, "audit", err_text(&e), NULL);
        return;
    }
    for (size_t i = 0; i < db_rows_count(rows); i++) {
        int64_t n = db_rows_int(rows, i, 1, 0);

        bad += n != 0;
        if (n)
            doctor_addf(d, VERDICT_FAIL, "audit",
                        "please report it, with 'pg_dump' of schema inv if you can", "%s: %lld",
                        db_rows_text(rows, i, 0), (long long)n);
    }
    if (!bad)
        doctor_addf(d, VERDICT_OK, "audit", NULL, "%zu questions, no contradiction",
                    db_rows_count(rows));
}

void doctor_database(struct doctor *d)
{
    if (!d->db.conninfo || !check_connection(d))
        return;
    if (check_migrations(d)) {
        check_refused(d);
        check_schedule(d);
        check_listeners(d);
    }
    check_server_clock(d);
}
