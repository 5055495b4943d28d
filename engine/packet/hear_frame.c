/* Dispatch by Ethernet type, ICMPv6 type and UDP port; one table, one filter beside it.
 *
 * The frame's source MAC is the subject's only where no router can stand between: protocols of the
 * link, group destinations (multicast routing of what we listen for is not worth a thought), hop
 * limit 255, link-local sources.  Elsewhere it may be a router's and is left out. */
#include "engine/packet/hear_frame.h"

#include "engine/packet/decode.h"
#include "engine/packet/hear_arp.h"
#include "engine/packet/hear_cdp.h"
#include "engine/packet/hear_dhcp.h"
#include "engine/packet/hear_dhcp6.h"
#include "engine/packet/hear_lldp.h"
#include "engine/packet/hear_mdns.h"
#include "engine/packet/hear_nbns.h"
#include "engine/packet/hear_nd.h"
#include "engine/packet/hear_ssdp.h"

#include <errno.h>
#include <string.h>

#define ETHER_TYPE_LLDP 0x88cc
#define ETHER_LEN_MAX   1500 /* up to here the type field is a length: LLC follows */

const char hear_filter[] =
    "arp or (icmp6 and ip6[40] >= 134 and ip6[40] <= 136) or "
    "(udp and (port 67 or port 68 or port 546 or port 547 or port 5353 or port 1900 or port 137)) "
    "or ether proto 0x88cc or ether dst 01:00:0c:cc:cc:cc";

static const struct udp_decoder {
    uint16_t port;
    int (*decode)(struct hear_evidence *ret, struct rbuf *b);
} udp_decoders[] = {
    {67, hear_dhcp},   {68, hear_dhcp},   {546, hear_dhcp6}, {547, hear_dhcp6},
    {5353, hear_mdns}, {1900, hear_ssdp}, {137, hear_nbns},
};

static int hear_udp(struct hear_evidence *ret, const struct packet *p)
{
    struct rbuf b = rbuf_of(p->payload, p->payload_len);

    for (size_t i = 0; i < sizeof udp_decoders / sizeof *udp_decoders; i++)
        if (p->tcp.dport == udp_decoders[i].port || p->tcp.sport == udp_decoders[i].port)
            return udp_decoders[i].decode(ret, &b);
    return -ENOMSG;
}

/* The payload of ICMP starts behind its header of 8 bytes, which hear_nd() wants as well. */
static int hear_icmp6(struct hear_evidence *ret, const struct packet *p)
{
    struct rbuf b = rbuf_of(p->payload - ICMP_HEADER_LEN, p->payload_len + ICMP_HEADER_LEN);

    if (p->ip.src.family != ADDR_V6 || p->ip.ttl != 255)
        return -ENOMSG;
    return hear_nd(ret, &b, &p->ip.src);
}

/* b stands behind the Ethernet type. */
static int hear_link(struct hear_evidence *ret, struct rbuf *b, uint16_t type)
{
    if (type == ETHER_ARP)
        return hear_arp(ret, b);
    if (type == ETHER_TYPE_LLDP)
        return hear_lldp(ret, b);
    if (type > ETHER_LEN_MAX)
        return -ENOMSG;
    /* Padding is no TLV. */
    if (rbuf_left(b) > type)
        b->len = b->pos + type;
    return hear_cdp(ret, b);
}

static bool is_on_link(const struct packet *p, enum hear_source s)
{
    return !(p->layers & PACKET_IP) || s == HEAR_DHCP || p->ether_dst.b[0] & 1 ||
           p->ip.ttl == 255 || addr_is_link_local(&p->ip.src);
}

static void add_sender(struct hear_evidence *e, const struct packet *p)
{
    if (!e->has_mac && is_on_link(p, e->source))
        hear_set_mac(e, &p->ether_src);
    /* Neighbour discovery has told the address already; its packets may come from another one. */
    if (p->layers & PACKET_IP && e->source != HEAR_ND)
        hear_add_addr_first(e, &p->ip.src);
}

int hear_frame(struct hear_evidence *ret, const void *frame, size_t len)
{
    struct rbuf b = rbuf_of(frame, len);
    struct hear_evidence e;
    struct packet p;
    uint16_t type;
    int r = packet_decode(&p, LINK_ETHERNET, frame, len);

    if (r < 0)
        return r;
    rbuf_skip(&b, 12);
    type = rbuf_u16(&b);
    if (type == ETHER_VLAN) {
        rbuf_skip(&b, 2);
        type = rbuf_u16(&b);
    }
    if (p.layers & PACKET_UDP)
        r = hear_udp(&e, &p);
    else if (p.layers & PACKET_ICMP)
        r = hear_icmp6(&e, &p);
    else
        r = hear_link(&e, &b, type);
    if (r < 0)
        return r;
    e.vlan = p.vlan;
    if (e.of_sender)
        add_sender(&e, &p);
    if (!e.has_mac && !e.n_addrs)
        return -ENOMSG;
    *ret = e;
    return 0;
}
