/* Findings until their host is whole. */
#include "service/schedule/collect.h"

#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static struct addr at(uint32_t n)
{
    return addr_v4(0x0a000000 + n);
}

static void say_up(struct collect *c, uint32_t n)
{
    const struct host_finding h = {.address = at(n), .state = HOST_UP, .reason = REASON_ECHO_REPLY};

    assert_int_equal(collect_host(c, &h), 0);
}

static void say_open(struct collect *c, uint32_t n, uint16_t port)
{
    char name[] = "http";
    const struct port_finding p = {
        .address = at(n),
        .protocol = PROTOCOL_TCP,
        .port = port,
        .state = PORT_OPEN,
        .service = {.name = name},
    };

    assert_int_equal(collect_port(c, &p), 0);
    memset(name, 'x', 4); /* it was copied */
}

static void say_done(struct collect *c, uint32_t n, enum collect_certainty how)
{
    struct addr a = at(n);

    assert_int_equal(collect_done(c, &a, how), 0);
}

static void hosts_come_out_whole_in_the_order_of_their_ends(void **state)
{
    CLEANUP(collect_freep) struct collect *c = collect_new();
    struct store_host *part;

    (void)state;
    say_up(c, 1);
    say_up(c, 2);
    say_open(c, 2, 80);
    say_open(c, 1, 22);
    say_open(c, 2, 443);
    assert_int_equal(collect_part(c, &part), 0);
    say_done(c, 2, COLLECT_SURE);
    say_done(c, 1, COLLECT_UNSURE);
    assert_int_equal(collect_part(c, &part), 2);
    assert_int_equal(part[0].n_ports, 2);
    assert_int_equal(part[0].ports[1].port, 443);
    assert_string_equal(part[0].ports[1].service.name, "http");
    assert_false(part[0].unsure);
    assert_int_equal(part[1].ports[0].port, 22);
    assert_true(part[1].unsure);
    assert_int_equal(part[1].finding.state, HOST_UP);
}

static void a_part_that_was_not_taken_comes_again(void **state)
{
    CLEANUP(collect_freep) struct collect *c = collect_new();
    struct store_host *part;

    (void)state;
    for (uint32_t i = 0; i < COLLECT_PART_HOSTS + 7; i++) {
        say_up(c, i);
        say_done(c, i, COLLECT_SURE);
    }
    assert_int_equal(collect_part(c, &part), COLLECT_PART_HOSTS);
    assert_int_equal(collect_part(c, &part), COLLECT_PART_HOSTS);
    collect_drop_part(c);
    assert_int_equal(collect_told(c), COLLECT_PART_HOSTS);
    assert_int_equal(collect_part(c, &part), 7);
    collect_drop_part(c);
    assert_int_equal(collect_part(c, &part), 0);
    assert_int_equal(collect_waiting(c), 0);
}

static void a_host_is_told_once(void **state)
{
    CLEANUP(collect_freep) struct collect *c = collect_new();
    const struct host_finding h = {.address = at(1), .state = HOST_DOWN};
    struct store_host *part;
    struct addr a = at(1);

    (void)state;
    say_up(c, 1);
    say_done(c, 1, COLLECT_SURE);
    assert_int_equal(collect_host(c, &h), -EALREADY);
    assert_int_equal(collect_part(c, &part), 1);
    collect_drop_part(c);
    assert_int_equal(collect_host(c, &h), -EALREADY);
    assert_int_equal(collect_done(c, &a, COLLECT_SURE), -EALREADY);
    assert_true(collect_is_done(c, &a));
}

static void at_the_end_what_is_not_done_is_unsure(void **state)
{
    CLEANUP(collect_freep) struct collect *c = collect_new();
    struct store_host *part;

    (void)state;
    say_up(c, 1);
    say_done(c, 2, COLLECT_SURE); /* nothing else was said of it */
    collect_end(c);
    assert_int_equal(collect_open(c), 0);
    assert_int_equal(collect_part(c, &part), 2);
    assert_int_equal(part[0].finding.state, HOST_UNKNOWN);
    assert_true(addr_equal(&part[0].finding.address,
                           &(struct addr){.family = ADDR_V4, .b = {10, 0, 0, 2}}));
    assert_true(part[1].unsure);
}

