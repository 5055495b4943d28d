/* The pacer on simulated networks: a clean one, one that loses by chance, and one with a narrow
 * place. */
#include "engine/scan/pacer.h"
#include "tests/support/main.h"

#include <string.h>

/* A network that answers sentinels after RTT, loses a share, and everything above its capacity. */
struct network {
    double capacity; /* packets per second; 0: none */
    double loss;
    uint64_t random;
};

#define RTT     (5 * USEC_PER_MSEC)
#define TIMEOUT (100 * USEC_PER_MSEC)
#define FLIGHT  4096

static struct {
    usec_t due;
    enum pacer_outcome outcome;
    uint32_t period;
} flight[FLIGHT];

static double chance(struct network *n)
{
    n->random = n->random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (double)(n->random >> 11) / (double)(1ULL << 53);
}

static void deliver(struct pacer *p, usec_t now)
{
    for (size_t i = 0; i < FLIGHT; i++) {
        if (!flight[i].due || flight[i].due > now)
            continue;
        flight[i].due = 0;
        pacer_sentinel_done(p, flight[i].outcome, flight[i].period, now);
    }
}

static void send_sentinel(struct pacer *p, struct network *n, usec_t now)
{
    uint32_t period = pacer_sentinel_sent(p, now);
    double over = n->capacity && p->rate > n->capacity ? 1 - n->capacity / p->rate : 0;
    bool lost = chance(n) < n->loss || chance(n) < over;

    for (size_t i = 0; period && i < FLIGHT; i++) {
        if (flight[i].due)
            continue;
        flight[i].due = now + (lost ? TIMEOUT : RTT);
        flight[i].outcome = lost ? PACER_LOST : PACER_ANSWERED;
        flight[i].period = period;
        return;
    }
}

/* Sends for `seconds`, now and then a sentinel.  Returns packets per second over the last half. */
static double run(struct pacer *p, struct network *n, double seconds)
{
    usec_t end = (usec_t)(seconds * USEC_PER_SEC), late = 0;
    unsigned turn = 0;

    memset(flight, 0, sizeof flight);
    for (usec_t now = 1; now < end; now += USEC_PER_MSEC) {
        deliver(p, now);
        while (pacer_take(p, now)) {
            late += now >= end / 2;
            if (++turn >= pacer_sentinel_every(p)) {
                turn = 0;
                send_sentinel(p, n, now);
            }
        }
    }
    return (double)late / (seconds / 2);
}

static void a_clean_network_gets_the_full_rate_soon(void **state)
{
    struct network n = {.random = 1};
    struct pacer p;

    (void)state;
    pacer_init(&p, 0, 50000, 1);
    assert_true(run(&p, &n, 4) > 49000);
}

static void loss_by_chance_does_not_slow_it_down_for_long(void **state)
{
    struct network n = {.loss = 0.1, .random = 2};
    struct pacer p;

    (void)state;
    pacer_init(&p, 0, 20000, 1);
    assert_true(run(&p, &n, 20) > 12000);
}

static void loss_by_chance_is_told_from_our_own_within_two_seconds(void **state)
{
    struct network n = {.loss = 0.1, .random = 4};
    struct pacer p;

    (void)state;
    pacer_init(&p, 0, 100000, 1);
    assert_true(run(&p, &n, 4) > 80000);
}

static void a_narrow_place_is_found_and_kept_to(void **state)
{
    struct network n = {.capacity = 8000, .random = 3};
    struct pacer p;
    double rate;

    (void)state;
    pacer_init(&p, 0, 100000, 1);
    rate = run(&p, &n, 30);
    assert_true(rate > 4000 && rate < 12000);
}

static void a_narrow_place_is_kept_to_where_packets_are_lost_by_chance_too(void **state)
{
    struct network n = {.capacity = 8000, .loss = 0.1, .random = 5};
    struct pacer p;
    double rate;

    (void)state;
    pacer_init(&p, 0, 100000, 1);
    rate = run(&p, &n, 60);
    assert_true(rate > 4000 && rate < 12000);
}

static void a_network_without_answers_gets_the_full_rate(void **state)
{
    struct pacer p;
    unsigned sent = 0;

    (void)state;
    pacer_init(&p, 0, 10000, 1);
    for (usec_t now = 1; now < 10 * USEC_PER_SEC; now += USEC_PER_MSEC)
        while (pacer_take(&p, now))
            sent += now > 5 * USEC_PER_SEC;
    assert_true(sent > 49000);
}

static void a_rate_is_never_passed(void **state)
{
    static const double rates[] = {1, 10, 150, 1000, 9999, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct pacer p;
        unsigned sent = 0;

        pacer_init(&p, rates[i], rates[i], 0);
        for (usec_t now = 0; now < 10 * USEC_PER_SEC; now += 777)
            while (pacer_take(&p, now))
                sent++;
        assert_true(sent <= rates[i] * 10 + rates[i] * 0.01 + 1);
        assert_true(sent >= rates[i] * 10 * 0.98 - 1);
    }
}

static void waiting_as_told_brings_a_token(void **state)
{
    static const double rates[] = {0.5, 3, 1000, 250000};

    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct pacer p;
        usec_t now = 5;

        pacer_init(&p, rates[i], rates[i], now);
        for (int turn = 0; turn < 100; turn++) {
            while (pacer_take(&p, now))
                ;
            assert_true(pacer_wait(&p, now) > 0);
            now += pacer_wait(&p, now);
            assert_true(pacer_take(&p, now));
        }
    }
}

static const struct CMUnitTest pacer[] = {
    cmocka_unit_test(a_clean_network_gets_the_full_rate_soon),
    cmocka_unit_test(loss_by_chance_does_not_slow_it_down_for_long),
    cmocka_unit_test(loss_by_chance_is_told_from_our_own_within_two_seconds),
    cmocka_unit_test(a_narrow_place_is_found_and_kept_to),
    cmocka_unit_test(a_narrow_place_is_kept_to_where_packets_are_lost_by_chance_too),
    cmocka_unit_test(a_network_without_answers_gets_the_full_rate),
    cmocka_unit_test(a_rate_is_never_passed),
    cmocka_unit_test(waiting_as_told_brings_a_token),
};

TEST_MAIN(pacer)
