/* The forms of `muster scan` against golden files in tests/golden/scan.
 *
 * MUSTER_GOLDEN=write makes the files anew; read the difference before it is committed.  The XML
 * files are held against nmap's DTD by tests/golden/scan/tests.cmake. */
#include "service/cli/scan_writer.h"

#include "engine/base/cleanup.h"
#include "engine/model/services.h"
#include "tests/support/main.h"

#include <string.h>
#include <time.h>

#define START 1767225600ULL * USEC_PER_SEC /* 2026-01-01 */

struct world {
    struct port_set ports;
    struct scan_info info;
    struct host_record *hosts[4];
    size_t n_hosts;
    struct record_script pre, post;
};

static struct addr address(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse(text, &a), 0);
    return a;
}

static struct host_record *add_host(struct world *w, const char *text, enum reason reason)
{
    struct host_finding h = {.address = address(text),
                             .state = HOST_UP,
                             .reason = reason,
                             .ttl = 64,
                             .rtt = 412,
                             .time = START};
    struct host_record *r = host_record_new(&h);

    assert_non_null(r);
    r->started = START;
    r->ended = START + 2 * USEC_PER_SEC;
    w->hosts[w->n_hosts++] = r;
    return r;
}

static void add_port(struct host_record *r, uint16_t port, enum port_state state,
                     enum reason reason)
{
    struct port_finding p = {.protocol = PROTOCOL_TCP,
                             .port = port,
                             .state = state,
                             .reason = reason,
                             .ttl = state == PORT_FILTERED ? 0 : 64};

    assert_int_equal(host_record_add_port(r, &p), 0);
}

static void add_script(struct host_record *r, uint16_t port, const char *id, const char *output,
                       const char *xml)
{
    struct script_result s = {.phase = port ? SCRIPT_PORT : SCRIPT_HOST,
                              .protocol = PROTOCOL_TCP,
                              .port = port,
                              .script = id,
                              .outcome = output ? SCRIPT_OK : SCRIPT_NO_OUTPUT,
                              .output = output,
                              .output_len = output ? strlen(output) : 0,
                              .xml = xml};

    assert_int_equal(host_record_add_script(r, &s), 0);
}

/* A web server whose scripts say all that is hard to print. */
static void host_with_scripts(struct world *w)
{
    struct host_record *r = add_host(w, "192.0.2.10", REASON_ARP_RESPONSE);
    struct port_finding p = {.protocol = PROTOCOL_TCP,
                             .port = 443,
                             .state = PORT_OPEN,
                             .reason = REASON_SYN_ACK,
                             .ttl = 64,
                             .service = {.name = "http",
                                         .product = "nginx\x1b[31m",
                                         .version = "1.22",
                                         .extra = "a\nb",
                                         .tunnel = "ssl",
                                         .cpe = {"cpe:/a:nginx:nginx:1.22"},
                                         .method = SERVICE_PROBED,
                                         .confidence = 10}};

    r->host.has_mac = true;
    memcpy(r->host.mac.b, "\x02\x00\x5e\x10\x00\xff", 6);
    assert_int_equal(host_record_set_name(r, "web.example"), 0);
    add_port(r, 8080, PORT_OPEN, REASON_SYN_ACK);
    add_port(r, 443, PORT_OPEN, REASON_SYN_ACK);
    assert_int_equal(host_record_update_port(r, &p), 0);
    add_port(r, 22, PORT_CLOSED, REASON_RESET);
    add_script(r, 8080, "http-title", "Site doesn't have a title (text/html).", NULL);
    add_script(r, 8080, "bytes", "bin\x01\x80\xff<&>\"'\r\nend\n", NULL);
    add_script(r, 8080, "banner", "\n  x\n  a: b", "\n<elem>x</elem>\n<elem key=\"a\">b</elem>\n");
    add_script(r, 8080, "empty", "", NULL);
    add_script(r, 8080, "silent", NULL, NULL);
    add_script(r, 0, "hostinfo", "one line", NULL);
}

