/* The life of a connection: connect, set the session up, hand the socket to the queue, reconnect.
 *
 * libpq's rules that shape this: the socket may change between calls of PQconnectPoll (so it is
 * taken out of the loop before each and put in again after); connect_timeout is ignored by the
 * asynchronous way (own timer); a server that hangs is noticed by nobody (a deadline on each
 * query, behind the server's own statement_timeout); host names and GSS would block (refused and
 * switched off).  All callbacks come from the io, from timers or from the task, never inside a
 * call. */
#include "engine/base/log.h"
#include "service/store/db_priv.h"

#include <errno.h>
#include <string.h>

#define CONNECT_TIMEOUT (10 * USEC_PER_SEC)
#define BACKOFF_FIRST   (100 * USEC_PER_MSEC)
#define BACKOFF_MAX     (5 * USEC_PER_SEC)
#define QUEUE_LIMIT     (64U << 20)
#define STATEMENT       (30 * USEC_PER_SEC)

static bool is_name(const char *host)
{
    struct addr a;

    return host && *host && *host != '/' && *host != '@' && addr_parse(host, &a) < 0;
}

int db_conninfo_check(const char *conninfo, bool allow_names, struct err *e)
{
    char *words = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &words);
    const char *host = NULL, *hostaddr = NULL;
    int r = 0;

    if (!options) {
        r = err_set(e, -EINVAL, "database: %.*s", words ? (int)strcspn(words, "\n") : 13,
                    words ? words : "out of memory");
        PQfreemem(words);
        return r;
    }
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        if (o->val && strcmp(o->keyword, "host") == 0)
            host = o->val;
        if (o->val && strcmp(o->keyword, "hostaddr") == 0)
            hostaddr = o->val;
    }
    if (!allow_names && !hostaddr && is_name(host))
        r = err_set(e, -EINVAL,
                    "database: host '%.100s' is a name, and looking it up would stop the daemon; "
                    "give its address too: hostaddr=ADDRESS",
                    host);
    PQconninfoFree(options);
    return r;
}

static void tell(struct db *d, enum db_state s, const char *why)
{
    if (d->opts.state && !d->dead)
        d->opts.state(d->opts.user, s, why);
}

static void on_notice(void *user, const char *message)
{
    (void)user;
    log_debug("PostgreSQL: %s", message);
}

static void hang_up(struct db *d)
{
    timer_stop(d->loop, &d->deadline);
    io_remove(d->loop, &d->io);
    PQfinish(d->conn);
    d->conn = NULL;
    PQclear(d->result);
    d->result = NULL;
    db_forget_prepared(d);
}

/* libpq ends its messages with newlines and repeats the socket's path: one line is enough. */
static void one_line(char out[ERR_TEXT_MAX], const char *words)
{
    size_t n = 0;

    for (const char *p = words; *p && n + 1 < ERR_TEXT_MAX; p++) {
        if (*p == '\n' || *p == '\t') {
            if (!p[1])
                break;
            if (n && out[n - 1] != ' ')
                out[n++] = ' ';
        } else {
            out[n++] = *p;
        }
    }
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = 0;
}

/* An answer says little of a server: one whose disk is full greets, and breaks off at the first
 * write, again and again.  Only a connection that lasted makes the next one come soon. */
static void retry_later(struct db *d)
{
    bool lasted = d->ready_at && loop_now(d->loop) - d->ready_at >= BACKOFF_MAX;
    usec_t wait = d->backoff && !lasted ? d->backoff : BACKOFF_FIRST;

    d->phase = PHASE_IDLE;
    d->ready_at = 0;
    d->backoff = wait * 2 > BACKOFF_MAX ? BACKOFF_MAX : wait * 2;
    if (timer_set(d->loop, &d->retry, wait) < 0)
        loop_post(d->loop, &d->turn);
}

void db_lost(struct db *d, const char *why)
{
    char line[ERR_TEXT_MAX];
    struct err e = {0};

    one_line(line, why && *why ? why : "connection to the database lost");
    hang_up(d);
    for (struct db_item *it; (it = TAILQ_FIRST(&d->setup));) {
        TAILQ_REMOVE(&d->setup, it, entry);
        db_item_free(it);
    }
    db_orphan(d, line);
    if (d->dead)
        return;
    if (d->opts.no_reconnect) {
        d->phase = PHASE_OVER;
        err_set(&e, -ECONNREFUSED, "%s", line);
        db_end_all(d, -ECONNREFUSED, &e);
    } else {
        retry_later(d);
    }
    tell(d, DB_DOWN, line);
}

