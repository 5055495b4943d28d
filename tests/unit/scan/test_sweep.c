/* The sweep against a simulated network: what it finds must be the truth, whatever is lost, doubled
 * or late. */
#include "engine/scan/pacer.h"
#include "engine/scan/sweep.h"
#include "tests/support/main.h"

#include <stdlib.h>
#include <string.h>

#define FLIGHT_MAX 65536
#define HOSTS_MAX  1024
#define PORTS      64

/* The network: answers come after `rtt`, some not at all, some twice. */
struct world {
    double loss;
    usec_t rtt;
    bool doubles;
    usec_t deaf_from, deaf_until; /* answers are lost on our side, and the sweep is told */
    uint64_t random;
    usec_t now;
    struct probe_reply flight[FLIGHT_MAX];
    usec_t arrives[FLIGHT_MAX];
    size_t head, tail;

    /* What was found: per host and port. */
    unsigned host_up[HOSTS_MAX], host_down[HOSTS_MAX], host_done[HOSTS_MAX];
    bool conclusive[HOSTS_MAX];
    enum port_state ports[HOSTS_MAX][PORTS];
    unsigned port_events[HOSTS_MAX][PORTS];
    uint64_t asked[HOSTS_MAX];
    usec_t told_rtt[HOSTS_MAX];
    uint32_t summed; /* ports in summaries */
    bool order_broken;
};

static double chance(struct world *w)
{
    w->random = w->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(w->random >> 11) / (double)(1ULL << 53);
}

static unsigned index_of(const struct addr *a)
{
    return addr_to_v4(a) & (HOSTS_MAX - 1);
}

/* The truth: a third of the hosts is there; of their ports some are open, some silent. */
static bool is_alive(unsigned host)
{
    return host * 2654435761U % 3 == 0;
}

static enum port_state port_truth(unsigned host, unsigned port)
{
    unsigned draw = (host * 40503U + port * 2654435761U) >> 7 & 15;

    return draw == 0 ? PORT_OPEN : draw < 3 ? PORT_FILTERED : PORT_CLOSED;
}

static void on_host(void *user, struct host_finding *h)
{
    struct world *w = user;

    w->order_broken |= w->host_done[index_of(&h->address)] > 0;
    w->told_rtt[index_of(&h->address)] = h->rtt;
    if (h->state == HOST_UP)
        w->host_up[index_of(&h->address)]++;
    else
        w->host_down[index_of(&h->address)]++;
}

static void on_port(void *user, struct port_finding *p)
{
    struct world *w = user;
    unsigned host = index_of(&p->address);

    w->order_broken |= !w->host_up[host] || w->host_done[host];
    if (p->port > PORTS)
        return; /* a test that asks more of them */
    w->ports[host][p->port - 1] = p->state;
    w->port_events[host][p->port - 1]++;
}

static void on_summary(void *user, const struct port_summary *s)
{
    struct world *w = user;

    w->summed += s->count;
}

static void on_done(void *user, const struct addr *a, bool conclusive)
{
    struct world *w = user;

    w->host_done[index_of(a)]++;
    w->conclusive[index_of(a)] = conclusive;
}

static void answer(struct world *w, const struct sweep_probe *p, enum reason reason)
{
    struct probe_reply r = {
        .addr = p->addr,
        .kind = p->kind,
        .port = p->port,
        .reason = reason,
        .try = p->try,
        .rtt = w->rtt,
        .ttl = 64,
    };

    for (int copies = w->doubles ? 2 : 1; copies > 0; copies--) {
        w->flight[w->tail % FLIGHT_MAX] = r;
        w->arrives[w->tail++ % FLIGHT_MAX] = w->now + w->rtt;
    }
}

static void transmit(struct world *w, const struct sweep_probe *p)
{
    unsigned host = index_of(&p->addr);
    enum port_state state;

    w->asked[host]++;
    if (!is_alive(host) || chance(w) < w->loss || chance(w) < w->loss)
        return;
    if (p->kind == PROBE_ECHO) {
        answer(w, p, REASON_ECHO_REPLY);
        return;
    }
    if (p->kind != PROBE_SYN || p->port > PORTS)
        return;
    state = port_truth(host, p->port);
    if (state != PORT_FILTERED)
        answer(w, p, state == PORT_OPEN ? REASON_SYN_ACK : REASON_RESET);
}

