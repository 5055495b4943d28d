/* What a script's thread runs: file body, rule, action, in one coroutine, so that each of them may
 * wait (nse-contract 1.6).
 *
 * Most rules say no, at once.  So a thread whose rule said no, and that nobody can tell from a new
 * one, takes the script's next port itself: with the same instance of its file, as long as that is
 * as it was (reuse.h).  As soon as a rule waits or says yes, the thread is that port's alone, and
 * the ports that are left get another one. */
#include "engine/script/host_priv.h"

#include <lauxlib.h>

#define RULES_PER_THREAD 64 /* so that the loop gets its turn */

/* Places on the stack.  NODES: of the instance, see reuse_watch(). */
enum { AT_RUN = 1, AT_ENV, AT_NODES, AT_HOST, AT_PORT };

static int after_action(lua_State *L, int status, lua_KContext ctx)
{
    struct run *r = (struct run *)ctx;

    (void)status;
    output_render(L, &r->output, -2, -1);
    return 0;
}

static int n_args(const struct run *r)
{
    return r->rule == RULE_HOST ? 1 : r->rule == RULE_PORT ? 2 : 0;
}

static void push_function(lua_State *L, const struct run *r, const char *name)
{
    lua_pushstring(L, name);
    if (lua_rawget(L, AT_ENV) != LUA_TFUNCTION)
        luaL_error(L, "%s: '%s' is not a function", r->script->path, name);
}

static void push_call(lua_State *L, const struct run *r, const char *function)
{
    push_function(L, r, function);
    for (int i = 0; i < n_args(r); i++)
        lua_pushvalue(L, AT_HOST + i);
}

static int call_action(lua_State *L, struct run *r)
{
    run_settled(r);
    r->at = RUN_ACTION;
    push_call(L, r, "action");
    lua_callk(L, n_args(r), 2, (lua_KContext)r, after_action);
    return after_action(L, LUA_OK, (lua_KContext)r);
}

/* The rule waited: this thread is for one port. */
static int after_rule(lua_State *L, int status, lua_KContext ctx)
{
    struct run *r = (struct run *)ctx;

    (void)status;
    if (!lua_toboolean(L, -1))
        return 0;
    lua_settop(L, AT_PORT);
    return call_action(L, r);
}

/* For an action whose rule is not asked. */
static void push_own_tables(lua_State *L, const struct run *r)
{
    if (r->jh)
        push_host(L, r->jh);
    else
        lua_pushnil(L);
    if (r->port != SIZE_MAX)
        push_port(L, port_rec_for(r->script, &r->jh->ports[r->port]));
    else
        lua_pushnil(L);
}

/* Could what the rule left behind be seen from the next port: in the file's variables, by a lock or
 * a socket that it holds, by a worker that it started? */
static bool left_nothing(lua_State *L, struct run *r, const struct watch *w)
{
    return LIST_EMPTY(&r->thread->dtors) && !r->crew && loans_return(L, r, AT_HOST) &&
           reuse_is_clean(L, r->script->reuse, AT_NODES, w);
}

/* Said no. */
static bool takes_another(lua_State *L, struct run *r, const struct watch *w, int n)
{
    return left_nothing(L, r, w) && r->takes_more && n < RULES_PER_THREAD && job_run_next(r);
}

/* Asks the rule, until it says yes or there is no port that this thread may ask it of. */
static int ask_rules(lua_State *L, struct run *r, const struct watch *w)
{
    bool yes = false;

    for (int n = 1; !yes; n++) {
        lua_settop(L, AT_NODES);
        if (r->jh)
            loans_push(L, r);
        push_call(L, r, rule_name(r->rule));
        lua_callk(L, n_args(r), 1, (lua_KContext)r, after_rule);
        yes = lua_toboolean(L, -1);
        if (!yes && !takes_another(L, r, w, n))
            return 0;
    }
    lua_settop(L, AT_PORT);
    return call_action(L, r);
}

static int after_file(lua_State *L, int status, lua_KContext ctx)
{
    struct run *r = (struct run *)ctx;
    struct watch w = {0};

    (void)status;
    lua_settop(L, AT_ENV);
    if (r->script->forced) {
        lua_pushnil(L);
        push_own_tables(L, r);
        return call_action(L, r);
    }
    r->at = RUN_RULE;
    if (r->takes_more && job_run_has_next(r)) {
        push_function(L, r, rule_name(r->rule));
        reuse_watch(L, r->script->reuse, &w);
        lua_replace(L, AT_NODES);
    } else {
        lua_pushnil(L);
    }
    return ask_rules(L, r, &w);
}

static void push_env(lua_State *L, const struct run *r)
{
    lua_createtable(L, 0, 8);
    lua_pushstring(L, r->script->path);
    lua_setfield(L, -2, "SCRIPT_PATH");
    lua_pushstring(L, r->script->id);
    lua_setfield(L, -2, "SCRIPT_NAME");
    lua_pushstring(L, rule_name(r->rule));
    lua_setfield(L, -2, "SCRIPT_TYPE");
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->host->env_meta_ref);
    lua_setmetatable(L, -2);
}

int run_body(lua_State *L)
{
    struct run *r = lua_touserdata(L, AT_RUN);

    push_env(L, r);
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->script->chunk_ref);
    lua_pushvalue(L, AT_ENV);
    lua_call(L, 1, 1);
    lua_callk(L, 0, 0, (lua_KContext)r, after_file);
    return after_file(L, LUA_OK, (lua_KContext)r);
}
