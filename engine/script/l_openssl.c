/* Module openssl for scripts: its library context, randomness and the lists of algorithms.
 *
 * Scripts look at old services, so they need what OpenSSL 3 moved into the legacy provider.  It is
 * loaded into a library context of the Lua state's own: a provider in the default context would
 * change what TLS of the whole process offers.  The context lives in a userdata in the registry and
 * goes with the state. */
#include "engine/script/l_openssl.h"

#include "engine/script/l_util.h"

#include <lauxlib.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rand.h>
#include <stdlib.h>

static const char ossl_key;

static void ossl_destroy(void *object)
{
    struct ossl *o = object;

    if (o->legacy)
        OSSL_PROVIDER_unload(o->legacy);
    if (o->base)
        OSSL_PROVIDER_unload(o->base);
    OSSL_LIB_CTX_free(o->ctx);
    free(o);
}

void ossl_init(lua_State *L)
{
    struct l_box *box = l_box_push(L, ossl_destroy);
    struct ossl *o = calloc(1, sizeof *o);

    box->object = o;
    if (!o)
        l_no_memory(L);
    o->ctx = OSSL_LIB_CTX_new();
    o->base = o->ctx ? OSSL_PROVIDER_load(o->ctx, "default") : NULL;
    if (!o->base)
        l_no_memory(L);
    /* Without its file (package libssl3) only the old algorithms are missing. */
    o->legacy = OSSL_PROVIDER_load(o->ctx, "legacy");
    ERR_clear_error();
    lua_rawsetp(L, LUA_REGISTRYINDEX, &ossl_key);
    bignum_init(L);
}

struct ossl *ossl_of(lua_State *L)
{
    struct l_box *box;

    luaL_checkstack(L, 1, NULL);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &ossl_key);
    box = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return box->object;
}

/* The providers know canonical names; aliases such as "DES" or "RSA-SHA1" only the older table of
 * names knows. */
EVP_MD *ossl_digest(struct ossl *o, const char *name)
{
    EVP_MD *md = EVP_MD_fetch(o->ctx, name, NULL);
    const EVP_MD *alias = md ? NULL : EVP_get_digestbyname(name);

    if (alias)
        md = EVP_MD_fetch(o->ctx, EVP_MD_get0_name(alias), NULL);
    ERR_clear_error();
    return md;
}

EVP_CIPHER *ossl_cipher(struct ossl *o, const char *name)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(o->ctx, name, NULL);
    const EVP_CIPHER *alias = cipher ? NULL : EVP_get_cipherbyname(name);

    if (alias)
        cipher = EVP_CIPHER_fetch(o->ctx, EVP_CIPHER_get0_name(alias), NULL);
    ERR_clear_error();
    return cipher;
}

int ossl_error(lua_State *L)
{
    char text[256];

    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    return luaL_error(L, "OpenSSL error: %s", text);
}

/* rand_bytes(n) -> n bytes */
static int l_rand_bytes(lua_State *L)
{
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_Buffer b;
    char *room;

    luaL_argcheck(L, n >= 0 && n <= INT_MAX, 1, "number of bytes out of range");
    room = luaL_buffinitsize(L, &b, (size_t)n);
    if (RAND_bytes((unsigned char *)room, (int)n) != 1)
        return ossl_error(L);
    luaL_pushresultsize(&b, (size_t)n);
    return 1;
}

/* Counted first, then collected into memory of Lua's: a callback of OpenSSL must not be jumped over
 * by a Lua error. */
struct names {
    const char **list; /* NULL: count only */
    size_t n, cap;
};

static void names_add(const OBJ_NAME *name, void *user)
{
    struct names *names = user;

    if (names->list && names->n == names->cap)
        return;
    if (names->list)
        names->list[names->n] = name->name;
    names->n++;
}

static int push_names(lua_State *L, int type)
{
    struct names names = {0};

    OBJ_NAME_do_all_sorted(type, names_add, &names);
    names.cap = names.n;
    names.n = 0;
    names.list = lua_newuserdatauv(L, (names.cap + 1) * sizeof *names.list, 0);
    OBJ_NAME_do_all_sorted(type, names_add, &names);
    lua_createtable(L, (int)names.n, 0);
    for (size_t i = 0; i < names.n; i++) {
        lua_pushstring(L, names.list[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* supported_digests() -> {name, ...} */
static int l_supported_digests(lua_State *L)
{
    OPENSSL_init_crypto(OPENSSL_INIT_ADD_ALL_DIGESTS, NULL);
    return push_names(L, OBJ_NAME_TYPE_MD_METH);
}

/* supported_ciphers() -> {name, ...} */
static int l_supported_ciphers(lua_State *L)
{
    OPENSSL_init_crypto(OPENSSL_INIT_ADD_ALL_CIPHERS, NULL);
    return push_names(L, OBJ_NAME_TYPE_CIPHER_METH);
}

static const luaL_Reg functions[] = {
    {"rand_bytes", l_rand_bytes},
    {"rand_pseudo_bytes", l_rand_bytes},
    {"supported_digests", l_supported_digests},
    {"supported_ciphers", l_supported_ciphers},
    {NULL, NULL},
};

int luaopen_openssl(lua_State *L)
{
    luaL_newlib(L, functions);
    ossl_add_hash(L);
    ossl_add_cipher(L);
    ossl_add_bignum(L);
    return 1;
}
