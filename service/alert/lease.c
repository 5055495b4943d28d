/* Leases of endpoints, when to look for work, and how it all stops.
 *
 * The heartbeat is alert.take(): it makes endpoints known, leases them, keeps the lease, and tells
 * what people changed (enable).  Work is looked for when somebody says that there is some
 * (alert_poke, NOTIFY), and every two seconds for all that nobody says. */
#include "engine/base/log.h"
#include "service/alert/alert_priv.h"

#include <errno.h>
#include <string.h>

#define PRUNE_USEC (3600 * USEC_PER_SEC)
#define LEAVE_USEC (500 * USEC_PER_MSEC)

/* ---- queries */

static void on_call(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct call *c = user;

    c->alert->n_calls--;
    if (!c->alert->closing)
        c->answer(c, status, rows, e);
    free(c);
}

int alert_call(struct alert *a, struct endpoint *ep, const struct db_call *q, call_fn fn)
{
    struct call *c = calloc(1, sizeof *c);
    int r;

    if (!c)
        return -ENOMEM;
    *c = (struct call){a, ep, ep ? ep->generation : 0, fn};
    r = db_query(a->db, q, on_call, c);
    if (r < 0) {
        free(c);
        return r;
    }
    a->n_calls++;
    return 0;
}

bool call_is_current(const struct call *c)
{
    return c->endpoint->generation == c->generation;
}

/* ---- leases */

struct endpoint *endpoint_find(struct alert *a, const char *name)
{
    for (size_t i = 0; name && i < a->n_endpoints; i++)
        if (strcmp(a->endpoints[i].name, name) == 0)
            return &a->endpoints[i];
    return NULL;
}

/* A new lease: everything in memory is of the past. */
static void endpoint_begin(struct endpoint *ep, const struct db_rows *rows, size_t row)
{
    usec_t now = loop_now(ep->alert->loop);
    double pause = strtod(db_rows_text(rows, row, 4) ?: "0", NULL);
    double failing = strtod(db_rows_text(rows, row, 6) ?: "0", NULL);

    endpoint_lease_lost(ep);
    ep->held = true;
    ep->id = db_rows_int(rows, row, 1, 0);
    if (ep->epoch != db_rows_int(rows, row, 2, 0)) /* else the database knows what was recorded */
        ep->batch = 0;
    ep->epoch = db_rows_int(rows, row, 2, 0);
    ep->state = endpoint_state_from(db_rows_text(rows, row, 3));
    if (pause > (double)RETRY_AFTER_MAX / USEC_PER_SEC)
        pause = (double)RETRY_AFTER_MAX / USEC_PER_SEC;
    ep->open_until = pause > 0 ? now + (usec_t)(pause * (double)USEC_PER_SEC) : 0;
    ep->fail_since = failing > 0 ? now - (usec_t)(failing * (double)USEC_PER_SEC) : 0;
    ep->strikes = (unsigned)db_rows_int(rows, row, 5, 0);
    ep->failures = ep->message_run = 0;
    ep->limit = ep->state == EP_OK ? ep->concurrency : 1;
    ep->cursor_xid = ep->fetch_xid = strtoull(db_rows_text(rows, row, 7) ?: "0", NULL, 10);
    ep->cursor_seq = ep->fetch_seq = db_rows_int(rows, row, 8, 0);
    window_fetch(ep);
}

/* What is observed has the database's time. */
static void set_clock(struct alert *a, const struct db_rows *rows)
{
    usec_t server = db_rows_time(rows, 0, 9);

    if (server)
        a->clock_offset = (int64_t)server - (int64_t)loop_wall(a->loop);
}

static void apply_leases(struct alert *a, const struct db_rows *rows)
{
    size_t n = db_rows_count(rows);

    set_clock(a, rows);
    for (size_t i = 0; i < n; i++) {
        struct endpoint *ep = endpoint_find(a, db_rows_text(rows, i, 0));

        if (ep && (!ep->held || ep->epoch != db_rows_int(rows, i, 2, 0)))
            endpoint_begin(ep, rows, i);
    }
    for (size_t k = 0; k < a->n_endpoints; k++) {
        struct endpoint *ep = &a->endpoints[k];
        bool ours = false;

        for (size_t i = 0; i < n && !ours; i++)
            ours = endpoint_find(a, db_rows_text(rows, i, 0)) == ep;
        if (ep->held && !ours)
            endpoint_lease_lost(ep);
    }
}

