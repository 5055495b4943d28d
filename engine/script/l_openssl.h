/* What the parts of the openssl module, and the certificate binding, share. */
#pragma once

#include <lua.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

/* The library context of one Lua state, with the default and the legacy provider: MD4, RC4, DES and
 * RIPEMD are there for scripts, while the context of TLS and webhooks stays as it is. */
struct ossl {
    OSSL_LIB_CTX *ctx;
    OSSL_PROVIDER *base, *legacy;
};

/* Part of bindings_init().  Raises on no memory. */
void ossl_init(lua_State *L);
struct ossl *ossl_of(lua_State *L);

/* A digest or cipher by any of its names, upper or lower case; NULL: unknown.  The caller frees it.
 */
EVP_MD *ossl_digest(struct ossl *o, const char *name);
EVP_CIPHER *ossl_cipher(struct ossl *o, const char *name);

/* Pushes an empty bignum object and returns where its number goes.  The object owns what is put
 * there. */
BIGNUM **bignum_push(lua_State *L);
void bignum_init(lua_State *L);

int ossl_error(lua_State *L); /* raises with the first error of OpenSSL's queue */

/* Functions of the parts, added to the module table on top of the stack. */
void ossl_add_hash(lua_State *L);
void ossl_add_cipher(lua_State *L);
void ossl_add_bignum(lua_State *L);
