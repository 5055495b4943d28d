/* The services table: sorted by protocol and port for look-up, and once more by frequency for
 * --top-ports.
 *
 * Names live in one string pool that the entries point into by offset, because it moves while it
 * grows. */
#include "engine/model/services.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <string.h>

#define LINE_MAX_BYTES 1024

struct entry {
    uint32_t name; /* offset into pool */
    uint32_t line; /* of the file: the first of two entries for one port wins */
    float frequency;
    uint16_t port;
    uint8_t protocol;
};

struct services {
    struct entry *by_port;
    struct entry *by_frequency;
    size_t n, cap;
    struct buf pool;
};

struct services *services_free(struct services *s)
{
    if (!s)
        return NULL;
    free(s->by_port);
    free(s->by_frequency);
    buf_done(&s->pool);
    free(s);
    return NULL;
}

void services_freep(struct services **s)
{
    *s = services_free(*s);
}

static int cmp_port(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->protocol != y->protocol)
        return x->protocol - y->protocol;
    if (x->port != y->port)
        return x->port - y->port;
    return (x->line > y->line) - (x->line < y->line);
}

static int cmp_frequency(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->frequency != y->frequency)
        return x->frequency > y->frequency ? -1 : 1;
    return cmp_port(a, b);
}

static int append(struct services *s, const struct entry *entry)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 512;
        struct entry *grown = reallocarray(s->by_port, cap, sizeof *grown);

        if (!grown)
            return -ENOMEM;
        s->by_port = grown;
        s->cap = cap;
    }
    s->by_port[s->n++] = *entry;
    return 0;
}

/* "443/tcp".  0; > 0: a protocol that no scan here knows (dccp); -EINVAL. */
static int read_port_field(const char *text, struct entry *ret)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    if (end == text || *end != '/' || port > UINT16_MAX || !end[1])
        return -EINVAL;
    ret->port = (uint16_t)port;
    ret->protocol = (uint8_t)protocol_from(end + 1);
    return ret->protocol ? 0 : 1;
}

/* One line.  Cuts it up.  0, -EINVAL with the text set, -ENOMEM. */
static int read_line(struct services *s, char *line, uint32_t number, struct err *e)
{
    struct entry entry = {.line = number};
    char *save = NULL, *name, *port, *frequency, *end;
    int r;

    line[strcspn(line, "#\r\n")] = 0;
    name = strtok_r(line, " \t", &save);
    if (!name)
        return 0;
    port = strtok_r(NULL, " \t", &save);
    r = port ? read_port_field(port, &entry) : -EINVAL;
    if (r < 0)
        return err_set(e, -EINVAL, "expected 'name<TAB>port/protocol<TAB>frequency'");
    frequency = strtok_r(NULL, " \t", &save);
    if (frequency) {
        entry.frequency = strtof(frequency, &end);
        if (*end || !(entry.frequency >= 0))
            return err_set(e, -EINVAL, "frequency '%s' is not a number from 0 up", frequency);
    }
    if (r > 0)
        return 0;
    entry.name = (uint32_t)s->pool.len;
    buf_add(&s->pool, name, strlen(name) + 1);
    return s->pool.failed ? -ENOMEM : append(s, &entry);
}

/* Leaves the first entry of each port; the array is sorted by port and line. */
static void drop_doubles(struct services *s)
{
    size_t out = 0;

    for (size_t i = 0; i < s->n; i++) {
        const struct entry *last = out ? &s->by_port[out - 1] : NULL;

        if (last && last->protocol == s->by_port[i].protocol && last->port == s->by_port[i].port)
            continue;
        s->by_port[out++] = s->by_port[i];
    }
    s->n = out;
}

static int finish(struct services *s)
{
    if (!s->n)
        return 0;
    qsort(s->by_port, s->n, sizeof *s->by_port, cmp_port);
    drop_doubles(s);
    s->by_frequency = calloc(s->n, sizeof *s->by_frequency);
    if (!s->by_frequency)
        return -ENOMEM;
    memcpy(s->by_frequency, s->by_port, s->n * sizeof *s->by_port);
    qsort(s->by_frequency, s->n, sizeof *s->by_frequency, cmp_frequency);
    return 0;
}

int services_load(struct services **ret, const char *path, struct err *e)
{
    CLEANUP(services_freep) struct services *s = calloc(1, sizeof *s);
    CLEANUP(fclosep) FILE *f = NULL;
    char line[LINE_MAX_BYTES];
    uint32_t number = 0;
    int r;

    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    f = fopen(path, "re");
    if (!f)
        return err_set(e, -errno, "open '%s': %s", path, strerror(errno));
    while (fgets(line, sizeof line, f)) {
        r = read_line(s, line, ++number, e);
        if (r == -ENOMEM)
            return err_set(e, r, "out of memory");
        if (r < 0)
            return err_add(e, r, "%s:%u", path, number);
    }
    if (ferror(f))
        return err_set(e, -EIO, "read '%s': %s", path, strerror(errno));
    if (finish(s) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    *ret = take(&s);
    return 0;
}

const char *services_name(const struct services *s, enum protocol p, uint16_t port)
{
    size_t lo = 0, hi = s ? s->n : 0;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        const struct entry *entry = &s->by_port[mid];

        if (entry->protocol == p && entry->port == port)
            return s->pool.data + entry->name;
        if (entry->protocol < p || (entry->protocol == p && entry->port < port))
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

size_t services_match(const struct services *s, const char *glob,
                      void (*fn)(void *user, enum protocol p, uint16_t port), void *user)
{
    size_t n = 0;

    for (size_t i = 0; s && i < s->n; i++) {
        const struct entry *entry = &s->by_port[i];

        if (fnmatch(glob, s->pool.data + entry->name, FNM_CASEFOLD) != 0)
            continue;
        fn(user, (enum protocol)entry->protocol, entry->port);
        n++;
    }
    return n;
}

size_t services_top(const struct services *s, enum protocol p, size_t n, uint16_t *ret)
{
    size_t out = 0;

    for (size_t i = 0; s && i < s->n && out < n; i++)
        if (s->by_frequency[i].protocol == p)
            ret[out++] = s->by_frequency[i].port;
    return out;
}

int services_find(struct services **ret, char *const *dirs, size_t n_dirs, struct err *e)
{
    static const char *const files[] = {"nselib/data/services", "nmap-services"};
    char path[PATH_MAX];

    *ret = NULL;
    for (size_t d = 0; d < n_dirs; d++) {
        for (size_t f = 0; f < ARRAY_LEN(files); f++) {
            int r;

            snprintf(path, sizeof path, "%s/%s", dirs[d], files[f]);
            r = services_load(ret, path, e);
            if (r != -ENOENT)
                return r;
        }
    }
    return 0;
}
