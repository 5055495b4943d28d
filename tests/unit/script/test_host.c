/* The script host: loading, phases, rules, order, outcomes, ports, cancel; scripts that misbehave
 * beside scripts that do not. */
#include "tests/unit/script/fixture.h"

static const struct port_finding two_ports[] = {
    {.protocol = PROTOCOL_TCP,
     .port = 80,
     .state = PORT_OPEN,
     .reason = REASON_SYN_ACK,
     .ttl = 64,
     .service = {.name = "http", .confidence = 3}},
    {.protocol = PROTOCOL_TCP, .port = 81, .state = PORT_CLOSED, .reason = REASON_RESET, .ttl = 64},
    {.protocol = PROTOCOL_TCP,
     .port = 20307,
     .state = PORT_OPEN,
     .reason = REASON_SYN_ACK,
     .ttl = 64},
};

/* ---- loading ---- */

static const struct {
    const char *name, *source, *reason;
    enum script_outcome outcome;
} broken[] = {
    {"syntax", "categories = {}\nx = \n", "syntax.nse:3: unexpected symbol near <eof>",
     SCRIPT_ERROR},
    {"unclosed", "action = function()\n  if x then\nend\n", "'end' expected", SCRIPT_ERROR},
    {"toomany", "action = function() end end\n", "toomany.nse:1: <eof> expected near 'end'",
     SCRIPT_ERROR},
    {"raises", "\nerror('at load')\n", "raises.nse:2: at load", SCRIPT_ERROR},
    {"noaction", "prerule = print\n", "is missing required field: 'action'", SCRIPT_ERROR},
    {"badaction", "action = 5 prerule = print\n",
     "field 'action' is of improper type 'number', expected type 'function'", SCRIPT_ERROR},
    {"norule", "action = print\n", "is missing required function: 'rule'", SCRIPT_ERROR},
    {"badrule", "action = print prerule = true\n", "prerule must be a function!", SCRIPT_ERROR},
    {"badcategories", "action = print prerule = print categories = 'x'\n",
     "field 'categories' is of improper type 'string'", SCRIPT_ERROR},
    {"badentry", "action = print prerule = print categories = {5}\n",
     "holds a number, expected strings", SCRIPT_ERROR},
    {"loops", "while true do end\n", "CPU time", SCRIPT_ERROR},
    {"waits", "nmap.socket.sleep(1)\n", "attempt to yield across a C-call boundary", SCRIPT_ERROR},
    {"needs", "require('stdnse').silent_require('nosuch')\n", "needs the library 'nosuch'",
     SCRIPT_SKIPPED},
    {"binary", "\033Lua", "attempt to load a binary chunk", SCRIPT_ERROR},
};

static void a_script_that_does_not_load_is_told_and_the_others_run(void **state)
{
    char file[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        snprintf(file, sizeof file, "scripts/%s.nse", broken[i].name);
        fx_write(fx->dir, file, broken[i].source);
    }
    fx_script("good", "prerule", "return 'fine'");
    fx_run("*", NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(broken); i++)
        fx_expect(broken[i].name, broken[i].outcome, broken[i].reason);
    fx_expect("good", SCRIPT_OK, "fine");
}

static void a_script_that_does_not_load_is_told_once_for_all_parts(void **state)
{
    char expression[256];

    (void)state;
    fx_write(fx->dir, "scripts/bad.nse", "categories = {'one', 'two'}\nerror('at load')\n");
    fx_write(fx->dir, "scripts/needs.nse", "require('stdnse').silent_require('nosuch')\n");
    fx_write(fx->dir, "scripts/script.db",
             "Entry { filename = \"bad.nse\", categories = { \"one\", \"two\" } }\n"
             "Entry { filename = \"needs.nse\", categories = { \"one\", \"two\" } }\n");
    snprintf(expression, sizeof expression, "one,two,bad,%s/scripts/,needs", fx->dir);
    for (int i = 0; i < 2; i++) { /* each select tells anew */
        assert_int_equal(fx_select(expression, &(struct err){0}), 0);
        assert_int_equal(fx->n_results, 2);
        fx_expect("bad", SCRIPT_ERROR, "bad.nse:2: at load");
        fx_expect("needs", SCRIPT_SKIPPED, "needs the library 'nosuch'");
        fx_forget_results();
    }
}

static void shebang_and_line_numbers_stay(void **state)
{
    (void)state;
    fx_write(fx->dir, "scripts/a.nse",
             "#!/usr/bin/env nmap\ncategories = {}\nprerule = function() return true end\n"
             "action = function() error('here') end -- no newline at the end");
    fx_run("a", NULL, 0);
    fx_expect("a", SCRIPT_ERROR, "a.nse:4: here");
}

static const struct {
    const char *expression, *text;
    int code;
} selections[] = {
    {"nosuch", "'nosuch' did not match a category, filename, or directory", -ENOENT},
    {"a and nosuch", "'a and nosuch' did not match", -ENOENT},
    {"(a", "'(a' did not match", -EINVAL},
    {"safe or", "'safe or' did not match", -EINVAL},
    {"/nonexistent/", "'/nonexistent/' did not match", -ENOENT},
};

static void a_bad_expression_names_its_part(void **state)
{
    (void)state;
    fx_script("a", "prerule", "");
    for (size_t i = 0; i < ARRAY_LEN(selections); i++) {
        struct err e = {0};

        assert_int_equal(fx_select(selections[i].expression, &e), selections[i].code);
        if (!strstr(e.text, selections[i].text))
            fail_msg("%s: %s", selections[i].expression, e.text);
    }
}

static const struct {
    const char *expression, *end;
} near[] = {
    {"http-titel", "or directory; did you mean 'http-title'?"},
    {"saef", "or directory; did you mean 'safe'?"},
    {"http-other", "or directory"},
    {"b", "or directory"},
};

