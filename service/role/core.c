/* The core process puts the parts of the service together and keeps them alive: the configuration
 * that the monitor sends, the store, the pass engine with its workers, the alert pipeline.
 *
 * A configuration is checked whole (secrets and endpoints too) before any of it is in force.
 * Without a database everything waits and nothing is lost; that is said once, and again when the
 * reason changes. */
#include "service/role/core.h"

#include "engine/base/log.h"
#include "service/config/paths.h"
#include "service/privilege/privilege.h"
#include "service/role/child.h"
#include "service/role/core_alert.h"
#include "service/role/core_upkeep.h"
#include "service/role/core_view.h"
#include "service/schedule/schedule.h"
#include "service/store/embedded.h"
#include "service/store/migrate.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define STATUS_EVERY USEC_PER_SEC
#define STOP_POLL    (20 * USEC_PER_MSEC)
#define STOP_RESERVE (200 * USEC_PER_MSEC) /* of the time to stop in: for the end itself */
#define SYNC_RETRY   (5 * USEC_PER_SEC)
#define DEGRADED_AFTER                                                                             \
    (15 * USEC_PER_SEC) /* without database: started all the same, and said so                     \
                         */

enum database { DATABASE_CONNECTING, DATABASE_DOWN, DATABASE_SYNCING, DATABASE_OK };

struct core {
    struct child *child;
    struct loop *loop;
    struct store *store;
    struct schedule *schedule;
    struct core_upkeep upkeep;
    struct core_alert alert;
    char *conninfo, sensor[STORE_NAME_MAX];
    enum database database;
    unsigned syncs; /* under way */
    char why[256];  /* the database is down */
    struct timer status, sync, degraded, stop;
    usec_t stop_by; /* monotonic; 0: not stopping */
    bool ready;
};

/* -------------------------------------------------------------------- database */

static void core_ready(struct core *c)
{
    if (c->ready)
        return;
    c->ready = true;
    timer_stop(c->loop, &c->degraded);
    child_ready(c->child);
}

static void on_degraded(struct timer *t)
{
    core_ready(CONTAINER_OF(t, struct core, degraded));
}

static void sync_later(struct core *c)
{
    if (timer_set(c->loop, &c->sync, SYNC_RETRY) < 0)
        child_exit(c->child, EXIT_FAILURE);
}

static void on_synced(void *user, int status, const struct err *e)
{
    struct core *c = user;

    /* Answers come in the order of the questions: only the last is about what is in force, unless
     * that could not even be asked. */
    if (--c->syncs || timer_running(&c->sync))
        return;
    if (status == -ECANCELED || c->database != DATABASE_SYNCING)
        return;
    if (status < 0) {
        if (strcmp(c->why, err_text(e)) != 0)
            log_event(LOG_ERR, "the schedule cannot be made, trying again", "EVENT",
                      "database-down", "WHY", err_text(e));
        snprintf(c->why, sizeof c->why, "%s", err_text(e));
        sync_later(c);
        return;
    }
    c->database = DATABASE_OK;
    c->why[0] = 0;
    log_event(LOG_INFO, "the database is there, visits begin", "EVENT", "database-up");
    upkeep_enable(c->upkeep.upkeep);
    if (!c->stop_by)
        schedule_enable(c->schedule);
    core_ready(c);
}

static void core_sync(struct core *c)
{
    CLEANUP(store_view_done) struct store_view view = {0};
    struct err e = {0};
    int r;

    schedule_disable(c->schedule);
    timer_stop(c->loop, &c->sync);
    c->database = DATABASE_SYNCING;
    r = store_view_of(schedule_config_now(c->schedule), &view);
    if (r == 0) {
        const struct store_config config = {view.zones, view.n};

        r = store_sync_config(c->store, &config, on_synced, c, &e);
        c->syncs += r == 0;
    }
    if (r < 0) {
        log_event(LOG_ERR, "the schedule cannot be made, trying again", "WHY",
                  e.text[0] ? e.text : strerror(-r));
        sync_later(c);
    }
}

static void on_sync_timer(struct timer *t)
{
    struct core *c = CONTAINER_OF(t, struct core, sync);

    if (c->database == DATABASE_SYNCING)
        core_sync(c);
}

static void database_down(struct core *c, const char *why)
{
    schedule_disable(c->schedule);
    upkeep_disable(c->upkeep.upkeep);
    if (c->database != DATABASE_DOWN || strcmp(c->why, why) != 0)
        log_event(LOG_WARNING, "the database cannot be used, trying again", "EVENT",
                  "database-down", "WHY", why);
    c->database = DATABASE_DOWN;
    snprintf(c->why, sizeof c->why, "%s", why);
}

static void on_store_state(void *user, enum db_state s, const char *why)
{
    struct core *c = user;

    if (!c->schedule || !schedule_config_now(c->schedule))
        return; /* the first configuration was rejected: the end is near */
    if (s == DB_READY)
        core_sync(c);
    else if (s == DB_DOWN)
        database_down(c, why ? why : "unknown reason");
}

static void on_drained(void *user)
{
    schedule_drained(((struct core *)user)->schedule);
}

