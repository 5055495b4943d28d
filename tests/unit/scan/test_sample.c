/* The order of a sampled scan: few of each /24, all of one that answers, each address once. */
#include "engine/scan/sample.h"
#include "tests/support/main.h"

#include <stdlib.h>

static struct plan plan;
static struct sample *sample;
static uint8_t *seen; /* per number in the plan */

static void add(const char *first, const char *last, int ifindex)
{
    struct hop hop = {.kind = HOP_ONLINK, .ifindex = ifindex};
    struct addr a, b;

    assert_int_equal(addr_parse(first, &a), 0);
    assert_int_equal(addr_parse(last, &b), 0);
    hop.family = a.family;
    assert_int_equal(plan_add(&plan, &a, &b, &hop), 0);
}

static void make(unsigned per_net, const struct addr_set *known)
{
    const struct sample_opts o = {.plan = &plan, .per_net = per_net, .known = known, .seed = 7};

    assert_int_equal(sample_new(&sample, &o), 0);
    seen = calloc(plan.total, 1);
}

static int teardown(void **state)
{
    (void)state;
    sample = sample_free(sample);
    plan_done(&plan);
    free(seen);
    seen = NULL;
    return 0;
}

/* Takes all there is now; returns how many. */
static unsigned drain(void)
{
    uint64_t at;
    unsigned n = 0;

    while (sample_next(sample, &at)) {
        assert_true(at < plan.total);
        assert_int_equal(seen[at]++, 0);
        n++;
    }
    assert_false(sample_has_next(sample));
    return n;
}

static bool visited(const char *text)
{
    struct addr a, b;
    bool found = false;

    assert_int_equal(addr_parse(text, &a), 0);
    for (uint64_t i = 0; i < plan.total; i++) {
        plan_nth(&plan, i, &b);
        found = found || (addr_equal(&a, &b) && seen[i]);
    }
    return found;
}

static void escalate(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse(text, &a), 0);
    sample_escalate(sample, &a);
}

static void a_few_of_each_network_then_all_of_the_one_that_answers(void **state)
{
    (void)state;
    add("10.0.0.0", "10.0.63.255", 1);
    make(8, NULL);
    assert_int_equal(sample_total(sample), 64 * 8);
    assert_int_equal(drain(), 64 * 8);
    assert_true(visited("10.0.0.1") && visited("10.0.63.254"));
    assert_int_equal(sample_networks(sample), 64);
    escalate("10.0.5.1");
    escalate("10.0.5.254"); /* once is enough */
    escalate("10.0.9.1");
    assert_int_equal(drain(), 2 * 248);
    assert_int_equal(sample_total(sample), 64 * 8 + 2 * 248);
    assert_int_equal(sample_networks(sample), 62);
    assert_true(visited("10.0.5.77") && visited("10.0.9.255") && visited("10.0.9.0"));
}

static void an_answer_in_the_middle_of_the_walk_loses_and_doubles_nothing(void **state)
{
    uint64_t at;
    struct addr a;

    (void)state;
    add("10.0.0.0", "10.0.7.255", 1);
    make(16, NULL);
    for (uint32_t i = 0; i < 40; i++) {
        assert_true(sample_next(sample, &at));
        assert_int_equal(seen[at]++, 0);
        a = addr_v4(0x0a000000 + (i % 8 << 8) + i);
        sample_escalate(sample, &a);
    }
    drain();
    for (uint64_t i = 0; i < plan.total; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(sample_networks(sample), 0);
}

static void what_was_in_use_before_comes_into_the_sample(void **state)
{
    struct addr_set known = {0};
    struct addr a;

    (void)state;
    add("10.0.0.0", "10.0.3.255", 1);
    for (unsigned i = 0; i < 4; i++) {
        a = addr_v4(0x0a000100 + 31 + 40 * i);
        assert_int_equal(addr_set_add(&known, &a, &a), 0);
    }
    make(4, &known);
    addr_set_done(&known);
    drain();
    assert_true(visited("10.0.1.31") && visited("10.0.1.151") && !visited("10.0.1.1"));
    assert_true(visited("10.0.2.1"));
}

static void pieces_of_a_network_are_one_and_small_ones_are_visited_whole(void **state)
{
    (void)state;
    add("10.0.0.0", "10.0.0.99", 1);
    add("10.0.0.100", "10.0.0.100", 2); /* ours */
    add("10.0.0.111", "10.0.0.255", 1); /* ten are excluded */
    add("10.0.1.16", "10.0.1.23", 1);
    add("2001:db8::", "2001:db8::1ff", 3);
    make(8, NULL);
    assert_int_equal(drain(), 8 + 8 + 512);
    assert_true(visited("10.0.0.1") && visited("2001:db8::123"));
    escalate("2001:db8::7");
    escalate("10.0.1.20");
    assert_int_equal(drain(), 0);
    escalate("10.0.0.100");
    assert_int_equal(drain(), 238);
    assert_true(visited("10.0.0.254") && visited("10.0.0.0"));
}

static const struct CMUnitTest sampling[] = {
    cmocka_unit_test_teardown(a_few_of_each_network_then_all_of_the_one_that_answers, teardown),
    cmocka_unit_test_teardown(an_answer_in_the_middle_of_the_walk_loses_and_doubles_nothing,
                              teardown),
    cmocka_unit_test_teardown(what_was_in_use_before_comes_into_the_sample, teardown),
    cmocka_unit_test_teardown(pieces_of_a_network_are_one_and_small_ones_are_visited_whole,
                              teardown),
};

TEST_MAIN(sampling)
