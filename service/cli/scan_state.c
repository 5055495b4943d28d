/* See scan_state.h.  A bit per address keeps the file small and the noting cheap however the walk
 * jumps: 2 MiB for a /8. */
#include "service/cli/scan_state.h"

#include "engine/base/buf.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 32
#define HEAD       "# muster scan state 1: go on with `muster scan --resume FILE`\n"

void scan_state_free(struct scan_state *s)
{
    for (size_t i = 0; i < s->n_args; i++)
        free(s->args[i]);
    free(s->args);
    free(s->done);
    addr_set_done(&s->scope);
    addr_set_done(&s->used);
    *s = (struct scan_state){0};
}

static int bits_make(struct scan_state *s, struct err *e)
{
    s->total = addr_set_count(&s->scope);
    if (s->total > SCAN_STATE_ADDRESSES_MAX)
        return err_set(e, -EINVAL, "%s: more than %llu addresses cannot be kept account of",
                       s->path, SCAN_STATE_ADDRESSES_MAX);
    s->done = calloc(s->total / 8 + LINE_BYTES, 1);
    return s->done ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int arg_add(struct scan_state *s, const char *word)
{
    char **more = reallocarray(s->args, s->n_args + 2, sizeof *more);

    if (!more)
        return -ENOMEM;
    s->args = more;
    more[s->n_args] = strdup(word);
    if (!more[s->n_args])
        return -ENOMEM;
    more[++s->n_args] = NULL;
    return 0;
}

int scan_state_new(struct scan_state *s, const char *path, char *const *args,
                   const struct addr_set *scope, struct err *e)
{
    int r = 0;

    *s = (struct scan_state){.path = path};
    for (; *args && r == 0; args++)
        r = arg_add(s, *args);
    for (size_t i = 0; i < scope->n && r == 0; i++)
        r = addr_set_add(&s->scope, &scope->ranges[i].first, &scope->ranges[i].last);
    if (r < 0)
        return err_set(e, r, "out of memory");
    return bits_make(s, e);
}

/* The place of an address in its scope; UINT64_MAX: it is not there. */
static uint64_t place_of(const struct scan_state *s, const struct addr *a)
{
    uint64_t before = 0;

    for (size_t i = 0; i < s->scope.n; i++) {
        const struct addr_range *r = &s->scope.ranges[i];

        if (addr_cmp(a, &r->first) >= 0 && addr_cmp(a, &r->last) <= 0)
            return before + addr_distance(&r->first, a);
        before += addr_distance(&r->first, &r->last) + 1;
    }
    return UINT64_MAX;
}

static bool is_done(const struct scan_state *s, uint64_t place)
{
    return s->done[place / 8] >> place % 8 & 1;
}

void scan_state_note_done(struct scan_state *s, const struct addr *a)
{
    uint64_t place = place_of(s, a);

    if (place == UINT64_MAX || is_done(s, place))
        return;
    s->done[place / 8] |= (uint8_t)(1 << place % 8);
    s->n_done++;
}

int scan_state_note_used(struct scan_state *s, const struct addr *a)
{
    struct addr first = *a, last = *a;

    if (a->family == ADDR_V4) {
        first.b[3] = 0;
        last.b[3] = 255;
    }
    return addr_set_add(&s->used, &first, &last);
}

int scan_state_rest(const struct scan_state *s, struct addr_set *ret)
{
    uint64_t place = 0;

    for (size_t i = 0; i < s->scope.n; i++) {
        const struct addr_range *r = &s->scope.ranges[i];
        uint64_t n = addr_distance(&r->first, &r->last) + 1;

        for (uint64_t k = 0; k < n; k++, place++) {
            struct addr first, last;
            uint64_t from = k;
            int e;

            if (is_done(s, place))
                continue;
            while (k + 1 < n && !is_done(s, place + 1)) {
                k++;
                place++;
            }
            first = addr_add(&r->first, from);
            last = addr_add(&r->first, k);
            e = addr_set_add(ret, &first, &last);
            if (e < 0)
                return e;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------ the file */

static void write_escaped(FILE *f, const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == '%' || *text == 0x7f)
            fprintf(f, "%%%02x", (unsigned char)*text);
        else
            fputc(*text, f);
}

static void write_set(FILE *f, const char *word, const struct addr_set *set)
{
    char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];

    for (size_t i = 0; i < set->n; i++)
        fprintf(f, "%s %s %s\n", word, addr_format(&set->ranges[i].first, first),
                addr_format(&set->ranges[i].last, last));
}

static void write_all(FILE *f, const struct scan_state *s)
{
    fputs(HEAD, f);
    for (size_t i = 0; i < s->n_args; i++) {
        fputs("arg ", f);
        write_escaped(f, s->args[i]);
        fputc('\n', f);
    }
    write_set(f, "scope", &s->scope);
    write_set(f, "used", &s->used);
    for (uint64_t at = 0; at < (s->total + 7) / 8; at += LINE_BYTES) {
        fputs("done ", f);
        for (unsigned i = 0; i < LINE_BYTES; i++)
            fprintf(f, "%02x", s->done[at + i]);
        fputc('\n', f);
    }
}

int scan_state_save(struct scan_state *s, struct err *e)
{
    CLEANUP(buf_done) struct buf name = {0};
    FILE *f;
    bool bad;

    buf_printf(&name, "%s.new", s->path);
    if (name.failed)
        return err_set(e, -ENOMEM, "out of memory");
    f = fopen(name.data, "we");
    if (!f)
        return err_set(e, -errno, "cannot write '%s': %s", name.data, strerror(errno));
    write_all(f, s);
    bad = fflush(f) != 0 || ferror(f) || fsync(fileno(f)) < 0;
    if (fclose(f) != 0 || bad || rename(name.data, s->path) < 0)
        return err_set(e, -errno, "cannot write '%s': %s", s->path, strerror(errno));
    return 0;
}

static int unescape(char *text)
{
    char *to = text;

    for (; *text; text++) {
        unsigned byte;

        if (*text != '%') {
            *to++ = *text;
            continue;
        }
        if (sscanf(text + 1, "%2x", &byte) != 1 || !text[1] || !text[2] || !byte)
            return -EINVAL;
        *to++ = (char)byte;
        text += 2;
    }
    *to = 0;
    return 0;
}

static int read_range(struct addr_set *set, char *text)
{
    char *second = strchr(text, ' ');
    struct addr first, last;

    if (!second)
        return -EINVAL;
    *second++ = 0;
    if (addr_parse(text, &first) < 0 || addr_parse(second, &last) < 0)
        return -EINVAL;
    return addr_set_add(set, &first, &last);
}

static int read_done(struct scan_state *s, const char *hex, uint64_t *at, struct err *e)
{
    int r = s->done ? 0 : bits_make(s, e);

    if (r < 0)
        return r;
    if (strlen(hex) != 2 * LINE_BYTES || *at >= (s->total + 7) / 8)
        return -EINVAL;
    for (unsigned i = 0; i < LINE_BYTES; i++, hex += 2) {
        unsigned byte;

        if (strspn(hex, "0123456789abcdef") < 2 || sscanf(hex, "%2x", &byte) != 1)
            return -EINVAL;
        s->done[*at + i] = (uint8_t)byte;
        s->n_done += (unsigned)__builtin_popcount(byte);
    }
    *at += LINE_BYTES;
    return 0;
}

static int read_line(struct scan_state *s, char *line, uint64_t *at, struct err *e)
{
    line[strcspn(line, "\n")] = 0;
    if (strncmp(line, "arg ", 4) == 0)
        return unescape(line + 4) < 0 ? -EINVAL : arg_add(s, line + 4);
    if (strncmp(line, "scope ", 6) == 0 && !s->done)
        return read_range(&s->scope, line + 6);
    if (strncmp(line, "used ", 5) == 0)
        return read_range(&s->used, line + 5);
    if (strncmp(line, "done ", 5) == 0)
        return read_done(s, line + 5, at, e);
    return *line && *line != '#' ? -EINVAL : 0;
}

static int read_all(struct scan_state *s, FILE *f, struct err *e)
{
    CLEANUP(freep) char *line = NULL;
    size_t cap = 0;
    uint64_t at = 0;

    for (unsigned number = 1; getline(&line, &cap, f) >= 0; number++) {
        struct err why = {0};
        int r =
            number == 1 ? (strcmp(line, HEAD) == 0 ? 0 : -EINVAL) : read_line(s, line, &at, &why);

        if (r == -EINVAL && !why.code)
            return err_set(e, r,
                           "%s:%u: not the state of a scan as `muster scan --state` writes it",
                           s->path, number);
        if (r < 0)
            return err_set(e, r, "%s:%u: %s", s->path, number,
                           why.code ? err_text(&why) : strerror(-r));
    }
    if (ferror(f) || at < (s->total + 7) / 8 || !s->done)
        return err_set(e, -EINVAL, "%s: the file is cut short", s->path);
    return 0;
}

int scan_state_load(struct scan_state *s, const char *path, struct err *e)
{
    CLEANUP(fclosep) FILE *f = fopen(path, "re");
    int r;

    *s = (struct scan_state){.path = path};
    if (!f)
        return err_set(e, -errno, "open '%s': %s", path, strerror(errno));
    r = read_all(s, f, e);
    if (r < 0)
        scan_state_free(s);
    return r;
}