static void deliver(struct world *w, struct sweep *s)
{
    while (w->head < w->tail && w->arrives[w->head % FLIGHT_MAX] <= w->now) {
        struct probe_reply r = w->flight[w->head++ % FLIGHT_MAX];

        if (w->now >= w->deaf_from && w->now < w->deaf_until) {
            sweep_doubt(s, w->now);
            continue;
        }
        sweep_answer(s, &r, w->now);
    }
}

/* Runs to the end at 20 us a probe.  Returns the time it took. */
static usec_t run(struct world *w, struct sweep *s)
{
    usec_t wait;
    struct sweep_probe p;

    w->now = 1000000;
    for (;;) {
        enum sweep_step step = sweep_next(s, w->now, &p, &wait);

        if (step == SWEEP_DONE)
            return w->now - 1000000;
        if (step == SWEEP_PROBE)
            transmit(w, &p);
        w->now += step == SWEEP_WAIT && wait > 20 && w->head == w->tail ? wait : 20;
        deliver(w, s);
    }
}

struct setup {
    struct plan plan;
    struct port_set ports;
    struct sweep_opts o;
    struct sweep *sweep;
};

static const struct sweep_sink sink = {on_host, on_port, on_summary, on_done};

/* 10.0.0.0 and the n - 1 behind it, 64 ports. */
static void set_up(struct setup *u, struct world *w, unsigned n, enum hop_kind kind)
{
    struct hop hop = {.kind = kind, .resolve = kind == HOP_ONLINK};
    struct addr first = addr_v4(10U << 24), last = addr_add(&first, n - 1);

    assert_int_equal(plan_add(&u->plan, &first, &last, &hop), 0);
    for (uint16_t port = 1; port <= PORTS; port++)
        port_set_add(&u->ports, PROTOCOL_TCP, port);
    u->o.plan = &u->plan;
    u->o.ports = &u->ports;
    u->o.seed = u->o.seed ? u->o.seed : 42;
    u->o.raw = true;
    u->o.ping.mask =
        u->o.ping.mask ? u->o.ping.mask : SCAN_PING_ECHO | SCAN_PING_SYN | SCAN_PING_ACK;
    assert_int_equal(sweep_new(&u->sweep, &u->o, &sink, w), 0);
    w->rtt = w->rtt ? w->rtt : 2000;
    w->random = 7;
}

static void tear_down(struct setup *u)
{
    sweep_free(u->sweep);
    plan_done(&u->plan);
}

/* Everything found is the truth, told once, in order. */
static unsigned wrong(const struct world *w, unsigned n)
{
    unsigned faults = 0;

    assert_false(w->order_broken);
    for (unsigned host = 0; host < n; host++) {
        assert_int_equal(w->host_done[host], 1);
        assert_true(w->conclusive[host]);
        faults += w->host_up[host] != is_alive(host) || w->host_down[host] == is_alive(host);
        for (unsigned port = 1; w->host_up[host] && port <= PORTS; port++) {
            assert_int_equal(w->port_events[host][port - 1], 1);
            faults += w->ports[host][port - 1] != port_truth(host, port);
        }
    }
    return faults;
}

static void a_clean_network_is_found_exactly(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {
        .o = {
            .port_kind = PROBE_SYN, .max_retries = 6, .report_closed = true, .report_down = true}};

    (void)state;
    set_up(&u, w, 300, HOP_GATEWAY);
    run(w, u.sweep);
    assert_int_equal(wrong(w, 300), 0);
    tear_down(&u);
    free(w);
}

static void ten_percent_loss_each_way_costs_tries_and_not_truth(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {
        .o = {
            .port_kind = PROBE_SYN, .max_retries = 6, .report_closed = true, .report_down = true}};
    struct sweep_counts n;

    (void)state;
    w->loss = 0.1;
    set_up(&u, w, 300, HOP_GATEWAY);
    run(w, u.sweep);
    sweep_counts(u.sweep, &n);
    /* 100 hosts with 64 ports: at 1 in 10,000 one may be missed. */
    assert_in_range(wrong(w, 300), 0, 3);
    assert_true(n.loss > 0.15 && n.loss < 0.23); /* 1 - 0.9 * 0.9 */
    tear_down(&u);
    free(w);
}

