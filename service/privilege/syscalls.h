/* The one table of system calls by role; see syscalls.c. */
#pragma once

#include "engine/base/err.h"
#include "service/privilege/privilege.h"

/* Installs the filter of a role.  deny_action: a SCMP_ACT_* value. */
int syscalls_filter(enum privilege_role role, uint32_t deny_action, struct err *e) MUST_USE;
