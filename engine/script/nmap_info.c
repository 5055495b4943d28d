/* nmap: what the run is like, clocks, files, log, random bytes, new_try. */
#include "engine/base/random.h"
#include "engine/base/text.h"
#include "engine/script/bindings.h"
#include "engine/script/host_priv.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

static bool selected_by_name(lua_State *L)
{
    const struct run *r = run_of(L);

    return r && r->script && r->script->by_name;
}

/* nmap.verbosity() -> integer: one more for scripts that were selected by name */
static int l_verbosity(lua_State *L)
{
    lua_pushinteger(L, host_of(L)->o.verbosity + selected_by_name(L));
    return 1;
}

static int l_debugging(lua_State *L)
{
    lua_pushinteger(L, host_of(L)->o.debugging);
    return 1;
}

static int l_timing_level(lua_State *L)
{
    lua_pushinteger(L, host_of(L)->o.timing_level);
    return 1;
}

/* nmap.version_intensity() -> integer: 9 by name, else the argument script-intensity, else the
 * option */
static int l_version_intensity(lua_State *L)
{
    const struct run *r = run_of(L);
    lua_Integer v = host_of(L)->o.version_intensity;

    if (selected_by_name(L)) {
        lua_pushinteger(L, 9);
        return 1;
    }
    push_job_registry(L, host_of(L), r ? r->job : NULL);
    if (lua_getfield(L, -1, "args") == LUA_TTABLE) {
        lua_pushliteral(L, "script-intensity");
        lua_rawget(L, -2);
        v = lua_isnumber(L, -1) ? lua_tointeger(L, -1) : v;
    }
    lua_pushinteger(L, v);
    return 1;
}

static int l_address_family(lua_State *L)
{
    lua_pushstring(L, run_family(L) == ADDR_V6 ? "inet6" : "inet");
    return 1;
}

static int l_is_privileged(lua_State *L)
{
    lua_pushboolean(L, host_of(L)->o.privileged);
    return 1;
}

static int l_have_ssl(lua_State *L)
{
    lua_pushboolean(L, 1);
    return 1;
}

static int l_get_ttl(lua_State *L)
{
    lua_pushinteger(L, 64);
    return 1;
}

static int l_get_payload_length(lua_State *L)
{
    lua_pushinteger(L, 0);
    return 1;
}

/* nmap.clock() -> float seconds, nmap.clock_ms() -> float milliseconds, rounded up; wall time */
static int l_clock(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)loop_wall(host_of(L)->loop) / USEC_PER_SEC);
    return 1;
}

static int l_clock_ms(lua_State *L)
{
    lua_pushnumber(L, ceil((lua_Number)loop_wall(host_of(L)->loop) / USEC_PER_MSEC));
    return 1;
}

/* nmap.fetchfile(name) -> path of a data file or nil */
static int l_fetchfile(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    char path[SCRIPT_PATH_MAX];

    if (!strstr(name, "..") && path_find(host_of(L), name, S_IFREG, path))
        lua_pushstring(L, path);
    else
        lua_pushnil(L);
    return 1;
}

/* nmap.get_random_bytes(n) -> string */
static int l_get_random_bytes(lua_State *L)
{
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_Buffer b;

    if (n < 0)
        return luaL_error(L, "Invalid length argument to get_random_bytes.");
    random_bytes(luaL_buffinitsize(L, &b, (size_t)n), (size_t)n);
    luaL_pushresultsize(&b, (size_t)n);
    return 1;
}

/* nmap.log_write("stdout"|"stderr", text) */
static int l_log_write(lua_State *L)
{
    static const char *const streams[] = {"stdout", "stderr", NULL};
    const struct script_host *h = host_of(L);
    const struct sthread *t = sched_current(L);
    int stream = luaL_checkoption(L, 1, NULL, streams);
    const char *text = luaL_checkstring(L, 2);

    if (h->world.log)
        h->world.log(h->world.user, stream == 0 ? LOG_INFO : LOG_NOTICE, t ? sthread_script(t) : "",
                     text);
    return 0;
}

/* nmap.add_targets([name, ...]) -> how many were taken[, "failed to add new targets."] */
static int l_add_targets(lua_State *L)
{
    const struct script_host *h = host_of(L);
    struct run *r = run_of(L);
    int n = lua_gettop(L);
    size_t added = 0;

    if (n == 0) {
        lua_pushinteger(L, r && r->job ? (lua_Integer)r->job->n_targets_added : 0);
        return 1;
    }
    for (int i = 1; i <= n; i++) {
        const char *name = luaL_checkstring(L, i);

        if (h->world.target_add && r && r->job)
            added += h->world.target_add(h->world.user, r->job->id, name);
    }
    if (r && r->job)
        r->job->n_targets_added += added;
    lua_pushinteger(L, (lua_Integer)added);
    if (added > 0)
        return 1;
    lua_pushliteral(L, "failed to add new targets.");
    return 2;
}

