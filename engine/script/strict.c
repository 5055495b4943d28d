/* Undeclared globals raise (nse-contract 1.3): a misspelt name is found where it stands.
 *
 * A name is declared by an assignment from a main chunk or from C; functions may then use it.
 * Libraries put the same on their own tables with the function `strict`, which their nselib brings;
 * ours is there for an nselib without one. */
#include "engine/script/host_priv.h"

#include <lauxlib.h>
#include <string.h>

/* What kind of function touches the table: level 1 is who indexes. */
static bool from_lua_function(lua_State *L)
{
    lua_Debug ar;

    if (!lua_getstack(L, 1, &ar) || !lua_getinfo(L, "S", &ar))
        return false;
    return strcmp(ar.what, "C") != 0 && strcmp(ar.what, "main") != 0;
}

static int raise(lua_State *L, const char *fmt, int key)
{
    luaL_where(L, 1);
    lua_pushfstring(L, fmt, luaL_tolstring(L, key, NULL));
    lua_remove(L, -2);
    lua_concat(L, 2);
    return lua_error(L);
}

/* Upvalues: declared names, the earlier metamethod or nil. */
static int strict_index(lua_State *L)
{
    lua_Debug ar;

    if (!lua_isnil(L, lua_upvalueindex(2))) {
        if (lua_isfunction(L, lua_upvalueindex(2))) {
            lua_pushvalue(L, lua_upvalueindex(2));
            lua_pushvalue(L, 1);
            lua_pushvalue(L, 2);
            lua_call(L, 2, 1);
        } else {
            lua_pushvalue(L, 2);
            lua_gettable(L, lua_upvalueindex(2));
        }
        if (!lua_isnil(L, -1))
            return 1;
    }
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return 0;
    if (!lua_getstack(L, 1, &ar) || !lua_getinfo(L, "S", &ar) || strcmp(ar.what, "C") == 0)
        return 0;
    return raise(L, "variable '%s' is not declared", 2);
}

static int strict_newindex(lua_State *L)
{
    if (lua_isfunction(L, lua_upvalueindex(2))) {
        lua_pushvalue(L, lua_upvalueindex(2));
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 2);
        lua_pushvalue(L, 3);
        lua_call(L, 3, 0);
        return 0;
    }
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) {
        if (from_lua_function(L))
            return raise(L, "assign to undeclared variable '%s'", 2);
        lua_pushvalue(L, 2);
        lua_pushboolean(L, 1);
        lua_rawset(L, lua_upvalueindex(1));
    }
    lua_settop(L, 3);
    lua_rawset(L, 1);
    return 0;
}

static void hook(lua_State *L, int mt, int declared, const char *event, lua_CFunction fn)
{
    lua_pushvalue(L, declared);
    lua_getfield(L, mt, event);
    lua_pushcclosure(L, fn, 2);
    lua_setfield(L, mt, event);
}

/* strict(env) -> env */
static int l_strict(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (!lua_getmetatable(L, 1))
        lua_newtable(L);
    lua_newtable(L);
    hook(L, 2, 3, "__index", strict_index);
    hook(L, 2, 3, "__newindex", strict_newindex);
    lua_pushvalue(L, 2);
    lua_setmetatable(L, 1);
    lua_settop(L, 1);
    return 1;
}

static int load_strict(lua_State *L)
{
    lua_pushcfunction(L, l_strict);
    return 1;
}

void strict_open(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, load_strict);
    lua_setfield(L, -2, "strict");
    lua_pop(L, 1);
    lua_pushcfunction(L, l_strict);
    lua_pushglobaltable(L);
    lua_call(L, 1, 0);
}
