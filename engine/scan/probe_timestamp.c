/* ICMP timestamp (RFC 792): hosts that are told not to answer echo often still answer this.
 *
 * Identifier, sequence number and the originate time come back as they were sent: cookie, try, and
 * more of the cookie.  The receiver copies the originate time and does not look at it. */
#include "engine/packet/build.h"
#include "engine/scan/probe.h"

#include <errno.h>

#define TTL      64
#define BODY_LEN 12 /* originate, receive, transmit */

static uint64_t hash_of(const struct probe_ctx *ctx, const struct addr *a)
{
    struct cookie_of of = {*a, 0, PROBE_TIMESTAMP};

    return cookie_hash(&ctx->key, &of);
}

static int build(const struct probe_ctx *ctx, const struct probe_target *t, struct wbuf *frame)
{
    uint64_t hash = hash_of(ctx, &t->addr);
    struct ip_fields ip = {t->src, t->addr, TTL, (uint16_t)hash};
    struct icmp_fields icmp = {ICMP_TYPE_TIMESTAMP, 0, (uint32_t)(hash & 0xffff) << 16 | t->try};
    uint8_t body[BODY_LEN];
    struct wbuf w = wbuf_of(body, sizeof body);

    wbuf_u32(&w, (uint32_t)(hash >> 32));
    wbuf_u64(&w, 0);
    if (ctx->ether)
        ether_build(frame, &t->next_hop, &ctx->mac, ETHER_IP4);
    icmp_build(frame, &ip, &icmp, body, sizeof body);
    return frame->bad ? -EMSGSIZE : 0;
}

static enum verdict match_error(const struct probe_ctx *ctx, const struct packet *p,
                                struct probe_reply *ret)
{
    enum reason reason = probe_icmp_reason(p);

    if (reason == REASON_UNKNOWN || p->quote.protocol != IP_ICMP ||
        p->quote.sport >> 8 != ICMP_TYPE_TIMESTAMP ||
        p->quote.word >> 16 != (hash_of(ctx, &p->quote.dst) & 0xffff))
        return VERDICT_NONE;
    *ret = (struct probe_reply){
        .addr = p->quote.dst,
        .kind = PROBE_TIMESTAMP,
        .reason = reason,
        .ttl = p->ip.ttl,
        .from_target = addr_equal(&p->ip.src, &p->quote.dst),
    };
    return VERDICT_ERROR;
}

static enum verdict match(const struct probe_ctx *ctx, const struct packet *p, usec_t now,
                          struct probe_reply *ret)
{
    struct rbuf b = rbuf_of(p->payload, p->payload_len);
    uint64_t hash;

    (void)now;
    if (p->layers & PACKET_QUOTE && p->quote.dst.family == ADDR_V4)
        return match_error(ctx, p, ret);
    if (!(p->layers & PACKET_ICMP) || p->protocol != IP_ICMP ||
        p->icmp.type != ICMP_TYPE_TIMESTAMP_REPLY)
        return VERDICT_NONE;
    hash = hash_of(ctx, &p->ip.src);
    if (rbuf_u32(&b) != hash >> 32 || b.bad || p->icmp.rest >> 16 != (hash & 0xffff) ||
        (p->icmp.rest & 0xffff) > COOKIE_TRY_MAX)
        return VERDICT_NONE;
    *ret = (struct probe_reply){
        .addr = p->ip.src,
        .kind = PROBE_TIMESTAMP,
        .reason = REASON_TIMESTAMP_REPLY,
        .try = p->icmp.rest & 0xffff,
        .ttl = p->ip.ttl,
    };
    return VERDICT_ANSWER;
}

const struct probe_module probe_timestamp = {
    .name = "timestamp",
    .filter = "icmp and (icmp[0] == 14 or icmp[0] == 3 or icmp[0] == 11)",
    .frame_max = ETHER_HEADER_LEN + IP4_HEADER_LEN + ICMP_HEADER_LEN + BODY_LEN,
    .family = ADDR_V4,
    .build = build,
    .match = match,
};
