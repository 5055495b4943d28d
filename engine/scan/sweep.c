/* What to send next.
 *
 * A host goes through passes.  In each pass every question that is still open is asked once; then
 * the host waits until the last one may count as unanswered.  So retransmissions of one port lie a
 * whole pass apart, which bursts of loss do not span, and the state is a bit per port.  Hosts take
 * turns one probe each, which spreads the load; new hosts enter while fewer than READY_MIN have
 * something to send. */
#include "engine/scan/sweep_priv.h"

#include <errno.h>
#include <string.h>

#define HOSTS_MAX     32768
#define READY_MIN     128
#define PORT_MEMORY   (32U << 20) /* bytes for the ports of hosts under way */
#define STEPS_MAX     256         /* hosts handled in one call without a probe */
#define PORT_WAIT_MIN (100 * USEC_PER_MSEC)
#define UDP_WAIT_MIN  (500 * USEC_PER_MSEC) /* services take their time */
#define PING_WAIT_MIN (200 * USEC_PER_MSEC) /* phones doze */
/* Answers that queue up longer are as bad as lost. */
#define SENTINEL_WAIT_MIN (50 * USEC_PER_MSEC)
/* Between the different pings of one round: who answers the first is spared the others. */
#define PING_STAGGER (50 * USEC_PER_MSEC)
#define WAIT_MAX     (2 * USEC_PER_SEC)
#define LAST         UINT_MAX              /* as a round */
#define WAIT_UNKNOWN (500 * USEC_PER_MSEC) /* nobody has answered yet */
/* One probe in so many is a control, where there are enough for the host's limits to show. */
#define CONTROL_EVERY_TCP 64
#define CONTROL_EVERY_UDP 8
#define CONTROL_PORTS     64
/* ICMP errors are limited nearly everywhere; this far below a thousand a second few are. */
#define UDP_INTERVAL (2 * USEC_PER_MSEC)
#define PASSES_MAX   250

static int make_list(struct sweep *s, enum protocol protocol, enum probe_kind kind)
{
    struct port_list *l = &s->lists[s->n_lists];
    struct walk w;
    CLEANUP(freep) uint16_t *sorted = calloc(65536, sizeof *sorted);

    l->protocol = protocol;
    l->kind = kind;
    l->order = calloc(65536, sizeof *l->order);
    l->positions = malloc(65536 * sizeof *l->positions);
    s->n_lists++;
    if (!sorted || !l->order || !l->positions)
        return -ENOMEM;
    memset(l->positions, 0xff, 65536 * sizeof *l->positions);
    l->n = port_set_list(s->o.ports, protocol, sorted);
    walk_init(&w, l->n ? l->n : 1, s->o.seed ^ 0x706f727473ULL);
    for (uint32_t i = 0; i < l->n; i++) {
        l->order[i] = sorted[walk_at(&w, i)];
        l->positions[l->order[i]] = i;
    }
    return 0;
}

static size_t ports_size(const struct sweep *s)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < s->n_lists; i++)
        if (s->lists[i].n > n)
            n = s->lists[i].n;
    return sizeof(struct host_ports) + (n + 63) / 64 * sizeof(uint64_t);
}

int sweep_new(struct sweep **ret, const struct sweep_opts *o, const struct sweep_sink *sink,
              void *user)
{
    CLEANUP(sweep_freep) struct sweep *s = calloc(1, sizeof *s);
    uint64_t max = o->plan->total < HOSTS_MAX ? o->plan->total : HOSTS_MAX;

    if (!s)
        return -ENOMEM;
    s->o = *o;
    s->sink = *sink;
    s->user = user;
    TAILQ_INIT(&s->parked);
    walk_init(&s->walk, o->plan->total, o->seed);
    netpace_init(&s->nets, o->net_rate, o->seed);
    netloss_init(&s->losses, o->pacer_max, o->seed);
    s->sentinels.nets = &s->losses;
    s->sentinels.pacer = o->pacer;
    if (o->sample) {
        int r = sample_new(&s->sample,
                           &(struct sample_opts){o->plan, o->sample, o->known, o->seed, o->in_use});

        if (r < 0)
            return r;
    }
    if (hosts_init(&s->hosts, max) < 0)
        return -ENOMEM;
    if (o->port_kind != PROBE_NONE && make_list(s, PROTOCOL_TCP, o->port_kind) < 0)
        return -ENOMEM;
    if (o->udp && make_list(s, PROTOCOL_UDP, PROBE_UDP) < 0)
        return -ENOMEM;
    s->max_port_hosts = PORT_MEMORY / ports_size(s);
    *ret = take(&s);
    return 0;
}