static void a_typing_error_gets_a_suggestion(void **state)
{
    (void)state;
    fx_write(fx->dir, "scripts/http-title.nse",
             "categories = {'safe'} prerule = print action = print\n");
    for (size_t i = 0; i < ARRAY_LEN(near); i++) {
        struct err e = {0};

        assert_int_equal(fx_select(near[i].expression, &e), -ENOENT);
        assert_string_equal(strstr(e.text, "or directory"), near[i].end);
    }
}

static void a_path_that_begins_with_a_dot_is_what_lies_here(void **state)
{
    char here[80];

    (void)state;
    fx_script(fx->dir, "prerule", "return 'of the data directory'");
    snprintf(here, sizeof here, "./%s.nse", fx->dir);
    fx_write(".", here + 2,
             "categories = {} prerule = function() return true end "
             "action = function() return 'here' end\n");
    fx_run(here, NULL, 0);
    fx_expect(fx->dir, SCRIPT_OK, "here");
    assert_int_equal(unlink(here), 0);
}

static void files_and_directories_are_selected_by_path(void **state)
{
    char path[256], sub[96];
    struct err e = {0};

    (void)state;
    fx_script("a", "prerule", "return nmap.verbosity()");
    snprintf(sub, sizeof sub, "%s/more", fx->dir);
    assert_int_equal(mkdir(sub, 0700), 0);
    fx_write(sub, "b.nse",
             "categories = {} prerule = function() return true end action = nmap.verbosity\n");
    fx_write(sub, "c.nse",
             "categories = {} prerule = function() return true end action = nmap.verbosity\n");
    fx_write(sub, "not-a-script", "");
    snprintf(path, sizeof path, "%s/more", fx->dir);
    assert_int_equal(fx_select(path, &e), -EINVAL);
    assert_non_null(strstr(e.text, "will not match without '/'"));
    snprintf(path, sizeof path, "a, %s/more/b, %s/more/", fx->dir, fx->dir);
    fx_run(path, NULL, 0);
    fx_expect("a", SCRIPT_OK, "1");
    fx_expect("b", SCRIPT_OK, "1");
    fx_expect("c", SCRIPT_OK, "0"); /* by directory is not by name */
}

static void the_index_is_read_from_script_db(void **state)
{
    struct err e = {0};

    (void)state;
    fx_script("a", "prerule", "");
    fx_script("b", "prerule", "");
    fx_write(fx->dir, "scripts/script.db",
             "Entry { filename = \"a.nse\", categories = { \"special\", } }\n"
             "Entry { filename = \"b.nse\", categories = { \"safe\", \"other\" } }\n");
    assert_int_equal(fx_select("special", &e), 1);
}

static void a_bad_script_db_is_told_with_its_line(void **state)
{
    struct err e = {0};

    (void)state;
    fx_write(fx->dir, "scripts/script.db",
             "Entry { filename = \"a.nse\", categories = { } }\nos.exit()\n");
    assert_int_equal(fx_select("all", &e), -EINVAL);
    assert_non_null(strstr(e.text, "script.db:2:"));
}

static void names_twice_and_rings_are_errors(void **state)
{
    char path[160];
    struct err e = {0};

    (void)state;
    fx_script("a", "prerule", "");
    fx_write(fx->dir, "a.nse", "categories = {} prerule = print action = print\n");
    snprintf(path, sizeof path, "a,%s/a.nse", fx->dir);
    assert_int_equal(fx_select(path, &e), -EEXIST);
    assert_non_null(strstr(e.text, "duplicate script ID: 'a'"));
    fx_write(fx->dir, "scripts/x.nse",
             "categories = {} prerule = print action = print dependencies = {'y'}\n");
    fx_write(fx->dir, "scripts/y.nse",
             "categories = {} prerule = print action = print dependencies = {'x'}\n");
    fx->host = script_host_free(fx->host);
    assert_int_equal(fx_select("x,y", &e), -ELOOP);
    assert_non_null(strstr(e.text, "circular dependency"));
}

/* ---- running ---- */

/* "a" stands before "v" in every other order. */
static void scripts_of_category_version_come_first_where_asked(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 3);

    (void)state;
    fx->o.version_first = true;
    fx_write(fx->dir, "scripts/a.nse",
             "categories = {} portrule = function(h, p) return p.service == 'ssh' end\n"
             "action = function(h, p) return p.number .. ' ' .. p.version.product end\n");
    fx_write(fx->dir, "scripts/needed.nse",
             "categories = {} hostrule = function() return true end\n"
             "action = function() return 'before v' end\n");
    fx_write(fx->dir, "scripts/v.nse",
             "local nmap = require 'nmap'\n"
             "categories = {'version'} dependencies = {'needed'}\n"
             "portrule = function(h, p) return p.number == 20307 end\n"
             "action = function(h, p) p.version.name, p.version.product = 'ssh', 'OpenSSH'\n"
             "nmap.set_port_version(h, p, 'hardmatched') end\n");
    fx_run("*", &t, 1);
    fx_expect("a", SCRIPT_OK, "20307 OpenSSH");
    fx_expect("needed", SCRIPT_OK, "before v");
}

static void rules_decide_for_each_host_and_port(void **state)
{
    struct script_target t[2] = {fx_target("192.0.2.1", two_ports, 3),
                                 fx_target("192.0.2.2", two_ports, 2)};
    size_t n = 0;

    (void)state;
    fx_write(fx->dir, "scripts/p.nse",
             "categories = {} portrule = function(h, p) return p.number ~= 80 or h.ip == "
             "'192.0.2.2' end\n"
             "action = function(h, p) return h.ip .. ' ' .. p.number .. ' ' .. tostring(p.service) "
             "end\n");
    fx_write(fx->dir, "scripts/h.nse",
             "categories = {} hostrule = function(h) return h.ip == '192.0.2.1' end action = "
             "function(h, p) assert(p == nil) "
             "return h.name .. h.reason end\n");
    fx_write(fx->dir, "scripts/prepost.nse",
             "categories = {} prerule = function() return true end postrule = prerule action = "
             "function() return SCRIPT_TYPE end\n");
    fx_run("*", t, 2);
    fx_expect("h", SCRIPT_OK, "arp-response");
    for (size_t i = 0; i < fx->n_results; i++) {
        const struct fx_result *r = &fx->results[i];

        assert_int_equal(r->outcome, SCRIPT_OK);
        if (strcmp(r->script, "p") == 0)
            assert_string_equal(r->output,
                                r->port == 80 ? "192.0.2.2 80 http" : "192.0.2.1 20307 nil");
        n += strcmp(r->script, "p") == 0;
    }
    assert_int_equal(n, 2);
    assert_int_equal(fx->n_results, 5);
    assert_string_equal(fx->results[0].output, "prerule");
    assert_string_equal(fx->results[4].output, "postrule");
    assert_int_equal(fx->n_hosts_done, 2);
}

