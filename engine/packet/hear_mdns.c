/* Which records are the sender's own: in a response all of them; in a query only the authority
 * section, where a host that is about to claim names puts them (RFC 6762 8.2).  The answer section
 * of a query holds what the sender knows of others (7.1) and is passed over.
 *
 * Reflectors repeat others' responses under their own address; nothing in the message tells. */
#include "engine/packet/hear_mdns.h"

#include "engine/packet/hear_name.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define RECORDS_MAX 128 /* of one message; more are an attack or of no use */

enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_HINFO = 13, TYPE_TXT = 16, TYPE_AAAA = 28, TYPE_SRV = 33 };

struct record {
    struct hear_name owner;
    uint16_t type;
    size_t at, len; /* the data, inside the message */
};

/* What keys of TXT records mean: RFC 6763 leaves them to each service.  Printers have ty, product,
 * usb_MFG and usb_MDL; _device-info has model; casting devices and home accessories have md and fn;
 * audio receivers am. */
static const struct {
    const char *key;
    enum hear_kind kind;
} txt_keys[] = {
    {"model", HEAR_MODEL},   {"md", HEAR_MODEL},
    {"ty", HEAR_MODEL},      {"am", HEAR_MODEL},
    {"usb_MDL", HEAR_MODEL}, {"usb_MFG", HEAR_VENDOR},
    {"vendor", HEAR_VENDOR}, {"manufacturer", HEAR_VENDOR},
    {"fn", HEAR_TITLE},      {"serialNumber", HEAR_SERIAL},
};

static void add_service(struct hear_evidence *e, const struct hear_name *n)
{
    size_t len = n->len;

    /* "_http._tcp.local", but no subtypes and not the list of all types. */
    if (n->text[0] != '_' || strstr(n->text, "._sub.") || !strncasecmp(n->text, "_services.", 10))
        return;
    if (hear_name_ends(n, ".local"))
        len -= strlen(".local");
    hear_add(e, HEAR_SERVICE, n->text, len);
}

/* Of "Office Printer._ipp._tcp.local" the rest behind the first label. */
static struct hear_name parent_of(const struct hear_name *n)
{
    struct hear_name p = {0};
    size_t skip = n->first_len + 1;

    if (n->len > skip) {
        p.len = n->len - skip;
        memcpy(p.text, n->text + skip, p.len);
    }
    return p;
}

static void add_instance(struct hear_evidence *e, const struct hear_name *n)
{
    struct hear_name type = parent_of(n);

    if (type.text[0] != '_')
        return;
    add_service(e, &type);
    hear_add(e, HEAR_TITLE, n->text, n->first_len);
}

static void add_pointer(struct hear_evidence *e, const struct hear_name *owner, struct rbuf *b)
{
    struct hear_name to;

    if (!hear_name_read(b, &to))
        return;
    if (!strncasecmp(owner->text, "_services.", 10)) {
        add_service(e, &to);
    } else if (owner->text[0] == '_') {
        add_service(e, owner);
        add_instance(e, &to);
    }
}

static void add_server(struct hear_evidence *e, const struct hear_name *owner, struct rbuf *b)
{
    struct hear_name host;

    rbuf_skip(b, 6); /* priority, weight, port */
    if (!hear_name_read(b, &host))
        return;
    hear_add(e, HEAR_NAME, host.text, host.len);
    add_instance(e, owner);
}

static void add_pair(struct hear_evidence *e, const uint8_t *s, size_t len)
{
    const uint8_t *equals = memchr(s, '=', len);
    size_t key = equals ? (size_t)(equals - s) : len;

    for (size_t i = 0; equals && i < sizeof txt_keys / sizeof *txt_keys; i++)
        if (strlen(txt_keys[i].key) == key && !strncasecmp(txt_keys[i].key, (const char *)s, key))
            hear_add(e, txt_keys[i].kind, equals + 1, len - key - 1);
}

static void add_text(struct hear_evidence *e, struct rbuf *b)
{
    while (rbuf_left(b) > 0) {
        uint8_t len = rbuf_u8(b);
        const uint8_t *s = rbuf_bytes(b, len);

        if (s && len)
            add_pair(e, s, len);
    }
}

static void add_host_info(struct hear_evidence *e, struct rbuf *b)
{
    rbuf_skip(b, rbuf_u8(b)); /* hardware: a processor's name */
    uint8_t len = rbuf_u8(b);
    const uint8_t *system = rbuf_bytes(b, len);

    if (system)
        hear_add(e, HEAR_SOFTWARE, system, len);
}

static void add_host(struct hear_evidence *e, const struct record *r, struct rbuf *b)
{
    struct addr a = {0};

    hear_read_addr(b, r->type == TYPE_A ? ADDR_V4 : ADDR_V6, &a);
    hear_add_addr(e, &a);
    hear_add(e, HEAR_NAME, r->owner.text, r->owner.len);
}

/* The data ends with the record, names in it may point back into the whole message. */
static void add_record(struct hear_evidence *e, const struct record *r, struct rbuf *message)
{
    struct rbuf b = {message->data, r->at + r->len, r->at, false};

    if (r->type == TYPE_A || r->type == TYPE_AAAA)
        add_host(e, r, &b);
    else if (r->type == TYPE_PTR)
        add_pointer(e, &r->owner, &b);
    else if (r->type == TYPE_SRV)
        add_server(e, &r->owner, &b);
    else if (r->type == TYPE_TXT)
        add_text(e, &b);
    else if (r->type == TYPE_HINFO)
        add_host_info(e, &b);
    message->bad |= b.bad;
}

/* False at a cut record.  A time to live of 0 takes a record back (RFC 6762 10.1): *ret_live. */
static bool read_record(struct rbuf *b, struct record *ret, bool *ret_live)
{
    if (!hear_name_read(b, &ret->owner))
        return false;
    ret->type = rbuf_u16(b);
    rbuf_skip(b, 2);
    *ret_live = rbuf_u32(b) != 0;
    ret->len = rbuf_u16(b);
    ret->at = b->pos;
    rbuf_skip(b, ret->len);
    return !b->bad;
}

static void skip_questions(struct rbuf *b, unsigned n)
{
    struct hear_name name;

    while (n-- > 0 && hear_name_read(b, &name))
        rbuf_skip(b, 4);
}

int hear_mdns(struct hear_evidence *ret, struct rbuf *b)
{
    struct hear_evidence e = {.source = HEAR_MDNS, .of_sender = true};
    uint16_t flags = (rbuf_skip(b, 2), rbuf_u16(b)), questions = rbuf_u16(b);
    unsigned answers = rbuf_u16(b), authority = rbuf_u16(b), extra = rbuf_u16(b);
    unsigned first = flags & 0x8000 ? 0 : answers, n = answers + authority;
    struct record record;
    bool live;

    if (b->bad)
        return -EBADMSG;
    if (flags & 0x780f) /* RFC 6762 18.3, 18.11: others are ignored */
        return -ENOMSG;
    if (questions > RECORDS_MAX || n + extra > RECORDS_MAX)
        return -EBADMSG;
    if (flags & 0x8000)
        n += extra;
    skip_questions(b, questions);
    for (unsigned i = 0; i < n && read_record(b, &record, &live); i++)
        if (i >= first && live)
            add_record(&e, &record, b);
    if (b->bad)
        return -EBADMSG;
    *ret = e;
    return 0;
}
