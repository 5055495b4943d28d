/* The store's life: connection, handshake, upkeep, news.
 *
 * After each connect: is the schema there and known, then api.hello() (which tells the key of the
 * digests and voids the leases of an earlier process of this sensor), then the keys that scripts
 * call volatile.  Parts that wait from before a reconnect go out first: their leases are ours
 * still.  NOTIFY is a hint that is sent from here alone, at most ten times a second: commits with
 * NOTIFY are serialised by one lock over the whole cluster. */
#include "service/store/store_priv.h"

#include "engine/base/log.h"
#include "engine/base/random.h"
#include "service/store/decode.h"

#include <errno.h>
#include <string.h>

#define HELLO_AGAIN  (5 * USEC_PER_SEC)
#define UPKEEP_EVERY (24 * 3600 * USEC_PER_SEC)
#define NEWS_SPACING (100 * USEC_PER_MSEC)
#define QUEUE_LIMIT  (64U << 20)
#define SKEW_MIN     ((int64_t)USEC_PER_SEC) /* below it, the clocks count as equal */

static const char *const kind_names[] = {"presence", "ports", "services", "scripts"};

const char *store_kind_name(enum store_kind k)
{
    return (size_t)k < ARRAY_LEN(kind_names) ? kind_names[k] : "unknown";
}

int store_kind_from(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(kind_names); i++)
        if (strcmp(name, kind_names[i]) == 0)
            return (int)i;
    return -EINVAL;
}

static void tell(const struct store *s, enum db_state state, const char *why)
{
    if (s->opts.state)
        s->opts.state(s->opts.user, state, why);
}

static void try_again(struct store *s, const char *why)
{
    if (timer_set(s->loop, &s->hello_timer, HELLO_AGAIN) < 0)
        log_debug("store: no timer for the next try");
    tell(s, DB_DOWN, why);
}

static void volatiles_done(struct store *s)
{
    for (size_t i = 0; i < s->n_volatiles; i++) {
        for (size_t j = 0; j < s->volatiles[i].n; j++)
            free(s->volatiles[i].keys[j]);
        free(s->volatiles[i].keys);
        free(s->volatiles[i].script);
    }
    free(s->volatiles);
    s->volatiles = NULL;
    s->n_volatiles = 0;
}

/* Appends the items of an array literal.  False on no memory. */
static bool volatile_keys(struct store_volatile *v, const char *array)
{
    CLEANUP(buf_done) struct buf item = {0};
    size_t pos = 0;

    while (pg_array_next(array, &pos, &item) == PG_ARRAY_ITEM) {
        char **grown = realloc(v->keys, (v->n + 1) * sizeof *grown);

        if (!grown)
            return false;
        v->keys = grown;
        v->keys[v->n] = strdup(item.data ? item.data : "");
        if (!v->keys[v->n])
            return false;
        v->n++;
    }
    return true;
}

static void on_volatiles(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct store *s = user;
    size_t n = db_rows_count(rows);

    if (status == -ECANCELED)
        return;
    if (status < 0) {
        try_again(s, err_text(e));
        return;
    }
    volatiles_done(s);
    s->volatiles = calloc(n ? n : 1, sizeof *s->volatiles);
    for (size_t i = 0; s->volatiles && i < n; i++) {
        const char *script = db_rows_text(rows, i, 0), *keys = db_rows_text(rows, i, 1);

        s->volatiles[i].script = strdup(script ? script : "");
        s->n_volatiles = i + 1;
        if (!s->volatiles[i].script || !volatile_keys(&s->volatiles[i], keys ? keys : "{}"))
            break;
    }
    s->ready = true;
    tell(s, DB_READY, "");
}

static void on_upkeep_done(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    (void)user, (void)rows;
    if (status < 0 && status != -ECANCELED)
        log_event(LOG_WARNING,
                  "the partitions of the coming months were not checked; tried again in a day",
                  "ERROR", err_text(e));
}

static void on_upkeep(struct timer *t)
{
    struct store *s = CONTAINER_OF(t, struct store, upkeep_timer);
    struct db_call c = {.sql = "SELECT api.upkeep()", .flags = DB_RETRY};

    if (timer_set(s->loop, &s->upkeep_timer, UPKEEP_EVERY) < 0 ||
        db_query(s->db, &c, on_upkeep_done, s) < 0)
        log_debug("store: upkeep was left out");
}

static void on_hello(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct store *s = user;
    struct db_call c = {.sql = "SELECT script, keys FROM api.volatile_keys()", .flags = DB_RETRY};
    usec_t server;
    const char *key = db_rows_text(rows, 0, 1);

    if (status == -ECANCELED)
        return;
    if (status < 0 || !key || value_key_parse(key, &s->key) < 0) {
        try_again(s, status < 0 ? err_text(e) : "the database has no key for digests");
        return;
    }
    s->sensor_id = db_rows_int(rows, 0, 0, 0);
    server = db_rows_time(rows, 0, 2);
    s->clock_offset = server ? (int64_t)server - (int64_t)loop_wall(s->loop) : 0;
    if (s->clock_offset > -SKEW_MIN && s->clock_offset < SKEW_MIN)
        s->clock_offset = 0;
    else
        log_event(
            LOG_WARNING,
            "the clock of the database differs from ours; its time is used for what is observed");
    if (!timer_running(&s->upkeep_timer))
        on_upkeep(&s->upkeep_timer);
    if (db_query(s->db, &c, on_volatiles, s) < 0)
        try_again(s, "out of memory");
}

