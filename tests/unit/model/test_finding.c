/* The words of findings and their JSON lines. */
#include "engine/model/finding.h"
#include "tests/support/main.h"

#include <string.h>

static void every_word_is_read_back_as_its_value(void **state)
{
    (void)state;
    for (int i = HOST_UNKNOWN; i <= HOST_DOWN; i++)
        assert_int_equal(host_state_from(host_state_name((enum host_state)i)), i);
    for (int i = PORT_UNKNOWN; i <= PORT_CLOSED_FILTERED; i++)
        assert_int_equal(port_state_from(port_state_name((enum port_state)i)), i);
    for (int i = REASON_UNKNOWN; i < REASON_MAX; i++)
        assert_int_equal(reason_from(reason_name((enum reason)i)), i);
    for (int i = SCRIPT_PRE; i <= SCRIPT_POST; i++)
        assert_int_equal(script_phase_from(script_phase_name((enum script_phase)i)), i);
    for (int i = SCRIPT_OK; i <= SCRIPT_SKIPPED; i++)
        assert_int_equal(script_outcome_from(script_outcome_name((enum script_outcome)i)), i);
    assert_int_equal(protocol_from("udp"), PROTOCOL_UDP);
}

static void an_unknown_word_gives_the_unknown_value(void **state)
{
    (void)state;
    assert_int_equal(port_state_from("ajar"), PORT_UNKNOWN);
    assert_int_equal(reason_from(NULL), REASON_UNKNOWN);
    assert_int_equal(protocol_from("dccp"), 0);
}

static const struct {
    const char *name, *in;
    size_t len;
    const char *want;
} strings[] = {
    {"plain", "abc", 3, "\"abc\""},
    {"quote and backslash", "a\"b\\", 4, "\"a\\\"b\\\\\""},
    {"controls", "\n\r\t\x01\x1f", 5, "\"\\n\\r\\t\\u0001\\u001f\""},
    {"UTF-8 stays", "\xc3\xa4\xe2\x82\xac", 5, "\"\xc3\xa4\xe2\x82\xac\""},
    {"a byte that is no UTF-8", "a\xff z", 4, "\"a\\\\xFF z\""},
    {"a cut sequence", "\xe2\x82", 2, "\"\\\\xE2\\\\x82\""},
    {"an overlong sequence", "\xc0\xaf", 2, "\"\\\\xC0\\\\xAF\""},
    {"NUL", "a\0b", 3, "\"a\\\\x00b\""},
    {"empty", "", 0, "\"\""},
};

static void any_bytes_become_a_json_string(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct buf out = {0};

        json_string(&out, strings[i].in, strings[i].len);
        assert_string_equal(out.data, strings[i].want);
        buf_done(&out);
    }
}

static void a_host_is_one_line_as_the_contract_says(void **state)
{
    struct host_finding h = {
        .state = HOST_UP,
        .reason = REASON_ARP_RESPONSE,
        .has_mac = true,
        .mac = {{2, 0, 0, 0, 0, 10}},
        .hostname = "a.example",
        .target = "b.example",
        .rtt = 412,
        .time = 1767225600000000,
    };
    struct buf out = {0};

    (void)state;
    addr_parse("10.99.0.10", &h.address);
    host_finding_json(&out, &h);
    assert_string_equal(
        out.data,
        "{\"record\":\"host\",\"address\":\"10.99.0.10\",\"state\":\"up\",\"reason\":\"arp-"
        "response\","
        "\"mac\":\"02:00:00:00:00:0a\",\"vendor\":null,\"hostnames\":[\"b.example\",\"a.example\"],"
        "\"rtt_us\":412,\"time\":\"2026-01-01T00:00:00.000Z\"}");
    buf_done(&out);
}

