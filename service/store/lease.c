/* Leases out of the schedule, and what goes with them: heartbeats, targets, requests to look again;
 * and the configuration that makes the schedule. */
#include "service/store/decode.h"
#include "service/store/lease_read.h"
#include "service/store/store_priv.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* One query whose rows become one callback. */
struct ask {
    struct store *store;
    union {
        store_cb status;
        store_claim_cb claim;
        store_keep_cb keep;
        store_targets_cb targets;
        store_past_cb past;
        store_rescan_cb rescan;
    } cb;
    void *user;
    int64_t *fences; /* keep: what was asked for */
    size_t n_fences;
};

static int ask(struct store *s, const struct db_call *c, const struct ask *what, db_cb on_answer)
{
    struct ask *a = malloc(sizeof *a);
    int r;

    if (!a)
        return -ENOMEM;
    *a = *what;
    a->store = s;
    r = store_call(s, c, on_answer, a);
    if (r < 0)
        free(a);
    return r;
}

void store_lease_done(struct store_lease *l)
{
    addr_set_done(&l->only);
    l->only = (struct addr_set){0};
}

void store_lease_move(struct store_lease *to, struct store_lease *from)
{
    *to = *from;
    from->only = (struct addr_set){0};
}

/* ------------------------------------------------------------------ configuration */

static void on_synced(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct ask *a = user;
    const char *refused = db_rows_text(rows, 0, 0);
    struct err why = {0};

    if (status == 0 && refused) {
        status = err_set(&why, -EDOM, "%s", refused);
        e = &why;
    }
    if (a->cb.status)
        a->cb.status(a->user, status, e);
    free(a);
}

int store_sync_config(struct store *s, const struct store_config *c, store_cb cb, void *user,
                      struct err *e)
{
    CLEANUP(buf_done) struct buf json = {0};
    char id[24];
    const char *params[] = {NULL, id};
    struct db_call call = {.sql = "SELECT api.sync_config($1, $2)",
                           .params = params,
                           .n_params = 2,
                           .flags = DB_RETRY};
    struct ask what = {.cb.status = cb, .user = user};
    int r = store_config_json(&json, c, e);

    if (r < 0)
        return r;
    params[0] = json.data;
    snprintf(id, sizeof id, "%lld", (long long)s->sensor_id);
    return ask(s, &call, &what, on_synced);
}

/* ------------------------------------------------------------------ claim */

static usec_t read_span(const char *seconds)
{
    double d = seconds ? strtod(seconds, NULL) : -1;

    return d < 0 || !isfinite(d) ? USEC_INFINITY : (usec_t)(d * USEC_PER_SEC);
}

static void on_claimed(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct ask *a = user;
    size_t n = db_rows_count(rows), got = 0;
    struct store_lease *leases = calloc(n ? n : 1, sizeof *leases);
    usec_t next = USEC_INFINITY;

    (void)e;
    if (status == 0 && !leases)
        status = -ENOMEM;
    for (size_t i = 0; status == 0 && i < n; i++) {
        if (!db_rows_text(rows, i, C_SCHEDULE)) {
            next = read_span(db_rows_text(rows, i, C_NEXT));
            continue;
        }
        status = lease_read(&leases[got], rows, i, loop_wall(a->store->loop));
        got += status == 0;
    }
    a->cb.claim(a->user, status, leases, status == 0 ? got : 0, next);
    for (size_t i = 0; i < got; i++)
        store_lease_done(&leases[i]);
    free(leases);
    free(a);
}

int store_claim(struct store *s, const struct store_claim *cl, store_claim_cb cb, void *user)
{
    CLEANUP(buf_done) struct buf kinds = {0};
    char sensor[24], count[16], ms[40];
    const char *params[5];
    struct db_call c = {
        .sql = "SELECT schedule_id, fence, zone, pass, kind, lo, hi, scope, NULL "
               "FROM api.claim($1, $2, $3, $4, $5) UNION ALL "
               "SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, api.next_due($2, $1)",
        .params = params,
        .n_params = 5,
        .flags = DB_OFTEN,
    };
    struct ask what = {.cb.claim = cb, .user = user};

    pg_array_open(&kinds);
    for (enum store_kind k = STORE_PRESENCE; k <= STORE_SCRIPTS; k++)
        if (cl->kinds & 1U << k)
            pg_array_plain(&kinds, "%s", store_kind_name(k));
    pg_array_close(&kinds);
    if (kinds.failed)
        return -ENOMEM;
    snprintf(sensor, sizeof sensor, "%lld", (long long)s->sensor_id);
    snprintf(count, sizeof count, "%u", cl->n);
    snprintf(ms, sizeof ms, "%llu ms", (unsigned long long)(cl->lease / USEC_PER_MSEC));
    params[0] = sensor;
    params[1] = kinds.data;
    params[2] = count;
    params[3] = ms;
    params[4] = s->instance;
    return ask(s, &c, &what, on_claimed);
}

/* ------------------------------------------------------------------ keep */

static bool kept(const struct db_rows *rows, int64_t fence)
{
    for (size_t i = 0; i < db_rows_count(rows); i++)
        if (db_rows_int(rows, i, 0, -1) == fence)
            return true;
    return false;
}

static void on_kept(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct ask *a = user;
    size_t lost = 0;

    (void)e;
    for (size_t i = 0; status == 0 && i < a->n_fences; i++)
        if (!kept(rows, a->fences[i]))
            a->fences[lost++] = a->fences[i];
    a->cb.keep(a->user, status, a->fences, lost);
    free(a->fences);
    free(a);
}