static void say_hello(struct store *s)
{
    const char *params[] = {s->sensor, s->instance};
    struct db_call c = {
        .sql = "SELECT sensor_id, digest_key, server_now FROM api.hello($1, $2)",
        .params = params,
        .n_params = 2,
        .flags = DB_RETRY,
    };

    if (db_query(s->db, &c, on_hello, s) < 0)
        try_again(s, "out of memory");
}

static void on_version(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct store *s = user;
    int version = (int)db_rows_int(rows, 0, 0, 0);
    struct err why = {0};

    if (status == -ECANCELED)
        return;
    if (status < 0 && status != -ESRCH) {
        try_again(s, err_text(e));
    } else if (status == -ESRCH || version < STORE_SCHEMA_MIN) {
        err_set(&why, -ENOENT,
                "the database is at schema %d, this program needs %d: run 'muster db migrate'",
                version, STORE_SCHEMA_MIN);
        try_again(s, why.text);
    } else if (s->opts.newest_migration && version > s->opts.newest_migration) {
        err_set(&why, -ENOTSUP,
                "the database is at schema %d, this program knows %d: a newer muster has been here",
                version, s->opts.newest_migration);
        try_again(s, why.text);
    } else {
        say_hello(s);
    }
}

static void check_version(struct store *s)
{
    struct db_call c = {.sql = "SELECT COALESCE(max(version), 0) FROM ops.migration",
                        .flags = DB_RETRY};

    if (db_query(s->db, &c, on_version, s) < 0)
        try_again(s, "out of memory");
}

static void on_hello_timer(struct timer *t)
{
    struct store *s = CONTAINER_OF(t, struct store, hello_timer);

    if (db_is_ready(s->db))
        check_version(s);
}

static void on_db_state(void *user, enum db_state state, const char *why)
{
    struct store *s = user;

    if (state == DB_READY)
        check_version(s);
    else
        tell(s, state, why);
}

static void on_news_timer(struct timer *t)
{
    struct store *s = CONTAINER_OF(t, struct store, news_timer);
    struct db_call c = {.sql = "SELECT pg_notify('" STORE_NEWS_CHANNEL "', '')"};

    if (s->news_owed && db_query(s->db, &c, NULL, NULL) < 0)
        log_debug("store: a hint was left out");
    s->news_owed = false;
}

void store_news(struct store *s, unsigned n)
{
    s->news_owed = true;
    if (!timer_running(&s->news_timer) && timer_set(s->loop, &s->news_timer, NEWS_SPACING) < 0)
        log_debug("store: a hint was left out");
    if (s->opts.news)
        s->opts.news(s->opts.user, n);
}

void store_part_left(struct store *s, size_t bytes)
{
    s->bytes -= bytes;
    s->jobs--;
    if (s->told_full && s->bytes < s->opts.queue_limit / 2) {
        s->told_full = false;
        if (s->opts.drained)
            s->opts.drained(s->opts.user);
    }
}

const struct store_volatile *store_volatile_of(const struct store *s, const char *script)
{
    for (size_t i = 0; i < s->n_volatiles; i++)
        if (strcmp(s->volatiles[i].script, script) == 0)
            return &s->volatiles[i];
    return NULL;
}

int store_call(struct store *s, const struct db_call *c, db_cb cb, void *user)
{
    return s->ready ? db_query(s->db, c, cb, user) : -ENOTCONN;
}

int store_open(struct store **ret, struct loop *l, const struct store_opts *o, struct err *e)
{
    struct store *s = calloc(1, sizeof *s);
    struct db_opts d = {
        .conninfo = o->conninfo,
        .application_name = "musterd",
        .queue_limit = SIZE_MAX, /* parts are counted here; all else is small */
        .user = s,
        .state = on_db_state,
    };
    uint8_t id[VALUE_DIGEST_LEN];
    int r;

    if (!s)
        return -ENOMEM;
    *s = (struct store){.loop = l, .opts = *o};
    s->hello_timer.fire = on_hello_timer;
    s->upkeep_timer.fire = on_upkeep;
    s->news_timer.fire = on_news_timer;
    if (!s->opts.queue_limit)
        s->opts.queue_limit = QUEUE_LIMIT;
    random_bytes(id, sizeof id);
    value_digest_format(id, s->instance);
    s->sensor = strdup(o->sensor ? o->sensor : "local");
    r = s->sensor ? db_open(&s->db, l, &d, e) : -ENOMEM;
    if (r < 0) {
        free(s->sensor);
        free(s);
        return r;
    }
    *ret = s;
    return 0;
}

/* Runs after the last -ECANCELED of the connection: db_free() posted its end before us. */
static void on_gone(void *object)
{
    struct store *s = object;

    volatiles_done(s);
    free(s->sensor);
    free(s);
}

struct store *store_free(struct store *s)
{
    if (!s)
        return NULL;
    timer_stop(s->loop, &s->hello_timer);
    timer_stop(s->loop, &s->upkeep_timer);
    timer_stop(s->loop, &s->news_timer);
    s->opts.state = NULL;
    s->opts.news = NULL;
    s->opts.drained = NULL;
    s->db = db_free(s->db);
    loop_post_free(s->loop, on_gone, s);
    return NULL;
}

void store_freep(struct store **s)
{
    *s = store_free(*s);
}

struct db *store_db(struct store *s)
{
    return s->db;
}

size_t store_pending(const struct store *s)
{
    return s->jobs;
}
