/* What answers mean, and what is told of a host.
 *
 * The first answer to a port counts; later and double ones find its bit set.  An answer also
 * measures: its try says how many transmissions before it were lost, its cookie how long it took.
 */
#include "engine/scan/sweep_priv.h"

/* own: the host itself said so. */
static enum port_state state_of(enum protocol protocol, enum reason reason, bool own)
{
    bool udp = protocol == PROTOCOL_UDP;

    switch (reason) {
    case REASON_SYN_ACK:
    case REASON_UDP_RESPONSE:
        return PORT_OPEN;
    case REASON_RESET:
    case REASON_CONN_REFUSED:
        return PORT_CLOSED;
    case REASON_PORT_UNREACH:
        return udp && own ? PORT_CLOSED : PORT_FILTERED;
    case REASON_NO_RESPONSE:
        return udp ? PORT_OPEN_FILTERED : PORT_FILTERED;
    default:
        return PORT_FILTERED;
    }
}

static void tell_port(struct sweep *s, const struct host *h, uint16_t port,
                      const struct probe_reply *r)
{
    struct port_finding p = {
        .address = h->addr,
        .protocol = sweep_list(s, h)->protocol,
        .port = port,
        .state = state_of(sweep_list(s, h)->protocol, r->reason, r->from_target),
        .reason = r->reason,
        .ttl = r->ttl,
        .service = {.method = SERVICE_TABLE, .confidence = 3},
    };

    s->counts.ports_open += p.state == PORT_OPEN;
    if (p.state == PORT_OPEN || s->o.report_closed)
        s->sink.port(s->user, &p);
}

/* Ports that never answered: each its finding, or all one line. */
static void tell_silent(struct sweep *s, struct host *h)
{
    const struct port_list *l = sweep_list(s, h);
    struct probe_reply silence = {.reason = REASON_NO_RESPONSE};

    h->ports->counts[REASON_NO_RESPONSE] += h->ports->left;
    for (uint32_t i = 0; s->o.report_closed && i < l->n; i++)
        if (!(h->ports->answered[i / 64] >> i % 64 & 1))
            tell_port(s, h, l->order[i], &silence);
}

static void tell_summary(struct sweep *s, const struct host *h, enum reason reason, bool own)
{
    struct port_summary sum = {
        .address = h->addr,
        .protocol = sweep_list(s, h)->protocol,
        .reason = reason,
        .count = h->ports->counts[reason],
    };

    sum.state = state_of(sum.protocol, reason, own);
    if (reason == REASON_PORT_UNREACH)
        sum.count = own ? sum.count - h->ports->rejected : h->ports->rejected;
    if (sum.count && sum.state != PORT_OPEN)
        s->sink.summary(s->user, &sum);
}

static void tell_summaries(struct sweep *s, const struct host *h)
{
    for (int reason = 0; reason < REASON_MAX && !s->o.report_closed; reason++)
        tell_summary(s, h, (enum reason)reason, true);
    if (!s->o.report_closed)
        tell_summary(s, h, REASON_PORT_UNREACH, false);
}

static bool is_over(const struct sweep *s, const struct host *h)
{
    return !h->ports || h->inconclusive || h->list + 1U >= s->n_lists;
}

void sweep_host_end(struct sweep *s, struct host *h)
{
    struct addr a = h->addr;
    bool conclusive = !h->inconclusive;

    if (h->ports && conclusive)
        tell_silent(s, h);
    if (h->ports)
        tell_summaries(s, h);
    if (!is_over(s, h)) {
        h->list++;
        sweep_list_begin(s, h);
        return;
    }
    s->port_hosts -= h->ports != NULL;
    if (h->stage == HOST_PARKED) {
        TAILQ_REMOVE(&s->parked, h, entry);
        s->n_parked--;
    }
    hosts_remove(&s->hosts, h);
    s->counts.hosts_done++;
    s->counts.inconclusive += !conclusive;
    s->sink.host_done(s->user, &a, conclusive);
}

