/* The bag of evidence keeps its bounds and makes foreign text harmless. */
#include "engine/packet/hear_evidence.h"
#include "tests/support/main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *in;
    size_t len;
    const char *out; /* NULL: no fact */
} texts[] = {
    {"plain", "nas-1", 5, "nas-1"},
    {"blanks and NULs around", "  nas-1 \0\0", 10, "nas-1"},
    {"UTF-8",
     "K\xc3\xbc"
     "che",
     6,
     "K\xc3\xbc"
     "che"},
    {"not UTF-8", "a\xff", 2, "a\\xFF"},
    {"escape sequence", "a\x1b[2J", 5, "a\\x1B[2J"},
    {"line feed", "a\nb", 3, "a\\x0Ab"},
    {"C1 control",
     "a\xc2\x9b"
     "b",
     4, "a\\xC2\\x9Bb"},
    {"NUL inside", "a\0b", 3, "a\\x00b"},
    {"empty", "", 0, NULL},
    {"only blanks", "   ", 3, NULL},
};

static void foreign_text_becomes_printable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct hear_evidence e = {0};
        const char *got;

        hear_add(&e, HEAR_NAME, texts[i].in, texts[i].len);
        got = hear_fact_text(&e, HEAR_NAME, 0);
        if (!texts[i].out)
            assert_null(got);
        else if (!got || strcmp(got, texts[i].out) != 0)
            fail_msg("%s: %s", texts[i].name, got ? got : "nothing");
    }
}

static void a_long_fact_is_cut_between_characters(void **state)
{
    struct hear_evidence e = {0};
    char long_text[400];
    size_t n = 1;

    (void)state;
    long_text[0] = 'a';
    while (n + 2 <= sizeof long_text) {
        memcpy(long_text + n, "\xc3\xbc", 2);
        n += 2;
    }
    hear_add(&e, HEAR_TITLE, long_text, n);
    assert_int_equal(strlen(hear_fact_text(&e, HEAR_TITLE, 0)), HEAR_FACT_MAX);
    hear_add(&e, HEAR_TITLE, long_text + 1, n - 1);
    assert_int_equal(strlen(hear_fact_text(&e, HEAR_TITLE, 1)), HEAR_FACT_MAX - 1);
}

static void what_finds_no_room_is_left_out(void **state)
{
    struct hear_evidence e = {0};
    char text[200];

    (void)state;
    memset(text, 'x', sizeof text);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text, 8, "%07u", i);
        text[7] = 'x';
        hear_add(&e, HEAR_SERVICE, text, sizeof text);
        hear_add(&e, HEAR_NAME, text, 7);
        hear_add_addr(&e, &(struct addr){.family = ADDR_V4, .b = {10, 0, (uint8_t)(i >> 8), 1}});
    }
    assert_true(e.text_len <= HEAR_TEXT_MAX);
    assert_true(e.n_facts <= HEAR_FACTS_MAX);
    assert_int_equal(e.n_addrs, HEAR_ADDRS_MAX);
}

static void the_same_fact_or_address_is_kept_once(void **state)
{
    struct hear_evidence e = {0};
    struct addr a = {.family = ADDR_V4, .b = {10, 0, 0, 1}},
                b = {.family = ADDR_V4, .b = {10, 0, 0, 2}};

    (void)state;
    hear_add_text(&e, HEAR_NAME, "nas");
    hear_add_text(&e, HEAR_NAME, "nas");
    hear_add_text(&e, HEAR_TITLE, "nas");
    assert_int_equal(e.n_facts, 2);
    hear_add_addr(&e, &a);
    hear_add_addr(&e, &b);
    hear_add_addr_first(&e, &b);
    assert_int_equal(e.n_addrs, 2);
    assert_true(addr_equal(&e.addrs[0], &b));
    assert_true(addr_equal(&e.addrs[1], &a));
}

static void a_full_list_still_takes_the_first_address(void **state)
{
    struct hear_evidence e = {0};
    struct addr a = {.family = ADDR_V4, .b = {10, 0, 0, 1}};

    (void)state;
    for (; e.n_addrs < HEAR_ADDRS_MAX; a.b[3]++)
        hear_add_addr(&e, &a);
    hear_add_addr_first(&e, &a);
    assert_int_equal(e.n_addrs, HEAR_ADDRS_MAX);
    assert_true(addr_equal(&e.addrs[0], &a));
    assert_int_equal(e.addrs[HEAR_ADDRS_MAX - 1].b[3], HEAR_ADDRS_MAX - 1);
}

static void what_no_host_can_have_is_no_address(void **state)
{
    static const char *const bad[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255",
                                      "::",      "::1",       "ff02::1"};
    static const char *const good[] = {"10.0.0.1", "169.254.1.1", "fe80::1", "2001:db8::"};
    struct addr a;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(addr_parse(bad[i], &a), 0);
        assert_false(hear_addr_is_host(&a));
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(addr_parse(good[i], &a), 0);
        assert_true(hear_addr_is_host(&a));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(foreign_text_becomes_printable),
    cmocka_unit_test(a_long_fact_is_cut_between_characters),
    cmocka_unit_test(what_finds_no_room_is_left_out),
    cmocka_unit_test(the_same_fact_or_address_is_kept_once),
    cmocka_unit_test(a_full_list_still_takes_the_first_address),
    cmocka_unit_test(what_no_host_can_have_is_no_address),
};

TEST_MAIN(tests)
