/* Module libssh2 for scripts: ways to authenticate.
 *
 * A refusal is `false`; only a broken connection raises.  Keys are files that the host allows to be
 * read. */
#include "engine/script/l_ssh2.h"

#include "engine/script/l_util.h"

#include <lauxlib.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FILE_MAX (64 * 1024)

static unsigned arg_len(lua_State *L, int arg)
{
    size_t len;

    lua_tolstring(L, arg, &len);
    return (unsigned)len;
}

/* Strings that libssh2 takes with an unsigned length. */
static void check_strings(lua_State *L, int from, int to)
{
    for (int arg = from; arg <= to; arg++) {
        luaL_checkstring(L, arg);
        luaL_argcheck(L, lua_rawlen(L, arg) < KEY_FILE_MAX, arg, "too long");
    }
}

static int push_granted(lua_State *L, int rc)
{
    lua_pushboolean(L, rc == 0);
    return 1;
}

/* ---- what the server offers ---- */

static int push_methods(lua_State *L, const char *list)
{
    lua_newtable(L);
    for (int i = 1; *list; i++) {
        size_t len = strcspn(list, ",");

        lua_pushlstring(L, list, len);
        lua_rawseti(L, -2, i);
        list += len + (list[len] == ',');
    }
    return 1;
}

static int step_list(lua_State *L, struct ssh *s)
{
    const char *list = libssh2_userauth_list(s->session, lua_tostring(L, 2), arg_len(L, 2));
    char *text = NULL;

    if (list)
        return push_methods(L, list);
    if (libssh2_userauth_authenticated(s->session)) {
        lua_pushliteral(L, "none_auth");
        return 1;
    }
    if (ssh_again(L, s, libssh2_session_last_errno(s->session)))
        return SSH_AGAIN;
    libssh2_session_last_error(s->session, &text, NULL, 0);
    lua_pushboolean(L, 0);
    lua_pushstring(L, text);
    return 2;
}

/* userauth_list(session, user) -> {method, ...} | "none_auth" | false, reason.  Yields. */
static int l_list(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    check_strings(L, 2, 2);
    lua_settop(L, 2);
    return ssh_drive(L, s, 2, step_list);
}

/* userauth_banner(session) -> text | nil.  libssh2 keeps it from 1.11 on. */
static int l_banner(lua_State *L)
{
    struct ssh *s = ssh_check(L);
    char *text = NULL;

#if LIBSSH2_VERSION_NUM >= 0x010b00
    if (libssh2_userauth_banner(s->session, &text) != 0)
        text = NULL;
#else
    (void)s;
#endif
    lua_pushstring(L, text);
    return 1;
}

/* ---- password, keyboard ---- */

static int step_password(lua_State *L, struct ssh *s)
{
    int rc = libssh2_userauth_password_ex(s->session, lua_tostring(L, 2), arg_len(L, 2),
                                          lua_tostring(L, 3), arg_len(L, 3), NULL);

    return ssh_again(L, s, rc) ? SSH_AGAIN : push_granted(L, rc);
}

/* userauth_password(session, user, password) -> boolean.  Yields. */
static int l_password(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    check_strings(L, 2, 3);
    lua_settop(L, 3);
    return ssh_drive(L, s, 3, step_password);
}

struct prompts {
    const char *name, *instruction;
    int name_len, instruction_len, n;
    const LIBSSH2_USERAUTH_KBDINT_PROMPT *list;
    LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses;
    struct ssh *ssh;
};

static void take_response(lua_State *L, struct prompts *p, int i)
{
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    char *copy = text && len < KEY_FILE_MAX ? ssh_memory(p->ssh, len + 1) : NULL;

    if (!copy)
        return;
    memcpy(copy, text, len + 1);
    p->responses[i].text = copy; /* libssh2 frees it */
    p->responses[i].length = (unsigned)len;
}

/* callback(user, name, instruction, {prompt, ...}) -> {response, ...} | response for the first.
 * Runs protected. */
static int call_back(lua_State *L)
{
    struct prompts *p = lua_touserdata(L, 1);

    lua_settop(L, 3); /* prompts, callback, user */
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_pushlstring(L, p->name ? p->name : "", p->name ? (size_t)p->name_len : 0);
    lua_pushlstring(L, p->instruction ? p->instruction : "",
                    p->instruction ? (size_t)p->instruction_len : 0);
    lua_newtable(L);
    for (int i = 0; i < p->n; i++) {
        lua_pushlstring(L, p->list[i].text, p->list[i].length);
        lua_rawseti(L, -2, i + 1);
    }
    lua_call(L, 4, 1);
    if (lua_isstring(L, -1) && p->n > 0)
        take_response(L, p, 0);
    for (int i = 0; lua_istable(L, -1) && i < p->n; i++) {
        lua_rawgeti(L, -1, i + 1);
        take_response(L, p, i);
        lua_pop(L, 1);
    }
    return 0;
}

/* libssh2 must not be jumped over: an error in the script's callback leaves the responses empty. */
static void on_prompts(const char *name, int name_len, const char *instruction, int instruction_len,
                       int n, const LIBSSH2_USERAUTH_KBDINT_PROMPT *list,
                       LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses, void **abstract)
{
    struct ssh *s = *abstract;
    lua_State *L = s->caller;
    struct prompts p = {.name = name,
                        .name_len = name_len,
                        .instruction = instruction,
                        .instruction_len = instruction_len,
                        .n = n,
                        .list = list,
                        .responses = responses,
                        .ssh = s};

    lua_pushcfunction(L, call_back);
    lua_pushlightuserdata(L, &p);
    lua_pushvalue(L, 3);
    lua_pushvalue(L, 2);
    if (lua_pcall(L, 3, 0, 0) != LUA_OK)
        lua_pop(L, 1);
}

