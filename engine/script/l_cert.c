/* Certificates as scripts see them: a userdata whose fields were taken from the X509 object when it
 * was made.
 *
 * Everything in a certificate is the peer's choice: values are copied as bytes with their length,
 * and what OpenSSL cannot print is marked instead of left out.  The userdata owns the X509 object
 * and the buffer that OpenSSL prints into, so that a Lua error at any place leaks nothing. */
#include "engine/script/l_cert.h"

#include "engine/script/l_openssl.h"
#include "engine/script/l_util.h"

#include <lauxlib.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define CERT_TYPE    "SSL_CERT"
#define OID_TEXT_MAX 256

struct cert {
    X509 *x;
    BIO *text; /* what OpenSSL prints, until it is a Lua string */
};

static void set_string(lua_State *L, const char *key, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, lua_Integer value)
{
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

/* What was printed, as a Lua string. */
static void push_printed(lua_State *L, BIO *text)
{
    char *data = NULL;
    long len = BIO_get_mem_data(text, &data);

    lua_pushlstring(L, len > 0 ? data : "", len > 0 ? (size_t)len : 0);
    (void)BIO_reset(text);
}

/* ---- names ---- */

/* The long name, or the numbers of an unknown object as a table of strings. */
static void push_name_key(lua_State *L, const ASN1_OBJECT *o)
{
    int nid = OBJ_obj2nid(o);
    char text[OID_TEXT_MAX];
    char *rest = text, *part;

    if (nid != NID_undef) {
        lua_pushstring(L, OBJ_nid2ln(nid));
        return;
    }
    lua_newtable(L);
    if (OBJ_obj2txt(text, sizeof text, o, 1) <= 0)
        return;
    for (int i = 1; (part = strsep(&rest, ".")); i++) {
        lua_pushstring(L, part);
        lua_rawseti(L, -2, i);
    }
}

static void push_name(lua_State *L, X509_NAME *name)
{
    lua_newtable(L);
    for (int i = 0; i < X509_NAME_entry_count(name); i++) {
        X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
        const ASN1_STRING *value = X509_NAME_ENTRY_get_data(entry);

        push_name_key(L, X509_NAME_ENTRY_get_object(entry));
        lua_pushlstring(L, (const char *)ASN1_STRING_get0_data(value),
                        (size_t)ASN1_STRING_length(value));
        lua_rawset(L, -3);
    }
}

/* ---- validity ---- */

static void push_time(lua_State *L, const ASN1_TIME *t)
{
    struct tm tm;

    if (!t || ASN1_TIME_to_tm(t, &tm) != 1) {
        lua_pushlstring(L, t ? (const char *)ASN1_STRING_get0_data(t) : "",
                        t ? (size_t)ASN1_STRING_length(t) : 0);
        return;
    }
    lua_createtable(L, 0, 6);
    set_integer(L, "year", tm.tm_year + 1900);
    set_integer(L, "month", tm.tm_mon + 1);
    set_integer(L, "day", tm.tm_mday);
    set_integer(L, "hour", tm.tm_hour);
    set_integer(L, "min", tm.tm_min);
    set_integer(L, "sec", tm.tm_sec);
}

static void push_validity(lua_State *L, const X509 *x)
{
    lua_createtable(L, 0, 2);
    push_time(L, X509_get0_notBefore(x));
    lua_setfield(L, -2, "notBefore");
    push_time(L, X509_get0_notAfter(x));
    lua_setfield(L, -2, "notAfter");
}

/* ---- public key ---- */

static const char *key_type(const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return "rsa";
    case EVP_PKEY_DSA:
        return "dsa";
    case EVP_PKEY_DH:
        return "dh";
    case EVP_PKEY_EC:
        return "ec";
    default:
        return "unknown";
    }
}

static void set_number(lua_State *L, const char *field, const EVP_PKEY *key, const char *param)
{
    if (EVP_PKEY_get_bn_param(key, param, bignum_push(L)) == 1)
        lua_setfield(L, -2, field);
    else
        lua_pop(L, 1);
}

static void set_curve(lua_State *L, const EVP_PKEY *key)
{
    char text[80];
    size_t len;

    lua_createtable(L, 0, 1);
    lua_createtable(L, 0, 2);
    if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, text, sizeof text, &len) ==
        1) {
        set_string(L, "ec_curve_type", "namedcurve");
        set_string(L, "curve", text);
    } else if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_EC_FIELD_TYPE, text, sizeof text,
                                              &len) == 1) {
        set_string(L, "ec_curve_type",
                   strcmp(text, SN_X9_62_prime_field) == 0 ? "explicit_prime" : "explicit_char2");
    } else {
        set_string(L, "ec_curve_type", "UNKNOWN");
    }
    lua_setfield(L, -2, "curve_params");
    lua_setfield(L, -2, "ecdhparams");
}

static void push_key(lua_State *L, const EVP_PKEY *key)
{
    const char *type = key_type(key);

    lua_createtable(L, 0, 4);
    set_string(L, "type", type);
    set_integer(L, "bits", EVP_PKEY_get_bits(key));
    if (strcmp(type, "rsa") == 0) {
        set_number(L, "modulus", key, OSSL_PKEY_PARAM_RSA_N);
        set_number(L, "exponent", key, OSSL_PKEY_PARAM_RSA_E);
    } else if (strcmp(type, "ec") == 0) {
        set_curve(L, key);
    }
}

/* ---- extensions ---- */

