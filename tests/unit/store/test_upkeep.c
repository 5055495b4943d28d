/* When the database is kept in order, on a clock that tests turn. */
#include "service/store/upkeep.h"

#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static struct loop *loop;
static struct upkeep *u;

/* What was asked last, and how many times; the answers are given by hand. */
static struct asked {
    unsigned n;
    db_cb cb;
    void *user;
    char param[64];
} retain, policy, reader;
static int refuse;

static struct asked *asked_of(const struct db_call *c)
{
    return strstr(c->sql, "retain") ? &retain : &policy;
}

static int take_call(struct asked *a, const struct db_call *c, db_cb cb, void *cb_user)
{
    if (refuse)
        return refuse;
    a->n++;
    a->cb = cb;
    a->user = cb_user;
    snprintf(a->param, sizeof a->param, "%s", c->n_params ? c->params[0] : "");
    return 0;
}

static int ask(void *user, const struct db_call *c, db_cb cb, void *cb_user)
{
    (void)user;
    return take_call(asked_of(c), c, cb, cb_user);
}

static int ask_reader(void *user, const struct db_call *c, db_cb cb, void *cb_user)
{
    (void)user;
    return take_call(&reader, c, cb, cb_user);
}

static void answer(struct asked *a, int status)
{
    struct err e = {0};
    db_cb cb = a->cb;

    a->cb = NULL;
    cb(a->user, status, NULL, &e);
}

static int setup(void **state)
{
    const struct upkeep_opts o = {.ask = ask, .ask_policy = ask_reader};

    (void)state;
    retain = policy = reader = (struct asked){0};
    refuse = 0;
    assert_int_equal(loop_new(&loop, NULL), 0);
    loop_fake_clock(loop, 0);
    assert_int_equal(upkeep_new(&u, loop, &o), 0);
    upkeep_config(u, strdup("{\"history\": 86400}"));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    u = upkeep_free(u);
    if (retain.cb)
        answer(&retain, -ECANCELED);
    if (policy.cb)
        answer(&policy, -ECANCELED);
    loop_turn(loop, 0);
    loop = loop_free(loop);
    return 0;
}

static void nothing_is_asked_before_the_database_is_there(void **state)
{
    (void)state;
    loop_fake_advance(loop, 7200 * USEC_PER_SEC);
    assert_int_equal(retain.n + policy.n, 0);
}

static void old_history_goes_at_once_and_then_every_hour(void **state)
{
    (void)state;
    upkeep_enable(u);
    loop_fake_advance(loop, USEC_PER_MSEC);
    assert_int_equal(retain.n, 1);
    assert_string_equal(retain.param, "{\"history\": 86400}");
    loop_fake_advance(loop, 2 * 3600 * USEC_PER_SEC);
    assert_int_equal(retain.n, 1); /* the answer is awaited */
    answer(&retain, 0);
    loop_fake_advance(loop, 3599 * USEC_PER_SEC);
    assert_int_equal(retain.n, 1);
    loop_fake_advance(loop, 2 * USEC_PER_SEC);
    assert_int_equal(retain.n, 2);
}

static void a_failure_is_tried_again(void **state)
{
    (void)state;
    upkeep_enable(u);
    loop_fake_advance(loop, USEC_PER_MSEC);
    answer(&retain, -EIO);
    loop_fake_advance(loop, 3601 * USEC_PER_SEC);
    assert_int_equal(retain.n, 2);
    answer(&retain, 0);
    refuse = -EAGAIN;
    loop_fake_advance(loop, 3601 * USEC_PER_SEC);
    refuse = 0;
    loop_fake_advance(loop, 16 * USEC_PER_SEC);
    assert_int_equal(retain.n, 3);
}

static void a_new_configuration_counts_at_once(void **state)
{
    (void)state;
    upkeep_enable(u);
    loop_fake_advance(loop, USEC_PER_MSEC);
    answer(&retain, 0);
    upkeep_config(u, strdup("{\"history\": 3600}"));
    loop_fake_advance(loop, USEC_PER_MSEC);
    assert_int_equal(retain.n, 2);
    assert_string_equal(retain.param, "{\"history\": 3600}");
}

static void policies_are_looked_for_again_and_again(void **state)
{
    (void)state;
    upkeep_enable(u);
    loop_fake_advance(loop, USEC_PER_MSEC);
    assert_int_equal(policy.n, 1);
    answer(&policy, 0); /* none is due */
    assert_int_equal(reader.n, 0);
    loop_fake_advance(loop, 16 * USEC_PER_SEC);
    assert_int_equal(policy.n, 2);
}

static void nothing_is_asked_while_the_database_is_away(void **state)
{
    (void)state;
    upkeep_enable(u);
    loop_fake_advance(loop, USEC_PER_MSEC);
    upkeep_disable(u);
    answer(&retain, -ECANCELED);
    answer(&policy, -ECANCELED);
    loop_fake_advance(loop, 7200 * USEC_PER_SEC);
    assert_int_equal(retain.n, 1);
    upkeep_enable(u);
    loop_fake_advance(loop, USEC_PER_MSEC);
    assert_int_equal(retain.n, 2);
}

static void it_may_go_while_an_answer_is_awaited(void **state)
{
    (void)state;
    upkeep_enable(u);
    loop_fake_advance(loop, USEC_PER_MSEC);
}

#define CLOCK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static const struct CMUnitTest tests[] = {
    CLOCK_TEST(nothing_is_asked_before_the_database_is_there),
    CLOCK_TEST(old_history_goes_at_once_and_then_every_hour),
    CLOCK_TEST(a_failure_is_tried_again),
    CLOCK_TEST(a_new_configuration_counts_at_once),
    CLOCK_TEST(policies_are_looked_for_again_and_again),
    CLOCK_TEST(nothing_is_asked_while_the_database_is_away),
    CLOCK_TEST(it_may_go_while_an_answer_is_awaited),
};

TEST_MAIN(tests)
