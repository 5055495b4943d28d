/* Signatures: the vectors of Standard Webhooks and ours. */
#include "service/alert/sign.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

#define BODY                                                                                       \
    "{\"type\":\"port.opened\",\"timestamp\":\"2026-11-22T17:00:00.000000Z\",\"data\":{\"host\":"  \
    "\"192.0.2.17\","                                                                              \
    "\"proto\":\"tcp\",\"port\":8443}}"
#define NEW_KEY "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define OLD_KEY "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
#define NEW_SIG "v1,Y45PYxnd0E5uv3xMIj5FB89W7ngspStU5YoqT0ZbTuU="
#define OLD_SIG "v1,HUCXR2sdW7VZH8B6rg19b/cQDPWjj2c50Q2DfU4b/a4="

static const struct {
    const char *name, *secret, *id;
    uint64_t timestamp;
    const char *body, *want;
} vectors[] = {
    {"Standard Webhooks' own vector", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
     "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
    {"one key", NEW_KEY, "evt_01JD9Z6T8W5Q4X3V2R1P0N9M8K", 1795366800, BODY, NEW_SIG},
    {"two keys while rotating", NEW_KEY " " OLD_KEY "\n", "evt_01JD9Z6T8W5Q4X3V2R1P0N9M8K",
     1795366800, BODY, NEW_SIG " " OLD_SIG},
};

static void known_messages_have_their_known_signatures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        CLEANUP(buf_done) struct buf out = {0};
        struct sign_keys keys;
        struct sign_message m = {vectors[i].id, vectors[i].timestamp, vectors[i].body,
                                 strlen(vectors[i].body)};

        assert_int_equal(sign_keys_parse(&keys, vectors[i].secret, NULL), 0);
        sign_header(&out, &keys, &m);
        assert_string_equal(out.data, vectors[i].want);
        sign_keys_wipe(&keys);
    }
}

static void bad_secrets_are_refused_without_being_shown(void **state)
{
    static const char *const bad[] = {
        "",
        "   ",
        "hunter2hunter2hunter2hunter2",
        "whsec_",
        "whsec_AAECAwQ=",
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", /* padding is missing */
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX!BkaGxwdHh8=",
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= secret",
        NEW_KEY " " NEW_KEY " " NEW_KEY " " NEW_KEY " " NEW_KEY,
        "whsec_"
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AA",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct sign_keys keys = {.n = 77};
        struct err e = {0};

        assert_int_equal(sign_keys_parse(&keys, bad[i], &e), -EINVAL);
        assert_int_equal(keys.n, 77);
        assert_null(strstr(e.text, "AAEC"));
        assert_null(strstr(e.text, "hunter2"));
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(known_messages_have_their_known_signatures),
    cmocka_unit_test(bad_secrets_are_refused_without_being_shown),
};

TEST_MAIN(tests)