/* {"a","b"}: names hold no quotes and no backslashes (checked). */
static void put_array(struct buf *out, const struct alert *a,
                      const char *(*text)(const struct endpoint *))
{
    buf_char(out, '{');
    for (size_t i = 0; i < a->n_endpoints; i++)
        buf_printf(out, "%s\"%s\"", i ? "," : "", text(&a->endpoints[i]));
    buf_char(out, '}');
}

static const char *name_of(const struct endpoint *ep)
{
    return ep->name;
}

static const char *hash_of(const struct endpoint *ep)
{
    return ep->hash;
}

static const char *kind_of(const struct endpoint *ep)
{
    return config_kinds[ep->kind.kind].name;
}

static void on_told(struct call *c, int status, const struct db_rows *rows, const struct err *e)
{
    (void)c, (void)rows;
    if (status < 0)
        log_debug("endpoints cannot be told of: %s", err_text(e));
}

/* For reports: what each endpoint is. */
static void tell_kinds(struct alert *a)
{
    CLEANUP(buf_done) struct buf names = {0};
    CLEANUP(buf_done) struct buf words = {0};
    const char *params[2];
    struct db_call q = {.sql = "SELECT alert.know_kinds($1::text[], $2::text[])",
                        .params = params,
                        .n_params = ARRAY_LEN(params)};

    put_array(&names, a, name_of);
    put_array(&words, a, kind_of);
    params[0] = names.data;
    params[1] = words.data;
    if (!names.failed && !words.failed)
        (void)!alert_call(a, NULL, &q, on_told);
}

/* To the other endpoints, as events. */
static void tell_failing(struct alert *a)
{
    CLEANUP(buf_done) struct buf names = {0};
    char after[32];
    const char *params[] = {NULL, after};
    struct db_call q = {.sql = "SELECT alert.tell_endpoints($1::text[], $2::interval)",
                        .params = params,
                        .n_params = ARRAY_LEN(params)};

    put_array(&names, a, name_of);
    params[0] = names.data;
    snprintf(after, sizeof after, "%llu ms", (unsigned long long)(a->tell_after / USEC_PER_MSEC));
    if (!names.failed)
        (void)!alert_call(a, NULL, &q, on_told);
}

static void on_taken(struct call *c, int status, const struct db_rows *rows, const struct err *e)
{
    struct alert *a = c->alert;

    a->taking = false;
    if (a->stopping)
        return;
    if (status == 0) {
        if (!a->taken_once)
            tell_kinds(a);
        tell_failing(a);
        a->taken_once = true;
        a->complained = false;
        apply_leases(a, rows);
        for (size_t i = 0; i < a->n_endpoints; i++)
            replay_feed(&a->endpoints[i]);
        rules_bring(a);
        if (a->think_again)
            rules_think(a);
    } else if (status != -ECONNRESET && status != -ETIMEDOUT && status != -EAGAIN &&
               !a->complained) {
        a->complained = true;
        log_event(LOG_ERR, "alerts cannot be delivered, will try again every 5 seconds", "ERROR",
                  err_text(e));
    }
    if (a->take_again) {
        a->take_again = false;
        alert_take_soon(a);
    }
}

static void take_leases(struct alert *a)
{
    CLEANUP(buf_done) struct buf names = {0};
    CLEANUP(buf_done) struct buf hashes = {0};
    const char *params[6] = {a->holder, a->instance, a->taken_once || a->patient ? "false" : "true",
                             LEASE_TEXT};
    struct db_call q = {.sql =
                            "SELECT *, now() FROM alert.take($1, $2::uuid, $3::bool, $4::interval, "
                            "$5::text[], $6::text[])",
                        .params = params,
                        .n_params = ARRAY_LEN(params),
                        .flags = DB_RETRY};

    if (a->taking || a->stopping || a->n_endpoints == 0)
        return;
    put_array(&names, a, name_of);
    put_array(&hashes, a, hash_of);
    params[4] = names.data;
    params[5] = hashes.data;
    if (!names.failed && !hashes.failed && alert_call(a, NULL, &q, on_taken) == 0)
        a->taking = true;
}

void alert_take_soon(struct alert *a)
{
    a->take_again |= a->taking;
    if (!a->taking)
        (void)!timer_set(a->loop, &a->take_timer, 0);
}

void alert_on_take(struct timer *t)
{
    struct alert *a = CONTAINER_OF(t, struct alert, take_timer);

    (void)!timer_set(a->loop, t, TAKE_USEC);
    take_leases(a);
}

/* ---- looking for work */

void alert_deliver(struct alert *a)
{
    for (size_t i = 0; i < a->n_endpoints; i++) {
        window_fetch(&a->endpoints[i]);
        endpoint_pump(&a->endpoints[i]);
    }
}

