/* No memory at the n-th allocation, for each n, in every function that the engine gives to scripts.
 *
 * A sweep runs one script again and again, each time with one allocation more before they fail;
 * once with all that follow failing too, and once with only that one (and its repetition after
 * Lua's collection).  Lua's own are swept, and then those of this layer's C (the linker puts the
 * functions below in the place of malloc and its kin).  Whatever the outcome, the job ends, nothing
 * leaks, and the host goes on. */
#include "tests/unit/script/fixture.h"

#include "engine/loop/dns.h"
#include "engine/script/host_priv.h"

#include "peers.h"

#include <lauxlib.h>

enum whose { LUAS, OURS };

struct starve {
    enum whose whose; /* which allocations count */
    unsigned exempt;  /* > 0: in the test's own code, or in Lua's allocator */
    long allocations; /* that grew something, since the run began */
    long first, last; /* that fail */
};

static struct peers peers;
static struct starve starve;
static struct task frame_task;

static const struct {
    const char *name, *body;
} cases[] = {
    {"case-numbers",
     "local dec, hex, bin = openssl.bignum_dec2bn, openssl.bignum_hex2bn, openssl.bignum_bin2bn\n"
     "local a, b, c = dec('255'), hex('0a'), bin('\\7')\n"
     "for _, n in ipairs{a, b} do n:set_bit(3) n:clear_bit(1) n:is_bit_set(2) n:num_bits() "
     "n:num_bytes() n:tobin() n:tompi() n:todec() n:tohex() tostring(n) n:is_prime() "
     "n:is_safe_prime() end\n"
     "openssl.bignum_add(a, b) openssl.bignum_div(a, b) openssl.bignum_mod_exp(a, b, c)\n"
     "openssl.bignum_rand(64) openssl.bignum_pseudo_rand(64)\n"
     "openssl.bignum_bn2bin(a) openssl.bignum_bn2mpi(a) openssl.bignum_bn2dec(a) "
     "openssl.bignum_bn2hex(a) openssl.bignum_num_bits(a) openssl.bignum_num_bytes(a)\n"
     "openssl.bignum_set_bit(a, 1) openssl.bignum_clear_bit(a, 1) openssl.bignum_is_bit_set(a, 1)\n"
     "openssl.bignum_is_prime(a) openssl.bignum_is_safe_prime(a)"},
    {"case-crypto",
     "local k = ('k'):rep(16)\n"
     "local e = openssl.encrypt('aes-128-cbc', k, k, 'text', true)\n"
     "assert(openssl.decrypt('aes-128-cbc', k, k, e, true) == 'text')\n"
     "openssl.md4('x') openssl.md5('x') openssl.sha1('x') openssl.ripemd160('x')\n"
     "openssl.digest('sha256', 'x') openssl.hmac('sha256', 'k', 'x')\n"
     "openssl.rand_bytes(8) openssl.rand_pseudo_bytes(8) openssl.DES_string_to_key('1234567')\n"
     "openssl.supported_digests() openssl.supported_ciphers()"},
    {"case-zlib",
     "zlib.version() zlib.adler32() zlib.crc32() zlib.adler32(1, 'x') zlib.crc32(1, 'x')\n"
     "local c = zlib.compress('hello') assert(zlib.decompress(c) == 'hello')\n"
     "local out = {} local d = zlib.deflate(function(s) out[#out + 1] = s end)\n"
     "d:write('a\\nb\\n', 'c') d:flush() d:adler() tostring(d) d:close()\n"
     "local i = zlib.inflate(table.concat(out)) i:read(1) i:read('*l')\n"
     "for l in i:lines() do end i:close()"},
    {"case-lpeg",
     "local P, S, R, V, C, Ct, Cc, Cg, Cf, Cs, Cmt, Cb, Cp, Carg, B = lpeg.P, lpeg.S, lpeg.R, "
     "lpeg.V, lpeg.C, lpeg.Ct, lpeg.Cc, lpeg.Cg, lpeg.Cf, lpeg.Cs, lpeg.Cmt, lpeg.Cb, lpeg.Cp, "
     "lpeg.Carg, lpeg.B\n"
     "local sum = Cf(C(R'09'^1) / tonumber * (S'+' * (C(R'09'^1) / tonumber))^0, "
     "function(a, b) return a + b end)\n"
     "assert(sum:match('1+2') == 3 and lpeg.match(sum, '3+4') == 7)\n"
     "local list = P{'list', list = Ct(V'item' * (',' * V'item')^0), item = C((1 - S',')^1)}\n"
     "list:match('a,b,c') Cs((P'x' / 'y' + 1)^0):match('axb') Ct(Cg(Cc'v', 'k')):match('')\n"
     "Cmt(P(1), function(s, i) return i end):match('a'); (Cg(P'a', 'n') * Cb'n'):match('a')\n"
     "Cp():match('') Carg(1):match('', 1, 'x') lpeg.type(P'a') lpeg.locale() lpeg.version(); "
     "(P'a' * B'a'):match('a') ; (-P'a' + #P'b'):match('b') lpeg.setmaxstack(500)\n"
     "local u = lpeg.utfR and lpeg.utfR(1, 500) pcall(lpeg.ptree, P'a') pcall(lpeg.pcode, P'a')"},
    {"case-lfs", "local dir = nmap.registry.args.scratch\n"
                 "lfs.mkdir(dir .. '/made') lfs.link(dir .. '/made', dir .. '/linked', true)\n"
                 "local f = io.open(dir .. '/file', 'w') if f then f:write('x') f:close() end\n"
                 "for n in lfs.dir(dir) do end local _, d = lfs.dir(dir) d:next() d:close()\n"
                 "os.remove(dir .. '/linked') os.remove(dir .. '/file') lfs.rmdir(dir .. '/made') "
                 "lfs.get_path_separator()"},
    {"case-tcp",
     "local s = nmap.new_socket() s:set_timeout(500)\n"
     "local t = nmap.socket.new('tcp', 'inet')\n"
     "assert(s:connect(host, nmap.registry.args.echo)) assert(s:send('a\\nb;c'))\n"
     "assert(s:receive_lines(1)) assert(s:send('d;e')) assert(s:receive_buf(';', false))\n"
     "assert(s:send('f')) assert(s:receive_bytes(1)) assert(s:send('g')) assert(s:receive())\n"
     "assert(s:get_info()) s:close() t:bind('127.0.0.1', 0) t:close()\n"
     "nmap.socket.sleep(0) nmap.socket.get_stats()"},
    {"case-udp",
     "local s = nmap.new_socket('udp') s:set_timeout(500)\n"
     "assert(s:sendto(host, nmap.registry.args.udp, 'x')) assert(s:receive())\n"
     "assert(s:connect(host, nmap.registry.args.udp)) assert(s:send('y')) assert(s:receive())"},
    {"case-tls",
     "local s = nmap.new_socket() s:set_timeout(500)\n"
     "assert(s:connect('localhost', nmap.registry.args.starttls)) assert(s:send('x\\n')) "
     "assert(s:receive()) assert(s:reconnect_ssl({servername = 'peer.test'}))\n"
     "local c = assert(s:get_ssl_certificate()) c:digest('sha1')\n"
     "assert(nmap.socket.parse_ssl_certificate(nmap.registry.args.der and '' or c.pem and "
     "require('starve').der(c.pem)))"},
    {"case-dtls",
     "local s = nmap.new_socket('udp') s:set_timeout(500)\n"
     "assert(s:connect('localhost', nmap.registry.args.dtls, 'ssl')) assert(s:send('x'))\n"
     "assert(s:receive()) assert(s:get_ssl_certificate()) s:close()"},
    {"case-raw",
     "local s = nmap.new_socket() s:set_timeout(500) s:pcap_open('eth0', 100, false, 'icmp')\n"
     "assert(s:pcap_receive()) s:pcap_close()\n"
     "local d = nmap.new_dnet() d:ethernet_open('lo') d:ethernet_send('frame') "
     "d:ethernet_close() d:ip_open() d:ip_send('E' .. ('x'):rep(19)) d:ip_close() "
     "nmap.dnet.new()"},
    {"case-info",
     "nmap.verbosity() nmap.debugging() nmap.timing_level() nmap.version_intensity() "
     "nmap.address_family() nmap.is_privileged() nmap.have_ssl() nmap.get_ttl() "
     "nmap.get_payload_length() nmap.clock() nmap.clock_ms() nmap.fetchfile('nselib/stdnse.lua') "
     "nmap.get_random_bytes(8) nmap.log_write('stdout', 'x') nmap.add_targets('192.0.2.1') "
     "nmap.new_targets_num() nmap.port_is_excluded(9100, 'tcp') nmap.new_try(print)(true)\n"
     "nmap.list_interfaces() nmap.get_interface_info('lo') nmap.dnet.get_interface_info('lo') "
     "nmap.get_interface() nmap.get_dns_servers() nmap.resolve('localhost')"},
    {"case-ports",
     "local p = nmap.get_port_state(host, {number = 80, protocol = 'tcp'})\n"
     "p.version.product, p.version.cpe = 'x', {'cpe:/a:x:y'} p.version.name = 'http'\n"
     "nmap.set_port_version(host, p, 'hardmatched') nmap.set_port_state(host, p, 'open')\n"
     "local q = nmap.get_ports(host, nil, 'tcp', 'open') q = nmap.get_ports(host, q, 'tcp', "
     "'open')\n"
     "host.registry.x = {} nmap.registry.y = {}\n"
     "return {a = 1, 'b', {c = p.version.cpe}}, 'text'"},
    {"case-threads",
     "local stdnse = require 'stdnse'\n"
     "local m, c = nmap.mutex('starve'), nmap.condvar(host)\n"
     "local co, info = stdnse.new_thread(function() m('lock') nmap.socket.sleep(0.001) m('done') "
     "c('signal') end)\n"
     "m('trylock') m('running') pcall(m, 'done') c('wait') info() c('broadcast') stdnse.base() "
     "stdnse.gettid() stdnse.getid() stdnse.getinfo() stdnse.gethostport() stdnse.isworker() "
     "pcall(stdnse.silent_require, 'nosuch') stdnse.silent_require('stdnse')"},
    {"case-sandbox",
     "local co = coroutine.wrap(function() coroutine.yield(1) end) co() co()\n"
     "local k = coroutine.create(coroutine.yield) coroutine.resume(k) coroutine.close(k)\n"
     "xpcall(error, function(e) return e end, 'x') setmetatable({}, {__gc = print})\n"
     "load('return 1')() pcall(loadfile, '/etc/passwd') pcall(dofile, SCRIPT_PATH .. 'x') "
     "pcall(io.open, '/etc/passwd') print('x') pcall(io.lines, '/etc/passwd') io.write('x') "
     "pcall(io.output, '/etc/x') collectgarbage('count') pcall(os.rename, '/etc/a', '/etc/b') "
     "os.remove(os.tmpname()) debug.getregistry() debug.getmetatable('') "
     "string.unpack('z', 'abc') local n = '7' & 3 pcall(require, 'nosuch') require('strict')({})"},
};

