/* Spawning and watching of role processes.
 *
 * Always fork and exec of /proc/self/exe: a forked loop is unusable, and each role begins with the
 * memory layout of its own.  The child has its control channel as descriptor 3 and a clean
 * environment: only the monitor may speak to systemd. */
#include "service/role/proc.h"

#include "engine/base/log.h"
#include "service/privilege/privilege.h"
#include "service/role/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>

#define ARGS_MAX    16
#define ABORT_GRACE USEC_PER_SEC /* to tell the blame after SIGABRT */
#define BACKOFF     (500 * USEC_PER_MSEC)
#define BACKOFF_MAX (30 * USEC_PER_SEC)
#define LONG_LIFE   (60 * USEC_PER_SEC)

const char *proc_role_name(enum proc_role r)
{
    static const char *const names[PROC_ROLES] = {"core", "scanner", "script", "migrate"};

    return names[r];
}

static enum privilege_role privilege_of(enum proc_role r)
{
    return r == PROC_SCANNER  ? PRIVILEGE_SCANNER
           : r == PROC_SCRIPT ? PRIVILEGE_SCRIPT
                              : PRIVILEGE_CORE;
}

static void describe_end(const struct proc *p, char *ret, size_t size)
{
    if (p->hung)
        snprintf(ret, size, "killed, it did not answer for %llu s",
                 (unsigned long long)(PROC_HUNG / USEC_PER_SEC));
    else if (WIFSIGNALED(p->wait_status))
        snprintf(ret, size, "signal %d (%s)", WTERMSIG(p->wait_status),
                 strsignal(WTERMSIG(p->wait_status)));
    else
        snprintf(ret, size, "exit status %d", WEXITSTATUS(p->wait_status));
}

/* Both the process and its words have ended. */
static void maybe_gone(struct proc *p)
{
    char why[96];

    if (!p->reaped || p->control)
        return;
    describe_end(p, why, sizeof why);
    p->pid = 0;
    timer_stop(p->loop, &p->ping);
    timer_stop(p->loop, &p->kill);
    p->handlers->gone(p->handlers->user, p, why);
}

static int on_reaped(sd_event_source *source, const siginfo_t *si, void *user)
{
    struct proc *p = user;

    (void)source;
    p->child_source = sd_event_source_disable_unref(p->child_source);
    p->wait_status = si->si_code == CLD_EXITED ? (si->si_status & 0xff) << 8 : si->si_status;
    p->reaped = true;
    maybe_gone(p);
    return 0;
}

static void on_closed(void *user, int status, const char *why)
{
    struct proc *p = user;

    if (status < 0) {
        log_event(LOG_ERR, "a role speaks badly and is killed", "ROLE", proc_role_name(p->role),
                  "WHY", why);
        proc_kill(p);
    }
    p->control = channel_free(p->control);
    maybe_gone(p);
}

static void on_message(void *user, const struct ipc_message *m, uint32_t id,
                       const union ipc_any *value, int *fd)
{
    struct proc *p = user;

    (void)fd;
    if (m->type == MSG_PONG || m->type == MSG_HELLO) {
        p->heard = loop_now(p->loop);
        p->unanswered = 0;
    }
    if (m->type == MSG_READY)
        p->ready = true;
    if (m->type == MSG_BLAME && value->blame.script)
        snprintf(p->blame, sizeof p->blame, "%s", value->blame.script);
    p->handlers->message(p->handlers->user, p, m, id, value);
}

/* By pings, and not by the clock: while the monitor itself stood still (stopped, frozen, without
 * CPU), nobody was asked. */
bool proc_is_well(const struct proc *p)
{
    usec_t patience = p->heard ? PROC_HUNG : PROC_STARTING;

    if (!p->pid || !p->control || p->role == PROC_MIGRATE) /* which blocks while it works */
        return true;
    return p->unanswered < patience / PROC_PING;
}

static void on_ping(struct timer *t)
{
    struct proc *p = CONTAINER_OF(t, struct proc, ping);

    if (!p->control)
        return;
    if (!proc_is_well(p)) {
        p->hung = true;
        log_event(LOG_ERR, "a role does not answer and is killed", "EVENT", "worker-hung", "ROLE",
                  proc_role_name(p->role));
        kill(p->pid, SIGABRT); /* so that it can say which script it was */
        if (timer_set(p->loop, &p->kill, ABORT_GRACE) < 0)
            proc_kill(p);
        return;
    }
    p->unanswered++;
    (void)channel_send(p->control, MSG_PING, 1, NULL);
    if (timer_set(p->loop, &p->ping, PROC_PING) < 0)
        log_event(LOG_ERR, "out of memory, a role is not watched any more");
}

static void on_kill(struct timer *t)
{
    struct proc *p = CONTAINER_OF(t, struct proc, kill);

    if (p->pid && !p->reaped && p->expected)
        log_event(LOG_WARNING, "a role did not end in time and is killed", "ROLE",
                  proc_role_name(p->role));
    proc_kill(p);
}

void proc_init(struct proc *p, struct loop *l, enum proc_role role, const struct proc_handlers *h)
{
    *p = (struct proc){.loop = l, .role = role, .handlers = h};
    p->ping.fire = on_ping;
    p->kill.fire = on_kill;
}

void proc_kill(struct proc *p)
{
    if (p->pid && !p->reaped)
        kill(p->pid, SIGKILL);
}

