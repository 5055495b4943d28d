/* The queries of a connection: a FIFO with one in flight.
 *
 * No pipeline mode: on a Unix socket a round trip costs less than the diff it carries, and one in
 * flight keeps the fate of every query after a lost connection a single question.  An item is freed
 * before its callback's owner can be gone: the callback comes last, and `dead` is looked at after
 * each. */
#include "service/store/db_priv.h"

#include <errno.h>
#include <string.h>

#define ANSWER_GRACE (10 * USEC_PER_SEC) /* on top of the server's own statement_timeout */

void db_item_free(struct db_item *it)
{
    if (!it)
        return;
    for (size_t i = 0; it->params && i < it->n_params; i++)
        free(it->params[i]);
    free(it->params);
    free(it->lens);
    free(it->sql);
    free(it);
}

/* A copy of the i-th parameter; NULL: no memory. */
static char *copy_param(struct db_item *it, const struct db_call *c, size_t i)
{
    size_t binary = c->lens ? c->lens[i] : 0, len = binary ? binary : strlen(c->params[i]) + 1;
    char *copy = malloc(len);

    if (!copy)
        return NULL;
    memcpy(copy, c->params[i], len);
    it->bytes += len;
    if (binary) {
        it->lens[i] = (int)len;
        it->lens[c->n_params + i] = 1;
    }
    return copy;
}

int db_item_new(struct db_item **ret, const struct db_call *c, db_cb cb, void *user)
{
    struct db_item *it = calloc(1, sizeof *it);

    if (!it)
        return -ENOMEM;
    it->cb = cb;
    it->user = user;
    it->flags = c->flags;
    it->n_params = c->n_params;
    it->bytes = sizeof *it + strlen(c->sql);
    it->sql = strdup(c->sql);
    it->params = calloc(c->n_params ? c->n_params : 1, sizeof *it->params);
    it->lens = c->lens ? calloc(c->n_params ? c->n_params : 1, 2 * sizeof *it->lens) : NULL;
    if (!it->sql || !it->params || (c->lens && !it->lens))
        goto no_memory;
    for (size_t i = 0; i < c->n_params; i++) {
        if (!c->params[i])
            continue;
        it->params[i] = copy_param(it, c, i);
        if (!it->params[i])
            goto no_memory;
    }
    *ret = it;
    return 0;
no_memory:
    db_item_free(it);
    return -ENOMEM;
}

int db_query(struct db *d, const struct db_call *c, db_cb cb, void *user)
{
    struct db_item *it;
    int r;

    if (d->bytes >= d->opts.queue_limit) {
        d->told_full = true;
        return -EAGAIN;
    }
    r = db_item_new(&it, c, cb, user);
    if (r < 0)
        return r;
    if (c->flags & DB_FIRST)
        TAILQ_INSERT_HEAD(&d->queue, it, entry);
    else
        TAILQ_INSERT_TAIL(&d->queue, it, entry);
    d->bytes += it->bytes;
    d->waiting++;
    loop_post(d->loop, &d->turn);
    return 0;
}

/* The item leaves the books; then its callback. */
static void finish(struct db *d, struct db_item *it, int status, const struct db_rows *rows,
                   const struct err *e)
{
    db_cb cb = it->cb;
    void *user = it->user;

    d->bytes -= it->bytes;
    d->waiting--;
    db_item_free(it);
    if (cb)
        cb(user, status, rows, e);
    if (d->told_full && !d->dead && d->bytes < d->opts.queue_limit / 2) {
        d->told_full = false;
        if (d->opts.drained)
            d->opts.drained(d->opts.user);
    }
}

void db_end_all(struct db *d, int status, const struct err *e)
{
    struct db_item *it;

    if ((it = d->flight)) {
        d->flight = NULL;
        finish(d, it, status, NULL, e);
    }
    while ((it = TAILQ_FIRST(&d->queue))) {
        TAILQ_REMOVE(&d->queue, it, entry);
        finish(d, it, status, NULL, e);
    }
}

void db_orphan(struct db *d, const char *why)
{
    struct db_item *it = d->flight;
    struct err e = {0};

    d->flight = NULL;
    if (!it)
        return;
    if (it->flags & DB_RETRY) {
        TAILQ_INSERT_HEAD(&d->queue, it, entry);
        return;
    }
    err_set(&e, -ECONNRESET, "%s", why);
    finish(d, it, -ECONNRESET, NULL, &e);
}

/* Keeps both directions going: a big query goes out while the server already talks. */
static bool flush(struct db *d)
{
    int r = PQflush(d->conn);

    if (r < 0 || io_want(d->loop, &d->io, r > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN) < 0) {
        db_lost(d, PQerrorMessage(d->conn));
        return false;
    }
    return true;
}

void db_forget_prepared(struct db *d)
{
    while (d->n_prepared)
        free(d->prepared[--d->n_prepared]);
    d->preparing = d->unprepared = false;
}

/* Its number; n_prepared: not known to the connection. */
static size_t prepared_find(const struct db *d, const char *sql)
{
    size_t i = 0;

    while (i < d->n_prepared && strcmp(d->prepared[i], sql) != 0)
        i++;
    return i;
}

/* The text alone, or what is known by it, or all at once. */
static int send_item(struct db *d, const struct db_item *it)
{
    const char *const *params = (const char *const *)it->params;
    const int *formats = it->lens ? it->lens + it->n_params : NULL;
    size_t i = prepared_find(d, it->sql);
    char name[24];

    if (!(it->flags & DB_OFTEN) || d->unprepared || i == PREPARED_MAX)
        return PQsendQueryParams(d->conn, it->sql, (int)it->n_params, NULL, params, it->lens,
                                 formats, 0);
    snprintf(name, sizeof name, "often%zu", i);
    if (i < d->n_prepared)
        return PQsendQueryPrepared(d->conn, name, (int)it->n_params, params, it->lens, formats, 0);
    d->prepared[i] = strdup(it->sql);
    if (!d->prepared[i])
        return 0;
    d->n_prepared++;
    d->preparing = true;
    return PQsendPrepare(d->conn, name, it->sql, (int)it->n_params, NULL);
}

