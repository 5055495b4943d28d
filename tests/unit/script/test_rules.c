/* Rules that say no are asked of the next port in the same instance of their file, with the same
 * tables (engine/script/body.c): that no script can see it, and that it happens. */
#include "tests/unit/script/fixture.h"

#define N_PORTS 6
#define N_HOSTS 3

static struct port_finding ports[N_PORTS];
static struct script_target targets[N_HOSTS];

static void make_targets(void)
{
    char address[32];

    for (size_t i = 0; i < N_PORTS; i++)
        ports[i] = (struct port_finding){.protocol = PROTOCOL_TCP,
                                         .port = (uint16_t)(i + 1),
                                         .state = PORT_OPEN,
                                         .reason = REASON_SYN_ACK,
                                         .service = {.name = "x", .cpe = {"cpe:/a:b:c"}}};
    for (size_t i = 0; i < N_HOSTS; i++) {
        snprintf(address, sizeof address, "192.0.2.%zu", i + 1);
        targets[i] = fx_target(address, ports, N_PORTS);
    }
}

static void run_rule(const char *name, const char *file)
{
    struct buf b = {0};
    char path[64];

    buf_printf(&b, "categories = {} action = function() return 'yes' end\n%s\n", file);
    snprintf(path, sizeof path, "scripts/%s.nse", name);
    fx_write(fx->dir, path, b.data);
    buf_done(&b);
    make_targets();
    fx_run(name, targets, N_HOSTS);
}

/* Files whose rule says yes when it sees what an earlier call left. */
static const struct {
    const char *name, *file;
} leaving[] = {
    {"variable", "local n = 0 portrule = function() n = n + 1 return n > 1 end"},
    {"global", "n = 0 portrule = function() n = n + 1 return n > 1 end"},
    {"new_global", "portrule = function() local was = rawget(_ENV, 'n') n = 1 return was end"},
    {"table", "local t = {} portrule = function() t[#t + 1] = 1 return #t > 1 end"},
    {"insert", "local t = {5} portrule = function() table.insert(t, 1) return #t > 2 end"},
    {"field",
     "local t = {a = {b = 1}} portrule = function() t.a.b = t.a.b + 1 return t.a.b > 2 end"},
    {"removed",
     "local t = {a = 1} portrule = function() local was = t.a t.a = nil return not was end"},
    {"replaced",
     "local t = {a = {}} portrule = function() local was = t.a.x t.a = {x = 1} return was end"},
    {"inner_function", "local n = 0 local function f() n = n + 1 return n end portrule = "
                       "function() return f() > 1 end"},
    {"of_a_table", "local n = 0 local t = {f = function() n = n + 1 return n end} "
                   "portrule = function() return t.f() > 1 end"},
    {"metatable",
     "local t = {} portrule = function() local was = getmetatable(t) setmetatable(t, {}) "
     "return was end"},
    {"of_a_metatable", "local t = setmetatable({}, {__index = {n = 0}}) portrule = function() "
                       "local i = getmetatable(t).__index i.n = i.n + 1 return i.n > 1 end"},
    {"itself", "portrule = function() portrule = function() return true end return false end"},
    {"swapped", "local f, g = function() return false end, function() return true end "
                "portrule = function() local now = f f = g return now() end"},
    {"sometimes", "local n = 0 portrule = function(h, p) if p.number % 2 == 0 then n = n + 1 end "
                  "return n > 1 end"},
    {"late", "local n portrule = function(h, p) local was = n if p.number == 5 then n = 1 end "
             "return was end"},
    {"late_boolean", "local n = 1 portrule = function(h, p) local was = n if p.number == 4 then n "
                     "= true end return was == true end"},
    {"late_field", "local t = {1, 2} portrule = function(h, p) local n = #t if p.number == 4 then "
                   "t[3] = 1 end return n > 2 end"},
    {"coroutine",
     "local co = coroutine.wrap(function() for i = 1, 9 do coroutine.yield(i) end end) "
     "portrule = function() return co() > 1 end"},
    {"iterator", "local next_word = ('a b c d e f g'):gmatch('%a') portrule = function() "
                 "return next_word() ~= 'a' end"},
    {"float", "local n = 1 portrule = function() local was = n n = 1.0 return math.type(was) == "
              "'float' end"},
    {"host", "portrule = function(h, p) local was = h.mine h.mine = 1 return was end"},
    {"host_changed", "portrule = function(h, p) local was = h.ip h.ip = 'x' return was == 'x' end"},
    {"times", "portrule = function(h, p) local was = h.times.timeout h.times.timeout = 77 return "
              "was == 77 end"},
    {"mutex", "portrule = function() return not nmap.mutex('m')('trylock') end"},
    {"environment",
     "portrule = function() local e = _ENV local was = e.SCRIPT_NAME e.SCRIPT_NAME = 'x' "
     "return was == 'x' end"},
    {"by_library",
     "local t = {} local lib = require 'lib' portrule = function() return lib.count(t) > 1 end"},
    {"made_by_library", "portrule = require('lib').counter()"},
    {"after_a_wait",
     "local n = 0 portrule = function() n = n + 1 nmap.socket.sleep(0.1) return n > 1 end"},
    {"file_counts", "local r = nmap.registry r.bodies = (r.bodies or 0) + 1 local n = r.bodies "
                    "portrule = function() r.asked = (r.asked or 0) + 1 return r.asked ~= n end"},
};

