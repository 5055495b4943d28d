/* What is told, what is not again, and the bounds of both. */
#include "engine/scan/listen_seen.h"
#include "tests/support/main.h"

#include <errno.h>

static const struct seen_opts roomy = {1000, 60 * USEC_PER_SEC, 1000};

static struct seen *new_seen(const struct seen_opts *o)
{
    struct seen *s = NULL;

    assert_int_equal(seen_new(&s, o, NULL), 0);
    return s;
}

static struct sighting of(const char *source, uint8_t mac, uint8_t address)
{
    return (struct sighting){.source = source,
                             .has_mac = true,
                             .mac = {{2, 0, 0, 0, 0, mac}},
                             .addresses = {{.family = ADDR_V4, .b = {10, 0, 0, address}}},
                             .n_addresses = 1};
}

static void a_sighting_is_told_once_an_interval(void **state)
{
    struct seen *s = new_seen(&roomy);
    struct sighting a = of("arp", 1, 1);

    (void)state;
    assert_int_equal(seen_check(s, &a, 0), SEEN_TELL);
    assert_int_equal(seen_check(s, &a, 1), SEEN_REPEAT);
    assert_int_equal(seen_check(s, &a, 60 * USEC_PER_SEC - 1), SEEN_REPEAT);
    assert_int_equal(seen_check(s, &a, 60 * USEC_PER_SEC), SEEN_TELL);
    assert_int_equal(seen_check(s, &a, 60 * USEC_PER_SEC + 1), SEEN_REPEAT);
    assert_int_equal(seen_count(s), 1);
    seen_free(s);
}

static void an_address_that_goes_to_and_fro_is_told_each_time(void **state)
{
    struct seen *s = new_seen(&roomy);
    struct sighting a = of("arp", 1, 1), b = of("arp", 2, 1);

    (void)state;
    for (usec_t now = 0; now < 4; now++) {
        assert_int_equal(seen_check(s, &a, now), SEEN_TELL);
        assert_int_equal(seen_check(s, &b, now), SEEN_TELL);
        assert_int_equal(seen_check(s, &b, now), SEEN_REPEAT);
    }
    assert_int_equal(seen_count(s), 1);
    seen_free(s);
}

static void the_frames_of_one_exchange_are_told_once_each(void **state)
{
    struct seen *s = new_seen(&roomy);
    struct sighting offer = of("mdns", 1, 1), answer = of("mdns", 1, 1);

    (void)state;
    offer.services[0] = "_ipp._tcp";
    offer.n_services = 1;
    answer.model = "Laser 9";
    assert_int_equal(seen_check(s, &offer, 0), SEEN_TELL);
    assert_int_equal(seen_check(s, &answer, 0), SEEN_TELL);
    assert_int_equal(seen_check(s, &offer, 1), SEEN_REPEAT);
    assert_int_equal(seen_check(s, &answer, 1), SEEN_REPEAT);
    answer.model = "Laser 10";
    assert_int_equal(seen_check(s, &answer, 2), SEEN_TELL);
    seen_free(s);
}

static void the_same_in_another_vlan_is_another_subject(void **state)
{
    struct seen *s = new_seen(&roomy);
    struct sighting a = of("arp", 1, 1), b = of("arp", 1, 1);

    (void)state;
    b.vlan = 7;
    assert_int_equal(seen_check(s, &a, 0), SEEN_TELL);
    assert_int_equal(seen_check(s, &b, 0), SEEN_TELL);
    assert_int_equal(seen_check(s, &a, 0), SEEN_REPEAT);
    assert_int_equal(seen_check(s, &b, 0), SEEN_REPEAT);
    seen_free(s);
}

static void a_device_without_an_address_is_known_by_its_mac(void **state)
{
    struct seen *s = new_seen(&roomy);
    struct sighting a = of("arp", 1, 1), b = of("arp", 2, 1);

    (void)state;
    a.n_addresses = b.n_addresses = 0;
    assert_int_equal(seen_check(s, &a, 0), SEEN_TELL);
    assert_int_equal(seen_check(s, &b, 0), SEEN_TELL);
    assert_int_equal(seen_check(s, &a, 0), SEEN_REPEAT);
    seen_free(s);
}

static void a_full_table_forgets_who_was_not_heard_for_longest(void **state)
{
    struct seen *s = new_seen(&(struct seen_opts){3, 60 * USEC_PER_SEC, 1000});
    struct sighting a[4];

    (void)state;
    for (uint8_t i = 0; i < 4; i++)
        a[i] = of("arp", i, (uint8_t)(i + 1));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(seen_check(s, &a[i], i), SEEN_TELL);
    assert_int_equal(seen_check(s, &a[0], 3), SEEN_REPEAT);
    assert_int_equal(seen_check(s, &a[3], 4), SEEN_TELL); /* a[1] goes */
    assert_int_equal(seen_check(s, &a[0], 5), SEEN_REPEAT);
    assert_int_equal(seen_check(s, &a[2], 5), SEEN_REPEAT);
    assert_int_equal(seen_check(s, &a[1], 5), SEEN_TELL);
    assert_int_equal(seen_count(s), 3);
    assert_int_equal(seen_evicted(s), 2);
    seen_free(s);
}

static void a_flood_is_told_at_the_rate_and_remembers_no_more(void **state)
{
    struct seen *s = new_seen(&(struct seen_opts){10000, 60 * USEC_PER_SEC, 10});
    unsigned told = 0;

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        struct sighting a = of("arp", (uint8_t)i, (uint8_t)i);

        a.addresses[0].b[1] = (uint8_t)(i >> 8);
        told += seen_check(s, &a, i * USEC_PER_MSEC) == SEEN_TELL; /* five seconds */
    }
    assert_in_range(told, 55, 61);
    assert_int_equal(seen_count(s), told);
    seen_free(s);
}

static void who_came_too_often_is_told_with_his_next_frame(void **state)
{
    struct seen *s = new_seen(&(struct seen_opts){100, 60 * USEC_PER_SEC, 1});
    struct sighting a = of("arp", 1, 1), b = of("arp", 2, 2);

    (void)state;
    assert_int_equal(seen_check(s, &a, 0), SEEN_TELL);
    assert_int_equal(seen_check(s, &b, 0), SEEN_LIMIT);
    assert_int_equal(seen_check(s, &b, USEC_PER_SEC), SEEN_TELL);
    assert_int_equal(seen_check(s, &b, USEC_PER_SEC), SEEN_REPEAT);
    seen_free(s);
}

static void a_table_or_rate_of_nothing_is_refused(void **state)
{
    struct seen *s = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(seen_new(&s, &(struct seen_opts){0, 1, 1}, &e), -EINVAL);
    assert_int_equal(seen_new(&s, &(struct seen_opts){1, 1, 0}, &e), -EINVAL);
    assert_null(s);
    assert_null(seen_free(NULL));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_sighting_is_told_once_an_interval),
    cmocka_unit_test(an_address_that_goes_to_and_fro_is_told_each_time),
    cmocka_unit_test(the_frames_of_one_exchange_are_told_once_each),
    cmocka_unit_test(the_same_in_another_vlan_is_another_subject),
    cmocka_unit_test(a_device_without_an_address_is_known_by_its_mac),
    cmocka_unit_test(a_full_table_forgets_who_was_not_heard_for_longest),
    cmocka_unit_test(a_flood_is_told_at_the_rate_and_remembers_no_more),
    cmocka_unit_test(who_came_too_often_is_told_with_his_next_frame),
    cmocka_unit_test(a_table_or_rate_of_nothing_is_refused),
};

TEST_MAIN(tests)
