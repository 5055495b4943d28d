/* Bodies: hostile text stays text, and JSON stays JSON. */
#include "service/alert/render.h"
#include "tests/support/main.h"

#include <cjson/cJSON.h>
#include <string.h>

static const struct {
    const char *name, *in, *want;
} cases[] = {
    {"structure and numbers are copied",
     "{\"a\": [1, 2.50, -3e7, 12345678901234567890, true, null], \"b\": {}}",
     "{\"a\": [1, 2.50, -3e7, 12345678901234567890, true, null], \"b\": {}}"},
    {"quotes and backslashes", "\"a\\\"b\\\\c\\/d\"", "\"a\\\"b\\\\c/d\""},
    {"newline and tab stay", "\"a\\nb\\tc\"", "\"a\\nb\\tc\""},
    {"control characters", "\"a\\rb\\u001b[31mc\\u0007\"",
     "\"a\\\\u000db\\\\u001b[31mc\\\\u0007\""},
    {"C1", "\"\xc2\x9b\x33\x31m\"", "\"\\\\u009b31m\""},
    {"bidirectional override",
     "\"gnp.\xe2\x80\xae"
     "exe\"",
     "\"gnp.\\\\u202eexe\""},
    {"escaped bidirectional override", "\"gnp.\\u202Eexe\"", "\"gnp.\\\\u202eexe\""},
    {"zero width", "\"pay\xe2\x80\x8bpal\"", "\"pay\\\\u200bpal\""},
    {"tag characters", "\"\xf3\xa0\x81\x81\"", "\"\\\\U000e0041\""},
    {"umlauts and emoji stay",
     "\"Dr\xc3\xbc"
     "cker \xf0\x9f\x96\xa8 \\u00e4 \\ud83d\\ude00\"",
     "\"Dr\xc3\xbc"
     "cker \xf0\x9f\x96\xa8 \xc3\xa4 \xf0\x9f\x98\x80\""},
    {"lone surrogate", "\"\\ud83dx\"", "\"\\\\ud83dx\""},
    {"bytes that are no UTF-8", "\"a\xff\xc3(\xe2\x82\"",
     "\"a\\\\udcff\\\\udcc3(\\\\udce2\\\\udc82\""},
    {"overlong slash", "\"\xc0\xaf\"", "\"\\\\udcc0\\\\udcaf\""},
    {"keys too", "{\"\\u202e\": 1}", "{\"\\\\u202e\": 1}"},
    {"markup is the receiver's matter, and stays",
     "\"<script>alert(1)</script> @everyone <!channel>\"",
     "\"<script>alert(1)</script> @everyone <!channel>\""},
    {"unfinished string is closed", "\"abc", "\"abc\""},
    {"unfinished escape", "\"abc\\", "\"abc\\\\\""},
};

static void strings_are_made_safe(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_done) struct buf out = {0};
        cJSON *tree;

        render_json_safe(&out, cases[i].in, strlen(cases[i].in));
        if (strcmp(out.data, cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].name, out.data);
        tree = cJSON_Parse(out.data);
        if (!tree)
            fail_msg("%s: does not parse", cases[i].name);
        cJSON_Delete(tree);
    }
}

static void long_strings_are_cut_by_characters(void **state)
{
    CLEANUP(buf_done) struct buf in = {0}, out = {0};
    cJSON *tree;

    (void)state;
    buf_char(&in, '"');
    for (int i = 0; i < 5000; i++)
        buf_str(&in, "\xc3\xa4");
    buf_char(&in, '"');
    render_json_safe(&out, in.data, in.len);
    tree = cJSON_Parse(out.data);
    assert_non_null(tree);
    assert_int_equal(strlen(tree->valuestring), RENDER_STRING_MAX * 2 + 3);
    cJSON_Delete(tree);
}

static void the_body_has_type_timestamp_and_data(void **state)
{
    static const char data[] = "{\"seq\": 7, \"summary\": \"tcp/80 opened\"}";
    struct render_event e = {"port.opened", "2026-11-22T17:00:00.000000Z", data, sizeof data - 1};
    CLEANUP(buf_done) struct buf out = {0};

    (void)state;
    render_webhook(&out, &e);
    assert_string_equal(
        out.data,
        "{\"type\":\"port.opened\",\"timestamp\":\"2026-11-22T17:00:00.000000Z\",\"data\":"
        "{\"seq\": 7, \"summary\": \"tcp/80 opened\"}}");
}

/* Whatever bytes stand between two quotes, what comes out parses. */
static void random_bytes_in_a_string_always_parse(void **state)
{
    uint64_t rng = 88172645463325252ULL;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        CLEANUP(buf_done) struct buf out = {0};
        char in[64] = "\"";
        size_t n = 1;
        cJSON *tree;

        while (n < 40) {
            rng ^= rng << 13, rng ^= rng >> 7, rng ^= rng << 17;
            in[n++] = rng & 1 ? (char)(rng >> 8) : "\\u\"dDcC089aF"[(rng >> 8) % 12];
            if (in[n - 1] == '"')
                n--;
        }
        in[n++] = '"';
        render_json_safe(&out, in, n);
        tree = cJSON_ParseWithLength(out.data, out.len);
        if (!tree)
            fail_msg("round %d: %s", round, out.data);
        cJSON_Delete(tree);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(strings_are_made_safe),
    cmocka_unit_test(long_strings_are_cut_by_characters),
    cmocka_unit_test(the_body_has_type_timestamp_and_data),
    cmocka_unit_test(random_bytes_in_a_string_always_parse),
};

TEST_MAIN(tests)
