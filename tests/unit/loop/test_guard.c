/* What the guard decides, and how its tokens come back with time. */
#include "engine/loop/guard.h"
#include "tests/support/main.h"

#include <errno.h>

static struct loop *loop;
static struct guard *guard;

static void add(struct addr_set *s, const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(text, &p, NULL), 0);
    assert_int_equal(addr_set_add_prefix(s, &p), 0);
}

static void make_all(double rate, double burst, double host_rate, double net_rate)
{
    static const uint16_t fragile[] = {515, 9100};
    static const uint64_t more[1024] = {[502 / 64] = 1ULL << 502 % 64};
    struct addr_set scope = {0}, excludes = {0};
    struct guard_opts o = {
        .scope = &scope,
        .excludes = &excludes,
        .fragile_ports = fragile,
        .n_fragile_ports = 2,
        .rate = rate,
        .burst = burst,
        .host_rate = host_rate,
        .net_rate = net_rate,
        .more_fragile = more,
    };

    add(&scope, "192.0.2.0/24");
    add(&scope, "2001:db8::/62");
    add(&scope, "fe80::/64");
    add(&excludes, "192.0.2.7");
    assert_int_equal(loop_new(&loop, NULL), 0);
    loop_fake_clock(loop, 0);
    assert_int_equal(guard_new(&guard, loop, &o, NULL), 0);
    addr_set_done(&scope);
    addr_set_done(&excludes);
}

static void make(double rate, double burst)
{
    make_all(rate, burst, 0, 0);
}

static int teardown(void **state)
{
    (void)state;
    guard = guard_free(guard);
    loop = loop_free(loop);
    return 0;
}

static int ask(enum guard_kind kind, const char *text, uint16_t port)
{
    struct addr a;

    assert_int_equal(addr_parse(text, &a), 0);
    return guard_check(guard, kind, &a, port);
}

static void decisions(void **state)
{
    static const struct {
        const char *name;
        enum guard_kind kind;
        const char *to;
        uint16_t port;
        int want;
        const char *why;
    } cases[] = {
        {"in scope", GUARD_CONNECT, "192.0.2.1", 80, 0, NULL},
        {"IPv6 in scope", GUARD_PROBE, "2001:db8::5", 80, 0, NULL},
        {"link-local with interface", GUARD_PROBE, "fe80::1%lo", 80, 0, NULL},
        {"out of scope", GUARD_CONNECT, "198.51.100.1", 80, -EPERM, "out of scope"},
        {"excluded", GUARD_CONNECT, "192.0.2.7", 80, -EPERM, "excluded"},
        {"printer: handshake", GUARD_CONNECT, "192.0.2.1", 9100, 0, NULL},
        {"printer: probe", GUARD_PROBE, "192.0.2.1", 515, 0, NULL},
        {"printer: payload", GUARD_PAYLOAD, "192.0.2.1", 9100, -EPERM, "fragile port"},
        {"controller: payload", GUARD_PAYLOAD, "192.0.2.1", 502, -EPERM, "fragile port"},
        {"controller: handshake", GUARD_CONNECT, "192.0.2.1", 502, 0, NULL},
        {"printer: payload to lpd", GUARD_PAYLOAD, "192.0.2.1", 515, -EPERM, "fragile port"},
        {"payload elsewhere", GUARD_PAYLOAD, "192.0.2.1", 9101, 0, NULL},
    };

    (void)state;
    make(0, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int r = ask(cases[i].kind, cases[i].to, cases[i].port);

        if (r != cases[i].want)
            fail_msg("%s: %d", cases[i].name, r);
        if (cases[i].why)
            assert_string_equal(guard_why(guard), cases[i].why);
    }
    assert_int_equal(guard_sent(guard, GUARD_CONNECT), 3);
    assert_int_equal(guard_sent(guard, GUARD_PAYLOAD), 1);
    assert_int_equal(guard_sent(guard, GUARD_PROBE), 3);
}

static void tokens_run_out_and_come_back(void **state)
{
    (void)state;
    make(10, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(GUARD_PROBE, "192.0.2.1", 1), 0);
    assert_int_equal(ask(GUARD_PROBE, "192.0.2.1", 1), -EAGAIN);
    assert_int_equal(ask(GUARD_PROBE, "192.0.2.7", 1), -EPERM);
    for (int i = 0; i < 50; i++) {
        usec_t wait = guard_wait(guard);

        assert_true(wait > 0 && wait <= 100001);
        loop_fake_advance(loop, wait);
        assert_int_equal(ask(GUARD_PROBE, "192.0.2.1", 1), 0);
        assert_int_equal(ask(GUARD_PROBE, "192.0.2.1", 1), -EAGAIN);
    }
    loop_fake_advance(loop, 3600 * USEC_PER_SEC);
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(GUARD_PROBE, "192.0.2.1", 1), 0);
    assert_int_equal(ask(GUARD_PROBE, "192.0.2.1", 1), -EAGAIN);
    assert_int_equal(guard_sent(guard, GUARD_PROBE), 56);
}

/* Whether a host of another network may be asked: a few are tried, because one may share its slot
 * with those that must wait. */
static bool others_may_go(void)
{
    static const char *const others[] = {"2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1",
                                         "2001:db8:0:3::1"};

    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (ask(GUARD_PROBE, others[i], 1) == 0)
            return true;
    return false;
}

