/* Round trips, timeouts, and how many tries silence takes. */
#include "engine/scan/rtt.h"
#include "tests/support/main.h"

static void a_timeout_follows_the_round_trips_within_its_bounds(void **state)
{
    struct rtt r = {0};

    (void)state;
    assert_false(rtt_known(&r));
    rtt_add(&r, 10000);
    assert_true(rtt_known(&r));
    assert_int_equal(rtt_timeout(&r, 0, 1000000), 30000);
    for (int i = 0; i < 100; i++)
        rtt_add(&r, 10000);
    assert_in_range(rtt_timeout(&r, 0, 1000000), 10000, 10010);
    assert_int_equal(rtt_timeout(&r, 100000, 1000000), 100000);
    rtt_add(&r, 0); /* below what the clock tells apart */
    assert_true(rtt_known(&r));
    for (int i = 0; i < 100; i++)
        rtt_add(&r, 9000000);
    assert_int_equal(rtt_timeout(&r, 100000, 2000000), 2000000);
}

static void tries_follow_the_loss(void **state)
{
    static const struct {
        uint64_t answered, lost;
        unsigned max, want;
    } cases[] = {
        {0, 0, 7, 3},      /* nothing is known */
        {1000, 0, 7, 2},   /* clean */
        {1000, 111, 7, 5}, /* 10 %: 0.1 to the fifth */
        {1000, 250, 7, 7}, /* 20 % */
        {100, 900, 7, 7},  /* hopeless */
        {1000, 250, 3, 3}, {0, 0, 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct loss l = {cases[i].answered, cases[i].lost};

        assert_int_equal(loss_tries(&l, cases[i].max), cases[i].want);
    }
}

static void a_way_that_few_depend_on_is_tried_less_often(void **state)
{
    static const struct {
        double share;
        unsigned want;
    } cases[] = {{1, 5}, {0.05, 4}, {0.01, 3}, {0.001, 2}, {0, 2}};
    struct loss l = {.answered = 1000};

    (void)state;
    for (int i = 0; i < 111; i++)
        loss_add_lost(&l);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(loss_tries_for(&l, cases[i].share, 7), cases[i].want);
}

static void loss_is_what_went_unanswered_before_the_answer(void **state)
{
    struct loss l = {0};

    (void)state;
    assert_true(loss_measured(&l) == 0);
    for (int i = 0; i < 81; i++)
        loss_add(&l, i % 9 == 0 ? 1 : 0);
    assert_true(loss_measured(&l) > 0.099 && loss_measured(&l) < 0.101);
}

static const struct CMUnitTest rtt[] = {
    cmocka_unit_test(a_timeout_follows_the_round_trips_within_its_bounds),
    cmocka_unit_test(tries_follow_the_loss),
    cmocka_unit_test(a_way_that_few_depend_on_is_tried_less_often),
    cmocka_unit_test(loss_is_what_went_unanswered_before_the_answer),
};

TEST_MAIN(rtt)