struct sweep *sweep_free(struct sweep *s)
{
    if (!s)
        return NULL;
    hosts_done(&s->hosts);
    sample_free(s->sample);
    netloss_done(&s->losses);
    for (unsigned i = 0; i < s->n_lists; i++) {
        free(s->lists[i].order);
        free(s->lists[i].positions);
    }
    free(s);
    return NULL;
}

void sweep_freep(struct sweep **s)
{
    *s = sweep_free(*s);
}

void sweep_counts(const struct sweep *s, struct sweep_counts *ret)
{
    *ret = s->counts;
    ret->loss = netloss_measured(&s->losses);
    ret->total = s->sample ? sample_total(s->sample) : s->o.plan->total;
    ret->sampled = s->sample ? sample_networks(s->sample) : 0;
}

unsigned sweep_tries(const struct sweep *s, const struct host *h)
{
    unsigned max = s->o.max_retries < PROBE_TRIES_MAX ? s->o.max_retries + 1 : PROBE_TRIES_MAX;

    return loss_tries(netloss_of(&s->losses, h->net), max);
}

/* How long a probe of this pass waits for its answer: twice as long after the last round.  What
 * comes during later rounds counts as well, so that waiting longer between them would only keep the
 * end waiting. */
static usec_t wait_time(const struct sweep *s, const struct host *h, usec_t min, unsigned round)
{
    const struct rtt *net = netloss_rtt(h->net);
    const struct rtt *rtt = rtt_known(&h->rtt) ? &h->rtt : net ? net : &s->rtt;
    usec_t base = rtt_known(rtt) ? rtt_timeout(rtt, min, WAIT_MAX) : WAIT_UNKNOWN;

    return round >= LAST ? base * 2 : base;
}

static bool is_timed_out(const struct sweep *s, const struct host *h, usec_t now)
{
    return s->o.host_timeout && now - h->admitted >= s->o.host_timeout;
}

static void time_out(struct sweep *s, struct host *h)
{
    h->inconclusive = true;
    sweep_host_end(s, h);
}

static void fill(const struct host *h, struct sweep_probe *ret)
{
    *ret = (struct sweep_probe){
        .addr = h->addr,
        .hop = h->hop,
        .mac = h->has_mac ? h->mac : h->hop->mac,
    };
}

static void step_ping(struct sweep *s, struct host *h, usec_t now, struct sweep_probe *ret)
{
    struct ping_list l;
    const struct ping *ping;
    unsigned next;

    sweep_pings(s, h, &l);
    ping = &l.v[h->pass % l.n];
    next = sweep_ping_stage(s, h, &l, h->pass + 1U);
    fill(h, ret);
    ret->kind = ping->kind;
    ret->port = ping->port;
    ret->try = h->pass / l.n;
    ret->timeout = wait_time(s, h, PING_WAIT_MIN, next == SWEEP_NO_STAGE ? LAST : ret->try);
    if (!h->began)
        h->began = now;
    h->sent = now;
    h->resting = false;
    hosts_set_due(&s->hosts, h, now + (next / l.n == ret->try ? PING_STAGGER : ret->timeout));
}

/* The next open position from `at` on, or that behind the last. */
static uint32_t next_open(const struct sweep *s, const struct host *h, uint32_t at)
{
    uint32_t n = sweep_list(s, h)->n;

    while (at < n) {
        uint64_t open = ~h->ports->answered[at / 64] >> at % 64;

        if (open) {
            at += (uint32_t)__builtin_ctzll(open);
            return at < n ? at : n;
        }
        at = (at / 64 + 1) * 64;
    }
    return n;
}

/* Longer with each pass whose silence was believed. */
static usec_t port_wait(const struct sweep *s, const struct host *h, unsigned round)
{
    bool udp = sweep_list(s, h)->protocol == PROTOCOL_UDP;

    if (round + 1 >= sweep_tries(s, h))
        round = LAST;
    return wait_time(s, h, udp ? UDP_WAIT_MIN : PORT_WAIT_MIN, round);
}