static void a_forced_script_runs_for_every_candidate(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 3);

    (void)state;
    fx_write(fx->dir, "scripts/p.nse",
             "categories = {} portrule = function() return false end action = function() return "
             "'ran' end\n");
    fx_run("+p", &t, 1);
    assert_int_equal(fx->n_results, 2); /* 81 is closed */
}

static void a_rule_may_wait(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 1);

    (void)state;
    fx_write(fx->dir, "scripts/p.nse",
             "categories = {} portrule = function() nmap.socket.sleep(1) return true end "
             "action = function() nmap.socket.sleep(1) return 'both' end\n");
    fx_run("p", &t, 1);
    fx_expect("p", SCRIPT_OK, "both");
}

static void a_script_waits_for_what_it_depends_on(void **state)
{
    struct script_target t[2] = {fx_target("192.0.2.1", two_ports, 1),
                                 fx_target("192.0.2.2", two_ports, 1)};

    (void)state;
    fx_write(fx->dir, "scripts/a.nse",
             "categories = {} dependencies = {'b', 'absent'} hostrule = function() return true end "
             "action = function(h) return h.registry.b and h.registry.c end\n");
    fx_write(fx->dir, "scripts/b.nse",
             "categories = {} dependencies = {'c'} portrule = function() return true end "
             "action = function(h) h.registry.b = h.registry.c end\n");
    fx_write(fx->dir, "scripts/c.nse",
             "categories = {} hostrule = function() return true end "
             "action = function(h) nmap.socket.sleep(1) h.registry.c = h.ip end\n");
    fx_run("*", t, 2);
    for (size_t i = 0; i < fx->n_results; i++)
        if (strcmp(fx->results[i].script, "a") == 0)
            assert_string_equal(fx->results[i].output, fx->results[i].address);
    assert_int_equal(fx->n_results, 6);
}

static void hosts_start_when_they_are_added(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 1),
                         u = fx_target("192.0.2.2", two_ports, 1);
    struct err e = {0};

    (void)state;
    fx_write(fx->dir, "scripts/h.nse",
             "categories = {} hostrule = function() return true end "
             "action = function(h) if h.ip == '192.0.2.1' then nmap.socket.sleep(30) end return "
             "h.ip end\n");
    assert_int_equal(fx_select("h", &e), 1);
    assert_int_equal(script_job_start(fx->host, FX_JOB, &e), 0);
    assert_int_equal(script_job_add_host(fx->host, FX_JOB, &t, &e), 0);
    fx_wait(1);
    assert_int_equal(fx->n_results, 0);
    assert_int_equal(script_job_add_host(fx->host, FX_JOB, &u, &e), 0);
    fx_wait(1);
    assert_int_equal(fx->n_results, 1); /* the second is not held up by the first */
    assert_string_equal(fx->results[0].output, "192.0.2.2");
    assert_int_equal(fx->n_hosts_done, 1);
    assert_int_equal(script_job_finish(fx->host, FX_JOB), 0);
    assert_int_equal(script_job_add_host(fx->host, FX_JOB, &u, &e), -ENOENT);
    fx_wait(60);
    assert_true(fx->job_done);
    assert_int_equal(fx->n_results, 2);
}

static void registries_belong_to_run_job_and_host(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 1);

    (void)state;
    fx_write(fx->dir, "scripts/h.nse",
             "categories = {} hostrule = function() return true end postrule = hostrule top = 1\n"
             "action = function(h) local r = nmap.registry r.n = (r.n or 0) + 1 top = top + 1 "
             "return r.n .. ' ' .. top .. ' ' .. r.args.x end\n");
    fx->o.args = "x=y";
    for (int i = 0; i < 2; i++) {
        fx_run("h", &t, 1);
        assert_string_equal(fx->results[0].output, "1 2 y");
        assert_string_equal(fx->results[1].output,
                            "2 2 y"); /* top-level variables are a thread's own */
        fx_forget_results();
    }
}

static void scripts_read_and_change_ports(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 3);

    (void)state;
    fx_write(fx->dir, "scripts/a.nse",
             "categories = {} hostrule = function() return true end action = function(h)\n"
             "  local p = nmap.get_port_state(h, {number = 80, protocol = 'tcp'})\n"
             "  assert(p.version.name_confidence == 3.0 and p.version.service_dtype == 'table' and "
             "p.reason_ttl == 64)\n"
             "  assert(nmap.get_port_state(h, {number = 9, protocol = 'tcp'}) == nil)\n"
             "  assert(not pcall(nmap.get_port_state, h, {number = 80.0, protocol = 'tcp'}))\n"
             "  assert(not pcall(nmap.get_port_state, h, {number = 80, protocol = 'x'}))\n"
             "  p.version.name = 'web' p.version.product = 'a\\1b' p.version.cpe = {'cpe:/a:x'}\n"
             "  nmap.set_port_version(h, p)\n"
             "  p = nmap.get_port_state(h, p)\n"
             "  assert(p.service == 'web' and p.version.product == 'a.b' and "
             "p.version.name_confidence == 10.0 and "
             "p.version.cpe[1] == 'cpe:/a:x')\n"
             "  nmap.set_port_state(h, {number = 81, protocol = 'tcp'}, 'open')\n"
             "  nmap.set_port_state(h, {number = 81, protocol = 'tcp'}, 'open')\n"
             "  local q, n = nil, 0 repeat q = nmap.get_ports(h, q, 'tcp', 'open') n = n + (q and "
             "q.number or 0) until not q\n"
             "  assert(n == 80 + 81 + 20307)\n"
             "  p.version = {service_tunnel = 'x'} assert(not pcall(nmap.set_port_version, h, p))\n"
             "  p.version = {cpe = 'x'} assert(not pcall(nmap.set_port_version, h, p))\n"
             "  p.version = nil assert(not pcall(nmap.set_port_version, h, p))\n"
             "end\n");
    fx_run("a", &t, 1);
    fx_expect("a", SCRIPT_NO_OUTPUT, NULL);
    assert_string_equal(fx->ports.data,
                        "80/tcp open syn-ack web/a.b 10\n81/tcp open script-set -/- 3\n");
}

