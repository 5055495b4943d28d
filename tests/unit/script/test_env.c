/* What a script finds around it: globals, strictness, libraries, the sandbox, Lua 5.3's ways, and
 * the nmap table. Each case is a script of its own that asserts. */
#include "tests/unit/script/fixture.h"

#include <fcntl.h>

struct env_case {
    const char *name, *body;
};

static void run_cases(const struct env_case *cases, size_t n)
{
    char name[32];

    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "case%zu", i);
        fx_script(name, "prerule", cases[i].body);
    }
    fx_run("case*", NULL, 0);
    for (size_t i = 0; i < n; i++) {
        const struct fx_result *r;

        snprintf(name, sizeof name, "case%zu", i);
        r = fx_result_of(name);
        if (!r || r->outcome != SCRIPT_NO_OUTPUT)
            fail_msg("%s: %s", cases[i].name, r && r->reason ? r->reason : "no result");
    }
}

static const struct env_case globals[] = {
    {"modules", "for _, m in ipairs{'nmap', 'openssl', 'lpeg', 'lfs', 'zlib'} do "
                "assert(_G[m] == package.loaded[m], m) end"},
    {"no more than the API", "assert(rawget(_G, 'warn') == nil and rawget(_G, 'bit32') == nil)"},
    {"reading an undeclared name",
     "local ok, e = pcall(function() return nosuch end) "
     "assert(not ok and e:find(\"variable 'nosuch' is not declared\", 1, true), e)"},
    {"assigning an undeclared name",
     "local ok, e = pcall(function() _G.nosuch = 1 end) "
     "assert(not ok and e:find(\"assign to undeclared variable 'nosuch'\", 1, true), e)"},
    {"the place of a strict error", "local ok, e = pcall(function() return nosuch end) "
                                    "assert(e:find('case%d+%.nse:%d+: '), e)"},
    {"rawset goes past", "rawset(_G, 'made', 1) assert(made == 1) rawset(_G, 'made', nil)"},
    {"own globals stay in the script", "own = 5 assert(own == 5 and rawget(_G, 'own') == nil)"},
    {"who am I", "assert(SCRIPT_TYPE == 'prerule' and SCRIPT_NAME:find('^case') and "
                 "SCRIPT_PATH:find('%.nse$'))"},
    {"strict for others",
     "local env = require('strict')({}) assert(not pcall(function() return env.x end))"},
};

