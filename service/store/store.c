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
#include "service/store/marks.h"
#include "service/store/outbox.h"
#include "service/store/volatiles.h"

#include <errno.h>
#include <string.h>

#define HELLO_AGAIN   (5 * USEC_PER_SEC)
#define BEAT_EVERY    (20 * USEC_PER_SEC)
#define UPKEEP_EVERY  (24 * 3600 * USEC_PER_SEC)
#define NEWS_SPACING  (100 * USEC_PER_MSEC)
#define QUEUE_LIMIT   (64U << 20)
#define JOURNAL_LIMIT (256ULL << 20)
#define MARKS         (1U << 20)
#define CLOCK_BACK    (5 * USEC_PER_SEC)      /* as api.beat() has it */
#define SKEW_MIN      ((int64_t)USEC_PER_SEC) /* below it, the clocks count as equal */

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

static void down(struct store *s)
{
    s->down = true;
    if (s->ready)
        outbox_spill(s);
}

static void try_again(struct store *s, const char *why)
{
    down(s);
    s->greeting = false;
    if (timer_set(s->loop, &s->hello_timer, HELLO_AGAIN) < 0)
        log_debug("store: no timer for the next try");
    tell(s, DB_DOWN, why);
}

static void on_volatiles(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct store *s = user;

    if (status == -ECANCELED)
        return;
    if (status < 0) {
        try_again(s, err_text(e));
        return;
    }
    volatiles_read(s, rows);
    s->ready = true;
    s->down = false;
    s->greeting = false;
    loop_post(s->loop, &s->pump);
    store_tell_refused(s);
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
    struct db_call c = {.sql = "SELECT api.upkeep(), api.forget_heard()", .flags = DB_RETRY};

    if (timer_set(s->loop, &s->upkeep_timer, UPKEEP_EVERY) < 0 ||
        db_query(s->db, &c, on_upkeep_done, s) < 0)
        log_debug("store: upkeep was left out");
}

/* The database sees to what is due then, with the same beat. */
static void clock_watch(struct store *s, usec_t server)
{
    if (server && server + CLOCK_BACK < s->beat_server)
        log_event(LOG_WARNING,
                  "the clock of the database was set back; what was due later than its interval is "
                  "due within it",
                  "EVENT", "clock-set-back");
    if (server)
        s->beat_server = server;
}

static void on_beat_done(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct store *s = user;

    (void)e;
    if (status < 0)
        return;
    volatiles_muted(s, db_rows_int(rows, 0, 1, 0));
    clock_watch(s, db_rows_time(rows, 0, 2));
    if (db_rows_bool(rows, 0, 0) || s->twice_said)
        return;
    s->twice_said = true;
    log_event(LOG_WARNING,
              "another process works under the name of this sensor, each takes the other's visits; "
              "give one of them another name (sensor in the configuration)",
              "EVENT", "sensor-twice");
}

static void on_beat(struct timer *t)
{
    struct store *s = CONTAINER_OF(t, struct store, beat_timer);
    char id[24];
    const char *params[] = {id, s->instance};
    struct db_call c = {.sql = "SELECT api.beat($1, $2), api.muted(), now()",
                        .params = params,
                        .n_params = 2,
                        .flags = DB_RETRY};

    snprintf(id, sizeof id, "%lld", (long long)s->sensor_id);
    /* While the database is away, one beat waits there at most. */
    if (timer_set(s->loop, &s->beat_timer, BEAT_EVERY) < 0 ||
        (!s->down && db_query(s->db, &c, on_beat_done, s) < 0))
        log_debug("store: a beat was left out");
}

/* What cannot be read now stays for the next process, and nothing is written behind it; what is
 * spoiled or of another database is of no use to anybody. */
static void replay_failed(struct store *s, int r)
{
    struct journal *j = s->journal;
    bool keep = r != -EXDEV && r != -EBADMSG;

    s->journal = NULL; /* the end of the last job would empty it */
    outbox_done(s);
    log_event(LOG_WARNING,
              keep ? "findings that waited on disk cannot be read, they stay there until the next "
                     "start and new ones wait in memory alone"
              : r == -EXDEV
                  ? "findings that waited on disk are of another database, they are dropped"
                  : "findings that waited on disk are spoiled, they are dropped",
              "EVENT", keep ? "no-journal" : "journal-dropped", "WHY", strerror(-r));
    if (keep || journal_clear(j) < 0)
        journal_free(j);
    else
        s->journal = j;
}

/* What an earlier process left in the journal goes first, under its name: its leases live on until
 * our own hello.  True: there is something. */
static bool replay_first(struct store *s)
{
    const struct journal_owner *o = s->journal ? journal_owner(s->journal) : NULL;
    int r = 0;

    if (!s->replay || !o)
        return false;
    s->replay = false;
    if (memcmp(o->installation, s->owner.installation, JOURNAL_ID_LEN) == 0)
        r = outbox_replay(s);
    else
        r = -EXDEV;
    if (r < 0)
        replay_failed(s, r);
    return r == 0;
}