/* Observed on nmap 7.93. */
static void ports_are_walked_as_under_nmap(void **state)
{
    static const struct port_finding ports[] = {
        {.port = 53, .protocol = PROTOCOL_TCP, .state = PORT_OPEN},
        {.port = 80, .protocol = PROTOCOL_TCP, .state = PORT_OPEN},
        {.port = 99, .protocol = PROTOCOL_TCP, .state = PORT_CLOSED},
        {.port = 53, .protocol = PROTOCOL_UDP, .state = PORT_OPEN},
        {.port = 123, .protocol = PROTOCOL_UDP, .state = PORT_OPEN},
    };
    struct script_target t = fx_target("192.0.2.1", ports, ARRAY_LEN(ports));

    (void)state;
    fx_script("a", "hostrule",
              "local function walk(p, protocol, state) local all = {} repeat "
              "  p = nmap.get_ports(host, p, protocol, state) "
              "  all[#all + 1] = p and p.number .. '/' .. p.protocol until not p "
              "  return table.concat(all, ' ') end "
              "return walk(nil, 'tcp', 'open') .. ', ' .. walk(nil, 'udp', 'open') .. ', ' .. "
              "  walk({number = 53, protocol = 'tcp'}, 'udp', 'open') .. ', ' .. "
              "  walk({number = 53, protocol = 'udp'}, 'tcp', 'open') .. ', ' .. "
              "  walk(nil, 'tcp', 'closed') .. ', ' .. walk(nil, 'udp', 'closed')");
    fx_run("a", &t, 1);
    fx_expect("a", SCRIPT_OK,
              "53/tcp 80/tcp 53/udp 123/udp, 53/udp 123/udp, 80/tcp 53/udp 123/udp, 123/udp, "
              "99/tcp, ");
}

/* Observed on nmap 7.93. */
static const struct {
    const char *version, *state,
        *want; /* Lua; "service product confidence tunnel fingerprint: cpes" */
} versions[] = {
    {"{product = 'p'}", "hardmatched", "nil p 10.0 none nil:"},
    {"{}", "softmatched", "nil nil 10.0 none nil:"},
    {"{}", "nomatch", "first nil 3.0 none nil:"},
    {"{}", "incomplete", "first nil 3.0 none nil:"},
    {"{}", "tcpwrapped", "tcpwrapped nil 8.0 none nil:"},
    {"{name = 'n'}", "tcpwrapped", "n nil 8.0 none nil:"},
    {"{name = '', product = ''}", "hardmatched", "  10.0 none nil:"},
    {"{name = 'n', product = 5}", "hardmatched", "n 5 10.0 none nil:"},
    {"{name = 'n', product = true}", "hardmatched", "n nil 10.0 none nil:"},
    {"{name = 'n', service_tunnel = 'ssl'}", "hardmatched", "n nil 10.0 ssl nil:"},
    {"{name = 'n', service_tunnel = true}", "hardmatched", "n nil 10.0 none nil:"},
    {"{service_fp = 'SF-Port80\\nSF:x\\1'}", "softmatched", "nil nil 10.0 none SF-Port80\nSF:x\1:"},
    {"{service_fp = 'SF-Port80'}", "hardmatched", "nil nil 10.0 none nil:"},
    {"{service_fp = 7}", "nomatch", "first nil 3.0 none 7:"},
    {"{cpe = {'a', 5, 'b\\1\\255'}}", "hardmatched", "nil nil 10.0 none nil: a 5 b.."},
    {"{cpe = {'a', false, {}, 'b'}}", "hardmatched", "nil nil 10.0 none nil: a b"},
    {"{cpe = {'a', x = 'c'}}", "hardmatched", "nil nil 10.0 none nil: a c"},
};

static void a_version_is_kept_as_under_nmap(void **state)
{
    static const struct port_finding port = {
        .port = 80, .protocol = PROTOCOL_TCP, .state = PORT_OPEN, .service.name = "first"};
    struct script_target t = fx_target("192.0.2.1", &port, 1);
    CLEANUP(buf_done) struct buf body = {0};

    (void)state;
    buf_str(&body, "local p = {number = 80, protocol = 'tcp'} "
                   "local function case(version, state, want) p.version = version "
                   "nmap.set_port_version(host, p, state) "
                   "local q = nmap.get_port_state(host, p) local v = q.version "
                   "local got = ('%s %s %s %s %s:'):format(q.service, v.product, "
                   "v.name_confidence, v.service_tunnel, v.service_fp) "
                   "for _, c in ipairs(v.cpe) do got = got .. ' ' .. c end "
                   "assert(q.service == v.name and got == want, got .. ' is not ' .. want) end\n");
    for (size_t i = 0; i < ARRAY_LEN(versions); i++)
        buf_printf(&body, "case(%s, '%s', [[%s]])\n", versions[i].version, versions[i].state,
                   versions[i].want);
    buf_str(&body, "p.version = {service_tunnel = 5} "
                   "assert(not pcall(nmap.set_port_version, host, p)) "
                   "nmap.set_port_version(host, {number = 9, protocol = 'tcp', version = 5})");
    fx_script("a", "hostrule", body.data);
    fx_run("a", &t, 1);
    fx_expect("a", SCRIPT_NO_OUTPUT, NULL);
}