static const struct env_case sandbox[] = {
    {"os.execute",
     "local ok, e = pcall(os.execute, 'true') assert(not ok and e:find('os.execute'), e)"},
    {"os.exit", "assert(not pcall(os.exit))"},
    {"io.popen", "assert(not pcall(io.popen, 'true'))"},
    {"os.getenv", "assert(os.getenv('PATH') == nil)"},
    {"reading outside", "local f, e, n = io.open('/etc/passwd') assert(f == nil and n == 13, e)"},
    {"reading outside by ..",
     "local f, e, n = io.open(SCRIPT_PATH .. '/../../../../../../../etc/passwd') "
     "assert(f == nil)"},
    {"a missing file", "local f, e, n = io.open('/nonexistent') assert(f == nil and n == 2, e)"},
    {"reading data",
     "local f = assert(io.open(SCRIPT_PATH)) assert(f:read('a'):find('action')) f:close()"},
    {"lines of data", "local n = 0 for l in io.lines(SCRIPT_PATH) do n = n + 1 end assert(n >= 4)"},
    {"lines outside", "assert(not pcall(io.lines, '/etc/passwd'))"},
    {"writing", "local f, e, n = io.open(SCRIPT_PATH, 'w') assert(f == nil and n == 13)"},
    {"appending", "assert(not io.open(SCRIPT_PATH, 'r+')) assert(not io.open(SCRIPT_PATH, 'a'))"},
    {"removing", "assert(os.remove(SCRIPT_PATH) == nil and os.rename(SCRIPT_PATH, 'x') == nil)"},
    {"tmpname", "assert(not pcall(os.tmpname))"},
    {"loadfile outside",
     "assert(loadfile('/etc/passwd') == nil) assert(not pcall(dofile, '/etc/passwd'))"},
    {"bytecode",
     "local f, e = load(string.dump(function() end)) assert(f == nil and e:find('binary'), e) "
     "assert(load(string.dump(function() end), 'x', 'b') == nil) assert(load('return 1')() == 1)"},
    {"environment of load", "assert(load('return x', 'n', 't', {x = 3})() == 3)"},
    {"shared objects", "assert(package.loadlib == nil) local ok, e = pcall(require, 'cjson') "
                       "assert(not ok and not e:find('%.so'), e)"},
    {"library names",
     "assert(not pcall(require, '../x')) assert(not pcall(require, '/etc/passwd'))"},
    {"no finalizers",
     "local t = setmetatable({}, {__gc = function() while true do end end}) t = nil "
     "collectgarbage()"},
    {"a finalizer's field stays readable",
     "local mt = {__gc = 5} setmetatable({}, mt) assert(mt.__gc == 5)"},
    {"debug cannot change what is C's",
     "assert(debug.setupvalue == nil and debug.upvaluejoin == nil) "
     "assert(not pcall(debug.setmetatable, io.open(SCRIPT_PATH), {}))"},
    {"debug keeps what looks",
     "assert(debug.getinfo(1, 'S').what == 'Lua') assert(debug.traceback('x'):find('^x'))"},
    {"file metatable", "assert(getmetatable(io.open(SCRIPT_PATH)) == false)"},
    {"the registry is not the real one", "assert(next(debug.getregistry()) == nil)"},
    {"collectgarbage", "assert(collectgarbage('count') > 0 and collectgarbage('stop') == 0)"},
    {"errors of wrapped functions keep place and name",
     "local ok, e = pcall(function() io.open() end) assert(e:find(\"case%d+%.nse:%d+: bad argument "
     "#1 to 'open'\"), e)"},
};

static const struct env_case compat[] = {
    {"unpack z without NUL",
     "local s, n = string.unpack('z', 'abc') assert(s == 'abc' and n == 5)"},
    {"unpack z with NUL", "local s, n = string.unpack('z', 'ab\\0c') assert(s == 'ab' and n == 4)"},
    {"unpack z in the middle",
     "local a, b, n = string.unpack('<I2z', 'abcdef') assert(b == 'cdef' and n == 8)"},
    {"unpack z of nothing", "assert(string.unpack('z', '') == '')"},
    {"unpack past the end",
     "local ok, e = pcall(function() return string.unpack('zB', 'abc') end) "
     "assert(not ok and e:find(\"bad argument #2 to 'unpack'\", 1, true), e)"},
    {"bitwise on numeric strings",
     "assert('10' & 3 == 2 and '7' | 8 == 15 and '1' << 2 == 4 and ~'1' == -2)"},
    {"bitwise on text", "assert(not pcall(function() return 'x' & 1 end)) assert(not "
                        "pcall(function() return {} | '1' end))"},
};

