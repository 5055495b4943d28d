/* Building packets.  The transport part is written first with its checksum at zero, then summed up
 * in place: no second copy, and the checksum code sees exactly the bytes that go out. */
#include "engine/packet/build.h"

#include <string.h>

uint32_t checksum_add(uint32_t sum, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (; len > 1; p += 2, len -= 2)
        sum += (uint32_t)(p[0] << 8 | p[1]);
    if (len)
        sum += (uint32_t)(p[0] << 8);
    return sum;
}

uint16_t checksum_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

uint32_t checksum_pseudo(const struct addr *src, const struct addr *dst, uint8_t protocol,
                         size_t len)
{
    uint32_t sum = checksum_add(protocol, src->b, addr_len(src));

    sum = checksum_add(sum, dst->b, addr_len(dst));
    return sum + (uint32_t)(len >> 16) + (uint32_t)(len & 0xffff);
}

void ether_build(struct wbuf *w, const struct mac *dst, const struct mac *src, uint16_t type)
{
    wbuf_bytes(w, dst->b, sizeof dst->b);
    wbuf_bytes(w, src->b, sizeof src->b);
    wbuf_u16(w, type);
}

void arp_build(struct wbuf *w, const struct arp_fields *arp)
{
    wbuf_u16(w, 1); /* hardware: Ethernet */
    wbuf_u16(w, ETHER_IP4);
    wbuf_u8(w, 6);
    wbuf_u8(w, 4);
    wbuf_u16(w, arp->operation);
    wbuf_bytes(w, arp->sender_mac.b, 6);
    wbuf_bytes(w, arp->sender.b, 4);
    wbuf_bytes(w, arp->target_mac.b, 6);
    wbuf_bytes(w, arp->target.b, 4);
}

static void ip4_build(struct wbuf *w, const struct ip_fields *ip, uint8_t protocol, size_t len)
{
    size_t start = w->len;

    wbuf_u8(w, 0x45);
    wbuf_u8(w, 0);
    wbuf_u16(w, (uint16_t)(IP4_HEADER_LEN + len));
    wbuf_u16(w, ip->id);
    wbuf_u16(w, 0);
    wbuf_u8(w, ip->ttl);
    wbuf_u8(w, protocol);
    wbuf_u16(w, 0);
    wbuf_bytes(w, ip->src.b, 4);
    wbuf_bytes(w, ip->dst.b, 4);
    if (!w->bad)
        wbuf_put_u16(w, start + 10,
                     checksum_fold(checksum_add(0, w->data + start, IP4_HEADER_LEN)));
}

static void ip6_build(struct wbuf *w, const struct ip_fields *ip, uint8_t protocol, size_t len)
{
    wbuf_u32(w, 6U << 28);
    wbuf_u16(w, (uint16_t)len);
    wbuf_u8(w, protocol);
    wbuf_u8(w, ip->ttl);
    wbuf_bytes(w, ip->src.b, 16);
    wbuf_bytes(w, ip->dst.b, 16);
}

static void ip_build(struct wbuf *w, const struct ip_fields *ip, uint8_t protocol, size_t len)
{
    if (len > UINT16_MAX - IP4_HEADER_LEN)
        w->bad = true;
    else if (ip->dst.family == ADDR_V6)
        ip6_build(w, ip, protocol, len);
    else
        ip4_build(w, ip, protocol, len);
}

/* Sums up what stands behind `start` and puts the checksum at start + at. */
static void seal(struct wbuf *w, size_t start, size_t at, uint32_t pseudo)
{
    if (!w->bad)
        wbuf_put_u16(w, start + at,
                     checksum_fold(checksum_add(pseudo, w->data + start, w->len - start)));
}

void tcp_build(struct wbuf *w, const struct ip_fields *ip, const struct tcp_fields *tcp,
               const void *options, size_t options_len)
{
    size_t len = TCP_HEADER_LEN + options_len, start;

    ip_build(w, ip, IP_TCP, len);
    start = w->len;
    wbuf_u16(w, tcp->sport);
    wbuf_u16(w, tcp->dport);
    wbuf_u32(w, tcp->seq);
    wbuf_u32(w, tcp->ack);
    wbuf_u8(w, (uint8_t)(len / 4 << 4));
    wbuf_u8(w, tcp->flags);
    wbuf_u16(w, tcp->window);
    wbuf_u32(w, 0);
    wbuf_bytes(w, options, options_len);
    seal(w, start, 16, checksum_pseudo(&ip->src, &ip->dst, IP_TCP, len));
}

void udp_build(struct wbuf *w, const struct ip_fields *ip, const uint16_t ports[2],
               const void *payload, size_t payload_len)
{
    size_t len = UDP_HEADER_LEN + payload_len, start;

    ip_build(w, ip, IP_UDP, len);
    start = w->len;
    wbuf_u16(w, ports[0]);
    wbuf_u16(w, ports[1]);
    wbuf_u16(w, (uint16_t)len);
    wbuf_u16(w, 0);
    wbuf_bytes(w, payload, payload_len);
    seal(w, start, 6, checksum_pseudo(&ip->src, &ip->dst, IP_UDP, len));
    /* A sum of zero would say "no checksum" (RFC 768). */
    if (!w->bad && w->data[start + 6] == 0 && w->data[start + 7] == 0)
        wbuf_put_u16(w, start + 6, 0xffff);
}

void icmp_build(struct wbuf *w, const struct ip_fields *ip, const struct icmp_fields *icmp,
                const void *payload, size_t payload_len)
{
    bool six = ip->dst.family == ADDR_V6;
    size_t len = ICMP_HEADER_LEN + payload_len, start;

    ip_build(w, ip, six ? IP_ICMP6 : IP_ICMP, len);
    start = w->len;
    wbuf_u8(w, icmp->type);
    wbuf_u8(w, icmp->code);
    wbuf_u16(w, 0);
    wbuf_u32(w, icmp->rest);
    wbuf_bytes(w, payload, payload_len);
    seal(w, start, 2, six ? checksum_pseudo(&ip->src, &ip->dst, IP_ICMP6, len) : 0);
}
