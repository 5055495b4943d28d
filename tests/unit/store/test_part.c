/* A part as parameters: which findings become which facts, and which bodies are sent when. */
#include "service/store/decode.h"
#include "service/store/marks.h"
#include "service/store/part.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static struct loop *loop;
static struct buf params[PART_PARAMS];

static int setup(void **state)
{
    (void)state;
    if (loop_new(&loop, NULL) < 0)
        return -1;
    loop_fake_clock(loop, 1767225600ULL * USEC_PER_SEC);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop = loop_free(loop);
    return 0;
}

/* A list of int4 in the binary format as text; its head must say what follows. */
static const char *numbers(enum part_param param)
{
    static char text[256];
    struct rbuf in = rbuf_of(params[param].data, params[param].len);
    uint32_t dims = rbuf_u32(&in), n = 0;
    size_t at = 0;

    assert_int_equal(rbuf_u32(&in), 0);
    assert_int_equal(rbuf_u32(&in), PG_TYPE_INT4);
    if (dims) {
        n = rbuf_u32(&in);
        assert_int_equal(rbuf_u32(&in), 1);
    }
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(rbuf_u32(&in), 4);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%d", i ? "," : "{",
                               (int32_t)rbuf_u32(&in));
    }
    assert_false(in.bad);
    assert_int_equal(rbuf_left(&in), 0);
    snprintf(text + at, sizeof text - at, n ? "}" : "{}");
    return text;
}

static struct store_host up(const char *address)
{
    struct store_host h = {.finding = {.state = HOST_UP, .reason = REASON_ARP_RESPONSE, .ttl = 64}};

    assert_int_equal(addr_parse(address, &h.finding.address), 0);
    return h;
}

static void build(struct part *p, enum store_kind kind, const struct store_host *hosts, size_t n)
{
    static const char *const scripts[] = {"http-title", "banner"};
    struct store s = {.loop = loop};
    struct store_lease l = {.schedule = 7, .fence = 9, .part = 2, .kind = kind};
    struct store_part in = {.method = "arp", .hosts = hosts, .n_hosts = n};

    if (kind == STORE_SCRIPTS) {
        in.scripts = scripts;
        in.n_scripts = 2;
    }
    assert_int_equal(part_build(p, &s, &l, &in), 0);
    assert_int_equal(part_params(p, NULL, params), 0);
}

static void done(struct part *p)
{
    part_params_done(params);
    part_done(p);
}

static void states_of_hosts_are_told(void **state)
{
    struct store_host hosts[] = {up("10.0.0.1"), up("10.0.0.2"), up("10.0.0.3"), up("10.0.0.4")};
    struct part p;

    (void)state;
    hosts[1].finding.state = HOST_DOWN;
    hosts[2].finding.state = HOST_UNKNOWN;
    hosts[3].unsure = true;
    build(&p, STORE_PRESENCE, hosts, 4);
    assert_string_equal(params[PART_SCHEDULE].data, "7");
    assert_string_equal(params[PART_FENCE].data, "9");
    assert_string_equal(params[PART_NUMBER].data, "3");
    assert_string_equal(params[PART_AT].data, "2026-01-01T00:00:00.000000+00");
    assert_string_equal(params[PART_H_ADDR].data, "{10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4}");
    assert_string_equal(params[PART_H_STATE].data, "{u,d,b,n}");
    assert_string_equal(params[PART_H_REASON].data,
                        "{\"arp-response\",\"arp-response\",\"arp-response\",\"arp-response\"}");
    assert_string_equal(params[PART_H_MAC].data, "{NULL,NULL,NULL,NULL}");
    done(&p);
    /* for scripts, being listed is being asked */
    build(&p, STORE_SCRIPTS, hosts, 4);
    assert_string_equal(params[PART_H_STATE].data, "{u,u,u,n}");
    done(&p);
}

