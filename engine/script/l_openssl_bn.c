/* Module openssl for scripts: whole numbers of any size, as userdata.
 *
 * Their memory is OpenSSL's and their arithmetic cannot be preempted, so the size of operands is
 * limited: what a server sends must not buy minutes of computing.  Bad text gives zero, and a
 * failed division zeros, as scripts know it. */
#include "engine/script/l_openssl.h"
#include "engine/script/l_util.h"

#include <lauxlib.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdbool.h>

#define BIGNUM_TYPE "BIGNUM"

#define BITS_MAX       262144 /* of any number */
#define POWER_BITS_MAX 16384  /* of the operands of mod_exp and of prime tests: about a second */
#define DECIMAL_MAX    80000  /* digits; reading decimal text takes quadratic time */
/* Miller-Rabin rounds of a prime test.  OpenSSL takes 64 to 128, which is half a minute for an 8192
 * bit group; 20 leave less than 2^-40 even for a number that was chosen to deceive. */
#define PRIME_ROUNDS 20

BIGNUM **bignum_push(lua_State *L)
{
    BIGNUM **box = lua_newuserdatauv(L, sizeof(BIGNUM *), 0);

    *box = NULL;
    luaL_setmetatable(L, BIGNUM_TYPE);
    return box;
}

static BIGNUM *check(lua_State *L, int arg)
{
    BIGNUM **box = luaL_checkudata(L, arg, BIGNUM_TYPE);

    luaL_argcheck(L, *box, arg, "the number was freed");
    return *box;
}

static BIGNUM *check_small(lua_State *L, int arg)
{
    BIGNUM *n = check(L, arg);

    luaL_argcheck(L, BN_num_bits(n) <= POWER_BITS_MAX, arg, "number too large");
    return n;
}

/* An empty number on the stack to put a result in. */
static BIGNUM *push_new(lua_State *L)
{
    BIGNUM **box = bignum_push(L);

    *box = BN_new();
    if (!*box)
        l_no_memory(L);
    return *box;
}

static void scratch_destroy(void *object)
{
    BN_CTX_free(object);
}

/* Scratch space of one operation. */
static BN_CTX *push_scratch(lua_State *L)
{
    struct l_box *box = l_box_push(L, scratch_destroy);

    box->object = BN_CTX_new();
    if (!box->object)
        l_no_memory(L);
    return box->object;
}

static int bignum_gc(lua_State *L)
{
    BIGNUM **box = luaL_checkudata(L, 1, BIGNUM_TYPE);

    BN_clear_free(*box);
    *box = NULL;
    return 0;
}

/* bignum_bin2bn(bytes) -> number */
static int l_bin2bn(lua_State *L)
{
    size_t len;
    const char *data = luaL_checklstring(L, 1, &len);
    BIGNUM **box;

    luaL_argcheck(L, len <= BITS_MAX / 8, 1, "number too large");
    box = bignum_push(L);
    *box = BN_bin2bn((const unsigned char *)data, (int)len, NULL);
    return *box ? 1 : l_no_memory(L);
}

/* bignum_dec2bn(text) -> number; the digits at its start count */
static int l_dec2bn(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    BIGNUM *n;

    luaL_argcheck(L, len <= DECIMAL_MAX, 1, "number too large");
    n = push_new(L);
    BN_dec2bn(&n, text);
    return 1;
}

/* bignum_hex2bn(text) -> number */
static int l_hex2bn(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    BIGNUM *n;

    luaL_argcheck(L, len <= BITS_MAX / 4, 1, "number too large");
    n = push_new(L);
    BN_hex2bn(&n, text);
    return 1;
}

/* bignum_rand(bits) -> number of at most that many bits */
static int l_rand(lua_State *L)
{
    lua_Integer bits = luaL_checkinteger(L, 1);
    BIGNUM *n;

    luaL_argcheck(L, bits <= BITS_MAX, 1, "number too large");
    n = push_new(L);
    if (bits > 0 && BN_rand(n, (int)bits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) != 1)
        return ossl_error(L);
    return 1;
}

