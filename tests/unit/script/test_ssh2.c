/* Module libssh2 against a real sshd on loopback, started by the test with keys of its own; skipped
 * where there is none. */
#include "script_env.h"

#include "peers.h"

#include <pwd.h>
#include <sys/stat.h>

#define SSHD "/usr/sbin/sshd"

static char dir[64];
/* The second one asks over the keyboard-interactive method, which takes PAM; all else is for the
 * first, whose answers do not depend on how the machine has set up PAM. */
static struct server {
    const char *conf;
    const char *use_pam;
    uint16_t port;
    pid_t pid;
} servers[] = {{.conf = "conf", .use_pam = "no"}, {.conf = "conf-pam", .use_pam = "yes"}};
static struct peers peers;

static void run_command(const char *command)
{
    char *line = NULL;

    assert_true(asprintf(&line, "cd %s && (%s) >/dev/null 2>&1", dir, command) > 0);
    if (system(line) != 0) // NOLINT: a test's own setup
        fail_msg("%s", command);
    free(line);
}

static void write_config(const struct server *s)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, s->conf);
    f = fopen(path, "w");
    assert_non_null(f);
    fprintf(
        f,
        "Port %u\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/auth\nPidFile "
        "none\nStrictModes no\n"
        "UsePAM %s\nPermitRootLogin yes\nPasswordAuthentication yes\nKbdInteractiveAuthentication "
        "yes\n"
        "PubkeyAcceptedAlgorithms +ssh-rsa\nMaxAuthTries 100\nMaxStartups 1000\nMaxSessions 100\n"
        /* The shell of a command reads ~/.bashrc: not the one of who runs the test. */
        "SetEnv HOME=%s\n",
        s->port, dir, dir, s->use_pam, dir);
    fclose(f);
}

static bool answers(uint16_t port)
{
    struct sockaddr_in sa = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0;

    close(fd);
    return ok;
}

static void start_sshd(struct server *s)
{
    char conf[128], log[128];

    s->port = peer_listen(SOCK_STREAM, NULL);
    write_config(s);
    snprintf(conf, sizeof conf, "%s/%s", dir, s->conf);
    snprintf(log, sizeof log, "%s/log-%s", dir, s->conf);
    fflush(NULL);
    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(SSHD, SSHD, "-D", "-f", conf, "-E", log, (char *)NULL);
        _exit(1);
    }
    for (int i = 0; i < 200 && !answers(s->port); i++)
        poll(NULL, 0, 20);
    assert_true(answers(s->port));
}

static int open_server(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/muster-ssh-XXXXXX");
    assert_non_null(mkdtemp(dir));
    run_command("ssh-keygen -q -t ed25519 -N '' -f host");
    run_command("for k in user other; do ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -f $k; done; cp "
                "user.pub auth");
    run_command("ssh-keygen -q -t rsa -b 2048 -m PEM -N secret -f locked; cat locked.pub >>auth; "
                "echo junk >junk");
    if (getuid() == 0)
        mkdir("/run/sshd", 0755); /* sshd as root wants it; the package's unit makes it otherwise */
    for (size_t i = 0; i < ARRAY_LEN(servers); i++)
        start_sshd(&servers[i]);
    peers_open(&peers);
    return 0;
}

static int close_server(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        kill(servers[i].pid, SIGKILL);
        waitpid(servers[i].pid, NULL, 0);
    }
    peers_close(&peers);
    run_command("rm -rf \"$PWD\"");
    return 0;
}

static bool path_allowed(void *user, const char *path, enum path_use use)
{
    (void)user;
    return use == PATH_READ && strncmp(path, dir, strlen(dir)) == 0;
}

static int open_module(lua_State *L)
{
    const struct passwd *pw = getpwuid(getuid());

    luaL_requiref(L, "libssh2", luaopen_libssh2, 1);
    lua_pushinteger(L, servers[0].port);
    lua_setglobal(L, "port");
    lua_pushinteger(L, servers[1].port);
    lua_setglobal(L, "port_pam");
    lua_pushstring(L, dir);
    lua_setglobal(L, "dir");
    lua_pushstring(L, pw ? pw->pw_name : "nobody");
    lua_setglobal(L, "user");
    lua_pushinteger(L, peers.ports[PEER_SILENT]);
    lua_setglobal(L, "silent");
    lua_pushinteger(L, peers.ports[PEER_HELLO]);
    lua_setglobal(L, "hello");
    lua_pushinteger(L, peers.closed);
    lua_setglobal(L, "closed");
    return luaL_dostring(
        L, "function key(name) return dir .. '/' .. name end\n"
           "function login()\n"
           "  local s = libssh2.session_open('127.0.0.1', port)\n"
           "  same(libssh2.userauth_publickey(s, user, key 'user', '', key 'user.pub'), true)\n"
           "  return s\n"
           "end\n");
}

