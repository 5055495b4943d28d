/* The functions of the stdnse library that only the engine can give (nse-contract 5.1, 5.2):
 * threads and identity.  They are set in whatever library is loaded under that name. */
#include "engine/script/host_priv.h"

#include <inttypes.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

/* base() -> coroutine */
static int l_base(lua_State *L)
{
    struct sthread *t = sched_current(L);

    if (!t)
        return 0;
    lua_pushthread(t->co);
    lua_xmove(t->co, L, t->co == L ? 0 : 1);
    return 1;
}

/* gettid() -> string: one for each script thread; a worker has its own */
static int l_gettid(lua_State *L)
{
    const struct sthread *t = sched_current(L);

    if (!t)
        return 0;
    lua_pushfstring(L, "thread: %p", (const void *)t->co);
    return 1;
}

static int l_getid(lua_State *L)
{
    const struct sthread *t = sched_current(L);

    if (!t)
        return 0;
    lua_pushstring(L, sthread_script(t));
    return 1;
}

static bool is_worker(lua_State *L)
{
    const struct run *r = run_of(L);

    return r && r->worker;
}

/* getinfo() -> "id M:address" or "id W:address" */
static int l_getinfo(lua_State *L)
{
    const struct sthread *t = sched_current(L);
    char address[2 * sizeof(void *) + 1];

    if (!t)
        return 0;
    snprintf(address, sizeof address, "%" PRIxPTR, (uintptr_t)t->co);
    lua_pushfstring(L, "%s %s:%s", sthread_script(t), is_worker(L) ? "W" : "M", address);
    return 1;
}

/* gethostport() -> host or nil, port or nil */
static int l_gethostport(lua_State *L)
{
    const struct run *r = run_of(L);

    if (r && r->jh)
        push_host(L, r->jh);
    else
        lua_pushnil(L);
    if (r && r->jh && r->port != SIZE_MAX)
        push_port(L, &r->jh->ports[r->port]);
    else
        lua_pushnil(L);
    return 2;
}

static int l_isworker(lua_State *L)
{
    lua_pushboolean(L, is_worker(L));
    return 1;
}

/* new_thread(f, ...) -> coroutine, info */
static int l_new_thread(lua_State *L)
{
    const struct run *r = run_of(L);

    if (!lua_isfunction(L, 1))
        return luaL_error(L, "function expected");
    if (!r || !r->job)
        return luaL_error(L, "no script is active");
    return run_start_worker(L, lua_gettop(L) - 1);
}

/* silent_require(name) -> library.  While a script is loaded, a missing library skips the script
 * instead of being an error. */
static int l_silent_require(lua_State *L)
{
    lua_settop(L, 1);
    lua_getglobal(L, "require");
    lua_pushvalue(L, 1);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        return 1;
    lua_createtable(L, 0, 2);
    lua_pushliteral(L, "silent_require");
    lua_setfield(L, -2, "errtype");
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "library");
    return lua_error(L);
}

static const luaL_Reg functions[] = {
    {"base", l_base},
    {"gettid", l_gettid},
    {"getid", l_getid},
    {"getinfo", l_getinfo},
    {"gethostport", l_gethostport},
    {"isworker", l_isworker},
    {"new_thread", l_new_thread},
    {"silent_require", l_silent_require},
};

void stdnse_inject(lua_State *L)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        lua_pushstring(L, functions[i].name);
        lua_pushcfunction(L, functions[i].func);
        lua_rawset(L, -3); /* raw: the library's table is strict */
    }
}
