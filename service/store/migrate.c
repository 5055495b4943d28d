/* Schema migrations.
 *
 * One session holds an advisory lock for the whole run.  It is polled, never waited for: a waiter's
 * snapshot would block a CREATE INDEX CONCURRENTLY of the holder for ever.  Checksums are computed
 * by the server.  A first line "-- no transaction" runs a file bare (one statement that may be run
 * twice).  Queries are sent and polled here rather than PQexec'ed, so that `tick` runs while a long
 * one works. */
#include "service/store/migrate.h"

#include "engine/base/buf.h"
#include "engine/base/cleanup.h"
#include "service/store/db_hosts.h"
#include "service/store/migrate_files.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#define LOCK_KEY   "7310868735425770593" /* one number for this program */
#define TICK_MS    200
#define CONNECT_MS 10000
#define WAIT_MS    60000
#define BARE       "-- no transaction\n"

struct run {
    const struct migrate_opts *o;
    PGconn *conn;
    struct migrations files;
    struct err *e;
};

static void tick(const struct run *r)
{
    if (r->o->tick)
        r->o->tick(r->o->user);
}

static unsigned long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000;
}

/* Waits for the socket, at most one tick.  True: it is ready. */
static bool wait_socket(const struct run *r, short events)
{
    struct pollfd p = {.fd = PQsocket(r->conn), .events = events};

    tick(r);
    return poll(&p, 1, TICK_MS) > 0;
}

static int fail(const struct run *r, int code, const char *what, const char *words)
{
    char line[ERR_TEXT_MAX];

    snprintf(line, sizeof line, "%.*s", (int)strcspn(words, "\n"), words);
    return err_set(r->e, code, "%s: %s", what, line);
}

static void on_notice(void *user, const PGresult *res)
{
    const struct run *r = user;
    const char *words = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    /* 42P06, 42P07: "already exists, skipping" of our own IF NOT EXISTS */
    if (r->o->notice && words && (!state || strncmp(state, "42P0", 4) != 0))
        r->o->notice(r->o->user, words);
}

/* Until it is up, has failed, or a host hangs.  libpq takes the socket for ready whenever it is
 * called: where the host has not even answered the SYN, it would write, and wait for that itself.
 */
static PostgresPollingStatusType poll_connection(const struct run *r)
{
    unsigned long long end = now_ms() + CONNECT_MS;
    PostgresPollingStatusType s = PGRES_POLLING_WRITING;

    while (PQstatus(r->conn) != CONNECTION_BAD && now_ms() < end) {
        if (!wait_socket(r, s == PGRES_POLLING_READING ? POLLIN : POLLOUT))
            continue;
        s = PQconnectPoll(r->conn);
        if (s == PGRES_POLLING_OK || s == PGRES_POLLING_FAILED)
            break;
    }
    return s;
}

/* One walk through the hosts.  -ETIMEDOUT: one of them hangs. */
static int connect_once(struct run *r, const struct db_hosts *hosts)
{
    /* earlier keywords are defaults, later ones win over the connection string */
    const char *keys[5 + DB_HOSTS_KEYS + 1] = {"target_session_attrs", "dbname",
                                               "fallback_application_name", "client_encoding",
                                               "gssencmode"};
    const char *values[ARRAY_LEN(keys)] = {r->o->check_only ? "any" : "read-write", r->o->conninfo,
                                           "muster migrate", "UTF8", "disable"};

    db_hosts_params(hosts, keys + 5, values + 5);
    PQfinish(r->conn);
    r->conn = PQconnectStartParams(keys, values, 1);
    if (!r->conn)
        return -ENOMEM;
    if (poll_connection(r) == PGRES_POLLING_OK)
        return 0;
    return PQstatus(r->conn) == CONNECTION_BAD ? -ECONNREFUSED : -ETIMEDOUT;
}

static int connect_database(struct run *r)
{
    CLEANUP(db_hosts_done) struct db_hosts hosts = {0};
    int ret = db_hosts_read(&hosts, r->o->conninfo);
    size_t n = db_hosts_count(&hosts);

    if (ret == 0)
        ret = connect_once(r, &hosts);
    for (size_t i = 1; ret == -ETIMEDOUT && i < n && db_hosts_rotate(&hosts) == 0; i++)
        ret = connect_once(r, &hosts);
    if (ret == -ENOMEM)
        return ret;
    if (ret < 0)
        return fail(r, -ECONNREFUSED, "database",
                    *PQerrorMessage(r->conn) ? PQerrorMessage(r->conn)
                                             : "no connection within 10 s");
    PQsetNoticeReceiver(r->conn, on_notice, r);
    return 0;
}

