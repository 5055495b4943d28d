/* What scripts left in tables that all of them share: the registries, libraries, globals.
 *
 * A script that hoards memory there is ended like any other, but what it hoarded outlives it, and
 * all who come later would find no memory.  So when the heap stays full although nobody who lives
 * holds much of it, what is too large in these tables is dropped.  Only tables and strings are
 * weighed: what hides in closures is not found. */
#include "engine/script/host_priv.h"

#include <lauxlib.h>
#include <string.h>

#define ENTRY_SHARE    16 /* one entry may hold this part of the ceiling, */
#define REGISTRY_SHARE 8  /* and one registry's small ones together this */
#define LONG_STRING    64 /* shorter ones are not worth to be remembered */
#define BASE_BYTES     40 /* of a table or an entry, about */

/* Lua's stack: 1 the host, 2 what was weighed already (and the shared tables themselves), 3 what is
 * still to be weighed. */
enum { SEEN = 2, WORK = 3 };

struct weight {
    lua_State *L;
    lua_Integer n_work;
    size_t bytes;
};

/* True when the value on top was not there before. */
static bool remember(lua_State *L)
{
    bool is_new;

    lua_pushvalue(L, -1);
    is_new = lua_rawget(L, SEEN) == LUA_TNIL;
    lua_pop(L, 1);
    if (!is_new)
        return false;
    lua_pushvalue(L, -1);
    lua_pushboolean(L, 1);
    lua_rawset(L, SEEN);
    return true;
}

/* Takes the value on top into the sum, tables into the work that is left.  Pops nothing. */
static void take_in(struct weight *w)
{
    lua_State *L = w->L;
    int type = lua_type(L, -1);
    size_t len = type == LUA_TSTRING ? lua_rawlen(L, -1) : 0;

    if (type == LUA_TSTRING && (len < LONG_STRING || remember(L)))
        w->bytes += len;
    if (type != LUA_TTABLE || !remember(L))
        return;
    lua_pushvalue(L, -1);
    lua_rawseti(L, WORK, ++w->n_work);
}

/* The bytes behind the value on top that were not counted before. */
static size_t weigh(lua_State *L)
{
    struct weight w = {.L = L};

    take_in(&w);
    while (w.n_work > 0) {
        lua_rawgeti(L, WORK, w.n_work);
        lua_pushnil(L);
        lua_rawseti(L, WORK, w.n_work--);
        for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
            w.bytes += BASE_BYTES;
            take_in(&w);
            lua_pushvalue(L, -2);
            take_in(&w);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    return w.bytes;
}

static void tell(lua_State *L, const struct script_host *h, int key, size_t bytes)
{
    const char *name = lua_type(L, key) == LUA_TSTRING ? lua_tostring(L, key) : "(unnamed)";

    lua_pushfstring(L, "shared data was dropped, the worker's memory is full: '%s', %I bytes", name,
                    (lua_Integer)bytes);
    if (h->world.log)
        h->world.log(h->world.user, LOG_WARNING, "", lua_tostring(L, -1));
    lua_pop(L, 1);
}

/* Drops what is large in the table on top.  The bytes that stay. */
static size_t drop_large(lua_State *L, const struct script_host *h)
{
    size_t stay = 0, limit = h->sched->memory.limit / ENTRY_SHARE;
    int t = lua_gettop(L);

    for (lua_pushnil(L); lua_next(L, t);) {
        size_t bytes = weigh(L);

        lua_pop(L, 1);
        if (bytes <= limit) {
            stay += bytes;
            continue;
        }
        tell(L, h, -1, bytes);
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, t); /* allowed while it is walked */
    }
    return stay;
}

/* Pops the registry on top. */
static void shed_registry(lua_State *L, const struct script_host *h)
{
    int t = lua_gettop(L);

    if (drop_large(L, h) > h->sched->memory.limit / REGISTRY_SHARE)
        for (lua_pushnil(L); lua_next(L, t);) {
            lua_pop(L, 1);
            if (lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "args") == 0)
                continue;
            lua_pushvalue(L, -1);
            lua_pushnil(L);
            lua_rawset(L, t);
        }
    lua_settop(L, t - 1);
}

/* Calls fn for each registry, with it on top; fn pops it. */
static void each_registry(lua_State *L, const struct script_host *h,
                          void (*fn)(lua_State *L, const struct script_host *h))
{
    const struct job_host *jh;
    const struct job *j;

    if (lua_rawgeti(L, LUA_REGISTRYINDEX, h->registry_ref) == LUA_TTABLE)
        fn(L, h);
    TAILQ_FOREACH (j, &h->jobs, entry) {
        if (lua_rawgeti(L, LUA_REGISTRYINDEX, j->registry_ref) == LUA_TTABLE)
            fn(L, h);
        TAILQ_FOREACH (jh, &j->hosts, entry)
            if (lua_rawgeti(L, LUA_REGISTRYINDEX, jh->registry_ref) == LUA_TTABLE)
                fn(L, h);
        lua_settop(L, WORK);
    }
    lua_settop(L, WORK);
}

static void mark(lua_State *L, const struct script_host *h)
{
    (void)h;
    remember(L);
    lua_pop(L, 1);
}

static void shed_library(lua_State *L, const struct script_host *h)
{
    drop_large(L, h);
    lua_pop(L, 1);
}

/* The same for each library, _G among them, and for the table of them. */
static void each_library(lua_State *L, const struct script_host *h,
                         void (*fn)(lua_State *L, const struct script_host *h))
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    for (lua_pushnil(L); lua_next(L, WORK + 1);)
        if (lua_istable(L, -1))
            fn(L, h);
        else
            lua_pop(L, 1);
    fn(L, h);
}

static int shed(lua_State *L)
{
    const struct script_host *h = lua_touserdata(L, 1);

    lua_newtable(L);
    lua_newtable(L);
    each_library(L, h, mark);
    each_registry(L, h, mark);
    each_library(L, h, shed_library);
    each_registry(L, h, shed_registry);
    return 0;
}

void host_shed(struct script_host *h)
{
    struct lmem *m = &h->sched->memory;
    size_t limit = m->limit;

    m->limit = limit + limit / 2; /* to find what is too large takes some */
    (void)sched_protected(h->sched, shed, h, NULL);
    m->limit = limit;
}