static void double_and_late_answers_change_nothing(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {
        .o = {
            .port_kind = PROBE_SYN, .max_retries = 6, .report_closed = true, .report_down = true}};

    (void)state;
    w->doubles = true;
    w->rtt = 700000; /* beyond the first timeouts */
    set_up(&u, w, 60, HOP_GATEWAY);
    run(w, u.sweep);
    assert_int_equal(wrong(w, 60), 0);
    tear_down(&u);
    free(w);
}

static void closed_and_silent_ports_are_summed_up_when_not_wanted(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {.o = {.port_kind = PROBE_SYN, .max_retries = 1}};
    unsigned up = 0, open = 0;

    (void)state;
    set_up(&u, w, 100, HOP_GATEWAY);
    run(w, u.sweep);
    for (unsigned host = 0; host < 100; host++) {
        up += w->host_up[host];
        assert_int_equal(w->host_down[host], 0);
        for (unsigned port = 0; port < PORTS; port++)
            open += w->port_events[host][port];
    }
    assert_true(up > 20);
    assert_int_equal(w->summed + open, up * PORTS);
    tear_down(&u);
    free(w);
}

static void hosts_alone_are_enough(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {.o = {.port_kind = PROBE_NONE, .max_retries = 6, .report_down = true}};

    (void)state;
    set_up(&u, w, 200, HOP_GATEWAY);
    run(w, u.sweep);
    for (unsigned host = 0; host < 200; host++)
        assert_int_equal(w->host_up[host], is_alive(host));
    tear_down(&u);
    free(w);
}

/* 64 ports of 100 hosts; by far not all fits into the ring. */
static void what_our_own_ring_lost_is_asked_again(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {
        .o = {
            .port_kind = PROBE_SYN, .max_retries = 0, .report_closed = true, .report_down = true}};
    struct sweep_counts n;

    (void)state;
    w->deaf_from = 1050000;
    w->deaf_until = 2500000;
    set_up(&u, w, 300, HOP_GATEWAY);
    run(w, u.sweep);
    sweep_counts(u.sweep, &n);
    assert_int_equal(wrong(w, 300), 0);
    assert_true(n.retransmissions > 0);
    tear_down(&u);
    free(w);
}

static void a_host_whose_answers_we_always_lose_stays_undecided(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {.o = {.port_kind = PROBE_SYN, .ping.mask = SCAN_PING_NONE}};

    (void)state;
    w->deaf_until = UINT64_MAX;
    set_up(&u, w, 1, HOP_GATEWAY);
    run(w, u.sweep);
    assert_int_equal(w->host_done[0], 1);
    assert_false(w->conclusive[0]);
    tear_down(&u);
    free(w);
}

/* Every host answers echo alone, and most are found by nothing else. */
static void hosts_are_found_on_a_bad_network_whatever_way_they_answer(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct pacer pacer;
    struct setup u = {.o = {.port_kind = PROBE_NONE,
                            .max_retries = 6,
                            .ping.mask = SCAN_PING_ECHO | SCAN_PING_ACK | SCAN_PING_TIMESTAMP,
                            .report_down = true,
                            .pacer = &pacer}};
    unsigned missed = 0;

    (void)state;
    pacer_init(&pacer, 50000, 50000, 1000000);
    w->loss = 0.1;
    set_up(&u, w, 1000, HOP_GATEWAY);
    run(w, u.sweep);
    for (unsigned host = 0; host < 1000; host++)
        missed += w->host_up[host] != is_alive(host);
    assert_in_range(missed, 0, 1);
    tear_down(&u);
    free(w);
}

static void this_machine_is_up_without_a_ping(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {.o = {.port_kind = PROBE_NONE, .max_retries = 6}};

    (void)state;
    set_up(&u, w, 256, HOP_LOCAL);
    assert_int_equal(run(w, u.sweep) < 100000, 1);
    for (unsigned host = 0; host < 256; host++) {
        assert_int_equal(w->host_up[host], 1);
        assert_int_equal(w->asked[host], 0);
    }
    tear_down(&u);
    free(w);
}

