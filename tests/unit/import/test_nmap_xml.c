/* nmap's XML as findings: what of each element is kept, what is no such file, in pieces of any
 * size. */
#include "service/import/nmap_xml.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

#define HEAD                                                                                       \
    "<?xml version=\"1.0\"?>\n<!DOCTYPE nmaprun>\n<nmaprun scanner=\"nmap\" start=\"1000\">\n"
#define TAIL       "<runstats><finished time=\"2000\"/></runstats></nmaprun>\n"
#define UP         "<status state=\"up\" reason=\"echo-reply\" reason_ttl=\"63\"/>"
#define IP(a)      "<address addr=\"" a "\" addrtype=\"ipv4\"/>"
#define OPEN       "<state state=\"open\" reason=\"syn-ack\" reason_ttl=\"62\"/>"
#define HTTP       "<port protocol=\"tcp\" portid=\"80\">" OPEN
#define ONE(ports) HEAD "<host>" UP IP("192.0.2.1") "<ports>" ports "</ports></host>" TAIL

static struct err err;

/* In pieces of this many bytes. */
static int read_in(struct nmap_run **ret, const char *text, size_t step)
{
    struct nmap_xml *x = NULL;
    size_t len = strlen(text);
    int r = nmap_xml_open(&x, "f.xml", &err);

    for (size_t at = 0; r == 0 && at < len; at += step)
        r = nmap_xml_feed(x, text + at, len - at < step ? len - at : step, &err);
    if (r == 0)
        r = nmap_xml_close(x, ret, &err);
    nmap_xml_free(x);
    return r;
}

static struct nmap_run *read_all(const char *text)
{
    struct nmap_run *run = NULL;

    if (read_in(&run, text, strlen(text) + 1) < 0)
        fail_msg("%s", err_text(&err));
    return run;
}

static const char *address(const struct nmap_host *h)
{
    static char text[ADDR_TEXT_MAX];

    return addr_format(&h->finding.address, text);
}

static void a_host_is_told_with_its_addresses_and_names(void **state)
{
    struct nmap_run *run = read_all(HEAD "<host starttime=\"1100\" endtime=\"1200\">" UP IP(
        "192.0.2.1") "<address addr=\"00:11:22:AA:BB:CC\" addrtype=\"mac\" vendor=\"A &amp; B\"/>"
                     "<hostnames><hostname name=\"given\" type=\"user\"/>"
                     "<hostname name=\"box.example\" type=\"PTR\"/></hostnames></host>" TAIL);
    const struct nmap_host *h = &run->hosts[0];

    (void)state;
    assert_int_equal(run->n_hosts, 1);
    assert_string_equal(address(h), "192.0.2.1");
    assert_string_equal(h->finding.hostname, "box.example");
    assert_string_equal(h->finding.vendor, "A & B");
    assert_int_equal(h->finding.reason, REASON_ECHO_REPLY);
    assert_int_equal(h->finding.ttl, 63);
    assert_true(h->finding.has_mac);
    assert_int_equal(h->finding.mac.b[5], 0xcc);
    assert_int_equal(run->started, 1000 * USEC_PER_SEC);
    assert_int_equal(nmap_run_seen(run, h), 1200 * USEC_PER_SEC);
    nmap_run_free(run);
}

static void a_host_without_its_time_was_seen_when_the_scan_ended(void **state)
{
    struct nmap_run *run = read_all(ONE(""));

    (void)state;
    assert_int_equal(nmap_run_seen(run, &run->hosts[0]), 2000 * USEC_PER_SEC);
    run->ended = 0;
    assert_int_equal(nmap_run_seen(run, &run->hosts[0]), 1000 * USEC_PER_SEC);
    nmap_run_free(run);
}

