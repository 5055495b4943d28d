/* A scan in this process: the engine without a database. */
#pragma once

#include "service/cli/scan_args.h"

/* Exit codes of a scan. */
enum { SCAN_DONE = 0, SCAN_IN_PART = 1, SCAN_FAILED = 2 };

struct scan_state;

struct scan_begin {
    const char *command;        /* the command line, for the XML */
    char *const *words;         /* its words behind "scan", for --state */
    struct scan_state *resumed; /* a scan to go on with; NULL: a new one */
};

/* Runs the scan and writes what it finds.  Messages for people go to stderr.  Returns an exit code.
 */
int scan_run(const struct scan_args *a, const struct option_list *targets,
             const struct scan_begin *begin);