static void on_news(void *user, unsigned n_events)
{
    struct core *c = user;

    (void)n_events;
    core_alert_poke(&c->alert);
}

/* Host names are upper case, or have dots, here and there. */
static void sensor_name(char ret[STORE_NAME_MAX], const struct config *c)
{
    size_t n;

    if (c->sensor || !c->database) {
        snprintf(ret, STORE_NAME_MAX, "%s", c->sensor ? c->sensor : "local");
        return;
    }
    if (gethostname(ret, STORE_NAME_MAX) < 0)
        ret[0] = 0;
    ret[STORE_NAME_MAX - 1] = 0;
    n = strcspn(ret, ".");
    ret[n] = 0;
    for (size_t i = 0; i < n; i++)
        ret[i] = isalnum((unsigned char)ret[i]) ? (char)tolower((unsigned char)ret[i]) : '-';
    if (!n || !isalnum((unsigned char)ret[0]))
        snprintf(ret, STORE_NAME_MAX, "local");
}

static int core_conninfo(struct core *c, const struct config *config, struct err *e)
{
    if (config->database)
        return config_conninfo(&c->conninfo, config, e);
    c->conninfo = embedded_conninfo_for(config->state_directory);
    return c->conninfo ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int newest_migration(void)
{
    char dir[PATH_MAX];
    struct err e = {0};
    int r = paths_data(dir, &e);

    if (r < 0)
        return 0;
    if (strlen(dir) + sizeof "/migrations" > sizeof dir)
        return 0;
    memcpy(dir + strlen(dir), "/migrations", sizeof "/migrations");
    r = migrate_newest(dir, &e);
    return r < 0 ? 0 : r;
}

/* -------------------------------------------------------------------- configuration */

/* The first one: opens what the others keep. */
static int core_open(struct core *c, const struct config *config, struct err *e)
{
    struct store_opts o = {
        .sensor = c->sensor,
        .newest_migration = newest_migration(),
        .user = c,
        .state = on_store_state,
        .drained = on_drained,
        .news = on_news,
    };
    struct schedule_store store;
    char journal[PATH_MAX];
    int r = core_conninfo(c, config, e);

    if (r < 0)
        return r;
    sensor_name(c->sensor, config);
    o.conninfo = c->conninfo;
    snprintf(journal, sizeof journal, "%.4000s/findings.journal", config->state_directory);
    o.journal = journal;
    c->alert = (struct core_alert){.loop = c->loop, .conninfo = c->conninfo, .holder = c->sensor};
    r = store_open(&c->store, c->loop, &o, e);
    if (r < 0)
        return err_add(e, r, "database");
    store = schedule_store_of(c->store);
    r = schedule_new(&c->schedule, c->loop, &store);
    if (r == 0)
        r = core_upkeep_open(&c->upkeep, c->loop, c->store, c->conninfo);
    if (r == 0)
        r = timer_set(c->loop, &c->degraded, DEGRADED_AFTER);
    if (r == 0)
        r = timer_set(c->loop, &c->status, STATUS_EVERY);
    return r < 0 ? err_set(e, r, "out of memory") : 0;
}

static int config_apply(struct core *c, struct config *config, struct err *e)
{
    CLEANUP(freep) char *keep = NULL;
    struct alert *alert = NULL;
    int level = config->log_level;
    int r = c->store ? 0 : core_open(c, config, e);

    if (r == 0)
        r = core_alert_new(&c->alert, config, &alert, e);
    if (r == 0)
        r = core_upkeep_keep(&keep, config);
    if (r < 0) {
        alert_free(alert);
        config_free(config);
        return r;
    }
    r = schedule_config(c->schedule, config, e);
    if (r < 0) {
        alert_free(alert);
        return r;
    }
    /* Nothing fails from here on: what is not in force must delete nothing, either. */
    log_set_level(level);
    upkeep_config(c->upkeep.upkeep, take(&keep));
    core_alert_replace(&c->alert, alert);
    if (c->database == DATABASE_OK || c->database == DATABASE_SYNCING)
        core_sync(c);
    return 0;
}

/* The file's bytes, from the monitor's memfd. */
static int config_take(int fd, const char *path, struct config **ret, struct err *e)
{
    CLEANUP(freep) char *data = NULL;
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0 || st.st_size > 64 << 20)
        return err_set(e, -EINVAL, "the configuration cannot be read");
    data = malloc((size_t)st.st_size + 1);
    if (!data)
        return err_set(e, -ENOMEM, "out of memory");
    n = pread(fd, data, (size_t)st.st_size, 0);
    if (n != st.st_size)
        return err_set(e, -EIO, "the configuration cannot be read");
    return config_load_data(ret, path, data, (size_t)n, NULL, NULL, e);
}

static void on_config_refused(void *user, const struct ipc_config_refused *m)
{
    struct core *c = user;

    if (c->store)
        store_config_refused(c->store, m->why, m->since);
}

static void on_config(void *user, uint32_t generation, const char *path, int fd)
{
    struct core *c = user;
    struct config *config = NULL;
    struct err e = {0};
    int r = config_take(fd, path, &config, &e);

    if (r == 0)
        r = config_apply(c, config, &e);
    child_config_done(c->child, generation, r, r < 0 ? err_text(&e) : NULL);
}

