/* Networks into blocks, ports into ranges, the configuration as JSON. */
#include "service/store/store_priv.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static void note(void *user, const struct addr *first, const struct addr *last)
{
    struct buf *out = user;
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];

    buf_printf(out, "%s-%s ", addr_format(first, a), addr_format(last, b));
}

static void add(struct addr_set *s, const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(text, &p, NULL), 0);
    assert_int_equal(addr_set_add_prefix(s, &p), 0);
}

static void networks_are_cut_at_multiples_of_256(void **state)
{
    static const struct {
        const char *net, *without, *want;
    } cases[] = {
        {"10.0.0.0/24", NULL, "10.0.0.0-10.0.0.255 "},
        {"10.0.0.0/23", NULL, "10.0.0.0-10.0.0.255 10.0.1.0-10.0.1.255 "},
        {"10.0.0.5/32", NULL, "10.0.0.5-10.0.0.5 "},
        {"10.0.0.0/24", "10.0.0.8/29", "10.0.0.0-10.0.0.7 10.0.0.16-10.0.0.255 "},
        {"10.0.0.0/25", "10.0.0.0/24", ""},
        {"255.255.255.0/24", NULL, "255.255.255.0-255.255.255.255 "},
        {"2001:db8::/120", NULL, "2001:db8::-2001:db8::ff "},
        {"2001:db8::/119", NULL, "2001:db8::-2001:db8::ff 2001:db8::100-2001:db8::1ff "},
        {"2001:db8::/64", NULL, "2001:db8::-2001:db8::ffff:ffff:ffff:ffff "}, /* not swept */
        {"2001:db8::/64", "2001:db8::/65", "2001:db8:0:0:8000::-2001:db8::ffff:ffff:ffff:ffff "},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120", NULL,
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_done) struct buf out = {0};
        struct addr_set s = {0}, without = {0};

        add(&s, cases[i].net);
        if (cases[i].without) {
            add(&without, cases[i].without);
            assert_int_equal(addr_set_subtract(&s, &without), 0);
        }
        assert_int_equal(store_blocks(&s, 100, note, &out), 0);
        assert_string_equal(out.data ? out.data : "", cases[i].want);
        addr_set_done(&s);
        addr_set_done(&without);
    }
}

static void too_many_blocks_are_refused_early(void **state)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct addr_set s = {0};

    (void)state;
    add(&s, "2001:db8::/104");
    assert_int_equal(store_blocks(&s, 3, note, &out), -E2BIG);
    addr_set_done(&s);
}

/* Each address that is left out cuts a block in two, and may not take the zone with it. */
static void largest_zone_may_have_excludes(void **state)
{
    static const char *const nets[] = {"10.0.0.0/8", "2001:db8::/104"};
    static const char *const holes[][2] = {{"10.1.2.3/32", "10.255.255.254/32"},
                                           {"2001:db8::5/128", "2001:db8::77:9/128"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
        CLEANUP(buf_done) struct buf out = {0};
        CLEANUP(addr_set_done) struct addr_set net = {0}, without = {0};
        struct store_zone z = {.name = "large", .networks = &net, .excludes = &without};
        struct store_config c = {.zones = &z, .n_zones = 1};

        add(&net, nets[i]);
        add(&without, holes[i][0]);
        add(&without, holes[i][1]);
        assert_int_equal(store_config_json(&out, &c, NULL), 0);
    }
}

static void zone_larger_than_a_sweep_is_refused(void **state)
{
    CLEANUP(buf_done) struct buf out = {0};
    CLEANUP(addr_set_done) struct addr_set net = {0};
    struct store_zone z = {.name = "large", .networks = &net};
    struct store_config c = {.zones = &z, .n_zones = 1};
    struct err e = {0};

    (void)state;
    add(&net, "10.0.0.0/7");
    assert_int_equal(store_config_json(&out, &c, &e), -E2BIG);
    assert_string_equal(err_text(&e), "zone large: the networks are too large: more than 65538 "
                                      "blocks of at most 256 addresses");
}

static void ports_become_ranges_of_slots(void **state)
{
    static const struct {
        const char *ports, *want;
    } cases[] = {
        {"22", "{[393238,393238]}"},
        {"22,23,80-82", "{[393238,393239],[393296,393298]}"},
        {"65535", "{[458751,458751]}"},
        {"T:1,U:53-54", "{[393217,393217],[1114165,1114166]}"},
    };
    struct port_set set;
    CLEANUP(buf_done) struct buf none = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_done) struct buf out = {0};

        assert_int_equal(port_set_parse(&set, cases[i].ports, 1, NULL, NULL), 0);
        store_slots(&out, &set);
        assert_string_equal(out.data, cases[i].want);
    }
    store_slots(&none, NULL);
    assert_string_equal(none.data, "{}");
}

static void configuration_becomes_json_with_its_defaults(void **state)
{
    CLEANUP(buf_done) struct buf out = {0};
    struct addr_set net = {0};
    struct store_pass p = {
        .name = "quick \"one\"", .kind = STORE_PRESENCE, .every = 10 * USEC_PER_SEC};
    struct store_zone z = {.name = "lab", .networks = &net, .passes = &p, .n_passes = 1};
    struct store_config c = {.zones = &z, .n_zones = 1};

    (void)state;
    add(&net, "192.0.2.0/31");
    assert_int_equal(store_config_json(&out, &c, NULL), 0);
    assert_string_equal(
        out.data,
        "{\"zones\":[{\"name\":\"lab\",\"host_misses\":3,\"blocks\":[[\"192.0.2.0\",\"192.0.2.1\"]]"
        ",\"passes\":["
        "{\"name\":\"quick "
        "\\\"one\\\"\",\"kind\":\"presence\",\"misses\":2,\"every\":10.000,\"confirm\":10.000,"
        "\"slots\":\"{}\"}]}]}");
    addr_set_done(&net);
}

static void link_local_addresses_lose_their_scope(void **state)
{
    struct addr a;
    char text[ADDR_TEXT_MAX];

    (void)state;
    assert_int_equal(addr_parse("fe80::1", &a), 0);
    a.scope = 1;
    assert_string_equal(store_addr_text(&a, text), "fe80::1");
    assert_int_equal(a.scope, 1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(networks_are_cut_at_multiples_of_256),
    cmocka_unit_test(too_many_blocks_are_refused_early),
    cmocka_unit_test(largest_zone_may_have_excludes),
    cmocka_unit_test(zone_larger_than_a_sweep_is_refused),
    cmocka_unit_test(ports_become_ranges_of_slots),
    cmocka_unit_test(configuration_becomes_json_with_its_defaults),
    cmocka_unit_test(link_local_addresses_lose_their_scope),
};
TEST_MAIN(tests)
