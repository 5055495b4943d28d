/* The table of UDP payloads: one pool of bytes, and for each port where its own lie in it.
 *
 * The file is read line by line; a payload grows with each of its lines and its ports are given the
 * place when the next one begins. */
#include "engine/scan/payload.h"

#include "engine/base/buf.h"
#include "engine/base/cleanup.h"
#include "engine/model/ports.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place {
    uint32_t at;
    uint16_t len;
};

struct payloads {
    struct buf pool;
    struct place places[65536];
};

struct reader {
    struct payloads *p;
    struct port_set ports, taken; /* of the payload under way; of all before it */
    size_t start;                 /* its first byte in the pool */
    bool begun;
};

struct payloads *payloads_free(struct payloads *p)
{
    if (!p)
        return NULL;
    buf_done(&p->pool);
    free(p);
    return NULL;
}

void payloads_freep(struct payloads **p)
{
    *p = payloads_free(*p);
}

const uint8_t *payloads_get(const struct payloads *p, uint16_t port, size_t *ret_len)
{
    *ret_len = p ? p->places[port].len : 0;
    return *ret_len ? (const uint8_t *)p->pool.data + p->places[port].at : NULL;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Two digits at s, or -1. */
static int byte_at(const char *s)
{
    int high = digit(s[0]);
    int low = high < 0 ? -1 : digit(s[1]);

    return low < 0 ? -1 : high << 4 | low;
}

static int add_hex(struct reader *r, const char *s, struct err *e)
{
    for (; *s; s += *s == ' ' ? 1 : 2) {
        int byte = *s == ' ' ? 0 : byte_at(s);

        if (byte < 0)
            return err_set(e, -EINVAL, "hex: expected pairs of digits, found \"%.8s\"", s);
        if (*s != ' ')
            buf_char(&r->p->pool, (char)byte);
    }
    return 0;
}

/* The character behind a backslash; *s moves to its end.  -1: there is no such escape. */
static int escape(const char **s)
{
    static const char names[] = "rn\"\\", values[] = "\r\n\"\\";
    const char *found = **s ? strchr(names, **s) : NULL;
    int byte;

    if (found)
        return (unsigned char)values[found - names];
    if (**s != 'x')
        return -1;
    byte = byte_at(*s + 1);
    *s += 2;
    return byte;
}

static int add_text(struct reader *r, const char *s, struct err *e)
{
    if (*s++ != '"')
        return err_set(e, -EINVAL, "text: expected a string in quotes");
    for (; *s && *s != '"'; s++) {
        int c = (unsigned char)*s;

        if (*s == '\\') {
            s++;
            c = escape(&s);
        }
        if (c < 0)
            return err_set(e, -EINVAL, "text: expected \\r, \\n, \\\", \\\\ or \\xHH");
        buf_char(&r->p->pool, (char)c);
    }
    if (s[0] != '"' || s[1])
        return err_set(e, -EINVAL, "text: expected a quote at the end of the line");
    return 0;
}

static int add_padding(struct reader *r, const char *s, struct err *e)
{
    char *end;
    unsigned long want = strtoul(s, &end, 10);

    if (end == s || *end || want > PAYLOAD_MAX)
        return err_set(e, -EINVAL, "pad %s: expected a length up to %d", s, PAYLOAD_MAX);
    while (r->p->pool.len - r->start < want && !r->p->pool.failed)
        buf_char(&r->p->pool, 0);
    return 0;
}

/* The payload under way is whole: its ports get it. */
static int finish(struct reader *r, struct err *e)
{
    size_t len = r->p->pool.len - r->start;

    if (!r->begun)
        return 0;
    if (r->p->pool.failed)
        return err_set(e, -ENOMEM, "out of memory");
    if (len == 0)
        return err_set(e, -EINVAL, "the payload before this line is empty");
    for (unsigned port = 0; port < 65536; port++)
        if (port_set_has(&r->ports, PROTOCOL_UDP, (uint16_t)port))
            r->p->places[port] = (struct place){(uint32_t)r->start, (uint16_t)len};
    r->begun = false;
    return 0;
}

static int begin(struct reader *r, char *s, struct err *e)
{
    char *list = strsep(&s, " ");
    int n = finish(r, e);

    if (n < 0)
        return n;
    if (!s || !*s)
        return err_set(e, -EINVAL, "port: expected \"port LIST NAME\"");
    n = port_set_parse(&r->ports, list, 2, NULL, e);
    if (n < 0)
        return err_add(e, n, "port %s", list);
    for (unsigned port = 0; port < 65536; port++) {
        if (!port_set_has(&r->ports, PROTOCOL_UDP, (uint16_t)port))
            continue;
        if (port_set_has(&r->taken, PROTOCOL_UDP, (uint16_t)port))
            return err_set(e, -EINVAL, "port %u has a payload already", port);
        port_set_add(&r->taken, PROTOCOL_UDP, (uint16_t)port);
    }
    r->start = r->p->pool.len;
    r->begun = true;
    return 0;
}

static int read_line(struct reader *r, char *line, struct err *e)
{
    static const struct {
        const char *word;
        int (*add)(struct reader *r, const char *s, struct err *e);
    } parts[] = {{"hex", add_hex}, {"text", add_text}, {"pad", add_padding}};
    char *s = line + strspn(line, " \t"), *word;
    int n;

    s[strcspn(s, "\r\n")] = 0;
    if (!*s || *s == '#')
        return 0;
    word = strsep(&s, " ");
    if (strcmp(word, "port") == 0)
        return begin(r, s ? s : word + strlen(word), e);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (strcmp(word, parts[i].word) != 0)
            continue;
        if (!r->begun)
            return err_set(e, -EINVAL, "%s: expected a line \"port LIST NAME\" before it", word);
        n = parts[i].add(r, s ? s : "", e);
        if (n == 0 && r->p->pool.len - r->start > PAYLOAD_MAX)
            return err_set(e, -EINVAL, "the payload is longer than %d bytes", PAYLOAD_MAX);
        return n;
    }
    return err_set(e, -EINVAL, "%s: expected port, hex, text or pad", word);
}

int payloads_load(struct payloads **ret, const char *path, struct err *e)
{
    CLEANUP(fclosep) FILE *f = fopen(path, "re");
    CLEANUP(payloads_freep) struct payloads *p = calloc(1, sizeof *p);
    CLEANUP(freep) char *line = NULL;
    struct reader r = {.p = p};
    size_t room = 0;
    int n = 0, number = 0;

    if (!f)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    if (!p)
        return err_set(e, -ENOMEM, "out of memory");
    while (n == 0 && getline(&line, &room, f) >= 0) {
        number++;
        n = read_line(&r, line, e);
    }
    if (n == 0 && ferror(f))
        n = err_set(e, -EIO, "cannot be read");
    if (n == 0)
        n = finish(&r, e);
    if (n < 0)
        return err_add(e, n, "%s:%d", path, number);
    *ret = take(&p);
    return 0;
}
