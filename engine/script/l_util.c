/* What every binding needs: its environment, and C objects that the Lua collector owns.
 *
 * Metatables are made once, in bindings_init() and when a module opens.  Made at first use, one
 * that ran out of memory half way would stand in the registry without its __gc, and every later
 * object would leak. */
#include "engine/script/l_util.h"

#include "engine/script/l_openssl.h"

#include <lauxlib.h>
#include <stddef.h>
#include <stdint.h>

#define BOX_TYPE "muster.box"

static const char env_key;

static int box_gc(lua_State *L)
{
    l_box_clear(lua_touserdata(L, 1));
    return 0;
}

struct l_box *l_box_push(lua_State *L, void (*destroy)(void *object))
{
    struct l_box *box = lua_newuserdatauv(L, sizeof *box, 0);

    *box = (struct l_box){.destroy = destroy};
    luaL_setmetatable(L, BOX_TYPE);
    return box;
}

void l_box_clear(struct l_box *box)
{
    if (box->object)
        box->destroy(box->object);
    box->object = NULL;
}

void l_type(lua_State *L, const char *name, const luaL_Reg *methods)
{
    if (luaL_newmetatable(L, name)) {
        luaL_setfuncs(L, methods, 0);
        lua_pushvalue(L, -1);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}

void l_type_hidden(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc)
{
    if (luaL_newmetatable(L, name)) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
        lua_newtable(L);
        lua_setfield(L, -2, "__metatable");
        lua_pushnil(L); /* errors call it "userdata", as scripts know it */
        lua_setfield(L, -2, "__name");
        lua_pushcfunction(L, gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
}

/* Lua's allocator wants the old size back: it stands in front of the block. */
union block {
    size_t size;
    max_align_t align;
};

void *l_realloc(lua_State *L, void *p, size_t size)
{
    union block *old = p ? (union block *)p - 1 : NULL;
    union block *b;
    void *ud;
    lua_Alloc fn = lua_getallocf(L, &ud);

    if (size > SIZE_MAX - sizeof *b)
        return NULL;
    b = fn(ud, old, old ? old->size : 0, size + sizeof *b);
    if (!b)
        return NULL;
    b->size = size + sizeof *b;
    return b + 1;
}

void *l_alloc(lua_State *L, size_t size)
{
    return l_realloc(L, NULL, size);
}

void l_free(lua_State *L, void *p)
{
    union block *b = p ? (union block *)p - 1 : NULL;
    void *ud;
    lua_Alloc fn = lua_getallocf(L, &ud);

    if (b)
        fn(ud, b, b->size, 0);
}

lua_State *l_main(lua_State *L)
{
    lua_State *main_thread;

    luaL_checkstack(L, 1, NULL);
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    main_thread = lua_tothread(L, -1);
    lua_pop(L, 1);
    return main_thread;
}

int l_no_memory(lua_State *L)
{
    return luaL_error(L, "not enough memory");
}

const struct binding_env *l_env(lua_State *L)
{
    const struct binding_env *env;

    luaL_checkstack(L, 1, NULL);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &env_key);
    env = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (!env)
        luaL_error(L, "the bindings were not set up");
    return env;
}

/* The same holds for the box of Lua's own string buffers, made when the first large one is. */
static void make_buffer_type(lua_State *L)
{
    luaL_Buffer b;

    luaL_buffinitsize(L, &b, 2 * LUAL_BUFFERSIZE);
    luaL_pushresultsize(&b, 0);
    lua_pop(L, 1);
}

void bindings_init(lua_State *L, const struct binding_env *env)
{
    static const luaL_Reg box_methods[] = {{"__gc", box_gc}, {NULL, NULL}};
    struct binding_env *copy = lua_newuserdatauv(L, sizeof *copy, 0);

    *copy = *env;
    lua_rawsetp(L, LUA_REGISTRYINDEX, &env_key);
    l_type(L, BOX_TYPE, box_methods);
    make_buffer_type(L);
    ossl_init(L);
}
