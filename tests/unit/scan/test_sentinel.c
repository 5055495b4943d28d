/* The ring of sentinels: who is remembered, and in whose place. */
#include "engine/scan/sentinel.h"

#include "tests/support/main.h"

#define START (1000 * USEC_PER_SEC)

static struct sentinels s;
static struct netloss_slot net;
static struct pacer pacer;

static int setup(void **state)
{
    (void)state;
    s = (struct sentinels){.pacer = &pacer};
    net = (struct netloss_slot){0};
    pacer_init(&pacer, 100, 1000, START);
    return 0;
}

static struct addr host(uint32_t n)
{
    return addr_v4(0x0a000000 + n);
}

static void learn(uint32_t n)
{
    struct sentinel one = {.addr = host(n), .net = &net, .kind = PROBE_SYN, .port = 80};

    sentinels_learn(&s, &one);
}

static void forget(uint32_t n)
{
    struct addr a = host(n);

    sentinels_forget(&s, &a, START);
}

static bool knows(uint32_t n)
{
    struct addr a = host(n);

    for (size_t i = 0; i < s.n; i++)
        if (addr_equal(&s.v[i].addr, &a))
            return true;
    return false;
}

/* The next `n` are under way. */
static void ask(int n)
{
    while (n-- > 0)
        assert_non_null(sentinels_next(&s, NULL, START));
}

static void the_place_of_one_that_moved_while_under_way_is_free(void **state)
{
    (void)state;
    learn(1);
    learn(2);
    ask(2);
    forget(1);
    learn(3);
    learn(4);
    assert_int_equal(s.n, 3);
    assert_true(knows(2) && knows(3) && knows(4));
}

static void the_place_of_the_last_one_forgotten_while_under_way_is_free(void **state)
{
    (void)state;
    learn(1);
    learn(2);
    ask(2);
    forget(2);
    learn(3);
    assert_int_equal(s.n, 2);
    assert_true(knows(1) && knows(3));
}

static void in_a_full_ring_one_that_is_under_way_keeps_its_place(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= SENTINELS_MAX; n++)
        learn(n);
    ask(1);
    learn(SENTINELS_MAX + 1);
    assert_true(knows(1) && !knows(SENTINELS_MAX + 1));
    sentinels_void(&s, START);
    learn(SENTINELS_MAX + 1);
    assert_true(!knows(1) && knows(SENTINELS_MAX + 1));
    assert_int_equal(s.n, SENTINELS_MAX);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(the_place_of_one_that_moved_while_under_way_is_free, setup),
    cmocka_unit_test_setup(the_place_of_the_last_one_forgotten_while_under_way_is_free, setup),
    cmocka_unit_test_setup(in_a_full_ring_one_that_is_under_way_keeps_its_place, setup),
};

TEST_MAIN(tests)