static void a_host_that_is_asked_again_begins_anew(void **state)
{
    CLEANUP(collect_freep) struct collect *c = collect_new();
    struct store_host *part;
    struct addr a = at(1);

    (void)state;
    say_up(c, 1);
    say_open(c, 1, 80);
    collect_forget(c, &a);
    assert_int_equal(collect_open(c), 0);
    say_up(c, 1);
    say_done(c, 1, COLLECT_SURE);
    collect_forget(c, &a); /* done: stays */
    assert_int_equal(collect_part(c, &part), 1);
    assert_int_equal(part[0].n_ports, 0);
}

static void results_keep_output_and_data(void **state)
{
    CLEANUP(collect_freep) struct collect *c = collect_new();
    struct store_host *part;
    const struct script_result r = {
        .phase = SCRIPT_PORT,
        .address = at(1),
        .protocol = PROTOCOL_TCP,
        .port = 80,
        .script = "http-title",
        .outcome = SCRIPT_OK,
        .output = "a\0b",
        .output_len = 3,
        .data = "{}",
    };

    (void)state;
    assert_int_equal(collect_result(c, &r), 0);
    say_done(c, 1, COLLECT_SURE);
    assert_int_equal(collect_part(c, &part), 1);
    assert_int_equal(part[0].n_results, 1);
    assert_int_equal(part[0].results[0].output_len, 3);
    assert_memory_equal(part[0].results[0].output, "a\0b", 4);
    assert_string_equal(part[0].results[0].data, "{}");
    assert_string_equal(part[0].results[0].script, "http-title");
}

static void too_much_is_dropped_and_nothing_concluded(void **state)
{
    CLEANUP(collect_freep) struct collect *c = collect_new();
    CLEANUP(freep) char *big = calloc(1, COLLECT_BYTES_MAX / 2);
    struct store_host *part;
    struct script_result r = {
        .address = at(1), .script = "x", .output = big, .output_len = COLLECT_BYTES_MAX / 2};

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(collect_result(c, &r), 0);
    say_done(c, 1, COLLECT_SURE);
    say_done(c, 2, COLLECT_SURE);
    assert_int_equal(collect_part(c, &part), 1); /* large: a part of its own */
    assert_int_equal(part[0].n_results, 2);
    assert_true(part[0].unsure);
}

/* A worker in foreign hands says as many of them as it likes, each as long as one may be. */
static void texts_of_ports_and_reasons_of_results_count(void **state)
{
    static char text[16384];
    CLEANUP(collect_freep) struct collect *c = collect_new();
    struct port_finding p = {.address = at(1), .protocol = PROTOCOL_TCP, .state = PORT_OPEN};
    struct script_result r = {.address = at(2), .script = "x", .reason = text};
    struct store_host *part;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    p.service.extra = text + sizeof text - 1 - 4000;
    for (size_t i = 0; i < 2 * COLLECT_TEXTS_MAX / 4000; i++)
        assert_int_equal(collect_port(c, &p), 0);
    for (size_t i = 0; i < 2 * COLLECT_TEXTS_MAX / sizeof text; i++)
        assert_int_equal(collect_result(c, &r), 0);
    say_done(c, 1, COLLECT_SURE);
    say_done(c, 2, COLLECT_SURE);
    assert_int_equal(collect_part(c, &part), 1); /* it ends early */
    assert_true(part[0].unsure);
    assert_true(part[0].n_ports <= COLLECT_TEXTS_MAX / 4000);
    assert_int_equal(collect_part(c, &part), 1);
    assert_true(part[0].unsure);
    assert_true(part[0].n_results <= COLLECT_TEXTS_MAX / sizeof text);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(hosts_come_out_whole_in_the_order_of_their_ends),
    cmocka_unit_test(a_part_that_was_not_taken_comes_again),
    cmocka_unit_test(a_host_is_told_once),
    cmocka_unit_test(at_the_end_what_is_not_done_is_unsure),
    cmocka_unit_test(a_host_that_is_asked_again_begins_anew),
    cmocka_unit_test(results_keep_output_and_data),
    cmocka_unit_test(too_much_is_dropped_and_nothing_concluded),
    cmocka_unit_test(texts_of_ports_and_reasons_of_results_count),
};

TEST_MAIN(tests)
