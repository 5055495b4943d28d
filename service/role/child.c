/* What every role but the monitor does in the same way.
 *
 * SIGTERM and SIGINT are the monitor's business: a terminal's Ctrl-C reaches the whole group, and
 * the order of the ends matters (core before database), so children ignore both and wait for
 * MSG_SHUTDOWN or the end of the channel.  A child that hangs would see neither: the death of the
 * monitor (PR_SET_PDEATHSIG) sets an alarm that ends it. */
#include "service/role/child.h"

#include "engine/base/log.h"
#include "service/systemd/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define ORPHAN_USEC (3 * USEC_PER_SEC) /* to end in, when the monitor is gone */

struct child {
    struct loop *loop;
    struct channel *control;
    struct child_handlers handlers;
    bool stopping;
};

static void child_stop(struct child *c, usec_t within)
{
    if (c->stopping)
        return;
    c->stopping = true;
    c->handlers.shutdown(c->handlers.user, within);
}

static void on_message(void *user, const struct ipc_message *m, uint32_t id,
                       const union ipc_any *value, int *fd)
{
    struct child *c = user;
    const struct child_handlers *h = &c->handlers;

    switch (m->type) {
    case MSG_PING:
        (void)channel_send(c->control, MSG_PONG, id,
                           NULL); /* a full queue is seen by its silence */
        break;
    case MSG_PEER:
        h->peer(h->user, &value->peer, fd);
        break;
    case MSG_PEER_GONE:
        if (h->peer_gone)
            h->peer_gone(h->user, &value->peer_gone);
        break;
    case MSG_CONFIG:
        if (h->config)
            h->config(h->user, id, value->config.path, *fd);
        break;
    case MSG_CONFIG_REFUSED:
        if (h->config_refused)
            h->config_refused(h->user, &value->config_refused);
        break;
    case MSG_RESOLVER:
        if (h->resolver)
            h->resolver(h->user, fd);
        break;
    case MSG_SHUTDOWN:
        child_stop(c, value->shutdown.within);
        break;
    default:
        break;
    }
}

static void on_closed(void *user, int status, const char *why)
{
    struct child *c = user;

    log_event(LOG_WARNING, "the monitor is gone, ending", "WHY", status ? why : NULL);
    child_stop(c, ORPHAN_USEC);
}

static void on_parent_death(int signal)
{
    (void)signal;
    alarm(2 * ORPHAN_USEC / USEC_PER_SEC);
}

static void set_signals(void)
{
    const struct sigaction orphaned = {.sa_handler = on_parent_death, .sa_flags = SA_RESTART};
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t none;

    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        sigaction(ignored[i], &ignore, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* the monitor had them blocked for its signalfd */
    sigaction(SIGUSR1, &orphaned, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
}

static int control_open(struct child *c, struct err *e)
{
    const struct channel_opts o = {
        .peer = "monitor",
        .fd = CHILD_FD,
        .receive = ROUTE_TO_CHILD,
        .send = ROUTE_FROM_CHILD,
        .user = c,
        .message = on_message,
        .closed = on_closed,
    };
    const struct ipc_hello hello = {.protocol = IPC_VERSION, .pid = (uint32_t)getpid()};
    int r;

    if (fcntl(CHILD_FD, F_SETFD, FD_CLOEXEC) < 0)
        return err_set(e, -errno, "this role is started by the monitor alone");
    r = channel_new(&c->control, c->loop, &o, e);
    return r < 0 ? r : channel_send(c->control, MSG_HELLO, 0, &hello);
}

int child_open(struct child **ret, const char *name, const struct child_handlers *h, struct err *e)
{
    CLEANUP(child_freep) struct child *c = calloc(1, sizeof *c);
    int r;

    if (!c)
        return err_set(e, -ENOMEM, "out of memory");
    c->handlers = *h;
    set_signals();
    log_set_tag(name);
    (void)journal_install(name);
    r = loop_new(&c->loop, e);
    if (r < 0)
        return r;
    r = control_open(c, e);
    if (r < 0)
        return r;
    *ret = take(&c);
    return 0;
}

struct child *child_free(struct child *c)
{
    if (c) {
        channel_free(c->control);
        loop_free(c->loop);
        free(c);
    }
    return NULL;
}

void child_freep(struct child **c)
{
    child_free(*c);
}

struct loop *child_loop(struct child *c)
{
    return c->loop;
}

void child_ready(struct child *c)
{
    (void)channel_send(c->control, MSG_READY, 0, NULL);
}

void child_status(struct child *c, const char *text)
{
    const struct ipc_status status = {.text = text};

    (void)channel_send(c->control, MSG_STATUS, 0, &status);
}

void child_config_done(struct child *c, uint32_t generation, int status, const char *text)
{
    const struct ipc_config_done done = {.error = (uint32_t)-status, .text = text};

    (void)channel_send(c->control, MSG_CONFIG_DONE, generation, &done);
}

void child_exit(struct child *c, int code)
{
    loop_exit(c->loop, code);
}

static const char *(*blame_current)(void);

/* Writes one BLAME frame without any call that is not async-signal-safe, then dies of the signal as
 * it would have. */
static void blame_handler(int signal)
{
    const char *script = blame_current();
    uint8_t frame[IPC_HEADER + 4 + IPC_NAME_MAX + 1 + 4] = {0};
    size_t len = strnlen(script, IPC_NAME_MAX), at = IPC_HEADER;

    frame[1] = MSG_BLAME;
    frame[3] = IPC_VERSION;
    frame[at + 3] = (uint8_t)len;
    memcpy(frame + at + 4, script, len);
    at += 4 + len + 1;
    frame[at + 3] = (uint8_t)signal;
    (void)send(CHILD_FD, frame, at + 4, MSG_DONTWAIT | MSG_NOSIGNAL);
    raise(signal); /* SA_RESETHAND: the default is back */
}

void child_blame(const char *(*current)(void))
{
#ifdef __SANITIZE_ADDRESS__
    static const int deadly[] = {SIGABRT}; /* the others are AddressSanitizer's to report */
#else
    static const int deadly[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS};
#endif
    static char stack[32768]; /* a crash may be for want of stack */
    const stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction act = {.sa_handler = blame_handler,
                            .sa_flags = (int)SA_RESETHAND | SA_ONSTACK};

    blame_current = current;
    sigaltstack(&alternative, NULL);
    for (size_t i = 0; i < ARRAY_LEN(deadly); i++)
        sigaction(deadly[i], &act, NULL);
}