void alert_on_poke(struct task *t)
{
    rules_think(CONTAINER_OF(t, struct alert, poke));
}

void alert_on_poll(struct timer *t)
{
    struct alert *a = CONTAINER_OF(t, struct alert, poll_timer);

    (void)!timer_set(a->loop, t, a->poll);
    if (a->db_down)
        return;
    alert_poke(a);
    alert_deliver(a);
}

static void on_pruned(struct call *c, int status, const struct db_rows *rows, const struct err *e)
{
    (void)c, (void)rows;
    if (status < 0)
        log_debug("old attempts stay for now: %s", err_text(e));
}

void alert_on_prune(struct timer *t)
{
    struct alert *a = CONTAINER_OF(t, struct alert, prune_timer);
    struct db_call q = {.sql = "SELECT alert.prune('30 days', 10000)"};

    (void)!timer_set(a->loop, t, PRUNE_USEC);
    if (!a->stopping)
        (void)!alert_call(a, NULL, &q, on_pruned);
}

void alert_on_db_state(void *user, enum db_state s, const char *why)
{
    struct alert *a = user;

    if (s == DB_DOWN && !a->db_down)
        log_event(LOG_WARNING, "alerts wait, the database is not there, will try again", "ERROR",
                  why);
    if (s == DB_DOWN)
        a->db_down = true;
    if (s != DB_READY)
        return;
    a->db_down = false;
    alert_take_soon(a);
    alert_poke(a);
    alert_deliver(a);
}

/* Events came; or notices, or a person changed something. */
void alert_on_db_notify(void *user, const char *channel)
{
    struct alert *a = user;

    if (strcmp(channel, "alert_event") == 0) {
        alert_poke(a);
        return;
    }
    alert_deliver(a);
    for (size_t i = 0; i < a->n_endpoints; i++)
        if (!a->endpoints[i].held || a->endpoints[i].state != EP_OK) {
            alert_take_soon(a);
            break;
        }
}

/* ---- stopping */

void alert_on_stopped(struct task *t)
{
    struct alert *a = CONTAINER_OF(t, struct alert, stopped);

    timer_stop(a->loop, &a->stop_timer);
    a->stop_done(a->stop_user, a->stop_status);
}

static void stop_ends(struct alert *a, int status)
{
    if (a->stop_ended)
        return;
    a->stop_ended = true;
    a->stop_status = status;
    loop_post(a->loop, &a->stopped);
}

bool endpoint_is_quiet(const struct endpoint *ep)
{
    return ep->in_flight == 0 && ep->unrecorded == 0 && ep->attempts.len == 0 && !ep->recording &&
           !ep->state_dirty;
}

static void on_given_up(struct call *c, int status, const struct db_rows *rows, const struct err *e)
{
    (void)status, (void)rows, (void)e; /* the leases end by time, then */
    stop_ends(c->alert, c->alert->stop_status);
}

/* Others may have the endpoints; then the end. */
static void give_up(struct alert *a, int status)
{
    const char *params[] = {a->instance};
    struct db_call q = {.sql = "SELECT alert.give_up($1::uuid)",
                        .params = params,
                        .n_params = 1,
                        .flags = DB_RETRY};

    a->given_up = true;
    a->stop_status = status;
    if (!(a->taken_once || a->taking) || a->db_down || alert_call(a, NULL, &q, on_given_up) < 0)
        stop_ends(a, status);
}

void alert_check_stopped(struct alert *a)
{
    if (!a->stopping || a->closing || a->given_up || a->thinking || a->bringing)
        return;
    for (size_t i = 0; i < a->n_endpoints; i++)
        if (a->endpoints[i].held && !endpoint_is_quiet(&a->endpoints[i]))
            return;
    give_up(a, 0);
}

/* At the deadline; and again shortly after, when the database does not even take our leave. */
void alert_on_stop_timer(struct timer *t)
{
    struct alert *a = CONTAINER_OF(t, struct alert, stop_timer);

    if (a->given_up) {
        stop_ends(a, -ETIMEDOUT);
        return;
    }
    (void)!timer_set(a->loop, t, LEAVE_USEC);
    give_up(a, -ETIMEDOUT);
}

void alert_stop(struct alert *a, usec_t deadline, void (*done)(void *user, int status), void *user)
{
    if (a->stopping)
        return;
    a->stopping = true;
    a->stop_done = done;
    a->stop_user = user;
    (void)!timer_set(a->loop, &a->stop_timer, deadline);
    alert_check_stopped(a);
}
