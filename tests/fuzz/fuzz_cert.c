/* layer: script
 * Certificates as a peer sends them, turned into the table that scripts read; then a digest of
 * them. */
#include "engine/script/bindings.h"
#include "engine/script/l_cert.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char walk[] =
    "local parse, der = ...\n"
    "local c = parse(der)\n"
    "if not c then return end\n"
    "local function visit(v)\n"
    "  if type(v) == 'table' then for k, x in pairs(v) do visit(k) visit(x) end end\n"
    "  return tostring(v)\n"
    "end\n"
    "for _, k in ipairs{'subject', 'issuer', 'pubkey', 'validity', 'sig_algorithm',\n"
    "                   'extensions', 'pem', 'none'} do visit(c[k]) end\n"
    "assert(#c:digest('sha256') == 32)\n"
    "assert(parse(der).pem == c.pem)\n";

static lua_State *open_state(void)
{
    static const struct binding_env env;
    lua_State *L = luaL_newstate();

    luaL_openlibs(L);
    bindings_init(L, &env);
    l_socket_open(L);
    lua_settop(L, 0);
    if (luaL_loadstring(L, walk) != LUA_OK)
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
    lua_pushcfunction(L, l_parse_ssl_certificate);
    lua_pushlstring(L, (const char *)data, len);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK)
        abort();
    return 0;
}
