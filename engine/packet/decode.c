/* The decoder.  Each layer narrows the rbuf to what its own length field says, so that padding and
 * trailers of Ethernet never look like payload, and a length that promises more than was captured
 * is an error only where a header needs it: the capture keeps the first bytes of a frame only. */
#include "engine/packet/decode.h"

#include "engine/base/wire.h"

#include <errno.h>
#include <string.h>

/* A chain of extension headers longer than this is an attack, not a packet. */
#define EXTENSIONS_MAX 8

enum { IP6_HOP_BY_HOP = 0, IP6_ROUTING = 43, IP6_FRAGMENT = 44, IP6_DESTINATION = 60 };

static void read_mac(struct rbuf *b, struct mac *ret)
{
    const uint8_t *p = rbuf_bytes(b, 6);

    if (p)
        memcpy(ret->b, p, 6);
}

static void read_addr(struct rbuf *b, enum addr_family family, struct addr *ret)
{
    const uint8_t *p = rbuf_bytes(b, family == ADDR_V6 ? 16 : 4);

    if (p)
        *ret = addr_from_bytes(family, p);
}

/* Leaves at most len bytes ahead. */
static void narrow(struct rbuf *b, size_t len)
{
    if (rbuf_left(b) > len)
        b->len = b->pos + len;
}

struct ip_head {
    struct ip_fields ip;
    uint8_t protocol;
    bool later_fragment; /* no transport header follows */
};

static void read_ip4(struct rbuf *b, struct ip_head *h)
{
    uint8_t first = rbuf_u8(b);
    size_t header = (size_t)(first & 15) * 4, total;

    rbuf_skip(b, 1);
    total = rbuf_u16(b);
    h->ip.id = rbuf_u16(b);
    h->later_fragment = (rbuf_u16(b) & 0x1fff) != 0;
    h->ip.ttl = rbuf_u8(b);
    h->protocol = rbuf_u8(b);
    rbuf_skip(b, 2);
    read_addr(b, ADDR_V4, &h->ip.src);
    read_addr(b, ADDR_V4, &h->ip.dst);
    /* Offloading leaves a total length of 0 in frames that the kernel has not cut up yet. */
    if (header < IP4_HEADER_LEN || (total && total < header)) {
        b->bad = true;
        return;
    }
    rbuf_skip(b, header - IP4_HEADER_LEN);
    if (total)
        narrow(b, total - header);
}

/* One extension header; *next becomes what follows it.  False when there is no further one. */
static bool skip_extension(struct rbuf *b, struct ip_head *h)
{
    uint8_t next;

    switch (h->protocol) {
    case IP6_HOP_BY_HOP:
    case IP6_ROUTING:
    case IP6_DESTINATION:
        next = rbuf_u8(b);
        rbuf_skip(b, (size_t)rbuf_u8(b) * 8 + 6);
        break;
    case IP6_FRAGMENT:
        next = rbuf_u8(b);
        rbuf_skip(b, 1);
        h->later_fragment = rbuf_u16(b) >> 3 != 0;
        rbuf_skip(b, 4);
        break;
    default:
        return false;
    }
    h->protocol = next;
    return !b->bad && !h->later_fragment;
}

static void read_ip6(struct rbuf *b, struct ip_head *h)
{
    size_t len;

    rbuf_skip(b, 4);
    len = rbuf_u16(b);
    h->protocol = rbuf_u8(b);
    h->ip.ttl = rbuf_u8(b);
    read_addr(b, ADDR_V6, &h->ip.src);
    read_addr(b, ADDR_V6, &h->ip.dst);
    if (len)
        narrow(b, len);
    for (int i = 0; skip_extension(b, h); i++) {
        if (i == EXTENSIONS_MAX) {
            b->bad = true;
            return;
        }
    }
}

static void read_ip(struct rbuf *b, struct ip_head *h)
{
    unsigned version = rbuf_left(b) ? b->data[b->pos] >> 4 : 0;

    if (version == 4)
        read_ip4(b, h);
    else if (version == 6)
        read_ip6(b, h);
    else
        b->bad = true;
}

static void read_tcp(struct packet *p, struct rbuf *b)
{
    size_t header;

    p->tcp.sport = rbuf_u16(b);
    p->tcp.dport = rbuf_u16(b);
    p->tcp.seq = rbuf_u32(b);
    p->tcp.ack = rbuf_u32(b);
    header = (size_t)(rbuf_u8(b) >> 4) * 4;
    p->tcp.flags = rbuf_u8(b);
    p->tcp.window = rbuf_u16(b);
    rbuf_skip(b, 4);
    if (header < TCP_HEADER_LEN) {
        b->bad = true;
        return;
    }
    /* Options beyond the captured length are of no interest. */
    header -= TCP_HEADER_LEN;
    rbuf_skip(b, header < rbuf_left(b) ? header : rbuf_left(b));
    p->layers |= PACKET_TCP;
}

