/* Backoff, Retry-After, and what answers mean. */
#include "service/alert/retry.h"

#include "engine/base/random.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

#define NOW (1795366800ULL * USEC_PER_SEC) /* Sun, 22 Nov 2026 17:00:00 GMT */
#define S   USEC_PER_SEC

static const struct {
    const char *value, *date;
    int want;
    usec_t usec;
} headers[] = {
    {"120", NULL, 0, 120 * S},
    {" 120", NULL, 0, 120 * S},
    {"64.57", NULL, 0, 64570000},
    {"0", NULL, 0, RETRY_AFTER_MIN},
    {"0.2", NULL, 0, RETRY_AFTER_MIN},
    {"1000000000", NULL, 0, RETRY_AFTER_MAX},
    {"99999999999999999999999999999999", NULL, 0, RETRY_AFTER_MAX},
    {"Sun, 22 Nov 2026 17:02:00 GMT", NULL, 0, 120 * S},
    {"Sun, 22 Nov 2026 17:02:00 GMT", "Sun, 22 Nov 2026 17:01:00 GMT", 0, 60 * S},
    {"Sun, 22 Nov 2026 17:02:00 GMT", "nonsense", 0, 120 * S},
    {"Sunday, 22-Nov-26 17:02:00 GMT", NULL, 0, 120 * S},
    {"Sun Nov 22 17:02:00 2026", NULL, 0, 120 * S},
    {"Wed, 21 Oct 2015 07:28:00 GMT", NULL, 0, RETRY_AFTER_MIN},
    {"Fri, 01 Jan 2100 00:00:00 GMT", NULL, 0, RETRY_AFTER_MAX},
    {"", NULL, -EINVAL, 0},
    {"-5", NULL, -EINVAL, 0},
    {"+5", NULL, -EINVAL, 0},
    {"inf", NULL, -EINVAL, 0},
    {"nan", NULL, -EINVAL, 0},
    {"0x10", NULL, -EINVAL, 0},
    {"1e9", NULL, -EINVAL, 0},
    {"5 minutes", NULL, -EINVAL, 0},
    {"tomorrow", NULL, -EINVAL, 0},
};

static void retry_after_comes_in_two_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        usec_t got = 0;
        int r = retry_after_parse(headers[i].value, headers[i].date, NOW, &got);

        if (r != headers[i].want || got != headers[i].usec)
            fail_msg("'%s': %d %llu", headers[i].value, r, (unsigned long long)got);
    }
}

static void the_backoff_doubles_up_to_its_cap_with_full_jitter(void **state)
{
    static const struct backoff b = {5 * S, 3600 * S};

    (void)state;
    for (unsigned n = 0; n < 70; n++) {
        usec_t span = n < 10 ? (5 * S) << n : 3600 * S;
        usec_t least = USEC_INFINITY, most = 0;

        if (span > 3600 * S)
            span = 3600 * S;
        for (int i = 0; i < 1000; i++) {
            usec_t d = backoff_delay(&b, n, random_u64());

            least = d < least ? d : least;
            most = d > most ? d : most;
        }
        assert_true(least >= S && most <= S + span);
        assert_true(least < S + span / 20 && most > S + span - span / 20);
    }
}

