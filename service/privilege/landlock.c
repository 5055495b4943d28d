/* Landlock for the script role: scripts and their data can be read, nothing else can, and nothing
 * can be written.
 *
 * libc has no wrappers; the three calls are made directly.  The kernel tells how many kinds of
 * access it can deny (ABI); those it does not know are left out, as landlock(7) advises. */
#include "service/privilege/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define READING (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)

static uint64_t handled(int abi)
{
    uint64_t access = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | READING |
                      LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                      LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                      LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                      LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                      LANDLOCK_ACCESS_FS_MAKE_SYM;

    if (abi >= 2)
        access |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        access |= 1ULL << 14; /* truncation; newer than the headers of Debian 12 */
    return access;
}

static int allow_reading(int ruleset, const char *dir, struct err *e)
{
    struct landlock_path_beneath_attr below = {.allowed_access = READING};
    int r = 0;

    below.parent_fd = open(dir, O_PATH | O_CLOEXEC | O_DIRECTORY);
    if (below.parent_fd < 0)
        return errno == ENOENT ? 0 : err_set(e, -errno, "'%s': %s", dir, strerror(errno));
    if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0)
        r = err_set(e, -errno, "Landlock: '%s': %s", dir, strerror(errno));
    close(below.parent_fd);
    return r;
}

int privilege_read_only(const char *const *dirs, size_t n, struct err *e)
{
    CLEANUP(closep) int ruleset = -1;
    struct landlock_ruleset_attr attr = {0};
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    if (abi < 1)
        return err_set(e, -ENOTSUP, "the kernel has no Landlock");
    attr.handled_access_fs = handled((int)abi);
    ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0)
        return err_set(e, -errno, "Landlock: %s", strerror(errno));
    for (size_t i = 0; i < n; i++) {
        int r = allow_reading(ruleset, dirs[i], e);

        if (r < 0)
            return r;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return err_set(e, -errno, "Landlock: %s", strerror(errno));
    return 0;
}