/* bignum_add(a, b) -> number */
static int l_add(lua_State *L)
{
    BIGNUM *a = check(L, 1), *b = check(L, 2), *sum = push_new(L);

    luaL_argcheck(L, BN_num_bits(a) < BITS_MAX && BN_num_bits(b) < BITS_MAX, 1, "number too large");
    if (BN_add(sum, a, b) != 1)
        return ossl_error(L);
    return 1;
}

/* bignum_div(a, b) -> quotient, remainder */
static int l_div(lua_State *L)
{
    BIGNUM *a = check(L, 1), *b = check(L, 2);
    BN_CTX *scratch = push_scratch(L);
    BIGNUM *quotient = push_new(L), *remainder = push_new(L);

    if (BN_div(quotient, remainder, a, b, scratch) != 1)
        ERR_clear_error();
    return 2;
}

/* bignum_mod_exp(a, p, m) -> a to the power of p, modulo m */
static int l_mod_exp(lua_State *L)
{
    BIGNUM *a = check_small(L, 1), *p = check_small(L, 2), *m = check_small(L, 3);
    BN_CTX *scratch = push_scratch(L);
    BIGNUM *result = push_new(L);

    if (BN_mod_exp(result, a, p, m, scratch) != 1)
        ERR_clear_error();
    return 1;
}

/* number:num_bits() */
static int l_num_bits(lua_State *L)
{
    lua_pushinteger(L, BN_num_bits(check(L, 1)));
    return 1;
}

/* number:num_bytes() */
static int l_num_bytes(lua_State *L)
{
    lua_pushinteger(L, BN_num_bytes(check(L, 1)));
    return 1;
}

/* Which bit: any that is not there stands for none. */
static int bit_arg(lua_State *L)
{
    lua_Integer bit = luaL_checkinteger(L, 2);

    return bit < 0 || bit >= BITS_MAX ? -1 : (int)bit;
}

/* number:set_bit(i) */
static int l_set_bit(lua_State *L)
{
    BIGNUM *n = check(L, 1);
    int bit = bit_arg(L);

    if (bit >= 0 && BN_set_bit(n, bit) != 1)
        return ossl_error(L);
    return 0;
}

/* number:clear_bit(i) */
static int l_clear_bit(lua_State *L)
{
    BIGNUM *n = check(L, 1);
    int bit = bit_arg(L);

    if (bit >= 0)
        BN_clear_bit(n, bit); /* fails only for a bit that is beyond the number */
    return 0;
}

/* number:is_bit_set(i) -> boolean */
static int l_is_bit_set(lua_State *L)
{
    BIGNUM *n = check(L, 1);
    int bit = bit_arg(L);

    lua_pushboolean(L, bit >= 0 && BN_is_bit_set(n, bit));
    return 1;
}

/* Called by OpenSSL after each round that was passed; 0 ends the test. */
static int prime_round(int what, int round, BN_GENCB *cb)
{
    int *passed = BN_GENCB_get_arg(cb);

    if (what == 1 && round >= 0)
        ++*passed;
    return *passed < PRIME_ROUNDS;
}

static bool is_prime(lua_State *L, const BIGNUM *n, BN_CTX *scratch)
{
    BN_GENCB *cb = BN_GENCB_new();
    int passed = 0, r;

    if (!cb)
        l_no_memory(L);
    BN_GENCB_set(cb, prime_round, &passed);
    r = BN_check_prime(n, scratch, cb);
    BN_GENCB_free(cb);
    ERR_clear_error();
    return r == 1 || passed >= PRIME_ROUNDS;
}

/* number:is_prime() -> boolean */
static int l_is_prime(lua_State *L)
{
    BIGNUM *n = check_small(L, 1);

    lua_pushboolean(L, is_prime(L, n, push_scratch(L)));
    return 1;
}

