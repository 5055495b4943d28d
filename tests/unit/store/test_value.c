/* Values: what is the same, what is not, and that everything can be stored. */
#include "service/store/value.h"
#include "tests/support/main.h"

#include <errno.h>
#include <openssl/hmac.h>
#include <string.h>

static const struct value_key key = {{1, 2, 3}}, other_key = {{1, 2, 4}};

static void of_script(struct value *v, const char *data, const char *output,
                      const struct value_volatile *noise)
{
    struct script_result r = {
        .data = data, .output = output, .output_len = output ? strlen(output) : 0};

    assert_int_equal(value_of_script(v, &key, &r, noise), 0);
}

static bool same_script(const char *a, const char *b, const struct value_volatile *noise)
{
    struct value x, y;
    bool same;

    of_script(&x, a, "text", noise);
    of_script(&y, b, "other text", noise);
    same = memcmp(x.digest, y.digest, VALUE_DIGEST_LEN) == 0;
    value_done(&x);
    value_done(&y);
    return same;
}

static void order_of_keys_is_no_change_and_order_of_items_is(void **state)
{
    (void)state;
    assert_true(same_script("{\"a\":1,\"b\":{\"c\":2,\"d\":[1,2]}}",
                            "{ \"b\": {\"d\":[1,2],\"c\":2.0}, \"a\":1 }", NULL));
    assert_false(same_script("{\"a\":[1,2]}", "{\"a\":[2,1]}", NULL));
    assert_false(same_script("{\"a\":1}", "{\"a\":\"1\"}", NULL));
    assert_false(same_script("{\"a\":true}", "{\"a\":1}", NULL));
    assert_false(same_script("{\"a\":null}", "{}", NULL));
    assert_false(same_script("[]", "{}", NULL));
    assert_true(same_script("{\"a\":1e2}", "{\"a\":100}", NULL));
    assert_true(same_script("{\"a\":\"\\u00e4\"}", "{\"a\":\"\xc3\xa4\"}", NULL));
}

static void volatile_keys_are_left_out_at_any_depth(void **state)
{
    static const char *const keys[] = {"date", "nonce"};
    struct value_volatile noise = {.keys = keys, .n = 2};
    static const char *const all[] = {"*"};
    struct value_volatile everything = {.keys = all, .n = 1};

    (void)state;
    assert_true(same_script("{\"a\":1,\"date\":\"x\",\"l\":[{\"nonce\":1,\"k\":2}]}",
                            "{\"a\":1,\"date\":\"y\",\"l\":[{\"nonce\":2,\"k\":2}]}", &noise));
    assert_false(same_script("{\"date\":1,\"a\":1}", "{\"date\":1,\"a\":2}", &noise));
    assert_true(same_script("{\"a\":1}", "[7]", &everything));
}

static void text_counts_only_without_structure(void **state)
{
    struct value x, y;

    (void)state;
    of_script(&x, NULL, "one", NULL);
    of_script(&y, NULL, "two", NULL);
    assert_memory_not_equal(x.digest, y.digest, VALUE_DIGEST_LEN);
    assert_string_equal(x.body, "{\"output\":\"one\"}");
    value_done(&x);
    value_done(&y);
    of_script(&x, "{not json", "one", NULL);
    of_script(&y, "{other", "one", NULL);
    assert_memory_equal(x.digest, y.digest, VALUE_DIGEST_LEN);
    value_done(&x);
    value_done(&y);
}

static bool same_text(const char *a, const char *b, const struct value_volatile *noise)
{
    struct value x, y;
    bool same;

    of_script(&x, NULL, a, noise);
    of_script(&y, NULL, b, noise);
    same = memcmp(x.digest, y.digest, VALUE_DIGEST_LEN) == 0;
    value_done(&x);
    value_done(&y);
    return same;
}

