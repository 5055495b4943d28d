/* Buffers, wire cursors, times, escaping, errors and the keyed hash. */
#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "engine/base/text.h"
#include "engine/base/time.h"
#include "engine/base/wire.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static void buffer_fails_once_and_stays_failed(void **state)
{
    CLEANUP(buf_done) struct buf b = {.limit = 5};

    (void)state;
    buf_str(&b, "abc");
    buf_str(&b, "def");
    assert_true(b.failed);
    buf_char(&b, 'x');
    assert_string_equal(b.data, "abc");
    assert_null(buf_take(&b));
    buf_printf(&b, "%d", 42);
    buf_consume(&b, 1);
    assert_string_equal(b.data, "2");
}

/* Texts that just fit, do not, and make the buffer grow. */
static void formatted_text_of_any_length_is_whole(void **state)
{
    (void)state;
    for (int n = 0; n < 300; n++) {
        CLEANUP(buf_done) struct buf b = {0};
        CLEANUP(buf_done) struct buf little = {.limit = 100};

        buf_printf(&b, "%*d", n + 1, 7);
        buf_char(&b, '|');
        buf_printf(&b, "%s", "end");
        assert_int_equal(b.len, n + 5);
        assert_string_equal(b.data + n, "7|end");
        buf_str(&little, "before");
        buf_printf(&little, "%*d", n, 7);
        assert_int_equal(little.failed, n > 94);
        if (little.failed)
            assert_string_equal(little.data, "before");
    }
}

static void empty_buffer_gives_an_empty_string(void **state)
{
    struct buf b = {0};
    CLEANUP(freep) char *text = buf_take(&b);

    (void)state;
    assert_string_equal(text, "");
}

static void reading_past_the_end_gives_zeros(void **state)
{
    struct rbuf r = rbuf_of("\x01\x02\x03", 3);

    (void)state;
    assert_int_equal(rbuf_u16(&r), 0x0102);
    assert_int_equal(rbuf_u32(&r), 0);
    assert_true(r.bad);
    assert_int_equal(rbuf_u8(&r), 0);
    assert_null(rbuf_bytes(&r, 0));
    assert_int_equal(rbuf_left(&r), 0);
}

static void what_does_not_fit_is_not_written(void **state)
{
    uint8_t frame[5];
    struct wbuf w = wbuf_of(frame, sizeof frame);

    (void)state;
    wbuf_u32(&w, 0xdeadbeef);
    wbuf_put_u16(&w, 1, 0x1234);
    wbuf_u16(&w, 7);
    assert_true(w.bad);
    assert_int_equal(w.len, 4);
    assert_memory_equal(frame, "\xde\x12\x34\xef", 4);
}

static void spans_are_read_with_units(void **state)
{
    static const struct {
        const char *text;
        int want;
        usec_t span;
        const char *said;
    } cases[] = {
        {"5", 0, 5 * USEC_PER_SEC, "5s"},
        {"1h30m", 0, 5400 * USEC_PER_SEC, "1h30m"},
        {"250ms", 0, 250 * USEC_PER_MSEC, "250ms"},
        {"1.5s", 0, 1500 * USEC_PER_MSEC, "1s500ms"},
        {"1d 2h", 0, 26 * 3600 * USEC_PER_SEC, "1d2h"},
        {"0", 0, 0, "0s"},
        {"5 minutes", -EINVAL, 0, NULL},
        {"-5s", -EINVAL, 0, NULL},
        {"", -EINVAL, 0, NULL},
        {"99999999999w", -ERANGE, 0, NULL},
    };
    char buf[TIME_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        usec_t span = 0;

        assert_int_equal(span_parse(cases[i].text, &span), cases[i].want);
        assert_int_equal(span, cases[i].span);
        if (cases[i].said)
            assert_string_equal(span_format(span, buf), cases[i].said);
    }
}

static void times_survive_text(void **state)
{
    char buf[TIME_TEXT_MAX];
    usec_t t = 0;

    (void)state;
    assert_int_equal(time_parse("2026-11-22T17:00:00.250Z", &t), 0);
    assert_string_equal(time_format(t, buf), "2026-11-22T17:00:00.250Z");
    assert_int_equal(time_parse("2026-11-22 17:00", &t), -EINVAL);
    assert_int_equal(time_parse("2026-11-22T17:00:00+01:00", &t), -EINVAL);
}