static void what_has_no_route_is_left_undecided(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {.o = {.port_kind = PROBE_SYN, .max_retries = 6, .report_down = true}};

    (void)state;
    set_up(&u, w, 10, HOP_UNREACHABLE);
    run(w, u.sweep);
    for (unsigned host = 0; host < 10; host++) {
        assert_int_equal(w->host_up[host] + w->host_down[host], 0);
        assert_int_equal(w->host_done[host], 1);
        assert_false(w->conclusive[host]);
    }
    tear_down(&u);
    free(w);
}

static void a_host_that_takes_too_long_is_given_up(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {.o = {.port_kind = PROBE_SYN,
                            .max_retries = 6,
                            .ping.mask = SCAN_PING_NONE,
                            .host_timeout = 50000}};

    (void)state;
    set_up(&u, w, 4, HOP_GATEWAY);
    run(w, u.sweep);
    for (unsigned host = 0; host < 4; host++) {
        assert_int_equal(w->host_done[host], 1);
        assert_false(w->conclusive[host]);
    }
    tear_down(&u);
    free(w);
}

static void a_refused_probe_leaves_its_host_undecided(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {.o = {.port_kind = PROBE_SYN, .max_retries = 6, .ping.mask = SCAN_PING_NONE}};
    struct sweep_probe p;
    usec_t wait;

    (void)state;
    set_up(&u, w, 1, HOP_GATEWAY);
    w->now = 1000000;
    while (sweep_next(u.sweep, w->now, &p, &wait) == SWEEP_PROBE)
        sweep_refuse(u.sweep, &p);
    assert_int_equal(w->host_done[0], 1);
    assert_false(w->conclusive[0]);
    tear_down(&u);
    free(w);
}

static void a_probe_that_left_late_is_waited_for_from_then_on(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {.o = {.port_kind = PROBE_SYN, .max_retries = 6}};
    struct sweep_probe p;
    usec_t wait, now = 1000000;

    (void)state;
    set_up(&u, w, 1, HOP_GATEWAY);
    for (int i = 0; i < 3; i++) { /* the pings */
        assert_int_equal(sweep_next(u.sweep, now, &p, &wait), SWEEP_PROBE);
        now += 10000000;
        sweep_delayed(u.sweep, &p, 10000000);
        assert_int_equal(sweep_next(u.sweep, now, &p, &wait), SWEEP_WAIT);
        assert_true(wait > 1000);
        now += wait;
    }
    tear_down(&u);
    free(w);
}

static void the_seed_decides_the_order_of_hosts(void **state)
{
    struct addr order[2][50];

    (void)state;
    for (int turn = 0; turn < 2; turn++) {
        struct world *w = calloc(1, sizeof *w);
        struct setup u = {.o = {.port_kind = PROBE_NONE, .seed = 99}};
        struct sweep_probe p;
        usec_t wait;

        set_up(&u, w, 50, HOP_GATEWAY);
        for (int i = 0; i < 50; i++) {
            assert_int_equal(sweep_next(u.sweep, 1, &p, &wait), SWEEP_PROBE);
            order[turn][i] = p.addr;
        }
        tear_down(&u);
        free(w);
    }
    assert_memory_equal(order[0], order[1], sizeof order[0]);
}

static void an_icmp_error_says_why_a_port_is_filtered(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {
        .o = {.port_kind = PROBE_SYN, .ping.mask = SCAN_PING_NONE, .report_closed = true}};
    struct sweep_probe p;
    usec_t wait;

    (void)state;
    set_up(&u, w, 1, HOP_GATEWAY);
    while (sweep_next(u.sweep, 1, &p, &wait) == SWEEP_PROBE) {
        struct probe_reply r = {
            .addr = p.addr, .kind = PROBE_SYN, .port = p.port, .reason = REASON_ADMIN_PROHIBITED};

        sweep_answer(u.sweep, &r, 2);
    }
    for (unsigned port = 0; port < PORTS; port++)
        assert_int_equal(w->ports[0][port], PORT_FILTERED);
    assert_true(w->conclusive[0]);
    tear_down(&u);
    free(w);
}

