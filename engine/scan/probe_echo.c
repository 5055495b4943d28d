/* ICMP and ICMPv6 echo.
 *
 * The payload carries the time of sending, the try and the whole 64-bit hash; the identifier its
 * low bits, which is all that an ICMP error quotes for sure. */
#include "engine/packet/build.h"
#include "engine/scan/probe.h"

#include <errno.h>

#define TTL         64
#define PAYLOAD_LEN 24
#define ECHO_MAX    (ETHER_HEADER_LEN + IP6_HEADER_LEN + ICMP_HEADER_LEN + PAYLOAD_LEN)
#define AGE_MAX     (60 * USEC_PER_SEC)

static uint64_t hash_of(const struct probe_ctx *ctx, const struct addr *a, usec_t sent,
                        unsigned try)
{
    struct cookie_of of = {*a, (uint16_t)try, PROBE_ECHO};

    /* The time is covered too: a forged one would spoil the round-trip estimate. */
    return cookie_hash(&ctx->key, &of) ^ sent * 0x9e3779b97f4a7c15ULL;
}

static int build(const struct probe_ctx *ctx, const struct probe_target *t, struct wbuf *frame)
{
    bool six = t->addr.family == ADDR_V6;
    struct ip_fields ip = {t->src, t->addr, TTL, 0};
    struct cookie_of of = {t->addr, 0, PROBE_ECHO};
    uint32_t id = (uint32_t)(cookie_hash(&ctx->key, &of) & 0xffff);
    struct icmp_fields icmp = {six ? ICMP6_TYPE_ECHO : ICMP_TYPE_ECHO, 0, id << 16 | t->try};
    uint8_t payload[PAYLOAD_LEN];
    struct wbuf w = wbuf_of(payload, sizeof payload);

    wbuf_u64(&w, t->now);
    wbuf_u64(&w, t->try);
    wbuf_u64(&w, hash_of(ctx, &t->addr, t->now, t->try));
    ip.id = (uint16_t)id;
    if (ctx->ether)
        ether_build(frame, &t->next_hop, &ctx->mac, six ? ETHER_IP6 : ETHER_IP4);
    icmp_build(frame, &ip, &icmp, payload, sizeof payload);
    return frame->bad ? -EMSGSIZE : 0;
}

static enum verdict match_error(const struct probe_ctx *ctx, const struct packet *p,
                                struct probe_reply *ret)
{
    bool six = p->quote.dst.family == ADDR_V6;
    struct cookie_of of = {p->quote.dst, 0, PROBE_ECHO};
    enum reason reason = probe_icmp_reason(p);

    if (reason == REASON_UNKNOWN || p->quote.protocol != (six ? IP_ICMP6 : IP_ICMP) ||
        p->quote.sport >> 8 != (six ? ICMP6_TYPE_ECHO : ICMP_TYPE_ECHO) ||
        p->quote.word >> 16 != (cookie_hash(&ctx->key, &of) & 0xffff))
        return VERDICT_NONE;
    *ret = (struct probe_reply){
        .addr = p->quote.dst,
        .kind = six ? PROBE_ECHO6 : PROBE_ECHO,
        .reason = reason,
        .ttl = p->ip.ttl,
        .from_target = addr_equal(&p->ip.src, &p->quote.dst),
    };
    return VERDICT_ERROR;
}

static enum verdict match(const struct probe_ctx *ctx, const struct packet *p, usec_t now,
                          struct probe_reply *ret)
{
    bool six = p->ip.src.family == ADDR_V6;
    struct rbuf b = rbuf_of(p->payload, p->payload_len);
    uint64_t sent, try, hash;

    if (p->layers & PACKET_QUOTE)
        return match_error(ctx, p, ret);
    if (!(p->layers & PACKET_ICMP) ||
        p->icmp.type != (six ? ICMP6_TYPE_ECHO_REPLY : ICMP_TYPE_ECHO_REPLY))
        return VERDICT_NONE;
    sent = rbuf_u64(&b);
    try = rbuf_u64(&b);
    hash = rbuf_u64(&b);
    if (b.bad || try > COOKIE_TRY_MAX || hash != hash_of(ctx, &p->ip.src, sent, (unsigned)try))
        return VERDICT_NONE;
    *ret = (struct probe_reply){
        .addr = p->ip.src,
        .kind = six ? PROBE_ECHO6 : PROBE_ECHO,
        .reason = REASON_ECHO_REPLY,
        .try = (unsigned)try,
        .rtt = now >= sent && now - sent < AGE_MAX ? now - sent + 1 : 0,
        .ttl = p->ip.ttl,
    };
    return VERDICT_ANSWER;
}

const struct probe_module probe_echo = {
    .name = "echo",
    .filter = "icmp and (icmp[0] == 0 or icmp[0] == 3 or icmp[0] == 11)",
    .frame_max = ECHO_MAX,
    .family = ADDR_V4,
    .build = build,
    .match = match,
};

const struct probe_module probe_echo6 = {
    .name = "echo6",
    .filter = "icmp6 and (ip6[40] == 129 or ip6[40] == 1 or ip6[40] == 3)",
    .frame_max = ECHO_MAX,
    .family = ADDR_V6,
    .build = build,
    .match = match,
};