void sweep_host_up(struct sweep *s, struct host *h, const struct probe_reply *r)
{
    struct host_finding f = {
        .address = h->addr,
        .state = HOST_UP,
        .reason = r->reason,
        .ttl = r->ttl,
        .has_mac = h->has_mac,
        .mac = h->mac,
        .rtt = h->rtt.smoothed,
    };

    s->counts.hosts_up++;
    if (s->sample)
        sample_escalate(s->sample, &h->addr);
    s->sink.host(s->user, &f);
    if (s->n_lists == 0) {
        sweep_host_end(s, h);
        return;
    }
    hosts_unqueue(&s->hosts, h);
    h->stage = HOST_PARKED;
    TAILQ_INSERT_TAIL(&s->parked, h, entry);
    s->n_parked++;
}

void sweep_host_down(struct sweep *s, struct host *h)
{
    struct host_finding f = {
        .address = h->addr,
        .state = HOST_DOWN,
        .reason = h->reason ? h->reason : REASON_NO_RESPONSE,
    };

    if (s->o.report_down)
        s->sink.host(s->user, &f);
    sweep_host_end(s, h);
}

/* Where there are several ways to ask, a host whose first answer was lost is mostly found by the
 * next way and not by another try: counted, such answers would make the loss look small. */
static bool is_only_way(const struct sweep *s, const struct host *h, const struct probe_reply *r)
{
    struct ping_list l;

    sweep_pings(s, h, &l);
    return l.n == 1 || r->kind == PROBE_CONNECT;
}

/* The answer to a question that was open.  Where answers take longer than is waited for, others to
 * the same question follow, and their tries would look like losses. */
static bool is_first(const struct sweep *s, const struct host *h, const struct probe_reply *r)
{
    uint32_t at;

    if (h->stage == HOST_PINGS)
        return true;
    if (h->stage != HOST_PORTS || r->kind != sweep_list(s, h)->kind)
        return false;
    at = sweep_list(s, h)->positions[r->port];
    return at != UINT32_MAX && !(h->ports->answered[at / 64] >> at % 64 & 1);
}

/* Round trip and loss; what a host held back is no loss of the network's.  ARP and ND carry no
 * cookie: their try is the host's pass, and before it has begun they answer somebody else. */
static void measure(struct sweep *s, struct host *h, const struct probe_reply *r, usec_t now)
{
    bool neighbour = r->kind == PROBE_ARP || r->kind == PROBE_ND;
    usec_t rtt = r->rtt;

    if (neighbour && (h->stage != HOST_PINGS || !h->began))
        return;
    if (neighbour && h->pass == 0)
        rtt = now - h->sent + 1;
    if (rtt) {
        rtt_add(&h->rtt, rtt);
        rtt_add(&s->rtt, rtt);
        netloss_rtt_add(h->net, rtt);
    }
    if (is_first(s, h, r) &&
        (h->stage == HOST_PINGS ? is_only_way(s, h, r) : !hostpace_holds(&h->pace)))
        netloss_answered(&s->losses, h->net, neighbour ? h->pass : r->try);
}

static void learn_sentinel(struct sweep *s, const struct host *h, const struct probe_reply *r)
{
    struct sentinel one = {
        .addr = h->addr,
        .hop = h->hop,
        .net = h->net,
        .mac = h->has_mac ? h->mac : h->hop->mac,
        .kind = r->kind,
        .port = r->port,
    };

    if (hostpace_holds(&h->pace))
        return;
    if (s->o.pacer && (r->kind == PROBE_SYN || r->kind == PROBE_ECHO || r->kind == PROBE_ECHO6))
        sentinels_learn(&s->sentinels, &one);
}

/* Of a datagram only its ports come back, so that what another scanner on this machine asks of the
 * host passes for ours now and then.  Believed while the neighbour's MAC address is looked for, it
 * would leave a host that is there and cannot be asked. */
static bool is_of_a_ping(const struct sweep *s, const struct host *h, const struct probe_reply *r)
{
    struct ping_list l;

    sweep_pings(s, h, &l);
    for (unsigned i = 0; i < l.n; i++)
        if (l.v[i].kind == r->kind && l.v[i].port == r->port)
            return true;
    return false;
}

/* An ICMP error while the host is looked for: only the target's own word, or that there is no such
 * host, decides. */