static void what_a_rule_leaves_is_not_seen_from_another_port(void **state)
{
    (void)state;
    fx_write(
        fx->dir, "nselib/lib.lua",
        "return {count = function(t) t.n = (t.n or 0) + 1 return t.n end, "
        "counter = function() local n = 0 return function() n = n + 1 return n > 1 end end}\n");
    for (size_t i = 0; i < ARRAY_LEN(leaving); i++) {
        run_rule(leaving[i].name, leaving[i].file);
        for (size_t k = 0; k < fx->n_results; k++)
            fail_msg("%s: port %u: %s", leaving[i].name, fx->results[k].port,
                     fx->results[k].outcome == SCRIPT_OK ? fx->results[k].output
                                                         : fx->results[k].reason);
        fx->host = script_host_free(fx->host);
    }
}

static void what_another_script_wrote_into_its_tables_is_not_seen(void **state)
{
    (void)state;
    fx_write(
        fx->dir, "scripts/a.nse",
        "categories = {} action = print portrule = function(h, p) h.x = 1 p.x = 1 h.times.x = 1 "
        "p.version.x = 1 p.version.cpe[2] = 1 p.service = nil end\n");
    fx_write(fx->dir, "scripts/c.nse",
             "categories = {} action = print portrule = function(h, p) h.registry.x = 1 "
             "setmetatable(p, {__index = {x = 1}}) end\n");
    for (int i = 0; i < 2; i++)
        run_rule(i ? "d" : "b", "portrule = function(h, p) return h.x or p.x or h.times.x or "
                                "p.version.x or p.version.cpe[2] or p.service ~= 'x' end");
    fx_run("*", targets, N_HOSTS);
    assert_int_equal(fx->n_results, 0);
}

/* "late" depends on nothing, so it is asked with the port as it was found; its file waits until
 * "after" has been asked.  Tables are lent for as long as some script has not begun: "last". */
static void what_a_rule_wrote_before_it_named_the_service_is_not_seen(void **state)
{
    (void)state;
    fx_write(fx->dir, "scripts/before.nse",
             "categories = {} action = print hostrule = function() return false end\n");
    fx_write(
        fx->dir, "scripts/after.nse",
        "categories = {} dependencies = {'before'} action = print\n"
        "portrule = function(h, p) p.version.name = 'other' nmap.set_port_version(h, p) end\n");
    fx_write(fx->dir, "scripts/last.nse",
             "categories = {} dependencies = {'late'} action = print\n"
             "portrule = function() return false end\n");
    run_rule("late", "if rawget(_ENV, 'SCRIPT_TYPE') then nmap.socket.sleep(1) end "
                     "portrule = function(h, p) return p.version.name ~= 'x' end");
    fx->host = script_host_free(fx->host);
    fx_run("*", targets, N_HOSTS);
    assert_non_null(fx->ports.data);
    assert_int_equal(fx->n_results, 0);
}

static void what_an_action_wrote_into_its_tables_is_not_seen(void **state)
{
    (void)state;
    fx_write(fx->dir, "scripts/a.nse",
             "categories = {} portrule = function(h, p) return p.number == 1 end action = "
             "function(h, p) "
             "h.x = 1 p.x = 1 end\n");
    run_rule("b", "dependencies = {'a'} portrule = function(h, p) return h.x or p.x end");
    fx->host = script_host_free(fx->host);
    fx_run("*", targets, N_HOSTS);
    assert_int_equal(fx->n_results, N_HOSTS);
    for (size_t i = 0; i < fx->n_results; i++)
        assert_int_equal(fx->results[i].outcome, SCRIPT_NO_OUTPUT);
}

static void what_a_rule_leaves_is_seen_from_its_action(void **state)
{
    (void)state;
    run_rule("a",
             "local n, last = 0, 'none' portrule = function(h, p) n = n + 1 last = p.number "
             "p.mine = -p.number h.mine = h.ip h.registry.n = (h.registry.n or 0) + 1 "
             "return p.number % 2 == 0 end "
             "action = function(h, p) return ('%d %d %d %s'):format(n, last, p.mine, h.mine) end");
    assert_int_equal(fx->n_results, N_HOSTS * N_PORTS / 2);
    for (size_t i = 0; i < fx->n_results; i++) {
        char want[64];
        unsigned port = fx->results[i].port;

        snprintf(want, sizeof want, "1 %u -%u %s", port, port, fx->results[i].address);
        assert_string_equal(fx->results[i].output, want);
        assert_int_equal(port % 2, 0);
    }
}

