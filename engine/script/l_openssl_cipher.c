/* Module openssl for scripts: symmetric ciphers, and the key layout of DES as NTLM and LM use it.
 */
#include "engine/script/l_openssl.h"
#include "engine/script/l_util.h"

#include <lauxlib.h>
#include <limits.h>
#include <openssl/err.h>

/* A cipher may hold back a block and pad another. */
#define OUT_ROOM (2 * EVP_MAX_BLOCK_LENGTH)

enum direction { DECRYPT = 0, ENCRYPT = 1 };

struct cipher_job {
    const EVP_CIPHER *cipher;
    enum direction direction;
    int padding;
    const char *key, *iv, *data;
    size_t key_len, iv_len, len;
};

/* Raises before anything is allocated outside Lua. */
static void job_check(lua_State *L, struct cipher_job *job)
{
    job->key = luaL_checklstring(L, 2, &job->key_len);
    job->iv = luaL_optlstring(L, 3, "", &job->iv_len);
    job->data = luaL_checklstring(L, 4, &job->len);
    job->padding = lua_toboolean(L, 5);
    luaL_argcheck(L, job->key_len <= INT_MAX, 2, "key too long");
    luaL_argcheck(L, job->len <= INT_MAX - OUT_ROOM, 4, "data too long");
}

/* 1 done, 0 with errors in OpenSSL's queue.  An empty iv means zeros.  The length that an iv should
 * have is known only now: some modes have a choice. */
static int job_run(const struct cipher_job *job, EVP_CIPHER_CTX *ctx, unsigned char *out,
                   int *ret_len)
{
    static const unsigned char zeros[EVP_MAX_IV_LENGTH];
    const void *iv = job->iv_len ? job->iv : (const char *)zeros;
    int n = 0, last = 0;

    if (EVP_CIPHER_CTX_set_key_length(ctx, (int)job->key_len) != 1 ||
        EVP_CipherInit_ex(ctx, NULL, NULL, (const unsigned char *)job->key, iv,
                          (int)job->direction) != 1 ||
        EVP_CIPHER_CTX_set_padding(ctx, job->padding) != 1 ||
        EVP_CipherUpdate(ctx, out, &n, (const unsigned char *)job->data, (int)job->len) != 1 ||
        EVP_CipherFinal_ex(ctx, out + n, &last) != 1)
        return 0;
    *ret_len = n + last;
    return 1;
}

static void context_destroy(void *object)
{
    EVP_CIPHER_CTX_free(object);
}

/* A context that knows its cipher and direction, but no key. */
static EVP_CIPHER_CTX *push_context(lua_State *L, const struct cipher_job *job)
{
    struct l_box *box = l_box_push(L, context_destroy);

    box->object = EVP_CIPHER_CTX_new();
    if (!box->object)
        l_no_memory(L);
    if (EVP_CipherInit_ex(box->object, job->cipher, NULL, NULL, NULL, (int)job->direction) != 1)
        ossl_error(L);
    return box->object;
}

static void cipher_destroy(void *object)
{
    EVP_CIPHER_free(object);
}

/* The fetched cipher in a box: the buffer for the output may raise after the fetch. */
static const EVP_CIPHER *push_cipher(lua_State *L, const char *name)
{
    struct l_box *box = l_box_push(L, cipher_destroy);

    box->object = ossl_cipher(ossl_of(L), name);
    if (!box->object)
        luaL_error(L, "Unknown cipher algorithm: %s", name);
    return box->object;
}

static int run(lua_State *L, enum direction direction)
{
    struct cipher_job job = {.direction = direction};
    EVP_CIPHER_CTX *ctx;
    luaL_Buffer b;
    char *out;
    int want, n = 0;

    lua_settop(L, 5);
    job_check(L, &job);
    job.cipher = push_cipher(L, luaL_checkstring(L, 1));
    ctx = push_context(L, &job);
    want = EVP_CIPHER_CTX_get_iv_length(ctx);
    if (job.iv_len && job.iv_len != (size_t)want)
        return luaL_error(L, "Length of iv is %d; should be %d", (int)job.iv_len, want);
    out = luaL_buffinitsize(L, &b, job.len + OUT_ROOM);
    if (job_run(&job, ctx, (unsigned char *)out, &n) != 1)
        return ossl_error(L);
    luaL_pushresultsize(&b, (size_t)n);
    return 1;
}

/* encrypt(algorithm, key, iv | nil, data[, padding = false]) -> binary */
static int l_encrypt(lua_State *L)
{
    return run(L, ENCRYPT);
}

/* decrypt(algorithm, key, iv | nil, data[, padding = false]) -> binary */
static int l_decrypt(lua_State *L)
{
    return run(L, DECRYPT);
}

/* DES_string_to_key(seven bytes) -> eight bytes: seven bits each in the upper bits; the parity bit
 * stays clear. */
static int l_des_string_to_key(lua_State *L)
{
    size_t len;
    const unsigned char *in = (const unsigned char *)luaL_checklstring(L, 1, &len);
    uint64_t bits = 0;
    char key[8];

    if (len != 7)
        return luaL_error(L, "String must have length of 7 bytes.");
    for (int i = 0; i < 7; i++)
        bits = bits << 8 | in[i];
    for (int i = 0; i < 8; i++)
        key[i] = (char)((bits >> (7 * (7 - i)) & 0x7f) << 1);
    lua_pushlstring(L, key, sizeof key);
    return 1;
}

void ossl_add_cipher(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"encrypt", l_encrypt},
        {"decrypt", l_decrypt},
        {"DES_string_to_key", l_des_string_to_key},
        {NULL, NULL},
    };

    luaL_setfuncs(L, functions, 0);
}