/* The last result of what was sent, NULL when the connection is gone.  The first error wins. */
static PGresult *collect(const struct run *r)
{
    PGresult *last = NULL, *res;

    for (;;) {
        while (PQisBusy(r->conn)) {
            (void)wait_socket(r, POLLIN); /* libpq looks itself */
            if (!PQconsumeInput(r->conn))
                return last;
        }
        res = PQgetResult(r->conn);
        if (!res)
            return last;
        if (last && PQresultStatus(last) == PGRES_FATAL_ERROR) {
            PQclear(res);
            continue;
        }
        PQclear(last);
        last = res;
        if (PQresultStatus(res) == PGRES_COPY_IN || PQresultStatus(res) == PGRES_COPY_OUT)
            return last; /* comes for ever; not a success, so the run ends */
    }
}

static PGresult *ask(const struct run *r, const char *sql, const char *const *params, int n)
{
    /* without parameters: the simple protocol, which takes a file of many statements */
    int sent = n ? PQsendQueryParams(r->conn, sql, n, NULL, params, NULL, NULL, 0)
                 : PQsendQuery(r->conn, sql);

    return sent ? collect(r) : NULL;
}

static bool good(const PGresult *res)
{
    ExecStatusType s = PQresultStatus(res);

    return s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_EMPTY_QUERY;
}

static int command(const struct run *r, const char *sql)
{
    PGresult *res = ask(r, sql, NULL, 0);
    int ret = good(res) ? 0 : fail(r, -EIO, "database", PQerrorMessage(r->conn));

    PQclear(res);
    return ret;
}

static int take_lock(const struct run *r)
{
    unsigned long long end = now_ms() + (r->o->wait_ms ? r->o->wait_ms : WAIT_MS);

    for (;;) {
        PGresult *res = ask(r, "SELECT pg_try_advisory_lock(" LOCK_KEY ")", NULL, 0);
        bool ok = good(res), mine = ok && *PQgetvalue(res, 0, 0) == 't';

        PQclear(res);
        if (!ok)
            return fail(r, -EIO, "database", PQerrorMessage(r->conn));
        if (mine)
            return 0;
        if (now_ms() >= end)
            return err_set(r->e, -ETIMEDOUT,
                           "another migrator is at work on this database and does not end");
        tick(r);
        (void)poll(NULL, 0, 100);
    }
}

/* "dir/file:line: words (detail)" of a failed statement. */
static int fail_at(const struct run *r, const struct migration *m, const PGresult *res)
{
    const char *position = PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION);
    const char *words = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
    const char *context = PQresultErrorField(res, PG_DIAG_CONTEXT);
    unsigned line = position ? migration_line(m->text, (unsigned)strtoul(position, NULL, 10)) : 0;
    char where[32] = "";

    if (line)
        snprintf(where, sizeof where, ":%u", line);
    return err_set(r->e, -EIO, "%s/%s%s: %s%s%s%s%s", r->o->dir, m->name, where,
                   words ? words : PQerrorMessage(r->conn), detail ? ": " : "",
                   detail ? detail : "", !line && context ? "; " : "",
                   !line && context ? context : "");
}

static int record(const struct run *r, const struct migration *m, unsigned long long took)
{
    char version[16], ms[24];
    const char *params[] = {version, m->name, m->text, r->o->program ? r->o->program : "muster",
                            ms};
    PGresult *res;
    int ret = 0;

    snprintf(version, sizeof version, "%d", m->version);
    snprintf(ms, sizeof ms, "%llu", took);
    res = ask(r,
              "INSERT INTO ops.migration(version, name, sha256, by_program, took_ms) "
              "VALUES ($1, $2, sha256(convert_to($3, 'UTF8')), $4, $5)",
              params, 5);
    if (!good(res))
        ret = fail(r, -EIO, m->name, PQerrorMessage(r->conn));
    PQclear(res);
    return ret;
}

static int apply_text(const struct run *r, const struct migration *m, bool bare)
{
    PGresult *res = ask(r, m->text, NULL, 0);
    int ret = 0;

    if (!good(res))
        ret = fail_at(r, m, res);
    else if (PQtransactionStatus(r->conn) != (bare ? PQTRANS_IDLE : PQTRANS_INTRANS))
        ret = err_set(r->e, -EIO, "%s/%s: ends the transaction itself; a migration must not",
                      r->o->dir, m->name);
    PQclear(res);
    return ret;
}

