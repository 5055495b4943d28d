/* The child's side of a role: the control channel to the monitor, its pings, its orders; and the
 * last word of a process that dies.
 *
 * The control channel is descriptor CHILD_FD.  When it ends, the monitor is gone, and the role ends
 * too. */
#pragma once

#include "engine/loop/loop.h"
#include "service/ipc/channel.h"

#define CHILD_FD 3

struct child;

struct child_handlers {
    void *user;
    /* One end of a channel to another role; take *fd by setting it to -1. */
    void (*peer)(void *user, const struct ipc_peer_msg *p, int *fd);
    void (*peer_gone)(void *user, const struct ipc_peer_gone *g); /* may be NULL */
    void (*config)(void *user, uint32_t generation, const char *path,
                   int fd); /* may be NULL; fd stays ours */
    /* Whether the configuration file is in force; may be NULL. */
    void (*config_refused)(void *user, const struct ipc_config_refused *m);
    /* What resolv.conf has become; take *fd by setting it to -1.  May be NULL. */
    void (*resolver)(void *user, int *fd);
    /* Once: end within this time, by child_exit().  Also when the monitor has died. */
    void (*shutdown)(void *user, usec_t within);
};

/* Signals, log, loop, channel, greeting.  name: "core" ... for logs; not copied. */
int child_open(struct child **ret, const char *name, const struct child_handlers *h,
               struct err *e) MUST_USE;
struct child *child_free(struct child *c);
void child_freep(struct child **c);

struct loop *child_loop(struct child *c);
void child_ready(struct child *c);
void child_status(struct child *c, const char *text);
void child_config_done(struct child *c, uint32_t generation, int status, const char *text);
/* Ends loop_run() with this code. */
void child_exit(struct child *c, int code);

/* Tells the monitor which script ran when the process is aborted or crashes.  current:
 * async-signal-safe. */
void child_blame(const char *(*current)(void));
