/* Filters of listings, as people type them. */
#include "service/cli/filter.h"

#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *text;
    int want;
    const char *network, *pattern, *port, *protocol;
} cases[] = {
    {"10.1.0.7", 0, "10.1.0.7", NULL, NULL, NULL},
    {"2001:db8::/32", 0, "2001:db8::/32", NULL, NULL, NULL},
    {"10.1.0.7/24", -EINVAL, NULL, NULL, NULL, NULL},
    {"10.1.0.0/33", -EINVAL, NULL, NULL, NULL, NULL},
    {"10.1.0.0/x", -EINVAL, NULL, NULL, NULL, NULL},
    {"22", 0, NULL, NULL, "22", NULL},
    {"22/tcp", 0, NULL, NULL, "22", "tcp"},
    {"udp/161", 0, NULL, NULL, "161", "udp"},
    {"65535/udp", 0, NULL, NULL, "65535", "udp"},
    {"65536/udp", -EINVAL, NULL, NULL, NULL, NULL},
    {"0/tcp", -EINVAL, NULL, NULL, NULL, NULL},
    {"100200300", 0, NULL, "%100200300%", NULL, NULL},
    {"22/", 0, NULL, "%22/%", NULL, NULL},
    {"22/http", 0, NULL, "%22/http%", NULL, NULL},
    {"tcp/", 0, NULL, "%tcp/%", NULL, NULL},
    {"ssl/https", 0, NULL, "%ssl/https%", NULL, NULL},
    {"100%_a\\", 0, NULL, "%100\\%\\_a\\\\%", NULL, NULL},
    {"00:1A:2b:3c:4d:5e", 0, NULL, "%00:1a:2b:3c:4d:5e%", NULL, NULL},
    {"00-1A-2B-3C-4D-5E", 0, NULL, "%00:1a:2b:3c:4d:5e%", NULL, NULL},
    {"001a.2B3c.4d5e", 0, NULL, "%00:1a:2b:3c:4d:5e%", NULL, NULL},
    {"00-1A:2B-3C-4D-5E", 0, NULL, "%00-1A:2B-3C-4D-5E%", NULL, NULL},
    {"001a.2B3c-4d5e", 0, NULL, "%001a.2B3c-4d5e%", NULL, NULL},
    {"00:1A:2b:3c:4d:5g", 0, NULL, "%00:1A:2b:3c:4d:5g%", NULL, NULL},
    {"", 0, NULL, "%%", NULL, NULL},
};

static void same(const char *what, const char *text, const char *got, const char *want)
{
    if (!got != !want || (got && strcmp(got, want) != 0))
        fail_msg("'%s': %s is %s, not %s", text, what, got ? got : "none", want ? want : "none");
}

static void filters_are_read_as_they_are_typed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        struct filter f;
        int r = filter_make(&f, cases[i].text, &e);

        if (r != cases[i].want)
            fail_msg("'%s' gives %d: %s", cases[i].text, r, err_text(&e));
        if (r < 0)
            continue;
        same("network", cases[i].text, f.network, cases[i].network);
        same("pattern", cases[i].text, f.pattern, cases[i].pattern);
        same("port", cases[i].text, f.port, cases[i].port);
        same("protocol", cases[i].text, f.protocol, cases[i].protocol);
    }
}

/* Cut it would find more than was asked for. */
static void a_text_that_is_too_long_is_refused(void **state)
{
    static const char letters[] = "%7x";
    char text[1024];
    struct err e = {0};
    struct filter f;

    (void)state;
    for (size_t i = 0; letters[i]; i++) {
        memset(text, letters[i], sizeof text - 1);
        text[sizeof text - 1] = '\0';
        assert_int_equal(filter_make(&f, text, &e), -EINVAL);
        assert_non_null(strstr(err_text(&e), "longer than a filter may be"));
        text[100] = '\0';
        assert_int_equal(filter_make(&f, text, &e), 0);
        assert_int_equal(strlen(f.pattern), letters[i] == '%' ? 202 : 102);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(filters_are_read_as_they_are_typed),
    cmocka_unit_test(a_text_that_is_too_long_is_refused),
};

TEST_MAIN(tests)