static void open_ports_are_facts_of_ports_passes_alone(void **state)
{
    static const struct port_finding ports[] = {
        {.protocol = PROTOCOL_TCP,
         .port = 22,
         .state = PORT_OPEN,
         .service = {.name = "ssh", .method = SERVICE_TABLE}},
        {.protocol = PROTOCOL_TCP, .port = 23, .state = PORT_CLOSED},
        {.protocol = PROTOCOL_UDP, .port = 53, .state = PORT_OPEN_FILTERED},
        {.protocol = PROTOCOL_TCP,
         .port = 22,
         .state = PORT_OPEN,
         .service = {.name = "ssh", .product = "X", .method = SERVICE_PROBED}},
    };
    struct store_host h = up("10.0.0.1");
    struct part p;

    (void)state;
    h.ports = ports;
    h.n_ports = 4;
    build(&p, STORE_PORTS, &h, 1);
    assert_string_equal(numbers(PART_F_SLOT), "{393238,393238}"); /* once each: port, service */
    assert_string_equal(numbers(PART_F_ATTR), "{10,11}");
    assert_string_equal(params[PART_N_NAME].data, "{\"ssh\"}");
    assert_int_equal(p.n_values, 1);
    done(&p);
    build(&p, STORE_SCRIPTS, &h, 1);
    assert_string_equal(numbers(PART_F_ATTR), "{11}");
    done(&p);
}

static void results_are_facts_by_outcome(void **state)
{
    static const struct script_result results[] = {
        {.phase = SCRIPT_PORT,
         .protocol = PROTOCOL_TCP,
         .port = 80,
         .script = "http-title",
         .outcome = SCRIPT_OK,
         .output = "x",
         .output_len = 1},
        {.phase = SCRIPT_PORT,
         .protocol = PROTOCOL_TCP,
         .port = 81,
         .script = "http-title",
         .outcome = SCRIPT_TIMEOUT},
        {.phase = SCRIPT_PORT,
         .protocol = PROTOCOL_TCP,
         .port = 82,
         .script = "http-title",
         .outcome = SCRIPT_NO_OUTPUT},
        {.phase = SCRIPT_PORT,
         .protocol = PROTOCOL_TCP,
         .port = 83,
         .script = "http-title",
         .outcome = SCRIPT_OK},
        {.phase = SCRIPT_HOST, .script = "other", .outcome = SCRIPT_OK, .data = "{}"},
        {.phase = SCRIPT_HOST, .script = "third", .outcome = SCRIPT_ERROR},
        {.phase = SCRIPT_PRE,
         .script = "pre",
         .outcome = SCRIPT_OK,
         .output = "x",
         .output_len = 1},
    };
    struct store_host h = up("10.0.0.1");
    struct part p;

    (void)state;
    h.results = results;
    h.n_results = ARRAY_LEN(results);
    build(&p, STORE_SCRIPTS, &h, 1);
    assert_string_equal(params[PART_NAMES].data, "{\"http-title\",\"banner\",\"other\",\"third\"}");
    assert_string_equal(params[PART_JUDGED].data, "2");
    assert_string_equal(numbers(PART_F_SLOT), "{0,393296}");
    assert_string_equal(numbers(PART_F_ATTR), "{-3,-1}");
    assert_string_equal(params[PART_U_SLOT].data, "{0,393297}");
    assert_string_equal(params[PART_U_ATTR].data, "{-4,-1}");
    done(&p);
}

static void last_finding_of_a_fact_counts(void **state)
{
    static const struct script_result results[] = {
        {.phase = SCRIPT_HOST, .script = "a", .outcome = SCRIPT_TIMEOUT},
        {.phase = SCRIPT_HOST, .script = "a", .outcome = SCRIPT_OK, .output = "x", .output_len = 1},
    };
    struct store_host h = up("10.0.0.1");
    struct part p;

    (void)state;
    h.results = results;
    h.n_results = 2;
    build(&p, STORE_SCRIPTS, &h, 1);
    assert_string_equal(numbers(PART_F_ATTR), "{-3}");
    assert_string_equal(params[PART_U_ATTR].data, "{}");
    done(&p);
}

static void address_that_is_told_twice_is_refused(void **state)
{
    struct store_host hosts[] = {up("10.0.0.1"), up("10.0.0.2"), up("10.0.0.1")};
    struct store s = {.loop = loop};
    struct store_lease l = {.kind = STORE_PRESENCE};
    struct store_part in = {.hosts = hosts, .n_hosts = 3};
    struct part p;

    (void)state;
    assert_int_equal(part_build(&p, &s, &l, &in), -EINVAL);
}

static void refused(const struct part *p, const char *want)
{
    struct buf other[PART_PARAMS];

    assert_int_equal(part_params(p, want, other), -EBADMSG);
    part_params_done(other);
}

