/* UDP probes: the payload of the port, or an empty datagram.
 *
 * All that comes back of a datagram for sure are its ports, so the source port alone is the cookie,
 * and it says the try as well; when it was sent stays unknown.  On loopback our own probes are
 * captured too: one from a port of our range must not pass for an answer to another. */
#include "engine/packet/build.h"
#include "engine/scan/payload.h"
#include "engine/scan/probe.h"

#include <errno.h>

#define TTL     64
#define UDP_MAX (ETHER_HEADER_LEN + IP6_HEADER_LEN + UDP_HEADER_LEN + PAYLOAD_MAX)

static uint16_t sport_of(const struct probe_ctx *ctx, const struct addr *a, uint16_t port,
                         unsigned try)
{
    struct cookie_of of = {*a, port, PROBE_UDP};

    return (uint16_t)(ctx->sport_base + cookie_make(&ctx->key, &of, try, 0).sport);
}

static int build(const struct probe_ctx *ctx, const struct probe_target *t, struct wbuf *frame)
{
    const uint16_t ports[] = {sport_of(ctx, &t->addr, t->port, t->try), t->port};
    struct ip_fields ip = {t->src, t->addr, TTL, ports[0] ^ t->port};
    size_t len;
    const uint8_t *payload = payloads_get(ctx->payloads, t->port, &len);

    if (ctx->ether)
        ether_build(frame, &t->next_hop, &ctx->mac,
                    t->addr.family == ADDR_V6 ? ETHER_IP6 : ETHER_IP4);
    udp_build(frame, &ip, ports, payload, len);
    return frame->bad ? -EMSGSIZE : 0;
}

/* Whether `sport` is a source port of ours towards an address and port.  *ret is set on true only.
 */
static bool check(const struct probe_ctx *ctx, const struct addr *a, const uint16_t ports[2],
                  struct probe_reply *ret)
{
    if ((uint16_t)(ports[0] - ctx->sport_base) >= COOKIE_PORTS)
        return false;
    for (unsigned try = 0; try <= PROBE_TRY_SENTINEL; try++) {
        if (sport_of(ctx, a, ports[1], try) != ports[0])
            continue;
        *ret = (struct probe_reply){.addr = *a, .kind = PROBE_UDP, .port = ports[1], .try = try};
        return true;
    }
    return false;
}

static enum verdict match_error(const struct probe_ctx *ctx, const struct packet *p,
                                struct probe_reply *ret)
{
    const uint16_t ports[] = {p->quote.sport, p->quote.dport};
    enum reason reason = probe_icmp_reason(p);
    size_t len;

    if (reason == REASON_UNKNOWN || p->quote.protocol != IP_UDP)
        return VERDICT_NONE;
    payloads_get(ctx->payloads, p->quote.dport, &len);
    if (p->quote.word >> 16 != UDP_HEADER_LEN + len || !check(ctx, &p->quote.dst, ports, ret))
        return VERDICT_NONE;
    ret->reason = reason;
    ret->ttl = p->ip.ttl;
    ret->from_target = addr_equal(&p->ip.src, &ret->addr);
    return VERDICT_ERROR;
}

static enum verdict match(const struct probe_ctx *ctx, const struct packet *p, usec_t now,
                          struct probe_reply *ret)
{
    const uint16_t sent[] = {p->tcp.sport, p->tcp.dport}, answered[] = {p->tcp.dport, p->tcp.sport};
    struct probe_reply own;

    (void)now;
    if (p->layers & PACKET_QUOTE)
        return match_error(ctx, p, ret);
    if (!(p->layers & PACKET_UDP) || check(ctx, &p->ip.dst, sent, &own) ||
        !check(ctx, &p->ip.src, answered, ret))
        return VERDICT_NONE;
    ret->reason = REASON_UDP_RESPONSE;
    ret->ttl = p->ip.ttl;
    return VERDICT_ANSWER;
}

const struct probe_module probe_udp = {
    .name = "udp",
    .filter = "(udp and PORTS) or (icmp and (icmp[0] == 3 or icmp[0] == 11)) or "
              "(icmp6 and (ip6[40] == 1 or ip6[40] == 3))",
    .frame_max = UDP_MAX,
    .build = build,
    .match = match,
};