/* A host that hangs takes all of the time: the next try begins with the one behind it. */
static void on_connect_deadline(struct timer *t)
{
    struct db *d = CONTAINER_OF(t, struct db, deadline);

    if (d->phase == PHASE_CONNECT || d->phase == PHASE_SETUP)
        (void)!db_hosts_rotate(&d->hosts);
    db_lost(d, d->phase == PHASE_CONNECT ? "no connection to the database within 10 s"
                                         : "the database does not answer");
}

/* Settings by a query and not by startup options, so that poolers and the user's own options stay
 * possible.  Without JIT: short queries whose estimates are high would be compiled each time. */
static int setup_push(struct db *d)
{
    char timeout[32];
    const char *params[] = {timeout};
    struct db_call c = {
        .sql =
            "SELECT set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO', false), "
            "set_config('IntervalStyle', 'postgres', false), set_config('bytea_output', 'hex', "
            "false), "
            "set_config('jit', 'off', false), set_config('statement_timeout', $1, false), "
            "set_config('idle_in_transaction_session_timeout', $1, false)",
        .params = params,
        .n_params = 1,
    };
    struct db_channel *ch;
    struct db_item *it;
    int r;

    snprintf(timeout, sizeof timeout, "%llu",
             (unsigned long long)(d->opts.statement_timeout / USEC_PER_MSEC));
    r = db_item_new(&it, &c, NULL, NULL);
    if (r < 0)
        return r;
    TAILQ_INSERT_TAIL(&d->setup, it, entry);
    LIST_FOREACH (ch, &d->channels, entry) {
        char sql[128];
        struct db_call l = {.sql = sql};

        snprintf(sql, sizeof sql, "LISTEN %.63s", ch->name);
        r = db_item_new(&it, &l, NULL, NULL);
        if (r < 0)
            return r;
        TAILQ_INSERT_TAIL(&d->setup, it, entry);
    }
    return 0;
}

static void connected(struct db *d)
{
    PQsetnonblocking(d->conn, 1);
    PQsetNoticeProcessor(d->conn, on_notice, NULL);
    timer_stop(d->loop, &d->deadline);
    d->phase = PHASE_SETUP;
    if (setup_push(d) < 0) {
        db_lost(d, "out of memory");
        return;
    }
    db_pump(d);
}

void db_setup_done(struct db *d)
{
    d->phase = PHASE_READY;
    d->ready_at = loop_now(d->loop);
    tell(d, DB_READY, "");
}

static void connect_step(struct db *d)
{
    PostgresPollingStatusType s;

    io_remove(d->loop, &d->io);
    s = PQconnectPoll(d->conn);
    if (s == PGRES_POLLING_OK) {
        d->io.fd = PQsocket(d->conn);
        connected(d);
        return;
    }
    d->io.fd = PQsocket(d->conn);
    if (s == PGRES_POLLING_FAILED || d->io.fd < 0 ||
        io_want(d->loop, &d->io, s == PGRES_POLLING_READING ? EPOLLIN : EPOLLOUT) < 0)
        db_lost(d, PQerrorMessage(d->conn));
}

static void notifications(struct db *d)
{
    PGnotify *n;

    while (!d->dead && d->conn && (n = PQnotifies(d->conn))) {
        if (d->opts.notify)
            d->opts.notify(d->opts.user, n->relname);
        PQfreemem(n);
    }
}

static void on_io(struct io *io, uint32_t events)
{
    struct db *d = CONTAINER_OF(io, struct db, io);

    if (d->phase == PHASE_CONNECT) {
        connect_step(d);
        return;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        if (!PQconsumeInput(d->conn)) {
            db_lost(d, PQerrorMessage(d->conn));
            return;
        }
        if (!db_take_results(d))
            return;
        notifications(d);
        if (d->dead || !d->conn)
            return;
    }
    db_pump(d);
}