/* The server knows a block's marks in this order. */
static void hosts_are_told_by_address(void **state)
{
    struct store_host hosts[] = {up("10.0.0.9"), up("10.0.0.10"), up("10.0.0.2")};
    static const struct port_finding port = {
        .protocol = PROTOCOL_TCP, .port = 22, .state = PORT_OPEN};
    struct part p;

    (void)state;
    hosts[0].ports = &port;
    hosts[0].n_ports = 1;
    build(&p, STORE_PORTS, hosts, 3);
    assert_string_equal(params[PART_H_ADDR].data, "{10.0.0.2,10.0.0.9,10.0.0.10}");
    assert_string_equal(numbers(PART_F_HOST), "{2}");
    done(&p);
}

static void expect_mark(const struct part *p, const char *want)
{
    char text[VALUE_DIGEST_TEXT];

    assert_true(p->hosts[0].marked);
    value_digest_format(p->hosts[0].mark, text);
    assert_string_equal(text, want);
}

/* They stay in databases: computed by hand from the texts "m1\n393238 10" and
 * "m3banner.http-title.\n 393296 banner0...". */
static void marks_are_those_of_earlier_versions(void **state)
{
    static const struct port_finding port = {
        .protocol = PROTOCOL_TCP, .port = 22, .state = PORT_OPEN};
    struct script_result results[] = {
        {.phase = SCRIPT_PORT, .protocol = PROTOCOL_TCP, .port = 80, .script = "http-title"},
        {.phase = SCRIPT_PORT, .protocol = PROTOCOL_TCP, .port = 80, .script = "banner"}};
    struct store_host h = up("10.0.0.1");
    struct part p;

    (void)state;
    h.ports = &port;
    h.n_ports = 1;
    build(&p, STORE_PORTS, &h, 1);
    expect_mark(&p, "0416b5b4-2525-1587-ba66-83906d3da8d1");
    done(&p);
    results[0].output = "x";
    results[1].output = "y";
    results[0].output_len = results[1].output_len = 1;
    h.n_ports = 0;
    h.results = results;
    h.n_results = 2;
    build(&p, STORE_SCRIPTS, &h, 1);
    expect_mark(&p, "4a617c16-4faf-1c91-9fe8-b236bba77612");
    done(&p);
}

static void bodies_are_sent_when_asked_for(void **state)
{
    struct store_host h = up("10.0.0.1");
    char want[128], digest[VALUE_DIGEST_TEXT];
    struct part p;

    (void)state;
    h.finding.hostname = "box \"x\".lab";
    h.finding.has_mac = true;
    build(&p, STORE_PRESENCE, &h, 1);
    assert_int_equal(p.n_values, 2);
    assert_string_equal(params[PART_B_VALUE].data, "{}");
    for (size_t i = 0; i < 2; i++) {
        if (strncmp(p.values[i].body, "box", 3) != 0)
            continue;
        value_digest_format(p.values[i].digest, digest);
    }
    snprintf(want, sizeof want, "{%s}", digest);
    part_params_done(params);
    part_order_values(&p);
    assert_int_equal(part_params(&p, want, params), 0);
    assert_string_equal(params[PART_B_VALUE].data, want);
    assert_string_equal(params[PART_B_KIND].data, "{t}");
    assert_string_equal(params[PART_B_BODY].data, "{\"box \\\"x\\\".lab\"}");
    refused(&p, "{00000000-0000-0000-0000-000000000000}");
    refused(&p, "{nonsense}");
    refused(&p, "nonsense");
    done(&p);
}

static void name_that_is_not_there_is_told_without_a_value_and_marked(void **state)
{
    uint8_t unknown[VALUE_DIGEST_LEN];
    struct store_host h = up("10.0.0.1");
    struct part p;

    (void)state;
    build(&p, STORE_PRESENCE, &h, 1);
    memcpy(unknown, p.hosts[0].mark, sizeof unknown);
    done(&p);
    h.finding.hostname = "";
    build(&p, STORE_PRESENCE, &h, 1);
    assert_true(p.hosts[0].marked);
    assert_memory_not_equal(p.hosts[0].mark, unknown, sizeof unknown);
    assert_string_equal(numbers(PART_F_ATTR), "{}");
    assert_string_equal(params[PART_U_HOST].data, "{1}");
    assert_string_equal(params[PART_U_ATTR].data, "{3}");
    done(&p);
}

