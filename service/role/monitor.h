/* The monitor: the process that systemd knows.  Starts the roles and the embedded database, keeps
 * them alive, ends them in order. */
#pragma once

#include "service/config/config.h"

#define EXIT_CONFIG 78 /* sysexits: the unit does not try again */

struct monitor_opts {
    const char *config; /* path, or NULL: config_find_path() */
    bool foreground;    /* log to stderr whatever $JOURNAL_STREAM says */
};

/* Returns the exit status. */
int monitor_run(const struct monitor_opts *o);
