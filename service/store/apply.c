/* Parts and the end of visits on their way to the database.
 *
 * A part is kept until it is answered: a lost connection sends it again ((fence, part number) makes
 * that harmless), and when the server lacks bodies it goes out a second time with them, before
 * anything that was queued behind it. */
#include "service/store/decode.h"
#include "service/store/part.h"

#include <errno.h>
#include <string.h>

struct part_job {
    struct store *store;
    struct part part;
    bool with_bodies;
    store_apply_cb cb;
    void *user;
};

static void job_free(struct part_job *j)
{
    part_done(&j->part);
    free(j);
}

static void job_end(struct part_job *j, int status, const struct store_applied *a)
{
    struct store *s = j->store;
    size_t bytes = j->part.bytes;
    store_apply_cb cb = j->cb;
    void *user = j->user;
    static const struct store_applied nothing;

    job_free(j);
    if (cb)
        cb(user, status, a ? a : &nothing);
    store_part_left(s, bytes);
}

/* The addresses of an array; *ret is the caller's.  -ENOMEM; items that are none are left out. */
static int addresses(const char *array, struct addr **ret, size_t *ret_n)
{
    CLEANUP(buf_done) struct buf item = {0};
    size_t pos = 0, n = 0, cap = 0;
    struct addr *list = NULL;

    while (array && pg_array_next(array, &pos, &item) == PG_ARRAY_ITEM) {
        if (n == cap) {
            struct addr *grown = realloc(list, (cap = cap ? cap * 2 : 16) * sizeof *list);

            if (!grown) {
                free(list);
                return -ENOMEM;
            }
            list = grown;
        }
        if (item.data && pg_inet_parse(item.data, &list[n]) == 0)
            n++;
    }
    *ret = list;
    *ret_n = n;
    return 0;
}

static int job_send(struct part_job *j, unsigned flags);

static int job_send_bodies(struct part_job *j, const char *want)
{
    int r = part_add_bodies(&j->part, want);

    j->with_bodies = true;
    return r < 0 ? r : job_send(j, DB_FIRST);
}

static void job_applied(struct part_job *j, const struct db_rows *rows)
{
    struct store_applied a = {
        .opened = (unsigned)db_rows_int(rows, 0, 2, 0),
        .altered = (unsigned)db_rows_int(rows, 0, 3, 0),
        .closed = (unsigned)db_rows_int(rows, 0, 4, 0),
        .events = (unsigned)db_rows_int(rows, 0, 5, 0),
    };
    struct addr *list = NULL;
    int r = addresses(db_rows_text(rows, 0, 6), &list, &a.n_new_ports);

    a.new_ports = list;
    if (a.events)
        store_news(j->store, a.events);
    job_end(j, r, &a);
    free(list);
}

static void on_applied(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct part_job *j = user;
    const char *verdict = db_rows_text(rows, 0, 0), *want = db_rows_text(rows, 0, 1);
    struct store_applied duplicate = {.duplicate = true};
    int r = -EBADMSG;

    (void)e;
    if (status == -EAGAIN) /* deadlock with somebody else's statement: nothing was done */
        r = job_send(j, DB_FIRST);
    else if (status < 0)
        r = status;
    else if (verdict && *verdict == 'w' && want && !j->with_bodies)
        r = job_send_bodies(j, want);
    else if (verdict && *verdict == 's')
        r = -ESTALE;
    if (status == 0 && verdict && *verdict == 'd')
        job_end(j, 0, &duplicate);
    else if (status == 0 && verdict && *verdict == 'a')
        job_applied(j, rows);
    else if (r < 0)
        job_end(j, r, NULL);
}

static int job_send(struct part_job *j, unsigned flags)
{
    const char *params[PART_PARAMS];
    struct db_call c = {
        .sql =
            "SELECT verdict, want, opened, altered, closed, events, new_ports FROM api.apply_part("
            "$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$"
            "24,$25)",
        .params = params,
        .n_params = PART_PARAMS,
        .flags = DB_RETRY | flags,
    };

    for (size_t i = 0; i < PART_PARAMS; i++)
        params[i] = j->part.params[i].data;
    return db_query(j->store->db, &c, on_applied, j);
}

int store_apply(struct store *s, struct store_lease *l, const struct store_part *p,
                store_apply_cb cb, void *user)
{
    struct part_job *j;
    int r;

    if (!s->ready)
        return -ENOTCONN;
    if (s->bytes >= s->opts.queue_limit) {
        s->told_full = true;
        return -EAGAIN;
    }
    j = calloc(1, sizeof *j);
    if (!j)
        return -ENOMEM;
    *j = (struct part_job){.store = s, .cb = cb, .user = user};
    r = part_build(&j->part, s, l, p);
    if (r == 0)
        r = job_send(j, 0);
    if (r < 0) {
        job_free(j);
        return r;
    }
    l->part++;
    s->bytes += j->part.bytes;
    s->jobs++;
    return 0;
}

struct finish_job {
    struct store *store;
    store_cb cb;
    void *user;
};

static void on_finished(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct finish_job *j = user;
    const char *verdict = db_rows_text(rows, 0, 0);
    struct store *s = j->store;
    struct err stale = {0};

    if (status == 0 && verdict && *verdict == 's') {
        status = err_set(&stale, -ESTALE, "the lease of the visit was lost");
        e = &stale;
    }
    if (j->cb)
        j->cb(j->user, status, e);
    free(j);
    store_part_left(s, 0);
}

int store_finish(struct store *s, const struct store_lease *l, const struct coverage *c,
                 store_cb cb, void *user)
{
    char schedule[24], fence[24], probes[24], again[24], drops[24], loss[32], rate[32];
    const char *params[] = {
        schedule, fence, c->complete ? "t" : "f", c->method, probes, again, drops, loss, rate};
    struct db_call call = {
        .sql = "SELECT api.finish($1,$2,$3,$4,$5,$6,$7,$8,$9)",
        .params = params,
        .n_params = ARRAY_LEN(params),
        .flags = DB_RETRY,
    };
    struct finish_job *j = calloc(1, sizeof *j);
    int r;

    if (!j)
        return -ENOMEM;
    *j = (struct finish_job){.store = s, .cb = cb, .user = user};
    snprintf(schedule, sizeof schedule, "%lld", (long long)l->schedule);
    snprintf(fence, sizeof fence, "%lld", (long long)l->fence);
    snprintf(probes, sizeof probes, "%llu", (unsigned long long)c->probes);
    snprintf(again, sizeof again, "%llu", (unsigned long long)c->retransmissions);
    snprintf(drops, sizeof drops, "%llu", (unsigned long long)c->drops);
    snprintf(loss, sizeof loss, "%.6g", c->loss);
    snprintf(rate, sizeof rate, "%.6g", c->rate_pps);
    r = store_call(s, &call, on_finished, j);
    if (r < 0)
        free(j);
    else
        s->jobs++;
    return r;
}