/* ---- the allocator ---- */

static bool fails(enum whose whose)
{
    if (whose != starve.whose || starve.exempt > 0)
        return false;
    starve.allocations++;
    return starve.allocations >= starve.first && starve.allocations <= starve.last;
}

static void *starving_alloc(void *ud, void *p, size_t old_size, size_t new_size)
{
    void *got;

    if (new_size && (!p || new_size > old_size) && fails(LUAS))
        return NULL;
    starve.exempt++;
    got = lmem_alloc(ud, p, old_size, new_size);
    starve.exempt--;
    return got;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

void *__wrap_malloc(size_t size)
{
    return fails(OURS) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails(OURS) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails(OURS) ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
    return fails(OURS) ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
    return fails(OURS) ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
    return fails(OURS) ? NULL : __real_strndup(s, n);
}

static void feed(void)
{
    starve.first = starve.last = -1;
}

/* ---- the world ---- */

static void on_result(void *user, uint64_t job, const struct script_result *r)
{
    starve.exempt++;
    fx_on_result(user, job, r);
    starve.exempt--;
}

static void deliver_frame(struct task *task)
{
    (void)task;
    script_host_raw_frame(fx->host, 33, "ddddddssssss\10\0payload", 21, 21, 1);
}

static int raw_open(void *user, uint64_t job, const struct script_capture *c, uint32_t *ret_id)
{
    (void)user, (void)job, (void)c;
    *ret_id = 33;
    loop_post(fx->loop, &frame_task);
    return 0;
}

static void raw_close(void *user, uint32_t id)
{
    (void)user, (void)id;
}

static int raw_send(void *user, uint64_t job, const char *device, const void *frame, size_t len)
{
    (void)user, (void)job, (void)device, (void)frame, (void)len;
    return 0;
}

static int raw_send_ip(void *user, uint64_t job, const void *frame, size_t len)
{
    (void)user, (void)job, (void)frame, (void)len;
    return 0;
}

static int setup_starve(void **state)
{
    static char args[256], scratch[128];
    struct dns_opts dns = {.servers = "127.0.0.1", .timeout = 50 * USEC_PER_MSEC, .tries = 1};
    struct err e = {0};

    fx_setup(state);
    fx->loop = loop_free(fx->loop);
    assert_int_equal(loop_new(&fx->loop, &e), 0);
    assert_int_equal(dns_new(&fx->dns, fx->loop, &dns, &e), 0);
    peers_open(&peers);
    snprintf(scratch, sizeof scratch, "%s/scratch", fx->dir);
    assert_int_equal(mkdir(scratch, 0700), 0);
    snprintf(args, sizeof args, "scratch=%s,echo=%u,udp=%u,starttls=%u,dtls=%u", scratch,
             peers.ports[PEER_ECHO], peers.ports[PEER_UDP_ECHO], peers.ports[PEER_STARTTLS],
             peers.ports[PEER_DTLS_ECHO]);
    fx_write(
        fx->dir, "nselib/starve.lua",
        "local d = {} for i = 0, 63 do d[('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        "0123456789+/'):byte(i + 1)] = i end\n"
        "return {der = function(pem)\n"
        "  local n, bits, out = 0, 0, {}\n"
        "  for c in pem:gsub('%-%-%-%-%-[^\\n]+', ''):gsub('[\\n=]', ''):gmatch('.') do\n"
        "    n = n << 6 | d[c:byte()] bits = bits + 6\n"
        "    if bits >= 8 then bits = bits - 8 out[#out + 1] = string.char(n >> bits & 255) "
        "end\n"
        "  end\n"
        "  return table.concat(out)\n"
        "end}\n");
    fx->o.args = args;
    fx->o.scratch_dir = scratch;
    fx->o.cpu_limit = 10 * USEC_PER_SEC;
    fx->o.script_timeout = 2 * USEC_PER_SEC;
    frame_task = (struct task){.run = deliver_frame};
    feed();
    return 0;
}

static int teardown_starve(void **state)
{
    int r;

    task_cancel(fx->loop, &frame_task);
    fx->host = script_host_free(fx->host);
    fx->dns = dns_free(fx->dns);
    r = fx_teardown(state);
    peers_close(&peers);
    return r;
}

static void open_host(const char *expression)
{
    struct err e = {0};

    if (fx_select(expression, &e) < 0)
        fail_msg("%s: %s", expression, e.text);
    fx->host->world.result = on_result;
    fx->host->world.raw_open = raw_open;
    fx->host->world.raw_close = raw_close;
    fx->host->world.raw_send = raw_send;
    fx->host->world.raw_send_ip = raw_send_ip;
    lua_setallocf(fx->host->sched->L, starving_alloc, &fx->host->sched->memory);
}

/* ---- the sweep ---- */

static void run_job(void)
{
    static const struct port_finding port = {
        .protocol = PROTOCOL_TCP, .port = 80, .state = PORT_OPEN, .service = {.name = "http"}};
    struct script_target t = fx_target("127.0.0.1", &port, 1);
    usec_t end = loop_now(fx->loop) + 20 * USEC_PER_SEC;
    struct err e = {0};
    int r;

    fx_forget_results();
    buf_done(&fx->log);
    buf_done(&fx->ports);
    fx->job_done = false;
    starve.allocations = 0;
    r = script_job_start(fx->host, FX_JOB, &e);
    fx->job_done = r == -ENOMEM;
    if (r == 0)
        r = script_job_add_host(fx->host, FX_JOB, &t, &e);
    assert_true(r == 0 || r == -ENOMEM);
    if (!fx->job_done)
        assert_int_equal(script_job_finish(fx->host, FX_JOB), 0);
    while (!fx->job_done && loop_now(fx->loop) < end)
        assert_true(loop_turn(fx->loop, 50 * USEC_PER_MSEC) >= 0);
    feed();
    assert_true(fx->job_done);
}

static size_t memory_used(void)
{
    lua_gc(fx->host->sched->L, LUA_GCCOLLECT);
    lua_gc(fx->host->sched->L, LUA_GCCOLLECT);
    return fx->host->sched->memory.used;
}

/* The cases wait half a second for a peer, since a starved one may wait in vain; a busy
 * machine can take longer. */
static void run_fed(const char *name)
{
    const struct fx_result *r;

    for (int i = 0; i < 10; i++) {
        run_job();
        r = fx_result_of(name);
        if (r && (r->outcome == SCRIPT_NO_OUTPUT || r->outcome == SCRIPT_OK))
            return;
        if (!r || !r->reason || !strstr(r->reason, "TIMEOUT"))
            break;
    }
    fail_msg("%s: %s", name, r && r->reason ? r->reason : "no result");
}

/* more: how many allocations fail after the first that does. */
static void sweep(const char *name, enum whose whose, long more)
{
    long n = 0, all;
    size_t before;

    starve.whose = whose;
    run_fed(name);
    run_fed(name);
    before = memory_used();
    do {
        starve.first = ++n;
        starve.last = n + more;
        run_job();
        all = starve.allocations;
    } while (n <= all);
    run_fed(name);
    if (memory_used() > before + 16384)
        fail_msg("%s: %zu bytes became %zu", name, before, memory_used());
}

static void every_function_survives_no_memory_at_any_allocation(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        fx_script(cases[i].name, "hostrule", cases[i].body);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        open_host(cases[i].name);
        sweep(cases[i].name, LUAS, 1);
        sweep(cases[i].name, LUAS, 1L << 40);
        sweep(cases[i].name, OURS, 0);
        sweep(cases[i].name, OURS, 1L << 40);
        fx->host = script_host_free(fx->host);
    }
}