static const struct {
    const char *name;
    struct answer a;
    enum outcome want;
} answers[] = {
    {"200", {.code = 200, .headers_done = true}, OUTCOME_OK},
    {"202", {.code = 202, .headers_done = true}, OUTCOME_OK},
    {"204", {.code = 204, .headers_done = true}, OUTCOME_OK},
    {"200, then the body is cut", {.code = 200, .headers_done = true, .curl = 23}, OUTCOME_OK},
    {"200, then the body dribbles", {.code = 200, .headers_done = true, .curl = 28}, OUTCOME_OK},
    {"200, but the head never ends", {.code = 200, .curl = 28}, OUTCOME_TRANSIENT},
    {"100 alone", {.code = 100, .headers_done = true, .curl = 52}, OUTCOME_TRANSIENT},
    {"301", {.code = 301, .headers_done = true}, OUTCOME_ENDPOINT},
    {"308", {.code = 308, .headers_done = true}, OUTCOME_ENDPOINT},
    {"400", {.code = 400, .headers_done = true}, OUTCOME_MESSAGE},
    {"401", {.code = 401, .headers_done = true}, OUTCOME_ENDPOINT},
    {"403", {.code = 403, .headers_done = true}, OUTCOME_ENDPOINT},
    {"404", {.code = 404, .headers_done = true}, OUTCOME_ENDPOINT},
    {"405", {.code = 405, .headers_done = true}, OUTCOME_ENDPOINT},
    {"407", {.code = 407, .headers_done = true}, OUTCOME_ENDPOINT},
    {"408", {.code = 408, .headers_done = true}, OUTCOME_TRANSIENT},
    {"410", {.code = 410, .headers_done = true}, OUTCOME_ENDPOINT},
    {"411", {.code = 411, .headers_done = true}, OUTCOME_MESSAGE},
    {"413", {.code = 413, .headers_done = true, .curl = 55}, OUTCOME_MESSAGE},
    {"414", {.code = 414, .headers_done = true}, OUTCOME_MESSAGE},
    {"415", {.code = 415, .headers_done = true}, OUTCOME_MESSAGE},
    {"418", {.code = 418, .headers_done = true}, OUTCOME_ENDPOINT},
    {"421", {.code = 421, .headers_done = true}, OUTCOME_TRANSIENT},
    {"422", {.code = 422, .headers_done = true}, OUTCOME_MESSAGE},
    {"425", {.code = 425, .headers_done = true}, OUTCOME_TRANSIENT},
    {"429", {.code = 429, .headers_done = true}, OUTCOME_THROTTLED},
    {"429 with Retry-After",
     {.code = 429, .headers_done = true, .has_retry_after = true},
     OUTCOME_THROTTLED},
    {"431", {.code = 431, .headers_done = true}, OUTCOME_MESSAGE},
    {"451", {.code = 451, .headers_done = true}, OUTCOME_ENDPOINT},
    {"500", {.code = 500, .headers_done = true}, OUTCOME_TRANSIENT},
    {"501", {.code = 501, .headers_done = true}, OUTCOME_ENDPOINT},
    {"502", {.code = 502, .headers_done = true}, OUTCOME_TRANSIENT},
    {"503", {.code = 503, .headers_done = true}, OUTCOME_TRANSIENT},
    {"503 with Retry-After",
     {.code = 503, .headers_done = true, .has_retry_after = true},
     OUTCOME_THROTTLED},
    {"504", {.code = 504, .headers_done = true}, OUTCOME_TRANSIENT},
    {"505", {.code = 505, .headers_done = true}, OUTCOME_ENDPOINT},
    {"599", {.code = 599, .headers_done = true}, OUTCOME_TRANSIENT},
    {"no such host", {.curl = 6}, OUTCOME_TRANSIENT},
    {"refused", {.curl = 7}, OUTCOME_TRANSIENT},
    {"timed out", {.curl = 28}, OUTCOME_TRANSIENT},
    {"empty answer", {.curl = 52}, OUTCOME_TRANSIENT},
    {"reset", {.curl = 56}, OUTCOME_TRANSIENT},
    {"TLS handshake", {.curl = 35}, OUTCOME_TRANSIENT},
    {"certificate", {.curl = 60}, OUTCOME_ENDPOINT},
    {"pin", {.curl = 90}, OUTCOME_ENDPOINT},
    {"CA file", {.curl = 77}, OUTCOME_ENDPOINT},
    {"address policy", {.curl = 7, .denied = true}, OUTCOME_ENDPOINT},
};

static void answers_have_their_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        if (outcome_of(&answers[i].a) != answers[i].want)
            fail_msg("%s: %s", answers[i].name, outcome_name(outcome_of(&answers[i].a)));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(retry_after_comes_in_two_forms),
    cmocka_unit_test(the_backoff_doubles_up_to_its_cap_with_full_jitter),
    cmocka_unit_test(answers_have_their_class),
};

TEST_MAIN(tests)