static int step_keyboard(lua_State *L, struct ssh *s)
{
    int rc;

    s->caller = L;
    rc = libssh2_userauth_keyboard_interactive_ex(s->session, lua_tostring(L, 2), arg_len(L, 2),
                                                  on_prompts);
    s->caller = NULL;
    return ssh_again(L, s, rc) ? SSH_AGAIN : push_granted(L, rc);
}

/* userauth_keyboard_interactive(session, user, callback) -> boolean.  Yields; the callback cannot.
 */
static int l_keyboard(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    check_strings(L, 2, 2);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    lua_settop(L, 3);
    return ssh_drive(L, s, 3, step_keyboard);
}

/* ---- keys ---- */

static bool readable(lua_State *L, const char *path)
{
    const struct binding_env *env = l_env(L);

    return env->path_allowed && env->path_allowed(env->user, path, PATH_READ);
}

static int step_key_file(lua_State *L, struct ssh *s)
{
    int rc = libssh2_userauth_publickey_fromfile_ex(s->session, lua_tostring(L, 2), arg_len(L, 2),
                                                    lua_tostring(L, 5), lua_tostring(L, 3),
                                                    lua_tostring(L, 4));

    return ssh_again(L, s, rc) ? SSH_AGAIN : push_granted(L, rc);
}

/* userauth_publickey(session, user, private key file, passphrase[, public key file]) -> boolean.
 * Yields. */
static int l_key_file(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    check_strings(L, 2, 3);
    luaL_optstring(L, 4, NULL);
    luaL_optstring(L, 5, NULL);
    lua_settop(L, 5);
    if (!readable(L, lua_tostring(L, 3)) ||
        (lua_isstring(L, 5) && !readable(L, lua_tostring(L, 5))))
        return push_granted(L, -1);
    return ssh_drive(L, s, 5, step_key_file);
}

static int step_key_memory(lua_State *L, struct ssh *s)
{
    int rc = libssh2_userauth_publickey_frommemory(
        s->session, lua_tostring(L, 2), arg_len(L, 2), lua_tostring(L, 5),
        lua_isstring(L, 5) ? arg_len(L, 5) : 0, lua_tostring(L, 3), arg_len(L, 3),
        lua_tostring(L, 4));

    return ssh_again(L, s, rc) ? SSH_AGAIN : push_granted(L, rc);
}

/* userauth_publickey_frommemory(session, user, private key[, passphrase[, public key]]) -> boolean.
 * Yields. */
static int l_key_memory(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    check_strings(L, 2, 3);
    luaL_optstring(L, 4, NULL);
    luaL_optstring(L, 5, NULL);
    lua_settop(L, 5);
    return ssh_drive(L, s, 5, step_key_memory);
}

/* The server asks for a signature only when it would take the key; that is all that is wanted to
 * know. */
static int refuse_to_sign(LIBSSH2_SESSION *session, unsigned char **sig, size_t *sig_len,
                          const unsigned char *data, size_t len, void **abstract)
{
    struct ssh *s = *libssh2_session_abstract(session);

    (void)sig, (void)sig_len, (void)data, (void)len, (void)abstract;
    s->sign_wanted = true;
    return -1;
}

static int step_can_auth(lua_State *L, struct ssh *s)
{
    size_t len;
    const char *blob = lua_tolstring(L, 3, &len);
    void *none = NULL;
    int rc = libssh2_userauth_publickey(s->session, lua_tostring(L, 2), (const unsigned char *)blob,
                                        len, refuse_to_sign, &none);

    if (!s->sign_wanted && ssh_again(L, s, rc))
        return SSH_AGAIN;
    lua_pushboolean(L, s->sign_wanted || rc == 0);
    return 1;
}

/* publickey_canauth(session, user, key blob) -> whether the server would take a signature of that
 * key.  Yields. */
static int l_can_auth(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    check_strings(L, 2, 3);
    lua_settop(L, 3);
    return ssh_drive(L, s, 3, step_can_auth);
}

/* The second word of the file, decoded. */
static int decode_key(lua_State *L, char *text)
{
    char *rest = text, *type = strsep(&rest, " \t\n"), *base64 = strsep(&rest, " \t\n");
    size_t len = base64 ? strlen(base64) : 0;
    unsigned char *blob;
    int n;

    if (!*type || len == 0 || len % 4)
        return luaL_error(L, "Invalid public key");
    blob = lua_newuserdatauv(L, len, 0);
    n = EVP_DecodeBlock(blob, (const unsigned char *)base64, (int)len);
    if (n < 0)
        return luaL_error(L, "Invalid public key");
    n -= (base64[len - 1] == '=') + (base64[len - 2] == '=');
    lua_pushlstring(L, (const char *)blob, (size_t)n);
    return 1;
}

/* read_publickey(file) -> key blob; raises */
static int l_read_key(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    char *text = lua_newuserdatauv(L, KEY_FILE_MAX + 1, 0);
    FILE *f = readable(L, path) ? fopen(path, "re") : NULL;
    size_t n;

    if (!f)
        return luaL_error(L, "Error reading file");
    n = fread(text, 1, KEY_FILE_MAX, f);
    fclose(f);
    text[n] = '\0';
    return decode_key(L, text);
}

void ssh_add_auth(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"userauth_list", l_list},
        {"userauth_banner", l_banner},
        {"userauth_password", l_password},
        {"userauth_keyboard_interactive", l_keyboard},
        {"userauth_publickey", l_key_file},
        {"userauth_publickey_frommemory", l_key_memory},
        {"publickey_canauth", l_can_auth},
        {"read_publickey", l_read_key},
        {NULL, NULL},
    };

    luaL_setfuncs(L, functions, 0);
}