static void an_open_port_is_told_with_its_service(void **state)
{
    struct nmap_run *run = read_all(ONE(
        HTTP
        "<service name=\"http\" product=\"nginx\" version=\"1.2\" extrainfo=\"x\" hostname=\"h\""
        " ostype=\"Linux\" devicetype=\"router\" tunnel=\"ssl\" method=\"probed\" conf=\"10\">"
        "<cpe>cpe:/a:1</cpe><cpe>cpe:/a:2</cpe><cpe>cpe:/a:3</cpe><cpe>cpe:/a:4</cpe>"
        "</service></port>"
        "<port protocol=\"udp\" portid=\"53\">" OPEN
        "<service name=\"domain\" method=\"table\" conf=\"3\"/></port>"));
    const struct port_finding *p = run->hosts[0].ports;

    (void)state;
    assert_int_equal(run->hosts[0].n_ports, 2);
    assert_int_equal(p->protocol << 16 | p->port, PROTOCOL_TCP << 16 | 80);
    assert_int_equal(p->state, PORT_OPEN);
    assert_string_equal(p->service.product, "nginx");
    assert_string_equal(p->service.version, "1.2");
    assert_string_equal(p->service.extra, "x");
    assert_string_equal(p->service.hostname, "h");
    assert_string_equal(p->service.os, "Linux");
    assert_string_equal(p->service.device, "router");
    assert_string_equal(p->service.tunnel, "ssl");
    assert_int_equal(p->service.method, SERVICE_PROBED);
    assert_string_equal(p->service.cpe[2], "cpe:/a:3");
    assert_int_equal(p[1].protocol, PROTOCOL_UDP);
    assert_int_equal(p[1].service.method, SERVICE_TABLE);
    assert_null(p[1].service.product);
    assert_null(p[1].service.cpe[0]);
    nmap_run_free(run);
}

/* What comes between the tags of a script on an open port, as JSON. */
static const struct {
    const char *name, *xml, *json;
} structures[] = {
    {"nothing", "", NULL},
    {"keys", "<elem key=\"b\">1</elem>\n<elem key=\"a\">2</elem>", "{\"b\":\"1\",\"a\":\"2\"}"},
    {"a list", "<elem>x</elem><elem>y</elem>", "[\"x\",\"y\"]"},
    {"both", "<elem>x</elem><elem key=\"k\">y</elem>", "{\"1\":\"x\",\"k\":\"y\"}"},
    {"tables", "<table key=\"t\"><elem>1</elem></table><table><elem key=\"k\"/></table>",
     "{\"t\":[\"1\"],\"1\":{\"k\":\"\"}}"},
    {"an empty table", "<table key=\"t\"></table>", "{\"t\":{}}"},
    {"a list of tables", "<table>\n<elem key=\"k\">1</elem>\n</table>\n<table/>",
     "[{\"k\":\"1\"},{}]"},
    {"what XML escapes", "<elem key=\"&lt;\">&quot;&#xa;&#45;</elem>", "{\"<\":\"\\\"\\n-\"}"},
    {"text outside", "lost<elem>x</elem>lost", "[\"x\"]"},
};

static void the_structure_of_a_script_is_what_the_script_host_makes_of_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(structures); i++) {
        char text[1024];
        struct nmap_run *run;
        const struct script_result *s;

        snprintf(text, sizeof text, "%s%s%s",
                 HEAD "<host>" UP IP("192.0.2.1") "<ports>" HTTP
                                                  "<script id=\"s\" output=\"&#xa;  o\">",
                 structures[i].xml, "</script></port></ports></host>" TAIL);
        run = read_all(text);
        assert_int_equal(run->hosts[0].n_results, 1);
        s = run->hosts[0].results;
        assert_string_equal(s->script, "s");
        assert_string_equal(s->output, "\n  o");
        assert_int_equal(s->output_len, 4);
        if (structures[i].json && s->data)
            assert_string_equal(s->data, structures[i].json);
        else
            assert_true(!structures[i].json && !s->data);
        nmap_run_free(run);
    }
}

static void scripts_are_told_of_hosts_and_of_open_ports(void **state)
{
    struct nmap_run *run =
        read_all(HEAD "<prescript><script id=\"pre\" output=\"x\"/></prescript><host>" UP IP(
            "192.0.2.1") "<ports>" HTTP "<script id=\"a\" output=\"x\"/></port><port "
                         "protocol=\"tcp\" portid=\"81\">"
                         "<state state=\"closed\"/><script id=\"b\" output=\"x\"/></port></ports>"
                         "<hostscript><script id=\"c\" output=\"x\"/><script id=\"d\" "
                         "output=\"ERROR: Script "
                         "execution failed (use -d to debug)\"/><script id=\"e\" "
                         "output=\"\"/></hostscript></host>"
                         "<postscript><script id=\"post\" output=\"x\"/></postscript>" TAIL);
    const struct script_result *s = run->hosts[0].results;

    (void)state;
    assert_int_equal(run->hosts[0].n_results, 2);
    assert_string_equal(s[0].script, "a");
    assert_int_equal(s[0].phase, SCRIPT_PORT);
    assert_int_equal(s[0].port, 80);
    assert_string_equal(s[1].script, "c");
    assert_int_equal(s[1].phase, SCRIPT_HOST);
    nmap_run_free(run);
}