static bool send_next(struct db *d)
{
    struct db_items *from = d->phase == PHASE_SETUP ? &d->setup : &d->queue;
    struct db_item *it = TAILQ_FIRST(from);

    if (!it)
        return true;
    if (!send_item(d, it) ||
        timer_set(d->loop, &d->deadline, d->opts.statement_timeout + ANSWER_GRACE) < 0) {
        db_lost(d, PQerrorMessage(d->conn));
        return false;
    }
    TAILQ_REMOVE(from, it, entry);
    d->flight = it;
    return true;
}

void db_pump(struct db *d)
{
    if (d->phase == PHASE_SETUP && !d->flight && TAILQ_EMPTY(&d->setup)) {
        db_setup_done(d);
        if (d->dead || d->phase != PHASE_READY)
            return;
    }
    if ((d->phase == PHASE_SETUP || d->phase == PHASE_READY) && (d->flight || send_next(d)) &&
        d->conn)
        flush(d);
}

static const struct {
    const char *prefix;
    int status;
} sqlstates[] = {
    {"23505", -EEXIST}, {"42P01", -ESRCH},     {"42883", -ESRCH},
    {"3F000", -ESRCH},  {"57014", -ETIMEDOUT}, {"40001", -EAGAIN},
    {"40P01", -EAGAIN}, {"55P03", -EAGAIN},    {"M", -EDOM},
};

static int status_of(const char *sqlstate)
{
    for (size_t i = 0; i < ARRAY_LEN(sqlstates); i++)
        if (strncmp(sqlstate, sqlstates[i].prefix, strlen(sqlstates[i].prefix)) == 0)
            return sqlstates[i].status;
    return -EIO;
}

/* Errors that speak of the server, not of the query: shutdown, crash of another backend; for
 * writers also no room on its disk, a failing disk, and a server that has become read-only. */
static bool ends_connection(const struct db *d, const char *sqlstate)
{
    static const char *const writers[] = {"53100", "58030", "25006"};

    for (size_t i = 0; d->opts.writes && i < ARRAY_LEN(writers); i++)
        if (strcmp(sqlstate, writers[i]) == 0)
            return true;
    return strncmp(sqlstate, "08", 2) == 0 || strncmp(sqlstate, "57P0", 4) == 0;
}

static int judge(const PGresult *res, struct err *e)
{
    ExecStatusType s = PQresultStatus(res);
    const char *state, *words, *detail;

    if (s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_EMPTY_QUERY)
        return 0;
    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    words = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
    return err_set(e, status_of(state ? state : ""), "%.300s%s%.150s", words ? words : "no answer",
                   detail ? ": " : "", detail ? detail : "");
}

/* "cached plan must not change result type", "prepared statement does not exist": another version
 * of the schema, a pooler.  Nothing was done. */
static bool is_stale(const struct db *d, const char *sqlstate)
{
    return d->flight->flags & DB_OFTEN && !d->unprepared &&
           (strcmp(sqlstate, "0A000") == 0 || strcmp(sqlstate, "26000") == 0);
}

/* The query in flight goes out again, first of all. */
static void send_again(struct db *d)
{
    struct db_item *it = d->flight;

    d->flight = NULL;
    PQclear(d->result);
    d->result = NULL;
    TAILQ_INSERT_HEAD(&d->queue, it, entry);
}

/* The query in flight is answered.  False: the connection, or the db, is gone. */
static bool answered(struct db *d)
{
    struct db_item *it = d->flight;
    struct db_rows rows = {.res = d->result};
    struct err e = {0};
    const char *state = d->result ? PQresultErrorField(d->result, PG_DIAG_SQLSTATE) : NULL;
    bool preparing = d->preparing;
    int status;

    timer_stop(d->loop, &d->deadline);
    if (!d->result || PQstatus(d->conn) == CONNECTION_BAD || (state && ends_connection(d, state))) {
        db_lost(d, d->result ? PQresultErrorField(d->result, PG_DIAG_MESSAGE_PRIMARY) : NULL);
        return false;
    }
    d->preparing = false;
    if (state ? is_stale(d, state) : preparing) {
        d->unprepared = state != NULL;
        send_again(d);
        return true;
    }
    if (state && preparing)
        free(d->prepared[--d->n_prepared]);
    status = judge(d->result, &e);
    d->flight = NULL;
    d->result = NULL;
    if (d->phase == PHASE_SETUP) {
        db_item_free(it);
        if (status < 0)
            db_lost(d, e.text);
    } else {
        finish(d, it, status, &rows, &e);
    }
    PQclear(rows.res);
    return !d->dead && d->conn;
}

bool db_take_results(struct db *d)
{
    while (d->flight && !PQisBusy(d->conn)) {
        PGresult *res = PQgetResult(d->conn);

        if (!res) {
            if (!answered(d))
                return false;
            db_pump(d); /* also moves from the setup to the queue */
            if (d->dead || !d->conn)
                return false;
        } else if (PQresultStatus(res) == PGRES_COPY_IN || PQresultStatus(res) == PGRES_COPY_OUT) {
            PQclear(res); /* would come again for ever */
            db_lost(d, "COPY is not possible here");
            return false;
        } else if (d->result) {
            PQclear(res); /* one statement has one result; the first is it */
        } else {
            d->result = res;
        }
    }
    return true;
}