/* Behind routers of which two and then one say nothing. */
static void add_trace(struct host_record *r)
{
    char named[] = "gate\x1b[1m\".example";
    struct hop_finding v[6] = {[0] = {address("10.0.0.1"), named, 412},
                               [3] = {address("198.51.100.1"), NULL, 12345},
                               [5] = {r->host.address, NULL, 0}};
    struct hops trace = {PROTOCOL_TCP, 80, v, ARRAY_LEN(v)};

    assert_int_equal(hops_copy(&r->trace, &trace), 0);
}

static void host_with_many_ports(struct world *w)
{
    struct host_record *r = add_host(w, "192.0.2.11", REASON_ECHO_REPLY);
    struct port_summary s = {
        .protocol = PROTOCOL_TCP, .state = PORT_CLOSED, .reason = REASON_RESET, .count = 60};

    for (uint16_t port = 100; port < 140; port++)
        add_port(r, port, PORT_FILTERED, REASON_NO_RESPONSE);
    add_port(r, 141, PORT_FILTERED, REASON_ADMIN_PROHIBITED);
    add_port(r, 80, PORT_OPEN, REASON_SYN_ACK);
    assert_int_equal(host_record_add_summary(r, &s), 0);
    add_trace(r);
}

static void host_without_open_ports(struct world *w)
{
    struct host_record *r = add_host(w, "2001:db8::7", REASON_ECHO_REPLY);

    r->host.target = strdup("seven.example");
    r->timed_out = true;
    assert_int_equal(host_record_set_name(r, "host7.example"), 0);
    for (uint16_t port = 1; port < 30; port++)
        add_port(r, port, PORT_CLOSED, REASON_RESET);
}

static void host_that_is_down(struct world *w)
{
    struct host_record *r = add_host(w, "192.0.2.12", REASON_NO_RESPONSE);

    r->host.state = HOST_DOWN;
    r->host.ttl = 0;
    r->host.rtt = 0;
}

static void phase_result(struct record_script *ret, enum script_phase phase, const char *output)
{
    struct script_result s = {
        .phase = phase, .script = "broadcast-x", .output = output, .output_len = strlen(output)};

    assert_int_equal(record_script_copy(ret, &s), 0);
}

static void world_make(struct world *w)
{
    *w = (struct world){0};
    assert_int_equal(port_set_parse(&w->ports, "22,80,443,8080", 1, NULL, NULL), 0);
    w->info = (struct scan_info){.version = "0.1.0",
                                 .command = "muster scan -p 22,80 --script \"x<y\" 192.0.2.0/24",
                                 .start = START,
                                 .method = "syn",
                                 .ports = &w->ports};
    host_with_scripts(w);
    host_with_many_ports(w);
    host_without_open_ports(w);
    host_that_is_down(w);
    for (size_t i = 0; i < w->n_hosts; i++)
        host_record_sort(w->hosts[i]);
    phase_result(&w->pre, SCRIPT_PRE, "found\n3 things\n");
    phase_result(&w->post, SCRIPT_POST, "");
}

static void world_done(struct world *w)
{
    for (size_t i = 0; i < w->n_hosts; i++)
        host_record_free(w->hosts[i]);
    record_script_done(&w->pre);
    record_script_done(&w->post);
}

/* What a form says while findings come. */
static void write_live(struct buf *out, const struct scan_form *f, const struct scan_info *info,
                       const struct host_record *r)
{
    if (f->host)
        f->host(out, info, &r->host);
    for (size_t i = 0; i < r->n_ports && f->port; i++) {
        struct port_finding p = host_record_port(r, &r->ports[i]);

        if (p.state == PORT_OPEN)
            f->port(out, &p);
    }
    for (size_t i = 0; i < r->n_scripts && f->script; i++)
        f->script(out, &r->scripts[i].result);
}

