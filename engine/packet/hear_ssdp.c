/* HTTP-like lines over UDP.  Devices are careless with line ends and with the empty line at the
 * end, so a line ends at LF or with the datagram.  A search names only what is searched for: of the
 * searching device it tells its software and, since version 2.0, its name. */
#include "engine/packet/hear_ssdp.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 64

enum message { ANNOUNCEMENT, SEARCH, ANSWER, NONE };

struct line {
    const char *s;
    size_t len;
};

static struct line read_line(struct rbuf *b)
{
    struct line l = {(const char *)b->data + b->pos, rbuf_left(b)};
    const char *end = memchr(l.s, '\n', l.len);

    if (end)
        l.len = (size_t)(end - l.s);
    rbuf_skip(b, l.len + (end ? 1 : 0));
    if (l.len && l.s[l.len - 1] == '\r')
        l.len--;
    return l;
}

static bool starts(struct line l, const char *with)
{
    return l.len >= strlen(with) && !strncasecmp(l.s, with, strlen(with));
}

static enum message read_first(struct rbuf *b)
{
    struct line l = rbuf_left(b) ? read_line(b) : (struct line){0};

    if (starts(l, "NOTIFY * HTTP/1."))
        return ANNOUNCEMENT;
    if (starts(l, "M-SEARCH * HTTP/1."))
        return SEARCH;
    if (starts(l, "HTTP/1.1 200") || starts(l, "HTTP/1.0 200"))
        return ANSWER;
    return NONE;
}

/* Splits "Name: value"; false without a colon. */
static bool split(struct line l, struct line *ret_name, struct line *ret_value)
{
    const char *colon = l.len ? memchr(l.s, ':', l.len) : NULL;

    if (!colon)
        return false;
    *ret_name = (struct line){l.s, (size_t)(colon - l.s)};
    *ret_value = (struct line){colon + 1, l.len - ret_name->len - 1};
    while (ret_value->len && (*ret_value->s == ' ' || *ret_value->s == '\t')) {
        ret_value->s++;
        ret_value->len--;
    }
    return true;
}

static bool is(struct line l, const char *name)
{
    return l.len == strlen(name) && starts(l, name);
}

/* "uuid:XXXX::urn:...": what is between. */
static void add_uuid(struct hear_evidence *e, struct line v)
{
    const char *end;

    if (!starts(v, "uuid:"))
        return;
    v.s += 5;
    v.len -= 5;
    end = memmem(v.s, v.len, "::", 2);
    hear_add(e, HEAR_UUID, v.s, end ? (size_t)(end - v.s) : v.len);
}

static void add_header(struct hear_evidence *e, enum message m, struct line name, struct line value)
{
    if (is(name, "SERVER") || is(name, "USER-AGENT"))
        hear_add(e, HEAR_SOFTWARE, value.s, value.len);
    else if (is(name, "CPFN.UPNP.ORG"))
        hear_add(e, HEAR_TITLE, value.s, value.len);
    else if (is(name, "CPUUID.UPNP.ORG"))
        hear_add(e, HEAR_UUID, value.s, value.len);
    else if (m == SEARCH)
        return;
    else if (is(name, "USN"))
        add_uuid(e, value);
    else if (is(name, "LOCATION"))
        hear_add(e, HEAR_LOCATION, value.s, value.len);
    else if (is(name, m == ANSWER ? "ST" : "NT") && !starts(value, "uuid:"))
        hear_add(e, HEAR_SERVICE, value.s, value.len);
}

int hear_ssdp(struct hear_evidence *ret, struct rbuf *b)
{
    struct hear_evidence e = {.source = HEAR_SSDP, .of_sender = true};
    enum message m = read_first(b);
    struct line name, value;

    if (m == NONE)
        return -EBADMSG;
    for (int i = 0; rbuf_left(b) > 0 && i < HEADERS_MAX; i++) {
        struct line l = read_line(b);

        if (l.len == 0)
            break;
        if (!split(l, &name, &value))
            return -EBADMSG;
        if (is(name, "NTS") && starts(value, "ssdp:byebye"))
            return -ENOMSG;
        add_header(&e, m, name, value);
    }
    *ret = e;
    return 0;
}