static void open_env(struct script_env *env)
{
    env->bindings.path_allowed = path_allowed;
    env_open(env);
    assert_int_equal(sched_protected(env->sched, open_module, NULL, NULL), 0);
}

static const struct {
    const char *name, *text;
} cases[] = {
    {"a session tells its host key",
     "local s = libssh2.session_open('127.0.0.1', port)\n"
     "assert(libssh2.hostkey_hash(s, 'md5'):match('^%x%x' .. (':%x%x'):rep(15) .. '$'))\n"
     "assert(libssh2.hostkey_hash(s):match('^%x%x' .. (':%x%x'):rep(19) .. '$'))\n"
     "same(libssh2.hostkey_hash(s), libssh2.hostkey_hash(s, 'sha1'))\n"
     "raises(\"(invalid option 'sha256')\", libssh2.hostkey_hash, s, 'sha256')\n"
     "same(select('#', libssh2.set_timeout(s, 5000)), 0)\n"
     "libssh2.session_close(s) libssh2.session_close(s)\n"
     "raises('the session is closed', libssh2.userauth_list, s, user)\n"},
    {"ways to authenticate are listed, and refused",
     "local s = libssh2.session_open('127.0.0.1', port)\n"
     "local list = libssh2.userauth_list(s, user) same(list[1], 'publickey') same(list[2], "
     "'password')\n"
     "same(libssh2.userauth_password(s, user, 'wrong'), false)\n"
     "same(libssh2.userauth_publickey(s, user, key 'other', '', key 'other.pub'), false)\n"
     "same(libssh2.userauth_publickey(s, user, key 'locked', 'wrong', key 'locked.pub'), false)\n"
     "same(libssh2.userauth_publickey(s, user, '/etc/passwd', ''), false)\n" /* not allowed to be
                                                                                read */
     "same(libssh2.userauth_publickey(s, user, key 'none', ''), false)\n"
     "same(libssh2.userauth_keyboard_interactive(s, user, error), false)\n" /* offered, but this
                                                                               server never asks */
     "same(type(libssh2.userauth_banner(s)), 'nil')\n"},
    {"keys are tried without being used",
     "local s = libssh2.session_open('127.0.0.1', port)\n"
     "local blob = libssh2.read_publickey(key 'user.pub') same(blob:sub(1, 11), "
     "'\\0\\0\\0\\7ssh-rsa')\n"
     "same(libssh2.publickey_canauth(s, user, blob), true)\n"
     "same(libssh2.publickey_canauth(s, user, libssh2.read_publickey(key 'other.pub')), false)\n"
     "same(libssh2.publickey_canauth(s, user, 'junk'), false)\n"
     "raises('Error reading file', libssh2.read_publickey, '/etc/passwd')\n"
     "raises('Error reading file', libssh2.read_publickey, key 'none')\n"
     "raises('Invalid public key', libssh2.read_publickey, key 'junk')\n"},
    {"a command runs in a channel",
     "local s = login()\n"
     "local c = libssh2.open_channel(s, true)\n"
     "libssh2.channel_exec(s, c, 'echo out; echo err >&2; cat')\n"
     "same(libssh2.channel_read(s, c), 'out\\n') same(libssh2.channel_read_stderr(s, c), "
     "'err\\n')\n"
     "same(libssh2.channel_eof(c), false) same(libssh2.channel_write(s, c, 'input'), 5)\n"
     "same(libssh2.channel_read(s, c), 'input') libssh2.channel_send_eof(s, c)\n"
     "same(libssh2.channel_read(s, c), nil) same(libssh2.channel_eof(c), true)\n"
     "libssh2.channel_close(s, c)\n"
     "raises('not an open channel', libssh2.channel_eof, c)\n"
     "raises('not an open channel of this session', libssh2.channel_read, s, c)\n"
     "raises('not an open channel', libssh2.channel_exec, s, nil, 'x')\n"
     "libssh2.session_close(s)\n"},
    {"a lot of data goes both ways",
     "local s = login()\n"
     "local c = libssh2.open_channel(s, true) libssh2.channel_exec(s, c, 'head -c 3000000 "
     "/dev/zero')\n"
     "local n = 0 repeat local d = libssh2.channel_read(s, c) n = n + #(d or '') until not d "
     "same(n, 3000000)\n"
     "c = libssh2.open_channel(s, true) libssh2.channel_exec(s, c, 'wc -c')\n"
     "same(libssh2.channel_write(s, c, ('x'):rep(3000000)), 3000000) libssh2.channel_send_eof(s, "
     "c)\n"
     "same(libssh2.channel_read(s, c), '3000000\\n')\n"},
    {"a pty is asked for by default",
     "local s = libssh2.session_open('127.0.0.1', port)\n"
     "same(libssh2.userauth_publickey(s, user, key 'locked', 'secret', key 'locked.pub'), true)\n"
     "local c = libssh2.open_channel(s) libssh2.channel_exec(s, c, 'echo $TERM; tty')\n"
     "local t = '' repeat local d = libssh2.channel_read(s, c) t = t .. (d or '') until not d\n"
     "assert(t:find('^vanilla\\r\\n'), t)\n"
     "c = libssh2.open_channel(s, true) libssh2.channel_request_pty_ex(s, c, 'xterm') "
     "libssh2.channel_shell(s, c)\n"
     "libssh2.channel_write(s, c, 'exit\\n') repeat until not libssh2.channel_read(s, c)\n"},
    {"who does not answer, or speaks otherwise",
     "raises('ERROR', libssh2.session_open, '127.0.0.1', closed)\n"
     "assert(not pcall(libssh2.session_open, '127.0.0.1', hello))\n"
     "raises('(number expected, got no value)', libssh2.session_open, '127.0.0.1')\n"
     "raises('(number expected, got table)', libssh2.session_open, '127.0.0.1', {number = 22})\n"
     "raises('(ssh2 expected, got string)', libssh2.userauth_list, 'x', user)\n"
     "local s = login()\n"
     "local c = libssh2.open_channel(s, true) libssh2.channel_exec(s, c, 'cat')\n"
     "libssh2.set_timeout(s, 50)\n"
     "raises('TIMEOUT', libssh2.channel_read, s, c)\n"
     "libssh2.set_timeout(s, 5000) libssh2.channel_write(s, c, 'late') "
     "same(libssh2.channel_read(s, c), 'late')\n"},
    {"a session belongs to one coroutine at a time",
     "local s = login() local c = libssh2.open_channel(s, true) libssh2.channel_exec(s, c, 'while "
     "[ ! -e ' .. key 'go' .. ' ]; do sleep 0.02; done; echo done')\n"
     "local reads, got spawn(function() reads = true got = libssh2.channel_read(s, c) end)\n"
     "while not reads do nmap.socket.sleep(0.02) end\n"
     "raises('Invalid reuse of a socket from one thread to another.', libssh2.channel_read, s, c)\n"
     "io.open(key 'go', 'w'):close()\n"
     "while not got do nmap.socket.sleep(0.02) end same(got, 'done\\n')\n"},
};