/* Every name that the tables hold is in some case, so that what is new is swept too. */
static void the_cases_call_every_function(void **state)
{
    struct buf text = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        buf_printf(&text, "%s\n", cases[i].body);
    fx_write(fx->dir, "cases.txt", text.data);
    buf_done(&text);
    fx_script("names", "hostrule",
              "local text = io.open(nmap.fetchfile('cases.txt')):read('a')\n"
              "local missing = {}\n"
              "local function look(what, t)\n"
              "  for k, v in pairs(t) do\n"
              "    if type(v) == 'function' and not k:find('^__') and\n"
              "       not text:find('[.:]' .. k .. '%f[^%w_]') then\n"
              "      missing[#missing + 1] = what .. '.' .. k\n"
              "    end\n"
              "  end\n"
              "end\n"
              "for _, m in ipairs{'openssl', 'lpeg', 'zlib', 'lfs', 'stdnse'} do look(m, "
              "require(m)) end\n"
              "look('nmap', nmap) look('nmap.socket', nmap.socket) look('nmap.dnet', nmap.dnet)\n"
              "for what, o in pairs{socket = nmap.new_socket(), dnet = nmap.new_dnet(), number = "
              "openssl.bignum_dec2bn('1'), zstream = zlib.inflate('')} do\n"
              "  local mt = debug.getmetatable(o) look(what, type(mt.__index) == 'table' and "
              "mt.__index or mt)\n"
              "end\n"
              "return table.concat(missing, ' ')");
    open_host("names");
    run_fed("names");
    assert_string_equal(fx_result_of("names")->output, "");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(the_cases_call_every_function, setup_starve, teardown_starve),
    cmocka_unit_test_setup_teardown(every_function_survives_no_memory_at_any_allocation,
                                    setup_starve, teardown_starve),
};

TEST_MAIN(tests)
