/* The life of the service: start, reload, stop.
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
#include <sys/mman.h>

#define CORE_STOP     (3 * USEC_PER_SEC)
#define DATABASE_STOP (25 * USEC_PER_SEC)
#define ROLES_WAIT                                                                                 \
    (10 * USEC_PER_SEC) /* for the database and its migrations, before the roles start without */

/* A configuration from its file, and its bytes in a memfd for the core.  Errors name file and line.
 */
static int config_read(const char *path, struct config **ret, int *ret_fd, struct err *e)
{
    CLEANUP(config_freep) struct config *c = NULL;
    CLEANUP(freep) char *data = NULL;
    CLEANUP(closep) int fd = -1;
    size_t len;
    int r = config_read_file(&data, &len, path, e);

    if (r == 0)
        r = config_load_data(&c, path, data, len, NULL, NULL, e);
    if (r < 0)
        return r;
    fd = memfd_create("muster.yaml", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len)
        return err_set(e, -EIO, "%s: cannot be handed on: %s", path, strerror(errno));
    *ret = take(&c);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

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
    notify_ready(m->status);
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

/* -------------------------------------------------------------------- reload */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static const char *needs_restart(const struct config *old, const struct config *new)
{
    if (!same_text(old->database, new->database) ||
        !same_text(old->database_secret, new->database_secret))
        return "database";
    if (!same_text(old->state_directory, new->state_directory))
        return "state_directory";
    return same_text(old->sensor, new->sensor) ? NULL : "sensor";
}

static bool workers_differ(const struct config *old, const struct config *new)
{
    const struct config_scripts *a = old->scripts, *b = new->scripts;
    bool differ = a->workers != b->workers || a->memory_mib != b->memory_mib ||
                  a->n_datadirs != b->n_datadirs || old->log_level != new->log_level ||
                  !same_text(old->resolver, new->resolver);

    for (uint32_t i = 0; i < a->n_datadirs && !differ; i++)
        differ = strcmp(a->datadirs[i], b->datadirs[i]) != 0;
    return differ;
}

static void config_rejected(struct monitor *m, const char *why)
{
    log_event(LOG_ERR, "the configuration has errors and was not applied", "EVENT",
              "config-rejected", "WHY", why);
    if (m->started)
        notify_ready(m->status); /* the end of RELOADING=1 */
}

static void next_drop(struct monitor *m)
{
    m->next = config_free(m->next);
    if (m->next_fd >= 0)
        close(m->next_fd);
    m->next_fd = -1;
}

/* The new configuration is in force. */
static void next_apply(struct monitor *m)
{
    bool differ = workers_differ(m->config, m->next);

    config_free(m->config);
    close(m->config_fd);
    m->config = take(&m->next);
    m->config_fd = m->next_fd;
    m->next_fd = -1;
    log_set_level(m->config->log_level);
    log_event(LOG_NOTICE, "the new configuration is in force", "EVENT", "config-applied");
    if (differ)
        monitor_workers_resize(m);
    notify_ready(m->status);
}

/* The core has rejected the first configuration that it was given: it gets the one in force. */
static void core_restore(struct monitor *m)
{
    m->generation++;
    if (monitor_core_configure(m) < 0)
        proc_kill(&m->core);
}

static void monitor_reload(struct monitor *m);

/* The core has taken the new configuration in, or has not: a reload that was asked for meanwhile
 * comes now. */
static void reload_done(struct monitor *m, const char *error)
{
    bool again = m->reload_again;

    if (!error)
        next_apply(m);
    else {
        next_drop(m);
        config_rejected(m, error);
        if (!m->core_configured && proc_running(&m->core))
            core_restore(m);
    }
    m->reload_again = false;
    if (again)
        monitor_reload(m);
}

void monitor_config_done(struct monitor *m, uint32_t generation, const struct ipc_config_done *done)
{
    const char *why = done->text ? done->text : "unknown reason";

    if (m->next && generation == m->generation) {
        reload_done(m, done->error ? why : NULL);
    } else if (m->next) {
        return; /* about what held before: the core goes on with the next one, which may mend it */
    } else if (done->error && m->started) {
        config_rejected(
            m, why); /* what held before: a secret is gone, perhaps.  Try again, with pauses */
        proc_kill(&m->core);
    } else if (done->error) {
        config_rejected(m, why);
        m->exit_code = EXIT_CONFIG;
        monitor_stop(m);
    }
}

void monitor_core_gone(struct monitor *m)
{
    m->core_configured = false;
    if (m->next)
        reload_done(m, "the core died while it took it in; what was in force before holds");
}

/* Checked here against its grammar, then by the core, which reads the secrets; in force when both
 * agree. */
static int reload_check(struct monitor *m, struct err *e)
{
    const char *key;
    int r = config_read(m->path, &m->next, &m->next_fd, e);

    if (r < 0)
        return r;
    key = needs_restart(m->config, m->next);
    return key ? err_set(e, -EINVAL, "%s: '%s' has changed, which takes a restart", m->path, key)
               : 0;
}

/* Without a core the next one decides, which is started at once: nothing is in force unchecked. */
static void reload_send(struct monitor *m)
{
    int r;

    m->generation++;
    r = proc_running(&m->core) ? monitor_core_configure(m)
                               : timer_set(m->loop, &m->core.restart, 0);
    if (r < 0)
        reload_done(m, "the core cannot take it in just now; reload again");
}

static void monitor_reload(struct monitor *m)
{
    struct err e = {0};

    if (m->stop != STOP_NOT || !m->started)
        return;
    if (m->next) { /* the core is at work on the one before: one answer is waited for at a time */
        m->reload_again = true;
        return;
    }
    notify_reloading();
    if (reload_check(m, &e) < 0) {
        next_drop(m);
        config_rejected(m, err_text(&e));
        return;
    }
    reload_send(m);
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
        r = config_read(m->path, &m->config, &m->config_fd, e);
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
    next_drop(m);
    config_free(m->config);
    if (m->config_fd >= 0)
        close(m->config_fd);
    free(m->path);
}

int monitor_run(const struct monitor_opts *o)
{
    static struct monitor m; /* large */
    struct err e = {0};
    int r;

    m = (struct monitor){
        .opts = *o, .lock_fd = -1, .config_fd = -1, .next_fd = -1, .generation = 1};
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
