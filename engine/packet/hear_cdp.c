/* Types and lengths of two bytes, the length with its own header.  The checksum is not looked at:
 * the link has one, and versions differ in how they treat an odd last byte. */
#include "engine/packet/hear_cdp.h"

#include <errno.h>
#include <string.h>

#define TLVS_MAX  128
#define ADDRS_MAX 16

enum {
    TLV_DEVICE = 1,
    TLV_ADDRESSES = 2,
    TLV_PORT = 3,
    TLV_CAPABILITIES = 4,
    TLV_VERSION = 5,
    TLV_PLATFORM = 6,
    TLV_DOMAIN = 9,
    TLV_NATIVE_VLAN = 10,
    TLV_SYSTEM_NAME = 20,
    TLV_MANAGEMENT = 22,
};

/* Protocol type 1 is an NLPID (cc: IPv4), type 2 an LLC header with the Ethernet type at its end.
 */
static void add_address(struct hear_evidence *e, struct rbuf *b)
{
    static const uint8_t llc_ip6[] = {0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd};
    uint8_t type = rbuf_u8(b), protocol_len = rbuf_u8(b);
    const uint8_t *protocol = rbuf_bytes(b, protocol_len);
    uint16_t len = rbuf_u16(b);
    const uint8_t *p = rbuf_bytes(b, len);
    struct addr a = {0};

    if (!p || !protocol)
        return;
    if (type == 1 && protocol_len == 1 && protocol[0] == 0xcc && len == 4)
        a = addr_from_bytes(ADDR_V4, p);
    else if (type == 2 && protocol_len == sizeof llc_ip6 &&
             !memcmp(protocol, llc_ip6, sizeof llc_ip6) && len == 16)
        a = addr_from_bytes(ADDR_V6, p);
    hear_add_addr(e, &a);
}

static void add_addresses(struct hear_evidence *e, struct rbuf *b)
{
    uint32_t n = rbuf_u32(b);

    for (uint32_t i = 0; i < n && i < ADDRS_MAX && !b->bad; i++)
        add_address(e, b);
}

static void add_roles(struct hear_evidence *e, struct rbuf *b)
{
    static const char *const names[] = {"router",  "bridge", "bridge",   "switch",
                                        "station", "igmp",   "repeater", "telephone"};
    uint32_t has = rbuf_u32(b);

    for (size_t i = 0; !b->bad && i < sizeof names / sizeof *names; i++)
        if (has >> i & 1)
            hear_add_text(e, HEAR_ROLE, names[i]);
}

/* The texts by type; HEAR_KINDS: another kind of value. */
static enum hear_kind text_kind(uint16_t type)
{
    switch (type) {
    case TLV_DEVICE:
    case TLV_SYSTEM_NAME:
        return HEAR_SYSTEM;
    case TLV_PORT:
        return HEAR_PORT;
    case TLV_VERSION:
        return HEAR_SOFTWARE;
    case TLV_PLATFORM:
        return HEAR_MODEL;
    case TLV_DOMAIN:
        return HEAR_GROUP;
    default:
        return HEAR_KINDS;
    }
}

static void add_tlv(struct hear_evidence *e, uint16_t type, struct rbuf *b)
{
    enum hear_kind kind = text_kind(type);
    size_t len = rbuf_left(b);

    if (kind != HEAR_KINDS)
        hear_add(e, kind, rbuf_bytes(b, len), len);
    else if (type == TLV_ADDRESSES || type == TLV_MANAGEMENT)
        add_addresses(e, b);
    else if (type == TLV_CAPABILITIES)
        add_roles(e, b);
    else if (type == TLV_NATIVE_VLAN)
        e->port_vlan = rbuf_u16(b) & 0xfff;
}

/* False when it is no CDP; `bad` when it is cut. */
static bool read_head(struct rbuf *b, uint8_t *ret_ttl)
{
    static const uint8_t snap[] = {0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0};
    const uint8_t *head = rbuf_bytes(b, sizeof snap);
    uint8_t version = rbuf_u8(b);

    *ret_ttl = rbuf_u8(b);
    rbuf_skip(b, 2); /* checksum */
    return !b->bad && !memcmp(head, snap, sizeof snap) && (version == 1 || version == 2);
}

int hear_cdp(struct hear_evidence *ret, struct rbuf *b)
{
    struct hear_evidence e = {.source = HEAR_CDP, .of_sender = true};
    bool known;
    uint8_t ttl;

    known = read_head(b, &ttl);
    if (!b->bad && (!known || ttl == 0))
        return -ENOMSG;
    for (int i = 0; rbuf_left(b) > 0 && i < TLVS_MAX; i++) {
        uint16_t type = rbuf_u16(b), len = rbuf_u16(b);
        const uint8_t *p = rbuf_bytes(b, len < 4 ? SIZE_MAX : len - 4U);
        struct rbuf body = rbuf_of(p, p ? len - 4U : 0);

        if (p)
            add_tlv(&e, type, &body);
        b->bad |= body.bad;
    }
    /* Without a device there is no neighbour to speak of. */
    if (b->bad || !hear_fact_text(&e, HEAR_SYSTEM, 0))
        return -EBADMSG;
    *ret = e;
    return 0;
}