void proc_done(struct proc *p)
{
    timer_stop(p->loop, &p->ping);
    timer_stop(p->loop, &p->kill);
    timer_stop(p->loop, &p->restart);
    p->child_source = sd_event_source_disable_unref(p->child_source);
    if (p->pid && !p->reaped) {
        kill(p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
    }
    p->pid = 0;
    p->control = channel_free(p->control);
}

/* Names of the environment that the monitor keeps for itself. */
static bool env_is_ours(const char *entry)
{
    static const char *const ours[] = {"NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=",
                                       "LISTEN_FDS=",    "LISTEN_PID=",    "LISTEN_FDNAMES="};

    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (strncmp(entry, ours[i], strlen(ours[i])) == 0)
            return true;
    return false;
}

/* A copy of the environment's pointers without those; made before the fork, because malloc is not
 * for children. */
static char **env_of_child(void)
{
    size_t n = 0, kept = 0;
    char **env;

    while (environ[n])
        n++;
    env = calloc(n + 1, sizeof *env);
    for (size_t i = 0; env && i < n; i++)
        if (!env_is_ours(environ[i]))
            env[kept++] = environ[i];
    return env;
}

static void child_exec(const struct proc *p, int fd, char *const *argv, char *const *env)
{
    sigset_t none;

    sigemptyset(&none);
    if (fd == CHILD_FD)
        fcntl(fd, F_SETFD, 0);
    else
        dup2(fd, CHILD_FD);
    sigprocmask(SIG_SETMASK, &none, NULL);
    privilege_before_exec(privilege_of(p->role));
    execve("/proc/self/exe", argv, env);
    _exit(127);
}

static int control_open(struct proc *p, int fd, struct err *e)
{
    const struct channel_opts o = {
        .peer = proc_role_name(p->role),
        .fd = fd,
        .receive = ROUTE_FROM_CHILD,
        .send = ROUTE_TO_CHILD,
        .user = p,
        .message = on_message,
        .closed = on_closed,
    };

    return channel_new(&p->control, p->loop, &o, e);
}

static int child_watch(struct proc *p, struct err *e)
{
    sd_event_source *source = NULL;
    int r = sd_event_add_child(loop_sd(p->loop), &source, p->pid, WEXITED, on_reaped, p);

    p->child_source = source;
    if (r == 0)
        r = timer_set(p->loop, &p->ping, PROC_PING);
    return r < 0
               ? err_set(e, r, "watching the role '%s': %s", proc_role_name(p->role), strerror(-r))
               : 0;
}

static int fork_exec(struct proc *p, int fd, const char *const *args, struct err *e)
{
    char name[32], role[32], index[32];
    const char *argv[ARGS_MAX + 4] = {name, role, index};
    char **env = env_of_child();
    size_t n = 3;

    if (!env)
        return err_set(e, -ENOMEM, "out of memory");
    snprintf(name, sizeof name, "musterd: %s", proc_role_name(p->role));
    snprintf(role, sizeof role, "--role=%s", proc_role_name(p->role));
    snprintf(index, sizeof index, "--index=%u", p->index);
    for (size_t i = 0; args && args[i] && i < ARGS_MAX; i++)
        argv[n++] = args[i];
    p->pid = fork();
    if (p->pid == 0)
        child_exec(p, fd, (char *const *)argv, env);
    free(env);
    if (p->pid < 0) {
        p->pid = 0;
        return err_set(e, -errno, "fork: %s", strerror(errno));
    }
    return 0;
}

int proc_start(struct proc *p, const char *const *args, struct err *e)
{
    int fds[2], r;

    if (p->pid)
        return -EBUSY;
    r = channel_pair(fds);
    if (r < 0)
        return err_set(e, r, "socketpair: %s", strerror(-r));
    p->reaped = p->ready = p->expected = p->hung = false;
    p->blame[0] = 0;
    p->heard = 0;
    p->unanswered = 0;
    p->started = loop_now(p->loop);
    r = fork_exec(p, fds[1], args, e);
    close(fds[1]);
    if (r < 0) {
        close(fds[0]);
        return r;
    }
    r = control_open(p, fds[0], e);
    if (r == 0)
        r = child_watch(p, e);
    if (r < 0)
        proc_done(p);
    return r;
}

int proc_send(struct proc *p, uint16_t type, uint32_t id, const void *value, int fd)
{
    if (!p->control)
        return -EPIPE;
    return fd < 0 ? channel_send(p->control, type, id, value)
                  : channel_send_fd(p->control, type, id, value, fd);
}

void proc_stop(struct proc *p, usec_t within)
{
    const struct ipc_shutdown m = {.within = within};

    if (!p->pid)
        return;
    p->expected = true;
    if (proc_send(p, MSG_SHUTDOWN, 0, &m, -1) < 0 || timer_set(p->loop, &p->kill, within) < 0)
        proc_kill(p);
}

usec_t proc_backoff(struct proc *p)
{
    usec_t lived = loop_now(p->loop) - p->started, wait;

    if (lived >= LONG_LIFE)
        p->failures = 0;
    if (!p->failures++)
        return 0;
    wait = BACKOFF << (p->failures < 8 ? p->failures - 2 : 6);
    return wait < BACKOFF_MAX ? wait : BACKOFF_MAX;
}
