/* Names of DNS kind: labels, compression, and those that would never end. */
#include "engine/base/cleanup.h"
#include "engine/packet/hear_name.h"
#include "tests/support/main.h"

#include <string.h>

static const struct {
    const char *name;
    const char *data;
    size_t len, pos;  /* the message, and where the name starts */
    const char *text; /* NULL: refused */
    size_t next;      /* where the cursor stands afterwards */
} cases[] = {
    {"labels", "\3nas\5local\0x", 12, 0, "nas.local", 11},
    {"root", "\0x", 2, 0, "", 1},
    {"pointer", "\5local\0\3nas\xc0\0x", 14, 7, "nas.local", 13},
    {"pointer alone", "\5local\0\xc0\0", 9, 7, "local", 9},
    {"pointer to a pointer", "\5local\0\3nas\xc0\0\xc0\7", 15, 13, "nas.local", 15},
    {"ends with the buffer", "\3nas", 4, 0, "nas", 4},
    {"pointer to itself", "\xc0\0", 2, 0, NULL, 0},
    {"two that point to each other", "\xc0\2\xc0\0", 4, 0, NULL, 0},
    {"pointer forward", "\xc0\2\3nas\0", 7, 0, NULL, 0},
    {"a run that comes back to its start", "\3nas\xc0\0", 6, 0, NULL, 0},
    {"half a pointer", "\5local\0\xc0", 8, 7, NULL, 0},
    {"cut label", "\5loc", 4, 0, NULL, 0},
    {"reserved label type", "\x41xyz", 4, 0, NULL, 0},
};

static void names_are_read_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rbuf b = rbuf_of(cases[i].data, cases[i].len);
        struct hear_name n = {.len = 7777};
        bool ok;

        b.pos = cases[i].pos;
        ok = hear_name_read(&b, &n);
        if (ok != (cases[i].text != NULL) || b.bad == ok)
            fail_msg("%s: %s", cases[i].name, ok ? n.text : "refused");
        if (!ok)
            assert_int_equal(n.len, 7777);
        else if (strcmp(n.text, cases[i].text) != 0 || b.pos != cases[i].next)
            fail_msg("%s: '%s', at %zu", cases[i].name, n.text, b.pos);
    }
}

/* Each pointer leads to the one before it. */
static void a_long_chain_of_pointers_is_refused(void **state)
{
    uint8_t data[2048] = {0};
    struct hear_name n;
    struct rbuf b;

    (void)state;
    for (unsigned at = 2; at < sizeof data; at += 2) {
        data[at] = (uint8_t)(0xc0 | (at - 2) >> 8);
        data[at + 1] = (uint8_t)(at - 2);
    }
    b = rbuf_of(data, sizeof data);
    b.pos = 16;
    assert_true(hear_name_read(&b, &n));
    b = rbuf_of(data, sizeof data);
    b.pos = sizeof data - 2;
    assert_false(hear_name_read(&b, &n));
}

static void a_name_of_255_bytes_is_the_longest(void **state)
{
    uint8_t data[320];
    struct hear_name n;
    struct rbuf b;

    (void)state;
    /* Four labels of 63, 63, 63 and 61 bytes and the root: 255 bytes. */
    memset(data, 'a', sizeof data);
    data[0] = data[64] = data[128] = 63;
    data[192] = 61;
    data[254] = 0;
    b = rbuf_of(data, sizeof data);
    assert_true(hear_name_read(&b, &n));
    assert_int_equal(n.len, 253);
    data[192] = 62;
    data[255] = 0;
    b = rbuf_of(data, sizeof data);
    assert_false(hear_name_read(&b, &n));
}

static void a_suffix_is_found_in_upper_and_lower_case(void **state)
{
    struct hear_name n = {.len = 9, .text = "NAS.Local"}, whole = {.len = 6, .text = ".local"};

    (void)state;
    assert_true(hear_name_ends(&n, ".local"));
    assert_false(hear_name_ends(&n, ".arpa"));
    assert_false(hear_name_ends(&whole, ".local"));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(names_are_read_or_refused),
    cmocka_unit_test(a_long_chain_of_pointers_is_refused),
    cmocka_unit_test(a_name_of_255_bytes_is_the_longest),
    cmocka_unit_test(a_suffix_is_found_in_upper_and_lower_case),
};

TEST_MAIN(tests)