static const struct script_result two[] = {
    {.phase = SCRIPT_HOST, .script = "b", .outcome = SCRIPT_OK, .output = "x", .output_len = 1},
    {.phase = SCRIPT_HOST, .script = "c", .outcome = SCRIPT_OK, .output = "y", .output_len = 1},
};
static const struct script_result swapped[] = {
    {.phase = SCRIPT_HOST, .script = "c", .outcome = SCRIPT_OK, .output = "y", .output_len = 1},
    {.phase = SCRIPT_HOST, .script = "b", .outcome = SCRIPT_OK, .output = "x", .output_len = 1},
};
static const struct script_result doubtful[] = {
    {.phase = SCRIPT_HOST, .script = "b", .outcome = SCRIPT_OK, .output = "x", .output_len = 1},
    {.phase = SCRIPT_HOST, .script = "c", .outcome = SCRIPT_TIMEOUT},
};

static void mark_of(uint8_t ret[VALUE_DIGEST_LEN], const struct script_result *results, size_t n)
{
    struct store_host h = up("10.0.0.1");
    struct part p;

    h.results = results;
    h.n_results = n;
    build(&p, STORE_SCRIPTS, &h, 1);
    assert_true(p.hosts[0].marked);
    memcpy(ret, p.hosts[0].mark, VALUE_DIGEST_LEN);
    done(&p);
}

static void mark_says_what_was_found_and_not_in_which_order(void **state)
{
    uint8_t a[VALUE_DIGEST_LEN], b[VALUE_DIGEST_LEN];
    struct store_host h = up("10.0.0.1");
    struct part p;

    (void)state;
    mark_of(a, two, 2);
    mark_of(b, swapped, 2);
    assert_memory_equal(a, b, sizeof a);
    mark_of(b, two, 1);
    assert_memory_not_equal(a, b, sizeof a);
    h.results = doubtful;
    h.n_results = 2;
    build(&p, STORE_SCRIPTS, &h, 1);
    assert_false(p.hosts[0].marked); /* nothing may rest on what was not conclusive */
    done(&p);
    h.n_results = 1;
    h.unsure = true;
    build(&p, STORE_SCRIPTS, &h, 1);
    assert_false(p.hosts[0].marked);
    done(&p);
}

static void mark_that_the_database_has_travels_alone(void **state)
{
    struct store s = {.loop = loop, .marks = marks_new(100)};
    struct store_lease l = {.kind = STORE_PRESENCE, .zone = "z", .pass = "p"};
    struct store_host h = up("10.0.0.1");
    struct store_part in = {.hosts = &h, .n_hosts = 1};
    struct part p;

    (void)state;
    h.finding.hostname = "box";
    assert_int_equal(part_build(&p, &s, &l, &in), 0);
    assert_false(p.hosts[0].alone);
    marks_put(s.marks, marks_place("z", "p"), &h.finding.address, p.hosts[0].mark);
    part_done(&p);
    assert_int_equal(part_build(&p, &s, &l, &in), 0);
    assert_int_equal(part_params(&p, NULL, params), 0);
    assert_string_equal(params[PART_H_STATE].data, "{m}");
    assert_string_equal(numbers(PART_F_ATTR), "{}");
    part_params_done(params);
    p.hosts[0].alone = false; /* it has not, and asks */
    assert_int_equal(part_params(&p, NULL, params), 0);
    assert_string_equal(params[PART_H_STATE].data, "{u}");
    assert_string_equal(numbers(PART_F_ATTR), "{3}");
    done(&p);
    marks_free(s.marks);
}

/* The script that knows SSH ended early: who looks for services did not see that there is none. */
static void a_service_is_in_doubt_where_a_script_ended_early(void **state)
{
    static const struct script_result late = {
        .phase = SCRIPT_PORT, .script = "g", .port = 22, .outcome = SCRIPT_TIMEOUT};
    static const struct port_finding found = {
        .port = 22,
        .state = PORT_OPEN,
        .service = {.name = "ssh", .method = SERVICE_PROBED, .confidence = 10}};
    struct store_host h = up("10.0.0.1");
    struct part p;

    (void)state;
    h.results = &late;
    h.n_results = 1;
    build(&p, STORE_SERVICES, &h, 1);
    assert_int_equal(p.n_facts, 2); /* the result itself, too */
    assert_int_equal(p.facts[1].attr, 11);
    assert_true(p.facts[1].unsure);
    done(&p);
    h.ports = &found;
    h.n_ports = 1;
    build(&p, STORE_SERVICES, &h, 1);
    assert_int_equal(p.facts[1].attr, 11);
    assert_false(p.facts[1].unsure); /* another one knew */
    done(&p);
    h.n_ports = 0;
    build(&p, STORE_SCRIPTS, &h, 1);
    assert_int_equal(p.n_facts, 1);
    done(&p);
}

