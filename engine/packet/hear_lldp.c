/* The first three TLVs are mandatory and in order (802.1AB 8.2); what is optional and of unknown
 * kind is passed over.  A TLV whose length is too short for its kind makes the message bad (9.2.7
 * would drop the TLV alone: but a sender that errs there is not one to learn from). */
#include "engine/packet/hear_lldp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TLVS_MAX 128

enum {
    TLV_END = 0,
    TLV_CHASSIS = 1,
    TLV_PORT = 2,
    TLV_TTL = 3,
    TLV_PORT_LABEL = 4,
    TLV_SYSTEM_NAME = 5,
    TLV_SYSTEM_LABEL = 6,
    TLV_CAPABILITIES = 7,
    TLV_MANAGEMENT = 8,
    TLV_ORGANISATION = 127,
};
enum { OUI_8021 = 0x0080c2, OUI_MED = 0x0012bb };

/* IDs are typed: subtype 4 of a chassis and 3 of a port is a MAC address, 5 and 4 a network
 * address, the others text. */
static void add_id(struct hear_evidence *e, enum hear_kind kind, struct rbuf *b)
{
    uint8_t subtype = rbuf_u8(b);
    bool chassis = kind == HEAR_CHASSIS;
    size_t len = rbuf_left(b);
    const uint8_t *p = rbuf_bytes(b, len);
    char text[ADDR_TEXT_MAX];
    struct addr a;

    if (len == 0)
        b->bad = true;
    else if (subtype == (chassis ? 4 : 3) && len == 6)
        hear_add_hex(e, kind, p, len);
    else if (subtype == (chassis ? 5 : 4) &&
             ((p[0] == 1 && len == 5) || (p[0] == 2 && len == 17))) {
        a = addr_from_bytes(p[0] == 1 ? ADDR_V4 : ADDR_V6, p + 1);
        hear_add_text(e, kind, addr_format(&a, text));
    } else
        hear_add(e, kind, p, len);
}

/* What is enabled, not what would be possible. */
static void add_roles(struct hear_evidence *e, struct rbuf *b)
{
    static const char *const names[] = {"other",  "repeater",  "bridge", "access-point",
                                        "router", "telephone", "docsis", "station"};
    uint16_t enabled = (rbuf_skip(b, 2), rbuf_u16(b));

    for (size_t i = 0; !b->bad && i < sizeof names / sizeof *names; i++)
        if (enabled >> i & 1)
            hear_add_text(e, HEAR_ROLE, names[i]);
}

/* Length of subtype and address, subtype (IANA family: 1 IPv4, 2 IPv6), address; the interface and
 * object behind it are of no use. */
static void add_management(struct hear_evidence *e, struct rbuf *b)
{
    uint8_t len = rbuf_u8(b), family = rbuf_u8(b);
    struct addr a = {0};

    if (family == 1 && len == 5)
        hear_read_addr(b, ADDR_V4, &a);
    else if (family == 2 && len == 17)
        hear_read_addr(b, ADDR_V6, &a);
    hear_add_addr(e, &a);
}

static void add_organisation(struct hear_evidence *e, struct rbuf *b)
{
    /* LLDP-MED: firmware 6, software 7, serial number 8, manufacturer 9, model 10. */
    static const enum hear_kind med[] = {HEAR_SOFTWARE, HEAR_SOFTWARE, HEAR_SERIAL, HEAR_VENDOR,
                                         HEAR_MODEL};
    uint32_t head = rbuf_u32(b), oui = head >> 8;
    uint8_t subtype = head & 0xff;
    size_t len = rbuf_left(b);

    if (oui == OUI_8021 && subtype == 1)
        e->port_vlan = rbuf_u16(b) & 0xfff;
    else if (oui == OUI_MED && subtype >= 6 && subtype <= 10)
        hear_add(e, med[subtype - 6], rbuf_bytes(b, len), len);
}

static void add_tlv(struct hear_evidence *e, uint8_t type, struct rbuf *b)
{
    size_t len = rbuf_left(b);

    if (type == TLV_PORT_LABEL)
        hear_add(e, HEAR_PORT_LABEL, rbuf_bytes(b, len), len);
    else if (type == TLV_SYSTEM_NAME)
        hear_add(e, HEAR_SYSTEM, rbuf_bytes(b, len), len);
    else if (type == TLV_SYSTEM_LABEL)
        hear_add(e, HEAR_SOFTWARE, rbuf_bytes(b, len), len);
    else if (type == TLV_CAPABILITIES)
        add_roles(e, b);
    else if (type == TLV_MANAGEMENT)
        add_management(e, b);
    else if (type == TLV_ORGANISATION)
        add_organisation(e, b);
}

/* Seven bits of type, nine of length. */
static uint8_t read_tlv(struct rbuf *b, struct rbuf *ret_body)
{
    uint16_t head = rbuf_u16(b), len = head & 0x1ff;
    const uint8_t *p = rbuf_bytes(b, len);

    *ret_body = rbuf_of(p, p ? len : 0);
    return b->bad ? TLV_END : (uint8_t)(head >> 9);
}

static bool read_mandatory(struct hear_evidence *e, struct rbuf *b, uint16_t *ret_ttl)
{
    struct rbuf body;

    if (read_tlv(b, &body) != TLV_CHASSIS)
        return false;
    add_id(e, HEAR_CHASSIS, &body);
    if (body.bad || read_tlv(b, &body) != TLV_PORT)
        return false;
    add_id(e, HEAR_PORT, &body);
    if (body.bad || read_tlv(b, &body) != TLV_TTL)
        return false;
    *ret_ttl = rbuf_u16(&body);
    return !body.bad;
}

int hear_lldp(struct hear_evidence *ret, struct rbuf *b)
{
    struct hear_evidence e = {.source = HEAR_LLDP, .of_sender = true};
    struct rbuf body;
    uint16_t ttl = 0;

    if (!read_mandatory(&e, b, &ttl))
        return -EBADMSG;
    if (ttl == 0)
        return -ENOMSG;
    for (int i = 0; rbuf_left(b) > 0 && i < TLVS_MAX; i++) {
        uint8_t type = read_tlv(b, &body);

        if (type == TLV_END)
            break; /* what follows is padding of the frame */
        add_tlv(&e, type, &body);
        b->bad |= body.bad;
    }
    if (b->bad)
        return -EBADMSG;
    *ret = e;
    return 0;
}
