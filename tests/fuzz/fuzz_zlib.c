/* layer: script
 * Compressed data of a peer, as a string and as a stream: any outcome but a crash, and no more
 * output than the limits allow. */
#include "engine/script/bindings.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char both[] = "local data = ...\n"
                           "local bits = data:byte() or 0\n"
                           "data = data:sub(2)\n"
                           "local ok, out = pcall(zlib.decompress, data, bits % 64 - 16, 100000)\n"
                           "assert(not ok or #out <= 100000)\n"
                           "local st = zlib.inflate(data)\n"
                           "pcall(function() while st:read(1 + bits, '*l') do end end)\n"
                           "pcall(st.close, st)\n";

static lua_State *open_state(void)
{
    static const struct binding_env env;
    lua_State *L = luaL_newstate();

    luaL_openlibs(L);
    bindings_init(L, &env);
    luaL_requiref(L, "zlib", luaopen_zlib, 1);
    lua_settop(L, 0);
    if (luaL_loadstring(L, both) != LUA_OK)
        abort();
    return L;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static lua_State *L;

    if (!L)
        L = open_state();
    lua_settop(L, 1);
    lua_pushvalue(L, 1);
    lua_pushlstring(L, (const char *)data, len);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        abort();
    return 0;
}