static void ping_error(struct sweep *s, struct host *h, const struct probe_reply *r)
{
    h->reason = r->reason;
    if (r->from_target)
        sweep_host_up(s, h, r);
    else if (r->reason == REASON_HOST_UNREACH)
        sweep_host_down(s, h);
}

/* Where ARP is no verdict, it has found the way for the pings that are. */
static void ping_answer(struct sweep *s, struct host *h, const struct probe_reply *r)
{
    bool neighbour = r->kind == PROBE_ARP || r->kind == PROBE_ND;
    struct ping_list l;

    sweep_pings(s, h, &l);
    if (l.n > 1)
        sweep_ping_found(s, r->kind);
    if (!neighbour || !(s->o.ping.mask & SCAN_PING_NO_ARP)) {
        sweep_host_up(s, h, r);
        return;
    }
    h->pass = 0;
    h->began = 0;
    h->resting = false;
    if (s->o.ping.mask & SCAN_PING_NONE)
        sweep_host_up(s, h, &(struct probe_reply){.reason = REASON_USER_SET});
    else
        hosts_set_ready(&s->hosts, h);
}

static void port_answer(struct sweep *s, struct host *h, const struct probe_reply *r)
{
    uint32_t at = sweep_list(s, h)->positions[r->port];

    if (at == UINT32_MAX || h->ports->answered[at / 64] >> at % 64 & 1)
        return;
    h->ports->answered[at / 64] |= 1ULL << at % 64;
    h->ports->left--;
    h->ports->counts[r->reason]++;
    h->ports->rejected += r->reason == REASON_PORT_UNREACH && !r->from_target;
    h->news = true;
    /* Of TCP, an ICMP error and silence are the same state: no reason to ask at the pace of errors.
     */
    if (r->reason == REASON_RESET ||
        (r->reason == REASON_PORT_UNREACH && r->from_target && r->kind == PROBE_UDP))
        hostpace_learn(&h->pace, r->port);
    tell_port(s, h, r->port, r);
    if (h->ports->left == 0)
        sweep_host_end(s, h);
}

static bool is_error(const struct probe_reply *r)
{
    return r->reason >= REASON_PORT_UNREACH && r->reason <= REASON_TIME_EXCEEDED;
}

/* A control's or a sentinel's. */
static void repeat_answer(struct sweep *s, struct host *h, const struct probe_reply *r, usec_t now)
{
    bool control = h && sweep_has_control(s, h, r->kind) && hostpace_answered(&h->pace, r->port);

    if (!control && s->o.pacer && !is_error(r))
        sentinels_answer(&s->sentinels, r, now);
}

void sweep_answer(struct sweep *s, const struct probe_reply *r, usec_t now)
{
    struct host *h;

    h = hosts_find(&s->hosts, &r->addr);
    if (r->try == PROBE_TRY_SENTINEL) {
        repeat_answer(s, h, r, now);
        return;
    }
    if (!h || (h->stage == HOST_PINGS && !is_of_a_ping(s, h, r)))
        return;
    if (!is_error(r)) {
        measure(s, h, r, now);
        if (r->has_mac && !h->has_mac) {
            h->has_mac = true;
            h->mac = r->mac;
        }
        learn_sentinel(s, h, r);
    }
    if (h->stage == HOST_PORTS && r->kind == sweep_list(s, h)->kind)
        port_answer(s, h, r);
    else if (h->stage == HOST_PINGS && is_error(r))
        ping_error(s, h, r);
    else if (h->stage == HOST_PINGS)
        ping_answer(s, h, r);
}

void sweep_refuse(struct sweep *s, const struct sweep_probe *p)
{
    struct host *h = p->try == PROBE_TRY_SENTINEL ? NULL : hosts_find(&s->hosts, &p->addr);
    uint32_t at;

    s->counts.probes--;
    if (!h)
        return;
    h->inconclusive = true;
    if (h->stage != HOST_PORTS) {
        sweep_host_end(s, h);
        return;
    }
    at = sweep_list(s, h)->positions[p->port];
    if (at == UINT32_MAX || h->ports->answered[at / 64] >> at % 64 & 1)
        return;
    h->ports->answered[at / 64] |= 1ULL << at % 64;
    if (--h->ports->left == 0)
        sweep_host_end(s, h);
}