/* Rules that only look, made in the ways in which scripts make them. */
static const char *const looking[] = {
    "portrule = function() return false end",
    "portrule = function(h, p) return p.number == 99 or h.ip == '' end",
    "local wanted, names = {['1'] = false, x = {7}}, {'a', 'b'} local function is(p) "
    "return wanted[p.number] or wanted.x[1] == p.number end "
    "portrule = function(h, p) return is(p) or p.service == names[1] end",
    "portrule = require('lib').rule({99, 100}, 'tcp')",
    "portrule = require('lib').never",
};

static void rules_that_only_look_are_asked_in_few_threads(void **state)
{
    (void)state;
    fx_write(fx->dir, "nselib/lib.lua",
             "local calls = 0 return {never = function() calls = calls + 1 return false end, "
             "rule = function(ports, protocol) return function(h, p) for _, n in ipairs(ports) do "
             "if n == p.number and p.protocol == protocol then return true end end end end}\n");
    for (size_t i = 0; i < ARRAY_LEN(looking); i++) {
        struct script_stats stats;

        run_rule("a", looking[i]);
        script_host_stats(fx->host, &stats);
        assert_int_equal(fx->n_results, 0);
        /* the file is loaded, its first two instances show what a third has to look like */
        if (stats.threads_started > 2 + N_HOSTS + 2)
            fail_msg("%s: %u threads", looking[i], (unsigned)stats.threads_started);
        fx->host = script_host_free(fx->host);
    }
}

static void rules_that_wait_do_so_side_by_side(void **state)
{
    usec_t begin;

    (void)state;
    begin = loop_now(fx->loop);
    run_rule("a", "portrule = function(h, p) nmap.socket.sleep(1) return p.number > 3 end");
    assert_int_equal(fx->n_results, N_HOSTS * 3);
    assert_true(loop_now(fx->loop) - begin < 2 * USEC_PER_SEC);
}

static void actions_that_wait_do_so_side_by_side(void **state)
{
    usec_t begin;

    (void)state;
    begin = loop_now(fx->loop);
    run_rule("a", "portrule = function(h, p) return p.number > 3 end "
                  "action = function() nmap.socket.sleep(1) return 'x' end");
    assert_int_equal(fx->n_results, N_HOSTS * 3);
    assert_true(loop_now(fx->loop) - begin < 2 * USEC_PER_SEC);
}

static void an_error_is_its_port_s_alone(void **state)
{
    (void)state;
    run_rule("a", "portrule = function(h, p) if p.number == 4 then error('four') end "
                  "return p.number > 4 end action = function(h, p) return tostring(p.number) end");
    assert_int_equal(fx->n_results, N_HOSTS * 3);
    for (size_t i = 0; i < fx->n_results; i++) {
        const struct fx_result *r = &fx->results[i];

        assert_int_equal(r->outcome, r->port == 4 ? SCRIPT_ERROR : SCRIPT_OK);
        assert_non_null(strstr(r->port == 4 ? r->reason : "four", "four"));
    }
}

/* Every ceiling of memory fails at another place. */
static void running_out_of_memory_is_survived(void **state)
{
    unsigned opened = 0;

    (void)state;
    make_targets();
    fx_write(fx->dir, "scripts/a.nse",
             "categories = {} local t = {1, {2}, f = function() return t end} "
             "portrule = function(h, p) return t[1] == h or t.f == p end action = print\n");
    for (size_t limit = 20000; limit < 500000; limit += limit / 97) {
        struct err e = {0};

        fx->o.memory_limit = limit;
        fx->job_done = false;
        if (fx_select("a", &e) < 0 || script_job_start(fx->host, FX_JOB, &e) < 0) {
            fx->host = script_host_free(fx->host);
            continue;
        }
        opened++;
        for (size_t i = 0; i < N_HOSTS; i++)
            assert_int_equal(script_job_add_host(fx->host, FX_JOB, &targets[i], &e), 0);
        assert_int_equal(script_job_finish(fx->host, FX_JOB), 0);
        fx_wait(10);
        assert_true(fx->job_done);
        fx->host = script_host_free(fx->host);
        fx_forget_results();
    }
    assert_true(opened > 10);
}

#define FX_TEST(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)

static const struct CMUnitTest tests[] = {
    FX_TEST(what_a_rule_leaves_is_not_seen_from_another_port),
    FX_TEST(what_another_script_wrote_into_its_tables_is_not_seen),
    FX_TEST(what_a_rule_wrote_before_it_named_the_service_is_not_seen),
    FX_TEST(what_an_action_wrote_into_its_tables_is_not_seen),
    FX_TEST(what_a_rule_leaves_is_seen_from_its_action),
    FX_TEST(rules_that_only_look_are_asked_in_few_threads),
    FX_TEST(rules_that_wait_do_so_side_by_side),
    FX_TEST(actions_that_wait_do_so_side_by_side),
    FX_TEST(an_error_is_its_port_s_alone),
    FX_TEST(running_out_of_memory_is_survived),
};

TEST_MAIN(tests)
