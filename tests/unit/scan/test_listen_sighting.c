/* Every fact of a frame has its field in a sighting. */
#include "engine/scan/listen_sighting.h"
#include "tests/support/main.h"

#include <stdio.h>
#include <string.h>

/* The text of a fact is the number of its kind: it must come out exactly once. */
static void every_kind_of_fact_is_told(void **state)
{
    struct hear_evidence e = {.source = HEAR_LLDP, .port_vlan = 42};
    struct buf out = {0};
    struct sighting s;
    char text[16];

    (void)state;
    for (int kind = 0; kind < HEAR_KINDS; kind++) {
        snprintf(text, sizeof text, "fact-%02d", kind);
        hear_add_text(&e, (enum hear_kind)kind, text);
    }
    listen_sighting(&s, &e);
    sighting_content(&out, &s);
    for (int kind = 0; kind < HEAR_KINDS; kind++) {
        const char *at;

        snprintf(text, sizeof text, "\"fact-%02d\"", kind);
        at = strstr(out.data, text);
        assert_non_null(at);
        assert_null(strstr(at + 1, text));
    }
    assert_non_null(strstr(out.data, "\"neighbour_vlan\":42"));
    buf_done(&out);
}

static void lists_are_filled_to_their_room_and_no_further(void **state)
{
    struct hear_evidence e = {.source = HEAR_MDNS};
    struct sighting s;
    char text[16];

    (void)state;
    for (unsigned i = 0; i < HEAR_FACTS_MAX; i++) {
        snprintf(text, sizeof text, "host-%u", i);
        hear_add_text(&e, HEAR_NAME, text);
    }
    listen_sighting(&s, &e);
    assert_int_equal(s.n_names, SIGHTING_NAMES_MAX);
    assert_string_equal(s.names[SIGHTING_NAMES_MAX - 1], "host-7");
    assert_int_equal(s.n_services, 0);
    assert_string_equal(s.source, "mdns");
}

static void the_subject_is_taken_over(void **state)
{
    struct hear_evidence e = {.source = HEAR_ARP, .vlan = 33, .has_mac = true};
    struct addr a = {.family = ADDR_V4, .b = {10, 0, 0, 1}};
    struct sighting s;

    (void)state;
    e.mac.b[0] = 2;
    e.requested = a;
    hear_add_addr(&e, &a);
    listen_sighting(&s, &e);
    assert_true(s.has_mac);
    assert_int_equal(s.mac.b[0], 2);
    assert_int_equal(s.vlan, 33);
    assert_int_equal(s.n_addresses, 1);
    assert_true(addr_equal(&s.addresses[0], &a));
    assert_true(addr_equal(&s.requested, &a));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_kind_of_fact_is_told),
    cmocka_unit_test(lists_are_filled_to_their_room_and_no_further),
    cmocka_unit_test(the_subject_is_taken_over),
};

TEST_MAIN(tests)
