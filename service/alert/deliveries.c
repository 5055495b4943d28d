/* Questions of the command line about deliveries.  The views and functions are in
 * migrations/0003_delivery.sql and 0050_notice.sql. */
#include "service/alert/deliveries.h"

#include "engine/base/buf.h"

#include <errno.h>
#include <string.h>

#define ASK_USEC    (30 * USEC_PER_SEC)
#define LIMIT_USUAL 50

#define COLUMNS                                                                                    \
    "endpoint, event, type, severity, zone, subject, summary, state, attempts, next_at, last_at, " \
    "code, "                                                                                       \
    "COALESCE(error, reason) AS reason, created_at"

static int check_endpoint(struct db *d, const char *name, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    struct db_call q = {
        .sql = "SELECT 1 FROM alert.endpoint WHERE name = $1", .params = &name, .n_params = 1};
    int r = db_ask(d, &q, ASK_USEC, &rows, e);

    if (r < 0)
        return r;
    return db_rows_count(rows) ? 0 : err_set(e, -ENOENT, "there is no endpoint '%.63s'", name);
}

int deliveries_list(struct db *d, const struct deliveries_filter *f, struct db_rows **ret,
                    struct err *e)
{
    char limit[24];
    const char *params[] = {f->endpoint, limit};
    struct db_call q = {.params = params, .n_params = ARRAY_LEN(params)};

    if (f->endpoint) {
        int r = check_endpoint(d, f->endpoint, e);

        if (r < 0)
            return r;
    }
    q.sql = f->all ? "SELECT " COLUMNS
                     " FROM report.delivery WHERE $1::text IS NULL OR endpoint = $1 "
                     "ORDER BY seq DESC, endpoint LIMIT $2::int8"
                   : "SELECT " COLUMNS
                     " FROM report.delivery WHERE ($1::text IS NULL OR endpoint = $1) "
                     "AND state IN ('waiting', 'retry', 'held', 'dead') "
                     "AND seq IN (SELECT o.seq FROM alert.open o UNION ALL SELECT v.seq FROM "
                     "alert.cursor c JOIN alert.notice v ON v.endpoint_id = c.endpoint_id "
                     "AND (v.xid, v.seq) > (c.xid, c.seq)) "
                     "ORDER BY seq DESC, endpoint LIMIT $2::int8";
    snprintf(limit, sizeof limit, "%u", f->limit ? f->limit : LIMIT_USUAL);
    return db_ask(d, &q, ASK_USEC, ret, e);
}

/* {"a","b"}; -EINVAL for what cannot be an id. */
static int put_ids(struct buf *out, const char *const *ids, size_t n, struct err *e)
{
    buf_char(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (strcspn(ids[i], "\"\\{},") != strlen(ids[i]))
            return err_set(e, -ENOENT, "there is no event '%.63s'", ids[i]);
        buf_printf(out, "%s\"%s\"", i ? "," : "", ids[i]);
    }
    buf_char(out, '}');
    return out->failed ? err_set(e, -ENOMEM, "out of memory") : 0;
}

int deliveries_replay(struct db *d, const char *endpoint, const char *const *ids, size_t n,
                      uint64_t *ret_n, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf list = {0};
    const char *params[] = {endpoint, NULL};
    struct db_call q = {.sql = "SELECT alert.replay($1, $2::text[])",
                        .params = params,
                        .n_params = ARRAY_LEN(params)};
    int r = put_ids(&list, ids, n, e);
    int64_t answer;

    if (r < 0)
        return r;
    params[1] = n ? list.data : NULL;
    r = db_ask(d, &q, ASK_USEC, &rows, e);
    if (r < 0)
        return r;
    answer = db_rows_int(rows, 0, 0, 0);
    if (answer == -1)
        return err_set(e, -ENOENT, "there is no endpoint '%.63s'", endpoint);
    if (answer < 0)
        return err_set(e, -ENOENT, "there is no such event (%.63s%s)", ids[0],
                       n > 1 ? ", ..." : "");
    *ret_n = (uint64_t)answer;
    return 0;
}

int deliveries_replay_range(struct db *d, const char *endpoint,
                            const struct deliveries_range *range, uint64_t *ret_n, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *params[] = {endpoint, range->since, range->until,
                            range->which == DELIVERIES_DEAD ? "true" : "false"};
    struct db_call q = {.sql = "SELECT alert.replay_range($1, $2::timestamptz, $3::timestamptz, "
                               "$4::bool)",
                        .params = params,
                        .n_params = ARRAY_LEN(params)};
    int r = db_ask(d, &q, ASK_USEC, &rows, e);

    if (r < 0)
        return r;
    if (db_rows_int(rows, 0, 0, 0) < 0)
        return err_set(e, -ENOENT, "there is no endpoint '%.63s'", endpoint);
    *ret_n = (uint64_t)db_rows_int(rows, 0, 0, 0);
    return 0;
}

int deliveries_drop(struct db *d, const char *endpoint, const char *const *ids, size_t n,
                    uint64_t *ret_n, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf list = {0};
    const char *params[] = {endpoint, NULL};
    struct db_call q = {.sql = "SELECT alert.drop_dead($1, $2::text[])",
                        .params = params,
                        .n_params = ARRAY_LEN(params)};
    int r = put_ids(&list, ids, n, e);

    if (r < 0)
        return r;
    params[1] = n ? list.data : NULL;
    r = db_ask(d, &q, ASK_USEC, &rows, e);
    if (r < 0)
        return r;
    if (db_rows_int(rows, 0, 0, 0) < 0)
        return err_set(e, -ENOENT, "there is no endpoint '%.63s'", endpoint);
    *ret_n = (uint64_t)db_rows_int(rows, 0, 0, 0);
    return 0;
}

int deliveries_endpoints(struct db *d, struct db_rows **ret, struct err *e)
{
    struct db_call q = {
        .sql = "SELECT endpoint, state, since, reason, waiting, retry, dead, last_ok_at, next_at "
               "FROM report.endpoint ORDER BY endpoint"};

    return db_ask(d, &q, ASK_USEC, ret, e);
}

int deliveries_enable(struct db *d, const char *endpoint, enum deliveries_resume how, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *params[] = {endpoint, how == DELIVERIES_SKIP ? "true" : "false"};
    struct db_call q = {.sql = "SELECT alert.enable($1, $2::bool)",
                        .params = params,
                        .n_params = ARRAY_LEN(params)};
    int r = db_ask(d, &q, ASK_USEC, &rows, e);

    if (r < 0)
        return r;
    return db_rows_bool(rows, 0, 0) ? 0
                                    : err_set(e, -ENOENT, "there is no endpoint '%.63s'", endpoint);
}
