/* From a script file to code and metadata (nse-contract 1.6, 2).
 *
 * The text is compiled once, wrapped as `local _ENV = ... return function(...) TEXT end` on its own
 * lines, so that line numbers stay: called with an environment the chunk gives the file's main
 * function bound to it.  Loading runs the file once, in a thread under the same budgets as any
 * script, to learn its fields. */
#include "engine/script/host_priv.h"

#include <ctype.h>
#include <errno.h>
#include <lauxlib.h>
#include <string.h>

static const char head[] = "local _ENV = ... return function(...) ";
static const char tail[] = "\nend";

struct load {
    struct run run; /* first: what sched_current()->user is */
    struct script *script;
    struct buf text; /* wrapped */
    char *error;     /* malloc'd */
    bool missing;    /* silent_require: `error` is the library */
    bool loaded;
};

const char *rule_name(enum rule r)
{
    static const char *const names[] = {"prerule", "hostrule", "portrule", "postrule"};

    return names[r];
}

/* ---- code ---- */

static int read_wrapped(struct buf *text, const char *path, struct err *e)
{
    CLEANUP(buf_done) struct buf file = {0};
    int r = read_whole(path, &file, e);
    size_t skip = 0;

    if (r < 0)
        return r;
    if (file.len > 0 && file.data[0] == '#') /* a #! line */
        skip = strcspn(file.data, "\n");
    buf_str(text, head);
    buf_add(text, file.data + skip, file.len - skip);
    buf_str(text, tail);
    return text->failed ? err_set(e, -ENOMEM, "out of memory") : 0;
}

/* The wrapper's own "end" must not show up in messages: compile the bare text for them. */
static int raise_syntax(lua_State *L, const struct load *l)
{
    const char *bare = l->text.data + sizeof head - 1;
    size_t len = l->text.len - (sizeof head - 1) - (sizeof tail - 1);
    const char *name = lua_tostring(L, 2);

    if (luaL_loadbufferx(L, bare, len, name, "t") != LUA_OK)
        return lua_error(L);
    lua_pop(L, 1);
    return lua_error(L); /* only the wrapped form is wrong: `end` too many */
}