/* Observed on nmap 7.93: either field may hold either, and the name is asked when there is no host
 * of that address. */
static void a_host_is_found_by_address_or_name(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 1);

    (void)state;
    t.target_name = "www.example";
    fx_script("a", "hostrule",
              "local function found(h) return (pcall(nmap.get_port_state, h, "
              "{number = 80, protocol = 'tcp'})) end "
              "return tostring(found{ip = '192.0.2.1'}) .. tostring(found{ip = 'www.example'}) .. "
              "tostring(found{targetname = 'www.example'}) .. "
              "tostring(found{targetname = '192.0.2.1'}) .. "
              "tostring(found{ip = '192.0.2.9', targetname = 'www.example'}) .. "
              "tostring(found{ip = '192.0.2.1', targetname = 'x'}) .. "
              "tostring(found{ip = '192.0.2.9', targetname = 'x'}) .. "
              "tostring(found{name = 'www.example'})");
    fx_run("a", &t, 1);
    fx_expect("a", SCRIPT_OK, "truetruetruetruetruetruefalsefalse");
}

/* Fields of a host table may be made at the moment they are asked for, and be garbage next. */
static void a_host_is_found_by_fields_that_nothing_else_holds(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 1);

    (void)state;
    fx_script("a", "hostrule",
              "local made = 0 local fields = {__index = function(_, key) "
              "  if key == 'targetname' then for i = 1, 1e5 do local t = {} end end "
              "  made = made + 1 return ('x'):rep(100) .. made end} "
              "local ok, why = pcall(nmap.get_port_state, setmetatable({}, fields), "
              "  {number = 80, protocol = 'tcp'}) "
              "assert(not ok and made == 2) return why");
    fx_run("a", &t, 1);
    fx_expect("a", SCRIPT_OK, "host is not being processed right now");
}

static void an_error_in_a_rule_is_an_outcome_of_its_place(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 1);

    (void)state;
    fx_write(fx->dir, "scripts/p.nse",
             "categories = {} portrule = function(h, p) return p.nosuch.x end action = print\n");
    fx_write(fx->dir, "scripts/top.nse",
             "categories = {} hostrule = print action = print if rawget(_ENV, 'SCRIPT_TYPE') then "
             "error('again') end\n");
    fx_run("*", &t, 1);
    fx_expect("p", SCRIPT_ERROR, "p.nse:1: attempt to index a nil value (field 'nosuch')");
    assert_int_equal(fx_result_of("p")->port, 80);
    fx_expect("top", SCRIPT_ERROR, "top.nse:1: again");
    assert_string_equal(fx_result_of("top")->address, "192.0.2.1");
}

static void the_running_script_is_known_for_the_blame(void **state)
{
    (void)state;
    fx_script("culprit", "prerule", "print('x')"); /* on_log asks script_host_current() */
    fx_run("culprit", NULL, 0);
    assert_string_equal(fx->log.data, "culprit: x (culprit)\n");
}

/* ---- outcomes ---- */

static const struct {
    const char *name, *body, *text;
    enum script_outcome outcome;
} outcomes[] = {
    {"nothing", "return nil", NULL, SCRIPT_NO_OUTPUT},
    {"text", "return 'x'", "x", SCRIPT_OK},
    {"table", "return {a = 1}", "\n  a: 1", SCRIPT_OK},
    {"error", "error('boom')", ".nse:4: boom\nstack traceback:", SCRIPT_ERROR},
    {"errorvalue", "error({})", "(error object is a table value)", SCRIPT_ERROR},
    {"try", "nmap.new_try()(false, 'x')", NULL, SCRIPT_NO_OUTPUT},
    {"stray", "coroutine.yield() return 'x'", "yielded unexpectedly", SCRIPT_ERROR},
    {"loop", "while true do end", "CPU time", SCRIPT_ERROR},
    {"looppcall", "while true do pcall(function() while true do end end) end", "CPU time",
     SCRIPT_ERROR},
    {"loopgsub", "string.gsub('a', 'a', function() while true do end end)", NULL, SCRIPT_ERROR},
    {"loopsort", "table.sort({1, 2}, function() while true do end end)", NULL, SCRIPT_ERROR},
    {"loopcoroutine", "coroutine.wrap(function() while true do end end)()", "CPU time",
     SCRIPT_ERROR},
    {"loopgc",
     "setmetatable({}, {__gc = function() while true do end end}) for i = 1, 1e5 do local t = {} "
     "end return 'x'",
     "x", SCRIPT_OK},
    {"looptostring", "return setmetatable({}, {__tostring = function() while true do end end})",
     NULL, SCRIPT_ERROR},
    {"hugestring", "return #string.rep('x', 1 << 40)", "resulting string too large", SCRIPT_ERROR},
    {"output", "return string.rep('x', 8 << 20)", "larger than", SCRIPT_ERROR},
    {"binary", "return '\\0\\255\\27[2J'", "", SCRIPT_OK},
    {"execute", "os.execute('true')", "os.execute is not available to scripts", SCRIPT_ERROR},
    {"shadow", "return io.open('/etc/shadow'):read('a')", "attempt to index a nil value",
     SCRIPT_ERROR},
    {"so", "require('cjson')", "module 'cjson' not found", SCRIPT_ERROR},
    {"cdeep", "local f f = function() return string.gsub('a', 'a', f) end f()", NULL, SCRIPT_ERROR},
};

static void every_run_has_its_own_outcome_beside_the_others(void **state)
{
    char name[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        fx_script(outcomes[i].name, "prerule", outcomes[i].body);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "good%d", i);
        fx_script(name, "prerule", "for i = 1, 20 do nmap.socket.sleep(0.01) end return 'fine'");
    }
    fx_run("*", NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        fx_expect(outcomes[i].name, outcomes[i].outcome, outcomes[i].text);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "good%d", i);
        fx_expect(name, SCRIPT_OK, "fine");
    }
    assert_string_equal(fx_result_of("error")->output,
                        "ERROR: Script execution failed (use -d to debug)");
    assert_null(fx_result_of("stray")->output);
    assert_string_equal(fx_result_of("table")->data, "{\"a\":1}");
}

