/* The monitor's state, shared by monitor.c (life), monitor_reload.c (which configuration holds),
 * monitor_peers.c (roles and their channels) and monitor_database.c (embedded PostgreSQL,
 * migrations). */
#pragma once

#include "service/role/monitor.h"
#include "service/role/proc.h"
#include "service/role/resolver.h"
#include "service/store/embedded.h"

#include <systemd/sd-event.h>

#define WORKERS_MAX 64

enum stop_stage { STOP_NOT, STOP_CORE, STOP_WORKERS, STOP_DATABASE, STOP_DONE };

struct monitor {
    struct monitor_opts opts;
    char *path;            /* of the configuration */
    struct config *config; /* in force; config_fd has its bytes */
    int config_fd;
    struct config *next; /* the core is deciding about it; NULL: none */
    int next_fd;
    bool reload_again;     /* asked for meanwhile */
    struct config *former; /* held before a core has proved what is in force; NULL: it is proved */
    int former_fd;
    usec_t applied;             /* monotonic: a reload took effect */
    unsigned deaths;            /* of cores, under `next` or what is in force unproved */
    char refused[ERR_TEXT_MAX]; /* why the file is not in force; "": it is */
    usec_t refused_at;          /* wall: since then */
    struct loop *loop;
    struct proc_handlers handlers;
    struct proc core, scanner, migrate, workers[WORKERS_MAX];
    uint32_t generation;  /* of the configuration that was sent last */
    bool core_configured; /* this core has taken one: it can be given workers */
    bool roles_started;
    bool started;                  /* all of them, and systemd was told */
    char status[IPC_SENTENCE_MAX]; /* what the core says */

    struct embedded *embedded; /* NULL: the database is somebody else's */
    int lock_fd;               /* of the state directory; -1: none */
    pid_t postgres;            /* 0: not running */
    sd_event_source *postgres_source;
    struct timer postgres_start, postgres_poll;
    unsigned postgres_failures;
    usec_t postgres_began;
    bool database_ready; /* accepts connections */

    struct resolver resolver; /* for the script workers */
    struct timer watchdog, deadline, roles;
    usec_t watchdog_every; /* 0: systemd does not watch */
    enum stop_stage stop;
    int exit_code;
};

/* monitor.c */
void monitor_fail(struct monitor *m,
                  const char *why); /* nothing sane can follow: stop with status 1 */
void monitor_stop(struct monitor *m);
void monitor_stop_step(struct monitor *m); /* something has ended: is it the next one's turn? */
void monitor_started(struct monitor *m);   /* a role is ready: are all? */

/* monitor_reload.c */
/* A configuration from its file, and its bytes in a memfd for the core.  Errors name file and line.
 */
int monitor_config_read(const char *path, struct config **ret, int *ret_fd, struct err *e) MUST_USE;
void monitor_reload(struct monitor *m);
void monitor_config_done(struct monitor *m, uint32_t generation,
                         const struct ipc_config_done *done);
void monitor_core_gone(struct monitor *m, const char *why); /* before it is started again */
int monitor_tell_core(struct monitor *m);                   /* whether the file is in force */
enum monitor_tell { TELL_STATUS, TELL_READY };
void monitor_tell_status(struct monitor *m, enum monitor_tell how);
void monitor_reload_done(struct monitor *m); /* frees all configurations */

/* monitor_peers.c */
void monitor_roles_init(struct monitor *m);
void monitor_roles_done(struct monitor *m);
void monitor_resolver(void *user, int fd); /* resolver.changed */
/* Once; later calls do nothing. */
void monitor_roles_start(struct monitor *m);
/* Sends it what is asked of it: to decide about `next`, or else to take what is in force. */
int monitor_core_configure(struct monitor *m);
void monitor_roles_hold(struct monitor *m); /* none of them is started any more */
void monitor_workers_resize(
    struct monitor *m); /* to the configuration; changed ones are started anew */
void monitor_workers_stop(struct monitor *m);
bool monitor_workers_gone(const struct monitor *m);
bool monitor_roles_well(const struct monitor *m); /* every one answers */
bool monitor_roles_ready(const struct monitor *m);

/* monitor_database.c */
int monitor_database_open(struct monitor *m, struct err *e); /* blocks for seconds the first time */
void monitor_database_start(struct monitor *m);
void monitor_database_stop(struct monitor *m);
void monitor_database_done(struct monitor *m);
void monitor_migrate(struct monitor *m);
void monitor_migrated(struct monitor *m, const char *why);
