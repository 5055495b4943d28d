/* Sets of ports and nmap's syntax for them.
 *
 * A part is a range, a name or glob of names, or "[range]": those ports of the range that have a
 * name.  "T:" and "U:" hold until the next prefix. */
#include "engine/model/ports.h"
#include "engine/model/services.h"

#include <errno.h>
#include <string.h>

enum { TCP = 1, UDP = 2 };
enum { PORTS_END = UINT16_MAX + 1 };

#define PART_MAX 64

static uint64_t *words(struct port_set *s, enum protocol p)
{
    return p == PROTOCOL_TCP ? s->tcp : p == PROTOCOL_UDP ? s->udp : NULL;
}

void port_set_add(struct port_set *s, enum protocol p, uint16_t port)
{
    uint64_t *w = words(s, p);

    if (w)
        w[port / 64] |= 1ULL << port % 64;
}

bool port_set_has(const struct port_set *s, enum protocol p, uint16_t port)
{
    const uint64_t *w = words((struct port_set *)s, p);

    return w && (w[port / 64] >> port % 64 & 1);
}

void port_set_subtract(struct port_set *s, const struct port_set *less)
{
    for (size_t i = 0; i < ARRAY_LEN(s->tcp); i++) {
        s->tcp[i] &= ~less->tcp[i];
        s->udp[i] &= ~less->udp[i];
    }
}

uint32_t port_set_count(const struct port_set *s, enum protocol p)
{
    const uint64_t *w = words((struct port_set *)s, p);
    uint32_t n = 0;

    for (size_t i = 0; w && i < 1024; i++)
        n += (uint32_t)__builtin_popcountll(w[i]);
    return n;
}

uint32_t port_set_list(const struct port_set *s, enum protocol p, uint16_t *ret)
{
    uint32_t n = 0;

    for (uint32_t port = 0; port <= UINT16_MAX; port++)
        if (port_set_has(s, p, (uint16_t)port))
            ret[n++] = (uint16_t)port;
    return n;
}

/* The first member that is not below `from`; PORTS_END: none. */
static uint32_t next_member(const uint64_t *w, uint32_t from)
{
    for (; from < PORTS_END; from = (from | 63) + 1)
        if (w[from / 64] >> from % 64)
            return from + (uint32_t)__builtin_ctzll(w[from / 64] >> from % 64);
    return PORTS_END;
}

static void format_protocol(struct buf *out, const struct port_set *s, enum protocol p)
{
    const uint64_t *w = words((struct port_set *)s, p);
    const char *comma = "";
    uint32_t last;

    for (uint32_t first = 0; w && (first = next_member(w, first)) < PORTS_END; first = last + 1) {
        last = first;
        while (last < UINT16_MAX && port_set_has(s, p, (uint16_t)(last + 1)))
            last++;
        buf_printf(out, last > first ? "%s%u-%u" : "%s%u", comma, first, last);
        comma = ",";
    }
}

void port_set_format(struct buf *out, const struct port_set *s)
{
    uint32_t n_tcp = port_set_count(s, PROTOCOL_TCP), n_udp = port_set_count(s, PROTOCOL_UDP);

    buf_str(out, "");
    if (n_tcp && n_udp)
        buf_str(out, "T:");
    format_protocol(out, s, PROTOCOL_TCP);
    if (n_udp)
        buf_str(out, n_tcp ? ",U:" : "U:");
    format_protocol(out, s, PROTOCOL_UDP);
}

void port_set_format_of(struct buf *out, const struct port_set *s, enum protocol p)
{
    buf_str(out, "");
    format_protocol(out, s, p);
}

struct parse {
    struct port_set set;
    unsigned protocols; /* mask of TCP and UDP that the next part goes to */
    const struct services *names;
    struct err *e;
};

static int bad_part(struct parse *p, const char *part, const char *expected)
{
    return err_set(p->e, -EINVAL, "port '%s': %s", part, expected);
}

/* A decimal port at *s, moved behind it.  False when there is none or it is over 65535. */
static bool read_port(const char **s, uint32_t *ret)
{
    uint32_t v = 0;
    const char *c = *s;

    for (; *c >= '0' && *c <= '9' && v <= UINT16_MAX; c++)
        v = v * 10 + (uint32_t)(*c - '0');
    if (c == *s || v > UINT16_MAX)
        return false;
    *s = c;
    *ret = v;
    return true;
}

/* "22", "20-25", "-1024", "60000-", "-".  An open start means 1: port 0 only on request, as in
 * nmap. */
static bool read_range(const char *s, uint32_t *first, uint32_t *last)
{
    *first = 1;
    if (*s != '-' && !read_port(&s, first))
        return false;
    *last = *first;
    if (*s == '-') {
        s++;
        *last = UINT16_MAX;
        if (*s && !read_port(&s, last))
            return false;
    }
    return *s == 0;
}

