/* The table of UDP payloads: our own file, the format, and what is wrong with broken files. */
#include "engine/scan/payload.h"
#include "tests/support/main.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int load(struct payloads **ret, const char *text, struct err *e)
{
    char path[] = "/tmp/muster-payloads-XXXXXX";
    int fd = mkstemp(path), r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    r = payloads_load(ret, path, e);
    unlink(path);
    return r;
}

static void our_own_table_speaks_to_the_common_services(void **state)
{
    static const uint16_t ports[] = {53,   69,   88,   111,  123,  137,  161,  177,  389,   427,
                                     443,  500,  520,  623,  1194, 1434, 1701, 1900, 2049,  2123,
                                     3478, 3702, 4500, 5060, 5351, 5353, 5683, 6881, 11211, 47808};
    struct payloads *p = NULL;
    struct err e = {0};
    size_t len;

    (void)state;
    assert_int_equal(payloads_load(&p, MUSTER_SOURCE_DIR "/nselib/data/payloads", &e), 0);
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        assert_non_null(payloads_get(p, ports[i], &len));
        assert_in_range(len, 1, PAYLOAD_MAX);
    }
    assert_null(payloads_get(p, 9, &len));
    assert_int_equal(len, 0);
    assert_non_null(payloads_get(p, 123, &len));
    assert_int_equal(len, 48);
    assert_non_null(payloads_get(p, 443, &len));
    assert_int_equal(len, 1200);
    payloads_free(p);
}

static void lines_of_a_payload_follow_each_other(void **state)
{
    struct payloads *p = NULL;
    struct err e = {0};
    const uint8_t *data;
    size_t len;

    (void)state;
    assert_int_equal(
        load(&p,
             "# head\nport 5,7-8 first\n  hex 01fF 2\n"
             "\nport 9 other\n text \"a\\r\\n\\\"\\\\\\x00b\"\n hex 01 fF02\n pad 12\n",
             &e),
        -EINVAL);
    assert_int_equal(
        load(&p,
             "# head\nport 5,7-8 first\n  hex 01fF\n"
             "\nport 9 other\n text \"a\\r\\n\\\"\\\\\\x00b\"\n hex 01 fF02\n pad 12\n",
             &e),
        0);
    assert_null(payloads_get(p, 6, &len));
    data = payloads_get(p, 8, &len);
    assert_int_equal(len, 2);
    assert_memory_equal(data, "\x01\xff", 2);
    data = payloads_get(p, 9, &len);
    assert_int_equal(len, 12);
    assert_memory_equal(data, "a\r\n\"\\\0b\x01\xff\x02\0\0", 12);
    assert_null(payloads_get(NULL, 9, &len));
    payloads_free(p);
}

static const struct {
    const char *text, *want;
} bad[] = {
    {"hex 00\n", ":1: hex: expected a line \"port LIST NAME\" before it"},
    {"port 53\n", ":1: port: expected \"port LIST NAME\""},
    {"port\n", ":1: port: expected \"port LIST NAME\""},
    {"port x dns\n", ":1: port x: "},
    {"port 1 a\nport 2 b\n hex 00\n", ":2: the payload before this line is empty"},
    {"port 1 a\n hex 0\n", ":2: hex: expected pairs of digits"},
    {"port 1 a\n text a\n", ":2: text: expected a string in quotes"},
    {"port 1 a\n text \"a\n", ":2: text: expected a quote at the end of the line"},
    {"port 1 a\n text \"\\q\"\n", ":2: text: expected \\r"},
    {"port 1 a\n text \"\\x\n", ":2: text: expected \\r"},
    {"port 1 a\n pad 1233\n", ":2: pad 1233: expected a length up to 1232"},
    {"port 1 a\n hex 00\nport 1-2 b\n hex 00\n", ":3: port 1 has a payload already"},
    {"port 1 a\n zero 1\n", ":2: zero: expected port, hex, text or pad"},
    {"port 1 a\n pad 1232\n hex 00\n", ":3: the payload is longer than 1232 bytes"},
};

static void faults_are_named_with_their_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct payloads *p = NULL;
        struct err e = {0};

        assert_int_equal(load(&p, bad[i].text, &e), -EINVAL);
        if (!strstr(err_text(&e), bad[i].want))
            fail_msg("%s: got \"%s\"", bad[i].want, err_text(&e));
        assert_null(p);
    }
}

static const struct CMUnitTest payload[] = {
    cmocka_unit_test(our_own_table_speaks_to_the_common_services),
    cmocka_unit_test(lines_of_a_payload_follow_each_other),
    cmocka_unit_test(faults_are_named_with_their_line),
};

TEST_MAIN(payload)
