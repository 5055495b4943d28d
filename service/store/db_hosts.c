/* See db_hosts.h. */
#include "service/store/db_hosts.h"

#include "engine/base/cleanup.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

static const char *const keywords[DB_HOSTS_KEYS] = {"host", "hostaddr", "port"};

int db_hosts_read(struct db_hosts *h, const char *conninfo)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    int r = 0;

    *h = (struct db_hosts){0};
    for (const PQconninfoOption *o = options; o && o->keyword; o++)
        for (size_t i = 0; i < DB_HOSTS_KEYS; i++)
            if (o->val && strchr(o->val, ',') && strcmp(o->keyword, keywords[i]) == 0 &&
                !(h->list[i] = strdup(o->val)))
                r = -ENOMEM;
    PQconninfoFree(options);
    if (r < 0)
        db_hosts_done(h);
    return r;
}

void db_hosts_done(struct db_hosts *h)
{
    for (size_t i = 0; i < DB_HOSTS_KEYS; i++)
        free(h->list[i]);
    *h = (struct db_hosts){0};
}

size_t db_hosts_count(const struct db_hosts *h)
{
    const char *list = h->list[0] ? h->list[0] : h->list[1];
    size_t n = 1;

    for (; list && *list; list++)
        n += *list == ',';
    return n;
}

/* "a,b,c" becomes "b,c,a". */
static void first_to_end(char *list, const char *first, size_t len)
{
    size_t rest = strlen(list) - len - 1;

    memmove(list, list + len + 1, rest);
    list[rest] = ',';
    memcpy(list + rest + 1, first, len);
}

int db_hosts_rotate(struct db_hosts *h)
{
    CLEANUP(db_hosts_done) struct db_hosts first = {0};

    for (size_t i = 0; i < DB_HOSTS_KEYS; i++)
        if (h->list[i] && !(first.list[i] = strndup(h->list[i], strcspn(h->list[i], ","))))
            return -ENOMEM; /* all or none: each host has its own port */
    for (size_t i = 0; i < DB_HOSTS_KEYS; i++)
        if (h->list[i])
            first_to_end(h->list[i], first.list[i], strlen(first.list[i]));
    return 0;
}

void db_hosts_params(const struct db_hosts *h, const char **keys, const char **values)
{
    for (size_t i = 0; i < DB_HOSTS_KEYS; i++) {
        keys[i] = keywords[i];
        values[i] = h->list[i];
    }
}
