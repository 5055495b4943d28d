/* Reading rows, and the synchronous way for the command line. */
#include "service/store/db_priv.h"
#include "service/store/decode.h"

#include <errno.h>
#include <string.h>

struct db_rows *db_rows_free(struct db_rows *r)
{
    if (!r)
        return NULL;
    PQclear(r->res);
    free(r);
    return NULL;
}

void db_rows_freep(struct db_rows **r)
{
    *r = db_rows_free(*r);
}

size_t db_rows_count(const struct db_rows *r)
{
    return r ? (size_t)PQntuples(r->res) : 0;
}

size_t db_rows_columns(const struct db_rows *r)
{
    return r ? (size_t)PQnfields(r->res) : 0;
}

const char *db_rows_name(const struct db_rows *r, size_t column)
{
    return column < db_rows_columns(r) ? PQfname(r->res, (int)column) : NULL;
}

static bool there(const struct db_rows *r, size_t row, size_t column)
{
    return row < db_rows_count(r) && column < db_rows_columns(r) &&
           !PQgetisnull(r->res, (int)row, (int)column);
}

const char *db_rows_text(const struct db_rows *r, size_t row, size_t column)
{
    return there(r, row, column) ? PQgetvalue(r->res, (int)row, (int)column) : NULL;
}

size_t db_rows_len(const struct db_rows *r, size_t row, size_t column)
{
    return there(r, row, column) ? (size_t)PQgetlength(r->res, (int)row, (int)column) : 0;
}

int64_t db_rows_int(const struct db_rows *r, size_t row, size_t column, int64_t when_null)
{
    const char *s = db_rows_text(r, row, column);

    return s ? strtoll(s, NULL, 10) : when_null;
}

bool db_rows_bool(const struct db_rows *r, size_t row, size_t column)
{
    const char *s = db_rows_text(r, row, column);

    return s && *s == 't';
}

usec_t db_rows_time(const struct db_rows *r, size_t row, size_t column)
{
    const char *s = db_rows_text(r, row, column);
    usec_t t = 0;

    return s && pg_time_parse(s, &t) == 0 ? t : 0;
}

void db_rows_addr(const struct db_rows *r, size_t row, size_t column, struct addr *ret)
{
    const char *s = db_rows_text(r, row, column);

    *ret = (struct addr){0};
    if (s && pg_inet_parse(s, ret) < 0)
        *ret = (struct addr){0};
}

uint64_t db_rows_affected(const struct db_rows *r)
{
    return r ? strtoull(PQcmdTuples(r->res), NULL, 10) : 0;
}

/* One question of db_ask(); on the heap, because a late answer may outlive the call. */
struct question {
    bool done, given_up;
    int status;
    struct db_rows *rows;
    struct err e;
};

static void on_answer(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct question *q = user;

    if (q->given_up) {
        free(q);
        return;
    }
    q->done = true;
    q->status = status;
    q->e = *e;
    if (status == 0) {
        q->rows = calloc(1, sizeof *q->rows);
        if (q->rows)
            q->rows->res = PQcopyResult(rows->res, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES);
        if (!q->rows || !q->rows->res)
            q->status = -ENOMEM;
    }
}

static int wait_for(struct db *d, const struct question *q, usec_t timeout)
{
    usec_t end = loop_now(d->loop) + timeout;

    while (!q->done) {
        usec_t now = loop_now(d->loop);
        int r;

        if (now >= end)
            return -ETIMEDOUT;
        r = loop_turn(d->loop, end - now);
        if (r < 0)
            return r;
    }
    return 0;
}

int db_ask(struct db *d, const struct db_call *c, usec_t timeout, struct db_rows **ret,
           struct err *e)
{
    struct question *q = calloc(1, sizeof *q);
    int r;

    if (!q)
        return -ENOMEM;
    r = db_query(d, c, on_answer, q);
    if (r < 0) {
        free(q);
        return r;
    }
    r = wait_for(d, q, timeout);
    if (r < 0) {
        q->given_up = true;
        return err_set(e, r, "no answer from the database within %llu s",
                       (unsigned long long)(timeout / USEC_PER_SEC));
    }
    r = q->status;
    if (r == 0)
        *ret = take(&q->rows);
    else
        err_set(e, r, "%s", err_text(&q->e));
    db_rows_free(q->rows);
    free(q);
    return r;
}