/* -------------------------------------------------------------------- status */

static const char *database_word(const struct core *c)
{
    switch (c->database) {
    case DATABASE_OK:
        return "database ok";
    case DATABASE_DOWN:
        return "no database: ";
    default:
        return "connecting to the database";
    }
}

static void on_status(struct timer *t)
{
    struct core *c = CONTAINER_OF(t, struct core, status);
    CLEANUP(buf_done) struct buf text = {.limit = IPC_SENTENCE_MAX - 1};

    schedule_status(c->schedule, &text);
    buf_printf(&text, ", %s%s", database_word(c), c->database == DATABASE_DOWN ? c->why : "");
    core_alert_status(&c->alert, &text);
    if (text.data && !text.failed)
        child_status(c->child, text.data);
    if (timer_set(c->loop, &c->status, STATUS_EVERY) < 0)
        child_exit(c->child, EXIT_FAILURE);
}

/* -------------------------------------------------------------------- peers and the end */

static void on_peer(void *user, const struct ipc_peer_msg *p, int *fd)
{
    struct core *c = user;
    struct err e = {0};
    int take_fd = *fd, r;

    if (!c->schedule)
        return; /* before the configuration: the monitor does not do that */
    *fd = -1;
    r = p->role == PEER_SCANNER ? schedule_scanner(c->schedule, take_fd, &e)
                                : schedule_worker(c->schedule, p->index, take_fd, &e);
    if (r < 0)
        log_event(LOG_ERR, "a worker cannot be taken in", "WHY", err_text(&e));
}

static void on_peer_gone(void *user, const struct ipc_peer_gone *g)
{
    struct core *c = user;
    const char *why = g->why ? g->why : "it died";

    if (!c->schedule)
        return;
    if (g->role == PEER_SCANNER)
        schedule_scanner_gone(c->schedule, why);
    else
        schedule_worker_gone(c->schedule, g->index, g->script, why);
}

static void on_stop(struct timer *t)
{
    struct core *c = CONTAINER_OF(t, struct core, stop);
    bool flushed = !c->store || (!schedule_visits(c->schedule) && !store_pending(c->store));

    if (flushed && core_alert_is_over(&c->alert)) {
        child_exit(c->child, EXIT_SUCCESS);
        return;
    }
    if (loop_now(c->loop) >= c->stop_by) {
        log_event(LOG_WARNING, "ending before everything was written, it will be visited again",
                  "WAITING", flushed ? "alerts" : "database");
        child_exit(c->child, EXIT_SUCCESS);
        return;
    }
    if (timer_set(c->loop, &c->stop, STOP_POLL) < 0)
        child_exit(c->child, EXIT_FAILURE);
}

static void on_shutdown(void *user, usec_t within)
{
    struct core *c = user;
    usec_t left = within > 2 * STOP_RESERVE ? within - STOP_RESERVE : within / 2;

    c->stop_by = loop_now(c->loop) + left;
    if (c->schedule)
        schedule_stop(c->schedule);
    core_alert_stop(&c->alert, left);
    if (timer_set(c->loop, &c->stop, 0) < 0)
        child_exit(c->child, EXIT_FAILURE);
}

/* A turn of the loop comes after the parts are freed: no timer of ours may fire in it. */
static void timers_stop(struct core *c)
{
    struct timer *const timers[] = {&c->status, &c->sync, &c->degraded, &c->stop};

    for (size_t i = 0; c->loop && i < ARRAY_LEN(timers); i++)
        timer_stop(c->loop, timers[i]);
}

static void core_done(struct core *c)
{
    timers_stop(c);
    if (c->schedule)
        schedule_deafen(c->schedule);
    core_alert_done(&c->alert);
    core_upkeep_done(&c->upkeep);
    store_free(c->store);
    if (c->loop)
        loop_turn(c->loop, 0); /* the store's last words go to visits */
    schedule_free(c->schedule);
    if (c->conninfo)
        explicit_bzero(c->conninfo, strlen(c->conninfo));
    free(c->conninfo);
    child_free(c->child);
}

int role_core(void)
{
    struct core c = {
        .status.fire = on_status,
        .sync.fire = on_sync_timer,
        .degraded.fire = on_degraded,
        .stop.fire = on_stop,
    };
    const struct child_handlers h = {
        .user = &c,
        .peer = on_peer,
        .peer_gone = on_peer_gone,
        .config = on_config,
        .config_refused = on_config_refused,
        .shutdown = on_shutdown,
    };
    const struct privilege_opts drop = {.role = PRIVILEGE_CORE};
    struct err e = {0};
    int r = child_open(&c.child, "core", &h, &e);

    if (r == 0) {
        c.loop = child_loop(c.child);
        r = privilege_drop(&drop, &e);
    }
    if (r == 0)
        r = loop_run(c.loop);
    else
        log_event(LOG_ERR, "the core cannot start", "WHY", err_text(&e));
    core_done(&c);
    return r < 0 ? EXIT_FAILURE : r;
}