static int l_new_targets_num(lua_State *L)
{
    const struct run *r = run_of(L);

    lua_pushinteger(L, r && r->job ? (lua_Integer)r->job->n_targets_added : 0);
    return 1;
}

/* nmap.port_is_excluded(number, protocol) -> boolean: excluded from version detection, which the
 * host does not do */
static int l_port_is_excluded(lua_State *L)
{
    luaL_checkinteger(L, 1);
    luaL_checkstring(L, 2);
    lua_pushboolean(L, 0);
    return 1;
}

/* ---- new_try ---- */

static int raise_try(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    lua_newtable(L);
    lua_pushliteral(L, "nmap.new_try");
    lua_setfield(L, -2, "errtype");
    lua_pushvalue(L, 2);
    lua_setfield(L, -2, "message");
    return lua_error(L);
}

/* try(status, ...) -> ...; upvalue: catch.  Yields when catch does. */
static int l_try(lua_State *L)
{
    if (lua_toboolean(L, 1)) {
        if (!lua_isboolean(L, 1) && host_of(L)->world.log)
            host_of(L)->world.log(
                host_of(L)->world.user, LOG_WARNING, sthread_script(sched_current(L)),
                "finalizing a non-conforming function that did not first return a boolean");
        return lua_gettop(L) - 1;
    }
    lua_settop(L, 2);
    if (!lua_isnil(L, lua_upvalueindex(1))) {
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_callk(L, 0, 0, 0, raise_try);
    }
    return raise_try(L, LUA_OK, 0);
}

/* nmap.new_try([catch]) -> try; catch is called, whatever it is */
static int l_new_try(lua_State *L)
{
    lua_settop(L, 1);
    lua_pushcclosure(L, l_try, 1);
    return 1;
}

static const luaL_Reg functions[] = {
    {"verbosity", l_verbosity},
    {"debugging", l_debugging},
    {"timing_level", l_timing_level},
    {"version_intensity", l_version_intensity},
    {"address_family", l_address_family},
    {"is_privileged", l_is_privileged},
    {"have_ssl", l_have_ssl},
    {"get_ttl", l_get_ttl},
    {"get_payload_length", l_get_payload_length},
    {"clock", l_clock},
    {"clock_ms", l_clock_ms},
    {"fetchfile", l_fetchfile},
    {"get_random_bytes", l_get_random_bytes},
    {"log_write", l_log_write},
    {"add_targets", l_add_targets},
    {"new_targets_num", l_new_targets_num},
    {"port_is_excluded", l_port_is_excluded},
    {"new_try", l_new_try},
    {NULL, NULL},
};

void nmap_info_register(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}

/* ---- the table ---- */

/* nmap.registry belongs to the job of whoever asks. */
static int nmap_index(lua_State *L)
{
    const struct run *r = run_of(L);

    if (lua_type(L, 2) != LUA_TSTRING || strcmp(lua_tostring(L, 2), "registry") != 0)
        return 0;
    push_job_registry(L, host_of(L), r ? r->job : NULL);
    return 1;
}

static void set_loaded(lua_State *L, const char *name)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}

/* A part that the bindings bring: nmap.NAME, package.loaded["nmap.NAME"], and its `new` as
 * nmap.ALIAS. */
static void open_part(lua_State *L, lua_CFunction open, const char *name, const char *alias)
{
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
    lua_getfield(L, -1, "new");
    lua_setfield(L, -3, alias);
    lua_pushfstring(L, "nmap.%s", name);
    lua_insert(L, -2);
    set_loaded(L, lua_tostring(L, -2));
    lua_setfield(L, -3, name);
    lua_pop(L, 1);
}

void nmap_open(lua_State *L)
{
    lua_newtable(L);
    nmap_info_register(L);
    nmap_port_register(L);
    nmap_sync_register(L);
    nmap_net_register(L);
    open_part(L, l_socket_open, "socket", "new_socket");
    open_part(L, l_dnet_open, "dnet", "new_dnet");
    lua_getfield(L, -1, "dnet");
    lua_getfield(L, -2, "get_interface_info");
    lua_setfield(L, -2, "get_interface_info");
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushcfunction(L, nmap_index);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    set_loaded(L, "nmap");
    lua_setglobal(L, "nmap");
}
