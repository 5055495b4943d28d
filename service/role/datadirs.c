/* See datadirs.h. */
#include "service/role/datadirs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

size_t datadirs_split(char *text, const char *ret[DATADIRS_MAX])
{
    char *rest = text, *dir;
    size_t n = 0;

    while (n < DATADIRS_MAX && (dir = strsep(&rest, "\n")))
        if (*dir)
            ret[n++] = dir;
    return n;
}

static int look(struct datadirs *d, const char *text)
{
    CLEANUP(freep) char *copy = strdup(text);
    const char *dirs[DATADIRS_MAX];
    struct stat st;
    size_t n;

    if (!copy)
        return -ENOMEM;
    n = datadirs_split(copy, dirs);
    for (size_t i = 0; i < n; i++)
        if (stat(dirs[i], &st) == 0) {
            d->seen[i].device = st.st_dev;
            d->seen[i].inode = st.st_ino;
        }
    return 0;
}

int datadirs_keep(struct datadirs *d, const char *text)
{
    *d = (struct datadirs){.text = strdup(text)};
    return d->text ? look(d, text) : -ENOMEM;
}

bool datadirs_hold(const struct datadirs *d, const char *text)
{
    struct datadirs now = {0};

    if (!d->text || strcmp(d->text, text) != 0 || look(&now, text) < 0)
        return false;
    for (size_t i = 0; i < DATADIRS_MAX; i++)
        if (now.seen[i].device != d->seen[i].device || now.seen[i].inode != d->seen[i].inode)
            return false;
    return true;
}

void datadirs_done(struct datadirs *d)
{
    free(d->text);
    *d = (struct datadirs){0};
}
