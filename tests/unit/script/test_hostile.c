/* Scripts that mean harm, all in one job, beside a hundred that do their work over real sockets on
 * the real clock: each ends with an outcome of its own in bounded time, and the hundred do not
 * notice. */
#include "tests/unit/script/fixture.h"

#include "engine/loop/guard.h"

#include <time.h>

#include "peers.h"

#define N_GOOD          100
#define CPU_SECONDS_MAX 200 /* for all of them, under a sanitizer; a busy machine takes longer */
#define IDLE_TURNS_MAX  600 /* of 50 ms */

struct hostile {
    const char *name, *body;
    const char *text; /* is in its output or reason */
    enum script_outcome outcome;
};

static struct peers peers;
static int outside_tcp, outside_udp; /* on 127.0.0.2, on one port: where scripts may not go */
static uint16_t outside_port;

/* ---- the corpus ---- */

#define LOOP_WHEN_CLOSED                                                                           \
    "local x <close> = setmetatable({}, {__close = function() while true do end end}) "

static const struct hostile loops[] = {
    {"loop", "while true do end", "CPU time", SCRIPT_ERROR},
    {"loop-gsub", "string.gsub('a', 'a', function() while true do end end)", NULL, SCRIPT_ERROR},
    {"loop-sort", "table.sort({1, 2, 3}, function() while true do end end)", NULL, SCRIPT_ERROR},
    {"loop-coroutine",
     "local co = coroutine.create(function() while true do end end) "
     "while true do coroutine.resume(co) end",
     "CPU time", SCRIPT_ERROR},
    {"loop-wrap", "coroutine.wrap(function() while true do end end)()", "CPU time", SCRIPT_ERROR},
    {"loop-pcall", "while true do pcall(function() while true do end end) end", "CPU time",
     SCRIPT_ERROR},
    {"loop-handler", "while true do xpcall(error, function() while true do end end) end", NULL,
     SCRIPT_ERROR},
    {"loop-gc",
     "local mt = {} mt.__gc = function() while true do end end\n"
     "setmetatable({}, mt) debug.setmetatable({}, mt)\n"
     "local late = setmetatable({}, {}) getmetatable(late).__gc = mt.__gc late = nil\n"
     "for i = 1, 1e5 do local t = {} end collectgarbage() return 'not run'",
     "not run", SCRIPT_OK},
    {"loop-close",
     "local x <close> = setmetatable({}, {__close = function() while true do end end})", "CPU time",
     SCRIPT_ERROR},
    {"loop-beside-close", LOOP_WHEN_CLOSED "while true do end", "CPU time", SCRIPT_ERROR},
    {"loop-beside-close-wrap",
     "coroutine.wrap(function() " LOOP_WHEN_CLOSED "while true do end end)()", "CPU time",
     SCRIPT_ERROR},
    {"loop-beside-close-gsub",
     LOOP_WHEN_CLOSED "string.gsub('a', 'a', function() while true do end end)", NULL,
     SCRIPT_ERROR},
    {"loop-close-wrap", "coroutine.wrap(function() " LOOP_WHEN_CLOSED "error('x') end)()", NULL,
     SCRIPT_ERROR},
    {"loop-close-coroutine",
     "local co = coroutine.create(function() " LOOP_WHEN_CLOSED "coroutine.yield() end) "
     "coroutine.resume(co) coroutine.close(co)",
     NULL, SCRIPT_ERROR},
    {"loop-bursts", "while true do for i = 1, 2e5 do end nmap.socket.sleep(0) end", "CPU time",
     SCRIPT_ERROR},
    {"loop-index", "return setmetatable({}, {__index = function() while true do end end}).x",
     "CPU time", SCRIPT_ERROR},
    {"loop-tostring", "return setmetatable({}, {__tostring = function() while true do end end})",
     NULL, SCRIPT_ERROR},
    {"loop-pairs", "return setmetatable({}, {__pairs = function() while true do end end})", NULL,
     SCRIPT_ERROR},
    {"loop-load", "load(function() while true do end end)", NULL, SCRIPT_ERROR},
    {"loop-reader", "load(function() return ' ' end)", NULL, SCRIPT_ERROR},
    {"loop-worker",
     "local co, info = require('stdnse').new_thread(function() while true do end end)\n"
     "while coroutine.status(co) ~= 'dead' do nmap.socket.sleep(0.01) end\n"
     "return tostring(select(2, info()))",
     "CPU time", SCRIPT_OK},
    {"loop-find", "('a'):rep(1 << 16):find('.-.-.-.-b')", "CPU time", SCRIPT_ERROR},
    {"loop-gmatch", "for _ in ('a'):rep(1 << 16):gmatch('a*a*a*a*b') do end", "CPU time",
     SCRIPT_ERROR},
    {"loop-gsub-pattern", "('a'):rep(1 << 16):gsub('(.-).-.-%1b', '')", "CPU time", SCRIPT_ERROR},
    {"loop-balance", "('('):rep(1 << 21):match('%b()')", "CPU time", SCRIPT_ERROR},
    {"loop-set", "('a'):rep(1 << 21):find('[' .. ('b'):rep(1 << 21) .. ']')", "CPU time",
     SCRIPT_ERROR},
    {"loop-lock", "local m = nmap.mutex('theirs') while true do m('trylock') m('running') end",
     "CPU time", SCRIPT_ERROR},
};

