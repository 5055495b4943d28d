/* Registrations and refreshes name their sender in the question and carry the address in the
 * additional record; positive answers of the owner of a name tell the same in the answer record; a
 * status answer lists all names of a machine and its MAC address. */
#include "engine/packet/hear_nbns.h"

#include "engine/packet/hear_name.h"

#include <errno.h>
#include <string.h>

enum { OP_QUERY = 0, OP_REGISTER = 5, OP_REFRESH = 8, OP_REFRESH_ALT = 9, OP_MULTI_HOMED = 15 };
enum { TYPE_NB = 0x20, TYPE_STATUS = 0x21 };
enum { FLAG_RESPONSE = 0x8000, FLAG_FROM_SERVER = 0x0080, FLAG_GROUP = 0x8000 };
enum { NETBIOS_LEN = 15, ENCODED_LEN = 32, ADDRS_IN_RECORD_MAX = 16, STATUS_NAMES_MAX = 64 };

/* Names of machines end in 00 (workstation) or 20 (file server); other suffixes stand for users and
 * services. */
static void add_name(struct hear_evidence *e, const uint8_t name[16], bool group)
{
    uint8_t suffix = name[NETBIOS_LEN];

    if (name[0] < 0x20 || name[0] == '*')
        return;
    if (group)
        hear_add(e, HEAR_GROUP, name, NETBIOS_LEN);
    else if (suffix == 0x00 || suffix == 0x20)
        hear_add(e, HEAR_NAME, name, NETBIOS_LEN);
}

/* Each half of a byte is one letter from A on (RFC 1001 14.1). */
static bool decode_name(const struct hear_name *n, uint8_t ret[16])
{
    if (n->first_len != ENCODED_LEN)
        return false;
    for (size_t i = 0; i < 16; i++) {
        unsigned high = (unsigned char)n->text[2 * i] - 'A';
        unsigned low = (unsigned char)n->text[2 * i + 1] - 'A';

        if (high > 15 || low > 15)
            return false;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static void read_addresses(struct hear_evidence *e, struct rbuf *b, bool *ret_group)
{
    for (int i = 0; rbuf_left(b) > 0 && i < ADDRS_IN_RECORD_MAX; i++) {
        struct addr a = {0};

        *ret_group = rbuf_u16(b) & FLAG_GROUP;
        hear_read_addr(b, ADDR_V4, &a);
        /* A group has many members: only single names tell the sender's address. */
        if (!*ret_group)
            hear_add_addr(e, &a);
    }
}

static void read_status(struct hear_evidence *e, struct rbuf *b)
{
    unsigned n = rbuf_u8(b);
    const uint8_t *unit;
    struct mac mac;

    for (unsigned i = 0; i < n && i < STATUS_NAMES_MAX; i++) {
        const uint8_t *name = rbuf_bytes(b, 16);
        uint16_t flags = rbuf_u16(b);

        if (name)
            add_name(e, name, flags & FLAG_GROUP);
    }
    unit = rbuf_bytes(b, 6);
    if (!unit)
        return;
    memcpy(mac.b, unit, sizeof mac.b);
    hear_set_mac(e, &mac);
}

/* A record: its name, and what it says of it. */
static void read_record(struct hear_evidence *e, struct rbuf *b)
{
    struct hear_name owner;
    uint8_t name[16];
    bool group = false, named = hear_name_read(b, &owner) && decode_name(&owner, name);
    uint16_t type = rbuf_u16(b), len;
    const uint8_t *data;
    struct rbuf body;

    rbuf_skip(b, 6); /* class, time to live */
    len = rbuf_u16(b);
    data = rbuf_bytes(b, len);
    if (!data)
        return;
    body = rbuf_of(data, len);
    if (type == TYPE_NB) {
        read_addresses(e, &body, &group);
        if (named)
            add_name(e, name, group);
    } else if (type == TYPE_STATUS) {
        read_status(e, &body);
    }
    b->bad |= body.bad;
}

static void skip_question(struct rbuf *b)
{
    struct hear_name name;

    if (hear_name_read(b, &name))
        rbuf_skip(b, 4);
}

static bool is_claim(unsigned op)
{
    return op == OP_REGISTER || op == OP_REFRESH || op == OP_REFRESH_ALT || op == OP_MULTI_HOMED;
}

int hear_nbns(struct hear_evidence *ret, struct rbuf *b)
{
    struct hear_evidence e = {.source = HEAR_NBNS, .of_sender = true};
    uint16_t flags = (rbuf_skip(b, 2), rbuf_u16(b)), questions = rbuf_u16(b);
    uint16_t answers = rbuf_u16(b), extra = (rbuf_skip(b, 2), rbuf_u16(b));
    unsigned op = flags >> 11 & 15;
    bool response = flags & FLAG_RESPONSE;

    if (b->bad)
        return -EBADMSG;
    if (questions > 1 || answers > 1 || extra > 1)
        return -EBADMSG;
    if (response ? op != OP_QUERY || flags & 15 || flags & FLAG_FROM_SERVER || !answers
                 : op != OP_QUERY && !is_claim(op))
        return -ENOMSG;
    if (questions)
        skip_question(b);
    if (response || (is_claim(op) && extra))
        read_record(&e, b);
    if (b->bad)
        return -EBADMSG;
    *ret = e;
    return 0;
}
