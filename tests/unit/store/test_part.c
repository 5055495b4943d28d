/* A part as parameters: which findings become which facts, and which bodies are sent when. */
#include "service/store/part.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static struct loop *loop;

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
    assert_string_equal(p.params[PART_SCHEDULE].data, "7");
    assert_string_equal(p.params[PART_FENCE].data, "9");
    assert_string_equal(p.params[PART_NUMBER].data, "3");
    assert_string_equal(p.params[PART_AT].data, "2026-01-01T00:00:00.000000+00");
    assert_string_equal(p.params[PART_H_ADDR].data, "{10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4}");
    assert_string_equal(p.params[PART_H_STATE].data, "{u,d,b,n}");
    assert_string_equal(p.params[PART_H_REASON].data,
                        "{\"arp-response\",\"arp-response\",\"arp-response\",\"arp-response\"}");
    assert_string_equal(p.params[PART_H_MAC].data, "{NULL,NULL,NULL,NULL}");
    part_done(&p);
    /* for scripts, being listed is being asked */
    build(&p, STORE_SCRIPTS, hosts, 4);
    assert_string_equal(p.params[PART_H_STATE].data, "{u,u,u,n}");
    part_done(&p);
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
    assert_string_equal(p.params[PART_F_SLOT].data,
                        "{393238,393238}"); /* once each: port, service */
    assert_string_equal(p.params[PART_F_ATTR].data, "{10,11}");
    assert_string_equal(p.params[PART_N_NAME].data, "{\"ssh\"}");
    assert_int_equal(p.n_values, 1);
    part_done(&p);
    build(&p, STORE_SCRIPTS, &h, 1);
    assert_string_equal(p.params[PART_F_ATTR].data, "{11}");
    part_done(&p);
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
    assert_string_equal(p.params[PART_NAMES].data,
                        "{\"http-title\",\"banner\",\"other\",\"third\"}");
    assert_string_equal(p.params[PART_JUDGED].data, "2");
    assert_string_equal(p.params[PART_F_SLOT].data, "{393296,0}");
    assert_string_equal(p.params[PART_F_ATTR].data, "{-1,-3}");
    assert_string_equal(p.params[PART_U_SLOT].data, "{393297,0}");
    assert_string_equal(p.params[PART_U_ATTR].data, "{-1,-4}");
    part_done(&p);
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
    assert_string_equal(p.params[PART_F_ATTR].data, "{-3}");
    assert_string_equal(p.params[PART_U_ATTR].data, "{}");
    part_done(&p);
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
    assert_string_equal(p.params[PART_B_VALUE].data, "{}");
    for (size_t i = 0; i < 2; i++) {
        if (strncmp(p.values[i].body, "box", 3) != 0)
            continue;
        value_digest_format(p.values[i].digest, digest);
    }
    snprintf(want, sizeof want, "{%s}", digest);
    assert_int_equal(part_add_bodies(&p, want), 0);
    assert_string_equal(p.params[PART_B_VALUE].data, want);
    assert_string_equal(p.params[PART_B_KIND].data, "{t}");
    assert_string_equal(p.params[PART_B_BODY].data, "{\"box \\\"x\\\".lab\"}");
    assert_int_equal(part_add_bodies(&p, "{00000000-0000-0000-0000-000000000000}"), -EBADMSG);
    assert_int_equal(part_add_bodies(&p, "{nonsense}"), -EBADMSG);
    assert_int_equal(part_add_bodies(&p, "nonsense"), -EBADMSG);
    part_done(&p);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(states_of_hosts_are_told, setup, teardown),
    cmocka_unit_test_setup_teardown(open_ports_are_facts_of_ports_passes_alone, setup, teardown),
    cmocka_unit_test_setup_teardown(results_are_facts_by_outcome, setup, teardown),
    cmocka_unit_test_setup_teardown(last_finding_of_a_fact_counts, setup, teardown),
    cmocka_unit_test_setup_teardown(address_that_is_told_twice_is_refused, setup, teardown),
    cmocka_unit_test_setup_teardown(bodies_are_sent_when_asked_for, setup, teardown),
};
TEST_MAIN(tests)