static void write_all(struct buf *out, const struct scan_form *f, const struct world *w,
                      const char *failure)
{
    struct scan_totals t = {.hosts_probed = 256,
                            .hosts_up = 3,
                            .ports_open = 3,
                            .scripts_run = 6,
                            .end = START + 3 * USEC_PER_SEC,
                            .elapsed = 3 * USEC_PER_SEC,
                            .failure = failure};

    if (f->begin)
        f->begin(out, &w->info);
    if (f->phase)
        f->phase(out, SCRIPT_PRE, &w->pre, 1);
    for (size_t i = 0; i < w->n_hosts; i++) {
        write_live(out, f, &w->info, w->hosts[i]);
        f->record(out, &w->info, w->hosts[i]);
    }
    if (f->phase)
        f->phase(out, SCRIPT_POST, &w->post, 1);
    f->end(out, &w->info, &t);
    assert_false(out->failed);
}

static char *file_text(const char *path)
{
    CLEANUP(fclosep) FILE *f = fopen(path, "re");
    struct buf text = {0};
    char block[4096];
    size_t n;

    while (f && (n = fread(block, 1, sizeof block, f)) > 0)
        buf_add(&text, block, n);
    return buf_take(&text);
}

static void compare(const struct buf *got, const char *name)
{
    CLEANUP(freep) char *want = NULL;
    const char *mode = getenv("MUSTER_GOLDEN");
    char path[512];

    snprintf(path, sizeof path, "%s/tests/golden/scan/%s", MUSTER_SOURCE_DIR, name);
    if (mode && strcmp(mode, "write") == 0) {
        CLEANUP(fclosep) FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_int_equal(fwrite(got->data, 1, got->len, f), got->len);
    }
    want = file_text(path);
    assert_string_equal(got->data, want);
}

static const struct {
    const char *file;
    const struct scan_form *form;
    const char *failure;
    bool reasons, hosts_only, versions, verbose;
} cases[] = {
    {"mixed.txt", &scan_form_text, NULL, false, false, false, false},
    {"mixed.xml", &scan_form_xml, NULL, false, false, false, false},
    {"mixed.jsonl", &scan_form_json, NULL, false, false, false, false},
    {"reasons.txt", &scan_form_text, NULL, true, false, false, false},
    {"versions.txt", &scan_form_text, NULL, false, false, true, false},
    {"file.txt", &scan_form_file, NULL, false, false, false, false},
    {"interrupted.txt", &scan_form_text, "interrupted", false, false, false, false},
    {"interrupted-file.txt", &scan_form_file, "interrupted", false, false, false, false},
    {"interrupted.xml", &scan_form_xml, "interrupted", false, true, false, false},
    {"interrupted.jsonl", &scan_form_json, "interrupted", false, false, false, false},
    {"mixed.gnmap", &scan_form_grep, NULL, false, false, false, true},
    {"versions.gnmap", &scan_form_grep, NULL, false, false, true, false},
    {"hosts.gnmap", &scan_form_grep, "interrupted", false, true, false, true},
};

static struct services *name_ports(struct scan_info *i)
{
    struct services *names = NULL;
    struct err e = {0};

    if (services_load(&names, MUSTER_SOURCE_DIR "/nselib/data/services", &e) < 0)
        fail_msg("%s", err_text(&e));
    i->names = names;
    return names;
}

static void forms_are_as_the_golden_files(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(world_done) struct world w;
        CLEANUP(buf_done) struct buf out = {0};
        struct services *names;

        world_make(&w);
        names = cases[i].versions || cases[i].reasons ? name_ports(&w.info) : NULL;
        w.info.versions = cases[i].versions;
        w.info.reasons = cases[i].reasons;
        w.info.verbose = cases[i].verbose;
        if (cases[i].hosts_only) {
            w.info.ports = NULL;
            w.info.method = NULL;
        }
        write_all(&out, cases[i].form, &w, cases[i].failure);
        compare(&out, cases[i].file);
        services_free(names);
    }
}