static const struct env_case nmap[] = {
    {"options",
     "assert(nmap.verbosity() == 1 and nmap.debugging() == 0 and nmap.timing_level() == 3 and "
     "nmap.version_intensity() == 9 and nmap.address_family() == 'inet')"},
    {"clocks are floats",
     "assert(math.type(nmap.clock()) == 'float' and math.type(nmap.clock_ms()) == 'float' "
     "and nmap.clock() == 1700000000.0 and nmap.clock_ms() == 1700000000000.0)"},
    {"fetchfile",
     "assert(nmap.fetchfile('nselib/stdnse.lua')) assert(nmap.fetchfile('nselib') == nil) "
     "assert(nmap.fetchfile('../x') == nil)"},
    {"random bytes", "assert(#nmap.get_random_bytes(9) == 9 and nmap.get_random_bytes(0) == '') "
                     "assert(not pcall(nmap.get_random_bytes, -1))"},
    {"interfaces",
     "local lo for _, i in ipairs(nmap.list_interfaces()) do if i.device == 'lo' and i.netmask == "
     "8 then "
     "lo = i end end assert(lo and lo.link == 'loopback' and lo.address == '127.0.0.1') "
     "assert(nmap.get_interface_info('lo').shortname == 'lo') "
     "local no, why = nmap.get_interface_info('nosuch') assert(no == false and why == 'failed to "
     "find interface')"},
    {"registry", "assert(type(nmap.registry.args) == 'table') nmap.registry.mine = 5 "
                 "assert(nmap.registry.mine == 5)"},
    {"try", "local try = nmap.new_try() assert(try(true, 5) == 5)"},
    {"failed try", "local caught local try = nmap.new_try(function() caught = true end) "
                   "local ok, e = pcall(try, false, 'why') assert(not ok and caught and e.errtype "
                   "== 'nmap.new_try' and "
                   "e.message == 'why')"},
    {"a catch that is called",
     "local caught local callable = setmetatable({}, {__call = function() caught = true end}) "
     "pcall(nmap.new_try(callable), false) assert(caught) "
     "local ok, e = pcall(nmap.new_try(5), false) assert(e == 'attempt to call a number value', "
     "tostring(e))"},
    {"targets",
     "assert(nmap.add_targets('192.0.2.1', '192.0.2.2') == 2 and nmap.add_targets() == 2 and "
     "nmap.new_targets_num() == 2)"},
    {"log", "nmap.log_write('stdout', 'logged') assert(not pcall(nmap.log_write, 'file', 'x'))"},
    {"unknown host",
     "local ok, e = pcall(nmap.get_port_state, {ip = '192.0.2.9'}, {number = 1, protocol = 'tcp'}) "
     "assert(not ok and e:find('host is not being processed right now', 1, true), e)"},
    {"host without address",
     "local ok, e = pcall(nmap.get_port_state, {}, {}) "
     "assert(e == \"host table does not have a 'ip' or 'targetname' field\", e)"},
    {"resolve without a resolver",
     "local ok, e = nmap.resolve('x.example') assert(ok == false and e == 'Failed to resolve')"},
    {"mutex", "local m = nmap.mutex('a') assert(m == nmap.mutex('a')) m('lock') "
              "assert(m('trylock') == false) "
              "assert(m('running') == coroutine.running()) m('done') assert(m('running') == nil) "
              "local ok, e = pcall(m, 'done') assert(not ok and e:find('do not have a lock on this "
              "mutex', 1, true)) "
              "assert(not pcall(m, 'bogus')) assert(not pcall(nmap.mutex, 1)) assert(not "
              "pcall(nmap.mutex))"},
    {"a mutex stays while it is locked",
     "nmap.mutex('b')('lock') collectgarbage() local t = {} for i = 1, 2e5 do t = {t} end "
     "assert(nmap.mutex('b')('trylock') == false) nmap.mutex('b')('done')"},
    {"deadlock with oneself", "local m = nmap.mutex('c') m('lock') local ok, e = pcall(m, 'lock') "
                              "assert(not ok and e:find('deadlock'), e)"},
};

