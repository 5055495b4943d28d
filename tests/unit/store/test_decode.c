/* PostgreSQL's text formats, both ways. */
#include "service/store/decode.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static void times_are_read(void **state)
{
    static const struct {
        const char *text;
        int want;
        usec_t wall;
    } cases[] = {
        {"1970-01-01 00:00:01+00", 0, USEC_PER_SEC},
        {"2026-01-01 00:00:00.123456+00", 0, 1767225600123456ULL},
        {"2026-01-01 00:00:00.5+00", 0, 1767225600500000ULL},
        {"2026-01-01 01:00:00+01", -EINVAL, 0},
        {"2026-01-01T00:00:00+00", -EINVAL, 0},
        {"0044-03-15 00:00:00+00 BC", -EINVAL, 0},
        {"infinity", -EINVAL, 0},
        {"-infinity", -EINVAL, 0},
        {"", -EINVAL, 0},
        {"+00", -EINVAL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        usec_t wall = 0;

        assert_int_equal(pg_time_parse(cases[i].text, &wall), cases[i].want);
        assert_int_equal(wall, cases[i].wall);
    }
}

static void times_survive_a_round_trip(void **state)
{
    static const usec_t walls[] = {1, 1767225600123456ULL, 4102444800999999ULL};
    char text[PG_TIME_MAX];
    usec_t back;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(walls); i++) {
        pg_time_format(walls[i], text);
        text[10] = ' '; /* as the server writes it */
        assert_int_equal(pg_time_parse(text, &back), 0);
        assert_int_equal(back, walls[i]);
    }
}

static void addresses_are_read_and_networks_refused(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1/32", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"2001:db8::1/128", "2001:db8::1"},
        {"192.0.2.0/24", NULL},
        {"2001:db8::/32", NULL},
        {"192.0.2.1/", NULL},
        {"", NULL},
        {"nonsense", NULL},
        {"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[ADDR_TEXT_MAX];
        struct addr a;

        assert_int_equal(pg_inet_parse(cases[i].text, &a), cases[i].want ? 0 : -EINVAL);
        if (cases[i].want)
            assert_string_equal(addr_format(&a, text), cases[i].want);
    }
}

static void arrays_are_read(void **state)
{
    static const struct {
        const char *text, *want; /* items with <>, N for NULL, ! for bad */
    } cases[] = {
        {"{}", ""},
        {"{a}", "<a>"},
        {"{a,b,NULL,\"NULL\"}", "<a><b>N<NULL>"},
        {"{\"a \\\"b\\\\ c\",\"\"}", "<a \"b\\ c><>"},
        {"{10.0.0.1,2001:db8::1}", "<10.0.0.1><2001:db8::1>"},
        {"", "!"},
        {"{", "!"},
        {"{a", "!"},
        {"{a,", "<a>!"},
        {"{a}x", "<a>!"},
        {"{\"a", "!"},
        {"{\"a\\", "!"},
        {"{a,,b}", "<a>!"},
        {"{{a}}", "!"},
        {"{\"a\"b}", "<a>!"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_done) struct buf item = {0}, got = {0};
        enum pg_array what;
        size_t pos = 0;

        do {
            what = pg_array_next(cases[i].text, &pos, &item);
            if (what == PG_ARRAY_ITEM)
                buf_printf(&got, "<%s>", item.data ? item.data : "");
            else if (what != PG_ARRAY_END)
                buf_char(&got, what == PG_ARRAY_NULL ? 'N' : '!');
        } while (what == PG_ARRAY_ITEM || what == PG_ARRAY_NULL);
        assert_string_equal(got.data ? got.data : "", cases[i].want);
    }
}

static void arrays_survive_a_round_trip(void **state)
{
    static const char *const items[] = {"",          "a",    "NULL", "with \"quotes\" and \\",
                                        "{braces},", "ü\n\t"};
    CLEANUP(buf_done) struct buf array = {0}, item = {0};
    size_t pos = 0;

    (void)state;
    pg_array_open(&array);
    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        pg_array_text(&array, items[i], strlen(items[i]));
    pg_array_null(&array);
    pg_array_plain(&array, "%d", 42);
    pg_array_close(&array);
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        assert_int_equal(pg_array_next(array.data, &pos, &item), PG_ARRAY_ITEM);
        assert_string_equal(item.data ? item.data : "", items[i]);
    }
    assert_int_equal(pg_array_next(array.data, &pos, &item), PG_ARRAY_NULL);
    assert_int_equal(pg_array_next(array.data, &pos, &item), PG_ARRAY_ITEM);
    assert_string_equal(item.data, "42");
    assert_int_equal(pg_array_next(array.data, &pos, &item), PG_ARRAY_END);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(times_are_read),
    cmocka_unit_test(times_survive_a_round_trip),
    cmocka_unit_test(addresses_are_read_and_networks_refused),
    cmocka_unit_test(arrays_are_read),
    cmocka_unit_test(arrays_survive_a_round_trip),
};
TEST_MAIN(tests)