/* Another scanner's datagrams may have a source port of ours: a neighbour whose MAC address is not
 * known yet must not pass for found by what comes back of them. */
static void what_was_not_asked_finds_no_host(void **state)
{
    static const enum reason strange[] = {REASON_ADMIN_PROHIBITED, REASON_PORT_UNREACH,
                                          REASON_UDP_RESPONSE};
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {.o = {.port_kind = PROBE_SYN}};
    struct probe_reply arp = {.kind = PROBE_ARP,
                              .reason = REASON_ARP_RESPONSE,
                              .has_mac = true,
                              .mac = {{2, 0, 0, 0, 0, 1}}};
    struct sweep_probe p;
    usec_t wait;

    (void)state;
    set_up(&u, w, 1, HOP_ONLINK);
    assert_int_equal(sweep_next(u.sweep, 1, &p, &wait), SWEEP_PROBE);
    assert_int_equal(p.kind, PROBE_ARP);
    for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
        struct probe_reply r = {.addr = p.addr,
                                .kind = PROBE_UDP,
                                .port = 123,
                                .reason = strange[i],
                                .from_target = true};

        sweep_answer(u.sweep, &r, 2);
        assert_int_equal(w->host_up[0], 0);
    }
    arp.addr = p.addr;
    sweep_answer(u.sweep, &arp, 3);
    assert_int_equal(w->host_up[0], 1);
    assert_int_equal(sweep_next(u.sweep, 4, &p, &wait), SWEEP_PROBE);
    assert_int_equal(p.mac.b[5], 1);
    tear_down(&u);
    free(w);
}

/* A host that sends its ICMP errors at a limited rate. */
struct limited {
    struct sweep *sweep;
    usec_t now, filled;
    double tokens, each_second;
    unsigned sent;
    uint16_t refuses; /* the only port that does; 0: all but 7 */
};

static void limited_transmit(struct limited *l, const struct sweep_probe *p)
{
    struct probe_reply r = {.addr = p->addr,
                            .kind = p->kind,
                            .port = p->port,
                            .try = p->try,
                            .reason = REASON_PORT_UNREACH,
                            .from_target = true};

    l->sent++;
    l->tokens += (double)(l->now - l->filled) * l->each_second / USEC_PER_SEC;
    l->filled = l->now;
    if (l->tokens > 6)
        l->tokens = 6;
    if (p->port == 53 || p->port == 60) {
        r.reason = REASON_UDP_RESPONSE;
        sweep_answer(l->sweep, &r, l->now + 100);
    } else if ((l->refuses ? p->port == l->refuses : p->port != 7) && l->tokens >= 1) {
        l->tokens -= 1;
        sweep_answer(l->sweep, &r, l->now + 100);
    }
}

static void limited_run(struct limited *l)
{
    struct sweep_probe p;
    enum sweep_step step;
    usec_t wait;

    while ((step = sweep_next(l->sweep, l->now, &p, &wait)) != SWEEP_DONE) {
        if (step == SWEEP_PROBE)
            limited_transmit(l, &p);
        l->now += step == SWEEP_WAIT && wait ? wait : 20;
    }
}

/* A host that sends one ICMP error a second is asked for its first n ports; w has what is told. */
static void limited_scan(struct world *w, struct limited *l, struct setup *u, uint16_t n)
{
    *l = (struct limited){
        .now = 1000000, .filled = 1000000, .tokens = 6, .each_second = 1, .refuses = l->refuses};
    for (uint16_t port = 1; port <= n; port++)
        if (u->o.udp || (port != 53 && port != 60)) /* those answer, and only by UDP */
            port_set_add(&u->ports, u->o.udp ? PROTOCOL_UDP : PROTOCOL_TCP, port);
    set_up(u, w, 1, HOP_GATEWAY);
    l->sweep = u->sweep;
    limited_run(l);
    tear_down(u);
}