static void lines_of_volatile_keys_are_left_out_of_texts(void **state)
{
    static const char *const keys[] = {"System uptime", "now"};
    struct value_volatile noise = {.keys = keys, .n = 2};
    struct value v;

    (void)state;
    assert_true(same_text("Linux r\n  System uptime: 31m8.42s (186842 timeticks)",
                          "Linux r\n  System uptime: 3d01h (1 timeticks)", &noise));
    assert_true(same_text("Linux r\n  System uptime: 31m8.42s", "Linux r", &noise));
    assert_true(same_text("now: 1\nrest\n\tnow: 2\n", "now: 3\nrest\n\tnow: 4\n", &noise));
    assert_false(same_text("Linux r\nSystem uptime: 1", "Linux s\nSystem uptime: 1", &noise));
    assert_false(same_text("nowhere: 1", "nowhere: 2", &noise));
    assert_false(same_text("the now: 1", "the now: 2", &noise));
    assert_false(same_text("System uptime: 1", "System uptime: 2", NULL));
    of_script(&v, NULL, "now: 1", &noise);
    assert_string_equal(v.body, "{\"output\":\"now: 1\"}");
    value_done(&v);
}

static void order_of_the_script_is_kept_in_the_body(void **state)
{
    struct value v;

    (void)state;
    of_script(&v, "{\"z\":1,\"a\":[true,null,\"\\n\"],\"n\":-1.5}", "t", NULL);
    assert_string_equal(
        v.body, "{\"output\":\"t\",\"data\":{\"z\":1,\"a\":[true,null,\"\\n\"],\"n\":-1.5}}");
    assert_int_equal(v.kind, VALUE_SCRIPT);
    value_done(&v);
}

static void digest_depends_on_the_key_and_on_the_kind(void **state)
{
    struct service_info s = {.name = "x"};
    struct value a, b, c;

    (void)state;
    assert_int_equal(value_of_text(&a, &key, "x", 1), 0);
    assert_int_equal(value_of_text(&b, &other_key, "x", 1), 0);
    assert_int_equal(value_of_service(&c, &key, &s), 0);
    assert_memory_not_equal(a.digest, b.digest, VALUE_DIGEST_LEN);
    assert_memory_not_equal(a.digest, c.digest, VALUE_DIGEST_LEN);
    value_done(&a);
    value_done(&b);
    value_done(&c);
}

static void services_become_json(void **state)
{
    struct service_info s = {.name = "http",
                             .product = "ng\"inx",
                             .version = "\xff",
                             .tunnel = "ssl",
                             .cpe = {"cpe:/a:x", "cpe:/o:y"}};
    struct service_info bare = {.cpe = {"cpe:/a:x"}};
    struct value v;

    (void)state;
    assert_int_equal(value_of_service(&v, &key, &s), 0);
    assert_string_equal(v.body, "{\"name\":\"http\",\"product\":\"ng\\\"inx\",\"version\":"
                                "\"\\\\xFF\",\"tunnel\":\"ssl\",\"cpe\":[\"cpe:/"
                                "a:x\",\"cpe:/o:y\"]}");
    value_done(&v);
    assert_int_equal(value_of_service(&v, &key, &bare), 0);
    assert_string_equal(v.body, "{\"cpe\":[\"cpe:/a:x\"]}");
    value_done(&v);
}

static void json_is_made_fit_for_jsonb(void **state)
{
    static const struct {
        const char *in, *want;
    } cases[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"b\"}"},
        {"\"\\u0000\"", "\"\\\\x00\""},
        {"\"\\\\u0000\"", "\"\\\\u0000\""},           /* an escaped backslash, then text */
        {"\"\\ud800\"", "\"\\\\ud800\""},             /* lone surrogate */
        {"\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\""}, /* a pair */
        {"\"\\udc00x\"", "\"\\\\udc00x\""},
        {"\"\xff\"", "\"\\\\xFF\""},
        {"\"\x01\t\"", "\"\\u0001\\u0009\""},
        {"[1,\n2]", "[1,\n2]"},
        {"\"\\", "\"\\\\"},
        {"\"\\u12", "\"\\\\u12"},
        {"\"\\\xff\\q\"", "\"\\\\\\\\xFF\\\\q\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_done) struct buf out = {0};

        value_clean_json(&out, cases[i].in, strlen(cases[i].in));
        assert_string_equal(out.data, cases[i].want);
    }
}

