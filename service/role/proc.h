/* A role process as the monitor sees it: spawned, listened to, pinged, killed when it hangs,
 * reaped.
 *
 * A process is `gone` when it was reaped and its channel has ended, so that its last words
 * (MSG_BLAME) are heard before. */
#pragma once

#include "engine/loop/loop.h"
#include "service/ipc/channel.h"

#include <sys/types.h>

enum proc_role { PROC_CORE, PROC_SCANNER, PROC_SCRIPT, PROC_MIGRATE, PROC_ROLES };
const char *proc_role_name(enum proc_role r); /* "core" ... */

#define PROC_PING     (2 * USEC_PER_SEC)
#define PROC_HUNG     (15 * USEC_PER_SEC) /* without an answer */
#define PROC_STARTING (30 * USEC_PER_SEC) /* the same, for the first one */

struct proc;

struct proc_handlers {
    void *user;
    void (*message)(void *user, struct proc *p, const struct ipc_message *m, uint32_t id,
                    const union ipc_any *value);
    /* Nothing is left of it: proc_start() may follow.  why: "exit status 1", "signal 9 (Killed)"
     * ... */
    void (*gone)(void *user, struct proc *p, const char *why);
};

struct proc {
    enum proc_role role;
    uint32_t index;
    const struct proc_handlers *handlers;
    struct loop *loop;
    pid_t pid; /* 0: not running */
    struct channel *control;
    void *child_source;
    bool reaped, ready;
    bool expected; /* was told to end */
    bool hung;     /* was killed for silence */
    int wait_status;
    usec_t started, heard;        /* monotonic; heard: last pong */
    unsigned unanswered;          /* pings since then, or since the start */
    char blame[IPC_NAME_MAX * 4]; /* script that ran when it died; "" none */
    struct timer ping, kill, restart;
    unsigned failures; /* in a row */
};

void proc_init(struct proc *p, struct loop *l, enum proc_role role, const struct proc_handlers *h);
/* Kills what runs and waits for it. */
void proc_done(struct proc *p);

/* fork and exec of this program as the role.  args: further arguments, ended by NULL; may be NULL.
 * -EBUSY: it runs. */
int proc_start(struct proc *p, const char *const *args, struct err *e) MUST_USE;
static inline bool proc_running(const struct proc *p)
{
    return p->pid != 0;
}
/* Answers as it should, or has just been started. */
bool proc_is_well(const struct proc *p);
int proc_send(struct proc *p, uint16_t type, uint32_t id, const void *value,
              int fd); /* fd -1: none */
/* Tells it to end; kills it when it does not within that time. */
void proc_stop(struct proc *p, usec_t within);
void proc_kill(struct proc *p);
/* How long to wait before the next start: nothing after a long life, more after each short one. */
usec_t proc_backoff(struct proc *p);