static const struct hostile bombs[] = {
    {"bomb-table", "local t = {} while true do t[#t + 1] = {} end", NULL, SCRIPT_ERROR},
    {"bomb-string", "local s = 'x' while true do s = s .. s end", NULL, SCRIPT_ERROR},
    {"bomb-pcall",
     "local t = {} while true do pcall(function() t[#t + 1] = string.rep('x', 1e6) .. #t end) end",
     NULL, SCRIPT_ERROR},
    {"bomb-rep", "return #string.rep('x', 1 << 40)", "resulting string too large", SCRIPT_ERROR},
    {"bomb-coroutines", "local t = {} while true do t[#t + 1] = coroutine.wrap(function() end) end",
     NULL, SCRIPT_ERROR},
    {"bomb-workers", "while true do require('stdnse').new_thread(nmap.socket.sleep, 1000) end",
     "too many threads (1000)", SCRIPT_ERROR},
    {"bomb-mutexes", "local t = {} while true do t[#t + 1] = nmap.mutex({}) t[#t]('lock') end",
     NULL, SCRIPT_ERROR},
    {"bomb-registry",
     "nmap.registry.bomb = {} while true do table.insert(nmap.registry.bomb, ('x'):rep(1e5) .. "
     "#nmap.registry.bomb) end",
     NULL, SCRIPT_ERROR},
    {"bomb-recursion", "local function f() return 1 + f() end return f()", NULL, SCRIPT_ERROR},
    {"bomb-c-stack", "local f f = function() return string.gsub('a', 'a', f) end f()",
     "C stack overflow", SCRIPT_ERROR},
    {"bomb-nested", "local t = {} for i = 1, 1e4 do t = {t} end return t", "nests", SCRIPT_ERROR},
    {"bomb-sockets",
     "local kept = {} for i = 1, 10000 do kept[i] = nmap.new_socket('udp')\n"
     "assert(kept[i]:connect('127.0.0.1', nmap.registry.args.udp)) end",
     "too many open sockets", SCRIPT_ERROR},
    {"bomb-dropped-sockets",
     "for i = 1, 1500 do\n"
     "assert(nmap.new_socket('udp'):connect('127.0.0.1', nmap.registry.args.udp)) end\n"
     "return 'all collected'",
     "all collected", SCRIPT_OK},
};

static const struct hostile outputs[] = {
    {"output-100-mb", "return ('0123456789'):rep(10 << 20)", NULL, SCRIPT_ERROR},
    {"output-100-mb-table", "local t = {} for i = 1, 100 do t[i] = ('x'):rep(1 << 20) end return t",
     NULL, SCRIPT_ERROR},
    {"output-endless", "return setmetatable({}, {__index = function() return 'x' end})", NULL,
     SCRIPT_ERROR},
    {"output-endless-pairs",
     "return setmetatable({}, {__pairs = function() return function(_, k) return (k or '') .. 'x', "
     "1 end end})",
     NULL, SCRIPT_ERROR},
    {"output-cycle", "local t = {} t[1] = t return t", "nests", SCRIPT_ERROR},
    {"output-binary", "return '\\0\\1\\27[2J\\127\\255'", "", SCRIPT_OK},
    {"output-not-utf8", "return {bad = '\\xc3\\x28\\xed\\xa0\\x80\\xf8', ['\\xff'] = '\\xfe'}",
     "bad", SCRIPT_OK},
};

