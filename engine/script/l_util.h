/* What every binding needs: its environment, and C objects that the Lua collector owns. */
#pragma once

#include "engine/script/bindings.h"

#include <lua.h>

/* The environment that bindings_init() was given.  Raises when it was not called. */
const struct binding_env *l_env(lua_State *L);

/* A C object owned by a userdata: it is destroyed by the collector, also when a call raised in
 * between, or at once by l_box_clear().  All types of objects share one metatable that was made at
 * the start, so that pushing a box can fail in one way only: before there is an object. */
struct l_box {
    void *object;
    void (*destroy)(void *object);
};

struct l_box *l_box_push(lua_State *L,
                         void (*destroy)(void *object)); /* empty; raises on no memory */
void l_box_clear(struct l_box *box);

/* A type of userdata with methods: its metatable under that name, __index itself.  Call it when a
 * module opens. */
struct luaL_Reg;
void l_type(lua_State *L, const char *name, const struct luaL_Reg *methods);
/* The same, but hidden: getmetatable() gives an empty table, a field that is not a method reads
 * nil, and none can be set. */
void l_type_hidden(lua_State *L, const char *name, const struct luaL_Reg *methods,
                   lua_CFunction gc);

/* Memory of the Lua state for libraries that bring no sizes along: it counts against the state's
 * limit.  NULL when there is none; raises nothing.  l_free() accepts NULL. */
void *l_alloc(lua_State *L, size_t size);
void *l_realloc(lua_State *L, void *p, size_t size);
void l_free(lua_State *L, void *p);
lua_State *l_main(lua_State *L); /* the main thread: it outlives every coroutine */

int l_no_memory(lua_State *L); /* raises "not enough memory" */
