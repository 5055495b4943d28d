/* coroutine.resume, wrap and close for scripts (nse-contract 1.5).
 *
 * An engine yield (sched_park, preemption) inside a coroutine that the script made suspends that
 * coroutine; our resume sees the thread's park mark, marks the coroutine as the engine's and yields
 * further out with a continuation that re-enters it.  So a blocking call works at any depth, and
 * nothing is copied through the layers.  Where the outer function cannot yield (it runs inside
 * string.gsub, say), the thread is blocked while the inner one runs, so that a park inside raises
 * at the place of the call instead of losing its way. */
#include "engine/script/sthread.h"

#include <lauxlib.h>
#include <lualib.h>

static int resume_k(lua_State *L, int status, lua_KContext ctx);
static int wrap_k(lua_State *L, int status, lua_KContext ctx);

/* LUA_YIELD with the thread's park mark set: an engine yield; -1 stands for it. */
#define ENGINE_YIELD (-1)

static int resume_inner(lua_State *L, lua_State *in, int n_args, int *n_results)
{
    struct sthread *t = sched_current(L);
    bool bound = !lua_isyieldable(L);
    int r;

    co_mark_clear(in, CO_PARKED);
    t->parked = PARK_NONE;
    t->blocked += bound;
    t->sched->running = in;
    r = lua_resume(in, L, n_args, n_results);
    t->sched->running = L;
    t->blocked -= bound;
    if (t->doom) {
        sched_arm_doom(L);
        if (r > LUA_YIELD)
            co_mark_set(in, CO_LOST);
    }
    if (r != LUA_YIELD || t->parked == PARK_NONE)
        return r;
    co_mark_set(in, CO_PARKED);
    return ENGINE_YIELD;
}

static const char *start_inner(lua_State *L, lua_State *in, int n_args)
{
    if (co_marked(in))
        return "cannot resume non-suspended coroutine";
    if (!lua_checkstack(in, n_args))
        return "too many arguments to resume";
    lua_xmove(L, in, n_args);
    return NULL;
}

/* Moves what the inner coroutine gave to L.  Returns the count, or -1 with an error message on L.
 */
static int take_results(lua_State *L, lua_State *in, int r, int n_results)
{
    if (r != LUA_OK && r != LUA_YIELD) {
        lua_xmove(in, L, 1);
        return -1;
    }
    if (!lua_checkstack(L, n_results + 1)) {
        lua_pop(in, n_results);
        lua_pushliteral(L, "too many results to resume");
        return -1;
    }
    lua_xmove(in, L, n_results);
    return n_results;
}

/* ---- coroutine.resume(co, ...) ---- */

static int resume_done(lua_State *L, lua_State *in, int r, int n_results)
{
    int n;

    if (r == ENGINE_YIELD)
        return lua_yieldk(L, 0, (lua_KContext)in, resume_k);
    n = take_results(L, in, r, n_results);
    lua_pushboolean(L, n >= 0);
    lua_insert(L, n >= 0 ? -(n + 1) : -2);
    return n >= 0 ? n + 1 : 2;
}

static int resume_k(lua_State *L, int status, lua_KContext ctx)
{
    lua_State *in = (lua_State *)ctx;
    int n_results = 0, r;

    (void)status;
    r = resume_inner(L, in, 0, &n_results);
    return resume_done(L, in, r, n_results);
}

static int l_resume(lua_State *L)
{
    lua_State *in = lua_tothread(L, 1);
    int n_args = lua_gettop(L) - 1, n_results = 0, r;
    const char *fault;

    luaL_argexpected(L, in, 1, "coroutine");
    fault = start_inner(L, in, n_args);
    if (fault) {
        lua_pushboolean(L, 0);
        lua_pushstring(L, fault);
        return 2;
    }
    r = resume_inner(L, in, n_args, &n_results);
    return resume_done(L, in, r, n_results);
}

/* ---- coroutine.wrap(f) ---- */

/* What closes the variables of `in` runs next on it, or has run: the tick has to find it there, and
 * no yield can leave it. */
