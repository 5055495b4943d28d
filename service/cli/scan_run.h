/* A scan in this process: the engine without a database. */
#pragma once

#include "service/cli/scan_args.h"

/* Exit codes of a scan. */
enum { SCAN_DONE = 0, SCAN_IN_PART = 1, SCAN_FAILED = 2 };

/* Runs the scan and writes what it finds.  command: the command line, for the XML.  Messages for
 * people go to stderr. Returns an exit code. */
int scan_run(const struct scan_args *a, const struct option_list *targets, const char *command);
