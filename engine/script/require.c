/* require: libraries come from DATADIR/nselib alone.
 *
 * The first searcher maps "a.b" to nselib/a/b.lua, so that an own library wins over a preloaded
 * one; there are no searchers for package.path or shared objects.  Whatever library answers to
 * "stdnse" gets the engine's functions. */
#include "engine/script/host_priv.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>
#include <sys/stat.h>

/* Loader of stdnse; upvalue: its chunk.  Arguments: name, path. */
static int load_stdnse(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_call(L, 2, 1);
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
        lua_pushvalue(L, 1);
        lua_rawget(L, -2);
    }
    if (lua_istable(L, -1))
        stdnse_inject(L);
    return 1;
}

static int search_nselib(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1), *file;
    char path[SCRIPT_PATH_MAX];

    if (strstr(name, "..") || name[0] == '/')
        return luaL_error(L, "bad library name '%s'", name);
    luaL_gsub(L, name, ".", "/");
    lua_pushfstring(L, "nselib/%s.lua", lua_tostring(L, -1));
    file = lua_tostring(L, -1);
    if (!path_find(host_of(L), file, S_IFREG, path)) {
        lua_pushfstring(L, "failed to find %s in the data directories", file);
        return 1;
    }
    lua_pushstring(L, path);
    if (luaL_loadfilex(L, lua_tostring(L, -1), "t") != LUA_OK)
        return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name,
                          lua_tostring(L, -2), lua_tostring(L, -1));
    if (strcmp(name, "stdnse") == 0)
        lua_pushcclosure(L, load_stdnse, 1);
    lua_insert(L, -2);
    return 2;
}

void require_open(lua_State *L)
{
    lua_getglobal(L, LUA_LOADLIBNAME);
    lua_getfield(L, -1, "searchers");
    lua_rawgeti(L, -1, 1); /* the one for package.preload */
    lua_rawseti(L, -2, 2);
    lua_pushcfunction(L, search_nselib);
    lua_rawseti(L, -2, 1);
    for (lua_Integer i = 3; i <= 4; i++) {
        lua_pushnil(L);
        lua_rawseti(L, -2, i);
    }
    lua_pop(L, 2);
}