/* A host that is slowed down measures itself and not the network. */
static void expire_control(struct sweep *s, struct host *h, usec_t timeout, usec_t now)
{
    usec_t before = h->pace.interval;

    hostpace_expire(&h->pace, timeout, loss_measured(netloss_of(&s->losses, h->net)), now);
    if (h->pace.interval > before && s->o.pacer)
        sentinels_forget(&s->sentinels, &h->addr, now);
}

/* Whether the host's next probe is a control: one in so many, and the last one of a pass that
 * leaves questions open. */
static bool is_control_due(struct sweep *s, struct host *h, bool last, usec_t now)
{
    const struct port_list *l = sweep_list(s, h);
    bool udp = l->protocol == PROTOCOL_UDP;

    if (!udp && (l->n < CONTROL_PORTS || l->kind != PROBE_SYN))
        return false;
    expire_control(s, h, port_wait(s, h, 0), now);
    if (!last && udp && hostpace_is_early(&h->pace, now))
        return false;
    if (!last)
        return hostpace_control_due(&h->pace, udp ? CONTROL_EVERY_UDP : CONTROL_EVERY_TCP, now);
    if (h->checked)
        return false;
    h->checked = true;
    return hostpace_control_due(&h->pace, 0, now);
}

/* False: nothing is left to send in this pass; the host waits. */
static bool step_ports(struct sweep *s, struct host *h, usec_t now, struct sweep_probe *ret)
{
    const struct port_list *l = sweep_list(s, h);
    uint32_t at = next_open(s, h, h->cursor);
    bool control = is_control_due(s, h, at == l->n, now);
    usec_t wait, rest;

    h->resting = false;
    if (at == l->n && !control) {
        wait = port_wait(s, h, h->believed);
        rest = hostpace_rest(&h->pace);
        hosts_set_due(&s->hosts, h, h->sent + (rest > wait ? rest : wait));
        return false;
    }
    fill(h, ret);
    ret->kind = l->kind;
    ret->port = control ? h->pace.port : l->order[at];
    ret->try = control                     ? PROBE_TRY_SENTINEL
               : h->pass < PROBE_TRIES_MAX ? h->pass
                                           : PROBE_TRIES_MAX - 1;
    ret->timeout = port_wait(s, h, h->believed);
    if (!h->began)
        h->began = now;
    if (!control)
        h->cursor = at + 1;
    h->sent = now;
    h->resting = h->pace.interval > 0;
    if (h->resting)
        hosts_set_due(&s->hosts, h, now + h->pace.interval);
    else
        hosts_set_ready(&s->hosts, h);
    return true;
}

/* By the limit that was set for each network, and by what this one has shown to bear. */
static usec_t turn_of(struct sweep *s, const struct host *h, usec_t now)
{
    usec_t limit = netpace_turn(&s->nets, &h->addr, now);
    usec_t own = netloss_turn(h->net, now);

    return limit > own ? limit : own;
}

/* False: its network's next turn is later, and the host waits for it. */
static bool has_turn(struct sweep *s, struct host *h, usec_t now)
{
    usec_t turn = h->granted ? now : turn_of(s, h, now);

    h->granted = turn > now;
    if (!h->granted)
        return true;
    h->resting = true;
    hosts_set_due(&s->hosts, h, turn);
    return false;
}

/* The turn of the first ready host.  False when it had nothing to send. */
static bool step(struct sweep *s, usec_t now, struct sweep_probe *ret)
{
    struct host *h = TAILQ_FIRST(&s->hosts.ready);

    if (is_timed_out(s, h, now)) {
        time_out(s, h);
        return false;
    }
    if (!has_turn(s, h, now))
        return false;
    if (h->stage == HOST_PORTS && !step_ports(s, h, now, ret))
        return false;
    if (h->stage == HOST_PINGS)
        step_ping(s, h, now, ret);
    s->counts.probes++;
    s->counts.retransmissions += ret->try > 0 && ret->try != PROBE_TRY_SENTINEL;
    return true;
}

