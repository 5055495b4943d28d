/* The data directory follows from the place of the program, so that neither a checkout nor an
 * installation has a path compiled in, and a moved tree goes on working. */
#include "service/config/paths.h"

#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static bool has_data(const char *dir)
{
    char probe[PATH_MAX + 64];
    struct stat st;

    snprintf(probe, sizeof probe, "%s/migrations", dir);
    return stat(probe, &st) == 0 && S_ISDIR(st.st_mode);
}

int paths_data(char ret[PATH_MAX], struct err *e)
{
    static const char *const beside[] = {"..", "../share/muster", "../.."};
    const char *set = getenv("MUSTER_DATADIR");
    char exe[PATH_MAX], candidate[PATH_MAX + 32];
    ssize_t n;

    if (set) {
        if (!has_data(set))
            return err_set(e, -ENOENT, "MUSTER_DATADIR: '%s' holds no migrations/", set);
        snprintf(ret, PATH_MAX, "%s", set);
        return 0;
    }
    n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n < 0)
        return err_set(e, -errno, "/proc/self/exe: %s", strerror(errno));
    exe[n] = 0;
    dirname(exe);
    for (size_t i = 0; i < ARRAY_LEN(beside); i++) {
        snprintf(candidate, sizeof candidate, "%s/%s", exe, beside[i]);
        if (has_data(candidate) && realpath(candidate, ret))
            return 0;
    }
    return err_set(e, -ENOENT,
                   "no data directory: neither %s/.. nor %s/../share/muster holds migrations/; "
                   "set MUSTER_DATADIR",
                   exe, exe);
}
