/* The standard libraries, as far as a script may have them.
 *
 * Files: reading below the data directories and what script arguments name, writing below the
 * scratch directory (paths.c).  No process, no environment, no terminal: print, io.write and
 * io.output() go to the log.  No shared objects, and no precompiled chunks, because forged bytecode
 * breaks the interpreter.  From `debug` only what looks, not what changes other functions.  No
 * finalizers of scripts: Lua runs them without hooks, so that an endless one could not be stopped.
 */
#include "engine/script/host_priv.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

static void push_wrapped(lua_State *L, const char *name, lua_CFunction fn)
{
    lua_getfield(L, -1, name); /* the original is the wrapper's upvalue */
    lua_pushcclosure(L, fn, 1);
    lua_setfield(L, -2, name);
}

static void set_function(lua_State *L, const char *name, lua_CFunction fn)
{
    lua_pushcfunction(L, fn);
    lua_setfield(L, -2, name);
}

static void set_nil(lua_State *L, const char *name)
{
    lua_pushnil(L);
    lua_setfield(L, -2, name);
}

/* nil, "path: why", errno: as luaL_fileresult says it */
static int refuse(lua_State *L, const char *path)
{
    luaL_pushfail(L);
    lua_pushfstring(L, "%s: %s", path, strerror(EACCES));
    lua_pushinteger(L, EACCES);
    return 3;
}

int call_original(lua_State *L, const char *name)
{
    const char *message, *rest;

    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    if (lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0) == LUA_OK)
        return lua_gettop(L);
    message = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    if (!message)
        return lua_error(L);
    rest = strstr(message, "to '?'");
    if (strncmp(message, "bad argument #", 14) != 0 || !rest)
        return luaL_error(L, "%s", message);
    luaL_where(L, 1);
    lua_pushlstring(L, message, (size_t)(rest - message));
    lua_pushfstring(L, "to '%s'%s", name, rest + 6);
    lua_concat(L, 3);
    return lua_error(L);
}

static int l_forbidden(lua_State *L)
{
    return luaL_error(L, "%s is not available to scripts", lua_tostring(L, lua_upvalueindex(1)));
}

static void forbid(lua_State *L, const char *name, const char *full_name)
{
    lua_pushstring(L, full_name);
    lua_pushcclosure(L, l_forbidden, 1);
    lua_setfield(L, -2, name);
}

static bool is_read_mode(const char *mode)
{
    return mode[0] == 'r' && !strchr(mode, '+');
}

/* ---- io ---- */

/* io.open(path[, mode]) */
static int l_io_open(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1), *mode = luaL_optstring(L, 2, "r");

    if (!path_allowed(host_of(L), path, !is_read_mode(mode)))
        return refuse(L, path);
    return call_original(L, "open");
}

/* io.lines(path, ...) */
static int l_io_lines(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);

    if (!path_allowed(host_of(L), path, false))
        return luaL_error(L, "%s: %s", path, strerror(EACCES));
    return call_original(L, "lines");
}

/* io.output([file or path]) */
static int l_io_output(lua_State *L)
{
    const char *path = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL;

    if (path && !path_allowed(host_of(L), path, true))
        return luaL_error(L, "%s: %s", path, strerror(EACCES));
    return call_original(L, "output");
}

static int l_nothing(lua_State *L)
{
    luaL_pushfail(L);
    return 1;
}

static void log_text(const struct script_host *h, const char *text)
{
    const struct sthread *t = h->sched->current;

    if (h->world.log)
        h->world.log(h->world.user, LOG_INFO, t ? sthread_script(t) : "", text);
}