static void closing_begins(lua_State *L, lua_State *in)
{
    struct sthread *t = sched_current(L);

    t->blocked++;
    t->sched->running = in;
}

static void closing_ends(lua_State *L)
{
    struct sthread *t = sched_current(L);

    t->sched->running = L;
    t->blocked--;
    if (t->doom)
        sched_arm_doom(L);
}

static int wrap_failed(lua_State *L, lua_State *in)
{
    int status = lua_status(in);

    if (status > LUA_YIELD && !co_marked(in)) { /* it died: close its variables */
        closing_begins(L, in);
        status = lua_resetthread(in);
        closing_ends(L);
        lua_pop(L, 1);
        lua_xmove(in, L, 1);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int wrap_done(lua_State *L, lua_State *in, int r, int n_results)
{
    int n;

    if (r == ENGINE_YIELD)
        return lua_yieldk(L, 0, (lua_KContext)in, wrap_k);
    n = take_results(L, in, r, n_results);
    return n >= 0 ? n : wrap_failed(L, in);
}

static int wrap_k(lua_State *L, int status, lua_KContext ctx)
{
    lua_State *in = (lua_State *)ctx;
    int n_results = 0, r;

    (void)status;
    r = resume_inner(L, in, 0, &n_results);
    return wrap_done(L, in, r, n_results);
}

static int call_wrapped(lua_State *L)
{
    lua_State *in = lua_tothread(L, lua_upvalueindex(1));
    int n_args = lua_gettop(L), n_results = 0, r;
    const char *fault = start_inner(L, in, n_args);

    if (fault)
        return luaL_error(L, "%s", fault);
    r = resume_inner(L, in, n_args, &n_results);
    return wrap_done(L, in, r, n_results);
}

static int l_wrap(lua_State *L)
{
    lua_State *in;

    luaL_checktype(L, 1, LUA_TFUNCTION);
    in = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, in, 1);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

/* ---- coroutine.close(co) ---- */

static int l_close(lua_State *L)
{
    lua_State *in = lua_tothread(L, 1);
    int r;

    luaL_argexpected(L, in, 1, "coroutine");
    if (co_marked(in))
        return luaL_error(L, "cannot close a running coroutine");
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    closing_begins(L, in);
    r = lua_pcall(L, 1, LUA_MULTRET, 0);
    closing_ends(L);
    return r == LUA_OK ? lua_gettop(L) - 1 : lua_error(L);
}

/* ---- xpcall(f, handler, ...) ----
 *
 * The budget's error is raised inside the count hook, and Lua keeps hooks off while one runs: a
 * message handler called there could loop for ever.  So a doomed thread does not get its handler
 * called. */

static int guarded_handler(lua_State *L)
{
    const struct sthread *t = sched_current(L);

    if (t && t->doom)
        return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int xpcall_k(lua_State *L, int status, lua_KContext ctx)
{
    (void)ctx;
    if (status == LUA_OK || status == LUA_YIELD)
        return lua_gettop(L) - 2; /* all but f and the handler; `true` came first */
    lua_pushboolean(L, 0);
    lua_pushvalue(L, -2);
    return 2;
}

static int l_xpcall(lua_State *L)
{
    int n = lua_gettop(L), r;

    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, guarded_handler, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2);
    r = lua_pcallk(L, n - 2, LUA_MULTRET, 2, 0, xpcall_k);
    return xpcall_k(L, r, 0);
}

int coro_open(lua_State *L)
{
    lua_register(L, "xpcall", l_xpcall);
    lua_getglobal(L, LUA_COLIBNAME);
    lua_pushcfunction(L, l_resume);
    lua_setfield(L, -2, "resume");
    lua_pushcfunction(L, l_wrap);
    lua_setfield(L, -2, "wrap");
    lua_getfield(L, -1, "close");
    lua_pushcclosure(L, l_close, 1);
    lua_setfield(L, -2, "close");
    lua_pop(L, 1);
    return 0;
}