static const struct hostile escapes[] = {
    {"os-execute", "os.execute('touch escaped')", "os.execute is not available to scripts",
     SCRIPT_ERROR},
    {"os-exit", "os.exit(0)", "os.exit is not available to scripts", SCRIPT_ERROR},
    {"io-popen", "io.popen('touch escaped')", "io.popen is not available to scripts", SCRIPT_ERROR},
    {"so-require", "require('evil')", "module 'evil' not found", SCRIPT_ERROR},
    {"so-path",
     "package.cpath = nmap.registry.args.dir .. '/nselib/?.so;./?.so' "
     "package.path = '/?.lua;/etc/?' require('evil')",
     "module 'evil' not found", SCRIPT_ERROR},
    {"so-loadlib", "package.loadlib('evil.so', 'luaopen_evil')", "field 'loadlib'", SCRIPT_ERROR},
    {"bytecode", "assert(load('\\27Lua', 'x', 'b'))", "mode is '-'", SCRIPT_ERROR},
    {"shadow", "return assert(io.open('/etc/shadow')):read('a')", "/etc/shadow: Permission denied",
     SCRIPT_ERROR},
    {"shadow-lines", "for l in io.lines('/etc/shadow') do return l end", "Permission denied",
     SCRIPT_ERROR},
    {"shadow-load", "return tostring(select(2, loadfile('/etc/shadow')))", "Permission denied",
     SCRIPT_OK},
    {"shadow-dofile", "dofile('/etc/shadow')", "Permission denied", SCRIPT_ERROR},
    {"shadow-input", "io.input('/etc/shadow')", "io.input is not available", SCRIPT_ERROR},
    {"shadow-dots", "return assert(io.open(SCRIPT_PATH .. '/../../../../../../../../etc/shadow'))",
     NULL, SCRIPT_ERROR},
    {"shadow-link", "return assert(io.open(nmap.registry.args.dir .. '/link')):read('a')",
     "Permission denied", SCRIPT_ERROR},
    {"shadow-proc", "return assert(io.open('/proc/self/environ')):read('a')", "Permission denied",
     SCRIPT_ERROR},
    {"shadow-lfs", "for name in require('lfs').dir('/etc') do return name end", NULL, SCRIPT_ERROR},
    {"scope-tcp",
     "return select(2, nmap.new_socket():connect('127.0.0.2', nmap.registry.args.outside))",
     "ERROR", SCRIPT_OK},
    {"scope-tls",
     "return select(2, nmap.new_socket():connect('127.0.0.2', nmap.registry.args.outside, 'ssl'))",
     "ERROR", SCRIPT_OK},
    {"scope-udp",
     "local s = nmap.new_socket('udp') return tostring(select(2, s:sendto('127.0.0.2', "
     "nmap.registry.args.outside, 'x')))",
     "ERROR", SCRIPT_OK},
    {"scope-raw", "local d = nmap.new_dnet() d:ip_open()", NULL, SCRIPT_ERROR},
};

static const struct hostile others[] = {
    {"mutex-self", "local m = nmap.mutex('c') m('lock') m('lock')", "deadlock", SCRIPT_ERROR},
    {"mutex-foreign", "nmap.mutex('d')('done')", "do not have a lock", SCRIPT_ERROR},
    {"stray", "coroutine.yield()", "yielded unexpectedly", SCRIPT_ERROR},
    {"kill-base", "coroutine.close(require('stdnse').base())", "cannot close a running coroutine",
     SCRIPT_ERROR},
    {"error-table", "error({})", "(error object is a table value)", SCRIPT_ERROR},
    {"error-metatable",
     "error(setmetatable({}, {__tostring = function() while true do end end, "
     "__index = function() while true do end end}))",
     "(error object is a table value)", SCRIPT_ERROR},
    {"break-globals",
     "for k in pairs(_G) do _ENV[k] = nil end string = nil rawset(_ENV, 'table', nil) return "
     "'mine'",
     "mine", SCRIPT_OK},
};