static void set_extension_name(lua_State *L, const ASN1_OBJECT *o)
{
    int nid = OBJ_obj2nid(o);
    char text[OID_TEXT_MAX] = "";

    if (nid == NID_undef)
        OBJ_obj2txt(text, sizeof text, o, 1);
    set_string(L, "name", nid == NID_undef ? text : OBJ_nid2ln(nid));
}

static void push_extension(lua_State *L, struct cert *c, X509_EXTENSION *e)
{
    lua_createtable(L, 0, 3);
    set_extension_name(L, X509_EXTENSION_get_object(e));
    if (X509_EXTENSION_get_critical(e)) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, "critical");
    }
    if (X509V3_EXT_print(c->text, e, 0, 0) == 1) {
        push_printed(L, c->text);
        lua_setfield(L, -2, "value");
        return;
    }
    (void)BIO_reset(c->text);
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "error");
}

/* nil when there are none, as under nmap: scripts show the table as it is. */
static void push_extensions(lua_State *L, struct cert *c)
{
    int n = X509_get_ext_count(c->x);

    if (n <= 0) {
        lua_pushnil(L);
        return;
    }
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        push_extension(L, c, X509_get_ext(c->x, i));
        lua_rawseti(L, -2, i + 1);
    }
}

/* ---- the object ---- */

static struct cert *cert_push(lua_State *L)
{
    struct cert *c = lua_newuserdatauv(L, sizeof *c, 1);

    *c = (struct cert){0};
    luaL_setmetatable(L, CERT_TYPE);
    return c;
}

/* Leaves the table of fields in the object's user value. */
static void fill(lua_State *L, struct cert *c, const EVP_PKEY *key)
{
    lua_createtable(L, 0, 8);
    push_name(L, X509_get_subject_name(c->x));
    lua_setfield(L, -2, "subject");
    push_name(L, X509_get_issuer_name(c->x));
    lua_setfield(L, -2, "issuer");
    push_validity(L, c->x);
    lua_setfield(L, -2, "validity");
    push_key(L, key);
    lua_setfield(L, -2, "pubkey");
    set_string(L, "sig_algorithm", OBJ_nid2ln(X509_get_signature_nid(c->x)));
    push_extensions(L, c);
    lua_setfield(L, -2, "extensions");
    if (PEM_write_bio_X509(c->text, c->x) == 1) {
        push_printed(L, c->text);
        lua_setfield(L, -2, "pem");
    }
    lua_setiuservalue(L, -2, 1);
}

/* Completes the object on top of the stack, whose x is set or NULL. */
static int complete(lua_State *L, struct cert *c)
{
    const EVP_PKEY *key;
    char text[256];

    luaL_checkstack(L, 12, NULL);
    if (!c->x) {
        ERR_clear_error();
        lua_pushnil(L);
        return 1;
    }
    c->text = BIO_new(BIO_s_mem());
    if (!c->text)
        return l_no_memory(L);
    ERR_clear_error();
    key = X509_get0_pubkey(c->x);
    if (!key) {
        ERR_error_string_n(ERR_peek_error(), text, sizeof text);
        ERR_clear_error();
        lua_pushnil(L);
        lua_pushfstring(L, "Error parsing cert: %s", text);
        return 2;
    }
    fill(L, c, key);
    ERR_clear_error();
    BIO_free(c->text);
    c->text = NULL;
    return 1;
}

int l_cert_push_peer(lua_State *L, SSL *ssl)
{
    struct cert *c = cert_push(L);

    c->x = SSL_get1_peer_certificate(ssl);
    return complete(L, c);
}

int l_parse_ssl_certificate(lua_State *L)
{
    size_t len;
    const unsigned char *der = (const unsigned char *)luaL_checklstring(L, 1, &len);
    struct cert *c;

    luaL_argcheck(L, len <= LONG_MAX, 1, "too long");
    c = cert_push(L);
    c->x = d2i_X509(NULL, &der, (long)len);
    return complete(L, c);
}

static int cert_gc(lua_State *L)
{
    struct cert *c = luaL_checkudata(L, 1, CERT_TYPE);

    BIO_free(c->text);
    X509_free(c->x);
    *c = (struct cert){0};
    return 0;
}

/* certificate:digest(algorithm) -> binary, or nothing when the algorithm is unknown */
static int l_cert_digest(lua_State *L)
{
    const struct cert *c = luaL_checkudata(L, 1, CERT_TYPE);
    const char *name = luaL_checkstring(L, 2);
    EVP_MD *md = c->x ? ossl_digest(ossl_of(L), name) : NULL;
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int r;

    if (!md)
        return 0;
    r = X509_digest(c->x, md, out, &n);
    EVP_MD_free(md);
    if (r != 1)
        return ossl_error(L);
    lua_pushlstring(L, (const char *)out, n);
    return 1;
}

static int cert_index(lua_State *L)
{
    luaL_checkudata(L, 1, CERT_TYPE);
    if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "digest") == 0) {
        lua_pushcfunction(L, l_cert_digest);
        return 1;
    }
    lua_getiuservalue(L, 1, 1);
    if (!lua_istable(L, -1))
        return 0;
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
    return 1;
}

void l_cert_init(lua_State *L)
{
    static const luaL_Reg methods[] = {{"__index", cert_index}, {"__gc", cert_gc}, {NULL, NULL}};

    if (luaL_newmetatable(L, CERT_TYPE))
        luaL_setfuncs(L, methods, 0);
    lua_pop(L, 1);
}
