/* Sightings as JSON lines, and when two say the same. */
#include "engine/model/sighting.h"
#include "tests/support/main.h"

#include <string.h>

static struct sighting example(void)
{
    return (struct sighting){
        .source = "mdns",
        .interface = "eth0",
        .time = 1767225600ULL * USEC_PER_SEC,
        .has_mac = true,
        .mac = {{2, 0, 0, 0, 0, 5}},
        .addresses = {{.family = ADDR_V4, .b = {10, 0, 0, 7}},
                      {.family = ADDR_V6, .b = {0xfe, 0x80}}},
        .n_addresses = 2,
        .names = {"a\"b.local"},
        .n_names = 1,
        .services = {"_ipp._tcp", "_http._tcp"},
        .n_services = 2,
        .model = "Laser 9",
        .vlan = 7,
    };
}

static void a_sighting_is_one_json_object_of_what_was_told(void **state)
{
    struct sighting s = example();
    struct buf out = {0};

    (void)state;
    sighting_json(&out, &s);
    assert_string_equal(out.data,
                        "{\"record\":\"sighting\",\"source\":\"mdns\",\"vlan\":7,\"address\":"
                        "\"10.0.0.7\",\"addresses\":[\"10.0.0.7\",\"fe80::\"],\"mac\":"
                        "\"02:00:00:00:00:05\",\"names\":[\"a\\\"b.local\"],\"services\":"
                        "[\"_ipp._tcp\",\"_http._tcp\"],\"model\":\"Laser 9\",\"interface\":"
                        "\"eth0\",\"time\":\"2026-01-01T00:00:00.000Z\"}");
    buf_done(&out);
}

static bool same(const struct sighting *a, const struct sighting *b)
{
    struct buf x = {0}, y = {0};
    bool equal;

    sighting_content(&x, a);
    sighting_content(&y, b);
    equal = !strcmp(x.data, y.data);
    buf_done(&x);
    buf_done(&y);
    return equal;
}

static void time_does_not_make_a_sighting_another_but_its_facts_do(void **state)
{
    struct sighting a = example(), b = example();

    (void)state;
    b.time++;
    assert_true(same(&a, &b));
    b.model = "Laser 10";
    assert_false(same(&a, &b));
    b = example();
    b.requested = b.addresses[0];
    assert_false(same(&a, &b));
    b = example();
    b.mac.b[5]++;
    assert_false(same(&a, &b));
}

static void counts_follow_from_what_the_lists_hold(void **state)
{
    struct sighting a = example(), b = example();

    (void)state;
    b.n_addresses = b.n_names = b.n_services = b.n_roles = b.n_prefixes = 3;
    sighting_count(&b);
    assert_true(same(&a, &b));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(counts_follow_from_what_the_lists_hold),
    cmocka_unit_test(a_sighting_is_one_json_object_of_what_was_told),
    cmocka_unit_test(time_does_not_make_a_sighting_another_but_its_facts_do),
};

TEST_MAIN(tests)
