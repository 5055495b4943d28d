/* The registries as sorted arrays of prefixes, the longest prefix first when asked.
 *
 * Of the text files only the "(base 16)" lines matter: "00000C     (base 16)\t\tName" in oui.txt;
 * in mam.txt and oui36.txt a range "000000-0FFFFF     (base 16)\t\tName" below the prefix of the
 * "(hex)" line before it. */
#include "engine/scan/vendor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"

struct entry {
    uint64_t prefix; /* left-aligned in 48 bits */
    uint32_t name;   /* offset into pool */
    uint8_t bits;
};

struct vendors {
    struct entry *v;
    size_t n, cap;
    struct buf pool;
};

struct vendors *vendors_free(struct vendors *v)
{
    if (!v)
        return NULL;
    free(v->v);
    buf_done(&v->pool);
    free(v);
    return NULL;
}

void vendors_freep(struct vendors **v)
{
    *v = vendors_free(*v);
}

static int cmp_entry(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    return x->bits - y->bits;
}

static int append(struct vendors *v, uint64_t prefix, uint8_t bits, const char *name)
{
    if (v->n == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 4096;
        struct entry *grown = reallocarray(v->v, cap, sizeof *grown);

        if (!grown)
            return -ENOMEM;
        v->v = grown;
        v->cap = cap;
    }
    v->v[v->n++] = (struct entry){prefix, (uint32_t)v->pool.len, bits};
    buf_add(&v->pool, name, strlen(name) + 1);
    return v->pool.failed ? -ENOMEM : 0;
}

/* "70-B3-D5   (hex)": the 24 bits that the following range is under. */
static bool read_hex(const char *line, uint64_t *ret)
{
    unsigned a, b, c;

    if (!strstr(line, "(hex)") || sscanf(line, "%2x-%2x-%2x", &a, &b, &c) != 3)
        return false;
    *ret = ((uint64_t)a << 16 | b << 8 | c) << 24;
    return true;
}

/* The name behind "(base 16)", without white space around it. */
static char *read_name(char *line)
{
    char *mark = strstr(line, "(base 16)"), *end;

    if (!mark)
        return NULL;
    mark += strlen("(base 16)");
    mark += strspn(mark, " \t");
    end = mark + strcspn(mark, "\r\n");
    while (end > mark && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = 0;
    return *mark ? mark : NULL;
}

static int read_line(struct vendors *v, char *line, uint8_t bits, uint64_t *above)
{
    unsigned first;
    char *name;

    if (read_hex(line, above))
        return 0;
    name = read_name(line);
    if (!name || sscanf(line, "%6x", &first) != 1)
        return 0;
    return append(v, bits == 24 ? (uint64_t)first << 24 : *above | first, bits, name);
}

/* 0, -ENOENT, -ENOMEM. */
static int read_file(struct vendors *v, const char *dir, const char *file, uint8_t bits)
{
    CLEANUP(fclosep) FILE *f = NULL;
    char path[512], line[1024];
    uint64_t above = 0;
    int r = 0;

    snprintf(path, sizeof path, "%s/%s", dir, file);
    f = fopen(path, "re");
    if (!f)
        return -ENOENT;
    while (r == 0 && fgets(line, sizeof line, f))
        r = read_line(v, line, bits, &above);
    return r;
}

int vendors_load(struct vendors **ret, const char *dir, struct err *e)
{
    static const struct {
        const char *file;
        uint8_t bits;
    } files[] = {{"oui.txt", 24}, {"mam.txt", 28}, {"oui36.txt", 36}};
    CLEANUP(vendors_freep) struct vendors *v = calloc(1, sizeof *v);

    for (size_t i = 0; v && i < ARRAY_LEN(files); i++)
        if (read_file(v, dir, files[i].file, files[i].bits) == -ENOMEM)
            return err_set(e, -ENOMEM, "out of memory");
    if (!v)
        return err_set(e, -ENOMEM, "out of memory");
    if (!v->n)
        return err_set(e, -ENOENT, "no registry of MAC addresses in '%s' (package ieee-data)", dir);
    qsort(v->v, v->n, sizeof *v->v, cmp_entry);
    *ret = take(&v);
    return 0;
}

static const struct entry *find(const struct vendors *v, uint64_t mac, uint8_t bits)
{
    struct entry key = {.prefix = mac >> (48 - bits) << (48 - bits), .bits = bits};

    return bsearch(&key, v->v, v->n, sizeof key, cmp_entry);
}

const char *vendors_name(const struct vendors *v, const struct mac *mac)
{
    static const uint8_t lengths[] = {36, 28, 24};
    uint64_t value = 0;

    if (!v || mac->b[0] & 2)
        return NULL;
    for (size_t i = 0; i < sizeof mac->b; i++)
        value = value << 8 | mac->b[i];
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        const struct entry *found = find(v, value, lengths[i]);

        if (found)
            return v->pool.data + found->name;
    }
    return NULL;
}
