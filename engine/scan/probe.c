/* The table of modules, and what they share: the way to the right module for a packet, the joint
 * filter, ICMP errors. */
#include "engine/scan/probe.h"

#include <string.h>

static const struct probe_module *const modules[PROBE_KINDS] = {
    [PROBE_ARP] = &probe_arp,
    [PROBE_ND] = &probe_nd,
    [PROBE_ECHO] = &probe_echo,
    [PROBE_ECHO6] = &probe_echo6,
    [PROBE_TIMESTAMP] = &probe_timestamp,
    [PROBE_SYN] = &probe_syn,
    [PROBE_ACK] = &probe_ack,
    [PROBE_UDP] = &probe_udp,
};

const struct probe_module *probe_module(enum probe_kind kind)
{
    return (size_t)kind < ARRAY_LEN(modules) ? modules[kind] : NULL;
}

enum verdict probe_match(const struct probe_ctx *ctx, const struct packet *p, usec_t now,
                         struct probe_reply *ret)
{
    enum verdict v;

    /* On the interface that carries a VLAN its frames are heard as well, and belong to another one:
     * to that of the VLAN, which hears them without the tag. */
    if (p->vlan)
        return VERDICT_NONE;
    /* Most replies are to SYN probes. */
    v = probe_syn.match(ctx, p, now, ret);
    for (size_t kind = 0; kind < ARRAY_LEN(modules) && v == VERDICT_NONE; kind++)
        if (modules[kind] && modules[kind] != &probe_syn)
            v = modules[kind]->match(ctx, p, now, ret);
    return v;
}

void probe_filter(struct buf *out, unsigned kinds, uint16_t sport_base)
{
    const char *separator = "";

    for (size_t kind = 0; kind < ARRAY_LEN(modules); kind++) {
        const char *text = modules[kind] ? modules[kind]->filter : NULL, *mark;

        if (!text || !(kinds >> kind & 1))
            continue;
        buf_printf(out, "%s(", separator);
        while ((mark = strstr(text, "PORTS"))) {
            buf_add(out, text, (size_t)(mark - text));
            buf_printf(out, "dst portrange %u-%u", sport_base, sport_base + COOKIE_PORTS - 1U);
            text = mark + strlen("PORTS");
        }
        buf_printf(out, "%s)", text);
        separator = " or ";
    }
}

static enum reason icmp4_reason(const struct icmp_fields *icmp)
{
    static const enum reason unreach[] = {
        [0] = REASON_NET_UNREACH,    [1] = REASON_HOST_UNREACH,      [2] = REASON_PROTO_UNREACH,
        [3] = REASON_PORT_UNREACH,   [6] = REASON_NET_UNREACH,       [7] = REASON_HOST_UNREACH,
        [9] = REASON_NET_PROHIBITED, [10] = REASON_HOST_PROHIBITED,  [11] = REASON_NET_UNREACH,
        [12] = REASON_HOST_UNREACH,  [13] = REASON_ADMIN_PROHIBITED,
    };

    if (icmp->type == ICMP_TYPE_TIME_EXCEEDED)
        return REASON_TIME_EXCEEDED;
    if (icmp->type != ICMP_TYPE_UNREACH || icmp->code >= ARRAY_LEN(unreach))
        return REASON_UNKNOWN;
    return unreach[icmp->code];
}

/* RFC 4443 3.1. */
static enum reason icmp6_reason(const struct icmp_fields *icmp)
{
    static const enum reason unreach[] = {
        [0] = REASON_NET_UNREACH,  [1] = REASON_ADMIN_PROHIBITED, [2] = REASON_HOST_UNREACH,
        [3] = REASON_HOST_UNREACH, [4] = REASON_PORT_UNREACH,     [5] = REASON_ADMIN_PROHIBITED,
        [6] = REASON_NET_UNREACH,
    };

    if (icmp->type == ICMP6_TYPE_TIME_EXCEEDED)
        return REASON_TIME_EXCEEDED;
    if (icmp->type != ICMP6_TYPE_UNREACH || icmp->code >= ARRAY_LEN(unreach))
        return REASON_UNKNOWN;
    return unreach[icmp->code];
}

enum reason probe_icmp_reason(const struct packet *p)
{
    if (!(p->layers & PACKET_QUOTE))
        return REASON_UNKNOWN;
    return p->protocol == IP_ICMP6 ? icmp6_reason(&p->icmp) : icmp4_reason(&p->icmp);
}
