/* When work is asked for, on a clock that tests turn. */
#include "service/schedule/claimer.h"

#include "tests/support/main.h"

#include <errno.h>

static struct loop *loop;
static struct claimer c;
static unsigned asked, last_n;
static int ask_result;

static int ask(struct claimer *claimer, unsigned n)
{
    assert_ptr_equal(claimer, &c);
    asked++;
    last_n = n;
    return ask_result;
}

static int setup(void **state)
{
    (void)state;
    assert_int_equal(loop_new(&loop, NULL), 0);
    loop_fake_clock(loop, 0);
    claimer_init(&c, loop, 4, ask);
    asked = last_n = 0;
    ask_result = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    claimer_stop(&c);
    loop = loop_free(loop);
    return 0;
}

static void nothing_is_asked_before_the_database_is_there(void **state)
{
    (void)state;
    claimer_poke(&c);
    loop_fake_advance(loop, 60 * USEC_PER_SEC);
    assert_int_equal(asked, 0);
    claimer_enable(&c);
    assert_int_equal(asked, 1);
    assert_int_equal(last_n, 4);
}

static void a_free_place_is_filled_at_once(void **state)
{
    (void)state;
    claimer_enable(&c);
    claimer_answer(&c, 0, 4, 0);
    assert_int_equal(asked, 1); /* full */
    claimer_release(&c);
    assert_int_equal(asked, 2);
    assert_int_equal(last_n, 1);
}

static void more_that_is_due_is_asked_for_until_full(void **state)
{
    (void)state;
    claimer_enable(&c);
    claimer_answer(&c, 0, 2, 0);
    assert_int_equal(asked, 2);
    assert_int_equal(last_n, 2);
}

static void it_waits_until_the_next_row_is_due(void **state)
{
    (void)state;
    claimer_enable(&c);
    claimer_answer(&c, 0, 0, 700 * USEC_PER_MSEC);
    loop_fake_advance(loop, 699 * USEC_PER_MSEC);
    assert_int_equal(asked, 1);
    loop_fake_advance(loop, USEC_PER_MSEC);
    assert_int_equal(asked, 2);
}

static void it_looks_now_and_then_whatever_is_due(void **state)
{
    static const usec_t dues[] = {USEC_INFINITY, 3600 * USEC_PER_SEC};

    (void)state;
    claimer_enable(&c);
    for (unsigned i = 0; i < ARRAY_LEN(dues); i++) {
        claimer_answer(&c, 0, 0, dues[i]);
        loop_fake_advance(loop, CLAIM_POLL);
        assert_int_equal(asked, i + 2);
    }
}

static void rows_that_others_hold_are_not_asked_for_in_a_loop(void **state)
{
    (void)state;
    claimer_enable(&c);
    claimer_answer(&c, 0, 0, 0);
    assert_int_equal(asked, 1);
    loop_fake_advance(loop, CLAIM_SOON);
    assert_int_equal(asked, 2);
}

static void a_poke_during_the_question_asks_again(void **state)
{
    (void)state;
    claimer_enable(&c);
    claimer_poke(&c);
    claimer_poke(&c);
    assert_int_equal(asked, 1);
    claimer_answer(&c, 0, 0, USEC_INFINITY);
    assert_int_equal(asked, 2);
    claimer_answer(&c, 0, 0, USEC_INFINITY);
    assert_int_equal(asked, 2);
}

static void failures_pause_longer_each_time(void **state)
{
    static const usec_t pauses[] = {1, 2, 4, 8, 16, 30, 30};

    (void)state;
    claimer_enable(&c);
    for (unsigned i = 0; i < ARRAY_LEN(pauses); i++) {
        claimer_answer(&c, -EIO, 0, 0);
        loop_fake_advance(loop, pauses[i] * USEC_PER_SEC - 1);
        assert_int_equal(asked, i + 1);
        loop_fake_advance(loop, 1);
        assert_int_equal(asked, i + 2);
    }
    claimer_answer(&c, 0, 0, USEC_INFINITY); /* it works again: from the beginning */
    loop_fake_advance(loop, CLAIM_POLL);
    claimer_answer(&c, -EIO, 0, 0);
    asked = 0;
    loop_fake_advance(loop, USEC_PER_SEC);
    assert_int_equal(asked, 1);
}

static void a_question_that_cannot_be_asked_is_asked_later(void **state)
{
    (void)state;
    ask_result = -EAGAIN;
    claimer_enable(&c);
    assert_int_equal(asked, 1);
    ask_result = 0;
    loop_fake_advance(loop, USEC_PER_SEC);
    assert_int_equal(asked, 2);
}

static void without_the_database_answers_are_late_but_harmless(void **state)
{
    (void)state;
    claimer_enable(&c);
    claimer_disable(&c);
    claimer_answer(&c, -ECANCELED, 0, 0);
    loop_fake_advance(loop, 60 * USEC_PER_SEC);
    assert_int_equal(asked, 1);
    claimer_enable(&c);
    assert_int_equal(asked, 2);
}

static void more_room_is_used_at_once(void **state)
{
    (void)state;
    claimer_enable(&c);
    claimer_answer(&c, 0, 4, 0);
    claimer_resize(&c, 6);
    assert_int_equal(asked, 2);
    assert_int_equal(last_n, 2);
    claimer_answer(&c, 0, 2, 0);
    claimer_resize(&c, 1); /* too many now: none until five have ended */
    for (int i = 0; i < 5; i++) {
        claimer_release(&c);
        assert_int_equal(asked, 2);
    }
    claimer_release(&c);
    assert_int_equal(asked, 3);
}

#define CLOCK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static const struct CMUnitTest tests[] = {
    CLOCK_TEST(nothing_is_asked_before_the_database_is_there),
    CLOCK_TEST(a_free_place_is_filled_at_once),
    CLOCK_TEST(more_that_is_due_is_asked_for_until_full),
    CLOCK_TEST(it_waits_until_the_next_row_is_due),
    CLOCK_TEST(it_looks_now_and_then_whatever_is_due),
    CLOCK_TEST(rows_that_others_hold_are_not_asked_for_in_a_loop),
    CLOCK_TEST(a_poke_during_the_question_asks_again),
    CLOCK_TEST(failures_pause_longer_each_time),
    CLOCK_TEST(a_question_that_cannot_be_asked_is_asked_later),
    CLOCK_TEST(without_the_database_answers_are_late_but_harmless),
    CLOCK_TEST(more_room_is_used_at_once),
};

TEST_MAIN(tests)