static const struct {
    const char *name, *host;
    size_t n;
} ups[] = {
    {"down", "<status state=\"down\" reason=\"no-response\"/>", 0},
    {"by the user's word", "<status state=\"up\" reason=\"user-set\"/>", 0},
    {"by his word, filtered",
     "<status state=\"up\" reason=\"user-set\"/><ports><extraports state=\"filtered\"/></ports>",
     0},
    {"by his word, closed",
     "<status state=\"up\" reason=\"user-set\"/><ports><extraports state=\"closed\"/></ports>", 1},
    {"by his word, open",
     "<status state=\"up\" reason=\"user-set\"/><ports>" HTTP "</port></ports>", 1},
    {"no status", "", 0},
    {"no status, open", "<ports>" HTTP "</port></ports>", 1},
};

static void a_host_is_up_where_something_answered(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ups); i++) {
        char text[1024];
        struct nmap_run *run;

        snprintf(text, sizeof text, "%s%s%s", HEAD "<host>" IP("192.0.2.1"), ups[i].host,
                 "</host>" TAIL);
        run = read_all(text);
        if (run->n_hosts != ups[i].n)
            fail_msg("%s: %zu hosts", ups[i].name, run->n_hosts);
        nmap_run_free(run);
    }
}

static void an_address_that_is_told_twice_is_one_host(void **state)
{
    struct nmap_run *run = read_all(HEAD "<host endtime=\"1500\">" UP IP(
        "192.0.2.9") "</host>"
                     "<host endtime=\"1600\">" IP(
                         "192.0.2.1") "<ports>" HTTP "</port></ports></host>"
                                      "<host endtime=\"1700\">" IP(
                                          "192.0.2.1") "<ports><port protocol=\"tcp\" "
                                                       "portid=\"22\">" OPEN
                                                       "</port></ports></host>" TAIL);

    (void)state;
    assert_int_equal(run->n_hosts, 2);
    assert_string_equal(address(&run->hosts[0]), "192.0.2.1");
    assert_int_equal(run->hosts[0].n_ports, 2);
    assert_int_equal(run->hosts[0].ports[1].port, 22);
    assert_int_equal(run->hosts[0].finding.time, 1700 * USEC_PER_SEC);
    assert_string_equal(address(&run->hosts[1]), "192.0.2.9");
    nmap_run_free(run);
}

static void elements_that_nobody_knows_are_stepped_over(void **state)
{
    struct nmap_run *run =
        read_all(HEAD "<new><host>" UP IP("192.0.2.7") "</host></new><host>" UP IP(
            "192.0.2.1") "<os><osmatch name=\"x\"><address addr=\"no\" "
                         "addrtype=\"ipv4\"/></osmatch></os>"
                         "<ports><port protocol=\"ip\" portid=\"1\">" OPEN "</port>"
                         "<port protocol=\"carrier\" portid=\"999999\">" OPEN
                         "</port></ports></host>" TAIL);

    (void)state;
    assert_int_equal(run->n_hosts, 1);
    assert_int_equal(run->hosts[0].n_ports, 0);
    nmap_run_free(run);
}

