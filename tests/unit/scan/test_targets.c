/* Target expressions as nmap's users write them. */
#include "engine/scan/targets.h"
#include "tests/support/main.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *in;
    uint64_t count;
    const char *first, *last; /* of the whole set */
} good[] = {
    {"192.0.2.1", 1, "192.0.2.1", "192.0.2.1"},
    {"192.0.2.0/24", 256, "192.0.2.0", "192.0.2.255"},
    {"192.0.2.77/24", 256, "192.0.2.0", "192.0.2.255"},
    {"192.0.2.77/32", 1, "192.0.2.77", "192.0.2.77"},
    {"0.0.0.0/0", 1ULL << 32, "0.0.0.0", "255.255.255.255"},
    {"10.0.0-3.1-254", 4 * 254, "10.0.0.1", "10.0.3.254"},
    {"10.0.*.1,3", 512, "10.0.0.1", "10.0.255.3"},
    {"10.0.0.3,1,2,2-3", 3, "10.0.0.1", "10.0.0.3"},
    {"10.0.0.-5", 6, "10.0.0.0", "10.0.0.5"},
    {"10.0.0.250-", 6, "10.0.0.250", "10.0.0.255"},
    {"10.0.0.-", 256, "10.0.0.0", "10.0.0.255"},
    {"10.*.*.*", 1 << 24, "10.0.0.0", "10.255.255.255"},
    {"*.*.*.*", 1ULL << 32, "0.0.0.0", "255.255.255.255"},
    {"10,12.0.0.0-1", 4, "10.0.0.0", "12.0.0.1"},
    {"10.0-255.0-255.7", 65536, "10.0.0.7", "10.255.255.7"},
    {"2001:db8::1", 1, "2001:db8::1", "2001:db8::1"},
    {"2001:db8::ff/120", 256, "2001:db8::", "2001:db8::ff"},
    {"fe80::1%lo", 1, "fe80::1%lo", "fe80::1%lo"},
};

static void what_nmap_reads_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct target_list t = {0};
        struct err e = {0};
        char text[ADDR_TEXT_MAX];

        if (target_list_add(&t, good[i].in, &e) < 0)
            fail_msg("%s: %s", good[i].in, e.text);
        assert_int_equal(t.n_names, 0);
        assert_int_equal(addr_set_count(&t.addrs), good[i].count);
        assert_string_equal(addr_format(&t.addrs.ranges[0].first, text), good[i].first);
        assert_string_equal(addr_format(&t.addrs.ranges[t.addrs.n - 1].last, text), good[i].last);
        target_list_done(&t);
    }
}

static const char *const names[] = {"host",         "host.example", "a-b.example",
                                    "3com.example", "x_y.example",  "host.example/24"};

static void names_are_left_to_the_caller(void **state)
{
    struct target_list t = {0};
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(target_list_add(&t, names[i], &e), 0);
        assert_string_equal(t.names[i], names[i]);
    }
    assert_int_equal(t.n_names, ARRAY_LEN(names));
    assert_int_equal(t.addrs.n, 0);
    target_list_done(&t);
}

static const struct {
    const char *in, *want; /* a part of the message */
} bad[] = {
    {"", "begins with a letter"},
    {"10.0.0.256", "'10.0.0.256': expected four octets"},
    {"10.0.0", "expected four octets"},
    {"10.0.0.1.2", "expected four octets"},
    {"10.0.0.9-3", "expected four octets"},
    {"10.0.0.1,", "expected four octets"},
    {"10.0.0.0-7/24", "expected four octets"},
    {"192.0.2.0/33", "prefix length from 0 to 32"},
    {"192.0.2.0/", "prefix length from 0 to 32"},
    {"192.0.2.0/-1", "prefix length from 0 to 32"},
    {"2001:db8::/129", "prefix length from 0 to 128"},
    {"2001:db8::x", "expected an address"},
    {"fe80::1%nosuchif", "no such interface"},
    {"-oX", "begins with a letter"},
    {"host/x", "prefix length"},
    {"host/", "prefix length"},
    {"a b", "expected an address"},
    {"*.*.*.1,3", "more than 65536 separate ranges"},
    {"host;id", "expected an address"},
};

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct target_list t = {0};
        struct err e = {0};

        assert_int_equal(target_list_add(&t, bad[i].in, &e), -EINVAL);
        if (!strstr(e.text, bad[i].want))
            fail_msg("'%s' gives: %s", bad[i].in, e.text);
        assert_int_equal(t.addrs.n + t.n_names, 0);
        target_list_done(&t);
    }
}

/* Adds a file with this text; e->text has the file's name. */
static int add_text(struct target_list *t, const char *text, struct err *e)
{
    char path[] = "/tmp/muster-targets-XXXXXX";
    int fd = mkstemp(path), r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    r = target_list_add_file(t, path, e);
    unlink(path);
    return r;
}

static void a_file_has_words_and_comments(void **state)
{
    struct target_list t = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(
        add_text(&t, "# all\n10.0.0.2 10.0.0.1\t10.0.0.0/31 # two\r\n\nhost.example\n::1", &e), 0);
    assert_int_equal(addr_set_count(&t.addrs), 4);
    assert_int_equal(t.n_names, 1);
    target_list_done(&t);
}

static void an_error_in_a_file_has_its_line(void **state)
{
    struct target_list t = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(add_text(&t, "10.0.0.1\n10.0.0.300\n", &e), -EINVAL);
    assert_non_null(strstr(e.text, ":2: target '10.0.0.300'"));
    assert_int_equal(target_list_add_file(&t, "/nonexistent/list", &e), -ENOENT);
    target_list_done(&t);
}

static const struct CMUnitTest targets[] = {
    cmocka_unit_test(what_nmap_reads_is_read),
    cmocka_unit_test(names_are_left_to_the_caller),
    cmocka_unit_test(what_is_wrong_is_named),
    cmocka_unit_test(a_file_has_words_and_comments),
    cmocka_unit_test(an_error_in_a_file_has_its_line),
};

TEST_MAIN(targets)
