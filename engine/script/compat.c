/* What Lua 5.3 did and scripts written for it lean on (nse-census 4):
 *
 * - string.unpack "z" without a final NUL gave the rest of the data; Lua 5.4 raises.  Truncated
 * replies are everyday input, so a missing NUL at the very end is supplied.
 * - bitwise operators took numeric strings; in 5.4 the string metatable decides, and it only does
 * arithmetic. */
#include "engine/script/host_priv.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

static bool is_unfinished(lua_State *L, int r)
{
    return r != LUA_OK && lua_type(L, -1) == LUA_TSTRING &&
           strstr(lua_tostring(L, -1), "unfinished string for format 'z'");
}

/* string.unpack(fmt, s[, pos]) */
static int l_unpack(lua_State *L)
{
    int n = lua_gettop(L), r;
    const char *fmt = luaL_checkstring(L, 1);

    luaL_checkstring(L, 2);
    if (!strchr(fmt, 'z'))
        return call_original(L, "unpack");
    lua_pushvalue(L, lua_upvalueindex(1));
    for (int i = 1; i <= n; i++)
        lua_pushvalue(L, i);
    r = lua_pcall(L, n, LUA_MULTRET, 0);
    if (r == LUA_OK)
        return lua_gettop(L) - n;
    if (!is_unfinished(L, r)) { /* once more, for the place of the error */
        lua_settop(L, n);
        return call_original(L, "unpack");
    }
    lua_settop(L, n);
    lua_pushvalue(L, 2);
    lua_pushlstring(L, "", 1);
    lua_concat(L, 2);
    lua_replace(L, 2);
    return call_original(L, "unpack");
}

static const struct {
    const char *event;
    int lua_op;
} ops[] = {
    {"__band", LUA_OPBAND}, {"__bor", LUA_OPBOR}, {"__bxor", LUA_OPBXOR},
    {"__shl", LUA_OPSHL},   {"__shr", LUA_OPSHR}, {"__bnot", LUA_OPBNOT},
};

static void push_operand(lua_State *L, int index)
{
    const char *s = lua_tostring(L, index);

    if (lua_type(L, index) != LUA_TSTRING) {
        if (lua_type(L, index) != LUA_TNUMBER)
            luaL_error(L, "attempt to perform bitwise operation on a %s value",
                       luaL_typename(L, index));
        lua_pushvalue(L, index);
    } else if (lua_stringtonumber(L, s) == 0) {
        luaL_error(L, "attempt to perform bitwise operation on a string value");
    }
}

/* Metamethod of strings; the upvalue is the operator. */
static int l_bitwise(lua_State *L)
{
    int op = (int)lua_tointeger(L, lua_upvalueindex(1));

    push_operand(L, 1);
    if (op != LUA_OPBNOT)
        push_operand(L, 2);
    lua_arith(L, op);
    return 1;
}

void compat_open(lua_State *L)
{
    lua_getglobal(L, LUA_STRLIBNAME);
    lua_getfield(L, -1, "unpack");
    lua_pushcclosure(L, l_unpack, 1);
    lua_setfield(L, -2, "unpack");
    lua_pop(L, 1);

    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        lua_pushinteger(L, ops[i].lua_op);
        lua_pushcclosure(L, l_bitwise, 1);
        lua_setfield(L, -2, ops[i].event);
    }
    lua_pop(L, 2);
}
