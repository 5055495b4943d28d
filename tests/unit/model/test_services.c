/* The services table: our own file, nmap-services' form, and broken files. */
#include "engine/model/services.h"
#include "tests/support/main.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Loads a table from text by way of a file.  e->text then has the file's name, which differs. */
static int load(struct services **ret, const char *text, struct err *e)
{
    char path[] = "/tmp/muster-services-XXXXXX";
    int fd = mkstemp(path), r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    r = services_load(ret, path, e);
    unlink(path);
    return r;
}

static void our_own_table_has_what_everybody_asks_for(void **state)
{
    struct services *s = NULL;
    struct err e = {0};
    uint16_t top[1000];

    (void)state;
    assert_int_equal(services_load(&s, MUSTER_SOURCE_DIR "/nselib/data/services", &e), 0);
    assert_string_equal(services_name(s, PROTOCOL_TCP, 22), "ssh");
    assert_string_equal(services_name(s, PROTOCOL_TCP, 443), "https");
    assert_string_equal(services_name(s, PROTOCOL_UDP, 53), "domain");
    assert_int_equal(services_top(s, PROTOCOL_TCP, 3, top), 3);
    assert_int_equal(top[0], 80);
    assert_int_equal(top[1], 443);
    assert_int_equal(services_top(s, PROTOCOL_TCP, 1000, top), 1000);
    assert_int_equal(services_top(s, PROTOCOL_UDP, 100, top), 100);
    services_free(s);
}

static void the_first_name_of_a_port_wins_and_comments_are_skipped(void **state)
{
    struct services *s = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(load(&s,
                          "# head\n\nfirst\t7/tcp\t0.5\t# why\nsecond\t7/tcp\t0.9\n"
                          "other\t7/dccp\t0.1\nplain 9/udp\n",
                          &e),
                     0);
    assert_string_equal(services_name(s, PROTOCOL_TCP, 7), "first");
    assert_string_equal(services_name(s, PROTOCOL_UDP, 9), "plain");
    assert_null(services_name(s, PROTOCOL_UDP, 7));
    assert_null(services_name(NULL, PROTOCOL_UDP, 7));
    services_free(s);
}

static const struct {
    const char *text, *want;
} bad[] = {
    {"ssh\n", ":1: expected"},
    {"a\t1/tcp\t1\nssh\t22\t1\n", ":2: expected"},
    {"ssh\t70000/tcp\t1\n", ":1: expected"},
    {"ssh\t22/tcp\toften\n", "frequency 'often'"},
    {"ssh\t22/tcp\t-1\n", "frequency '-1'"},
};

static void a_broken_line_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct services *s = NULL;
        struct err e = {0};

        assert_int_equal(load(&s, bad[i].text, &e), -EINVAL);
        if (!strstr(e.text, bad[i].want))
            fail_msg("%s", e.text);
        assert_null(s);
    }
}

static void a_missing_file_is_named(void **state)
{
    struct services *s = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(services_load(&s, "/nonexistent/services", &e), -ENOENT);
    assert_non_null(strstr(e.text, "/nonexistent/services"));
}

static void an_empty_table_knows_nothing(void **state)
{
    struct services *s = NULL;
    struct err e = {0};
    uint16_t top[1];

    (void)state;
    assert_int_equal(load(&s, "", &e), 0);
    assert_null(services_name(s, PROTOCOL_TCP, 22));
    assert_int_equal(services_top(s, PROTOCOL_TCP, 1, top), 0);
    services_free(s);
}

static const struct CMUnitTest services[] = {
    cmocka_unit_test(our_own_table_has_what_everybody_asks_for),
    cmocka_unit_test(the_first_name_of_a_port_wins_and_comments_are_skipped),
    cmocka_unit_test(a_broken_line_is_named),
    cmocka_unit_test(a_missing_file_is_named),
    cmocka_unit_test(an_empty_table_knows_nothing),
};

TEST_MAIN(services)
