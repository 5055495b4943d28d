/* The steps of giving up, in the order in which they do not stand in each other's way: limits,
 * capabilities, no new privileges, no ptrace, and last the filter of system calls (which would deny
 * the others). */
#include "service/privilege/privilege.h"

#include "service/privilege/syscalls.h"

#include <cap-ng.h>
#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

uint64_t privilege_raise_files(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* what we have is enough to go on with */
    return limit.rlim_cur;
}

static int drop_limits(const struct privilege_opts *o, struct err *e)
{
    const struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return err_set(e, -errno, "limit of core files: %s", strerror(errno));
#ifndef __SANITIZE_ADDRESS__
    if (o->memory) {
        const struct rlimit data = {o->memory, o->memory};

        if (setrlimit(RLIMIT_DATA, &data) < 0)
            return err_set(e, -errno, "limit of memory: %s", strerror(errno));
    }
#else
    (void)o;
#endif
    return 0;
}

/* Whether there is anything to drop.  Under the unit there is not: exec emptied the set
 * (privilege_monitor), and capset(2) is denied there. */
static bool has_more_than(bool keep_raw)
{
    for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
        if (capng_have_capability(CAPNG_PERMITTED, cap) && !(keep_raw && cap == CAP_NET_RAW))
            return true;
    return false;
}

void privilege_monitor(void)
{
    /* Without ambient capabilities an ordinary user's exec ends with none: not for core and
     * scripts, and not for PostgreSQL. Root's does not: there privilege_drop() sees to it. */
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

void privilege_before_exec(enum privilege_role role)
{
    if (role ==
        PRIVILEGE_SCANNER) /* denied where it is not ours to give: then it scans by connect() */
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0);
}

/* Keeps CAP_NET_RAW for the scanner, where it is there, and nothing else.  The bounding set can
 * only be cleared by who may. */
static int drop_capabilities(enum privilege_role role, struct err *e)
{
    bool keep_raw =
        role == PRIVILEGE_SCANNER && capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW);
    bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return err_set(e, -errno, "capabilities: the ambient set cannot be cleared: %s",
                       strerror(errno));
    if (!has_more_than(keep_raw))
        return 0;
    capng_clear(CAPNG_SELECT_ALL);
    if (keep_raw && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_RAW) < 0)
        return err_set(e, -EPERM, "capabilities: CAP_NET_RAW cannot be kept");
    if (may_bound && capng_apply(CAPNG_SELECT_BOUNDS) < 0)
        return err_set(e, -EPERM, "capabilities: the bounding set cannot be cleared");
    if (capng_apply(CAPNG_SELECT_CAPS) < 0)
        return err_set(e, -EPERM, "capabilities cannot be dropped");
    return 0;
}

static int drop_calls(enum privilege_role role, struct err *e)
{
    const char *mode = getenv("MUSTER_SECCOMP");

    if (mode && strcmp(mode, "off") == 0)
        return 0;
    if (mode && strcmp(mode, "kill") == 0)
        return syscalls_filter(role, SCMP_ACT_KILL_PROCESS, e);
    return syscalls_filter(role, SCMP_ACT_ERRNO(EPERM), e);
}

int privilege_drop(const struct privilege_opts *o, struct err *e)
{
    int r = drop_limits(o, e);

    if (r < 0)
        return r;
    capng_get_caps_process();
    r = drop_capabilities(o->role, e);
    if (r < 0)
        return r;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_set(e, -errno, "no new privileges: %s", strerror(errno));
    return drop_calls(o->role, e);
}