static void work_in_short_bursts_counts_for_all_workers_of_a_script(void **state)
{
    (void)state;
    fx_script("crew", "prerule",
              "local function work() while true do for i = 1, 2e5 do end nmap.socket.sleep(0.01) "
              "end end "
              "for i = 1, 20 do require('stdnse').new_thread(work) end "
              "while true do nmap.socket.sleep(0.01) end");
    fx_run("crew", NULL, 0);
    fx_expect("crew", SCRIPT_ERROR, "CPU time");
}

/* Functions of the API as handlers of variables that are closed when their thread is over: its run
 * and its host may be gone by then. */
static void what_is_closed_at_the_end_of_a_thread_finds_no_run(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 1);
    static const char *const handlers[] = {
        "nmap.get_port_state",
        "require('stdnse').new_thread",
        "require('stdnse').gethostport",
        "coroutine.wrap(function(h, e) require('stdnse').new_thread(print) end)",
        "coroutine.wrap(function(h, e) nmap.set_port_state(h, {number = 80, protocol = 'tcp'}, "
        "'closed') end)",
    };
    char name[32], body[256];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        snprintf(name, sizeof name, "case%zu", i);
        snprintf(body, sizeof body,
                 "local x <close> = setmetatable({ip = host.ip}, {__close = %s}) error('boom')",
                 handlers[i]);
        fx_script(name, "hostrule", body);
    }
    fx_run("case*", &t, 1);
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        snprintf(name, sizeof name, "case%zu", i);
        fx_expect(name, SCRIPT_ERROR, "boom");
    }
    assert_null(fx->ports.data);
}

static void what_is_locked_while_a_thread_is_closed_is_released(void **state)
{
    (void)state;
    fx_script("gone", "prerule",
              "local m = nmap.mutex('shared') local x <close> = setmetatable({}, {__close = "
              "coroutine.wrap(function() m('lock') end)}) error('boom')");
    fx_script("next", "prerule", "nmap.socket.sleep(1) nmap.mutex('shared')('lock') return 'fine'");
    fx_run("*", NULL, 0);
    fx_expect("gone", SCRIPT_ERROR, "boom");
    fx_expect("next", SCRIPT_OK, "fine");
}

static void who_holds_the_memory_ends_and_not_who_asks_next(void **state)
{
    (void)state;
    fx->o.cpu_limit = 10 * USEC_PER_SEC;
    fx->o.memory_limit = 48 << 20;
    fx_script("hog", "prerule",
              "local t = {} while true do t[#t + 1] = string.rep('x', 1e6) .. #t end");
    fx_script("hogpcall", "prerule",
              "local t = {} while true do pcall(function() t[#t + 1] = string.rep('x', 1e6) .. #t "
              "end) end");
    fx_script("hoard", "prerule",
              "local t = {} for i = 1, 20 do t[i] = string.rep('x', 1e6) .. i end "
              "nmap.socket.sleep(5) return #t");
    fx_script("good", "prerule",
              "for i = 1, 200 do local s = string.rep('y', 1e5) nmap.socket.sleep(0.01) end return "
              "'fine'");
    fx_run("*", NULL, 0);
    fx_expect("hog", SCRIPT_ERROR, "memory");
    fx_expect("hogpcall", SCRIPT_ERROR, "memory");
    fx_expect("good", SCRIPT_OK, "fine");
}

/* The library's buffers are not the collector's: nothing collects for them. */
static void garbage_makes_room_for_long_strings(void **state)
{
    (void)state;
    fx->o.cpu_limit = 20 * USEC_PER_SEC;
    fx->o.memory_limit = 48 << 20;
    fx_script(
        "room", "prerule",
        "local keep, x, y = string.rep('k', 17e6), string.rep('x', 4e6), string.rep('y', 100) "
        "local list = {} for i = 1, 4e4 do list[i] = y end "
        "for _, f in ipairs({ "
        "function(i) return string.rep('x', 6e6 + i) end, "
        "function(i) return string.rep('x', 3, x:sub(1, 3e6 + i)) end, "
        "function(i) return string.upper(x) end, function(i) return x:lower() end, "
        "function(i) return x:reverse() end, function(i) return table.concat({ x, i, x }) end, "
        "function(i) return table.concat(list, y) end }) do "
        "  collectgarbage() for i = 1, 30 do f(i) end "
        "end return #keep .. ' fine'");
    fx_run("*", NULL, 0);
    fx_expect("room", SCRIPT_OK, "17000000 fine");
}

/* Every ceiling fails at another place: while the state opens, while a file loads, inside a
 * binding, inside a script. */
/* c depends on a; b does not, and runs after it all the same.  Actions see what is. */
static void rules_see_ports_as_they_were_found(void **state)
{
    static const char rule[] =
        "categories = {} local nmap, seen = require 'nmap', nil "
        "portrule = function(host, port) "
        "  local all = nmap.get_ports(host, nil, 'tcp', 'open') "
        "  seen = port.version.name .. ' ' .. nmap.get_port_state(host, port).version.name .. ' ' "
        "    .. (all and all.version.name or 'none') return port.number == 80 end "
        "action = function(host, port) "
        "  return seen .. ' ' .. nmap.get_port_state(host, port).version.name end ";
    struct script_target t = fx_target("192.0.2.1", two_ports, 2);
    char after_a[1024];

    (void)state;
    fx->o.max_threads_per_host = 1;
    fx_script("a", "portrule",
              "port.version = {name = 'other'} nmap.set_port_version(host, port) "
              "nmap.set_port_state(host, port, 'closed') "
              "nmap.set_port_state(host, port, 'open') return 'x'");
    fx_write(fx->dir, "scripts/b.nse", rule);
    snprintf(after_a, sizeof after_a, "dependencies = {'a'} %s", rule);
    fx_write(fx->dir, "scripts/c.nse", after_a);
    fx_run("*", &t, 1);
    assert_int_equal(fx->n_results, 3);
    assert_string_equal(fx->results[0].output, "x");
    assert_string_equal(fx->results[1].output, "http http http other");
    assert_string_equal(fx->results[2].output, "other other other other");
}