/* Ends by the wall limit: what no budget of CPU or memory sees. */
static const struct hostile waiters[] = {
    {"wait-in-turns", "while true do nmap.socket.sleep(1) end", NULL, SCRIPT_TIMEOUT},
    {"wait-sleep", "pcall(nmap.socket.sleep, 1000) return 'never'", NULL, SCRIPT_TIMEOUT},
    {"wait-receive",
     "local s = nmap.new_socket('udp') s:set_timeout(-1) assert(s:connect('127.0.0.1', "
     "nmap.registry.args.udp)) s:receive() return 'never'",
     NULL, SCRIPT_TIMEOUT},
};

static const char good[] = "local s = nmap.new_socket()\n"
                           "s:set_timeout(60000)\n"
                           "assert(s:connect('127.0.0.1', nmap.registry.args.echo))\n"
                           "for i = 1, 50 do\n"
                           "  local text = ('%s %d\\n'):format(SCRIPT_NAME, i)\n"
                           "  assert(s:send(text))\n"
                           "  local ok, line = s:receive_buf('\\n', true)\n"
                           "  assert(ok and line == text, line)\n"
                           "  local t = {} for k = 1, 100 do t[k] = k .. text end\n"
                           "  assert(#table.concat(t) > 100 * #text)\n"
                           "  nmap.socket.sleep(0.01)\n"
                           "end\n"
                           "s:close()\n"
                           "return 'fine'";

/* ---- the job ---- */

static const struct {
    const struct hostile *v;
    size_t n;
} corpus[] = {
    {loops, ARRAY_LEN(loops)},     {bombs, ARRAY_LEN(bombs)},   {outputs, ARRAY_LEN(outputs)},
    {escapes, ARRAY_LEN(escapes)}, {others, ARRAY_LEN(others)}, {waiters, ARRAY_LEN(waiters)},
};

/* An error in each rule, and in each action. */
static void write_errors(void)
{
    static const char *const rules[] = {"prerule", "hostrule", "portrule", "postrule"};
    char name[64], source[256];

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        snprintf(name, sizeof name, "scripts/error-%s.nse", rules[i]);
        snprintf(source, sizeof source,
                 "categories = {}\n%s = function() error('in the rule') end\naction = print\n",
                 rules[i]);
        fx_write(fx->dir, name, source);
        snprintf(name, sizeof name, "error-%s-action", rules[i]);
        fx_script(name, rules[i], "error('in the action')");
    }
}

static void expect_errors(void)
{
    static const char *const rules[] = {"prerule", "hostrule", "portrule", "postrule"};
    char name[64];

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        snprintf(name, sizeof name, "error-%s", rules[i]);
        fx_expect(name, SCRIPT_ERROR, "in the rule");
        snprintf(name, sizeof name, "error-%s-action", rules[i]);
        fx_expect(name, SCRIPT_ERROR, "in the action");
    }
}

static void write_good(void)
{
    char name[32];

    for (int i = 0; i < N_GOOD; i++) {
        snprintf(name, sizeof name, "good%d", i);
        fx_script(name, "prerule", good);
    }
}

static void expect_good(void)
{
    char name[32];

    for (int i = 0; i < N_GOOD; i++) {
        snprintf(name, sizeof name, "good%d", i);
        fx_expect(name, SCRIPT_OK, "fine");
    }
}

static void write_corpus(void)
{
    char name[64];

    for (size_t i = 0; i < ARRAY_LEN(corpus); i++)
        for (size_t k = 0; k < corpus[i].n; k++)
            fx_script(corpus[i].v[k].name, "prerule", corpus[i].v[k].body);
    fx_script("mutex-a", "prerule",
              "nmap.mutex('a')('lock') nmap.socket.sleep(0.2) nmap.mutex('b')('lock') "
              "return 'went on'");
    fx_script("mutex-b", "prerule",
              "nmap.mutex('b')('lock') nmap.socket.sleep(0.2) nmap.mutex('a')('lock') "
              "return 'went on'");
    write_errors();
    write_good();
    fx_write(fx->dir, "nselib/evil.so", "\177ELF");
    snprintf(name, sizeof name, "%s/link", fx->dir);
    assert_int_equal(symlink("/etc/shadow", name), 0);
}

