/* Brings a database to this program's schema: plain SQL files NNNN_name.sql, in order, each in one
 * transaction that also records its SHA-256.  Refuses: a file that was changed after it had been
 * applied, a file that fails (rolled back), a database that is newer than the program; a second
 * migrator waits for the first.
 *
 * Blocks: for the command line, and for a daemon before its loop runs; `tick` lets the caller feed
 * a watchdog meanwhile. */
#pragma once

#include "engine/base/err.h"

#include <stdbool.h>

struct migrate_opts {
    const char *conninfo;
    const char *dir;     /* directory of the files: paths_data() + "/migrations" */
    const char *program; /* recorded with each file; NULL: "muster" */
    bool check_only;     /* apply nothing: -ENOENT when something is missing */
    unsigned wait_ms;    /* for another migrator; 0: 60,000 */
    void *user;
    void (*tick)(void *user);                      /* at least every 200 ms; may be NULL */
    void (*applied)(void *user, const char *file); /* may be NULL */
    /* what the server remarks, such as a role that it may not make; may be NULL */
    void (*notice)(void *user, const char *sentence);
};

/* 0, then *ret_version (may be NULL) is the newest version applied.  -ECONNREFUSED no connection;
 * -EBADMSG a file was changed, or has a bad name, or two have one number; -ENOTSUP the database is
 * newer; -EIO a file fails (file:line and the server's words in *e); -ETIMEDOUT another migrator
 * does not end. */
int migrate_run(const struct migrate_opts *o, int *ret_version, struct err *e) MUST_USE;

/* The highest number among the files of dir, or -ENOENT, -EBADMSG. */
int migrate_newest(const char *dir, struct err *e) MUST_USE;