static void running_out_of_memory_anywhere_is_survived(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 3);
    unsigned opened = 0;

    (void)state;
    fx_script("a", "hostrule",
              "nmap.mutex('x')('lock') require('stdnse').new_thread(function() "
              "nmap.condvar('y')('wait') end) "
              "nmap.registry.t = {} for i = 1, 100 do nmap.registry.t[i] = tostring(i) end "
              "local p = nmap.get_port_state(host, {number = 80, protocol = 'tcp'}) "
              "nmap.set_port_version(host, p) "
              "nmap.socket.sleep(0.01) return {a = nmap.list_interfaces()}");
    fx->o.script_timeout = USEC_PER_SEC;
    for (size_t limit = 20000; limit < 700000; limit += limit / 97) {
        struct err e = {0};

        fx->o.memory_limit = limit;
        fx->job_done = false;
        if (fx_select("a", &e) < 0 || script_job_start(fx->host, FX_JOB, &e) < 0) {
            fx->host = script_host_free(fx->host);
            continue;
        }
        opened++;
        assert_int_equal(script_job_add_host(fx->host, FX_JOB, &t, &e), 0);
        assert_int_equal(script_job_finish(fx->host, FX_JOB), 0);
        fx_wait(10);
        assert_true(fx->job_done);
        fx->host = script_host_free(fx->host);
        fx_forget_results();
    }
    assert_true(opened > 10);
}

static void the_script_timeout_is_an_outcome(void **state)
{
    (void)state;
    fx->o.script_timeout = 2 * USEC_PER_SEC;
    fx_script("slow", "prerule", "pcall(nmap.socket.sleep, 60) return 'never'");
    fx_script("worker", "prerule",
              "require('stdnse').new_thread(function() nmap.socket.sleep(60) end) "
              "nmap.socket.sleep(1) return 'done'");
    fx_run("*", NULL, 0);
    fx_expect("slow", SCRIPT_TIMEOUT, NULL);
    fx_expect("worker", SCRIPT_OK, "done"); /* and its worker does not keep the job */
}

static void threads_that_wait_for_each_other_for_ever_are_ended(void **state)
{
    (void)state;
    fx_script("waits", "prerule", "nmap.condvar('never')('wait') return 'x'");
    fx_script("holds", "prerule", "nmap.condvar('other')('wait') return 'x'");
    fx_script("good", "prerule", "nmap.socket.sleep(5) return 'fine'");
    fx_run("*", NULL, 0);
    fx_expect("waits", SCRIPT_ERROR, "deadlock");
    fx_expect("holds", SCRIPT_ERROR, "deadlock");
    fx_expect("good", SCRIPT_OK, "fine");
}

static void cancel_ends_every_thread_with_an_outcome(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 1);
    struct err e = {0};

    (void)state;
    fx_script(
        "slow", "hostrule",
        "require('stdnse').new_thread(function() nmap.socket.sleep(60) end) nmap.socket.sleep(60)");
    assert_int_equal(fx_select("slow", &e), 1);
    assert_int_equal(script_job_start(fx->host, FX_JOB, &e), 0);
    assert_int_equal(script_job_start(fx->host, FX_JOB, &e), -EEXIST);
    assert_int_equal(script_job_add_host(fx->host, FX_JOB, &t, &e), 0);
    fx_wait(1);
    script_job_cancel(fx->host, FX_JOB);
    assert_false(fx->job_done); /* in a later turn */
    fx_turns();
    assert_true(fx->job_done);
    fx_expect("slow", SCRIPT_SKIPPED, "cancelled");
}

static void a_host_can_be_freed_with_everything_running(void **state)
{
    struct script_target t = fx_target("192.0.2.1", two_ports, 3);
    struct err e = {0};

    (void)state;
    fx_script("slow", "hostrule",
              "nmap.mutex('x')('lock') require('stdnse').new_thread(function() "
              "nmap.mutex('x')('lock') end) "
              "nmap.condvar('y') nmap.socket.sleep(60)");
    assert_int_equal(fx_select("slow", &e), 1);
    assert_int_equal(script_job_start(fx->host, FX_JOB, &e), 0);
    assert_int_equal(script_job_add_host(fx->host, FX_JOB, &t, &e), 0);
    fx_wait(1);
    fx->host = script_host_free(fx->host);
    assert_int_equal(fx->n_results, 0);
}

static void threads_are_limited_and_all_candidates_run(void **state)
{
    struct script_target t[40];
    char address[32];
    struct script_stats stats;

    (void)state;
    fx->o.max_threads = 5;
    fx_script("h", "hostrule",
              "nmap.registry.n = (nmap.registry.n or 0) + 1 assert(nmap.registry.n <= 5) "
              "nmap.socket.sleep(0.1) nmap.registry.n = nmap.registry.n - 1 return 'x'");
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        snprintf(address, sizeof address, "192.0.2.%zu", i + 1);
        t[i] = fx_target(address, two_ports, 1);
    }
    fx_run("h", t, ARRAY_LEN(t));
    assert_int_equal(fx->n_results, ARRAY_LEN(t));
    for (size_t i = 0; i < fx->n_results; i++)
        assert_int_equal(fx->results[i].outcome, SCRIPT_OK);
    script_host_stats(fx->host, &stats);
    assert_true(stats.threads_started >= ARRAY_LEN(t));
    assert_int_equal(stats.threads_live, 0);
    assert_string_equal(script_host_current(fx->host), "");
}