/* The controls alone are more than such a host answers. */
static void a_host_that_keeps_silent_and_sends_one_icmp_error_a_second_is_done_soon(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {
        .o = {.udp = true, .max_retries = 6, .ping.mask = SCAN_PING_NONE, .report_closed = true}};
    struct limited l = {.refuses = 12};

    (void)state;
    limited_scan(w, &l, &u, 30);
    for (unsigned port = 1; port <= 30; port++)
        assert_int_equal(w->ports[0][port - 1], port == 12 ? PORT_CLOSED : PORT_OPEN_FILTERED);
    assert_true(w->conclusive[0]);
    assert_in_range(l.now, 0, 20 * USEC_PER_SEC);
    free(w);
}

/* A packet filter that drops TCP, and rejects it at one port by an ICMP error. */
static void icmp_errors_do_not_set_the_pace_of_tcp(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {.o = {.port_kind = PROBE_SYN,
                            .max_retries = 2,
                            .ping.mask = SCAN_PING_NONE,
                            .report_closed = true}};
    struct limited l = {.refuses = 12};

    (void)state;
    limited_scan(w, &l, &u, 2000);
    for (unsigned port = 1; port <= PORTS; port++)
        if (port != 53 && port != 60)
            assert_int_equal(w->ports[0][port - 1], PORT_FILTERED);
    assert_in_range(l.now, 0, 30 * USEC_PER_SEC);
    free(w);
}

static void a_host_that_sends_one_icmp_error_a_second_comes_out_right(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {
        .o = {.udp = true, .max_retries = 6, .ping.mask = SCAN_PING_NONE, .report_closed = true}};
    struct limited l = {.refuses = 0};

    (void)state;
    limited_scan(w, &l, &u, 30);
    for (unsigned port = 1; port <= 30; port++)
        assert_int_equal(w->ports[0][port - 1], port == 7 ? PORT_OPEN_FILTERED : PORT_CLOSED);
    assert_in_range(l.now, 0, 60 * USEC_PER_SEC);
    free(w);
}

static void a_host_that_holds_icmp_errors_back_still_comes_out_right(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {
        .o = {.udp = true, .max_retries = 6, .ping.mask = SCAN_PING_NONE, .report_closed = true}};
    struct limited l = {.now = 1000000, .filled = 1000000, .tokens = 6, .each_second = 20};

    (void)state;
    for (uint16_t port = 1; port <= PORTS; port++)
        port_set_add(&u.ports, PROTOCOL_UDP, port);
    set_up(&u, w, 1, HOP_GATEWAY);
    l.sweep = u.sweep;
    limited_run(&l);
    for (unsigned port = 1; port <= PORTS; port++) {
        enum port_state want = port == 53 || port == 60 ? PORT_OPEN
                               : port == 7              ? PORT_OPEN_FILTERED
                                                        : PORT_CLOSED;

        assert_int_equal(w->port_events[0][port - 1], 1);
        assert_int_equal(w->ports[0][port - 1], want);
    }
    assert_true(w->conclusive[0]);
    assert_in_range(l.sent, PORTS, 10 * PORTS);
    assert_in_range(l.now, 0, 60 * USEC_PER_SEC);
    tear_down(&u);
    free(w);
}

static void a_host_and_a_network_keep_their_rates(void **state)
{
    (void)state;
    for (int net = 0; net < 2; net++) {
        struct world *w = calloc(1, sizeof *w);
        struct setup u = {.o = {.port_kind = PROBE_SYN,
                                .ping.mask = SCAN_PING_NONE,
                                .host_rate = net ? 0 : 100,
                                .net_rate = net ? 200 : 0,
                                .report_closed = true}};
        usec_t took;

        set_up(&u, w, 4, HOP_GATEWAY);
        took = run(w, u.sweep);
        /* 64 ports of each host at 100 a second; of all four at 200. */
        assert_in_range(took, (net ? 1250 : 630) * USEC_PER_MSEC, 4 * USEC_PER_SEC);
        for (unsigned host = 0; host < 4; host++)
            assert_true(w->host_done[host] == 1 && w->conclusive[host]);
        tear_down(&u);
        free(w);
    }
}