static void on_hello(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct store *s = user;
    struct db_call c = {.sql = VOLATILES_SQL, .flags = DB_RETRY};
    bool replay = s->replay;
    usec_t server;
    const char *key = db_rows_text(rows, 0, 1);

    if (status == -ECANCELED)
        return;
    if (status < 0 || !key || value_key_parse(key, &s->key) < 0 ||
        value_mark(s->owner.installation, &s->key, "journal", 7) < 0) {
        try_again(s, status < 0 ? err_text(e) : "the database has no key for digests");
        return;
    }
    if (replay_first(s))
        return;
    if (replay) { /* that was in another's name */
        store_hello(s);
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
    if (!timer_running(&s->beat_timer))
        on_beat(&s->beat_timer);
    if (db_query(s->db, &c, on_volatiles, s) < 0)
        try_again(s, "out of memory");
}

void store_hello(struct store *s)
{
    char other[VALUE_DIGEST_TEXT];
    const char *params[] = {s->sensor, s->instance};
    struct db_call c = {
        .sql = "SELECT sensor_id, digest_key, server_now FROM api.hello($1, $2)",
        .params = params,
        .n_params = 2,
        .flags = DB_RETRY,
    };

    if (s->replay || s->replaying) {
        value_digest_format(journal_owner(s->journal)->instance, other);
        params[1] = other;
    }
    if (db_query(s->db, &c, on_hello, s) < 0)
        try_again(s, "out of memory");
}

/* All that the program's own files make is needed: a migration that failed or still runs leaves
 * functions behind that lack what we ask them for. */
static void on_version(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct store *s = user;
    int version = (int)db_rows_int(rows, 0, 0, 0);
    int newest = s->opts.newest_migration, need = newest ? newest : STORE_SCHEMA_MIN;
    struct err why = {0};

    if (status == -ECANCELED)
        return;
    if (status < 0 && status != -ESRCH) {
        try_again(s, err_text(e));
    } else if (status == -ESRCH || version < need) {
        err_set(&why, -ENOENT,
                "the database is at schema %d, this program needs %d: run 'muster db migrate'",
                version, need);
        try_again(s, why.text);
    } else if (newest && version > newest) {
        err_set(&why, -ENOTSUP,
                "the database is at schema %d, this program knows %d: a newer muster has been here",
                version, newest);
        try_again(s, why.text);
    } else {
        store_hello(s);
    }
}

static void check_version(struct store *s)
{
    struct db_call c = {.sql = "SELECT COALESCE(max(version), 0) FROM ops.migration",
                        .flags = DB_RETRY};

    /* A greeting that the connection broke off is repeated by the connection, and goes on. */
    if (s->greeting)
        return;
    s->greeting = true;
    timer_stop(s->loop, &s->hello_timer);
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

    if (state == DB_READY) {
        check_version(s);
        return;
    }
    if (state == DB_DOWN)
        down(s);
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

int store_call(struct store *s, const struct db_call *c, db_cb cb, void *user)
{
    return s->ready ? db_query(s->db, c, cb, user) : -ENOTCONN;
}

/* Without a journal the service works on, it only remembers less. */
static void journal_begin(struct store *s)
{
    uint64_t limit = s->opts.journal_limit ? s->opts.journal_limit : JOURNAL_LIMIT;
    struct err e = {0};

    if (!s->opts.journal)
        return;
    if (journal_open(&s->journal, s->opts.journal, limit, &e) < 0)
        log_event(LOG_WARNING,
                  "no journal, findings wait in memory alone when the database is gone", "EVENT",
                  "no-journal", "WHY", err_text(&e));
    else
        s->replay = journal_owner(s->journal) != NULL;
}

static void store_drop(struct store *s)
{
    volatiles_done(s);
    journal_free(s->journal);
    marks_free(s->marks);
    free(s->config_why);
    free(s->sensor);
    free(s);
}

int store_open(struct store **ret, struct loop *l, const struct store_opts *o, struct err *e)
{
    struct store *s = calloc(1, sizeof *s);
    struct db_opts d = {
        .conninfo = o->conninfo,
        .application_name = "musterd",
        .queue_limit = SIZE_MAX, /* parts are counted here; all else is small */
        .writes = true,
        .user = s,
        .state = on_db_state,
    };
    int r;

    if (!s)
        return -ENOMEM;
    *s = (struct store){.loop = l, .opts = *o, .n_muted = -1};
    outbox_open(s);
    s->hello_timer.fire = on_hello_timer;
    s->upkeep_timer.fire = on_upkeep;
    s->news_timer.fire = on_news_timer;
    s->beat_timer.fire = on_beat;
    if (!s->opts.queue_limit)
        s->opts.queue_limit = QUEUE_LIMIT;
    random_bytes(s->owner.instance, sizeof s->owner.instance);
    value_digest_format(s->owner.instance, s->instance);
    s->marks = marks_new(o->marks ? o->marks : MARKS);
    s->sensor = strdup(o->sensor ? o->sensor : "local");
    journal_begin(s);
    r = s->sensor ? db_open(&s->db, l, &d, e) : -ENOMEM;
    if (r < 0) {
        store_drop(s);
        return r;
    }
    *ret = s;
    return 0;
}

/* Runs after the last -ECANCELED of the connection: db_free() posted its end before us. */
static void on_gone(void *object)
{
    struct store *s = object;

    outbox_done(s);
    store_drop(s);
}

struct store *store_free(struct store *s)
{
    if (!s)
        return NULL;
    timer_stop(s->loop, &s->hello_timer);
    timer_stop(s->loop, &s->upkeep_timer);
    timer_stop(s->loop, &s->news_timer);
    timer_stop(s->loop, &s->beat_timer);
    outbox_close(s);
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
