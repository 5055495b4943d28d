/* The pace of one host against hosts that answer at a limited rate: the interval finds the limit.
 */
#include "engine/base/cleanup.h"
#include "engine/scan/hostpace.h"
#include "tests/support/main.h"

#define TIMEOUT (500 * USEC_PER_MSEC)

/* A token bucket, as hosts have it. */
struct limiter {
    double rate, burst, tokens;
    usec_t filled;
};

static bool answers(struct limiter *l, usec_t now)
{
    l->tokens += (double)(now - l->filled) * l->rate / (double)USEC_PER_SEC;
    l->filled = now;
    if (l->tokens > l->burst)
        l->tokens = l->burst;
    if (l->tokens < 1)
        return false;
    l->tokens -= 1;
    return true;
}

/* n probes, every eighth a control.  Returns how many of the others were answered. */
static unsigned ask(struct hostpace *p, struct limiter *l, unsigned n, usec_t *now)
{
    unsigned answered = 0;

    for (unsigned i = 0; i < n; i++) {
        bool control;

        hostpace_expire(p, TIMEOUT, 0, *now);
        control = hostpace_control_due(p, 8, *now);
        if (!answers(l, *now))
            ;
        else if (control)
            assert_true(hostpace_answered(p, 7));
        else
            answered++;
        *now += p->interval ? p->interval : 100;
    }
    return answered;
}

/* A pass ends with a control; the question after its answer finds a slow limit filled again. */
static void the_question_after_a_control_has_its_turn(void **state)
{
    struct hostpace p;
    struct limiter l = {.rate = 1, .burst = 2};
    usec_t now = USEC_PER_SEC;

    (void)state;
    hostpace_init(&p, 0);
    assert_int_equal(hostpace_rest(&p), 0);
    hostpace_learn(&p, 7);
    assert_true(hostpace_control_due(&p, 0, now));
    hostpace_expire(&p, TIMEOUT, 0, now + TIMEOUT);
    assert_true(hostpace_holds(&p));
    l.filled = now += TIMEOUT; /* the control took what there was */
    now += hostpace_rest(&p);
    assert_true(answers(&l, now));
}

static void a_host_without_limits_is_asked_at_full_speed(void **state)
{
    struct hostpace p;
    struct limiter l = {.rate = 1e9, .burst = 1e9};
    usec_t now = 1000;

    (void)state;
    hostpace_init(&p, 0);
    hostpace_learn(&p, 7);
    ask(&p, &l, 1000, &now);
    assert_int_equal(p.interval, 0);
    assert_true(hostpace_pass_counts(&p));
}

static void the_interval_finds_the_limit(void **state)
{
    static const double rates[] = {1, 10, 73, 251};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        struct hostpace p;
        struct limiter l = {.rate = rates[i], .burst = 5};
        usec_t now = 1000;

        hostpace_init(&p, 2 * USEC_PER_MSEC);
        hostpace_learn(&p, 7);
        ask(&p, &l, 3000, &now);
        assert_true(!hostpace_pass_counts(&p));
        /* Now a good part of what is asked is answered. */
        assert_true(ask(&p, &l, 800, &now) > 250);
    }
}

static void one_lost_control_slows_nothing_down_but_the_pass_is_in_doubt(void **state)
{
    struct hostpace p;

    (void)state;
    hostpace_init(&p, 0);
    hostpace_learn(&p, 7);
    assert_true(hostpace_control_due(&p, 0, 1000));
    assert_false(hostpace_answered(&p, 8));
    hostpace_expire(&p, TIMEOUT, 0, 1000 + TIMEOUT);
    assert_int_equal(p.interval, 0);
    assert_false(hostpace_pass_counts(&p));
    assert_true(hostpace_pass_counts(&p));
}

static void a_port_that_answers_no_more_is_no_control(void **state)
{
    struct hostpace p;
    usec_t now = 1000;

    (void)state;
    hostpace_init(&p, 0);
    hostpace_learn(&p, 7);
    for (int i = 0; i < 12; i++) {
        assert_true(hostpace_control_due(&p, 0, now));
        now += TIMEOUT;
        hostpace_expire(&p, TIMEOUT, 0, now);
    }
    assert_false(hostpace_control_due(&p, 0, now));
    assert_int_equal(p.interval, 0);
}

static void after_a_lost_control_the_next_ones_come_late(void **state)
{
    struct hostpace p;

    (void)state;
    hostpace_init(&p, 0);
    hostpace_learn(&p, 7);
    assert_true(hostpace_control_due(&p, 0, 1000));
    assert_false(hostpace_is_early(&p, 2000));
    hostpace_expire(&p, TIMEOUT, 0, 1000 + TIMEOUT);
    assert_true(hostpace_is_early(&p, 1000 + TIMEOUT));
    assert_false(hostpace_pass_counts(&p));
    assert_true(hostpace_is_early(&p, 1000 + 2 * USEC_PER_SEC));
    assert_false(hostpace_is_early(&p, 1000 + 3 * USEC_PER_SEC));
}

static const struct CMUnitTest hostpace[] = {
    cmocka_unit_test(after_a_lost_control_the_next_ones_come_late),
    cmocka_unit_test(a_host_without_limits_is_asked_at_full_speed),
    cmocka_unit_test(the_question_after_a_control_has_its_turn),
    cmocka_unit_test(the_interval_finds_the_limit),
    cmocka_unit_test(one_lost_control_slows_nothing_down_but_the_pass_is_in_doubt),
    cmocka_unit_test(a_port_that_answers_no_more_is_no_control),
};

TEST_MAIN(hostpace)
