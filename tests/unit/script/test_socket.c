/* Sockets of scripts, against servers in child processes: the conformance scripts of tests/nse/lua,
 * and what Lua cannot see (slots, bytes, the trace, captured frames, no memory, killed threads). */
#include "script_env.h"

#include "peers.h"

#include <sys/stat.h>

static struct peers peers;

static int start_peers(void **state)
{
    (void)state;
    peers_open(&peers);
    return 0;
}

static int stop_peers(void **state)
{
    (void)state;
    peers_close(&peers);
    return 0;
}

/* The table `ports` of a script. */
static int set_ports(lua_State *L)
{
    lua_newtable(L);
    for (int i = 0; i < PEER_KINDS; i++) {
        lua_pushinteger(L, peers.ports[i]);
        lua_setfield(L, -2, peer_names[i]);
    }
    lua_pushinteger(L, peers.closed);
    lua_setfield(L, -2, "none");
    lua_pushinteger(L, peer_listen(SOCK_DGRAM, NULL));
    lua_setfield(L, -2, "none_udp");
    lua_setglobal(L, "ports");
    return 0;
}

static void open_env(struct script_env *env)
{
    env_open(env);
    assert_int_equal(sched_protected(env->sched, set_ports, NULL, NULL), 0);
}

static char *read_script(const char *name)
{
    CLEANUP(fclosep) FILE *f = NULL;
    CLEANUP(freep) char *path = NULL;
    struct stat st;
    char *text;

    assert_true(asprintf(&path, "%s/tests/nse/lua/%s", MUSTER_SOURCE_DIR, name) > 0);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    text = calloc(1, (size_t)st.st_size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)st.st_size, f), st.st_size);
    return text;
}

static void run_script(const char *name)
{
    struct script_env env = {0};
    CLEANUP(freep) char *text = read_script(name);

    open_env(&env);
    env_run(&env, name, text);
    env_close(&env);
}

static void tcp_behaves_as_scripts_know_it(void **state)
{
    (void)state;
    run_script("socket_tcp.lua");
}

static void receive_buf_cuts_at_delimiters(void **state)
{
    (void)state;
    run_script("socket_buf.lua");
}

static void udp_behaves_as_scripts_know_it(void **state)
{
    (void)state;
    run_script("socket_udp.lua");
}

static void tls_behaves_as_scripts_know_it(void **state)
{
    (void)state;
    run_script("socket_tls.lua");
}

static void dtls_behaves_as_scripts_know_it(void **state)
{
    (void)state;
    run_script("socket_dtls.lua");
}

static void misuse_is_told_in_nmaps_words(void **state)
{
    (void)state;
    run_script("socket_errors.lua");
}

static void threads_share_sockets_one_at_a_time(void **state)
{
    (void)state;
    run_script("socket_threads.lua");
}

static void threads_wait_for_a_slot(void **state)
{
    struct script_env env = {.bindings = {.max_threads = 2}};

    (void)state;
    open_env(&env);
    env_run(
        &env, "slots",
        "local order, open, most = {}, 0, 0\n"
        "for i = 1, 6 do\n"
        "  spawn(function()\n"
        "    local a, b = nmap.new_socket(), nmap.new_socket()\n"
        "    assert(a:connect('127.0.0.1', ports.silent))\n"
        "    open = open + 1\n"
        "    if open > most then most = open end\n"
        "    assert(b:connect('127.0.0.1', ports.silent))\n" /* the second needs no slot of its own
                                                              */
        "    order[#order + 1] = i\n"
        "    nmap.socket.sleep(0.02)\n"
        "    open = open - 1\n"
        "    a:close() b:close()\n"
        "  end)\n"
        "end\n"
        "nmap.socket.sleep(0.01)\n"
        "same(nmap.socket.get_stats().connect_waiting, 4)\n"
        "while #order < 6 or open > 0 do nmap.socket.sleep(0.01) end\n"
        "same(table.concat(order), most, '123456', 2)\n"
        "same(nmap.socket.get_stats().connect_waiting, 0)\n"
        /* a connection that fails, or closes, gives its slot back; so does a thread that ends */
        "for i = 1, 5 do nmap.new_socket():connect('127.0.0.1', ports.none) end\n"
        "for i = 1, 5 do spawn(function() nmap.new_socket():connect('127.0.0.1', ports.echo) end) "
        "end\n"
        "repeat nmap.socket.sleep(0.01) until nmap.socket.get_stats().connect_waiting == 0\n");
    env_close(&env);
}

