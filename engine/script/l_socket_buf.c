/* socket:receive_buf(): text up to a delimiter, with the rest kept for the next call.
 *
 * The rest stands in the object's user value and is seen by receive_buf() alone; it survives a new
 * connect, not close().  A peer that never sends the delimiter must not fill the memory: nothing
 * more is asked for once GATHERED_MAX are there, which stay as after every failure.
 *
 * Stack of a call: socket, delimiter, keep, and from 4 on what one round needs. */
#include "engine/script/l_socket.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>

static int buf_round(lua_State *L);

/* Pushes start and end of the delimiter as it was found, or values that are no numbers. */
static void find_delimiter(lua_State *L)
{
    if (lua_type(L, 2) == LUA_TFUNCTION) {
        lua_pushvalue(L, 2);
        lua_pushvalue(L, 4);
        lua_call(L, 1, 2); /* not to be yielded in */
        return;
    }
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, LUA_STRLIBNAME);
    lua_getfield(L, -1, "find");
    lua_replace(L, -3);
    lua_pop(L, 1);
    lua_pushvalue(L, 4);
    lua_pushvalue(L, 2);
    lua_call(L, 2, 2);
}

/* Cuts the buffer at 4 around [first, last]. */
static int split(lua_State *L, lua_Integer first, lua_Integer last)
{
    size_t len, end;
    const char *data = lua_tolstring(L, 4, &len);

    if (first < 1 || first > last || (size_t)last > len)
        return luaL_error(L, "invalid indices for match");
    end = (size_t)(lua_toboolean(L, 3) ? last : first - 1);
    lua_pushlstring(L, data + last, len - (size_t)last);
    lua_setiuservalue(L, 1, 1);
    lua_pushboolean(L, 1);
    lua_pushlstring(L, data, end);
    return 2;
}

static int more_k(lua_State *L, int status, lua_KContext ctx)
{
    struct sock *s = sock_check(L, 1);
    int r = conn_received(L, s, (struct sock_op *)ctx);

    (void)status;
    if (r < 0)
        return sock_push_failure(L, r);
    lua_pushvalue(L, 4);
    lua_insert(L, -2);
    lua_concat(L, 2);
    lua_setiuservalue(L, 1, 1);
    return buf_round(L);
}

static int buf_round(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    struct conn *c;

    lua_settop(L, 3);
    if (lua_getiuservalue(L, 1, 1) != LUA_TSTRING) {
        lua_pop(L, 1);
        lua_pushliteral(L, "");
    }
    find_delimiter(L);
    if (lua_type(L, -1) == LUA_TNUMBER && lua_type(L, -2) == LUA_TNUMBER)
        return split(L, lua_tointeger(L, -2), lua_tointeger(L, -1));
    lua_settop(L, 4);
    if (lua_rawlen(L, 4) >= GATHERED_MAX)
        return sock_push_failure(L, -ENOBUFS);
    c = sock_ready(L, s); /* again: the delimiter function may have closed it */
    return c ? conn_receive(L, s, c, more_k) : 2;
}

/* socket:receive_buf(pattern | function, keep) -> true, text | nil, STATUS | false, reason. Yields.
 */
int l_sock_receive_buf(lua_State *L)
{
    struct sock *s = sock_check(L, 1);

    if (lua_type(L, 2) != LUA_TFUNCTION && lua_type(L, 2) != LUA_TSTRING)
        return luaL_typeerror(L, 2, "function/string");
    luaL_checktype(L, 3, LUA_TBOOLEAN);
    return sock_ready(L, s) ? buf_round(L) : 2;
}