static const struct {
    const char *text, *want;
} bad[] = {
    {"", "f.xml:1: the file has no <nmaprun>"},
    {"{}", "f.xml:1: not well-formed"},
    {"<html/>", "f.xml:1: <html>: expected <nmaprun>"},
    {HEAD, "f.xml:4: the file ends here; expected </nmaprun>"},
    {HEAD "<host", "f.xml:4: the file ends here; expected </nmaprun>"},
    {HEAD "</host>", "f.xml:4: mismatched tag"},
    {HEAD TAIL "<x/>", "f.xml:5: junk after document element"},
    {"<nmaprun>", "f.xml:1: <nmaprun> without its time"},
    {"<nmaprun start=\"soon\">", "start=\"soon\": expected a number"},
    {"<nmaprun start=\"-1\">", "start=\"-1\": expected a number"},
    {"<nmaprun start=\"99999999999999999999\">", "expected a number up to 99999999999"},
    {HEAD "\n<host>" UP "</host>" TAIL, "f.xml:5: <host> without its address"},
    {HEAD "<host>" UP IP("192.0.2.300"), "addr=\"192.0.2.300\": expected an IPv4 or IPv6"},
    {HEAD "<host><address addr=\"00:11\" addrtype=\"mac\"/>", "expected a MAC address"},
    {ONE("<port protocol=\"tcp\" portid=\"65536\"/>"), "portid=\"65536\": expected a number up to"},
    {ONE("<port protocol=\"tcp\" portid=\"1\"><script/></port>"), "expected id=\"NAME\""},
    {"<!DOCTYPE n [<!ENTITY a \"b\">]>" HEAD TAIL, "the entity 'a' is declared; expected none"},
    {"<!DOCTYPE n [<!ENTITY % p SYSTEM \"http://192.0.2.1/\"> %p;]><n/>", "the entity 'p' is"},
};

static void what_is_no_such_file_is_refused_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct nmap_run *run = NULL;

        assert_int_equal(read_in(&run, bad[i].text, 7), -EBADMSG);
        assert_null(run);
        if (!strstr(err_text(&err), bad[i].want))
            fail_msg("\"%s\" is not \"%s\"", err_text(&err), bad[i].want);
    }
}

/* Else a file of a few hundred MiB takes all memory before its script ends. */
static void what_one_script_tells_has_a_bound(void **state)
{
    static const char head[] = HEAD "<host>" UP IP("192.0.2.1") "<hostscript><script id=\"long\">";
    static const char elem[] = "<elem>a</elem>";
    struct nmap_xml *x = NULL;
    int r = nmap_xml_open(&x, "f.xml", &err);

    (void)state;
    assert_int_equal(r, 0);
    r = nmap_xml_feed(x, head, sizeof head - 1, &err);
    for (unsigned i = 0; r == 0 && i < 1000000; i++)
        r = nmap_xml_feed(x, elem, sizeof elem - 1, &err);
    nmap_xml_free(x);
    assert_int_equal(r, -E2BIG);
}

static void what_nests_too_deep_is_refused(void **state)
{
    char text[8192] = HEAD "<host>" UP IP("192.0.2.1") "<ports>" HTTP "<script id=\"s\">";
    struct nmap_run *run = NULL;

    (void)state;
    for (int i = 0; i < 200; i++)
        strcat(text, "<table>");
    assert_int_equal(read_in(&run, text, 100), -E2BIG);
    strcpy(text, HEAD);
    for (int i = 0; i < 200; i++)
        strcat(text, "<x>");
    assert_int_equal(read_in(&run, text, 100), -E2BIG);
}

static void pieces_of_any_size_are_the_same_file(void **state)
{
    static const char text[] =
        ONE(HTTP "<service name=\"http\" method=\"probed\"><cpe>cpe:/a:x</cpe>"
                 "</service><script id=\"s\" output=\"o\"><elem>&amp;x</elem>"
                 "</script></port>");

    (void)state;
    for (size_t step = 1; step < sizeof text; step += 3) {
        struct nmap_run *run = NULL;

        assert_int_equal(read_in(&run, text, step), 0);
        assert_string_equal(run->hosts[0].ports[0].service.cpe[0], "cpe:/a:x");
        assert_string_equal(run->hosts[0].results[0].data, "[\"&x\"]");
        nmap_run_free(run);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_host_is_told_with_its_addresses_and_names),
    cmocka_unit_test(a_host_without_its_time_was_seen_when_the_scan_ended),
    cmocka_unit_test(an_open_port_is_told_with_its_service),
    cmocka_unit_test(the_structure_of_a_script_is_what_the_script_host_makes_of_it),
    cmocka_unit_test(scripts_are_told_of_hosts_and_of_open_ports),
    cmocka_unit_test(a_host_is_up_where_something_answered),
    cmocka_unit_test(an_address_that_is_told_twice_is_one_host),
    cmocka_unit_test(elements_that_nobody_knows_are_stepped_over),
    cmocka_unit_test(what_is_no_such_file_is_refused_with_its_line),
    cmocka_unit_test(what_one_script_tells_has_a_bound),
    cmocka_unit_test(what_nests_too_deep_is_refused),
    cmocka_unit_test(pieces_of_any_size_are_the_same_file),
};

TEST_MAIN(tests)