static void add_service(struct host_record *r, uint16_t port, const struct service_info *s)
{
    struct port_finding p = {.protocol = PROTOCOL_TCP,
                             .port = port,
                             .state = PORT_OPEN,
                             .reason = REASON_SYN_ACK,
                             .service = *s};

    add_port(r, port, PORT_OPEN, REASON_SYN_ACK);
    assert_int_equal(host_record_update_port(r, &p), 0);
}

static void what_services_say_of_their_host_is_one_line(void **state)
{
    static const struct service_info services[] = {
        {.name = "ssh", .os = "Linux", .cpe = {"cpe:/a:x:y:1", "cpe:/o:linux:linux_kernel"}},
        {.name = "smtp", .hostname = "mail\x1b", .os = "Linux", .cpe = {"cpe:/h:acme:box"}},
        {.name = "ftp", .hostname = "other", .os = "Unix", .device = "printer"},
    };
    static const char *const lines[] = {
        "Service Info: OS: Linux; CPE: cpe:/o:linux:linux_kernel\n",
        "Service Info: Host: mail\\x1B; OS: Linux; CPE: cpe:/o:linux:linux_kernel, "
        "cpe:/h:acme:box\n",
        "Service Info: Hosts: mail\\x1B, other; OSs: Linux, Unix; Device: printer; "
        "CPE: cpe:/o:linux:linux_kernel, cpe:/h:acme:box\n"};
    CLEANUP(world_done) struct world w = {0};
    struct host_record *r = add_host(&w, "192.0.2.1", REASON_SYN_ACK);

    (void)state;
    add_port(r, 80, PORT_OPEN, REASON_SYN_ACK);
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        CLEANUP(buf_done) struct buf before = {0}, out = {0};

        if (i == 0)
            scan_service_info_text(&before, r);
        assert_int_equal(before.len, 0);
        add_service(r, (uint16_t)(1000 + i), &services[i]);
        scan_service_info_text(&out, r);
        assert_string_equal(out.data, lines[i]);
    }
}

static const struct {
    const char *name, *output, *screen;
} outputs[] = {
    {"one line", "false", "|_t: false\n"},
    {"a table", "\n  a\n  b\n  \n    c\n    x: 1",
     "| t: \n|   a\n|   b\n|   \n|     c\n|_    x: 1\n"},
    {"a final newline adds no line", "multi\nline\n", "| t: multi\n|_line\n"},
    {"two final newlines add one", "multi\n\n", "| t: multi\n|_\n"},
    {"carriage returns", "a\r\nb\rc\n", "| t: a\\x0D\n|_b\\x0Dc\n"},
    {"bytes outside ASCII", "bin\x01\x80\xff<&>\"'", "|_t: bin\\x01\\x80\\xFF<&>\"'\n"},
    {"nothing", "", ""},
};

static void script_output_is_nmaps_byte_for_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(outputs); i++) {
        CLEANUP(buf_done) struct buf out = {0};
        struct script_result r = {
            .script = "t", .output = outputs[i].output, .output_len = strlen(outputs[i].output)};

        buf_str(&out, "");
        scan_script_text(&out, &r);
        assert_string_equal(out.data ? out.data : "", outputs[i].screen);
    }
}

static void xml_has_no_character_that_xml_forbids(void **state)
{
    CLEANUP(buf_done) struct buf out = {0};

    (void)state;
    scan_xml_escape(&out, "a\xef\xbf\xbf<\n'", 7);
    assert_string_equal(out.data, "a\\xEF\\xBF\\xBF&lt;&#xa;&apos;");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(forms_are_as_the_golden_files),
    cmocka_unit_test(what_services_say_of_their_host_is_one_line),
    cmocka_unit_test(script_output_is_nmaps_byte_for_byte),
    cmocka_unit_test(xml_has_no_character_that_xml_forbids),
};

TEST_MAIN(tests)