static struct slots *slots_by_turns(void *user, const struct sthread *t)
{
    struct slots *two = user;
    static unsigned n;

    (void)t;
    return &two[n++ % 2];
}

/* Twelve threads, six for each of two hosts. */
static void most_at_a_time(unsigned all, unsigned each, const char *want)
{
    struct slots two[2];
    struct script_env env = {
        .bindings = {.max_threads = all, .slots_of = slots_by_turns, .user = two}};
    char text[1024];

    slots_init(&two[0], each);
    slots_init(&two[1], each);
    open_env(&env);
    snprintf(text, sizeof text,
             "local done, open, most = 0, 0, 0\n"
             "for i = 1, 12 do\n"
             "  spawn(function()\n"
             "    local a, b = nmap.new_socket(), nmap.new_socket()\n"
             "    assert(a:connect('127.0.0.1', ports.silent))\n"
             "    open = open + 1\n"
             "    most = math.max(most, open)\n"
             "    assert(b:connect('127.0.0.1', ports.silent))\n"
             "    nmap.socket.sleep(0.01)\n"
             "    open, done = open - 1, done + 1\n"
             "    a:close() b:close()\n"
             "  end)\n"
             "end\n"
             "while done < 12 do nmap.socket.sleep(0.01) end\n"
             "same(most, nmap.socket.get_stats().connect_waiting, %s, 0)\n",
             want);
    env_run(&env, "slots of hosts", text);
    assert_int_equal(two[0].n + two[1].n, 0);
    env_close(&env);
}

static void a_host_has_slots_of_its_own(void **state)
{
    (void)state;
    most_at_a_time(1000, 1, "2");
    most_at_a_time(1000, 2, "4");
    most_at_a_time(3, 2, "3"); /* the limit of all holds, too */
    most_at_a_time(3, 100, "3");
}

static void a_thread_that_waits_for_a_slot_can_be_killed(void **state)
{
    struct script_env env = {.bindings = {.max_threads = 1}};
    struct sthread *t, *next;

    (void)state;
    open_env(&env);
    env.text = "local s = nmap.new_socket() s:connect('127.0.0.1', ports.silent)\n"
               "spawn(function() nmap.new_socket():connect('127.0.0.1', ports.silent) end)\n"
               "spawn(function() nmap.new_socket():connect('127.0.0.1', ports.silent) end)\n"
               "s:receive()";
    env.name = "waiters";
    env.living = 1;
    assert_int_equal(
        sthread_start(env.sched,
                      &(struct sthread_opts){
                          .script = "test", .user = &env, .body = env_body, .ended = env_ended},
                      &t),
        0);
    while (env.living < 3)
        loop_turn(env.loop, USEC_PER_MSEC);
    for (int i = 0; i < 20; i++)
        loop_turn(env.loop, 0);
    for (t = TAILQ_FIRST(&env.sched->all); t; t = next) {
        next = TAILQ_NEXT(t, all);
        sthread_kill(t, STHREAD_KILLED);
    }
    assert_int_equal(env.living, 0);
    env_run(&env, "after",
            "same(nmap.socket.get_stats().connect_waiting, 0)\n"
            "same(nmap.new_socket():connect('127.0.0.1', ports.echo), true)");
    env_close(&env);
}

/* Kills a thread after so many turns, wherever it is then. */
static void a_thread_can_be_killed_at_any_time(void **state)
{
    static const char *const texts[] = {
        "local s = nmap.new_socket()\n"
        "s:connect('localhost', ports.tls_echo, 'ssl') s:send('x') s:receive() s:close()\n"
        "local u = nmap.new_socket('udp') u:sendto('localhost', ports.udp_echo, 'x') u:receive()\n"
        "u:receive_buf('y', true)",
        "local s = nmap.new_socket('udp')\n"
        "s:connect('localhost', ports.dtls_echo, 'ssl') s:send('x') s:receive() s:receive()"};
    struct script_env env = {0};
    struct sthread *t;

    (void)state;
    open_env(&env);
    for (int turns = 0; turns < 100; turns++) {
        env.text = texts[turns >= 60];
        env.name = "killed";
        env.living = 1;
        env.error[0] = '\0';
        assert_int_equal(
            sthread_start(env.sched,
                          &(struct sthread_opts){
                              .script = "test", .user = &env, .body = env_body, .ended = env_ended},
                          &t),
            0);
        for (int i = 0; i < turns % 60 && env.living > 0; i++)
            loop_turn(env.loop, USEC_PER_MSEC);
        if (env.living > 0)
            sthread_kill(t, STHREAD_KILLED);
        assert_int_equal(env.living, 0);
    }
    env_close(&env);
}

