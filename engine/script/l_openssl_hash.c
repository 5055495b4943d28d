/* Module openssl for scripts: digests and HMAC. */
#include "engine/script/l_openssl.h"

#include <lauxlib.h>
#include <openssl/err.h>
#include <openssl/evp.h>

/* Nothing here raises between the fetch and the free. */
static int push_digest(lua_State *L, const char *name, const char *data, size_t len)
{
    EVP_MD *md = ossl_digest(ossl_of(L), name);
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int r;

    if (!md)
        return luaL_error(L, "Unknown digest algorithm: %s", name);
    r = EVP_Digest(data, len, out, &n, md, NULL);
    EVP_MD_free(md);
    if (r != 1)
        return ossl_error(L);
    lua_pushlstring(L, (const char *)out, n);
    return 1;
}

/* digest(algorithm, data) -> binary */
static int l_digest(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    size_t len;
    const char *data = luaL_checklstring(L, 2, &len);

    return push_digest(L, name, data, len);
}

/* md5(data) and the like: the algorithm is the first upvalue. */
static int l_named_digest(lua_State *L)
{
    size_t len;
    const char *data = luaL_checklstring(L, 1, &len);

    return push_digest(L, lua_tostring(L, lua_upvalueindex(1)), data, len);
}

/* hmac(algorithm, key, data) -> binary */
static int l_hmac(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    size_t key_len, len;
    const char *key = luaL_checklstring(L, 2, &key_len);
    const char *data = luaL_checklstring(L, 3, &len);
    unsigned char out[EVP_MAX_MD_SIZE];
    size_t n = 0;
    const unsigned char *r;
    EVP_MD *md;

    md = ossl_digest(ossl_of(L), name);
    if (!md)
        return luaL_error(L, "Unknown digest algorithm: %s", name);
    /* HMAC() would not find what the legacy provider brings. */
    r = EVP_Q_mac(ossl_of(L)->ctx, "HMAC", NULL, EVP_MD_get0_name(md), NULL, key, key_len,
                  (const unsigned char *)data, len, out, sizeof out, &n);
    EVP_MD_free(md);
    if (!r)
        return ossl_error(L);
    lua_pushlstring(L, (const char *)out, n);
    return 1;
}

void ossl_add_hash(lua_State *L)
{
    static const char *const named[] = {"md4", "md5", "sha1", "ripemd160", NULL};
    static const luaL_Reg functions[] = {{"digest", l_digest}, {"hmac", l_hmac}, {NULL, NULL}};

    for (const char *const *name = named; *name; name++) {
        lua_pushstring(L, *name);
        lua_pushcclosure(L, l_named_digest, 1);
        lua_setfield(L, -2, *name);
    }
    luaL_setfuncs(L, functions, 0);
}
