/* TCP SYN and TCP ACK probes, over IPv4 and IPv6.
 *
 * SYN: SYN-ACK (or a bare SYN, the simultaneous open of RFC 9293) says open, RST says closed.  The
 * cookie is the sequence number and comes back as acknowledgment number less one.  ACK: only
 * whether the host answers at all; the cookie is the acknowledgment number, which a RST repeats as
 * its sequence number (RFC 9293 3.10.7.1).
 *
 * Our kernel answers each SYN-ACK with RST, because no socket holds the port: the half-open
 * connection is cleared without our doing. */
#include "engine/packet/build.h"
#include "engine/scan/probe.h"

#include <errno.h>

#define TTL     64
#define WINDOW  64240
#define TCP_MAX (ETHER_HEADER_LEN + IP6_HEADER_LEN + TCP_HEADER_LEN + 4)

static int build(const struct probe_ctx *ctx, const struct probe_target *t, struct wbuf *frame,
                 enum probe_kind kind)
{
    /* Without the MSS option some filters drop a SYN. */
    static const uint8_t mss[] = {2, 4, 1460 >> 8, 1460 & 0xff};
    struct cookie_of of = {t->addr, t->port, (uint8_t)kind};
    struct cookie c = cookie_make(&ctx->key, &of, t->try, t->now);
    bool syn = kind == PROBE_SYN;
    struct ip_fields ip = {t->src, t->addr, TTL, (uint16_t)(c.number >> 7)};
    struct tcp_fields tcp = {
        .sport = (uint16_t)(ctx->sport_base + c.sport),
        .dport = t->port,
        .seq = syn ? c.number : ~c.number,
        .ack = syn ? 0 : c.number,
        .window = WINDOW,
        .flags = syn ? TCP_SYN : TCP_ACK,
    };

    if (ctx->ether)
        ether_build(frame, &t->next_hop, &ctx->mac,
                    t->addr.family == ADDR_V6 ? ETHER_IP6 : ETHER_IP4);
    tcp_build(frame, &ip, &tcp, mss, syn ? sizeof mss : 0);
    return frame->bad ? -EMSGSIZE : 0;
}

static int build_syn(const struct probe_ctx *ctx, const struct probe_target *t, struct wbuf *frame)
{
    return build(ctx, t, frame, PROBE_SYN);
}

static int build_ack(const struct probe_ctx *ctx, const struct probe_target *t, struct wbuf *frame)
{
    return build(ctx, t, frame, PROBE_ACK);
}

/* Where a packet, or the packet quoted in it, names our probe. */
struct claim {
    struct addr addr;
    uint16_t dport, sport; /* of the probe */
    uint32_t number;
};

static bool check(const struct probe_ctx *ctx, const struct claim *claim, enum probe_kind kind,
                  usec_t now, struct probe_reply *ret)
{
    struct cookie_of of = {claim->addr, claim->dport, (uint8_t)kind};
    struct cookie c = {claim->number, (uint16_t)(claim->sport - ctx->sport_base)};

    if (c.sport >= COOKIE_PORTS || !cookie_check(&ctx->key, &of, c, now, &ret->try, &ret->rtt))
        return false;
    ret->rtt++; /* 0 would say that it is not known */
    ret->addr = claim->addr;
    ret->port = claim->dport;
    ret->kind = kind;
    return true;
}

/* An ICMP error about our probe.  Of an ACK probe only the sequence number is quoted for sure: its
 * complement. */
static enum verdict match_error(const struct probe_ctx *ctx, const struct packet *p, usec_t now,
                                enum probe_kind kind, struct probe_reply *ret)
{
    enum reason reason = probe_icmp_reason(p);
    uint32_t number = kind == PROBE_SYN ? p->quote.word : ~p->quote.word;
    struct claim claim = {p->quote.dst, p->quote.dport, p->quote.sport, number};

    if (reason == REASON_UNKNOWN || p->quote.protocol != IP_TCP)
        return VERDICT_NONE;
    *ret = (struct probe_reply){0};
    if (!check(ctx, &claim, kind, now, ret))
        return VERDICT_NONE;
    ret->reason = reason;
    ret->ttl = p->ip.ttl;
    ret->from_target = addr_equal(&p->ip.src, &claim.addr);
    return VERDICT_ERROR;
}

static enum verdict match_syn(const struct probe_ctx *ctx, const struct packet *p, usec_t now,
                              struct probe_reply *ret)
{
    struct claim claim = {p->ip.src, p->tcp.sport, p->tcp.dport, p->tcp.ack - 1};

    if (p->layers & PACKET_QUOTE)
        return match_error(ctx, p, now, PROBE_SYN, ret);
    if (!(p->layers & PACKET_TCP) || !(p->tcp.flags & TCP_ACK) ||
        !(p->tcp.flags & (TCP_SYN | TCP_RST)))
        return VERDICT_NONE;
    *ret = (struct probe_reply){0};
    if (!check(ctx, &claim, PROBE_SYN, now, ret))
        return VERDICT_NONE;
    ret->reason = p->tcp.flags & TCP_RST ? REASON_RESET : REASON_SYN_ACK;
    ret->ttl = p->ip.ttl;
    return VERDICT_ANSWER;
}

static enum verdict match_ack(const struct probe_ctx *ctx, const struct packet *p, usec_t now,
                              struct probe_reply *ret)
{
    struct claim claim = {p->ip.src, p->tcp.sport, p->tcp.dport, p->tcp.seq};

    if (p->layers & PACKET_QUOTE)
        return match_error(ctx, p, now, PROBE_ACK, ret);
    if (!(p->layers & PACKET_TCP) || !(p->tcp.flags & TCP_RST))
        return VERDICT_NONE;
    *ret = (struct probe_reply){0};
    if (!check(ctx, &claim, PROBE_ACK, now, ret))
        return VERDICT_NONE;
    ret->reason = REASON_RESET;
    ret->ttl = p->ip.ttl;
    return VERDICT_ANSWER;
}

#define UNREACHABLE                                                                                \
    " or (icmp and (icmp[0] == 3 or icmp[0] == 11)) or (icmp6 and (ip6[40] == 1 or ip6[40] == 3))"

/* tcp[] looks into IPv4 only (pcap-filter(7)). */
const struct probe_module probe_syn = {
    .name = "syn",
    .filter = "(ip and PORTS and tcp[13] & 6 != 0) or (ip6 and tcp and PORTS)" UNREACHABLE,
    .frame_max = TCP_MAX,
    .build = build_syn,
    .match = match_syn,
};

const struct probe_module probe_ack = {
    .name = "ack",
    .filter = "(ip and PORTS and tcp[13] & 4 != 0) or (ip6 and tcp and PORTS)" UNREACHABLE,
    .frame_max = TCP_MAX,
    .build = build_ack,
    .match = match_ack,
};