static void a_script_cannot_use_up_the_descriptors(void **state)
{
    struct script_env env = {0};

    (void)state;
    open_env(&env);
    env_run(&env, "dropped",
            "for i = 1, 3000 do assert(nmap.new_socket():connect('127.0.0.1', ports.udp_echo, "
            "'udp')) end");
    env_run(&env, "kept",
            "local kept = {}\n"
            "raises('too many open sockets (512)', function()\n"
            "  for i = 1, 3000 do\n"
            "    kept[i] = nmap.new_socket() assert(kept[i]:connect('127.0.0.1', ports.udp_echo, "
            "'udp'))\n"
            "  end\n"
            "end)\n"
            "for i = 1, 100 do kept[i]:close() end\n"
            "assert(nmap.new_socket():connect('127.0.0.1', ports.echo))\n");
    env_close(&env);
}

static void bytes_are_counted_for_the_thread(void **state)
{
    struct script_env env = {0};

    (void)state;
    open_env(&env);
    env_run(&env, "tcp",
            "local s = nmap.new_socket() s:connect('127.0.0.1', ports.echo)\n"
            "s:send(('x'):rep(1000)) s:receive_bytes(1000) s:close()\n"
            "s = nmap.new_socket('udp') s:connect('127.0.0.1', ports.udp_echo) "
            "s:send(('y'):rep(10)) s:receive()\n"
            "s:sendto('127.0.0.1', ports.udp_echo, 'abc') s:receive()\n");
    assert_int_equal(env.bytes_in, 1013);
    assert_int_equal(env.bytes_out, 1013);
    env_run(&env, "tls", "nmap.new_socket():connect('127.0.0.1', ports.tls_echo, 'ssl')");
    assert_true(env.bytes_in > 1500 && env.bytes_out > 1200); /* the handshake too */
    env_run(&env, "dtls",
            "local s = nmap.new_socket('udp') assert(s:connect('127.0.0.1', ports.dtls_echo, "
            "'ssl'))");
    assert_true(env.bytes_in > 2200 && env.bytes_out > 1800);
    env_close(&env);
}

struct trace {
    char text[65536];
    size_t len;
};

static void trace_log(void *user, int pri, const char *script, const char *text)
{
    struct trace *t = user;

    (void)pri;
    t->len +=
        (size_t)snprintf(t->text + t->len, sizeof t->text - t->len, "[%s] %s\n", script, text);
}

static void the_trace_shows_what_went_over_the_wire(void **state)
{
    struct trace trace = {0};
    struct script_env env = {.bindings = {.trace = 1}, .world = {.user = &trace, .log = trace_log}};
    char want[200];

    (void)state;
    open_env(&env);
    env_run(&env, "trace",
            "local s = nmap.new_socket() s:connect('127.0.0.1', ports.echo)\n"
            "s:send('GET / HTTP/1.0\\r\\n') s:receive() s:send('\\0\\1abc') s:receive() s:close()\n"
            "s = nmap.new_socket('udp') s:sendto('127.0.0.1', ports.udp_echo, 'ping')\n"
            "s = nmap.new_socket('udp') assert(s:connect('127.0.0.1', ports.dtls_echo, 'ssl')) "
            "s:send('pong')\n");
    snprintf(want, sizeof want, " > 127.0.0.1:%u | CONNECT\n", peers.ports[PEER_ECHO]);
    assert_non_null(strstr(trace.text, "[test] TCP 127.0.0.1:"));
    assert_non_null(strstr(trace.text, want));
    assert_non_null(strstr(trace.text, " | SEND 16 bytes\nGET / HTTP/1.0\r\n"));
    snprintf(want, sizeof want, " < 127.0.0.1:%u | RECEIVE 16 bytes\nGET", peers.ports[PEER_ECHO]);
    assert_non_null(strstr(trace.text, want));
    assert_non_null(strstr(trace.text, "00000000: 00 01 61 62 63 "));
    assert_non_null(strstr(trace.text, "..abc"));
    assert_non_null(strstr(trace.text, " | CLOSE\n"));
    snprintf(want, sizeof want, " > 127.0.0.1:%u | SEND 4 bytes\nping", peers.ports[PEER_UDP_ECHO]);
    assert_non_null(strstr(trace.text, want));
    snprintf(want, sizeof want,
             " > 127.0.0.1:%u | CONNECT\n[test] UDP 127.0.0.1:", peers.ports[PEER_DTLS_ECHO]);
    assert_non_null(strstr(trace.text, want));
    snprintf(want, sizeof want, " > 127.0.0.1:%u | SEND 4 bytes\npong",
             peers.ports[PEER_DTLS_ECHO]);
    assert_non_null(strstr(trace.text, want));
    env_close(&env);
}

