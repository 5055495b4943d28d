/* Networks that are worse than others: when they are set apart, and what becomes of them. */
#include "engine/scan/netloss.h"

#include "tests/support/main.h"

#define START (1000 * USEC_PER_SEC)

static struct netloss *n;

static int setup(void **state)
{
    (void)state;
    n = malloc(sizeof *n);
    netloss_init(n, 10000, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    netloss_done(n);
    free(n);
    n = NULL;
    return 0;
}

/* Of network k, so that no two of them share a slot. */
static struct netloss_slot *net(unsigned k)
{
    unsigned number = 0;

    for (unsigned found = 0;; number++) {
        struct addr a = addr_v4(0x0a000000 + (number << 8));
        bool shared = false;

        for (unsigned before = 0; before < number; before++) {
            struct addr b = addr_v4(0x0a000000 + (before << 8));

            shared |= netloss_slot(n, &a) == netloss_slot(n, &b);
        }
        if (!shared && found++ == k)
            return netloss_slot(n, &a);
    }
}

/* Outcomes of a network: so many of a hundred are lost. */
static bool outcomes(struct netloss_slot *s, unsigned total, unsigned lost_percent)
{
    bool apart = false;

    for (unsigned i = 0; i < total; i++)
        apart |=
            netloss_outcome(n, s, i * 7 % 100 < lost_percent ? PACER_LOST : PACER_ANSWERED, START);
    return apart;
}

static void addresses_of_a_24_and_of_a_64_are_one_network(void **state)
{
    struct addr a = addr_v4(0x0a000001), b = addr_v4(0x0a0000ff), c, d;

    (void)state;
    assert_ptr_equal(netloss_slot(n, &a), netloss_slot(n, &b));
    assert_int_equal(addr_parse("2001:db8::1", &c), 0);
    assert_int_equal(addr_parse("2001:db8::ffff:1", &d), 0);
    assert_ptr_equal(netloss_slot(n, &c), netloss_slot(n, &d));
}

static void a_network_that_loses_more_than_the_others_is_set_apart(void **state)
{
    struct netloss_slot *bad = net(0), *good = net(1);

    (void)state;
    assert_false(outcomes(good, 200, 0));
    assert_true(outcomes(bad, 100, 40));
    assert_non_null(bad->own);
    assert_null(good->own);
    assert_true(loss_measured(netloss_of(n, bad)) > 0.3);
    assert_true(loss_measured(netloss_of(n, good)) < 0.001); /* as if it had not been there */
    assert_true(netloss_measured(n) > 0.1);
}

static void where_all_lose_none_is_set_apart(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++)
        for (unsigned k = 0; k < 8; k++)
            assert_false(outcomes(net(k), 100, 10));
    assert_int_equal(n->n_apart, 0);
}

static void a_single_network_is_not_set_apart(void **state)
{
    (void)state;
    assert_false(outcomes(net(0), 1000, 40));
}

static void a_network_apart_is_asked_at_a_rate_of_its_own(void **state)
{
    struct netloss_slot *bad = net(0), *good = net(1);
    usec_t now = START, turn = 0;

    (void)state;
    outcomes(good, 200, 0);
    for (unsigned i = 0; i < 3000; i++, now += USEC_PER_SEC / 3000) /* 3,000 a second go there */
        assert_int_equal(netloss_turn(bad, now), now);
    assert_true(outcomes(bad, 100, 60));
    assert_true(bad->own->rate > 1000 && bad->own->rate < 2000); /* half */
    for (unsigned i = 0; i < 300; i++)
        turn = netloss_turn(bad, now);
    assert_true(turn > now + USEC_PER_SEC / 10 && turn < now + USEC_PER_SEC / 2);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(netloss_turn(good, now), now);
}

/* So many probes of a second, and their answers: of every fourth the first was lost. */
static void ask(struct netloss_slot *s, unsigned probes)
{
    for (unsigned i = 0; i < probes; i++) {
        (void)netloss_turn(s, START + i * USEC_PER_SEC / probes);
        netloss_answered(n, s, i % 4 == 0);
    }
}

static void only_a_network_that_much_was_sent_to_is_suspect(void **state)
{
    struct netloss_slot *few = net(0), *many = net(1), *good = net(2);

    (void)state;
    outcomes(good, 1000, 1);
    ask(few, 20);
    ask(many, 200);
    assert_false(netloss_is_suspect(n, few));
    assert_true(netloss_is_suspect(n, many));
    assert_false(netloss_is_suspect(n, good));
}

static void round_trips_are_those_of_the_network(void **state)
{
    struct netloss_slot *slow = net(0), *fast = net(1);

    (void)state;
    assert_null(netloss_rtt(slow));
    for (unsigned i = 0; i < 10; i++)
        netloss_rtt_add(slow, 600 * USEC_PER_MSEC);
    assert_true(netloss_rtt(slow)->smoothed > 500 * USEC_PER_MSEC);
    assert_null(netloss_rtt(fast));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(addresses_of_a_24_and_of_a_64_are_one_network, setup, teardown),
    cmocka_unit_test_setup_teardown(a_network_that_loses_more_than_the_others_is_set_apart, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(where_all_lose_none_is_set_apart, setup, teardown),
    cmocka_unit_test_setup_teardown(a_single_network_is_not_set_apart, setup, teardown),
    cmocka_unit_test_setup_teardown(a_network_apart_is_asked_at_a_rate_of_its_own, setup, teardown),
    cmocka_unit_test_setup_teardown(only_a_network_that_much_was_sent_to_is_suspect, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(round_trips_are_those_of_the_network, setup, teardown),
};

TEST_MAIN(tests)
