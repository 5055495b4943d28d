/* nmap's target syntax.
 *
 * What consists of digits and the signs of ranges alone is meant as IPv4 and is an error when it is
 * none: it must not end up as a name that is looked up somewhere.  A numeric expression becomes at
 * most OCTET_RANGES_MAX ranges. */
#include "engine/scan/targets.h"

#include <errno.h>
#include <string.h>

#define EXPRESSION_MAX   256
#define OCTET_RANGES_MAX 65536
#define FILE_TARGETS_MAX 10000000

void target_list_done(struct target_list *t)
{
    addr_set_done(&t->addrs);
    for (size_t i = 0; i < t->n_names; i++)
        free(t->names[i]);
    free(t->names);
    *t = (struct target_list){0};
}

/* Ranges on their way into the set: sorted first, because the set takes sorted ones cheaply. */
struct ranges {
    struct addr_range *v;
    size_t n, cap;
};

static void ranges_done(struct ranges *r)
{
    free(r->v);
}

static int ranges_add(struct ranges *r, const struct addr *first, const struct addr *last)
{
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 64;
        struct addr_range *v = reallocarray(r->v, cap, sizeof *v);

        if (!v)
            return -ENOMEM;
        r->v = v;
        r->cap = cap;
    }
    r->v[r->n++] = (struct addr_range){*first, *last};
    return 0;
}

static int cmp_range(const void *a, const void *b)
{
    return addr_cmp(&((const struct addr_range *)a)->first, &((const struct addr_range *)b)->first);
}

static int ranges_into(struct ranges *r, struct addr_set *set)
{
    if (r->n)
        qsort(r->v, r->n, sizeof *r->v, cmp_range);
    for (size_t i = 0; i < r->n; i++) {
        int e = addr_set_add(set, &r->v[i].first, &r->v[i].last);

        if (e < 0)
            return e;
    }
    return 0;
}

/* The values of one octet, as ranges: "1,3-5,*". */
struct octet {
    struct {
        uint8_t first, last;
    } range[256];
    unsigned n;
};

static bool read_value(const char **s, unsigned *ret)
{
    unsigned v = 0;
    const char *c = *s;

    for (; *c >= '0' && *c <= '9' && v < 1000; c++)
        v = v * 10 + (unsigned)(*c - '0');
    if (c == *s || v > 255)
        return false;
    *s = c;
    *ret = v;
    return true;
}

/* One part: "7", "1-9", "-9", "250-", "-", "*". */
static bool read_octet_part(const char **s, unsigned *first, unsigned *last)
{
    *first = 0;
    *last = 255;
    if (**s == '*') {
        (*s)++;
        return true;
    }
    if (**s != '-') {
        if (!read_value(s, first))
            return false;
        *last = *first;
    }
    if (**s == '-') {
        (*s)++;
        *last = 255;
        if (**s >= '0' && **s <= '9' && !read_value(s, last))
            return false;
    }
    return *first <= *last;
}

/* Parts in any order, with overlaps, become sorted ranges. */
static bool read_octet(const char **s, struct octet *ret)
{
    bool set[257] = {false};

    do {
        unsigned first, last;

        if (!read_octet_part(s, &first, &last))
            return false;
        memset(set + first, true, last - first + 1);
    } while (**s == ',' && (*s)++);
    ret->n = 0;
    for (unsigned i = 0; i < 256; i++) {
        if (!set[i])
            continue;
        ret->range[ret->n].first = (uint8_t)i;
        while (set[i + 1])
            i++;
        ret->range[ret->n++].last = (uint8_t)i;
    }
    return true;
}

static bool is_full(const struct octet *o)
{
    return o->n == 1 && o->range[0].first == 0 && o->range[0].last == 255;
}

/* How many ranges of addresses there will be.  Octets behind which all are full are ranges, the
 * others single values. */
static uint64_t count_ranges(const struct octet o[4], int tail)
{
    uint64_t n = o[tail].n;

    for (int i = 0; i < tail; i++) {
        uint64_t values = 0;

        for (unsigned k = 0; k < o[i].n; k++)
            values += o[i].range[k].last - o[i].range[k].first + 1U;
        n *= values;
    }
    return n;
}

/* Goes through the values of octet i under the octets before it, given in `base`. */
static int emit(struct ranges *out, const struct octet o[4], int i, int tail, uint32_t base)
{
    unsigned shift = 24 - 8 * (unsigned)i;
    int r = 0;

    for (unsigned k = 0; k < o[i].n && r == 0; k++) {
        if (i == tail) {
            struct addr first = addr_v4(base | (uint32_t)o[i].range[k].first << shift);
            struct addr last = addr_v4(base | (uint32_t)o[i].range[k].last << shift |
                                       (uint32_t)((1ULL << shift) - 1));

            r = ranges_add(out, &first, &last);
            continue;
        }
        for (unsigned v = o[i].range[k].first; v <= o[i].range[k].last && r == 0; v++)
            r = emit(out, o, i + 1, tail, base | v << shift);
    }
    return r;
}

