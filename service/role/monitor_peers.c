/* The monitor's roles: core, scanner, script workers.
 *
 * Core and workers talk over channels of their own; the monitor makes each pair and gives an end to
 * both sides.  A worker whose core has died ends by itself (its channel closes) and is started
 * anew, so there is one way to bring a pair together: connect(). */
#include "service/role/monitor_priv.h"

#include "engine/base/log.h"

#include <errno.h>
#include <string.h>

static enum ipc_peer peer_of(const struct proc *p)
{
    return p->role == PROC_SCANNER ? PEER_SCANNER : PEER_SCRIPT;
}

/* Makes the channel between core and a worker, when both are there. */
static void connect_worker(struct monitor *m, struct proc *p)
{
    const struct ipc_peer_msg to_core = {.role = peer_of(p), .index = p->index};
    const struct ipc_peer_msg to_worker = {.role = PEER_CORE};
    int fds[2], r;

    if (!m->core_configured || !proc_running(p) || p->expected)
        return;
    r = channel_pair(fds);
    if (r < 0) {
        monitor_fail(m, strerror(-r));
        return;
    }
    r = proc_send(p, MSG_PEER, 0, &to_worker, fds[0]);
    if (r == 0)
        r = proc_send(&m->core, MSG_PEER, 0, &to_core, fds[1]);
    close(fds[0]);
    close(fds[1]);
    if (r < 0) /* one of them dies just now: its successor is connected */
        log_debug("a channel between core and %s was not made: %s", proc_role_name(p->role),
                  strerror(-r));
}

static void start_later(struct monitor *m, struct proc *p, usec_t wait)
{
    if (m->stop == STOP_NOT && timer_set(m->loop, &p->restart, wait) < 0)
        monitor_fail(m, "out of memory");
}

static void start_worker(struct monitor *m, struct proc *p)
{
    char memory[40], level[24];
    const char *args[] = {level, memory, m->opts.foreground ? "--foreground" : NULL, NULL};
    struct err e = {0};

    snprintf(level, sizeof level, "--log-level=%d", m->config->log_level);
    /* the scripts' own memory is held by the script host; this is for what stands around it */
    snprintf(memory, sizeof memory, "--memory=%llu",
             2ULL * ((unsigned long long)m->config->scripts->memory_mib << 20) + (256ULL << 20));
    if (proc_start(p, args, &e) < 0) {
        log_event(LOG_ERR, "a role cannot be started, trying again", "ROLE",
                  proc_role_name(p->role), "WHY", err_text(&e));
        start_later(m, p, proc_backoff(p) + USEC_PER_SEC);
        return;
    }
    connect_worker(m, p);
}

int monitor_core_configure(struct monitor *m)
{
    const struct ipc_config msg = {.path = m->path};
    int r =
        proc_send(&m->core, MSG_CONFIG, m->generation, &msg, m->next ? m->next_fd : m->config_fd);

    return r < 0 ? r : monitor_tell_core(m);
}

/* A core needs its configuration before it is given workers. */
static void start_core(struct monitor *m)
{
    const char *args[] = {m->opts.foreground ? "--foreground" : NULL, NULL};
    struct err e = {0};
    int r = proc_start(&m->core, args, &e);

    if (r == 0)
        r = monitor_core_configure(m);
    if (r == 0)
        return;
    log_event(LOG_ERR, "the core cannot be started, trying again", "WHY",
              e.text[0] ? e.text : strerror(-r));
    if (proc_running(&m->core))
        proc_kill(&m->core);
    else
        start_later(m, &m->core, proc_backoff(&m->core) + USEC_PER_SEC);
}

static void connect_all(struct monitor *m)
{
    connect_worker(m, &m->scanner);
    for (uint32_t i = 0; i < m->config->scripts->workers; i++)
        connect_worker(m, &m->workers[i]);
}

static void on_restart_core(struct timer *t)
{
    start_core(CONTAINER_OF(t, struct monitor, core.restart));
}

static void on_restart_worker(struct timer *t)
{
    struct proc *p = CONTAINER_OF(t, struct proc, restart);

    start_worker(p->handlers->user, p);
}

static bool worker_is_wanted(const struct monitor *m, const struct proc *p)
{
    return m->stop == STOP_NOT &&
           (p->role == PROC_SCANNER || p->index < m->config->scripts->workers);
}

static void tell_gone(struct monitor *m, struct proc *p, const char *why)
{
    const struct ipc_peer_gone gone = {
        .role = peer_of(p),
        .index = p->index,
        .script = p->blame[0] ? p->blame : NULL,
        .why = why,
    };

    (void)proc_send(&m->core, MSG_PEER_GONE, 0, &gone, -1); /* a dead core needs no news */
}

/* Told to end, or ended by itself because the core's channel did: nothing to worry about. */
static bool end_is_harmless(const struct proc *p)
{
    return p->expected || (!p->hung && p->wait_status == 0);
}

static void say_gone(const struct monitor *m, const struct proc *p, const char *why)
{
    if (end_is_harmless(p) && (p->wait_status == 0 || m->stop != STOP_NOT))
        log_debug("%s ended: %s", proc_role_name(p->role), why);
    else
        log_event(LOG_ERR,
                  m->stop == STOP_NOT ? "a role has died and is started again" : "a role has died",
                  "EVENT", "worker-died", "ROLE", proc_role_name(p->role), "SCRIPT",
                  p->blame[0] ? p->blame : NULL, "WHY", why);
}

