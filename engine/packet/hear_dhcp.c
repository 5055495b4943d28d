/* The options are indexed by tag first (the first of each counts) and read afterwards, because what
 * one means depends on others, above all on the message type.
 *
 * MAC addresses come from the message, not from the frame: relays send on, and the client's
 * hardware address stays in chaddr. */
#include "engine/packet/hear_dhcp.h"

#include "engine/packet/hear_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COOKIE    0x63825363
#define SNAME_LEN 64
#define FILE_LEN  128

enum { OP_REQUEST = 1, OP_REPLY = 2 };
enum {
    TAG_PAD = 0,
    TAG_HOST_NAME = 12,
    TAG_REQUESTED = 50,
    TAG_OVERLOAD = 52,
    TAG_TYPE = 53,
    TAG_SERVER = 54,
    TAG_PARAMETERS = 55,
    TAG_VENDOR_CLASS = 60,
    TAG_CLIENT_ID = 61,
    TAG_FQDN = 81,
    TAG_END = 255,
};
enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM, FORCE_RENEW };

struct option {
    const uint8_t *p; /* NULL: not there */
    uint8_t len;
};

struct dhcp {
    uint8_t op, type; /* type 0: BOOTP */
    struct addr client, yours, relay;
    struct mac mac;
    bool ethernet;
    struct option options[256];
};

static void read_options(struct dhcp *d, struct rbuf *b)
{
    while (rbuf_left(b) > 0) {
        uint8_t tag = rbuf_u8(b), len;
        struct option o;

        if (tag == TAG_PAD)
            continue;
        if (tag == TAG_END)
            return;
        len = rbuf_u8(b);
        o = (struct option){rbuf_bytes(b, len), len};
        if (!d->options[tag].p)
            d->options[tag] = o;
    }
}

/* Options may go on in the fields for the boot file and the server's name (RFC 2131 4.1). */
static void read_overload(struct dhcp *d, struct rbuf *b, const uint8_t *sname, const uint8_t *file)
{
    const struct option *o = &d->options[TAG_OVERLOAD];
    struct rbuf more;

    if (b->bad || !o->p || o->len != 1)
        return;
    if (*o->p & 1) {
        more = rbuf_of(file, FILE_LEN);
        read_options(d, &more);
        b->bad |= more.bad;
    }
    if (*o->p & 2) {
        more = rbuf_of(sname, SNAME_LEN);
        read_options(d, &more);
        b->bad |= more.bad;
    }
}

static void read_message(struct dhcp *d, struct rbuf *b)
{
    const uint8_t *hardware, *sname, *file;
    uint16_t kind;

    d->op = rbuf_u8(b);
    kind = rbuf_u16(b); /* hardware type and address length */
    rbuf_skip(b, 9);    /* hops, transaction, seconds, flags */
    hear_read_addr(b, ADDR_V4, &d->client);
    hear_read_addr(b, ADDR_V4, &d->yours);
    rbuf_skip(b, 4);
    hear_read_addr(b, ADDR_V4, &d->relay);
    hardware = rbuf_bytes(b, 16);
    sname = rbuf_bytes(b, SNAME_LEN);
    file = rbuf_bytes(b, FILE_LEN);
    if (rbuf_u32(b) != COOKIE)
        b->bad = true;
    if (b->bad)
        return;
    d->ethernet = kind == (1 << 8 | 6);
    memcpy(d->mac.b, hardware, sizeof d->mac.b);
    read_options(d, b);
    read_overload(d, b, sname, file);
    if (d->options[TAG_TYPE].p && d->options[TAG_TYPE].len == 1)
        d->type = *d->options[TAG_TYPE].p;
}

static struct addr option_addr(const struct dhcp *d, uint8_t tag)
{
    const struct option *o = &d->options[tag];

    return o->p && o->len == 4 ? addr_from_bytes(ADDR_V4, o->p) : (struct addr){0};
}

/* Flags, two result codes, and a name: as labels when flag E (0x04) is set, else as text. */
static void add_fqdn(struct hear_evidence *e, const struct option *o)
{
    struct rbuf b = rbuf_of(o->p, o->p ? o->len : 0);
    struct hear_name name;
    uint8_t flags = rbuf_u8(&b);

    rbuf_skip(&b, 2);
    if (b.bad || !rbuf_left(&b))
        return;
    if (!(flags & 4)) {
        hear_add(e, HEAR_NAME, b.data + b.pos, rbuf_left(&b));
        return;
    }
    b = rbuf_of(b.data + b.pos, rbuf_left(&b));
    if (hear_name_read(&b, &name))
        hear_add(e, HEAR_NAME, name.text, name.len);
}

static void add_parameters(struct hear_evidence *e, const struct option *o)
{
    char text[HEAR_FACT_MAX + 1];
    size_t n = 0;

    for (size_t i = 0; o->p && i < o->len && n + 5 < sizeof text; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, i ? ",%u" : "%u", o->p[i]);
    hear_add(e, HEAR_PARAMETERS, text, n);
}

static void add_client(struct hear_evidence *e, const struct dhcp *d)
{
    const struct option *name = &d->options[TAG_HOST_NAME], *id = &d->options[TAG_CLIENT_ID];
    const struct option *class = &d->options[TAG_VENDOR_CLASS];

    if (d->ethernet)
        hear_set_mac(e, &d->mac);
    hear_add(e, HEAR_NAME, name->p, name->len);
    add_fqdn(e, &d->options[TAG_FQDN]);
    if (d->op == OP_REQUEST) {
        hear_add(e, HEAR_VENDOR_CLASS, class->p, class->len);
        hear_add_hex(e, HEAR_CLIENT_ID, id->p, id->len);
        add_parameters(e, &d->options[TAG_PARAMETERS]);
    }
}

static int of_client(struct hear_evidence *e, const struct dhcp *d)
{
    struct addr requested = option_addr(d, TAG_REQUESTED);

    if (d->type == DECLINE || d->type == RELEASE || d->type > INFORM)
        return -ENOMSG;
    add_client(e, d);
    hear_add_addr(e, &d->client);
    if (hear_addr_is_host(&requested))
        e->requested = requested;
    return e->has_mac || e->n_addrs ? 0 : -ENOMSG;
}

static int of_reply(struct hear_evidence *e, const struct dhcp *d)
{
    struct addr server = option_addr(d, TAG_SERVER);

    if (d->type == ACK || !d->type) {
        add_client(e, d);
        hear_add_addr(e, &d->yours);
        return e->has_mac && e->n_addrs ? 0 : -ENOMSG;
    }
    if ((d->type != OFFER && d->type != NAK) || !hear_addr_is_host(&server))
        return -ENOMSG;
    hear_add_text(e, HEAR_ROLE, "dhcp-server");
    hear_add_addr(e, &server);
    /* A relay's frame says nothing of the server's link. */
    e->of_sender = addr_to_v4(&d->relay) == 0;
    return 0;
}

int hear_dhcp(struct hear_evidence *ret, struct rbuf *b)
{
    struct hear_evidence e = {.source = HEAR_DHCP};
    struct dhcp d = {0};
    int r;

    read_message(&d, b);
    if (b->bad || (d.op != OP_REQUEST && d.op != OP_REPLY))
        return -EBADMSG;
    r = d.op == OP_REQUEST ? of_client(&e, &d) : of_reply(&e, &d);
    if (r < 0)
        return r;
    *ret = e;
    return 0;
}