static void expect_corpus(void)
{
    for (size_t i = 0; i < ARRAY_LEN(corpus); i++)
        for (size_t k = 0; k < corpus[i].n; k++)
            fx_expect(corpus[i].v[k].name, corpus[i].v[k].outcome, corpus[i].v[k].text);
    expect_good();
    expect_errors();
    assert_true(access("escaped", F_OK) < 0);
}

/* One of the two ends with the error, and so the other gets on. */
static void expect_mutexes(void)
{
    const struct fx_result *a = fx_result_of("mutex-a"), *b = fx_result_of("mutex-b");

    assert_non_null(a);
    assert_non_null(b);
    assert_true((a->outcome == SCRIPT_ERROR) != (b->outcome == SCRIPT_ERROR));
    assert_non_null(strstr(a->reason ? a->reason : b->reason, "deadlock"));
    assert_string_equal(a->output && !a->reason ? a->output : b->output, "went on");
}

static int outside_socket(int type)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(outside_port)};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, "127.0.0.2", &sa.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
    assert_int_equal(type == SOCK_STREAM ? listen(fd, 8) : 0, 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    outside_port = ntohs(sa.sin_port);
    return fd;
}

static int setup_real(void **state)
{
    static char args[256];
    struct addr_set scope = {0};
    struct addr local;
    struct err e = {0};

    fx_setup(state);
    fx->loop = loop_free(fx->loop); /* sockets want the real clock */
    assert_int_equal(loop_new(&fx->loop, &e), 0);
    assert_int_equal(addr_parse("127.0.0.1", &local), 0);
    assert_int_equal(addr_set_add(&scope, &local, &local), 0);
    assert_int_equal(guard_new(&fx->guard, fx->loop, &(struct guard_opts){.scope = &scope}, &e), 0);
    addr_set_done(&scope);
    peers_open(&peers);
    outside_port = 0;
    outside_tcp = outside_socket(SOCK_STREAM);
    outside_udp = outside_socket(SOCK_DGRAM);
    snprintf(args, sizeof args, "dir=%s,echo=%u,udp=%u,silent=%u,endless=%u,outside=%u", fx->dir,
             peers.ports[PEER_ECHO], peers.ports[PEER_UDP_ECHO], peers.ports[PEER_SILENT],
             peers.ports[PEER_LINE_FREE], outside_port);
    fx->o.args = args;
    fx->o.script_timeout = 600 * USEC_PER_SEC;
    fx->o.cpu_limit = USEC_PER_SEC;
    return 0;
}

static int teardown_real(void **state)
{
    int r;

    fx->host = script_host_free(fx->host);
    fx->guard = guard_free(fx->guard);
    r = fx_teardown(state);
    peers_close(&peers);
    close(outside_tcp);
    close(outside_udp);
    return r;
}

static void turn_until(bool (*over)(void))
{
    clock_t end = clock() + (clock_t)CPU_SECONDS_MAX * CLOCKS_PER_SEC;
    int r;

    for (unsigned idle = 0; !over() && idle < IDLE_TURNS_MAX && clock() < end; idle += r == 0) {
        r = loop_turn(fx->loop, 50 * USEC_PER_MSEC);
        assert_true(r >= 0);
    }
}

static bool job_is_over(void)
{
    return fx->job_done;
}

/* Nothing is left of the first phase but what waits for ever. */
static bool only_waiters_are_left(void)
{
    size_t n = N_GOOD + 2 + 2; /* mutexes, errors of the phase */

    for (size_t i = 0; i < ARRAY_LEN(corpus); i++)
        n += corpus[i].v == waiters ? 0 : corpus[i].n;
    return fx->n_results >= n;
}

