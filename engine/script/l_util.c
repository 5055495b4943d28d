/* What every binding needs: its environment, and C objects that the Lua collector owns.
 *
 * Metatables are made once, in bindings_init() and when a module opens.  Made at first use, one
 * that ran out of memory half way would stand in the registry without its __gc, and every later
 * object would leak. */
#include "engine/script/l_util.h"

#include "engine/script/l_openssl.h"

#include <lauxlib.h>

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
        lua_pushcfunction(L, gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_pop(L, 1);
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