static const struct env_case threads[] = {
    {"worker",
     "local s = require 'stdnse' local got local co, info = s.new_thread(function(a, b) got = a + "
     "b end, 2, 3) "
     "assert(info() == 'suspended') nmap.socket.sleep(0.01) assert(got == 5 and info() == 'dead')"},
    {"worker's error",
     "local s = require 'stdnse' local _, info = s.new_thread(function() error({x = 5}) end) "
     "nmap.socket.sleep(0.01) local st, e = info() assert(st == 'dead' and e.x == 5)"},
    {"a worker's failed try", "local s = require 'stdnse' local _, info = s.new_thread(function() "
                              "nmap.new_try()(false, 'why') end) "
                              "nmap.socket.sleep(0.01) local st, e = info() assert(st == 'dead' "
                              "and e == 'why', tostring(e))"},
    {"identity", "local s = require 'stdnse' assert(s.getid() == SCRIPT_NAME and s.base() == "
                 "coroutine.running() "
                 "and not s.isworker() and s.getinfo():find(SCRIPT_NAME .. ' M:%x+') and "
                 "select('#', s.gethostport()) == 2)"},
    {"worker's identity",
     "local s = require 'stdnse' local is s.new_thread(function() is = s.isworker() and "
     "s.base() == coroutine.running() and s.getinfo():find(' W:') end) nmap.socket.sleep(0.01) "
     "assert(is)"},
    {"not a function", "local ok, e = pcall(require('stdnse').new_thread, 5) assert(not ok and "
                       "e:find('function expected'))"},
    {"condvar wakes one, then all",
     "local s = require 'stdnse' local c, n = nmap.condvar('cv'), 0 for i = 1, 3 do "
     "s.new_thread(function() "
     "nmap.condvar('cv')('wait') n = n + 1 nmap.socket.sleep(10) end) end nmap.socket.sleep(0.01) "
     "c('signal') nmap.socket.sleep(0.01) assert(n == 1, n) c('broadcast') nmap.socket.sleep(0.01) "
     "assert(n == 3)"},
    {"a dead thread broadcasts",
     "local s = require 'stdnse' local c = nmap.condvar('cv2') local woke s.new_thread(function() "
     "nmap.condvar('cv2') "
     "nmap.socket.sleep(0.1) error('x') end) c('wait') woke = true assert(woke)"},
    {"a dead owner releases", "local s = require 'stdnse' s.new_thread(function() "
                              "nmap.mutex('m1')('lock') nmap.socket.sleep(0.1) end) "
                              "nmap.socket.sleep(0.01) local m = nmap.mutex('m1') assert(not "
                              "m('trylock')) m('lock') m('done')"},
    {"locks pass in order", "local s = require 'stdnse' local m, log = nmap.mutex('m2'), '' "
                            "m('lock') for i = 1, 3 do s.new_thread(function() "
                            "local m = nmap.mutex('m2') m('lock') log = log .. i m('done') end) "
                            "end nmap.socket.sleep(0.01) m('done') "
                            "nmap.socket.sleep(0.01) assert(log == '123', log)"},
    {"a ring of locks is an error", "local s = require 'stdnse' local a, b = nmap.mutex('ra'), "
                                    "nmap.mutex('rb') a('lock') s.new_thread(function() "
                                    "nmap.mutex('rb')('lock') nmap.mutex('ra')('lock') end) "
                                    "nmap.socket.sleep(0.01) local ok, e = pcall(b, 'lock') "
                                    "assert(not ok and e:find('deadlock'), e)"},
    {"silent_require", "local ok, e = pcall(require('stdnse').silent_require, 'nosuch') assert(not "
                       "ok and type(e) == 'table') "
                       "assert(require('stdnse').silent_require('nmap') == nmap)"},
};

static void scripts_find_the_globals_of_the_api(void **state)
{
    (void)state;
    run_cases(globals, ARRAY_LEN(globals));
}

static void the_sandbox_keeps_scripts_in(void **state)
{
    (void)state;
    run_cases(sandbox, ARRAY_LEN(sandbox));
}

static void lua_behaves_as_5_3_where_scripts_need_it(void **state)
{
    (void)state;
    run_cases(compat, ARRAY_LEN(compat));
}

static void the_nmap_table_answers(void **state)
{
    (void)state;
    run_cases(nmap, ARRAY_LEN(nmap));
    assert_int_equal(fx->n_targets, 2);
    assert_non_null(strstr(fx->log.data, "logged"));
}

