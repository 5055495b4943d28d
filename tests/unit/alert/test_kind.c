/* Kinds: what their answers mean, which URLs are theirs, how texts are cut. */
#include "service/alert/kind_priv.h"
#include "tests/support/main.h"

#include <string.h>

static const struct {
    const char *name;
    enum config_kind kind;
    long code;
    const char *body;
    enum outcome want;
    usec_t pause;
} answers[] = {
    {"Slack takes", KIND_SLACK, 200, "ok", OUTCOME_OK, 0},
    {"Mattermost takes, with a newline", KIND_MATTERMOST, 200, "ok\r\n", OUTCOME_OK, 0},
    {"a login page is not Slack", KIND_SLACK, 200, "<html>", OUTCOME_ENDPOINT, 0},
    {"nothing is not Slack", KIND_SLACK, 200, "", OUTCOME_ENDPOINT, 0},
    {"okay is not ok", KIND_SLACK, 200, "okay", OUTCOME_ENDPOINT, 0},
    {"Slack refuses blocks", KIND_SLACK, 400, "invalid_blocks", OUTCOME_MESSAGE, 0},
    {"a channel of Slack is archived", KIND_SLACK, 410, "channel_is_archived", OUTCOME_ENDPOINT, 0},
    {"Teams takes", KIND_TEAMS, 202, "", OUTCOME_OK, 0},
    {"Teams is throttled behind a success", KIND_TEAMS, 200,
     "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429",
     OUTCOME_THROTTLED, 0},
    {"Teams fails behind a success", KIND_TEAMS, 200, "Webhook message delivery failed",
     OUTCOME_TRANSIENT, 0},
    {"Discord takes", KIND_DISCORD, 204, "", OUTCOME_OK, 0},
    {"Discord says how long", KIND_DISCORD, 429, "{\"retry_after\": 1.5, \"global\": true}",
     OUTCOME_THROTTLED, 1500000},
    {"Discord says too long", KIND_DISCORD, 429, "{\"retry_after\": 1e300}", OUTCOME_THROTTLED,
     86400 * USEC_PER_SEC},
    {"Discord says nonsense", KIND_DISCORD, 429, "{\"retry_after\": -1}", OUTCOME_THROTTLED, 0},
    {"Splunk takes", KIND_SPLUNK, 200, "{\"text\":\"Success\",\"code\":0}", OUTCOME_OK, 0},
    {"another takes Splunk's place", KIND_SPLUNK, 200, "fine", OUTCOME_ENDPOINT, 0},
    {"Splunk is busy", KIND_SPLUNK, 503, "{\"text\":\"Server is busy\",\"code\":9}",
     OUTCOME_THROTTLED, 0},
    {"Splunk knows no such index", KIND_SPLUNK, 400,
     "{\"text\":\"Incorrect index\",\"code\":7,\"invalid-event-number\":1}", OUTCOME_ENDPOINT, 0},
    {"Splunk refuses the event", KIND_SPLUNK, 400, "{\"text\":\"Invalid data format\",\"code\":6}",
     OUTCOME_MESSAGE, 0},
    {"Splunk knows no such token", KIND_SPLUNK, 403, "{\"text\":\"Invalid token\",\"code\":4}",
     OUTCOME_ENDPOINT, 0},
};

static void answers_mean_what_the_receiver_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct answer status = {.code = answers[i].code, .headers_done = true};
        struct kind_answer a = {answers[i].code, answers[i].body, 0};
        enum outcome got = kinds[answers[i].kind].judge(outcome_of(&status), &a);

        if (got != answers[i].want || a.pause != answers[i].pause)
            fail_msg("%s: %s, pause %llu", answers[i].name, outcome_name(got),
                     (unsigned long long)a.pause);
    }
}

static const struct {
    const char *name;
    enum config_kind kind;
    const char *url;
    bool fine;
} urls[] = {
    {"any host takes a webhook", KIND_WEBHOOK, "https://hooks.example.net/x", true},
    {"Slack's is Slack's", KIND_WEBHOOK, "https://hooks.slack.com/services/x", false},
    {"Slack", KIND_SLACK, "https://hooks.slack.com/services/x", true},
    {"a retired connector", KIND_TEAMS, "https://x.webhook.office.com/webhookb2/x", false},
    {"a workflow", KIND_TEAMS, "https://prod-1.logic.azure.com:443/workflows/x?sig=y", true},
    {"a host whose name only ends alike", KIND_WEBHOOK, "https://notify.example.net/", true},
    {"ntfy with a topic in the path", KIND_NTFY, "https://ntfy.sh/topic", false},
    {"ntfy alone", KIND_NTFY, "https://ntfy.sh", true},
    {"Gotify with a query", KIND_GOTIFY, "https://g.example.net/sub/message?x=1", true},
    {"Gotify without its path", KIND_GOTIFY, "https://g.example.net/", false},
    {"a secret is not looked into", KIND_SLACK, "cred:url", true},
};

static void urls_give_wrong_kinds_away(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        if (!config_kind_url_fault(urls[i].kind, urls[i].url) != urls[i].fine)
            fail_msg("%s", urls[i].name);
}