static void udp_ports_are_asked_after_those_of_tcp(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {.o = {.port_kind = PROBE_SYN, .udp = true, .ping.mask = SCAN_PING_NONE}};
    struct sweep_probe p;
    enum sweep_step step;
    usec_t wait, now = 1;
    unsigned tcp = 0, udp = 0;

    (void)state;
    port_set_add(&u.ports, PROTOCOL_UDP, 53);
    port_set_add(&u.ports, PROTOCOL_UDP, 123);
    set_up(&u, w, 1, HOP_GATEWAY);
    while ((step = sweep_next(u.sweep, now, &p, &wait)) != SWEEP_DONE) {
        now += step == SWEEP_WAIT && wait ? wait : 20;
        if (step != SWEEP_PROBE)
            continue;
        assert_true(p.kind == PROBE_SYN ? udp == 0 : p.port == 53 || p.port == 123);
        tcp += p.kind == PROBE_SYN;
        udp += p.kind == PROBE_UDP;
    }
    assert_int_equal(tcp, PORTS);
    assert_int_equal(udp, 2);
    assert_int_equal(w->summed, PORTS + 2);
    assert_int_equal(w->host_done[0], 1);
    tear_down(&u);
    free(w);
}

/* What 10.0.0.0 answers to a probe, 2 ms later. */
static void first_host_answers(struct sweep *s, const struct sweep_probe *p, enum reason reason,
                               usec_t now)
{
    struct probe_reply r = {.addr = p->addr,
                            .kind = p->kind,
                            .port = p->port,
                            .try = p->try,
                            .reason = p->kind == PROBE_ECHO ? REASON_ECHO_REPLY : reason,
                            .rtt = 2000};

    if (index_of(&p->addr) == 0)
        sweep_answer(s, &r, now + 2000);
}

static void a_host_that_answers_alone_keeps_its_rate(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct pacer pacer;
    struct setup u = {.o = {.port_kind = PROBE_SYN,
                            .ping.mask = SCAN_PING_ECHO,
                            .max_retries = 6,
                            .host_rate = 1,
                            .pacer = &pacer}};
    usec_t wait, now = USEC_PER_SEC;
    unsigned asked = 0;

    (void)state;
    pacer_init(&pacer, 0, 100000, now);
    set_up(&u, w, 256, HOP_GATEWAY);
    while (now < 21 * USEC_PER_SEC) {
        struct sweep_probe p;
        enum sweep_step step = sweep_next(u.sweep, now, &p, &wait);

        if (step == SWEEP_PROBE) {
            asked += index_of(&p.addr) == 0;
            first_host_answers(u.sweep, &p, REASON_RESET, now);
        }
        now += step == SWEEP_PROBE || !wait ? 1000 : wait;
    }
    assert_in_range(asked, 15, 20 + 4);
    tear_down(&u);
    free(w);
}

/* Of 64 hosts one answers, and is asked again as a sentinel. */
static usec_t take_sentinel(struct setup *u, struct world *w, struct sweep_probe *ret)
{
    usec_t wait, now = USEC_PER_SEC;

    pacer_init(u->o.pacer, 0, 100000, now);
    set_up(u, w, 64, HOP_GATEWAY);
    for (int i = 0; i < 5000; i++, now += 10) {
        if (sweep_next(u->sweep, now, ret, &wait) != SWEEP_PROBE)
            continue;
        if (ret->try == PROBE_TRY_SENTINEL)
            return now;
        first_host_answers(u->sweep, ret, REASON_SYN_ACK, now);
    }
    fail();
    return 0;
}

static void a_sentinel_that_left_late_is_waited_for_from_then_on(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct pacer pacer;
    struct setup u = {.o = {.port_kind = PROBE_SYN, .ping.mask = SCAN_PING_NONE, .pacer = &pacer}};
    struct sweep_probe p, other;
    usec_t wait, now = take_sentinel(&u, w, &p);

    (void)state;
    now += USEC_PER_SEC;
    sweep_delayed(u.sweep, &p, USEC_PER_SEC);
    for (int i = 0; i < 1000; i++, now += 20) /* not as long as an answer is waited for */
        sweep_next(u.sweep, now, &other, &wait);
    assert_true(pacer.sent > 0);
    assert_int_equal(pacer.lost, 0);
    tear_down(&u);
    free(w);
}

