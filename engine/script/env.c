/* The Lua state that scripts live in: libraries, C modules, sandbox, strict globals (nse-contract
 * 1). */
#include "engine/script/bindings.h"
#include "engine/script/host_priv.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

static const luaL_Reg modules[] = {
    {"openssl", luaopen_openssl}, {"zlib", luaopen_zlib},       {"lfs", luaopen_lfs},
    {"lpeg", luaopen_lpeg},       {"libssh2", luaopen_libssh2},
};

struct script_host *host_of(lua_State *L)
{
    return sched_host(sched_of(L));
}

static bool binding_path_allowed(void *user, const char *path, enum path_use use)
{
    return path_allowed(user, path, use == PATH_WRITE);
}

/* Workers count, too: one script that starts a hundred of them is as much for a server. */
static struct slots *binding_slots_of(void *user, const struct sthread *t)
{
    const struct run *r = t->user;

    (void)user;
    return r && r->jh ? &r->jh->slots : NULL;
}

static enum addr_family binding_family_of(lua_State *L, void *user)
{
    (void)user;
    return run_family(L);
}

static void init_bindings(lua_State *L, struct script_host *h)
{
    struct binding_env env = {
        .loop = h->loop,
        .guard = h->guard,
        .dns = h->dns,
        .world = &h->world,
        .family_of = binding_family_of,
        .max_threads = h->o.max_threads,
        .interface = h->interface,
        .trace = h->o.trace,
        .path_allowed = binding_path_allowed,
        .slots_of = binding_slots_of,
        .user = h,
    };

    bindings_init(L, &env);
}

static int open_all(lua_State *L)
{
    struct script_host *h = lua_touserdata(L, 1);

    luaL_openlibs(L);
    coro_open(L);
    sandbox_open(L);
    compat_open(L);
    string_open(L);
    require_open(L);
    init_bindings(L, h);
    for (size_t i = 0; i < ARRAY_LEN(modules); i++) {
        luaL_requiref(L, modules[i].name, modules[i].func, 1);
        lua_pop(L, 1);
    }
    nmap_open(L);
    lua_newtable(L);
    lua_pushglobaltable(L);
    lua_setfield(L, -2, "__index");
    h->env_meta_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    strict_open(L); /* last: from here on new globals are errors */
    return 0;
}

/* Libraries that are loaded before any script, when the data directories have them. */
static int preload(lua_State *L)
{
    static const char *const names[] = {"strict", "stdnse", "tableaux", "lpeg-utility"};
    const struct script_host *h = host_of(L);

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        lua_getglobal(L, "require");
        lua_pushstring(L, names[i]);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK && h->world.log)
            h->world.log(h->world.user, LOG_DEBUG, "", luaL_tolstring(L, -1, NULL));
        lua_settop(L, 1);
    }
    return 0;
}

int env_open(struct script_host *h, struct err *e)
{
    struct sthread_opts o = {.script = "(libraries)", .body = preload};
    int r = sched_protected(h->sched, open_all, h, e);

    if (r < 0)
        return err_add(e, r, "open the Lua state");
    r = sthread_run_now(h->sched, &o);
    return r < 0 ? err_set(e, r, "out of memory") : 0;
}
