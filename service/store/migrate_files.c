/* The files of a migration directory: read whole before anything is applied, so that a mistake in
 * the last one stops the first. */
#include "service/store/migrate_files.h"

#include "engine/base/buf.h"
#include "engine/base/text.h"
#include "service/store/migrate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

void migrations_done(struct migrations *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->list[i].name);
        free(m->list[i].text);
    }
    free(m->list);
    *m = (struct migrations){0};
}

/* 0: not for us; -1: should be, but is not well named; else the number. */
static int version_of(const char *name)
{
    size_t len = strlen(name);

    if (name[0] == '.' || len < 4 || strcmp(name + len - 4, ".sql") != 0)
        return 0;
    if (strspn(name, "0123456789") != 4 || name[4] != '_' || len < 10 ||
        strtol(name, NULL, 10) == 0)
        return -1;
    return (int)strtol(name, NULL, 10);
}

static int read_whole(int dirfd, struct migration *m, const char *dir, struct err *e)
{
    CLEANUP(closep) int fd = openat(dirfd, m->name, O_RDONLY | O_CLOEXEC);
    CLEANUP(buf_done) struct buf text = {.limit = 16U << 20};
    ssize_t n = -1;
    char *room;

    while (fd >= 0 && (room = buf_room(&text, 65536)) && (n = read(fd, room, 65536)) > 0)
        text.len += (size_t)n;
    if (fd < 0 || n < 0)
        return err_set(e, -errno, "%s/%s: %s", dir, m->name, strerror(errno));
    if (text.failed || text.len == 0)
        return err_set(e, -EBADMSG, "%s/%s: %s", dir, m->name,
                       text.failed ? "larger than 16 MiB" : "empty");
    text.data[text.len] = 0;
    if (!text_is_utf8(text.data, text.len))
        return err_set(e, -EBADMSG, "%s/%s: not UTF-8 text", dir, m->name);
    m->len = text.len;
    m->text = buf_take(&text);
    return 0;
}

static int by_version(const void *a, const void *b)
{
    const struct migration *x = a, *y = b;

    return x->version != y->version ? x->version - y->version : strcmp(x->name, y->name);
}

static int list_names(struct migrations *m, DIR *d, const char *dir, struct err *e)
{
    const struct dirent *entry;

    while ((entry = readdir(d))) {
        int version = version_of(entry->d_name);
        struct migration *grown;

        if (version == 0)
            continue;
        if (version < 0)
            return err_set(e, -EBADMSG, "%s/%s: expected a name such as 0001_name.sql", dir,
                           entry->d_name);
        grown = realloc(m->list, (m->n + 1) * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        m->list = grown;
        m->list[m->n] = (struct migration){.version = version, .name = strdup(entry->d_name)};
        if (!m->list[m->n].name)
            return -ENOMEM;
        m->n++;
    }
    if (m->n == 0)
        return err_set(e, -ENOENT, "%s: no migrations in it (0001_name.sql)", dir);
    qsort(m->list, m->n, sizeof *m->list, by_version);
    for (size_t i = 1; i < m->n; i++)
        if (m->list[i].version == m->list[i - 1].version)
            return err_set(e, -EBADMSG, "%s: %s and %s have one number", dir, m->list[i - 1].name,
                           m->list[i].name);
    return 0;
}

int migrations_read(struct migrations *ret, const char *dir, struct err *e)
{
    struct migrations m = {0};
    DIR *d = opendir(dir);
    int r;

    if (!d)
        return err_set(e, -ENOENT, "%s: %s", dir, strerror(errno));
    r = list_names(&m, d, dir, e);
    for (size_t i = 0; r == 0 && i < m.n; i++)
        r = read_whole(dirfd(d), &m.list[i], dir, e);
    closedir(d);
    if (r < 0)
        migrations_done(&m);
    else
        *ret = m;
    return r;
}

int migrate_newest(const char *dir, struct err *e)
{
    struct migrations m = {0};
    DIR *d = opendir(dir);
    int r;

    if (!d)
        return err_set(e, -ENOENT, "%s: %s", dir, strerror(errno));
    r = list_names(&m, d, dir, e);
    if (r == 0)
        r = m.list[m.n - 1].version;
    closedir(d);
    migrations_done(&m);
    return r;
}

unsigned migration_line(const char *text, unsigned position)
{
    unsigned line = 1, at = 1;

    for (; *text && at < position; text++) {
        if (*text == '\n')
            line++;
        if (((unsigned char)text[1] & 0xc0) != 0x80) /* the next byte begins a character */
            at++;
    }
    return line;
}