static void texts_are_cut_by_characters_of_utf16(void **state)
{
    CLEANUP(buf_done) struct buf text = {0};

    (void)state;
    buf_str(&text, "\xc3\xa4\xf0\x9f\x98\x80\xc3\xa4xyz"); /* 1 + 2 + 1 + 3 units */
    text_cut(&text, 7);
    assert_int_equal(text.len, 11);
    text_cut(&text, 6);
    assert_string_equal(text.data, "\xc3\xa4\xf0\x9f\x98\x80...");
    text_cut(&text, 3);
    assert_string_equal(text.data, "...");
}

static const char template_text[] = "{{title}}|{{#events}}[{{ summary }}]{{/events}}";

static void templates_are_read_once_and_their_faults_named(void **state)
{
    static const struct {
        const char *text, *want;
    } bad[] = {
        {"a\n{{sumary}}",
         "line 2 of the template: unknown field 'sumary'; did you mean 'summary'?"},
        {"{{title", "line 1 of the template: '{{' without '}}'"},
        {"{{/events}}", "line 1 of the template: {{/events}} without {{#events}}"},
        {"{{#events}}\n", "line 2 of the template: {{#events}} without {{/events}}"},
        {"{{#events}}{{#events}}", "line 1 of the template: {{#events}} inside {{#events}}"},
    };
    CLEANUP(template_freep) struct template *t = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(template_parse(&t, template_text, &e), 0);
    assert_int_equal(t->n, 7);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct template *none = NULL;

        e = (struct err){0};
        assert_true(template_parse(&none, bad[i].text, &e) < 0);
        assert_string_equal(e.text, bad[i].want);
    }
}

/* How the message is put, at each of those that wake somebody up: PagerDuty's event_action, the
 * word that only the URL has with which Opsgenie closes, and the time at which Alertmanager does.
 */
static const struct {
    const char *name, *data;
    bool closes;
    bool closes_condition; /* at Alertmanager, which has alerts of single conditions */
} edges[] = {
    {"a condition", "{\"state\":\"firing\",\"incident\":{\"id\":\"i\",\"state\":\"open\"}}", false,
     false},
    {"its end",
     "{\"state\":\"resolved\",\"kind\":\"resolve\",\"incident\":{\"state\":\"resolved\"}}", true,
     true},
    {"the end of one of several",
     "{\"state\":\"resolved\",\"incident\":{\"id\":\"i\",\"state\":\"updated\"}}", false, true},
    {"an end that is news, its beginning was never told",
     "{\"state\":\"resolved\",\"incident\":{\"id\":\"i\",\"state\":\"resolved\"}}", false, false},
    {"an end without rules", "{\"state\":\"resolved\",\"dedup_key\":\"d\"}", true, true},
};

static bool says_at(enum config_kind kind, const char *data, const char *words, usec_t now)
{
    struct render_event raw = {"port.closed", "2026-11-22T17:00:00Z", data, strlen(data)};
    struct kind_config config = {kind, .url = "https://a.example.net/v2/alerts", .token = "t"};
    CLEANUP(request_done) struct request r = {0};
    struct message m;
    bool found;

    assert_int_equal(message_open(&m, "evt_1", &raw), 0);
    m.now = now;
    assert_int_equal(kind_render(&r, &config, &m, 0), 0);
    found = strstr(r.body.data, words) || (r.url.len && strstr(r.url.data, words));
    message_done(&m);
    return found;
}

static bool says(enum config_kind kind, const char *data, const char *words)
{
    return says_at(kind, data, words, 0);
}

static void an_end_closes_what_was_told_before(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
        const char *data = edges[i].data;

        if (says(KIND_PAGERDUTY, data, "\"event_action\":\"resolve\"") != edges[i].closes ||
            says(KIND_PAGERDUTY, data, "\"event_action\":\"trigger\"") == edges[i].closes)
            fail_msg("PagerDuty: %s", edges[i].name);
        if (says(KIND_OPSGENIE, data, "/close?") != edges[i].closes)
            fail_msg("Opsgenie: %s", edges[i].name);
        if (says(KIND_ALERTMANAGER, data, "\"endsAt\":\"2026-11-22T17:00:00") !=
            edges[i].closes_condition)
            fail_msg("Alertmanager: %s", edges[i].name);
    }
}

/* An endpoint that was down for days is told of what is open, not of what ended long ago. */
static void alertmanager_keeps_what_comes_late_open_for_a_day(void **state)
{
    static const struct {
        const char *now, *want;
    } cases[] = {
        {"2026-11-22T17:00:02Z", "\"endsAt\":\"2026-11-23T17:00:02"},
        {"2026-11-26T09:00:00Z", "\"endsAt\":\"2026-11-27T09:00:00"},
        {"2026-11-20T09:00:00Z", "\"endsAt\":\"2026-11-23T17:00:00"}, /* a clock that went back */
        {NULL, "\"endsAt\":\"2026-11-23T17:00:00"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        usec_t now = 0;

        if (cases[i].now)
            assert_int_equal(time_parse(cases[i].now, &now), 0);
        if (!says_at(KIND_ALERTMANAGER, "{\"state\":\"firing\"}", cases[i].want, now))
            fail_msg("%s", cases[i].want);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(answers_mean_what_the_receiver_says),
    cmocka_unit_test(urls_give_wrong_kinds_away),
    cmocka_unit_test(texts_are_cut_by_characters_of_utf16),
    cmocka_unit_test(templates_are_read_once_and_their_faults_named),
    cmocka_unit_test(an_end_closes_what_was_told_before),
    cmocka_unit_test(alertmanager_keeps_what_comes_late_open_for_a_day),
};

TEST_MAIN(tests)