static void read_udp(struct packet *p, struct rbuf *b)
{
    uint16_t len;

    p->tcp.sport = rbuf_u16(b);
    p->tcp.dport = rbuf_u16(b);
    len = rbuf_u16(b);
    rbuf_skip(b, 2);
    if (len < UDP_HEADER_LEN) {
        b->bad = true;
        return;
    }
    narrow(b, len - UDP_HEADER_LEN);
    p->layers |= PACKET_UDP;
}

static bool is_error(const struct packet *p)
{
    if (p->protocol == IP_ICMP6)
        return p->icmp.type < 128;
    return p->icmp.type == ICMP_TYPE_UNREACH || p->icmp.type == ICMP_TYPE_TIME_EXCEEDED;
}

/* The cause of an ICMP error.  One that is cut off leaves the ICMP layer as it is: routers quote as
 * they like. */
static void read_quote(struct packet *p, const struct rbuf *rest)
{
    struct rbuf b = *rest;
    struct ip_head h = {0};
    struct packet_quote q = {0};

    read_ip(&b, &h);
    q.sport = rbuf_u16(&b);
    q.dport = rbuf_u16(&b);
    q.word = rbuf_u32(&b);
    if (b.bad || h.later_fragment)
        return;
    q.src = h.ip.src;
    q.dst = h.ip.dst;
    q.protocol = h.protocol;
    p->quote = q;
    p->layers |= PACKET_QUOTE;
}

static void read_icmp(struct packet *p, struct rbuf *b)
{
    p->icmp.type = rbuf_u8(b);
    p->icmp.code = rbuf_u8(b);
    rbuf_skip(b, 2);
    p->icmp.rest = rbuf_u32(b);
    if (b->bad)
        return;
    p->layers |= PACKET_ICMP;
    if (is_error(p))
        read_quote(p, b);
}

static void read_transport(struct packet *p, struct rbuf *b)
{
    bool six = p->ip.src.family == ADDR_V6;

    if (p->protocol == IP_TCP)
        read_tcp(p, b);
    else if (p->protocol == IP_UDP)
        read_udp(p, b);
    else if (p->protocol == (six ? IP_ICMP6 : IP_ICMP))
        read_icmp(p, b);
    else
        return;
    if (!b->bad) {
        p->payload = b->data + b->pos;
        p->payload_len = rbuf_left(b);
    }
}

static void read_network(struct packet *p, struct rbuf *b)
{
    struct ip_head h = {0};

    read_ip(b, &h);
    if (b->bad)
        return;
    p->ip = h.ip;
    p->protocol = h.protocol;
    p->layers |= PACKET_IP;
    if (!h.later_fragment)
        read_transport(p, b);
}

/* Other hardware and protocols than Ethernet and IPv4 leave the layer out. */
static void read_arp(struct packet *p, struct rbuf *b)
{
    struct arp_fields arp = {0};
    uint16_t hardware = rbuf_u16(b), protocol = rbuf_u16(b), lengths = rbuf_u16(b);

    arp.operation = rbuf_u16(b);
    if (hardware != 1 || protocol != ETHER_IP4 || lengths != (6 << 8 | 4))
        return;
    read_mac(b, &arp.sender_mac);
    read_addr(b, ADDR_V4, &arp.sender);
    read_mac(b, &arp.target_mac);
    read_addr(b, ADDR_V4, &arp.target);
    if (b->bad)
        return;
    p->arp = arp;
    p->layers |= PACKET_ARP;
}

static void read_ether(struct packet *p, struct rbuf *b)
{
    uint16_t type;

    read_mac(b, &p->ether_dst);
    read_mac(b, &p->ether_src);
    type = rbuf_u16(b);
    if (type == ETHER_VLAN) {
        p->vlan = rbuf_u16(b) & 0xfff;
        type = rbuf_u16(b);
    }
    if (b->bad)
        return;
    p->layers |= PACKET_ETHER;
    if (type == ETHER_IP4 || type == ETHER_IP6)
        read_network(p, b);
    else if (type == ETHER_ARP)
        read_arp(p, b);
}

int packet_decode(struct packet *ret, enum link_type type, const void *frame, size_t len)
{
    struct rbuf b = rbuf_of(frame, len);
    struct packet p = {0};

    if (type == LINK_ETHERNET)
        read_ether(&p, &b);
    else
        read_network(&p, &b);
    if (b.bad)
        return -EBADMSG;
    *ret = p;
    return 0;
}