static void hostile_text_is_escaped(void **state)
{
    CLEANUP(buf_done) struct buf b = {0};

    (void)state;
    text_escape_utf8(&b, "caf\xc3\xa9\x1b[2J\xff\n", 10);
    assert_string_equal(b.data, "caf\xc3\xa9\\x1B[2J\\xFF");
    buf_clear(&b);
    text_escape_binary(&b, "bin\0\1\x80\xff<&>", 10);
    assert_string_equal(b.data, "bin\\x00\\x01\\x80\\xFF<&>");
    assert_false(text_is_utf8("\xed\xa0\x80", 3));
    assert_false(text_is_utf8("\xc0\xaf", 2));
    assert_true(text_is_utf8("\xf0\x9f\x90\x99", 4));
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Each byte at each place of the words that are looked at at once, behind a long run and at the
 * end.
 */
static void plain_text_ends_where_it_ends(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++)
        for (size_t at = 0; at < 24; at++) {
            char text[24];

            memset(text, ~at & 1 ? '~' : ' ', sizeof text);
            text[at] = (char)c;
            assert_int_equal(text_plain_len(text, sizeof text),
                             is_plain((unsigned char)c) ? sizeof text : at);
            assert_int_equal(text_plain_len(text, at), at);
        }
}

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(text_distance("netwroks", "networks", 9), 2);
    assert_int_equal(text_distance("", "abc", 9), 3);
    assert_int_equal(text_distance("same", "same", 9), 0);
    assert_int_equal(text_distance("abcdef", "uvwxyz", 3), 3);
}

static void errors_put_places_in_front(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(err_set(&e, -EINVAL, "unknown rule '%s'", "x"), -EINVAL);
    assert_int_equal(err_add(&e, -EINVAL, "%s:%d", "rules.conf", 7), -EINVAL);
    assert_string_equal(err_text(&e), "rules.conf:7: unknown rule 'x'");
    assert_int_equal(err_set(NULL, -EIO, "dropped"), -EIO);
    e = (struct err){.code = -ENOENT};
    assert_string_equal(err_text(&e), strerror(ENOENT));
}

/* Vectors of the SipHash paper's reference implementation: key 00..0f, input 00..0e. */
static void siphash_equals_its_reference(void **state)
{
    struct siphash_key key = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
    uint8_t in[15];

    (void)state;
    for (uint8_t i = 0; i < sizeof in; i++)
        in[i] = i;
    assert_true(siphash(&key, in, sizeof in) == 0xa129ca6149be45e5ULL);
    assert_true(siphash(&key, in, 0) == 0x726fdb47dd0e0e31ULL);
}

static struct {
    int priority;
    char line[128];
} seen;

static void remember(int priority, const char *sentence, const struct log_field *fields, size_t n)
{
    seen.priority = priority;
    snprintf(seen.line, sizeof seen.line, "%s %zu %s", sentence, n, n ? fields[0].value : "-");
}

static void log_filters_by_level_and_drops_null_fields(void **state)
{
    (void)state;
    log_set_sink(remember);
    log_set_level(LOG_WARNING);
    seen.line[0] = 0;
    log_event(LOG_INFO, "not this one");
    assert_string_equal(seen.line, "");
    log_event(LOG_ERR, "this one", "NONE", (const char *)NULL, "IP", "192.0.2.1");
    assert_string_equal(seen.line, "this one 1 192.0.2.1");
    assert_int_equal(seen.priority, LOG_ERR);
    log_set_level(LOG_INFO);
    log_set_sink(NULL);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(buffer_fails_once_and_stays_failed),
    cmocka_unit_test(formatted_text_of_any_length_is_whole),
    cmocka_unit_test(empty_buffer_gives_an_empty_string),
    cmocka_unit_test(reading_past_the_end_gives_zeros),
    cmocka_unit_test(what_does_not_fit_is_not_written),
    cmocka_unit_test(spans_are_read_with_units),
    cmocka_unit_test(times_survive_text),
    cmocka_unit_test(hostile_text_is_escaped),
    cmocka_unit_test(plain_text_ends_where_it_ends),
    cmocka_unit_test(distance_counts_edits),
    cmocka_unit_test(errors_put_places_in_front),
    cmocka_unit_test(siphash_equals_its_reference),
    cmocka_unit_test(log_filters_by_level_and_drops_null_fields),
};

TEST_MAIN(tests)