static void ping_pass_over(struct sweep *s, struct host *h)
{
    struct ping_list l;
    unsigned round, next;

    sweep_pings(s, h, &l);
    round = h->pass / l.n;
    next = sweep_ping_stage(s, h, &l, h->pass + 1U);
    if (next / l.n != round && sweep_must_repeat(s, h))
        next = round * l.n;
    if (next == SWEEP_NO_STAGE) {
        sweep_host_down(s, h);
        return;
    }
    if (next / l.n != round || next <= h->pass)
        h->began = 0;
    h->pass = (uint8_t)next;
    hosts_set_ready(&s->hosts, h);
}

/* Silence is believed after as many passes as the loss asks for.  Passes do not count while the
 * host holds answers back; of UDP also those that, like the first, brought answers: what they
 * brought may have kept others from being sent. */
static void port_pass_over(struct sweep *s, struct host *h, usec_t now)
{
    bool counts, late = h->pass > 1 && h->news && sweep_list(s, h)->protocol == PROTOCOL_UDP;

    expire_control(s, h, 0, now);
    counts = hostpace_pass_counts(&h->pace) && !sweep_must_repeat(s, h);
    h->believed += (counts && !late) || h->pass >= PASSES_MAX;
    h->news = h->checked = false;
    h->began = 0;
    if (h->believed < sweep_tries(s, h))
        hosts_set_ready(&s->hosts, h);
    else
        sweep_host_end(s, h);
}

/* The last probe of a pass counts as unanswered. */
static void pass_over(struct sweep *s, struct host *h, usec_t now)
{
    if (is_timed_out(s, h, now)) {
        time_out(s, h);
        return;
    }
    h->cursor = 0;
    if (h->stage == HOST_PINGS) {
        ping_pass_over(s, h);
        return;
    }
    if (h->pass < PASSES_MAX)
        h->pass++;
    port_pass_over(s, h, now);
}

/* The time has come that the host waited for. */
static void come_due(struct sweep *s, struct host *h, usec_t now)
{
    if (h->resting)
        hosts_set_ready(&s->hosts, h);
    else
        pass_over(s, h, now);
}

static bool is_walked(const struct sweep *s)
{
    return s->sample ? !sample_has_next(s->sample) : s->admitted == s->o.plan->total;
}

/* The number of the next host in the plan.  False: there is none. */
static bool next_number(struct sweep *s, uint64_t *ret)
{
    if (s->sample)
        return sample_next(s->sample, ret);
    *ret = walk_at(&s->walk, s->admitted);
    return true;
}

/* Takes the next host of the walk in. */
static void admit(struct sweep *s, usec_t now)
{
    struct probe_reply up = {0};
    struct ping_list l;
    const struct hop *hop;
    struct host *h;
    uint64_t number;

    if (!next_number(s, &number))
        return;
    hop = plan_nth(s->o.plan, number, &up.addr);
    h = hosts_add(&s->hosts, &up.addr);
    /* Out of memory: what is under way must end first. */
    if (!h) {
        s->counts.inconclusive += s->sample != NULL;
        return;
    }
    s->admitted++;
    h->hop = hop;
    h->net = netloss_slot(&s->losses, &h->addr);
    h->admitted = now;
    if (hop->kind == HOP_UNREACHABLE) {
        time_out(s, h);
        return;
    }
    sweep_pings(s, h, &l);
    if (l.n > 0) {
        hosts_set_ready(&s->hosts, h);
        return;
    }
    /* As nmap has it, -Pn wins over being this machine. */
    up.reason = s->o.ping.mask & SCAN_PING_NONE ? REASON_USER_SET : REASON_LOCALHOST;
    sweep_host_up(s, h, &up);
}

/* The ports of the next host that waits for memory. */
static void unpark(struct sweep *s)
{
    struct host *h = TAILQ_FIRST(&s->parked);
    struct host_ports *ports;

    if (!h || s->port_hosts >= s->max_port_hosts || !(ports = calloc(1, ports_size(s))))
        return;
    TAILQ_REMOVE(&s->parked, h, entry);
    s->n_parked--;
    h->ports = ports;
    h->stage = HOST_PORTS;
    s->port_hosts++;
    sweep_list_begin(s, h);
}

