/* The script role: one script host, fed by the core with jobs and hosts. */
#pragma once

#include <stdint.h>

/* Runs until the monitor says so.  memory: bytes of data the process may have; 0: no limit. Returns
 * the exit status. */
int role_worker(uint64_t memory);
