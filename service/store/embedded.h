/* The embedded PostgreSQL 15: made once, started and stopped by the monitor, reached through a Unix
 * socket alone.
 *
 * The data live in DIR/pgdata (mode 0700), the socket in DIR/run, or in a runtime directory where
 * that path would be too long.  Who may enter the socket's directory (0700) may connect.  The
 * server refuses to run as root: as root it is started in a user namespace that shows root as an
 * ordinary user (the files stay root's, so a checkout that only root may enter works); where the
 * kernel denies that, as user `muster` or `postgres`. */
#pragma once

#include "engine/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct embedded;

/* dir is made (0700) when missing.  bindir NULL: pg_config, else /usr/lib/postgresql/15/bin.
 * -ENOENT: no PostgreSQL found (the sentence says what to install); -ENAMETOOLONG; -EACCES. */
int embedded_new(struct embedded **ret, const char *dir, const char *bindir,
                 struct err *e) MUST_USE;
struct embedded *embedded_free(struct embedded *x); /* does not stop the server */
void embedded_freep(struct embedded **x);

/* initdb when there are no data yet: into a temporary directory that is renamed when whole and on
 * disk.  Blocks for some seconds the first time; `tick` as in migrate.h (may be NULL).  -ENOTSUP:
 * the data were made by another major version. */
int embedded_prepare(struct embedded *x, void (*tick)(void *user), void *user,
                     struct err *e) MUST_USE;

/* fork and exec; *ret_pid is the caller's to reap.  What it says goes to the journal when our
 * stderr does, else to DIR/postgres.log.  It dies (fast shutdown) with the caller. -EAGAIN: a
 * server of an earlier life still stops (it was told to): call again in 100 ms. */
int embedded_start(struct embedded *x, pid_t *ret_pid, struct err *e) MUST_USE;
/* Whether it accepts connections; cheap (reads one small file): ask every 50 ms after the start. */
bool embedded_ready(const struct embedded *x);
/* Fast shutdown: SIGINT; reap the pid.  0 or -ESRCH. */
int embedded_stop(struct embedded *x, pid_t pid);

/* libpq connection string of the owner of the inventory. */
const char *embedded_conninfo(const struct embedded *x);
const char *embedded_bindir(const struct embedded *x);
/* The connection string for dir without making anything: for the command line.  Owned by the
 * caller; NULL on -ENOMEM. */
char *embedded_conninfo_for(const char *dir) MUST_USE;
