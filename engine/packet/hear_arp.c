/* Requests and replies tell the same: who sends them has this MAC and this address.  A probe comes
 * before the address is used (RFC 5227 2.1.1: sender 0.0.0.0), which is often the first packet of a
 * new device; its target is the address it wants. */
#include "engine/packet/hear_arp.h"

#include "engine/packet/packet.h"

#include <errno.h>
#include <string.h>

int hear_arp(struct hear_evidence *ret, struct rbuf *b)
{
    struct hear_evidence e = {.source = HEAR_ARP};
    uint16_t hardware = rbuf_u16(b), protocol = rbuf_u16(b), lengths = rbuf_u16(b);
    uint16_t operation = rbuf_u16(b);
    const uint8_t *mac = rbuf_bytes(b, 6);
    struct addr sender = {0}, target = {0};

    hear_read_addr(b, ADDR_V4, &sender);
    rbuf_skip(b, 6);
    hear_read_addr(b, ADDR_V4, &target);
    if (b->bad)
        return -EBADMSG;
    if (hardware != 1 || protocol != ETHER_IP4 || lengths != (6 << 8 | 4) ||
        (operation != ARP_REQUEST && operation != ARP_REPLY))
        return -ENOMSG;
    memcpy(e.mac.b, mac, sizeof e.mac.b);
    hear_set_mac(&e, &e.mac);
    hear_add_addr(&e, &sender);
    if (addr_to_v4(&sender) == 0 && hear_addr_is_host(&target))
        e.requested = target;
    if (!e.has_mac || (!e.n_addrs && e.requested.family == ADDR_NONE))
        return -ENOMSG;
    *ret = e;
    return 0;
}
