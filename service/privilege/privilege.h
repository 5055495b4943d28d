/* What a role gives up before it reads the first foreign byte: capabilities, new privileges, ptrace
 * by its own user, core files, system calls (one table, syscalls.c), and for the script role the
 * file system (landlock.c). */
#pragma once

#include "engine/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum privilege_role {
    PRIVILEGE_CORE,    /* database, webhooks, configuration */
    PRIVILEGE_SCANNER, /* raw sockets: keeps CAP_NET_RAW where it has it */
    PRIVILEGE_SCRIPT,  /* sockets to targets, scripts to read */
    PRIVILEGE_ROLES,
};

struct privilege_opts {
    enum privilege_role role;
    uint64_t memory; /* bytes of data the process may have; 0: no limit (and none under
                        AddressSanitizer) */
};

/* Once, before any thread is started.  -EPERM and others name the step.  A denied call gives EPERM;
 * with $MUSTER_SECCOMP=kill (for CI, so that what a library newly calls is noticed) it ends the
 * process by SIGSYS; =off leaves the filter out. */
int privilege_drop(const struct privilege_opts *o, struct err *e) MUST_USE;

/* The monitor keeps what it was started with (under the unit: CAP_NET_RAW), but no longer hands it
 * to everything that it runs. */
void privilege_monitor(void);
/* Between fork and exec of a role: gives the scanner what it needs.  Async-signal-safe. */
void privilege_before_exec(enum privilege_role role);

/* From now on files can be read below these directories and nowhere else, and written nowhere; may
 * be called again to narrow further. Directories that are not there are left out.  -ENOTSUP: the
 * kernel has no Landlock; nothing has changed. */
int privilege_read_only(const char *const *dirs, size_t n, struct err *e) MUST_USE;

/* Raises the soft limit of open files to the hard one; returns what holds now. */
uint64_t privilege_raise_files(void);
