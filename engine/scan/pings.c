/* For each host the questions whether it is there, in their order. */
#include "engine/scan/sweep_priv.h"

static void add(struct ping_list *l, enum probe_kind kind, uint16_t port)
{
    l->v[l->n++] = (struct ping){kind, port};
}

static void add_ports(struct ping_list *l, enum probe_kind kind, const struct port_few *p,
                      uint16_t usual)
{
    for (unsigned i = 0; i < p->n; i++)
        add(l, kind, p->v[i]);
    if (!p->n)
        add(l, kind, usual);
}

/* What goes through the IP layer, in the order in which nmap's users see reasons. */
static void add_raw(struct ping_list *l, const struct ping_choice *c, bool six)
{
    if (c->mask & SCAN_PING_ECHO)
        add(l, six ? PROBE_ECHO6 : PROBE_ECHO, 0);
    if (c->mask & SCAN_PING_SYN)
        add_ports(l, PROBE_SYN, &c->syn, 443);
    if (c->mask & SCAN_PING_ACK)
        add_ports(l, PROBE_ACK, &c->ack, 80);
    if (c->mask & SCAN_PING_UDP)
        add_ports(l, PROBE_UDP, &c->udp, 40125);
    if (c->mask & SCAN_PING_TIMESTAMP && !six)
        add(l, PROBE_TIMESTAMP, 0);
}

void sweep_pings(const struct sweep *s, const struct host *h, struct ping_list *ret)
{
    const struct ping_choice *c = &s->o.ping;
    bool six = h->addr.family == ADDR_V6;
    bool neighbour = s->o.raw && h->hop->kind == HOP_ONLINK && h->hop->resolve;

    ret->n = 0;
    if (h->hop->kind == HOP_LOCAL)
        return;
    /* The neighbour's MAC address is needed in any case, and who has none is not there. */
    if (neighbour && !(c->mask & SCAN_PING_NO_ARP && h->has_mac)) {
        add(ret, six ? PROBE_ND : PROBE_ARP, 0);
        return;
    }
    if (c->mask & SCAN_PING_NONE)
        return;
    if (s->o.raw)
        add_raw(ret, c, six);
    if (c->mask & SCAN_PING_CONNECT || ret->n == 0) {
        add(ret, PROBE_CONNECT, 80);
        add(ret, PROBE_CONNECT, 443);
    }
}
