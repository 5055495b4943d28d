/* One bad /24 among four, in a simulated network: it comes right, and the others do not pay for it.
 */
#include "engine/scan/pacer.h"
#include "engine/scan/sweep.h"
#include "tests/support/main.h"

#include <stdlib.h>
#include <string.h>

#define FLIGHT_MAX 65536
#define NETS       4
#define HOSTS      (NETS * 256)
#define PORTS      32
#define BAD        3 /* the last network */
#define RATE       20000.0
#define RATE_LOW   6000.0
#define RTT        2000
#define STEP       10 /* us of the simulation */
#define SEEDS      20
#define STALL_MAX  (300 * USEC_PER_MSEC)

/* All hosts are there and all their ports closed. */
struct site {
    unsigned good, bad; /* hosts of each good network, and of the bad one; at most 256 */
    double rate;        /* of the scan, at most */
    double capacity;    /* packets a second that the way to the bad network takes; 0: all */
    double loss;        /* that are lost there, whatever the rate */
    usec_t rtt;         /* of the bad network */
    double stalls;      /* a second: the scan is held up for up to STALL_MAX */
    uint64_t seed;
};

static struct world {
    struct site site;
    double bucket;
    usec_t now, filled;
    uint64_t random;
    struct probe_reply flight[FLIGHT_MAX];
    usec_t arrives[FLIGHT_MAX];
    size_t head, tail;      /* of the answers of the good networks */
    unsigned closed[HOSTS]; /* ports that were told */
    unsigned up;
    uint64_t asked[NETS];
    usec_t last[NETS]; /* host done */
} w;

static struct {
    struct probe_reply flight[FLIGHT_MAX];
    usec_t arrives[FLIGHT_MAX];
    size_t head, tail;
} late; /* answers of the bad network */

static unsigned host_of(const struct addr *a)
{
    return addr_to_v4(a) & (HOSTS - 1);
}

static void on_host(void *user, struct host_finding *h)
{
    (void)user;
    w.up += h->state == HOST_UP;
}

static void on_port(void *user, struct port_finding *p)
{
    (void)user;
    w.closed[host_of(&p->address)] += p->state == PORT_CLOSED;
}

static void on_summary(void *user, const struct port_summary *s)
{
    (void)user, (void)s;
}

static void on_done(void *user, const struct addr *a, bool conclusive)
{
    (void)user;
    assert_true(conclusive);
    w.last[host_of(a) / 256] = w.now;
}

static double chance(void)
{
    w.random = w.random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(w.random >> 11) / (double)(1ULL << 53);
}

static bool is_lost(void)
{
    if (chance() < w.site.loss)
        return true;
    if (w.site.capacity <= 0)
        return false;
    w.bucket += w.site.capacity * (double)(w.now - w.filled) / (double)USEC_PER_SEC;
    w.filled = w.now;
    w.bucket = w.bucket > 50 ? 50 : w.bucket;
    if (w.bucket < 1)
        return true;
    w.bucket -= 1;
    return false;
}

static void transmit(const struct sweep_probe *p)
{
    unsigned net = host_of(&p->addr) / 256;
    struct probe_reply r = {
        .addr = p->addr,
        .kind = p->kind,
        .port = p->port,
        .reason = p->kind == PROBE_ECHO ? REASON_ECHO_REPLY : REASON_RESET,
        .try = p->try,
        .rtt = net == BAD ? w.site.rtt : RTT,
        .ttl = 64,
    };

    w.asked[net]++;
    if (net != BAD) {
        w.flight[w.tail % FLIGHT_MAX] = r;
        w.arrives[w.tail++ % FLIGHT_MAX] = w.now + r.rtt;
    } else if (!is_lost()) {
        late.flight[late.tail % FLIGHT_MAX] = r;
        late.arrives[late.tail++ % FLIGHT_MAX] = w.now + r.rtt;
    }
}

static void deliver(struct sweep *s)
{
    while (w.head < w.tail && w.arrives[w.head % FLIGHT_MAX] <= w.now)
        sweep_answer(s, &w.flight[w.head++ % FLIGHT_MAX], w.now);
    while (late.head < late.tail && late.arrives[late.head % FLIGHT_MAX] <= w.now)
        sweep_answer(s, &late.flight[late.head++ % FLIGHT_MAX], w.now);
}

static usec_t stall(void)
{
    if (w.site.stalls <= 0 || chance() >= w.site.stalls * STEP / (double)USEC_PER_SEC)
        return 0;
    return (usec_t)(chance() * chance() * (double)STALL_MAX);
}

static void run(struct sweep *s, struct pacer *pacer)
{
    usec_t wait, limit = w.now + 600 * USEC_PER_SEC;
    struct sweep_probe p;
    bool pending = false;

    for (enum sweep_step step = SWEEP_WAIT; step != SWEEP_DONE; w.now += STEP) {
        assert_true(w.now < limit);
        if (!pending) {
            step = sweep_next(s, w.now, &p, &wait);
            pending = step == SWEEP_PROBE;
        }
        if (pending && pacer_take(pacer, w.now)) {
            transmit(&p);
            pending = false;
        }
        deliver(s);
        w.now += stall();
    }
}