static void hostile_text_is_stored_escaped(void **state)
{
    struct script_result r = {.output = "a\0b\xff\x1b[0m", .output_len = 8};
    struct value v;

    (void)state;
    assert_int_equal(value_of_script(&v, &key, &r, NULL), 0);
    assert_string_equal(v.body, "{\"output\":\"a\\\\x00b\\\\xFF\\\\x1B[0m\"}");
    value_done(&v);
    assert_int_equal(value_of_text(&v, &key, "h\xe4", 2), 0);
    assert_string_equal(v.body, "h\\xE4");
    value_done(&v);
}

static void digests_are_read_as_they_are_written(void **state)
{
    uint8_t digest[VALUE_DIGEST_LEN] = {0x00, 0x11, 0xab, 0xff, [15] = 9}, back[VALUE_DIGEST_LEN];
    char text[VALUE_DIGEST_TEXT];
    struct value_key k;

    (void)state;
    value_digest_format(digest, text);
    assert_string_equal(text, "0011abff-0000-0000-0000-000000000009");
    assert_int_equal(value_digest_parse(text, back), 0);
    assert_memory_equal(digest, back, sizeof digest);
    assert_int_equal(value_digest_parse("0011abff", back), -EINVAL);
    assert_int_equal(value_digest_parse("", back), -EINVAL);
    assert_int_equal(value_key_parse("zz", &k), -EINVAL);
}

static void large_output_is_cut_but_compared_whole(void **state)
{
    size_t len = VALUE_BODY_MAX + 10;
    char *text = malloc(len);
    struct script_result r = {.output = text, .output_len = len};
    struct value a, b;

    (void)state;
    memset(text, 'x', len);
    assert_int_equal(value_of_script(&a, &key, &r, NULL), 0);
    text[len - 1] = 'y';
    assert_int_equal(value_of_script(&b, &key, &r, NULL), 0);
    assert_memory_not_equal(a.digest, b.digest, VALUE_DIGEST_LEN);
    assert_true(strlen(a.body) < VALUE_BODY_MAX + 20);
    value_done(&a);
    value_done(&b);
    free(text);
}

static void the_mark_is_an_hmac_of_any_length_under_any_key(void **state)
{
    const struct value_key *const keys[] = {&key, &other_key};
    uint8_t data[200], want[EVP_MAX_MD_SIZE], got[VALUE_DIGEST_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7);
    for (size_t len = 0; len <= sizeof data; len++) {
        const struct value_key *k = keys[len % 3 % 2];

        assert_non_null(HMAC(EVP_sha256(), k->b, VALUE_KEY_LEN, data, len, want, NULL));
        assert_int_equal(value_mark(got, k, data, len), 0);
        assert_memory_equal(got, want, sizeof got);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_mark_is_an_hmac_of_any_length_under_any_key),
    cmocka_unit_test(order_of_keys_is_no_change_and_order_of_items_is),
    cmocka_unit_test(volatile_keys_are_left_out_at_any_depth),
    cmocka_unit_test(text_counts_only_without_structure),
    cmocka_unit_test(lines_of_volatile_keys_are_left_out_of_texts),
    cmocka_unit_test(order_of_the_script_is_kept_in_the_body),
    cmocka_unit_test(digest_depends_on_the_key_and_on_the_kind),
    cmocka_unit_test(services_become_json),
    cmocka_unit_test(json_is_made_fit_for_jsonb),
    cmocka_unit_test(hostile_text_is_stored_escaped),
    cmocka_unit_test(digests_are_read_as_they_are_written),
    cmocka_unit_test(large_output_is_cut_but_compared_whole),
};
TEST_MAIN(tests)
