/* Where data comes from, and what a script may open.
 *
 * Data directories are searched in their order, the first hit wins; the current directory never is.
 * A script may read below them, and the very files that the operator named in script arguments; it
 * may write below the scratch directory, when one is given.  Paths are compared after resolving
 * links, so that neither ".." nor a link leads out. */
#include "engine/script/host_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX ((size_t)16 << 20)

static bool is_readable(const char *path, mode_t type)
{
    struct stat st;

    return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == type && access(path, R_OK) == 0;
}

bool path_find(const struct script_host *h, const char *name, mode_t type,
               char ret[SCRIPT_PATH_MAX])
{
    char path[SCRIPT_PATH_MAX];

    for (size_t i = 0; i < h->datadirs.n; i++) {
        int n = snprintf(path, sizeof path, "%s/%s", h->datadirs.v[i], name);

        if (n < 0 || (size_t)n >= sizeof path || !is_readable(path, type))
            continue;
        memcpy(ret, path, (size_t)n + 1);
        return true;
    }
    return false;
}

static bool is_below(const char *path, const char *root)
{
    size_t len = strlen(root);

    return strncmp(path, root, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* The operator named it: it stands between the separators of the script arguments' text. */
static bool named_in_args(const struct script_host *h, const char *path)
{
    const char *at = h->args.data ? h->args.data : "";
    size_t len = strlen(path);

    if (len == 0)
        return false;
    for (; (at = strstr(at, path)); at++) {
        bool starts = at == h->args.data || strchr("=,{\"' \t\n", at[-1]);
        bool ends = strchr(",}\"' \t\n", at[len]) != NULL;

        if (starts && ends)
            return true;
    }
    return false;
}

static bool may_read(const struct script_host *h, const char *path)
{
    char real[PATH_MAX];

    if (named_in_args(h, path))
        return true;
    if (!realpath(path, real))
        return errno == ENOENT; /* opening it says so */
    for (size_t i = 0; i < h->roots.n; i++)
        if (is_below(real, h->roots.v[i]))
            return true;
    return h->scratch && is_below(real, h->scratch);
}

/* The file may not exist yet: its directory must be inside. */
static bool may_write(const struct script_host *h, const char *path)
{
    char dir[PATH_MAX], real[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    if (!h->scratch || !slash || len >= sizeof dir || strcmp(slash, "/..") == 0)
        return false;
    memcpy(dir, path, len);
    dir[len] = '\0';
    if (!realpath(len ? dir : "/", real) || !is_below(real, h->scratch))
        return false;
    return !realpath(path, real) || is_below(real, h->scratch); /* it may be a link */
}

bool path_allowed(const struct script_host *h, const char *path, bool write)
{
    return write ? may_write(h, path) : may_read(h, path);
}

int read_whole(const char *path, struct buf *ret, struct err *e)
{
    CLEANUP(fclosep) FILE *f = fopen(path, "re");
    char chunk[16384];
    size_t n;

    if (!f)
        return err_set(e, -errno, "open '%s': %s", path, strerror(errno));
    ret->limit = FILE_MAX;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0 && !ret->failed)
        buf_add(ret, chunk, n);
    if (ferror(f))
        return err_set(e, -errno, "read '%s': %s", path, strerror(errno));
    if (ret->failed)
        return err_set(e, -EFBIG, "'%s' is larger than %zu bytes", path, FILE_MAX);
    return 0;
}