static int add_octets(struct ranges *out, const char *text, struct err *e)
{
    struct octet o[4];
    const char *s = text;
    int tail = 3;

    for (int i = 0; i < 4; i++) {
        if (!read_octet(&s, &o[i]) || *s != (i < 3 ? '.' : 0))
            return err_set(e, -EINVAL,
                           "target '%s': expected four octets (0-255, ranges such as 1-20, lists "
                           "such as 1,3, or *), or a network such as 192.0.2.0/24",
                           text);
        s += i < 3;
    }
    while (tail > 0 && is_full(&o[tail]))
        tail--;
    if (count_ranges(o, tail) > OCTET_RANGES_MAX)
        return err_set(e, -EINVAL, "target '%s': more than %d separate ranges; use networks", text,
                       OCTET_RANGES_MAX);
    return emit(out, o, 0, tail, 0) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

/* The length behind '/', as nmap reads it: host bits may be set. */
static int add_network(struct ranges *out, const struct addr *a, const char *len, struct err *e)
{
    char text[ADDR_TEXT_MAX], *end;
    unsigned long bits = strtoul(len, &end, 10);
    struct prefix p = {.addr = *a, .len = (uint8_t)bits};
    struct addr first, last;

    if (*len < '0' || *len > '9' || *end || bits > addr_bits(a))
        return err_set(e, -EINVAL, "target '%s/%s': expected a prefix length from 0 to %u",
                       addr_format(a, text), len, addr_bits(a));
    for (unsigned i = 0; i < addr_bits(a); i++)
        if (i >= bits)
            p.addr.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    first = prefix_first(&p);
    last = prefix_last(&p);
    return ranges_add(out, &first, &last) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

/* Up to 128: whether the name is IPv4 or IPv6 shows later. */
static bool is_length(const char *text)
{
    char *end;
    unsigned long bits = strtoul(text, &end, 10);

    return *text >= '0' && *text <= '9' && !*end && bits <= 128;
}

static int add_name(struct target_list *t, const char *text, struct err *e)
{
    size_t len = strcspn(text, "/");
    char **names, *copy;

    for (size_t i = 0; i < len; i++)
        if (!is_name_char(text[i]))
            return err_set(e, -EINVAL,
                           "target '%s': expected an address, a range of addresses or a host name",
                           text);
    if (len == 0 || text[0] == '-' || text[0] == '.')
        return err_set(e, -EINVAL, "target '%s': a host name begins with a letter or digit", text);
    if (text[len] && !is_length(text + len + 1))
        return err_set(e, -EINVAL, "target '%s': expected a prefix length behind '/'", text);
    names = reallocarray(t->names, t->n_names + 1, sizeof *names);
    if (!names)
        return err_set(e, -ENOMEM, "out of memory");
    t->names = names;
    copy = strdup(text);
    if (!copy)
        return err_set(e, -ENOMEM, "out of memory");
    t->names[t->n_names++] = copy;
    return 0;
}

/* One expression: addresses go to `out`, names to the list. */
static int add_one(struct target_list *t, struct ranges *out, const char *text, struct err *e)
{
    char bare[EXPRESSION_MAX];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    struct addr a;

    if (strlen(text) >= sizeof bare)
        return err_set(e, -EINVAL, "target '%.40s...': longer than %d characters", text,
                       EXPRESSION_MAX - 1);
    memcpy(bare, text, len);
    bare[len] = 0;
    if (addr_parse(bare, &a) == 0) {
        if (slash)
            return add_network(out, &a, slash + 1, e);
        return ranges_add(out, &a, &a) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
    }
    if (strchr(text, '%'))
        return err_set(e, -EINVAL, "target '%s': no such interface", text);
    if (text[0] && text[strspn(text, "0123456789.,-*/")] == 0)
        return add_octets(out, text, e);
    return add_name(t, text, e);
}

int target_list_add(struct target_list *t, const char *expression, struct err *e)
{
    CLEANUP(ranges_done) struct ranges out = {0};
    int r = add_one(t, &out, expression, e);

    if (r < 0)
        return r;
    return ranges_into(&out, &t->addrs) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

/* The words of one line. */
static int add_line(struct target_list *t, struct ranges *out, char *line, struct err *e)
{
    char *save = NULL;

    line[strcspn(line, "#")] = 0;
    for (char *word = strtok_r(line, " \t\r\n", &save); word;
         word = strtok_r(NULL, " \t\r\n", &save)) {
        int r = add_one(t, out, word, e);

        if (r < 0)
            return r;
        if (out->n + t->n_names > FILE_TARGETS_MAX)
            return err_set(e, -EINVAL, "more than %d targets", FILE_TARGETS_MAX);
    }
    return 0;
}

static int add_stream(struct target_list *t, FILE *f, const char *name, struct err *e)
{
    CLEANUP(ranges_done) struct ranges out = {0};
    CLEANUP(freep) char *line = NULL;
    size_t cap = 0;

    for (unsigned number = 1; getline(&line, &cap, f) >= 0; number++) {
        int r = add_line(t, &out, line, e);

        if (r < 0)
            return err_add(e, r, "%s:%u", name, number);
    }
    if (ferror(f))
        return err_set(e, -EIO, "read '%s': %s", name, strerror(errno));
    return ranges_into(&out, &t->addrs) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
}

int target_list_add_file(struct target_list *t, const char *path, struct err *e)
{
    CLEANUP(fclosep) FILE *f = NULL;

    if (strcmp(path, "-") == 0)
        return add_stream(t, stdin, "stdin", e);
    f = fopen(path, "re");
    if (!f)
        return err_set(e, -errno, "open '%s': %s", path, strerror(errno));
    return add_stream(t, f, path, e);
}