static void on_gone(void *user, struct proc *p, const char *why)
{
    struct monitor *m = user;
    usec_t wait = end_is_harmless(p) ? 0 : proc_backoff(p);

    if (p->role == PROC_MIGRATE) {
        monitor_migrated(m, why);
        return;
    }
    say_gone(m, p, why);
    if (p->role == PROC_CORE) {
        monitor_core_gone(m, why);
        start_later(m, p, m->next ? 0 : wait); /* the reload waits for an answer */
    } else {
        tell_gone(m, p, why);
        if (worker_is_wanted(m, p))
            start_later(m, p, wait);
    }
    monitor_stop_step(m);
}

static void on_status(struct monitor *m, const char *text)
{
    snprintf(m->status, sizeof m->status, "%s", text ? text : "");
    if (m->started && m->stop == STOP_NOT)
        monitor_tell_status(m, TELL_STATUS);
}

static void on_config_done(struct monitor *m, uint32_t generation,
                           const struct ipc_config_done *done)
{
    bool first = !m->core_configured && !done->error;

    m->core_configured = m->core_configured || first;
    monitor_config_done(m, generation, done);
    if (first)
        connect_all(m);
}

static void on_message(void *user, struct proc *p, const struct ipc_message *msg, uint32_t id,
                       const union ipc_any *value)
{
    struct monitor *m = user;

    if (msg->type == MSG_READY)
        monitor_started(m);
    if (p->role != PROC_CORE)
        return;
    if (msg->type == MSG_STATUS)
        on_status(m, value->status.text);
    else if (msg->type == MSG_CONFIG_DONE)
        on_config_done(m, id, &value->config_done);
}

void monitor_roles_init(struct monitor *m)
{
    m->handlers = (struct proc_handlers){.user = m, .message = on_message, .gone = on_gone};
    proc_init(&m->core, m->loop, PROC_CORE, &m->handlers);
    proc_init(&m->scanner, m->loop, PROC_SCANNER, &m->handlers);
    proc_init(&m->migrate, m->loop, PROC_MIGRATE, &m->handlers);
    m->core.restart.fire = on_restart_core;
    m->scanner.restart.fire = on_restart_worker;
    for (uint32_t i = 0; i < WORKERS_MAX; i++) {
        proc_init(&m->workers[i], m->loop, PROC_SCRIPT, &m->handlers);
        m->workers[i].index = i;
        m->workers[i].restart.fire = on_restart_worker;
    }
}

void monitor_roles_done(struct monitor *m)
{
    proc_done(&m->core);
    proc_done(&m->scanner);
    proc_done(&m->migrate);
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        proc_done(&m->workers[i]);
}

void monitor_roles_start(struct monitor *m)
{
    timer_stop(m->loop, &m->roles);
    if (m->roles_started || m->stop != STOP_NOT)
        return;
    m->roles_started = true;
    start_core(m);
    start_worker(m, &m->scanner);
    for (uint32_t i = 0; i < m->config->scripts->workers; i++)
        start_worker(m, &m->workers[i]);
}

/* To the script workers: the others read the file themselves. */
void monitor_resolver(void *user, int fd)
{
    struct monitor *m = user;

    log_event(LOG_INFO, "resolv.conf has changed, handing it to the script workers");
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        (void)proc_send(&m->workers[i], MSG_RESOLVER, 0, NULL, fd); /* not there: reads it later */
}

/* Workers hold the directories and limits they began with. */
void monitor_workers_resize(struct monitor *m)
{
    for (uint32_t i = 0; i < WORKERS_MAX; i++) {
        struct proc *p = &m->workers[i];

        timer_stop(m->loop, &p->restart);
        if (proc_running(p))
            proc_stop(p, USEC_PER_SEC); /* and on_gone() starts those that are wanted */
        else if (worker_is_wanted(m, p))
            start_worker(m, p);
    }
}

void monitor_roles_hold(struct monitor *m)
{
    timer_stop(m->loop, &m->roles);
    timer_stop(m->loop, &m->core.restart);
    timer_stop(m->loop, &m->scanner.restart);
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        timer_stop(m->loop, &m->workers[i].restart);
}

void monitor_workers_stop(struct monitor *m)
{
    proc_stop(&m->scanner, USEC_PER_SEC / 2);
    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        proc_stop(&m->workers[i], USEC_PER_SEC / 2);
    proc_kill(&m->migrate);
}

bool monitor_workers_gone(const struct monitor *m)
{
    bool running = proc_running(&m->scanner) || proc_running(&m->migrate);

    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        running = running || proc_running(&m->workers[i]);
    return !running;
}

bool monitor_roles_well(const struct monitor *m)
{
    bool well = proc_is_well(&m->core) && proc_is_well(&m->scanner);

    for (uint32_t i = 0; i < WORKERS_MAX; i++)
        well = well && proc_is_well(&m->workers[i]);
    return well;
}

bool monitor_roles_ready(const struct monitor *m)
{
    bool ready = m->core.ready && m->scanner.ready;

    for (uint32_t i = 0; i < m->config->scripts->workers; i++)
        ready = ready && m->workers[i].ready;
    return ready;
}