static void connect_start(struct db *d)
{
    /* earlier keywords are defaults, later ones win over the connection string; the list ends with
     * NULL */
    const char *keys[7 + DB_HOSTS_KEYS + 1] = {"target_session_attrs",
                                               "dbname",
                                               "fallback_application_name",
                                               "client_encoding",
                                               "gssencmode",
                                               "tcp_user_timeout",
                                               "passfile"};
    const char *values[ARRAY_LEN(keys)] = {d->opts.writes ? "read-write" : "any",
                                           d->conninfo,
                                           d->application_name,
                                           "UTF8",
                                           "disable",
                                           "30000",
                                           "/dev/null/none" /* no such file, without a warning */};

    db_hosts_params(&d->hosts, keys + 7, values + 7);
    d->phase = PHASE_CONNECT;
    tell(d, DB_CONNECTING, "");
    if (d->dead)
        return;
    d->conn = PQconnectStartParams(keys, values, 1);
    if (!d->conn || PQstatus(d->conn) == CONNECTION_BAD) {
        db_lost(d, d->conn ? PQerrorMessage(d->conn) : "out of memory");
        return;
    }
    d->io.fd = PQsocket(d->conn);
    if (d->io.fd < 0 || io_want(d->loop, &d->io, EPOLLOUT) < 0 ||
        timer_set(d->loop, &d->deadline, CONNECT_TIMEOUT) < 0)
        db_lost(d, "out of memory or file descriptors");
}

static void on_retry(struct timer *t)
{
    connect_start(CONTAINER_OF(t, struct db, retry));
}

static void on_turn(struct task *t)
{
    struct db *d = CONTAINER_OF(t, struct db, turn);
    struct err e = {0};

    if (d->phase == PHASE_IDLE && !timer_running(&d->retry)) {
        connect_start(d);
    } else if (d->phase == PHASE_OVER) {
        err_set(&e, -ECONNREFUSED, "no connection to the database");
        db_end_all(d, -ECONNREFUSED, &e);
    } else if (d->phase == PHASE_SETUP || d->phase == PHASE_READY) {
        db_pump(d);
    }
}

int db_open(struct db **ret, struct loop *l, const struct db_opts *o, struct err *e)
{
    struct db *d;
    int r = db_conninfo_check(o->conninfo, true, e);

    if (r < 0)
        return r;
    d = calloc(1, sizeof *d);
    if (!d)
        return -ENOMEM;
    *d = (struct db){.loop = l, .opts = *o};
    d->io.ready = on_io;
    d->deadline.fire = on_connect_deadline;
    d->retry.fire = on_retry;
    d->turn.run = on_turn;
    TAILQ_INIT(&d->queue);
    TAILQ_INIT(&d->setup);
    LIST_INIT(&d->channels);
    if (!d->opts.queue_limit)
        d->opts.queue_limit = QUEUE_LIMIT;
    if (!d->opts.statement_timeout)
        d->opts.statement_timeout = STATEMENT;
    d->conninfo = strdup(o->conninfo);
    d->application_name = strdup(o->application_name ? o->application_name : "muster");
    if (!d->conninfo || !d->application_name || db_hosts_read(&d->hosts, o->conninfo) < 0) {
        free(d->conninfo);
        free(d->application_name);
        free(d);
        return -ENOMEM;
    }
    loop_post(l, &d->turn);
    *ret = d;
    return 0;
}

static void on_gone(void *object)
{
    struct db *d = object;
    struct db_channel *ch;
    struct err e = {0};

    err_set(&e, -ECANCELED, "the connection was closed");
    db_end_all(d, -ECANCELED, &e);
    while ((ch = LIST_FIRST(&d->channels))) {
        LIST_REMOVE(ch, entry);
        free(ch->name);
        free(ch);
    }
    db_hosts_done(&d->hosts);
    free(d->conninfo);
    free(d->application_name);
    free(d);
}

struct db *db_free(struct db *d)
{
    struct db_item *it;

    if (!d || d->dead)
        return NULL;
    d->dead = true;
    hang_up(d);
    timer_stop(d->loop, &d->retry);
    task_cancel(d->loop, &d->turn);
    while ((it = TAILQ_FIRST(&d->setup))) {
        TAILQ_REMOVE(&d->setup, it, entry);
        db_item_free(it);
    }
    loop_post_free(d->loop, on_gone, d);
    return NULL;
}

void db_freep(struct db **d)
{
    *d = db_free(*d);
}

int db_listen(struct db *d, const char *channel)
{
    struct db_channel *ch = calloc(1, sizeof *ch);
    char sql[128];
    struct db_call c = {.sql = sql, .flags = DB_RETRY};

    if (!ch || !(ch->name = strdup(channel))) {
        free(ch);
        return -ENOMEM;
    }
    LIST_INSERT_HEAD(&d->channels, ch, entry);
    snprintf(sql, sizeof sql, "LISTEN %.63s", channel);
    return d->phase == PHASE_READY ? db_query(d, &c, NULL, NULL) : 0;
}

bool db_is_ready(const struct db *d)
{
    return d->phase == PHASE_READY;
}

size_t db_waiting(const struct db *d)
{
    return d->waiting;
}