int store_keep(struct store *s, const struct store_keep *k, store_keep_cb cb, void *user)
{
    CLEANUP(buf_done) struct buf fences = {0};
    char sensor[24], ms[40];
    const char *params[3];
    struct db_call c = {.sql = "SELECT * FROM api.keep($1, $2, $3)",
                        .params = params,
                        .n_params = 3,
                        .flags = DB_RETRY};
    struct ask what = {.cb.keep = cb, .user = user, .n_fences = k->n};
    int r;

    pg_array_open(&fences);
    for (size_t i = 0; i < k->n; i++)
        pg_array_plain(&fences, "%lld", (long long)k->fences[i]);
    pg_array_close(&fences);
    what.fences = calloc(k->n ? k->n : 1, sizeof *what.fences);
    if (fences.failed || !what.fences) {
        free(what.fences);
        return -ENOMEM;
    }
    if (k->n)
        memcpy(what.fences, k->fences, k->n * sizeof *k->fences);
    snprintf(sensor, sizeof sensor, "%lld", (long long)s->sensor_id);
    snprintf(ms, sizeof ms, "%llu ms", (unsigned long long)(k->lease / USEC_PER_MSEC));
    params[0] = sensor;
    params[1] = fences.data;
    params[2] = ms;
    r = ask(s, &c, &what, on_kept);
    if (r < 0)
        free(what.fences);
    return r;
}

/* ------------------------------------------------------------------ rescan */

static void on_rescan(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct ask *a = user;

    (void)e;
    if (a->cb.rescan)
        a->cb.rescan(a->user, status, (unsigned)db_rows_int(rows, 0, 0, 0));
    free(a);
}

int store_rescan(struct store *s, const struct store_rescan *r, store_rescan_cb cb, void *user)
{
    char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];
    const char *params[] = {r->zone, store_addr_text(&r->first, first),
                            store_addr_text(&r->last, last)};
    struct db_call c = {
        .sql = "SELECT api.rescan($1, $2, $3)", .params = params, .n_params = 3, .flags = DB_RETRY};
    struct ask what = {.cb.rescan = cb, .user = user};

    return ask(s, &c, &what, on_rescan);
}

/* ------------------------------------------------------------------ targets */

static void on_targets(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct ask *a = user;
    struct targets t = {0};

    (void)e;

    if (status == 0)
        status = targets_read(&t, rows);
    a->cb.targets(a->user, status, t.hosts, t.n_hosts);
    targets_done(&t);
    free(a);
}

int store_targets(struct store *s, const struct store_lease *l, store_targets_cb cb, void *user)
{
    char schedule[24], fence[24];
    const char *params[] = {schedule, fence};
    struct db_call c = {.sql = "SELECT * FROM api.targets($1, $2)",
                        .params = params,
                        .n_params = 2,
                        .flags = DB_RETRY};
    struct ask what = {.cb.targets = cb, .user = user};

    snprintf(schedule, sizeof schedule, "%lld", (long long)l->schedule);
    snprintf(fence, sizeof fence, "%lld", (long long)l->fence);
    return ask(s, &c, &what, on_targets);
}

static void on_past(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct ask *a = user;
    struct addr_set sets[2] = {{0}}; /* former, present */
    bool looked = false;

    (void)e;
    for (size_t i = 0; status == 0 && i < db_rows_count(rows); i++) {
        struct addr addr;

        if (pg_inet_parse(db_rows_text(rows, i, 0), &addr) == 0)
            status = addr_set_add(&sets[db_rows_bool(rows, i, 1)], &addr, &addr);
        looked |= db_rows_bool(rows, i, 2);
    }
    a->cb.past(a->user, status, &sets[1], &sets[0], looked);
    addr_set_done(&sets[0]);
    addr_set_done(&sets[1]);
    free(a);
}

int store_past(struct store *s, const struct store_lease *l, store_past_cb cb, void *user)
{
    char schedule[24], fence[24];
    const char *params[] = {schedule, fence};
    struct db_call c = {.sql = "SELECT addr, present, looked FROM api.past($1, $2)",
                        .params = params,
                        .n_params = 2,
                        .flags = DB_RETRY};
    struct ask what = {.cb.past = cb, .user = user};

    snprintf(schedule, sizeof schedule, "%lld", (long long)l->schedule);
    snprintf(fence, sizeof fence, "%lld", (long long)l->fence);
    return ask(s, &c, &what, on_past);
}

static void on_sampled(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct ask *a = user;

    if (status == 0 && !db_rows_bool(rows, 0, 0))
        status = -ESTALE;
    a->cb.status(a->user, status, e);
    free(a);
}

int store_sampled(struct store *s, const struct store_lease *l, const struct addr_set *asked,
                  store_cb cb, void *user)
{
    CLEANUP(buf_done) struct buf addrs = {0};
    char schedule[24], fence[24];
    const char *params[3] = {schedule, fence};
    struct db_call c = {.sql = "SELECT api.sampled($1, $2, $3)",
                        .params = params,
                        .n_params = 3,
                        .flags = DB_RETRY};
    struct ask what = {.cb.status = cb, .user = user};
    struct addr_walk walk = {0};
    struct addr a;

    pg_array_open(&addrs);
    while (addr_set_next(asked, &walk, &a)) {
        char text[ADDR_TEXT_MAX];

        pg_array_plain(&addrs, "%s", store_addr_text(&a, text));
    }
    pg_array_close(&addrs);
    if (addrs.failed)
        return -ENOMEM;
    params[2] = addrs.data;
    snprintf(schedule, sizeof schedule, "%lld", (long long)l->schedule);
    snprintf(fence, sizeof fence, "%lld", (long long)l->fence);
    return ask(s, &c, &what, on_sampled);
}