static const char *const starving[] = {
    "local s = nmap.new_socket()\n"
    "local function must(...) assert((...), select(2, ...) == 'ERROR' and 'not enough memory' or "
    "select(2, ...)) return ... end\n"
    "must(s:connect('127.0.0.1', ports.echo)) must(s:send('a\\nb')) must(s:receive_lines(1)) "
    "must(s:send('c;d'))\n"
    "must(s:receive_buf(';', false)) s:get_info() s:close()\n",
    "local s = nmap.new_socket('udp') assert(s:sendto({ip = '127.0.0.1'}, ports.udp_echo, 'x')) "
    "assert(s:receive()) s:get_info()\n",
    "local s = nmap.new_socket() assert(s:connect('localhost', ports.tls, 'ssl')) "
    "s:get_ssl_certificate():digest('md5')\n",
    "local s = nmap.new_socket('udp') assert(s:connect('localhost', ports.dtls_echo, 'ssl'))\n"
    "assert(s:send('x')) assert(s:receive()) s:get_info() s:get_ssl_certificate() s:close()\n",
    "local s = nmap.new_socket('tcp', 'inet6') s:set_timeout(10) s:bind('::1', 0) s:get_info()\n"
    "assert(not nmap.new_dnet().ip) nmap.socket.get_stats() nmap.socket.sleep(0)\n",
};

static void no_memory_is_an_error_in_the_script(void **state)
{
    struct script_env env = {0};

    (void)state;
    open_env(&env);
    for (size_t i = 0; i < ARRAY_LEN(starving); i++)
        env_run_starved(&env, "starving", starving[i]);
    env_close(&env);
}

/* ---- captured frames ---- */

struct raw_world {
    struct script_env *env;
    char filter[64];
    uint32_t closed;
    char sent[64];
    size_t sent_len;
};

static int raw_open(void *user, uint64_t job, const struct script_capture *c, uint32_t *ret_id)
{
    struct raw_world *w = user;

    assert_int_equal(job, 7);
    snprintf(w->filter, sizeof w->filter, "%s", c->filter);
    *ret_id = 33;
    return 0;
}

static void raw_close(void *user, uint32_t id)
{
    ((struct raw_world *)user)->closed = id;
}

static int raw_send_ip(void *user, uint64_t job, const void *frame, size_t len)
{
    struct raw_world *w = user;

    assert_int_equal(job, 7);
    if (((const char *)frame)[0] == 'X')
        return -EPERM;
    memcpy(w->sent, frame, len);
    w->sent_len = len;
    return 0;
}

static int raw_send(void *user, uint64_t job, const char *device, const void *frame, size_t len)
{
    assert_string_equal(device, "lo");
    return raw_send_ip(user, job, frame, len);
}

/* deliver(id, frame, length on the wire) */
static int l_deliver(lua_State *L)
{
    size_t len;
    const char *frame = luaL_checklstring(L, 2, &len);

    bindings_raw_frame(L, (uint32_t)luaL_checkinteger(L, 1), frame, len,
                       (size_t)luaL_checkinteger(L, 3), 1500 * USEC_PER_MSEC);
    return 0;
}

