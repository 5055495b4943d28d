/* Lua counts no changes of a table, and copies would have to be compared field by field.  So a mark
 * is mixed from all that a table holds.  64 bits: nobody meets a second table with the same mark by
 * chance, and who would make one changes only what is his own. */
#include "engine/script/mark.h"

#include <string.h>

uint64_t mark_mix(uint64_t mark, uint64_t more)
{
    mark = (mark ^ more) * 0x9e3779b97f4a7c15u;
    return mark ^ mark >> 29;
}

static uint64_t bits_of(lua_Number n)
{
    uint64_t bits;

    memcpy(&bits, &n, sizeof bits);
    return bits;
}

uint64_t mark_value(lua_State *L, int index)
{
    int type = lua_type(L, index);
    uint64_t v;

    if (type == LUA_TNUMBER)
        v = lua_isinteger(L, index) ? (uint64_t)lua_tointeger(L, index)
                                    : bits_of(lua_tonumber(L, index)) ^ 1;
    else if (type == LUA_TBOOLEAN)
        v = (uint64_t)lua_toboolean(L, index);
    else
        v = (uintptr_t)lua_topointer(L, index);
    return mark_mix(v, (uint64_t)type);
}

uint64_t mark_table(lua_State *L, int index)
{
    uint64_t mark = 0;

    index = lua_absindex(L, index);
    if (lua_getmetatable(L, index)) {
        mark = mark_value(L, -1);
        lua_pop(L, 1);
    }
    lua_pushnil(L);
    while (lua_next(L, index)) {
        mark = mark_mix(mark_mix(mark, mark_value(L, -2)), mark_value(L, -1));
        lua_pop(L, 1);
    }
    return mark;
}