static void start_job(const struct script_target *targets, size_t n)
{
    struct err e = {0};

    if (fx_select("*", &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(script_job_start(fx->host, FX_JOB, &e), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(script_job_add_host(fx->host, FX_JOB, &targets[i], &e), 0);
    assert_int_equal(script_job_finish(fx->host, FX_JOB), 0);
}

static void each_ends_with_its_outcome_and_the_others_are_unharmed(void **state)
{
    static const struct port_finding port = {
        .protocol = PROTOCOL_TCP, .port = 80, .state = PORT_OPEN};
    struct script_target t = fx_target("127.0.0.1", &port, 1);

    (void)state;
    write_corpus();
    start_job(&t, 1);
    turn_until(only_waiters_are_left);
    if (!only_waiters_are_left())
        expect_corpus(); /* names who is not through */
    loop_fake_clock(fx->loop, USEC_PER_SEC);
    loop_fake_advance(fx->loop, fx->o.script_timeout + USEC_PER_SEC);
    fx_wait(10);
    assert_true(fx->job_done);
    expect_corpus();
    expect_mutexes();
    assert_true(poll(&(struct pollfd){.fd = outside_tcp, .events = POLLIN}, 1, 0) == 0);
    assert_true(poll(&(struct pollfd){.fd = outside_udp, .events = POLLIN}, 1, 0) == 0);
}

/* Its own work is little: which limit it meets first depends on how fast its peer sends. */
static void who_receives_for_ever_is_ended(void **state)
{
    const struct fx_result *r;

    (void)state;
    fx->o.script_timeout = 3 * USEC_PER_SEC;
    fx_script("endless", "prerule",
              "local s = nmap.new_socket() assert(s:connect('127.0.0.1', "
              "nmap.registry.args.endless)) while s:receive_bytes(1 << 20) do end return 'never'");
    fx_script("beside", "prerule", "nmap.socket.sleep(0.1) return 'fine'");
    start_job(NULL, 0);
    turn_until(job_is_over);
    assert_true(fx->job_done);
    r = fx_result_of("endless");
    assert_non_null(r);
    assert_true(r->outcome == SCRIPT_TIMEOUT || r->outcome == SCRIPT_ERROR);
    fx_expect("beside", SCRIPT_OK, "fine");
}

/* What a script puts where all can reach it stays there when the script ends. */
static void what_is_hoarded_in_shared_tables_goes_with_its_script(void **state)
{
    static const struct hostile hoards[] = {
        {"hoard-registry", "hoard(nmap.registry)", "memory", SCRIPT_ERROR},
        {"hoard-library", "hoard(require('stdnse'))", "memory", SCRIPT_ERROR},
        {"hoard-globals", "hoard(_G)", "memory", SCRIPT_ERROR},
    };

    (void)state;
    fx->o.cpu_limit = 10 * USEC_PER_SEC;
    fx->o.memory_limit = 64 << 20;
    for (size_t i = 0; i < ARRAY_LEN(hoards); i++) {
        char body[512];

        snprintf(body, sizeof body,
                 "local function hoard(t) local bomb = {} rawset(t, 'bomb', bomb) while true do "
                 "bomb[#bomb + 1] = ('x'):rep(1e5) .. #bomb end end %s",
                 hoards[i].body);
        fx_script(hoards[i].name, "prerule", body);
    }
    write_good();
    start_job(NULL, 0);
    turn_until(job_is_over);
    assert_true(fx->job_done);
    for (size_t i = 0; i < ARRAY_LEN(hoards); i++)
        fx_expect(hoards[i].name, hoards[i].outcome, hoards[i].text);
    expect_good();
}

static void output_of_100_mb_is_too_large_where_memory_is_not(void **state)
{
    (void)state;
    fx->o.cpu_limit = 10 * USEC_PER_SEC;
    fx->o.memory_limit = 1 << 30;
    fx_script("string", "prerule", "return ('0123456789'):rep(10 << 20)");
    fx_script("table", "prerule",
              "local t = {} for i = 1, 100 do t[i] = ('x'):rep(1 << 20) end return t");
    start_job(NULL, 0);
    turn_until(job_is_over);
    assert_true(fx->job_done);
    fx_expect("string", SCRIPT_ERROR, "larger than 4194304 bytes");
    fx_expect("table", SCRIPT_ERROR, "larger than 4194304 bytes");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(each_ends_with_its_outcome_and_the_others_are_unharmed,
                                    setup_real, teardown_real),
    cmocka_unit_test_setup_teardown(who_receives_for_ever_is_ended, setup_real, teardown_real),
    cmocka_unit_test_setup_teardown(what_is_hoarded_in_shared_tables_goes_with_its_script,
                                    setup_real, teardown_real),
    cmocka_unit_test_setup_teardown(output_of_100_mb_is_too_large_where_memory_is_not, setup_real,
                                    teardown_real),
};

TEST_MAIN(tests)