static int set_deliver(lua_State *L)
{
    lua_register(L, "deliver", l_deliver);
    return 0;
}

static void frames_of_the_world_reach_pcap_receive(void **state)
{
    struct raw_world w = {0};
    struct script_env env = {.world = {.user = &w,
                                       .raw_open = raw_open,
                                       .raw_close = raw_close,
                                       .raw_send = raw_send,
                                       .raw_send_ip = raw_send_ip}};

    (void)state;
    w.env = &env;
    open_env(&env);
    assert_int_equal(sched_protected(env.sched, set_deliver, NULL, NULL), 0);
    env_run(&env, "pcap",
            "local s = nmap.new_socket()\n"
            "same(select('#', s:pcap_open('eth0', 20, false, 'icmp')), 0)\n"
            "s:set_timeout(20)\n"
            "local a, b = s:pcap_receive() same(a, b, nil, 'TIMEOUT')\n"
            "deliver(33, 'ddddddssssss\\8\\0payload', 100) deliver(34, 'other', 5)\n"
            "deliver(33, 'ddddddssssss\\x81\\0vvttpayload', 200)\n"
            "local ok, len, l2, l3, time = s:pcap_receive()\n"
            "same(ok, len, l2, l3, time, true, 100, 'ddddddssssss\\8\\0', 'payloa', 1.5)\n"
            "ok, len, l2, l3 = s:pcap_receive() same(l2, l3, 'ddddddssssss\\x81\\0vvtt', 'pa')\n"
            "spawn(function() deliver(33, 'short', 5) end)\n"
            "ok, len, l2, l3 = s:pcap_receive() same(ok, l2, l3, true, 'short', '')\n"
            "for i = 1, 1000 do deliver(33, 'flood', 5) end\n"
            "for i = 1, 256 do assert(s:pcap_receive()) end same((s:pcap_receive()), nil)\n"
            "a, b = s:send('x') same(a, b, false, 'invalid operation on pcap socket')\n"
            "same(s:pcap_close(), true)\n"
            "local d = nmap.new_dnet()\n"
            "d:ethernet_open('lo') same(d:ethernet_send('frame'), true)\n"
            "a, b = d:ethernet_send('X') same(a, b, false, 'the target is out of scope')\n"
            "d:ip_open() raises(\"can't parse ip packet\", d.ip_send, d, 'short') "
            "same(d:ip_send('E' .. ('x'):rep(19)), true)\n"
            "same(d:ip_close(), true) a, b = d:ip_close() same(a, b, false, 'raw socket already "
            "closed')\n");
    assert_string_equal(w.filter, "icmp");
    assert_int_equal(w.closed, 33);
    assert_int_equal(w.sent_len, 20);
    w.closed = 0;
    env_run(&env, "left open", "nmap.new_socket():pcap_open('eth0', 100, false, 'arp')");
    assert_int_equal(w.closed, 33);
    env_close(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_behaves_as_scripts_know_it),
        cmocka_unit_test(receive_buf_cuts_at_delimiters),
        cmocka_unit_test(udp_behaves_as_scripts_know_it),
        cmocka_unit_test(tls_behaves_as_scripts_know_it),
        cmocka_unit_test(dtls_behaves_as_scripts_know_it),
        cmocka_unit_test(misuse_is_told_in_nmaps_words),
        cmocka_unit_test(threads_share_sockets_one_at_a_time),
        cmocka_unit_test(threads_wait_for_a_slot),
        cmocka_unit_test(a_host_has_slots_of_its_own),
        cmocka_unit_test(a_thread_that_waits_for_a_slot_can_be_killed),
        cmocka_unit_test(a_thread_can_be_killed_at_any_time),
        cmocka_unit_test(a_script_cannot_use_up_the_descriptors),
        cmocka_unit_test(bytes_are_counted_for_the_thread),
        cmocka_unit_test(the_trace_shows_what_went_over_the_wire),
        cmocka_unit_test(frames_of_the_world_reach_pcap_receive),
        cmocka_unit_test(no_memory_is_an_error_in_the_script),
    };
    int r = cmocka_run_group_tests(tests, start_peers, stop_peers);

    return r ? r : cmocka_run_group_tests_name("again", tests, start_peers, stop_peers);
}