static void log_values(lua_State *L, int from, const char *separator)
{
    int n = lua_gettop(L);
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    for (int i = from; i <= n; i++) {
        if (i > from)
            luaL_addstring(&b, separator);
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    log_text(host_of(L), lua_tostring(L, -1));
}

static int l_print(lua_State *L)
{
    log_values(L, 1, "\t");
    return 0;
}

/* ---- the default output: a file like any other, but that what is written to it goes to the log */

static ssize_t output_write(void *cookie, const char *data, size_t len)
{
    CLEANUP(freep) char *text = strndup(data, len);

    if (text)
        log_text(cookie, text);
    return (ssize_t)len;
}

/* As Lua's own standard files say it. */
static int output_close(lua_State *L)
{
    luaL_Stream *f = luaL_checkudata(L, 1, LUA_FILEHANDLE);

    f->closef = output_close;
    luaL_pushfail(L);
    lua_pushliteral(L, "cannot close standard file");
    return 2;
}

/* Without a buffer: text is logged for who wrote it. */
static void push_output(lua_State *L)
{
    struct script_host *h = host_of(L);
    luaL_Stream *f = lua_newuserdatauv(L, sizeof *f, 0);

    f->closef = NULL;
    luaL_setmetatable(L, LUA_FILEHANDLE);
    h->output = fopencookie(h, "w", (cookie_io_functions_t){.write = output_write});
    if (!h->output)
        luaL_error(L, "not enough memory");
    setvbuf(h->output, NULL, _IONBF, 0);
    f->f = h->output;
    f->closef = output_close;
}

/* io.write(...); upvalues: the original, io.output's original, the default output */
static int l_io_write(lua_State *L)
{
    bool redirected;

    lua_pushvalue(L, lua_upvalueindex(2));
    lua_call(L, 0, 1);
    redirected = !lua_rawequal(L, -1, lua_upvalueindex(3));
    lua_pop(L, 1);
    if (redirected)
        return call_original(L, "write");
    log_values(L, 1, "");
    lua_pushvalue(L, lua_upvalueindex(3));
    return 1;
}

static void open_io(lua_State *L)
{
    lua_getglobal(L, LUA_IOLIBNAME);
    lua_getfield(L, -1, "write");
    lua_getfield(L, -2, "output");
    push_output(L);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, -2);
    lua_call(L, 1, 0);
    lua_pushcclosure(L, l_io_write, 3);
    lua_setfield(L, -2, "write");
    push_wrapped(L, "open", l_io_open);
    push_wrapped(L, "lines", l_io_lines);
    push_wrapped(L, "output", l_io_output);
    set_function(L, "read", l_nothing);
    forbid(L, "input", "io.input");
    forbid(L, "popen", "io.popen");
    forbid(L, "tmpfile", "io.tmpfile");
    set_nil(L, "stdin");
    set_nil(L, "stdout");
    set_nil(L, "stderr");
    lua_pop(L, 1);
    luaL_getmetatable(L, LUA_FILEHANDLE); /* one for all scripts: not theirs to change */
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

/* ---- os ---- */

/* os.remove(path), os.rename(path, path) */
static int l_os_change(lua_State *L)
{
    int n = lua_gettop(L);

    for (int i = 1; i <= n && i <= 2; i++)
        if (!path_allowed(host_of(L), luaL_checkstring(L, i), true))
            return refuse(L, lua_tostring(L, i));
    return call_original(L, "remove");
}

/* os.tmpname() -> path of a new empty file in the scratch directory */
static int l_os_tmpname(lua_State *L)
{
    const struct script_host *h = host_of(L);
    char *path;
    int fd;

    if (!h->scratch)
        return luaL_error(L, "unable to generate a unique filename: no scratch directory");
    path = lua_newuserdatauv(L, strlen(h->scratch) + 16, 0);
    memcpy(path, h->scratch, strlen(h->scratch) + 1);
    memcpy(path + strlen(path), "/lua-XXXXXX", sizeof "/lua-XXXXXX");
    fd = mkstemp(path);
    if (fd < 0)
        return luaL_error(L, "unable to generate a unique filename: %s", strerror(errno));
    close(fd);
    lua_pushstring(L, path);
    return 1;
}

static void open_os(lua_State *L)
{
    lua_getglobal(L, LUA_OSLIBNAME);
    forbid(L, "execute", "os.execute");
    forbid(L, "exit", "os.exit");
    set_function(L, "getenv", l_nothing);
    set_function(L, "setlocale", l_nothing);
    push_wrapped(L, "remove", l_os_change);
    push_wrapped(L, "rename", l_os_change);
    set_function(L, "tmpname", l_os_tmpname);
    lua_pop(L, 1);
}

/* ---- loading code ---- */

/* Text chunks only: a mode without "t" matches nothing. */
static void text_mode(lua_State *L, int index)
{
    const char *mode = luaL_optstring(L, index, "t");

    lua_pushstring(L, strchr(mode, 't') ? "t" : "-");
    lua_replace(L, index);
}

/* load(chunk[, name[, mode[, env]]]) */
static int l_load(lua_State *L)
{
    if (lua_gettop(L) < 3)
        lua_settop(L, 3);
    text_mode(L, 3);
    return call_original(L, "load");
}

/* loadfile(path[, mode[, env]]) */
static int l_loadfile(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);

    if (!path_allowed(host_of(L), path, false)) {
        luaL_pushfail(L);
        lua_pushfstring(L, "cannot open %s: %s", path, strerror(EACCES));
        return 2;
    }
    if (lua_gettop(L) < 2)
        lua_settop(L, 2);
    text_mode(L, 2);
    return call_original(L, "loadfile");
}

static int dofile_k(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    return lua_gettop(L) - 1;
}

