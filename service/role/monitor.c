/* The life of the service: start and stop.
 *
 * Order of the end: core (flushes what it has), workers, database.  Each stage has a limit, so that
 * SIGTERM ends the roles in under 5 s whatever hangs; PostgreSQL alone may take longer, because it
 * writes. */
#include "service/role/monitor_priv.h"

#include "engine/base/log.h"
#include "service/privilege/privilege.h"
#include "service/systemd/journal.h"
#include "service/systemd/notify.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define CORE_STOP     (3 * USEC_PER_SEC)
#define DATABASE_STOP (25 * USEC_PER_SEC)
#define ROLES_WAIT                                                                                 \
    (10 * USEC_PER_SEC) /* for the database and its migrations, before the roles start without */

void monitor_fail(struct monitor *m, const char *why)
{
    log_event(LOG_CRIT, "the monitor cannot go on, stopping", "WHY", why);
    m->exit_code = EXIT_FAILURE;
    monitor_stop(m);
}

void monitor_started(struct monitor *m)
{
    if (m->started || m->stop != STOP_NOT || !monitor_roles_ready(m))
        return;
    m->started = true;
    log_event(LOG_INFO, "Muster has started", "EVENT", "started", "CONFIG", m->path);
    monitor_tell_status(m, TELL_READY);
}

/* -------------------------------------------------------------------- stop */

static void deadline_set(struct monitor *m, usec_t within)
{
    if (timer_set(m->loop, &m->deadline, within) < 0)
        loop_exit(m->loop, EXIT_FAILURE);
}

static void on_deadline(struct timer *t)
{
    struct monitor *m = CONTAINER_OF(t, struct monitor, deadline);

    log_event(LOG_WARNING, "the embedded database takes long to stop, leaving it to recover at the "
                           "next start");
    if (m->postgres)
        kill(m->postgres, SIGQUIT);
    loop_exit(m->loop, m->exit_code);
}

void monitor_stop_step(struct monitor *m)
{
    if (m->stop == STOP_CORE && !proc_running(&m->core)) {
        m->stop = STOP_WORKERS;
        monitor_workers_stop(m);
    }
    if (m->stop == STOP_WORKERS && monitor_workers_gone(m)) {
        m->stop = STOP_DATABASE;
        monitor_database_stop(m);
        if (m->postgres)
            deadline_set(m, DATABASE_STOP);
    }
    if (m->stop == STOP_DATABASE && !m->postgres) {
        m->stop = STOP_DONE;
        loop_exit(m->loop, m->exit_code);
    }
}

void monitor_stop(struct monitor *m)
{
    if (m->stop != STOP_NOT)
        return;
    m->stop = STOP_CORE;
    monitor_roles_hold(m);
    notify_stopping("stopping");
    log_event(LOG_INFO, "stopping");
    proc_stop(&m->core, CORE_STOP);
    monitor_stop_step(m);
}

/* -------------------------------------------------------------------- signals, watchdog */

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *user)
{
    struct monitor *m = user;

    (void)source;
    if (si->ssi_signo == SIGHUP)
        monitor_reload(m);
    else if (m->stop == STOP_NOT)
        monitor_stop(m);
    else { /* again: somebody is in a hurry */
        proc_kill(&m->core);
        monitor_workers_stop(m);
    }
    return 0;
}

static int signals_open(struct monitor *m, struct err *e)
{
    static const int ours[] = {SIGTERM, SIGINT, SIGHUP};
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(ours) && r >= 0; i++)
        r = sd_event_add_signal(loop_sd(m->loop), NULL, ours[i], on_signal, m);
    return r < 0 ? err_set(e, r, "signals: %s", strerror(-r)) : 0;
}

/* Before anything is started: sd-event takes signals by descriptor, and no process may inherit a
 * handler. */
static void signals_block(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

static void on_roles(struct timer *t)
{
    monitor_roles_start(CONTAINER_OF(t, struct monitor, roles));
}

static void on_watchdog(struct timer *t)
{
    struct monitor *m = CONTAINER_OF(t, struct monitor, watchdog);

    if (monitor_roles_well(m))
        notify_watchdog();
    if (timer_set(m->loop, &m->watchdog, m->watchdog_every) < 0)
        monitor_fail(m, "out of memory");
}

/* -------------------------------------------------------------------- start */

static int monitor_open(struct monitor *m, struct err *e)
{
    int r = config_find_path(&m->path, m->opts.config, e);

    if (r == 0)
        r = monitor_config_read(m->path, &m->config, &m->config_fd, e);
    if (r < 0)
        return r;
    log_set_level(m->config->log_level);
    r = loop_new(&m->loop, e);
    if (r == 0)
        r = signals_open(m, e);
    if (r < 0)
        return r;
    monitor_roles_init(m);
    m->deadline.fire = on_deadline;
    m->watchdog.fire = on_watchdog;
    m->roles.fire = on_roles;
    m->resolver = (struct resolver){
        .loop = m->loop, .path = "/etc/resolv.conf", .user = m, .changed = monitor_resolver};
    m->watchdog_every = notify_watchdog_interval();
    if (m->watchdog_every)
        r = timer_set(m->loop, &m->watchdog, 0);
    if (r == 0)
        r = resolver_watch(&m->resolver);
    if (r == 0)
        r = monitor_database_open(m, e);
    return r < 0 ? r : timer_set(m->loop, &m->roles, ROLES_WAIT);
}

static void monitor_done(struct monitor *m)
{
    if (m->loop)
        monitor_roles_done(m);
    monitor_database_done(m);
    resolver_done(&m->resolver);
    loop_free(m->loop);
    monitor_reload_done(m);
    free(m->path);
}

int monitor_run(const struct monitor_opts *o)
{
    static struct monitor m; /* large */
    struct err e = {0};
    int r;

    m = (struct monitor){.opts = *o,
                         .lock_fd = -1,
                         .config_fd = -1,
                         .next_fd = -1,
                         .former_fd = -1,
                         .generation = 1};
    signals_block();
    log_set_tag("monitor");
    if (!o->foreground)
        (void)journal_install("monitor");
    privilege_monitor();
    r = monitor_open(&m, &e);
    if (r < 0) {
        log_event(LOG_ERR, "cannot start", "WHY", err_text(&e));
        monitor_done(&m);
        return r == -EINVAL || r == -ENOENT ? EXIT_CONFIG : EXIT_FAILURE;
    }
    monitor_database_start(&m);
    r = loop_run(m.loop);
    log_event(LOG_INFO, "Muster has stopped", "EVENT", "stopped");
    monitor_done(&m);
    return r < 0 ? EXIT_FAILURE : r;
}