static void part_survives_the_journal(void **state)
{
    struct store_host hosts[] = {up("10.0.0.1"), up("2001:db8::1")};
    CLEANUP(buf_done) struct buf wire = {0};
    CLEANUP(buf_done) struct buf again = {0};
    struct part p, q;
    struct rbuf in;

    (void)state;
    hosts[0].results = doubtful;
    hosts[0].n_results = 2;
    hosts[1].finding.has_mac = true;
    hosts[1].finding.vendor = "Maker";
    hosts[1].finding.hostname = "";
    build(&p, STORE_SCRIPTS, hosts, 2);
    p.ends = true;
    p.end.loss = 0.25;
    part_encode(&wire, &p);
    in = rbuf_of(wire.data, wire.len);
    assert_int_equal(part_decode(&q, &in), 0);
    part_encode(&again, &q);
    assert_int_equal(again.len, wire.len);
    assert_memory_equal(again.data, wire.data, wire.len);
    part_done(&q);
    for (size_t n = 0; n < wire.len; n++) {
        in = rbuf_of(wire.data, n);
        assert_int_equal(part_decode(&q, &in), -EBADMSG);
    }
    done(&p);
}

/* The length of `p` as bytes; it must be the same part when it is read again. */
static size_t wire_of_end(const struct part *p, struct buf *wire)
{
    struct rbuf in;
    struct part q;

    part_encode(wire, p);
    in = rbuf_of(wire->data, wire->len);
    assert_int_equal(part_decode(&q, &in), 0);
    assert_int_equal(q.last, p->last);
    assert_true(q.ends && q.end.complete);
    part_done(&q);
    return wire->len;
}

static void end_by_itself_tells_the_last_part_if_that_is_known(void **state)
{
    CLEANUP(buf_done) struct buf wire = {0};
    CLEANUP(buf_done) struct buf older = {0};
    struct part p = {.method = (char *)"icmp", .ends = true, .end.complete = true, .last = 7};
    struct buf out[PART_PARAMS];
    size_t len = wire_of_end(&p, &wire);

    (void)state;
    assert_int_equal(part_params(&p, NULL, out), 0);
    assert_string_equal(out[PART_NUMBER].data, "7");
    part_params_done(out);
    p.last = -1;
    assert_int_equal(wire_of_end(&p, &older), len - 4);
    assert_int_equal(part_params(&p, NULL, out), 0);
    assert_null(out[PART_NUMBER].data);
    part_params_done(out);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(mark_says_what_was_found_and_not_in_which_order, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(mark_that_the_database_has_travels_alone, setup, teardown),
    cmocka_unit_test_setup_teardown(a_service_is_in_doubt_where_a_script_ended_early, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(part_survives_the_journal, setup, teardown),
    cmocka_unit_test(end_by_itself_tells_the_last_part_if_that_is_known),
    cmocka_unit_test_setup_teardown(states_of_hosts_are_told, setup, teardown),
    cmocka_unit_test_setup_teardown(open_ports_are_facts_of_ports_passes_alone, setup, teardown),
    cmocka_unit_test_setup_teardown(results_are_facts_by_outcome, setup, teardown),
    cmocka_unit_test_setup_teardown(last_finding_of_a_fact_counts, setup, teardown),
    cmocka_unit_test_setup_teardown(address_that_is_told_twice_is_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(hosts_are_told_by_address, setup, teardown),
    cmocka_unit_test_setup_teardown(marks_are_those_of_earlier_versions, setup, teardown),
    cmocka_unit_test_setup_teardown(bodies_are_sent_when_asked_for, setup, teardown),
    cmocka_unit_test_setup_teardown(name_that_is_not_there_is_told_without_a_value_and_marked,
                                    setup, teardown),
};
TEST_MAIN(tests)