/* dofile(path) */
static int l_dofile(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);

    lua_settop(L, 1);
    if (!path_allowed(host_of(L), path, false))
        return luaL_error(L, "cannot open %s: %s", path, strerror(EACCES));
    if (luaL_loadfilex(L, path, "t") != LUA_OK)
        return lua_error(L);
    lua_callk(L, 0, LUA_MULTRET, 0, dofile_k);
    return dofile_k(L, LUA_OK, 0);
}

/* setmetatable(t, mt): __gc stays out of sight while Lua looks whether the object wants a finalizer
 */
static int l_setmetatable(lua_State *L)
{
    int type = lua_type(L, 2);

    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    lua_pushliteral(L, "__gc");
    if (type == LUA_TTABLE && (lua_pushvalue(L, -1), lua_rawget(L, 2)) != LUA_TNIL) {
        lua_pushliteral(L, "__gc");
        lua_pushnil(L);
        lua_rawset(L, 2);
        lua_pushvalue(L, 2);
        lua_setmetatable(L, 1);
        lua_rawset(L, 2); /* 3: "__gc", 4: the handler */
    } else {
        lua_pushvalue(L, 2);
        lua_setmetatable(L, 1);
    }
    lua_settop(L, 1);
    return 1;
}

static int l_collectgarbage(lua_State *L)
{
    static const char *const options[] = {"collect",     "count",        "step",     "isrunning",
                                          "stop",        "restart",      "setpause", "setstepmul",
                                          "incremental", "generational", NULL};

    if (luaL_checkoption(L, 1, "collect", options) == 1)
        lua_pushnumber(L, (lua_Number)lua_gc(L, LUA_GCCOUNT) + lua_gc(L, LUA_GCCOUNTB) / 1024.0);
    else
        lua_pushinteger(L, 0); /* the collector is the host's */
    return 1;
}

/* type(v) -> name; the names are upvalues: scripts ask so often that to look for each of them among
 * all strings took as long as all else of the call. */
static int l_type(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushvalue(L, lua_upvalueindex(lua_type(L, 1) + 1));
    return 1;
}

static void set_type(lua_State *L)
{
    for (int i = 0; i < LUA_NUMTYPES; i++)
        lua_pushstring(L, lua_typename(L, i));
    lua_pushcclosure(L, l_type, LUA_NUMTYPES);
    lua_setfield(L, -2, "type");
}

static void open_base(lua_State *L)
{
    lua_pushglobaltable(L);
    set_type(L);
    push_wrapped(L, "load", l_load);
    push_wrapped(L, "loadfile", l_loadfile);
    set_function(L, "dofile", l_dofile);
    set_function(L, "print", l_print);
    set_function(L, "setmetatable", l_setmetatable);
    set_function(L, "collectgarbage", l_collectgarbage);
    set_nil(L, "warn"); /* a global of 5.4 that the API does not have */
    lua_pop(L, 1);
}

/* ---- debug ---- */

/* debug.getmetatable(v), without a way round __metatable */
static int l_debug_getmetatable(lua_State *L)
{
    luaL_checkany(L, 1);
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return 1;
    if (!lua_getmetatable(L, 1))
        lua_pushnil(L);
    return 1;
}

/* debug.getregistry(): not the real one, which holds what keeps the host alive */
static int l_debug_getregistry(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    return 1;
}

static int l_debug_none(lua_State *L)
{
    (void)L;
    return 0;
}

static void open_debug(lua_State *L)
{
    static const char *const removed[] = {"setupvalue",   "upvaluejoin",    "setlocal",
                                          "setuservalue", "getuservalue",   "getupvalue",
                                          "debug",        "setcstacklimit", "upvalueid"};

    lua_getglobal(L, LUA_DBLIBNAME);
    for (size_t i = 0; i < ARRAY_LEN(removed); i++)
        set_nil(L, removed[i]);
    lua_getglobal(L, "setmetatable");
    lua_setfield(L, -2, "setmetatable");
    set_function(L, "getmetatable", l_debug_getmetatable);
    set_function(L, "sethook", l_debug_none); /* the hook is the scheduler's */
    set_function(L, "gethook", l_debug_none);
    lua_newtable(L);
    lua_pushcclosure(L, l_debug_getregistry, 1);
    lua_setfield(L, -2, "getregistry");
    lua_pop(L, 1);
}

static void open_package(lua_State *L)
{
    lua_getglobal(L, LUA_LOADLIBNAME);
    set_nil(L, "loadlib");
    set_nil(L, "searchpath");
    lua_pushliteral(L, "");
    lua_setfield(L, -2, "path");
    lua_pushliteral(L, "");
    lua_setfield(L, -2, "cpath");
    lua_pop(L, 1);
}

void sandbox_open(lua_State *L)
{
    open_io(L);
    open_os(L);
    open_base(L);
    open_debug(L);
    open_package(L);
}