/* number:is_safe_prime() -> whether n and (n - 1) / 2 are prime, whether n is prime */
static int l_is_safe_prime(lua_State *L)
{
    BIGNUM *n = check_small(L, 1), *half = push_new(L);
    BN_CTX *scratch = push_scratch(L);
    bool prime = is_prime(L, n, scratch);

    if (BN_rshift1(half, n) != 1)
        return ossl_error(L);
    lua_pushboolean(L, prime && is_prime(L, half, scratch));
    lua_pushboolean(L, prime);
    return 2;
}

/* number:tobin() -> bytes */
static int l_tobin(lua_State *L)
{
    BIGNUM *n = check(L, 1);
    size_t len = (size_t)BN_num_bytes(n);
    luaL_Buffer b;

    BN_bn2bin(n, (unsigned char *)luaL_buffinitsize(L, &b, len));
    luaL_pushresultsize(&b, len);
    return 1;
}

/* number:tompi() -> bytes: four of length, then the number, its first bit the sign */
static int l_tompi(lua_State *L)
{
    BIGNUM *n = check(L, 1);
    size_t len = (size_t)BN_bn2mpi(n, NULL);
    luaL_Buffer b;

    BN_bn2mpi(n, (unsigned char *)luaL_buffinitsize(L, &b, len));
    luaL_pushresultsize(&b, len);
    return 1;
}

static void text_destroy(void *object)
{
    OPENSSL_free(object);
}

static int push_text(lua_State *L, char *(*convert)(const BIGNUM *n))
{
    BIGNUM *n = check(L, 1);
    struct l_box *box = l_box_push(L, text_destroy);

    box->object = convert(n);
    if (!box->object)
        return l_no_memory(L);
    lua_pushstring(L, box->object);
    l_box_clear(box);
    return 1;
}

/* number:todec() -> text */
static int l_todec(lua_State *L)
{
    return push_text(L, BN_bn2dec);
}

/* number:tohex() -> text, upper case */
static int l_tohex(lua_State *L)
{
    return push_text(L, BN_bn2hex);
}

static const luaL_Reg methods[] = {
    {"num_bits", l_num_bits},
    {"num_bytes", l_num_bytes},
    {"tobin", l_tobin},
    {"tompi", l_tompi},
    {"todec", l_todec},
    {"tohex", l_tohex},
    {"is_bit_set", l_is_bit_set},
    {"set_bit", l_set_bit},
    {"clear_bit", l_clear_bit},
    {"is_prime", l_is_prime},
    {"is_safe_prime", l_is_safe_prime},
    {"__tostring", l_tohex},
    {"__gc", bignum_gc},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"bignum_bin2bn", l_bin2bn},
    {"bignum_dec2bn", l_dec2bn},
    {"bignum_hex2bn", l_hex2bn},
    {"bignum_rand", l_rand},
    {"bignum_pseudo_rand", l_rand},
    {"bignum_add", l_add},
    {"bignum_div", l_div},
    {"bignum_mod_exp", l_mod_exp},
    {"bignum_bn2bin", l_tobin},
    {"bignum_bn2mpi", l_tompi},
    {"bignum_bn2dec", l_todec},
    {"bignum_bn2hex", l_tohex},
    {"bignum_num_bits", l_num_bits},
    {"bignum_num_bytes", l_num_bytes},
    {"bignum_set_bit", l_set_bit},
    {"bignum_clear_bit", l_clear_bit},
    {"bignum_is_bit_set", l_is_bit_set},
    {"bignum_is_prime", l_is_prime},
    {"bignum_is_safe_prime", l_is_safe_prime},
    {NULL, NULL},
};

void bignum_init(lua_State *L)
{
    l_type(L, BIGNUM_TYPE, methods);
}

void ossl_add_bignum(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
