/* Where webhooks may lead. */
#include "service/alert/reach.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *address, *local, *public; /* why not; NULL: fine */
} cases[] = {
    {"93.184.216.34", NULL, NULL},
    {"2606:4700::1111", NULL, NULL},
    {"10.1.2.3", NULL, "private"},
    {"172.31.255.255", NULL, "private"},
    {"172.32.0.0", NULL, NULL},
    {"192.168.1.10", NULL, "private"},
    {"100.64.0.1", NULL, "carrier-grade NAT"},
    {"192.0.0.1", NULL, "protocol assignments"},
    {"fd00::1", NULL, "private"},
    {"127.0.0.1", "loopback", "loopback"},
    {"127.255.0.1", "loopback", "loopback"},
    {"0.0.0.0", "unspecified", "unspecified"},
    {"169.254.169.254", "link-local", "link-local"},
    {"224.0.0.1", "multicast", "multicast"},
    {"255.255.255.255", "reserved", "reserved"},
    {"198.19.0.1", "benchmark", "benchmark"},
    {"203.0.113.1", "documentation", "documentation"},
    {"::", "loopback", "loopback"},
    {"::1", "loopback", "loopback"},
    {"fe80::1", "link-local", "link-local"},
    {"fe80::1%lo", "link-local", "link-local"},
    {"ff02::1", "multicast", "multicast"},
    {"2001:db8::1", "documentation", "documentation"},
    {"::ffff:127.0.0.1", "loopback", "loopback"},
    {"::ffff:10.0.0.1", NULL, "private"},
    {"::127.0.0.1", "loopback", "loopback"},
    {"64:ff9b::7f00:1", "loopback", "loopback"},
    {"64:ff9b::a9fe:a9fe", "link-local", "link-local"},
    {"2002:7f00:1::", "loopback", "loopback"},
    {"2002:0a00:1::", NULL, "private"},
    {"2001:0:4136:e378:8000:63bf:80ff:fffe", "loopback", "loopback"},
};

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void addresses_are_judged_in_their_plain_form(void **state)
{
    struct reach local = {.policy = ALERT_REACH_LOCAL}, public = {.policy = ALERT_REACH_PUBLIC};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr a;

        assert_int_equal(addr_parse(cases[i].address, &a), 0);
        if (!same(reach_refusal(&local, &a), cases[i].local) ||
            !same(reach_refusal(&public, &a), cases[i].public))
            fail_msg("%s: %s, %s", cases[i].address, reach_refusal(&local, &a),
                     reach_refusal(&public, &a));
    }
}

static void an_allowed_address_is_allowed_in_every_spelling_and_no_other(void **state)
{
    struct reach r = {.policy = ALERT_REACH_PUBLIC};
    struct addr a, b;

    (void)state;
    assert_int_equal(addr_parse("127.0.0.1", &a), 0);
    assert_int_equal(addr_set_add(&r.allow, &a, &a), 0);
    assert_null(reach_refusal(&r, &a));
    assert_int_equal(addr_parse("::ffff:127.0.0.1", &b), 0);
    assert_null(reach_refusal(&r, &b));
    assert_int_equal(addr_parse("127.0.0.2", &b), 0);
    assert_string_equal(reach_refusal(&r, &b), "loopback");
    addr_set_done(&r.allow);
}

static const struct {
    const char *url;
    bool plain;
    const char *host; /* NULL: refused */
    uint16_t port;
    bool literal;
} urls[] = {
    {"https://hooks.example.net/x?y=1", false, "hooks.example.net", 443, false},
    {"https://hooks.example.net:8443/", false, "hooks.example.net", 8443, false},
    {"http://192.168.1.4:8080/a", true, "192.168.1.4", 8080, true},
    {"https://[2001:db8::1]/a", false, "2001:db8::1", 443, true},
    {"http://2130706433/", true, "127.0.0.1", 80, true},
    {"http://0177.0.0.1/", true, "127.0.0.1", 80, true},
    {"http://hooks.example.net/", false, NULL, 0, false},
    {"ftp://hooks.example.net/", true, NULL, 0, false},
    {"file:///etc/passwd", true, NULL, 0, false},
    {"https://user:hunter2@hooks.example.net/", false, NULL, 0, false},
    {"https://user@hooks.example.net/", false, NULL, 0, false},
    {"https://hooks.example.net:22/", false, NULL, 0, false},
    {"https://hooks.example.net:25/", false, NULL, 0, false},
    {"https://b\xc3\xbc"
     "cher.example/",
     false, NULL, 0, false},
    {"hooks.example.net", false, NULL, 0, false},
    {"https://", false, NULL, 0, false},
    {"", false, NULL, 0, false},
    {"https://hooks.example.net:99999/", false, NULL, 0, false},
};

static void urls_are_taken_apart_or_refused_without_being_shown(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        CLEANUP(reach_url_done) struct reach_url u = {0};
        struct err e = {0};
        int r = reach_url_parse(&u, urls[i].url, urls[i].plain, &e);

        if (r != (urls[i].host ? 0 : -EINVAL))
            fail_msg("%s: %d %s", urls[i].url, r, e.text);
        if (r < 0) {
            assert_true(strncmp(e.text, "url: ", 5) == 0);
            assert_null(strstr(e.text, "hunter2"));
            continue;
        }
        assert_string_equal(u.host, urls[i].host);
        assert_int_equal(u.port, urls[i].port);
        assert_int_equal(u.literal, urls[i].literal);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(addresses_are_judged_in_their_plain_form),
    cmocka_unit_test(an_allowed_address_is_allowed_in_every_spelling_and_no_other),
    cmocka_unit_test(urls_are_taken_apart_or_refused_without_being_shown),
};

TEST_MAIN(tests)