static void one_host_is_not_asked_by_all_scripts_at_once(void **state)
{
    struct script_target t[2] = {fx_target("192.0.2.1", two_ports, 3),
                                 fx_target("192.0.2.2", two_ports, 3)};
    char name[16];

    (void)state;
    fx->o.max_threads_per_host = 3;
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "s%d", i);
        fx_script(
            name, "portrule",
            "local r, all = host.registry, nmap.registry r.n = (r.n or 0) + 1 all.n = (all.n or 0) "
            "+ 1 "
            "all.max = math.max(all.max or 0, all.n) assert(r.n <= 3, r.n) nmap.socket.sleep(0.1) "
            "r.n = r.n - 1 all.n = all.n - 1 return all.max");
    }
    fx_run("*", t, 2);
    assert_int_equal(fx->n_results, 40);
    for (size_t i = 0; i < fx->n_results; i++)
        assert_int_equal(fx->results[i].outcome, SCRIPT_OK);
    assert_string_equal(fx->results[39].output, "6"); /* both hosts side by side */
}

/* Those that only look at what is known of a host must not see what the scripts of its ports say;
 * what it depends on keeps a script back all the same. */
static void host_rules_come_before_those_of_ports(void **state)
{
    static const char *const order[] = {"x", "a", "b", "w"};
    struct script_target t = fx_target("192.0.2.1", two_ports, 1);

    (void)state;
    fx->o.max_threads_per_host = 1;
    fx_script("a", "portrule", "return 'port'");
    fx_script("b", "portrule", "return 'port'");
    fx_write(fx->dir, "scripts/w.nse",
             "categories = {} dependencies = {'b'} hostrule = function() return true end "
             "action = function() return 'host' end");
    fx_script("x", "hostrule", "return 'host'");
    fx_run("*", &t, 1);
    assert_int_equal(fx->n_results, ARRAY_LEN(order));
    for (size_t i = 0; i < fx->n_results; i++)
        assert_string_equal(fx->results[i].script, order[i]);
}

/* ---- Nmap's own scripts, when they are installed ---- */

#define NMAP_DIR "/usr/share/nmap"

/* Contract section 3, observed on 7.93 with 604 scripts. */
static const struct {
    const char *expression;
    int n;
} vectors[] = {
    {"default", 125},
    {"default,safe", 346},
    {"default and safe", 125},
    {"not intrusive", 391},
    {"http-*", 134},
    {"*", 604},
    {"http-* and not brute", 128},
    {"(http-* or ssl-*) and safe", 72},
    {"default or safe and vuln", 155},
    {"DEFAULT", 125},
    {"HTTP-*", -ENOENT},
    {"http-t?tle", -ENOENT},
    {"vuln ,safe", 417},
    {"default and not (http-* or smb-*)", 107},
    {"http-title and nosuch", -ENOENT},
};

static void nmaps_scripts_are_selected_and_loaded_as_nmap_does(void **state)
{
    (void)state;
    if (access(NMAP_DIR "/scripts/script.db", R_OK) != 0) {
        print_message("skipped: nmap is not installed\n");
        skip();
    }
    fx->dirs[0] = NMAP_DIR;
    fx->o.memory_limit = 0;
    fx->o.cpu_limit = 0;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        struct err e = {0};
        int n = fx_select(vectors[i].expression, &e);

        if (n != vectors[i].n)
            fail_msg("%s: %d, expected %d: %s", vectors[i].expression, n, vectors[i].n, e.text);
        fx->host = script_host_free(fx->host);
    }
    assert_int_equal(fx->n_results, 0);
}

#define FX_TEST(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)

static const struct CMUnitTest tests[] = {
    FX_TEST(a_script_that_does_not_load_is_told_and_the_others_run),
    FX_TEST(a_script_that_does_not_load_is_told_once_for_all_parts),
    FX_TEST(shebang_and_line_numbers_stay),
    FX_TEST(a_bad_expression_names_its_part),
    FX_TEST(a_typing_error_gets_a_suggestion),
    FX_TEST(a_path_that_begins_with_a_dot_is_what_lies_here),
    FX_TEST(files_and_directories_are_selected_by_path),
    FX_TEST(the_index_is_read_from_script_db),
    FX_TEST(a_bad_script_db_is_told_with_its_line),
    FX_TEST(names_twice_and_rings_are_errors),
    FX_TEST(scripts_of_category_version_come_first_where_asked),
    FX_TEST(rules_decide_for_each_host_and_port),
    FX_TEST(a_forced_script_runs_for_every_candidate),
    FX_TEST(a_rule_may_wait),
    FX_TEST(a_script_waits_for_what_it_depends_on),
    FX_TEST(hosts_start_when_they_are_added),
    FX_TEST(registries_belong_to_run_job_and_host),
    FX_TEST(scripts_read_and_change_ports),
    FX_TEST(ports_are_walked_as_under_nmap),
    FX_TEST(a_version_is_kept_as_under_nmap),
    FX_TEST(a_host_is_found_by_address_or_name),
    FX_TEST(a_host_is_found_by_fields_that_nothing_else_holds),
    FX_TEST(an_error_in_a_rule_is_an_outcome_of_its_place),
    FX_TEST(the_running_script_is_known_for_the_blame),
    FX_TEST(every_run_has_its_own_outcome_beside_the_others),
    FX_TEST(work_in_short_bursts_counts_for_all_workers_of_a_script),
    FX_TEST(what_is_closed_at_the_end_of_a_thread_finds_no_run),
    FX_TEST(what_is_locked_while_a_thread_is_closed_is_released),
    FX_TEST(who_holds_the_memory_ends_and_not_who_asks_next),
    FX_TEST(garbage_makes_room_for_long_strings),
    FX_TEST(rules_see_ports_as_they_were_found),
    FX_TEST(running_out_of_memory_anywhere_is_survived),
    FX_TEST(the_script_timeout_is_an_outcome),
    FX_TEST(threads_that_wait_for_each_other_for_ever_are_ended),
    FX_TEST(cancel_ends_every_thread_with_an_outcome),
    FX_TEST(a_host_can_be_freed_with_everything_running),
    FX_TEST(threads_are_limited_and_all_candidates_run),
    FX_TEST(one_host_is_not_asked_by_all_scripts_at_once),
    FX_TEST(host_rules_come_before_those_of_ports),
    FX_TEST(nmaps_scripts_are_selected_and_loaded_as_nmap_does),
};

TEST_MAIN(tests)