/* libssh2 calls back in the middle of its work on the session. */
static const char asked[] =
    "local asked, s = 0, libssh2.session_open('127.0.0.1', port_pam)\n"
    "local function refuse(name, ...) raises('the session is in use', libssh2[name], s, ...) end\n"
    "same(libssh2.userauth_keyboard_interactive(s, user, function(u, name, text, prompts)\n"
    "  asked = asked + 1 same(u, #prompts, user, 1)\n"
    "  refuse 'session_close' refuse('userauth_list', user)\n"
    "  refuse('userauth_keyboard_interactive', user, print)\n"
    "  same(coroutine.wrap(pcall)(libssh2.session_close, s), false)\n"
    "  asked = asked + 10\n"
    "  return {'not the password'}\n"
    "end), false)\n"
    "same(asked % 10 * 10, asked - asked % 10)\n"
    "assert(asked > 0, 'the callback was not reached')\n"
    "libssh2.session_close(s)\n";

static void a_callback_cannot_close_its_session(void **state)
{
    struct script_env env = {0};

    (void)state;
    if (access("/etc/pam.d/sshd", R_OK) != 0) {
        print_message("skipped: without PAM, sshd asks nothing\n");
        skip();
    }
    open_env(&env);
    env_run(&env, "asked", asked);
    env_close(&env);
}

static void scripts_use_ssh(void **state)
{
    struct script_env env = {0};

    (void)state;
    open_env(&env);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        env_run(&env, cases[i].name, cases[i].text);
    env_close(&env);
}