static void a_port_is_one_line_as_the_contract_says(void **state)
{
    struct port_finding p = {
        .protocol = PROTOCOL_TCP,
        .port = 22,
        .state = PORT_OPEN,
        .reason = REASON_SYN_ACK,
        .ttl = 64,
        .service = {.name = "ssh",
                    .cpe = {"cpe:/a:x", "cpe:/o:y"},
                    .confidence = 10,
                    .method = SERVICE_PROBED},
    };
    struct buf out = {0};

    (void)state;
    addr_parse("fe80::1", &p.address);
    port_finding_json(&out, &p);
    assert_string_equal(
        out.data,
        "{\"record\":\"port\",\"address\":\"fe80::1\",\"protocol\":\"tcp\",\"port\":22,"
        "\"state\":\"open\",\"reason\":\"syn-ack\",\"ttl\":64,\"service\":{\"name\":\"ssh\","
        "\"product\":null,\"version\":null,\"extra\":null,\"hostname\":null,\"os\":null,"
        "\"device\":null,\"cpe\":[\"cpe:/a:x\",\"cpe:/o:y\"],\"tunnel\":null,"
        "\"method\":\"probed\",\"confidence\":10}}");
    buf_done(&out);
}

static void a_script_result_carries_its_data_as_it_is(void **state)
{
    struct script_result r = {
        .phase = SCRIPT_PORT,
        .protocol = PROTOCOL_TCP,
        .port = 80,
        .script = "http-title",
        .outcome = SCRIPT_OK,
        .output = "Hi\n",
        .output_len = 3,
        .data = "{\"title\":\"Hi\"}",
        .elapsed = 12345,
    };
    struct buf out = {0};

    (void)state;
    addr_parse("10.99.0.10", &r.address);
    script_result_json(&out, &r);
    assert_string_equal(
        out.data, "{\"record\":\"script\",\"phase\":\"port\",\"address\":\"10.99.0.10\","
                  "\"protocol\":\"tcp\",\"port\":80,\"script\":\"http-title\",\"outcome\":\"ok\","
                  "\"output\":\"Hi\\n\",\"data\":{\"title\":\"Hi\"},\"elapsed_ms\":12}");
    buf_done(&out);
}

static void a_script_without_host_has_nulls_and_a_reason_when_skipped(void **state)
{
    struct script_result r = {
        .phase = SCRIPT_PRE, .script = "x", .outcome = SCRIPT_SKIPPED, .reason = "category dos"};
    struct buf out = {0};

    (void)state;
    script_result_json(&out, &r);
    assert_string_equal(
        out.data,
        "{\"record\":\"script\",\"phase\":\"pre\",\"address\":null,\"protocol\":null,"
        "\"port\":null,\"script\":\"x\",\"outcome\":\"skipped\",\"reason\":\"category dos\","
        "\"output\":null,\"data\":null,\"elapsed_ms\":0}");
    buf_done(&out);
}

static void coverage_is_one_line_as_the_contract_says(void **state)
{
    struct coverage c = {
        .scope = "10.99.0.0/24",
        .method = "syn",
        .ports = "1-1024",
        .probes = 261120,
        .retransmissions = 812,
        .loss = 0.003,
        .rate_pps = 41000,
        .complete = true,
    };
    struct buf out = {0};

    (void)state;
    coverage_json(&out, &c);
    assert_string_equal(
        out.data, "{\"record\":\"coverage\",\"scope\":\"10.99.0.0/24\",\"method\":\"syn\","
                  "\"ports\":\"1-1024\",\"probes\":261120,\"retransmissions\":812,\"loss\":0.003,"
                  "\"rate_pps\":41000,\"complete\":true}");
    buf_done(&out);
}

static const struct CMUnitTest finding[] = {
    cmocka_unit_test(every_word_is_read_back_as_its_value),
    cmocka_unit_test(an_unknown_word_gives_the_unknown_value),
    cmocka_unit_test(any_bytes_become_a_json_string),
    cmocka_unit_test(a_host_is_one_line_as_the_contract_says),
    cmocka_unit_test(a_port_is_one_line_as_the_contract_says),
    cmocka_unit_test(a_script_result_carries_its_data_as_it_is),
    cmocka_unit_test(a_script_without_host_has_nulls_and_a_reason_when_skipped),
    cmocka_unit_test(coverage_is_one_line_as_the_contract_says),
};

TEST_MAIN(finding)