static void a_host_and_a_network_have_their_own_limits(void **state)
{
    usec_t wait;

    (void)state;
    make_all(0, 0, 10, 20);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(GUARD_PROBE, "192.0.2.1", 1), 0);
    assert_int_equal(ask(GUARD_PROBE, "192.0.2.1", 1), -EAGAIN);
    wait = guard_wait(guard);
    assert_true(wait > 0 && wait <= 100000);
    /* four more than the network's burst would be too many, whatever the host */
    assert_int_equal(ask(GUARD_CONNECT, "192.0.2.2", 1), -EAGAIN);
    assert_true(others_may_go());
    loop_fake_advance(loop, wait);
    assert_int_equal(ask(GUARD_PROBE, "192.0.2.1", 1), 0);
    assert_int_equal(ask(GUARD_PROBE, "192.0.2.1", 1), -EAGAIN);
    loop_fake_advance(loop, 3600 * USEC_PER_SEC);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(GUARD_PAYLOAD, i % 2 ? "192.0.2.1" : "192.0.2.2", 1), 0);
    assert_int_equal(ask(GUARD_PAYLOAD, "192.0.2.2", 1), -EAGAIN);
}

static void the_rate_holds_over_a_minute(void **state)
{
    unsigned sent = 0;

    (void)state;
    make(333.3, 0);
    for (int ms = 0; ms < 60000; ms++) {
        while (ask(GUARD_PROBE, "192.0.2.1", 1) == 0)
            sent++;
        loop_fake_advance(loop, USEC_PER_MSEC);
    }
    assert_in_range(sent, 19998, 19998 + 34);
}

static void waiters_go_in_order_each_at_its_own_time(void **state)
{
    struct addr_port to = {addr_v4(0xc0000201), 80};
    usec_t wait;

    (void)state;
    make(10, 1);
    for (usec_t i = 0; i < 5; i++) {
        assert_int_equal(guard_take(guard, GUARD_PAYLOAD, &to, USEC_INFINITY, &wait), 0);
        assert_in_range(wait, i * 100000, i * 100000 + 1);
    }
    assert_int_equal(guard_take(guard, GUARD_PAYLOAD, &to, 499999, &wait), -EAGAIN);
    assert_int_equal(ask(GUARD_PROBE, "192.0.2.1", 1), -EAGAIN);
    loop_fake_advance(loop, 500001);
    assert_int_equal(ask(GUARD_PROBE, "192.0.2.1", 1), 0);
    assert_int_equal(guard_sent(guard, GUARD_PAYLOAD), 5);
}

static void the_scope_grows_and_an_empty_one_allows_nothing(void **state)
{
    struct guard_opts o = {0};
    struct addr a = addr_v4(0xc6336401);

    (void)state;
    assert_int_equal(loop_new(&loop, NULL), 0);
    assert_int_equal(guard_new(&guard, loop, &o, NULL), 0);
    assert_int_equal(ask(GUARD_PROBE, "198.51.100.1", 1), -EPERM);
    assert_int_equal(guard_scope_add(guard, &a, &a), 0);
    assert_int_equal(ask(GUARD_PROBE, "198.51.100.1", 1), 0);
}

static void frames_without_address_go_to_links_that_were_granted(void **state)
{
    (void)state;
    make(10, 2);
    assert_int_equal(guard_check_link(guard, 3), -EPERM);
    assert_string_equal(guard_why(guard), "out of scope");
    assert_int_equal(guard_link_add(guard, 3), 0);
    assert_int_equal(guard_link_add(guard, 3), 0);
    assert_int_equal(guard_link_add(guard, 5), 0);
    assert_int_equal(guard_check_link(guard, 4), -EPERM);
    assert_int_equal(guard_sent(guard, GUARD_PROBE), 0);
    assert_int_equal(guard_check_link(guard, 3), 0);
    assert_int_equal(guard_check_link(guard, 5), 0);
    assert_int_equal(guard_check_link(guard, 3), -EAGAIN); /* the rate is that of all */
    assert_in_range(guard_wait(guard), 1, USEC_PER_SEC / 10 + 1);
    assert_int_equal(guard_sent(guard, GUARD_PROBE), 2);
}

static void no_guard_allows_everything(void **state)
{
    (void)state;
    assert_int_equal(loop_new(&loop, NULL), 0);
    assert_int_equal(ask(GUARD_PAYLOAD, "203.0.113.9", 9100), 0);
    assert_int_equal(guard_wait(NULL), 0);
    assert_string_equal(guard_why(NULL), "");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_teardown(decisions, teardown),
    cmocka_unit_test_teardown(tokens_run_out_and_come_back, teardown),
    cmocka_unit_test_teardown(a_host_and_a_network_have_their_own_limits, teardown),
    cmocka_unit_test_teardown(the_rate_holds_over_a_minute, teardown),
    cmocka_unit_test_teardown(waiters_go_in_order_each_at_its_own_time, teardown),
    cmocka_unit_test_teardown(the_scope_grows_and_an_empty_one_allows_nothing, teardown),
    cmocka_unit_test_teardown(frames_without_address_go_to_links_that_were_granted, teardown),
    cmocka_unit_test_teardown(no_guard_allows_everything, teardown),
};

TEST_MAIN(tests)
