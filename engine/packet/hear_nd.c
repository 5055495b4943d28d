/* Neighbour solicitations and advertisements, router advertisements.
 *
 * A solicitation from :: is duplicate address detection, the first packet of a new IPv6 device: its
 * target is wanted, not held.  Link-layer options are taken where they name the subject; without
 * one the frame's source is it, which hear_frame() adds. */
#include "engine/packet/hear_nd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { TYPE_RA = 134, TYPE_NS = 135, TYPE_NA = 136 };
enum { OPT_SOURCE_LINK = 1, OPT_TARGET_LINK = 2, OPT_PREFIX = 3 };

struct nd {
    uint8_t type;
    struct hear_evidence e;
};

static void read_link(struct nd *n, uint8_t option, struct rbuf *b)
{
    uint8_t wanted = n->type == TYPE_NA ? OPT_TARGET_LINK : OPT_SOURCE_LINK;
    const uint8_t *p = rbuf_bytes(b, 6);
    struct mac mac;

    if (!p || option != wanted)
        return;
    memcpy(mac.b, p, sizeof mac.b);
    hear_set_mac(&n->e, &mac);
}

static void read_prefix(struct nd *n, struct rbuf *b)
{
    struct prefix prefix = {.len = rbuf_u8(b)};
    char text[PREFIX_TEXT_MAX];

    rbuf_skip(b, 13); /* flags, lifetimes, reserved */
    hear_read_addr(b, ADDR_V6, &prefix.addr);
    if (!b->bad && prefix.len <= 128 && hear_addr_is_host(&prefix.addr))
        hear_add_text(&n->e, HEAR_PREFIX, prefix_format(&prefix, text));
}

static void read_options(struct nd *n, struct rbuf *b)
{
    while (rbuf_left(b) > 0) {
        uint8_t option = rbuf_u8(b), units = rbuf_u8(b);
        /* A length of 0 is no option (RFC 4861 4.6). */
        const uint8_t *p = rbuf_bytes(b, units ? (size_t)units * 8 - 2 : SIZE_MAX);
        struct rbuf body;

        if (!p)
            return;
        body = rbuf_of(p, (size_t)units * 8 - 2);
        if (option == OPT_SOURCE_LINK || option == OPT_TARGET_LINK)
            read_link(n, option, &body);
        else if (option == OPT_PREFIX && n->type == TYPE_RA)
            read_prefix(n, &body);
        b->bad |= body.bad;
    }
}

static void read_neighbour(struct nd *n, struct rbuf *b, const struct addr *src)
{
    struct addr target = {0};

    rbuf_skip(b, 4); /* flags */
    hear_read_addr(b, ADDR_V6, &target);
    if (n->type == TYPE_NA)
        hear_add_addr(&n->e, &target);
    else if (hear_addr_is_host(src))
        hear_add_addr(&n->e, src);
    else if (hear_addr_is_host(&target))
        n->e.requested = target;
}

static void read_router(struct nd *n, struct rbuf *b, const struct addr *src)
{
    uint16_t lifetime;

    rbuf_skip(b, 2); /* hop limit, flags */
    lifetime = rbuf_u16(b);
    rbuf_skip(b, 8); /* reachable and retransmission time */
    hear_add_addr(&n->e, src);
    /* 0: announces prefixes, but is no default router (any more). */
    if (lifetime)
        hear_add_text(&n->e, HEAR_ROLE, "router");
}

int hear_nd(struct hear_evidence *ret, struct rbuf *b, const struct addr *src)
{
    struct nd n = {.type = rbuf_u8(b), .e = {.source = HEAR_ND, .of_sender = true}};

    rbuf_skip(b, 3); /* code, checksum */
    if (!b->bad && (n.type < TYPE_RA || n.type > TYPE_NA))
        return -ENOMSG;
    if (n.type == TYPE_RA) {
        n.e.source = HEAR_RA;
        read_router(&n, b, src);
    } else {
        read_neighbour(&n, b, src);
    }
    read_options(&n, b);
    if (b->bad)
        return -EBADMSG;
    if (!n.e.n_addrs && n.e.requested.family == ADDR_NONE)
        return -ENOMSG;
    *ret = n.e;
    return 0;
}