/* When the three good networks were through, in seconds. */
static double others(void)
{
    usec_t last = 0;

    for (unsigned i = 0; i < NETS; i++)
        if (i != BAD && w.last[i] > last)
            last = w.last[i];
    return (double)(last - USEC_PER_SEC) / (double)USEC_PER_SEC;
}

static void plan_site(struct plan *plan)
{
    static const struct hop hop = {.kind = HOP_GATEWAY};

    for (unsigned net = 0; net < NETS; net++) {
        struct addr first = addr_v4(10U << 24 | net << 8);
        struct addr last = addr_add(&first, (net == BAD ? w.site.bad : w.site.good) - 1);

        assert_int_equal(plan_add(plan, &first, &last, &hop), 0);
    }
}

static void begin(const struct site *site)
{
    memset(&w, 0, sizeof w);
    late.head = late.tail = 0;
    w.site = *site;
    w.now = w.filled = USEC_PER_SEC;
    w.random = 7 + site->seed;
}

static void sweep_site(void)
{
    static const struct sweep_sink sink = {on_host, on_port, on_summary, on_done};
    struct plan plan = {0};
    struct port_set ports = {0};
    struct pacer pacer;
    struct sweep_opts o = {
        .plan = &plan,
        .ports = &ports,
        .seed = 42 + w.site.seed,
        .raw = true,
        .ping.mask = SCAN_PING_ECHO,
        .port_kind = PROBE_SYN,
        .max_retries = 6,
        .report_closed = true,
        .pacer = &pacer,
        .pacer_max = w.site.rate,
    };
    struct sweep *s = NULL;

    pacer_init(&pacer, 0, w.site.rate, w.now);
    plan_site(&plan);
    for (uint16_t port = 1; port <= PORTS; port++)
        port_set_add(&ports, PROTOCOL_TCP, port);
    assert_int_equal(sweep_new(&s, &o, &sink, NULL), 0);
    run(s, &pacer);
    sweep_free(s);
    plan_done(&plan);
}

/* Returns how many ports were not told closed; all of the bad network. */
static unsigned scan(const struct site *site)
{
    unsigned silent = 0;

    begin(site);
    sweep_site();
    assert_int_equal(w.up, (NETS - 1) * site->good + site->bad);
    for (unsigned i = 0; i < HOSTS; i++) {
        unsigned missing = i % 256 < (i / 256 == BAD ? site->bad : site->good) ? PORTS : 0;

        missing -= w.closed[i];
        assert_true(missing == 0 || i / 256 == BAD);
        silent += missing;
    }
    return silent;
}

static void scan_large(double capacity, double loss, usec_t rtt)
{
    unsigned silent = scan(&(struct site){256, 256, RATE, capacity, loss, rtt, 0, 0});

    assert_true(silent <= 0.001 * HOSTS * PORTS); /* silence is believed at a small risk */
    print_message(
        "capacity %.0f loss %.2f rtt %.0f ms: others after %.2f s, the bad one after %.2f s, "
        "asked %.2f and %.2f times\n",
        capacity, loss, (double)rtt / 1000, others(),
        (double)(w.last[BAD] - USEC_PER_SEC) / (double)USEC_PER_SEC,
        (double)w.asked[0] / (256 * (PORTS + 1)), (double)w.asked[BAD] / (256 * (PORTS + 1)));
}

static void a_slow_network_does_not_slow_the_others(void **state)
{
    double clean;

    (void)state;
    scan_large(0, 0, RTT);
    clean = others();
    scan_large(500, 0, RTT);
    assert_true(others() < 1.5 * clean);
    assert_true(w.asked[0] < 1.1 * 256 * (PORTS + 1));
}

static void a_lossy_network_is_asked_more_often_and_the_others_are_not(void **state)
{
    double clean;

    (void)state;
    scan_large(0, 0, RTT);
    clean = others();
    scan_large(0, 0.2, RTT);
    assert_true(others() < 1.5 * clean);
    assert_true(w.asked[0] < 1.1 * 256 * (PORTS + 1));
    assert_true(w.asked[BAD] > 1.2 * 256 * (PORTS + 1));
}

static void a_far_network_is_waited_for(void **state)
{
    double clean;

    (void)state;
    scan_large(0, 0, RTT);
    clean = others();
    scan_large(0, 0, 450 * USEC_PER_MSEC);
    assert_true(others() < 1.5 * clean);
}

/* The narrow place is full for a moment before it shows, and what was asked meanwhile is asked
 * again: also by a scan that is held up itself, so that it learns late what was lost. */
static void silence_of_a_network_that_begins_to_lose_is_not_believed(void **state)
{
    struct site site = {128, 64, RATE_LOW, 600, 0, 300, 0, 0};
    unsigned silent = 0, scans = 0;

    (void)state;
    for (site.stalls = 0; site.stalls <= 15; site.stalls += 5)
        for (site.seed = 1; site.seed <= SEEDS; site.seed++, scans++)
            silent += scan(&site);
    print_message("%u silent of %u ports asked in a narrow network\n", silent, scans * 64 * PORTS);
    assert_true(silent <= 2e-5 * scans * 64 * PORTS);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_slow_network_does_not_slow_the_others),
    cmocka_unit_test(a_lossy_network_is_asked_more_often_and_the_others_are_not),
    cmocka_unit_test(a_far_network_is_waited_for),
    cmocka_unit_test(silence_of_a_network_that_begins_to_lose_is_not_believed),
};

TEST_MAIN(tests)
