/* ARP (RFC 826) and IPv6 neighbour solicitation (RFC 4861 7.2): who is on the link, and with which
 * MAC address.
 *
 * Neither has room for a cookie.  A reply counts when it is addressed to us and names an address
 * that is being asked for; nobody beyond the link can send one. */
#include "engine/packet/build.h"
#include "engine/scan/probe.h"

#include <errno.h>
#include <string.h>

/* Receivers drop neighbour discovery that could have come through a router (RFC 4861 7.1). */
#define ND_HOP_LIMIT 255
#define ETHER_MIN    60 /* without the checksum that the card adds */
#define ND_LEN       24 /* target and source link-layer option */

static int build_arp(const struct probe_ctx *ctx, const struct probe_target *t, struct wbuf *frame)
{
    static const struct mac broadcast = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    struct arp_fields arp = {
        .operation = ARP_REQUEST,
        .sender_mac = ctx->mac,
        .sender = t->src,
        .target = t->addr,
    };

    ether_build(frame, &broadcast, &ctx->mac, ETHER_ARP);
    arp_build(frame, &arp);
    if (frame->len < ETHER_MIN)
        wbuf_room(frame, ETHER_MIN - frame->len);
    return frame->bad ? -EMSGSIZE : 0;
}

static enum verdict match_arp(const struct probe_ctx *ctx, const struct packet *p, usec_t now,
                              struct probe_reply *ret)
{
    (void)now;
    if (!(p->layers & PACKET_ARP) || p->arp.operation != ARP_REPLY ||
        memcmp(&p->arp.target_mac, &ctx->mac, sizeof ctx->mac) != 0)
        return VERDICT_NONE;
    *ret = (struct probe_reply){
        .addr = p->arp.sender,
        .kind = PROBE_ARP,
        .reason = REASON_ARP_RESPONSE,
        .has_mac = true,
        .mac = p->arp.sender_mac,
    };
    return VERDICT_ANSWER;
}

/* ff02::1:ffXX:XXXX, and 33:33:ffXX:XXXX on Ethernet (RFC 4291 2.7.1, RFC 2464 7). */
static struct addr solicited_node(const struct addr *a)
{
    static const uint8_t head[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
    struct addr out = {.family = ADDR_V6};

    memcpy(out.b, head, sizeof head);
    memcpy(out.b + 13, a->b + 13, 3);
    return out;
}

static int build_nd(const struct probe_ctx *ctx, const struct probe_target *t, struct wbuf *frame)
{
    struct ip_fields ip = {t->src, solicited_node(&t->addr), ND_HOP_LIMIT, 0};
    struct icmp_fields icmp = {ICMP6_TYPE_NEIGHBOUR_SOLICIT, 0, 0};
    struct mac group = {{0x33, 0x33, ip.dst.b[12], ip.dst.b[13], ip.dst.b[14], ip.dst.b[15]}};
    uint8_t body[ND_LEN];
    struct wbuf w = wbuf_of(body, sizeof body);

    wbuf_bytes(&w, t->addr.b, 16);
    wbuf_u16(&w, 1 << 8 | 1); /* source link-layer address, 8 bytes */
    wbuf_bytes(&w, ctx->mac.b, 6);
    ether_build(frame, &group, &ctx->mac, ETHER_IP6);
    icmp_build(frame, &ip, &icmp, body, sizeof body);
    return frame->bad ? -EMSGSIZE : 0;
}

/* The target link-layer option, if there is one (type 2). */
static bool read_target_mac(struct rbuf *b, struct mac *ret)
{
    while (rbuf_left(b) >= 8) {
        uint8_t type = rbuf_u8(b), units = rbuf_u8(b);
        const uint8_t *value = rbuf_bytes(b, units ? units * 8U - 2 : 0);

        if (!value || units == 0)
            return false;
        if (type == 2) {
            memcpy(ret->b, value, 6);
            return true;
        }
    }
    return false;
}

static enum verdict match_nd(const struct probe_ctx *ctx, const struct packet *p, usec_t now,
                             struct probe_reply *ret)
{
    struct rbuf b = rbuf_of(p->payload, p->payload_len);
    const uint8_t *target;

    (void)ctx, (void)now;
    if (!(p->layers & PACKET_ICMP) || p->protocol != IP_ICMP6 ||
        p->icmp.type != ICMP6_TYPE_NEIGHBOUR_ADVERT || p->ip.ttl != ND_HOP_LIMIT)
        return VERDICT_NONE;
    target = rbuf_bytes(&b, 16);
    if (!target)
        return VERDICT_NONE;
    *ret = (struct probe_reply){
        .addr = addr_from_bytes(ADDR_V6, target),
        .kind = PROBE_ND,
        .reason = REASON_ND_RESPONSE,
        .has_mac = true,
        .mac = p->ether_src,
    };
    read_target_mac(&b, &ret->mac);
    return VERDICT_ANSWER;
}

const struct probe_module probe_arp = {
    .name = "arp",
    .filter = "arp and arp[6:2] == 2",
    .frame_max = ETHER_MIN,
    .family = ADDR_V4,
    .build = build_arp,
    .match = match_arp,
};

const struct probe_module probe_nd = {
    .name = "nd",
    .filter = "icmp6 and ip6[40] == 136",
    .frame_max = ETHER_HEADER_LEN + IP6_HEADER_LEN + ICMP_HEADER_LEN + ND_LEN,
    .family = ADDR_V6,
    .build = build_nd,
    .match = match_nd,
};
