/* A real scheduler with the bindings on a real loop, for tests of what scripts do with the network.
 *
 * env_open() makes loop, resolver, scheduler, and a Lua state with `nmap` = { socket, new_socket,
 * new_dnet }, `same`, `raises` and `spawn(f)`, which starts f as a thread of its own.  env_run()
 * runs Lua text as a thread until every thread has ended. */
#pragma once

#include "bind_support.h"

#include "engine/loop/dns.h"
#include "engine/script/sthread.h"

struct script_env {
    struct loop *loop;
    struct dns *dns;
    struct sched *sched;
    struct binding_env bindings;
    struct script_world world;
    struct bind_state starve; /* counts for the failing allocator */
    unsigned living;
    enum sthread_end how; /* of the first thread of env_run() */
    char error[1024];
    uint64_t bytes_in, bytes_out; /* of all threads that ended */
    const char *text, *name;
};

static const char env_helpers[] =
    "function same(...)\n"
    "  local t = table.pack(...)\n"
    "  assert(t.n % 2 == 0, 'an odd number of values to compare')\n"
    "  local half = t.n // 2\n"
    "  for i = 1, half do\n"
    "    if t[i] ~= t[half + i] then\n"
    "      error(('value %d: %q is not %q'):format(i, tostring(t[i]), tostring(t[half + i])), 2)\n"
    "    end\n"
    "  end\n"
    "end\n"
    "function raises(want, f, ...)\n"
    "  local ok, why = pcall(f, ...)\n"
    "  if ok or not tostring(why):find(want, 1, true) then\n"
    "    error(('expected an error with %q, got %s %q'):format(want, ok, tostring(why)), 2)\n"
    "  end\n"
    "end\n";

static void *env_alloc(void *ud, void *p, size_t old_size, size_t new_size)
{
    struct script_env *env = ud;
    struct bind_state *s = &env->starve;
    bool grows = new_size && (!p || new_size > old_size);

    s->allocations += grows;
    if (grows && s->fail_from && s->allocations >= s->fail_from)
        return NULL;
    return lmem_alloc(&env->sched->memory, p, old_size, new_size);
}

static void env_ended(struct sthread *t, enum sthread_end how)
{
    struct script_env *env = t->user;
    char *text;

    env->living--;
    env->bytes_in += t->bytes_in;
    env->bytes_out += t->bytes_out;
    if (how == STHREAD_RETURNED)
        return;
    env->starve.fail_from = 0;
    text = sthread_error_text(t, false);
    if (!env->error[0])
        snprintf(env->error, sizeof env->error, "%s", text ? text : "no memory");
    if (env->how == STHREAD_RETURNED)
        env->how = how;
    free(text);
}

static int env_spawn(lua_State *L)
{
    struct script_env *env = lua_touserdata(L, lua_upvalueindex(1));
    struct sthread_opts o = {.script = "worker", .job = 7, .user = env, .ended = env_ended};
    struct sthread *t;

    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    if (sthread_start_function(L, 0, &o, &t) < 0)
        return luaL_error(L, "not enough memory");
    env->living++;
    return 0;
}

static int env_setup(lua_State *L)
{
    struct script_env *env = lua_touserdata(L, 1);

    luaL_openlibs(L);
    coro_open(L);
    bindings_init(L, &env->bindings);
    lua_newtable(L);
    l_socket_open(L);
    lua_getfield(L, -1, "new");
    lua_setfield(L, -3, "new_socket");
    lua_setfield(L, -2, "socket");
    l_dnet_open(L);
    lua_getfield(L, -1, "new");
    lua_setfield(L, -3, "new_dnet");
    lua_setfield(L, -2, "dnet");
    lua_setglobal(L, "nmap");
    luaL_requiref(L, "openssl", luaopen_openssl, 1);
    lua_pushlightuserdata(L, env);
    lua_pushcclosure(L, env_spawn, 1);
    lua_setglobal(L, "spawn");
    if (luaL_dostring(L, env_helpers) != LUA_OK)
        return lua_error(L);
    return 0;
}

/* env->bindings may be filled before; loop, dns and world are set here. */
static void env_open(struct script_env *env)
{
    struct sched_opts o = {0};
    struct dns_opts dns = {.servers = "127.0.0.1", .timeout = 50 * USEC_PER_MSEC, .tries = 1};
    struct err e = {0};

    assert_int_equal(loop_new(&env->loop, &e), 0);
    assert_int_equal(dns_new(&env->dns, env->loop, &dns, &e), 0);
    assert_int_equal(sched_new(&env->sched, env->loop, &o, &e), 0);
    env->bindings.loop = env->loop;
    env->bindings.dns = env->dns;
    env->bindings.world = &env->world;
    if (sched_protected(env->sched, env_setup, env, &e) < 0)
        fail_msg("%s", e.text);
    lua_setallocf(env->sched->L, env_alloc, env);
}

static void env_close(struct script_env *env)
{
    sched_freep(&env->sched);
    dns_freep(&env->dns);
    loop_freep(&env->loop);
}

static int env_body_k(lua_State *L, int status, lua_KContext ctx)
{
    (void)L, (void)status, (void)ctx;
    return 0;
}

static int env_body(lua_State *L)
{
    struct script_env *env = lua_touserdata(L, 1);

    if (luaL_loadbuffer(L, env->text, strlen(env->text), env->name) != LUA_OK)
        return lua_error(L);
    lua_callk(L, 0, 0, 0, env_body_k);
    return 0;
}

/* The result is in env->how and env->error.  fail_from: see struct bind_state. */
static void env_run_raw(struct script_env *env, const char *name, const char *text, long fail_from)
{
    struct sthread_opts o = {
        .script = "test", .job = 7, .user = env, .body = env_body, .ended = env_ended};
    usec_t end = loop_now(env->loop) + 30 * USEC_PER_SEC;
    struct sthread *t;

    env->text = text;
    env->name = name;
    env->how = STHREAD_RETURNED;
    env->error[0] = '\0';
    env->living = 1;
    assert_int_equal(sthread_start(env->sched, &o, &t), 0);
    env->starve.allocations = 0;
    env->starve.fail_from = fail_from;
    while (env->living > 0 && loop_now(env->loop) < end)
        assert_true(loop_turn(env->loop, 50 * USEC_PER_MSEC) >= 0);
    if (env->living > 0)
        fail_msg("%s: %u threads are still there after 30 s", name, env->living);
}

static UNUSED void env_run(struct script_env *env, const char *name, const char *text)
{
    env_run_raw(env, name, text, 0);
    if (env->how != STHREAD_RETURNED)
        fail_msg("%s: %s", name, env->error);
}

/* As bind_run_starved(), with all that runs on the loop. */
static UNUSED void env_run_starved(struct script_env *env, const char *name, const char *text)
{
    env->how = STHREAD_FAILED;
    for (long n = 1; env->how != STHREAD_RETURNED; n++) {
        lua_gc(env->sched->L, LUA_GCCOLLECT);
        env_run_raw(env, name, text, n);
        env->starve.fail_from = 0;
        if (env->how != STHREAD_RETURNED && !strstr(env->error, "memory"))
            fail_msg("%s: %s", name, env->error);
    }
}