void sweep_list_begin(struct sweep *s, struct host *h)
{
    const struct port_list *l = sweep_list(s, h);
    bool slow = l->protocol == PROTOCOL_UDP && h->hop->kind != HOP_LOCAL;
    usec_t interval = slow ? UDP_INTERVAL : 0;
    usec_t wanted = s->o.host_rate > 0 ? (usec_t)((double)USEC_PER_SEC / s->o.host_rate) : interval;

    memset(h->ports, 0, ports_size(s));
    h->ports->left = l->n;
    h->pass = h->believed = 0;
    h->cursor = 0;
    h->began = 0;
    h->repeats = h->suspected = 0;
    h->news = h->checked = h->resting = false;
    hostpace_init(&h->pace, wanted > interval ? wanted : interval);
    if (l->n)
        hosts_set_ready(&s->hosts, h);
    else
        sweep_host_end(s, h);
}

static bool may_admit(const struct sweep *s)
{
    return !is_walked(s) && s->hosts.n < s->hosts.max && s->hosts.n_ready + s->n_parked < READY_MIN;
}

/* Whether the next probe is to be a sentinel: in a network apart as often as its own pacer wants,
 * elsewhere as that of all. */
static bool is_sentinel_due(struct sweep *s, struct netloss_slot *net)
{
    const struct pacer *p = net ? net->own : s->o.pacer;
    unsigned *since = net ? &net->since_sentinel : &s->since_sentinel;

    if (++*since < pacer_sentinel_every(p))
        return false;
    *since = 0;
    return true;
}

/* A sentinel's turn? */
static bool step_sentinel(struct sweep *s, usec_t now, struct sweep_probe *ret)
{
    struct netloss_slot *net = TAILQ_FIRST(&s->hosts.ready)->net;
    const struct sentinel *v;

    net = net->own ? net : NULL;
    /* Where hosts or networks have their own rate, it is kept without exception: one host that
     * answers would be all the sentinels there are, and everybody would wait for its turns. */
    if (!s->o.pacer || s->nets.interval || s->o.host_rate > 0 || !is_sentinel_due(s, net))
        return false;
    sentinels_expire(&s->sentinels, &s->rtt, (struct rtt_bounds){SENTINEL_WAIT_MIN, WAIT_MAX}, now);
    v = sentinels_next(&s->sentinels, net, now);
    if (!v)
        return false;
    (void)netloss_turn(v->net, now); /* one of its turns is taken */
    *ret = (struct sweep_probe){v->addr, v->hop, v->mac, v->kind, v->port, PROBE_TRY_SENTINEL,
                                WAIT_MAX};
    s->counts.probes++;
    return true;
}

enum sweep_step sweep_next(struct sweep *s, usec_t now, struct sweep_probe *ret, usec_t *ret_wait)
{
    *ret_wait = 0;
    for (int i = 0; i < STEPS_MAX; i++) {
        struct host *h = hosts_first_due(&s->hosts);

        if (h && h->due <= now)
            come_due(s, h, now);
        else if (!TAILQ_EMPTY(&s->parked) && s->port_hosts < s->max_port_hosts)
            unpark(s);
        else if (may_admit(s))
            admit(s, now);
        else if (TAILQ_EMPTY(&s->hosts.ready))
            break;
        else if (step_sentinel(s, now, ret) || step(s, now, ret))
            return SWEEP_PROBE;
    }
    if (s->hosts.n == 0 && is_walked(s))
        return SWEEP_DONE;
    if (TAILQ_EMPTY(&s->hosts.ready) && hosts_first_due(&s->hosts) && !may_admit(s))
        *ret_wait =
            hosts_first_due(&s->hosts)->due > now ? hosts_first_due(&s->hosts)->due - now : 0;
    return SWEEP_WAIT;
}

void sweep_delayed(struct sweep *s, const struct sweep_probe *p, usec_t delay)
{
    struct host *h = hosts_find(&s->hosts, &p->addr);
    bool repeat = p->try == PROBE_TRY_SENTINEL;

    if (repeat)
        sentinels_delayed(&s->sentinels, p->kind, &p->addr, p->port, delay);
    if (!h || (repeat &&
               !(sweep_has_control(s, h, p->kind) && hostpace_delayed(&h->pace, p->port, delay))))
        return;
    h->sent += delay;
    if (h->heap_slot)
        hosts_set_due(&s->hosts, h, h->due + delay);
}
