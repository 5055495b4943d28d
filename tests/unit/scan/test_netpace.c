/* Turns of a network: none too early, none lost, each network for itself. */
#include "engine/scan/netpace.h"
#include "tests/support/main.h"

static void a_network_gets_its_rate_and_no_more(void **state)
{
    static struct netpace p;
    usec_t now = 10 * USEC_PER_SEC, last = now;
    struct addr a = addr_v4(0x0a000001), b = addr_v4(0x0a0000ff);

    (void)state;
    netpace_init(&p, 100, 1);
    for (int i = 0; i < 1000; i++) {
        usec_t turn = netpace_turn(&p, i % 2 ? &a : &b, now);

        assert_true(turn >= last);
        last = turn;
    }
    /* Four at once, the others 10 ms apart. */
    assert_int_equal(last - now, (1000 - 4) * 10 * USEC_PER_MSEC);
}

static void another_network_does_not_wait(void **state)
{
    static struct netpace p;
    usec_t now = 10 * USEC_PER_SEC;
    struct addr a = addr_v4(0x0a000001), six;
    unsigned waits = 0;

    (void)state;
    netpace_init(&p, 1, 1);
    for (int i = 0; i < 100; i++)
        netpace_turn(&p, &a, now);
    for (uint32_t i = 1; i <= 100; i++) {
        struct addr other = addr_v4(0x0a000001 + (i << 8));

        waits += netpace_turn(&p, &other, now) > now;
    }
    assert_true(waits < 5); /* those that share a slot by chance */
    addr_parse("2001:db8::1", &six);
    for (int i = 0; i < 4; i++)
        netpace_turn(&p, &six, now);
    addr_parse("2001:db8::ffff:1", &six);
    assert_true(netpace_turn(&p, &six, now) > now);
}

static void without_a_rate_nobody_waits(void **state)
{
    static struct netpace p;
    struct addr a = addr_v4(1);

    (void)state;
    netpace_init(&p, 0, 1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(netpace_turn(&p, &a, 5), 5);
}

static const struct CMUnitTest netpace[] = {
    cmocka_unit_test(a_network_gets_its_rate_and_no_more),
    cmocka_unit_test(another_network_does_not_wait),
    cmocka_unit_test(without_a_rate_nobody_waits),
};

TEST_MAIN(netpace)