static void compile(lua_State *L, struct load *l)
{
    lua_settop(L, 1);
    lua_pushfstring(L, "@%s", l->script->path);
    if (luaL_loadbufferx(L, l->text.data, l->text.len, lua_tostring(L, 2), "t") != LUA_OK)
        raise_syntax(L, l);
    l->script->chunk_ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* ---- metadata; the environment is at index `env` ---- */

static void copy_text(lua_State *L, int env, const char *key, char **ret)
{
    int top = lua_gettop(L);
    luaL_Buffer b;

    lua_pushstring(L, key);
    if (lua_rawget(L, env) == LUA_TTABLE) { /* several authors */
        int t = lua_gettop(L);

        luaL_buffinit(L, &b);
        for (lua_Integer i = 1; lua_rawgeti(L, t, i) == LUA_TSTRING; i++) {
            if (i > 1) {
                lua_pushliteral(L, ", ");
                lua_insert(L, -2);
                lua_concat(L, 2);
            }
            luaL_addvalue(&b);
        }
        lua_pop(L, 1);
        luaL_pushresult(&b);
    }
    if (lua_type(L, -1) == LUA_TSTRING && !(*ret = strdup(lua_tostring(L, -1))))
        luaL_error(L, "not enough memory");
    lua_settop(L, top);
}

static void require_type(lua_State *L, const struct load *l, int env, const char *key, int type)
{
    lua_pushstring(L, key);
    lua_rawget(L, env);
    if (lua_isnil(L, -1))
        luaL_error(L, "%s is missing required field: '%s'", l->script->path, key);
    if (lua_type(L, -1) != type)
        luaL_error(L, "%s field '%s' is of improper type '%s', expected type '%s'", l->script->path,
                   key, luaL_typename(L, -1), lua_typename(L, type));
}

static void copy_strings(lua_State *L, const struct load *l, int env, const char *key,
                         struct strings *ret)
{
    size_t n;

    require_type(L, l, env, key, LUA_TTABLE);
    n = lua_rawlen(L, -1);
    ret->v = calloc(n + 1, sizeof *ret->v);
    for (size_t i = 0; ret->v && i < n; i++) {
        if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING)
            luaL_error(L, "%s field '%s' holds a %s, expected strings", l->script->path, key,
                       luaL_typename(L, -1));
        ret->v[ret->n] = strdup(lua_tostring(L, -1));
        if (!ret->v[ret->n++])
            luaL_error(L, "not enough memory");
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Muster's own field; scripts that do not know it may lack it or mean something else by it. */
static void copy_volatile(lua_State *L, struct load *l, int env)
{
    bool there;

    lua_pushstring(L, "volatile");
    there = lua_rawget(L, env) == LUA_TTABLE;
    lua_pop(L, 1);
    if (there)
        copy_strings(L, l, env, "volatile", &l->script->volatile_keys);
}

static void copy_rules(lua_State *L, const struct load *l, int env)
{
    for (int r = 0; r < RULE_MAX; r++) {
        int type;

        lua_pushstring(L, rule_name((enum rule)r));
        type = lua_rawget(L, env);
        lua_pop(L, 1);
        if (type != LUA_TNIL && type != LUA_TFUNCTION)
            luaL_error(L, "%s: %s must be a function!", l->script->path, rule_name((enum rule)r));
        if (type == LUA_TFUNCTION)
            l->script->rules |= RULE_BIT(r);
    }
    if (!l->script->rules)
        luaL_error(L, "%s is missing required function: 'rule'", l->script->path);
}

static void copy_fields(lua_State *L, struct load *l, int env)
{
    struct script *s = l->script;

    require_type(L, l, env, "action", LUA_TFUNCTION);
    lua_pop(L, 1);
    copy_rules(L, l, env);
    copy_strings(L, l, env, "categories", &s->categories);
    copy_strings(L, l, env, "dependencies", &s->dependencies);
    copy_volatile(L, l, env);
    copy_text(L, env, "description", &s->description);
    copy_text(L, env, "author", &s->author);
    copy_text(L, env, "license", &s->license);
    for (size_t i = 0; i < s->categories.n; i++)
        for (char *c = s->categories.v[i]; *c; c++)
            *c = (char)tolower((unsigned char)*c);
}

/* Body of the loading thread. */
static int load_body(lua_State *L)
{
    struct load *l = lua_touserdata(L, 1);

    compile(L, l);
    lua_settop(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, l->script->chunk_ref);
    lua_newtable(L); /* 3: the environment */
    lua_pushstring(L, l->script->path);
    lua_setfield(L, 3, "SCRIPT_PATH");
    lua_pushstring(L, l->script->id);
    lua_setfield(L, 3, "SCRIPT_NAME");
    lua_newtable(L);
    lua_setfield(L, 3, "categories");
    lua_newtable(L);
    lua_setfield(L, 3, "dependencies");
    lua_rawgeti(L, LUA_REGISTRYINDEX, l->run.host->env_meta_ref);
    lua_setmetatable(L, 3);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_call(L, 1, 1);
    lua_call(L, 0, 0);
    copy_fields(L, l, 3);
    return 0;
}

/* A failed silent_require raised {errtype = "silent_require", library = name}: strings, read
 * without metamethods. */
static int find_missing(lua_State *L)
{
    struct load *l = lua_touserdata(L, 1);

    sthread_push_error(L, l->run.thread);
    if (!lua_istable(L, -1))
        return 0;
    lua_pushliteral(L, "errtype");
    lua_rawget(L, 2);
    lua_pushliteral(L, "library");
    lua_rawget(L, 2);
    if (lua_type(L, 3) == LUA_TSTRING && strcmp(lua_tostring(L, 3), "silent_require") == 0 &&
        lua_type(L, 4) == LUA_TSTRING) {
        l->error = strdup(lua_tostring(L, 4));
        l->missing = true;
    }
    return 0;
}

static void load_ended(struct sthread *t, enum sthread_end how)
{
    struct load *l = t->user;

    l->run.thread = t;
    l->loaded = how == STHREAD_RETURNED;
    if (how == STHREAD_FAILED)
        (void)sched_protected(t->sched, find_missing, l, NULL);
    if (how == STHREAD_FAILED && !l->error)
        l->error = sthread_error_text(t, false);
    if (how != STHREAD_FAILED && t->doom)
        l->error = strdup(t->doom);
}

static int load_result(const struct load *l, struct err *e)
{
    const char *path = l->script->path;

    if (l->loaded)
        return 0;
    if (l->missing) {
        err_set(e, -ENOENT, "needs the library '%s'", l->error);
        return 1;
    }
    if (l->error && strncmp(l->error, path, strlen(path)) == 0)
        return err_set(e, -EINVAL, "%s", l->error);
    return err_set(e, -EINVAL, "%s: %s", path, l->error ? l->error : "out of memory");
}

static struct script *script_new(const char *path)
{
    struct script *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->chunk_ref = LUA_NOREF;
    s->path = strdup(path);
    s->id = script_base_name(path);
    s->reuse = reuse_new();
    return s->path && s->id && s->reuse ? s : script_free(NULL, s);
}

struct script *script_free(struct script_host *h, struct script *s)
{
    if (!s)
        return NULL;
    if (h)
        luaL_unref(h->sched->L, LUA_REGISTRYINDEX, s->chunk_ref);
    reuse_free(h ? h->sched->L : NULL, s->reuse);
    strings_done(&s->categories);
    strings_done(&s->dependencies);
    strings_done(&s->volatile_keys);
    free(s->description);
    free(s->author);
    free(s->license);
    free(s->after);
    free(s->path);
    free(s->id);
    free(s);
    return NULL;
}

int script_load(struct script_host *h, const char *path, struct script **ret, struct err *e)
{
    struct script *s = script_new(path);
    struct load l = {.run = {.host = h, .script = s, .port = SIZE_MAX}, .script = s};
    struct sthread_opts o = {.user = &l, .body = load_body, .ended = load_ended};
    int r;

    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    o.script = s->id;
    r = read_wrapped(&l.text, path, e);
    if (r == 0)
        r = sthread_run_now(h->sched, &o) < 0 ? err_set(e, -ENOMEM, "out of memory")
                                              : load_result(&l, e);
    buf_done(&l.text);
    free(l.error);
    if (r == 0)
        *ret = s;
    else
        script_free(h, s);
    return r;
}