static void sentinels_of_the_old_way_are_not_waited_for(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct pacer pacer;
    struct setup u = {.o = {.port_kind = PROBE_SYN, .ping.mask = SCAN_PING_NONE, .pacer = &pacer}};
    struct sweep_probe p;
    usec_t now = take_sentinel(&u, w, &p);

    (void)state;
    assert_int_equal(pacer.sent, 1);
    sweep_reroute(u.sweep, NULL, 0, now);
    assert_int_equal(pacer.sent, pacer.ok + pacer.lost);
    tear_down(&u);
    free(w);
}

/* A neighbour may answer what somebody else on this machine has asked. */
static void an_answer_to_somebody_elses_question_measures_nothing(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct setup u = {.o = {.port_kind = PROBE_SYN}};
    struct probe_reply arp = {
        .kind = PROBE_ARP, .reason = REASON_ARP_RESPONSE, .has_mac = true, .mac = {{2}}};
    struct sweep_probe p;
    usec_t wait, now = 1000 * USEC_PER_SEC;

    (void)state;
    set_up(&u, w, 2, HOP_ONLINK);
    assert_int_equal(sweep_next(u.sweep, now, &p, &wait), SWEEP_PROBE);
    arp.addr = addr_v4(10U << 24 | !index_of(&p.addr));
    sweep_answer(u.sweep, &arp, now);
    assert_int_equal(w->host_up[!index_of(&p.addr)], 1);
    assert_int_equal(w->told_rtt[!index_of(&p.addr)], 0);
    arp.addr = p.addr;
    sweep_answer(u.sweep, &arp, now + 300);
    assert_int_equal(w->told_rtt[index_of(&p.addr)], 301);
    tear_down(&u);
    free(w);
}

static const struct CMUnitTest sweep[] = {
    cmocka_unit_test(a_clean_network_is_found_exactly),
    cmocka_unit_test(ten_percent_loss_each_way_costs_tries_and_not_truth),
    cmocka_unit_test(double_and_late_answers_change_nothing),
    cmocka_unit_test(closed_and_silent_ports_are_summed_up_when_not_wanted),
    cmocka_unit_test(hosts_alone_are_enough),
    cmocka_unit_test(what_our_own_ring_lost_is_asked_again),
    cmocka_unit_test(a_host_whose_answers_we_always_lose_stays_undecided),
    cmocka_unit_test(hosts_are_found_on_a_bad_network_whatever_way_they_answer),
    cmocka_unit_test(this_machine_is_up_without_a_ping),
    cmocka_unit_test(what_has_no_route_is_left_undecided),
    cmocka_unit_test(a_host_that_takes_too_long_is_given_up),
    cmocka_unit_test(a_refused_probe_leaves_its_host_undecided),
    cmocka_unit_test(a_probe_that_left_late_is_waited_for_from_then_on),
    cmocka_unit_test(the_seed_decides_the_order_of_hosts),
    cmocka_unit_test(an_icmp_error_says_why_a_port_is_filtered),
    cmocka_unit_test(what_was_not_asked_finds_no_host),
    cmocka_unit_test(a_host_that_keeps_silent_and_sends_one_icmp_error_a_second_is_done_soon),
    cmocka_unit_test(icmp_errors_do_not_set_the_pace_of_tcp),
    cmocka_unit_test(a_host_that_sends_one_icmp_error_a_second_comes_out_right),
    cmocka_unit_test(a_host_that_holds_icmp_errors_back_still_comes_out_right),
    cmocka_unit_test(a_host_and_a_network_keep_their_rates),
    cmocka_unit_test(udp_ports_are_asked_after_those_of_tcp),
    cmocka_unit_test(a_host_that_answers_alone_keeps_its_rate),
    cmocka_unit_test(a_sentinel_that_left_late_is_waited_for_from_then_on),
    cmocka_unit_test(sentinels_of_the_old_way_are_not_waited_for),
    cmocka_unit_test(an_answer_to_somebody_elses_question_measures_nothing),
};

TEST_MAIN(sweep)