/* Hosts of both families are looked at by one worker. */
static void the_family_is_the_hosts(void **state)
{
    struct script_target targets[] = {fx_target("::1", NULL, 0), fx_target("127.0.0.1", NULL, 0)};

    (void)state;
    fx_script(
        "family", "hostrule",
        "local lo = nmap.get_interface_info('lo') local v6 = false "
        "for _, i in ipairs(nmap.list_interfaces()) do v6 = v6 or i.address == '::1' end "
        "local right = lo.address == host.ip and lo.netmask == (#host.bin_ip == 4 and 8 or 128) "
        "return nmap.address_family() .. ' ' .. tostring(right or not v6)");
    fx_run("family", targets, 2);
    assert_int_equal(fx->n_results, 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(fx->results[i].output,
                            fx->results[i].address[0] == ':' ? "inet6 true" : "inet true");
}

static void threads_and_locks_work(void **state)
{
    (void)state;
    run_cases(threads, ARRAY_LEN(threads));
}

static void a_scratch_directory_is_writable(void **state)
{
    char scratch[96];

    (void)state;
    snprintf(scratch, sizeof scratch, "%s/scratch", fx->dir);
    assert_int_equal(mkdir(scratch, 0700), 0);
    fx->o.scratch_dir = scratch;
    run_cases(
        &(struct env_case){
            "scratch",
            "local name = os.tmpname() local f = assert(io.open(name, 'w')) f:write('x') f:close() "
            "assert(io.open(name):read('a') == 'x') assert(os.rename(name, name .. '2')) "
            "assert(os.remove(name .. '2')) assert(not io.open(name .. '/../../x', 'w')) "
            "local f, e, n = io.open(SCRIPT_PATH, 'w') assert(f == nil and n == 13)"},
        1);
}

static void a_file_named_in_arguments_is_readable(void **state)
{
    (void)state;
    fx->o.args = "userdb=/etc/hostname,x={/etc/hosts}";
    run_cases(
        &(struct env_case){"named",
                           "assert(io.open('/etc/hostname')) assert(io.open('/etc/hosts')) "
                           "assert(not io.open('/etc/host')) assert(not io.open('/etc/passwd'))"},
        1);
}

/* What goes to the test's own standard output while a script runs. */
static off_t run_and_measure_output(const char *body)
{
    char path[96];
    int before, fd;
    off_t size;

    fx_script("out", "prerule", body);
    snprintf(path, sizeof path, "%s/stdout", fx->dir);
    fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    fflush(stdout);
    before = dup(STDOUT_FILENO);
    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    fx_run("out", NULL, 0);
    fflush(stdout);
    assert_int_equal(dup2(before, STDOUT_FILENO), STDOUT_FILENO);
    close(before);
    size = lseek(fd, 0, SEEK_END);
    close(fd);
    return size;
}

static void the_default_output_is_the_log(void **state)
{
    (void)state;
    assert_int_equal(run_and_measure_output("local f = io.output() f:write('one') "
                                            "io.write('two'):write('three', 4) "
                                            "assert(f:close() == nil and io.close() == nil) "
                                            "assert(not f:read('a') and not f:seek('set', 0)) "
                                            "io.output(f) io.output():write('five')"),
                     0);
    fx_expect("out", SCRIPT_NO_OUTPUT, NULL);
    assert_string_equal(fx->log.data, "out: one (out)\nout: two (out)\nout: three (out)\n"
                                      "out: 4 (out)\nout: five (out)\n");
}

static void arguments_that_do_not_parse_are_told(void **state)
{
    struct err e = {0};

    (void)state;
    fx->o.args = "a={b";
    assert_int_equal(fx_select("all", &e), -EINVAL);
    assert_non_null(strstr(e.text, "did not parse"));
}

#define FX_TEST(fn) cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)

static const struct CMUnitTest tests[] = {
    FX_TEST(scripts_find_the_globals_of_the_api),
    FX_TEST(the_sandbox_keeps_scripts_in),
    FX_TEST(lua_behaves_as_5_3_where_scripts_need_it),
    FX_TEST(the_nmap_table_answers),
    FX_TEST(the_family_is_the_hosts),
    FX_TEST(threads_and_locks_work),
    FX_TEST(a_scratch_directory_is_writable),
    FX_TEST(a_file_named_in_arguments_is_readable),
    FX_TEST(the_default_output_is_the_log),
    FX_TEST(arguments_that_do_not_parse_are_told),
};

TEST_MAIN(tests)