static int apply(const struct run *r, const struct migration *m)
{
    bool bare = strncmp(m->text, BARE, sizeof BARE - 1) == 0;
    unsigned long long started = now_ms();
    int ret = bare ? 0 : command(r, "BEGIN");

    if (ret == 0)
        ret = apply_text(r, m, bare);
    if (ret == 0)
        ret = record(r, m, now_ms() - started);
    if (ret == 0 && !bare)
        ret = command(r, "COMMIT");
    if (ret == 0 && r->o->applied)
        r->o->applied(r->o->user, m->name);
    return ret; /* after a failure the connection is closed, which rolls back */
}

/* 1: applied and unchanged; 0: not applied; -EBADMSG: changed. */
static int look_up(const struct run *r, const struct migration *m)
{
    char version[16];
    const char *params[] = {version, m->text};
    PGresult *res;
    int ret = 0;

    snprintf(version, sizeof version, "%d", m->version);
    res = ask(r,
              "SELECT sha256 = sha256(convert_to($2, 'UTF8')), name FROM ops.migration WHERE "
              "version = $1",
              params, 2);
    if (!good(res))
        ret = fail(r, -EIO, "database", PQerrorMessage(r->conn));
    else if (PQntuples(res) > 0 && *PQgetvalue(res, 0, 0) != 't')
        ret = err_set(r->e, -EBADMSG,
                      "%s/%s was changed after it had been applied (as %s); restore it, and put "
                      "the change into a new file",
                      r->o->dir, m->name, PQgetvalue(res, 0, 1));
    else
        ret = PQntuples(res) > 0;
    PQclear(res);
    return ret;
}

static int applied_version(const struct run *r, int *ret_version)
{
    PGresult *res = ask(r, "SELECT COALESCE(max(version), 0) FROM ops.migration", NULL, 0);
    int ret = 0;

    if (good(res))
        *ret_version = (int)strtol(PQgetvalue(res, 0, 0), NULL, 10);
    else
        ret = fail(r, -EIO, "database", PQerrorMessage(r->conn));
    PQclear(res);
    return ret;
}

/* The table of what was applied.  Not touched when it is there: a reader that only checks may not
 * create. */
static int ledger(const struct run *r)
{
    PGresult *res = ask(r, "SELECT to_regclass('ops.migration') IS NOT NULL", NULL, 0);
    bool there = good(res) && *PQgetvalue(res, 0, 0) == 't';

    PQclear(res);
    if (there)
        return 0;
    if (r->o->check_only)
        return err_set(r->e, -ENOENT, "the database has no schema of muster yet");
    return command(
        r,
        "CREATE SCHEMA IF NOT EXISTS ops; CREATE TABLE IF NOT EXISTS ops.migration ("
        "version int4 PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now(), by_program text NOT NULL, took_ms int4)");
}

static int newer(const struct run *r)
{
    int last = r->files.list[r->files.n - 1].version, version = 0;
    int ret = applied_version(r, &version);

    if (ret == 0 && version > last)
        ret = err_set(
            r->e, -ENOTSUP,
            "the database is at schema %d, this program knows %d: a newer muster has been here",
            version, last);
    return ret;
}

static int walk(const struct run *r)
{
    int ret = newer(r);

    for (size_t i = 0; ret >= 0 && i < r->files.n; i++) {
        const struct migration *m = &r->files.list[i];

        ret = look_up(r, m);
        if (ret == 0 && r->o->check_only)
            return err_set(r->e, -ENOENT, "the database lacks %s: run 'muster db migrate'",
                           m->name);
        if (ret == 0)
            ret = apply(r, m);
    }
    return ret < 0 ? ret : 0;
}

int migrate_run(const struct migrate_opts *o, int *ret_version, struct err *e)
{
    struct run r = {.o = o, .e = e};
    int version = 0;
    int ret = migrations_read(&r.files, o->dir, e);

    if (ret == 0)
        ret = connect_database(&r);
    if (ret == 0)
        ret = command(&r,
                      "SET lock_timeout = '10s'; SET statement_timeout = 0; SET TimeZone = 'UTC'; "
                      "SET client_min_messages = notice");
    if (ret == 0 && !o->check_only)
        ret = take_lock(&r);
    if (ret == 0)
        ret = ledger(&r);
    if (ret == 0)
        ret = walk(&r);
    if (ret == 0)
        ret = applied_version(&r, &version);
    if (ret == 0 && ret_version)
        *ret_version = version;
    PQfinish(r.conn);
    migrations_done(&r.files);
    return ret;
}
