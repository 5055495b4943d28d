/* The embedded PostgreSQL under the monitor: prepared before the loop runs, started, watched,
 * started again when it dies, stopped last; and the migrations, which also run for a database
 * elsewhere. */
#include "service/role/monitor_priv.h"

#include "engine/base/log.h"
#include "service/role/migrate_role.h"
#include "service/systemd/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define READY_POLL     (50 * USEC_PER_MSEC)
#define EARLIER_RETRY  (100 * USEC_PER_MSEC) /* a server of an earlier life still stops */
#define BACKOFF        USEC_PER_SEC
#define BACKOFF_MAX    (30 * USEC_PER_SEC)
#define LONG_LIFE      (60 * USEC_PER_SEC)
#define MIGRATE_RETRY  (2 * USEC_PER_SEC)
#define MIGRATE_MENDED (60 * USEC_PER_SEC) /* a person has to do something first */

static void on_start(struct timer *t);
static void on_poll(struct timer *t);
static void on_migrate(struct timer *t);

static void arm(struct monitor *m, struct timer *t, usec_t after)
{
    if (timer_set(m->loop, t, after) < 0)
        monitor_fail(m, "out of memory");
}

/* One musterd per state directory: two would start two servers over one set of files, or empty each
 * other's journal. */
static int lock_take(struct monitor *m, struct err *e)
{
    const char *dir = m->config->state_directory;
    char path[4096];

    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return err_set(e, -errno, "state_directory '%s': %s", dir, strerror(errno));
    snprintf(path, sizeof path, "%s/musterd.lock", dir);
    m->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (m->lock_fd < 0)
        return err_set(e, -errno, "'%s': %s", path, strerror(errno));
    if (flock(m->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return err_set(e, -EBUSY, "another musterd runs with the state directory '%s'", dir);
    return 0;
}

static void tick(void *user)
{
    (void)user;
    notify_extend(30 * USEC_PER_SEC);
    notify_watchdog();
}

int monitor_database_open(struct monitor *m, struct err *e)
{
    int r;

    m->postgres_start.fire = on_start;
    m->postgres_poll.fire = on_poll;
    m->migrate.restart.fire = on_migrate;
    r = lock_take(m, e);
    if (m->config->database) {
        if (r == 0 || r == -EBUSY)
            return r;
        log_event(LOG_WARNING, "findings cannot wait on disk while the database is away", "WHY",
                  err_text(e));
        return 0;
    }
    if (r == 0)
        r = embedded_new(&m->embedded, m->config->state_directory, NULL, e);
    if (r == 0) {
        notify_status("preparing the embedded database");
        r = embedded_prepare(m->embedded, tick, NULL, e);
    }
    return r < 0 ? err_add(e, r, "embedded database") : 0;
}

static usec_t backoff(struct monitor *m)
{
    usec_t wait = BACKOFF << (m->postgres_failures < 6 ? m->postgres_failures : 6);

    if (loop_now(m->loop) - m->postgres_began > LONG_LIFE) {
        m->postgres_failures = 0;
        return 0;
    }
    m->postgres_failures++;
    return wait < BACKOFF_MAX ? wait : BACKOFF_MAX;
}

static int on_postgres_exit(sd_event_source *source, const siginfo_t *si, void *user)
{
    struct monitor *m = user;
    char status[16];

    (void)source;
    m->postgres_source = sd_event_source_disable_unref(m->postgres_source);
    m->postgres = 0;
    m->database_ready = false;
    timer_stop(m->loop, &m->postgres_poll);
    if (m->stop == STOP_NOT) {
        snprintf(status, sizeof status, "%d", si->si_status);
        log_event(LOG_ERR, "the embedded database has died and is started again", "EVENT",
                  "database-down", "STATUS", status);
        arm(m, &m->postgres_start, backoff(m));
    }
    monitor_stop_step(m);
    return 0;
}

static void start_failed(struct monitor *m, const struct err *e)
{
    log_event(LOG_ERR, "the embedded database cannot be started, trying again", "EVENT",
              "database-down", "WHY", err_text(e));
    arm(m, &m->postgres_start, backoff(m));
}

void monitor_database_start(struct monitor *m)
{
    struct err e = {0};
    int r;

    if (m->stop != STOP_NOT)
        return;
    if (!m->embedded) {
        m->database_ready = true; /* somebody else sees to that */
        monitor_migrate(m);
        return;
    }
    m->postgres_began = loop_now(m->loop);
    r = embedded_start(m->embedded, &m->postgres, &e);
    if (r == -EAGAIN) {
        arm(m, &m->postgres_start, EARLIER_RETRY);
        return;
    }
    if (r == 0)
        r = sd_event_add_child(loop_sd(m->loop), &m->postgres_source, m->postgres, WEXITED,
                               on_postgres_exit, m);
    if (r < 0) {
        start_failed(m, &e);
        return;
    }
    arm(m, &m->postgres_poll, READY_POLL);
}

static void on_start(struct timer *t)
{
    monitor_database_start(CONTAINER_OF(t, struct monitor, postgres_start));
}

static void on_poll(struct timer *t)
{
    struct monitor *m = CONTAINER_OF(t, struct monitor, postgres_poll);

    if (!embedded_ready(m->embedded)) {
        arm(m, &m->postgres_poll, READY_POLL);
        return;
    }
    m->database_ready = true;
    monitor_migrate(m);
}

void monitor_migrate(struct monitor *m)
{
    char config[4200], level[24];
    const char *args[] = {config, level, m->opts.foreground ? "--foreground" : NULL, NULL};
    struct err e = {0};

    if (m->stop != STOP_NOT || proc_running(&m->migrate) || !m->database_ready)
        return;
    snprintf(config, sizeof config, "--config=%s", m->path);
    snprintf(level, sizeof level, "--log-level=%d", m->config->log_level);
    if (proc_start(&m->migrate, args, &e) < 0)
        arm(m, &m->migrate.restart, MIGRATE_RETRY);
}

static void on_migrate(struct timer *t)
{
    monitor_migrate(CONTAINER_OF(t, struct monitor, migrate.restart));
}

void monitor_migrated(struct monitor *m, const char *why)
{
    int status = m->migrate.wait_status;
    bool again = WIFEXITED(status) && WEXITSTATUS(status) == MIGRATE_AGAIN;

    monitor_roles_start(m); /* with or without: the core says what is missing */
    if (status && !again && m->stop == STOP_NOT)
        log_debug("the migration ended: %s", why);
    if (status && m->stop == STOP_NOT)
        arm(m, &m->migrate.restart, again ? MIGRATE_RETRY : MIGRATE_MENDED);
    monitor_stop_step(m);
}

void monitor_database_stop(struct monitor *m)
{
    timer_stop(m->loop, &m->postgres_start);
    timer_stop(m->loop, &m->postgres_poll);
    if (m->postgres)
        embedded_stop(m->embedded, m->postgres);
}

void monitor_database_done(struct monitor *m)
{
    if (m->loop) {
        timer_stop(m->loop, &m->postgres_start);
        timer_stop(m->loop, &m->postgres_poll);
    }
    m->postgres_source = sd_event_source_disable_unref(m->postgres_source);
    m->embedded = embedded_free(m->embedded);
    if (m->lock_fd >= 0)
        close(m->lock_fd);
}