static void add_port(struct parse *p, uint32_t port)
{
    if (p->protocols & TCP)
        port_set_add(&p->set, PROTOCOL_TCP, (uint16_t)port);
    if (p->protocols & UDP)
        port_set_add(&p->set, PROTOCOL_UDP, (uint16_t)port);
}

static int add_range(struct parse *p, const char *part)
{
    uint32_t first, last;

    if (!read_range(part, &first, &last) && strspn(part, "0123456789-") == strlen(part))
        return bad_part(p, part, "ports are numbers up to 65535");
    if (!read_range(part, &first, &last))
        return bad_part(p, part, "expected a port, a range such as 8000-8100, or a name");
    if (first > last)
        return bad_part(p, part, "expected the lower port of a range first");
    for (uint32_t port = first; port <= last; port++)
        add_port(p, port);
    return 0;
}

/* "[-1024]": of a range, what the services table knows. */
static int add_known(struct parse *p, const char *part)
{
    char inner[PART_MAX];
    size_t len = strlen(part);
    uint32_t first, last;

    if (len < 2 || part[len - 1] != ']')
        return bad_part(p, part, "expected ']' at the end");
    memcpy(inner, part + 1, len - 2);
    inner[len - 2] = 0;
    if (!read_range(inner, &first, &last) || first > last)
        return bad_part(p, part, "expected a range such as [1-1024]");
    if (!p->names)
        return bad_part(p, part, "there is no services table to choose from");
    for (uint32_t port = first; port <= last; port++) {
        if (p->protocols & TCP && services_name(p->names, PROTOCOL_TCP, (uint16_t)port))
            port_set_add(&p->set, PROTOCOL_TCP, (uint16_t)port);
        if (p->protocols & UDP && services_name(p->names, PROTOCOL_UDP, (uint16_t)port))
            port_set_add(&p->set, PROTOCOL_UDP, (uint16_t)port);
    }
    return 0;
}

static void on_match(void *user, enum protocol protocol, uint16_t port)
{
    struct parse *p = user;

    if (p->protocols & (protocol == PROTOCOL_TCP ? TCP : UDP))
        port_set_add(&p->set, protocol, port);
}

static int add_name(struct parse *p, const char *part)
{
    if (!p->names)
        return bad_part(p, part, "there is no services table to look the name up");
    if (services_match(p->names, part, on_match, p) == 0)
        return bad_part(p, part, "no service of this name is known");
    return 0;
}

/* Takes "T:" or "U:" off the front. */
static int take_prefix(struct parse *p, const char **part)
{
    char letter = **part;

    if (!letter || (*part)[1] != ':')
        return 0;
    if (letter == 'T' || letter == 't')
        p->protocols = TCP;
    else if (letter == 'U' || letter == 'u')
        p->protocols = UDP;
    else
        return bad_part(p, *part, "expected T: (TCP) or U: (UDP) as protocol");
    *part += 2;
    return 0;
}

static int add_part(struct parse *p, const char *part)
{
    int r = take_prefix(p, &part);

    if (r < 0)
        return r;
    if (!*part)
        return bad_part(p, part, "a part is empty");
    if (*part == '[')
        return add_known(p, part);
    if (*part == '-' || (*part >= '0' && *part <= '9'))
        return add_range(p, part);
    return add_name(p, part);
}

int port_set_parse(struct port_set *ret, const char *text, unsigned default_protocols,
                   const struct services *names, struct err *e)
{
    struct parse p = {.protocols = default_protocols, .names = names, .e = e};

    for (const char *s = text;;) {
        size_t blanks = strspn(s, " \t"), len = strcspn(s + blanks, " \t,");
        char part[PART_MAX];
        int r;

        s += blanks;
        if (len >= sizeof part)
            return err_set(e, -EINVAL, "port '%.20s...': longer than any port or name", s);
        memcpy(part, s, len);
        part[len] = 0;
        r = add_part(&p, part);
        if (r < 0)
            return r;
        s += len + strspn(s + len, " \t");
        if (!*s)
            break;
        if (*s++ != ',')
            return bad_part(&p, s - 1, "expected a comma in front");
    }
    *ret = p.set;
    return 0;
}

int port_few_parse(struct port_few *ret, const char *text, struct err *e)
{
    CLEANUP(freep) struct port_set *set = calloc(1, sizeof *set);
    CLEANUP(freep) uint16_t *list = calloc(65536, sizeof *list);
    uint32_t n;
    int r;

    *ret = (struct port_few){.n = 0};
    if (!text || !*text)
        return 0;
    if (!set || !list)
        return err_set(e, -ENOMEM, "out of memory");
    r = port_set_parse(set, text, 1, NULL, e);
    if (r < 0)
        return r;
    n = port_set_list(set, PROTOCOL_TCP, list);
    if (port_set_count(set, PROTOCOL_UDP) || n == 0 || n > PORT_FEW_MAX)
        return err_set(e, -EINVAL, "'%s': expected 1 to %d ports, such as 22,80,443", text,
                       PORT_FEW_MAX);
    for (uint32_t i = 0; i < n; i++)
        ret->v[ret->n++] = list[i];
    return 0;
}
