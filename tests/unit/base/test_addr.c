/* Addresses, prefixes and MAC addresses: text in, text out, order and arithmetic. */
#include "engine/base/addr.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *text;
    int want;
    const char *canonical;
} addresses[] = {
    {"192.0.2.1", 0, "192.0.2.1"},
    {"2001:DB8:0:0::1", 0, "2001:db8::1"},
    {"::", 0, "::"},
    {"fe80::1%lo", 0, "fe80::1%lo"},
    {"fe80::1%nosuchlink", -EINVAL, NULL},
    {"192.0.2.256", -EINVAL, NULL},
    {"192.0.2", -EINVAL, NULL},
    {"127.0.0.1%lo", -EINVAL, NULL},
    {"", -EINVAL, NULL},
    {"2001:db8:::1", -EINVAL, NULL},
};

static void address_text_is_read_and_written(void **state)
{
    char buf[ADDR_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct addr a = {0};

        assert_int_equal(addr_parse(addresses[i].text, &a), addresses[i].want);
        if (addresses[i].canonical)
            assert_string_equal(addr_format(&a, buf), addresses[i].canonical);
    }
}

static void prefix_errors_name_what_was_expected(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"192.0.2.5/24",
         "'192.0.2.5/24' has bits set behind its length; did you mean 192.0.2.0/24?"},
        {"192.0.2.0/33", "'192.0.2.0/33': expected a prefix length from 0 to 32"},
        {"192.0.2.0/", "'192.0.2.0/': expected a prefix length from 0 to 32"},
        {"net/8", "'net' is not an IPv4 or IPv6 address"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct prefix p;
        struct err e = {0};

        assert_int_equal(prefix_parse(cases[i].text, &p, &e), -EINVAL);
        assert_string_equal(e.text, cases[i].message);
    }
}

static void prefix_knows_its_first_last_and_members(void **state)
{
    struct prefix p;
    struct addr a, last;
    char buf[ADDR_TEXT_MAX];

    (void)state;
    assert_int_equal(prefix_parse("2001:db8::/34", &p, NULL), 0);
    last = prefix_last(&p);
    assert_string_equal(addr_format(&last, buf), "2001:db8:3fff:ffff:ffff:ffff:ffff:ffff");
    assert_int_equal(addr_parse("2001:db8:3fff::1", &a), 0);
    assert_true(prefix_contains(&p, &a));
    assert_int_equal(addr_parse("2001:db8:4000::1", &a), 0);
    assert_false(prefix_contains(&p, &a));
    assert_int_equal(addr_parse("32.1.13.184", &a), 0);
    assert_false(prefix_contains(&p, &a));
}

static void arithmetic_carries_over_bytes(void **state)
{
    struct addr a = addr_v4(0x0a0000ff), b, c;
    char buf[ADDR_TEXT_MAX];

    (void)state;
    b = addr_add(&a, 1);
    assert_string_equal(addr_format(&b, buf), "10.0.1.0");
    assert_int_equal(addr_distance(&a, &b), 1);
    assert_int_equal(addr_parse("2001:db8::ffff:ffff:ffff:ffff", &a), 0);
    b = addr_add(&a, 1);
    assert_string_equal(addr_format(&b, buf), "2001:db8:0:1::");
    assert_int_equal(addr_parse("2001:db9::", &c), 0);
    assert_true(addr_distance(&a, &c) == UINT64_MAX);
}

static void mapped_socket_addresses_become_ipv4(void **state)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    struct sockaddr_storage ss;
    struct addr a, b;
    uint16_t port;

    (void)state;
    memcpy(in6.sin6_addr.s6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&in6, &a, &port), 0);
    assert_int_equal(a.family, ADDR_V4);
    assert_int_equal(port, 80);
    assert_true(addr_is_loopback(&a));
    assert_int_equal(addr_to_sockaddr(&a, 443, &ss), sizeof(struct sockaddr_in));
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, &b, &port), 0);
    assert_true(addr_equal(&a, &b));
    ss.ss_family = AF_UNIX;
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&ss, &b, &port), -EAFNOSUPPORT);
}

static void mac_text_is_read_and_written(void **state)
{
    struct mac m;
    char buf[MAC_TEXT_MAX];

    (void)state;
    assert_int_equal(mac_parse("02:00:5E:10:00:ff", &m), 0);
    assert_string_equal(mac_format(&m, buf), "02:00:5e:10:00:ff");
    assert_int_equal(mac_parse("02:00:5e:10:00", &m), -EINVAL);
    assert_int_equal(mac_parse("02:00:5e:10:00:ff:1", &m), -EINVAL);
}

static void an_address_is_in_a_network(void **state)
{
    char text[PREFIX_TEXT_MAX];
    struct addr a = addr_v4(0x0a0001c8);
    struct prefix p = prefix_of(&a, 24);

    (void)state;
    assert_string_equal(prefix_format(&p, text), "10.0.1.0/24");
    assert_int_equal(addr_parse("fd7a::100", &a), 0);
    p = prefix_of(&a, 64);
    assert_string_equal(prefix_format(&p, text), "fd7a::/64");
}

static void a_mask_has_a_length(void **state)
{
    struct addr m;

    (void)state;
    m = addr_v4(0xffffff00);
    assert_int_equal(addr_mask_len(&m), 24);
    m = addr_v4(0xfffffffe);
    assert_int_equal(addr_mask_len(&m), 31);
    m = addr_v4(0xffffffff);
    assert_int_equal(addr_mask_len(&m), 32);
    m = addr_v4(0);
    assert_int_equal(addr_mask_len(&m), 0);
    assert_int_equal(addr_parse("ffff:ffff:ffff:ffff::", &m), 0);
    assert_int_equal(addr_mask_len(&m), 64);
}

static void equal_addresses_have_equal_keys(void **state)
{
    struct addr a, b, c;
    struct addr_key ka, kb, kc;

    (void)state;
    memset(&a, 0xff, sizeof a);
    memset(&b, 0, sizeof b);
    assert_int_equal(addr_parse("192.0.2.1", &a), 0);
    assert_int_equal(addr_parse("192.0.2.1", &b), 0);
    c = b;
    c.scope = 7;
    ka = addr_key(&a);
    kb = addr_key(&b);
    kc = addr_key(&c);
    assert_memory_equal(&ka, &kb, sizeof ka);
    assert_memory_not_equal(&ka, &kc, sizeof ka);
    _Static_assert(sizeof ka == 24, "no padding");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(address_text_is_read_and_written),
    cmocka_unit_test(prefix_errors_name_what_was_expected),
    cmocka_unit_test(prefix_knows_its_first_last_and_members),
    cmocka_unit_test(arithmetic_carries_over_bytes),
    cmocka_unit_test(mapped_socket_addresses_become_ipv4),
    cmocka_unit_test(mac_text_is_read_and_written),
    cmocka_unit_test(an_address_is_in_a_network),
    cmocka_unit_test(a_mask_has_a_length),
    cmocka_unit_test(equal_addresses_have_equal_keys),
};

TEST_MAIN(tests)