static void sessions_can_be_left_at_any_time(void **state)
{
    struct script_env env = {0};
    struct sthread *t;

    (void)state;
    open_env(&env);
    for (int turns = 0; turns < 40; turns++) {
        env.text = "local s = login() local c = libssh2.open_channel(s) libssh2.channel_exec(s, c, "
                   "'cat')\n"
                   "libssh2.channel_read(s, c)";
        env.name = "killed";
        env.living = 1;
        env.error[0] = '\0';
        assert_int_equal(
            sthread_start(env.sched,
                          &(struct sthread_opts){
                              .script = "test", .user = &env, .body = env_body, .ended = env_ended},
                          &t),
            0);
        for (int i = 0; i < turns && env.living > 0; i++)
            loop_turn(env.loop, 5 * USEC_PER_MSEC);
        if (env.living > 0)
            sthread_kill(t, STHREAD_KILLED);
        assert_int_equal(env.living, 0);
    }
    env_close(&env);
}

/* libssh2 1.10 loses keys of OpenSSL's when its own allocations fail, so the leak checker looks
 * away here; what is the Lua state's, and that is all of libssh2's own memory, is counted instead.
 */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

static size_t memory_used(struct script_env *env)
{
    lua_gc(env->sched->L, LUA_GCCOLLECT);
    lua_gc(env->sched->L, LUA_GCCOLLECT);
    return env->sched->memory.used;
}

static const char *const starving[] = {
    "local s = login() libssh2.hostkey_hash(s, 'md5') local c = libssh2.open_channel(s, true)\n"
    "libssh2.channel_exec(s, c, 'echo err >&2; cat') libssh2.channel_write(s, c, 'x') "
    "libssh2.channel_read(s, c) libssh2.channel_read_stderr(s, c) libssh2.channel_eof(c)\n"
    "libssh2.channel_send_eof(s, c) libssh2.channel_close(s, c) libssh2.session_close(s)",
    "local s = libssh2.session_open('127.0.0.1', port) libssh2.set_timeout(s, 5000)\n"
    "libssh2.userauth_list(s, user) libssh2.userauth_banner(s) "
    "libssh2.publickey_canauth(s, user, libssh2.read_publickey(key 'user.pub'))\n"
    "libssh2.userauth_password(s, user, 'wrong') libssh2.userauth_keyboard_interactive(s, user, "
    "function() return {'x'} end)\n"
    "local f = io.open(key 'user') local private = f:read('a') f:close()\n"
    "libssh2.userauth_publickey_frommemory(s, user, private, '')\n"
    "local c = libssh2.open_channel(s, true) libssh2.channel_request_pty_ex(s, c, 'xterm') "
    "libssh2.channel_shell(s, c) libssh2.session_close(s)",
};

/* Each run is a whole SSH connection, so only each 16th allocation is the first that fails; the
 * second time round others are. */
static void starve(struct script_env *env, const char *text)
{
    static long first = 1;
    size_t before;

    env_run(env, "fed", text);
    before = memory_used(env);
    env->how = STHREAD_FAILED;
    for (long n = first; env->how != STHREAD_RETURNED; n += 16) {
        assert_true(n < 20000);
        lua_gc(env->sched->L, LUA_GCCOLLECT);
        env_run_raw(env, "starving", text, n);
        env->starve.fail_from = 0;
    }
    assert_true(memory_used(env) < before + 4096);
    first = 8;
}

static void no_memory_is_an_error_in_the_script(void **state)
{
    struct script_env env = {0};

    (void)state;
    open_env(&env);
    if (__lsan_disable)
        __lsan_disable();
    for (size_t i = 0; i < ARRAY_LEN(starving); i++)
        starve(&env, starving[i]);
    if (__lsan_enable)
        __lsan_enable();
    env_close(&env);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(scripts_use_ssh),
    cmocka_unit_test(a_callback_cannot_close_its_session),
    cmocka_unit_test(sessions_can_be_left_at_any_time),
    cmocka_unit_test(no_memory_is_an_error_in_the_script),
};

int main(void)
{
    int r;

    if (access(SSHD, X_OK) != 0) {
        print_message("skipped: %s is not installed (package openssh-server)\n", SSHD);
        return 77;
    }
    r = cmocka_run_group_tests(tests, open_server, close_server);
    return r ? r : cmocka_run_group_tests_name("again", tests, open_server, close_server);
}
