/* Which configuration is in force: reloads, and what comes of them.
 *
 * A new one is checked here against its grammar, then by the core, which reads the secrets; it is
 * in force when both agree.  A core that dies proves nothing the first time: the next one is asked.
 * The one that held before is kept until a core has lived under its successor for a while, and
 * comes back when core after core dies instead: whoever reloads is not always there to see what
 * follows. */
#include "service/role/monitor_priv.h"

#include "engine/base/log.h"
#include "service/systemd/notify.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define CORE_DEATHS 3                   /* in a row, of which each was soon */
#define PROBATION   (60 * USEC_PER_SEC) /* a core that lived so long is no witness */

int monitor_config_read(const char *path, struct config **ret, int *ret_fd, struct err *e)
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

/* What the core says, and what the file is not: it stands there until a reload succeeds. */
void monitor_tell_status(struct monitor *m, enum monitor_tell how)
{
    char text[sizeof m->status + sizeof m->refused + 40];

    snprintf(text, sizeof text, "%s%s%s", m->status,
             m->refused[0] ? "; the configuration file is not in force: " : "", m->refused);
    if (how == TELL_READY)
        notify_ready(text);
    else
        notify_status(text);
}

static void say_rejected(struct monitor *m, const char *what, const char *why)
{
    log_event(LOG_ERR, what, "EVENT", "config-rejected", "WHY", why);
    if (m->started)
        monitor_tell_status(m, TELL_READY); /* the end of RELOADING=1 */
}

int monitor_tell_core(struct monitor *m)
{
    const struct ipc_config_refused msg = {m->refused[0] ? m->refused : NULL, m->refused_at};

    return proc_send(&m->core, MSG_CONFIG_REFUSED, 0, &msg, -1);
}

/* why NULL: the file is in force.  A core that dies just now is told when it is there again. */
static void set_refused(struct monitor *m, const char *why)
{
    if (!m->refused[0])
        m->refused_at = loop_wall(m->loop);
    snprintf(m->refused, sizeof m->refused, "%s", why ? why : "");
    (void)monitor_tell_core(m);
}

/* What is wrong in the file names it already, and the line. */
static void refuse(struct monitor *m, const char *what, const char *why)
{
    bool named = strncmp(why, m->path, strlen(m->path)) == 0;
    char text[ERR_TEXT_MAX];

    snprintf(text, sizeof text, "%.200s%s%.300s", named ? "" : m->path, named ? "" : ": ", why);
    set_refused(m, text);
    say_rejected(m, what, text);
}

static void config_rejected(struct monitor *m, const char *why)
{
    refuse(m, "the configuration has errors and was not applied", why);
}

static void drop(struct config **c, int *fd)
{
    *c = config_free(*c);
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Another one takes effect, and *c is what held before. */
static void exchange(struct monitor *m, struct config **c, int *fd)
{
    struct config *old = m->config;
    int old_fd = m->config_fd;

    m->config = *c;
    m->config_fd = *fd;
    *c = old;
    *fd = old_fd;
    m->applied = loop_now(m->loop);
    m->deaths = 0;
    log_set_level(m->config->log_level);
    if (workers_differ(old, m->config))
        monitor_workers_resize(m);
}

/* Whether a core has lived long enough under what is in force, or nothing is there to go back to.
 * The core may have just died. */
static bool is_proven(const struct monitor *m)
{
    usec_t since = m->core.started > m->applied ? m->core.started : m->applied;

    return !m->former || loop_now(m->loop) - since >= PROBATION;
}

static void next_apply(struct monitor *m)
{
    bool proven = is_proven(m);

    exchange(m, &m->next, &m->next_fd);
    if (proven) {
        drop(&m->former, &m->former_fd);
        m->former = take(&m->next);
        m->former_fd = m->next_fd;
        m->next_fd = -1;
    }
    drop(&m->next, &m->next_fd);
    set_refused(m, NULL);
    log_event(LOG_NOTICE, "the new configuration is in force", "EVENT", "config-applied");
    monitor_tell_status(m, TELL_READY);
}

/* A core has died under what is in force. */
static void doubt(struct monitor *m, const char *why)
{
    char text[200];

    if (is_proven(m)) {
        drop(&m->former, &m->former_fd);
        return;
    }
    if (++m->deaths < CORE_DEATHS)
        return;
    exchange(m, &m->former, &m->former_fd);
    drop(&m->former, &m->former_fd);
    m->generation++;
    snprintf(text, sizeof text, "the core died under it %d times, last by %.100s", CORE_DEATHS,
             why);
    refuse(m, "the configuration was taken back, the one before it holds again", text);
}

/* The core has rejected the first configuration that it was given: it gets the one in force. */
static void core_restore(struct monitor *m)
{
    m->generation++;
    if (monitor_core_configure(m) < 0)
        proc_kill(&m->core);
}

/* The core has taken the new configuration in, or has not: a reload that was asked for meanwhile
 * comes now. */
static void reload_done(struct monitor *m, const char *error)
{
    bool again = m->reload_again;

    if (!error)
        next_apply(m);
    else {
        drop(&m->next, &m->next_fd);
        m->deaths = 0;
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
        /* what held before: a secret is gone, perhaps.  Try again, with pauses */
        say_rejected(m, "the configuration in force is not taken any more, trying again", why);
        proc_kill(&m->core);
    } else if (done->error) {
        config_rejected(m, why);
        m->exit_code = EXIT_CONFIG;
        monitor_stop(m);
    }
}

void monitor_core_gone(struct monitor *m, const char *why)
{
    m->core_configured = false;
    if (m->stop != STOP_NOT)
        return;
    if (!m->next)
        doubt(m, why);
    else if (++m->deaths == CORE_DEATHS)
        reload_done(m, "the core died each time it took it in; what was in force before holds");
}

static int reload_check(struct monitor *m, struct err *e)
{
    const char *key;
    int r = monitor_config_read(m->path, &m->next, &m->next_fd, e);

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
    m->deaths = 0;
    r = proc_running(&m->core) ? monitor_core_configure(m)
                               : timer_set(m->loop, &m->core.restart, 0);
    if (r < 0)
        reload_done(m, "the core cannot take it in just now; reload again");
}

void monitor_reload(struct monitor *m)
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
        drop(&m->next, &m->next_fd);
        config_rejected(m, err_text(&e));
        return;
    }
    reload_send(m);
}

void monitor_reload_done(struct monitor *m)
{
    drop(&m->next, &m->next_fd);
    drop(&m->former, &m->former_fd);
    drop(&m->config, &m->config_fd);
}
