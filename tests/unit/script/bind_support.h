/* For tests of the C modules: a Lua state with standard libraries and the bindings, whose allocator
 * can be told to fail. */
#pragma once

#include "tests/support/main.h"

#include "engine/script/bindings.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bind_state {
    lua_State *L;
    long allocations; /* so far */
    long fail_from;   /* the allocation that fails, with all that follow; 0: none */
};

static void *bind_alloc(void *ud, void *p, size_t old_size, size_t new_size)
{
    struct bind_state *s = ud;

    (void)old_size;
    if (new_size == 0) {
        free(p);
        return NULL;
    }
    if (!p || new_size > old_size)
        s->allocations++;
    if (s->fail_from && s->allocations >= s->fail_from && (!p || new_size > old_size))
        return NULL;
    return realloc(p, new_size);
}

static UNUSED void bind_open(struct bind_state *s, const struct binding_env *env)
{
    static const struct binding_env plain;

    *s = (struct bind_state){0};
    s->L = lua_newstate(bind_alloc, s);
    assert_non_null(s->L);
    luaL_openlibs(s->L);
    bindings_init(s->L, env ? env : &plain);
}

static UNUSED void bind_module(struct bind_state *s, const char *name, lua_CFunction open)
{
    luaL_requiref(s->L, name, open, 1);
    lua_pop(s->L, 1);
}

static UNUSED void bind_close(struct bind_state *s)
{
    lua_close(s->L);
}

/* Runs Lua text that is wrong when it raises. */
static UNUSED void bind_run(struct bind_state *s, const char *name, const char *text)
{
    if (luaL_loadbuffer(s->L, text, strlen(text), name) != LUA_OK ||
        lua_pcall(s->L, 0, 0, 0) != LUA_OK) {
        print_error("%s: %s\n", name, lua_tostring(s->L, -1));
        fail();
    }
}

/* Runs the text with the n-th and all further allocations failing, for n = 1, 2, ... until it gets
 * through.  Each earlier run must end in a memory error. */
static UNUSED void bind_run_starved(struct bind_state *s, const char *name, const char *text)
{
    long runs = 0;
    int r;

    assert_int_equal(luaL_loadbuffer(s->L, text, strlen(text), name), LUA_OK);
    do {
        lua_gc(s->L, LUA_GCCOLLECT);
        lua_pushvalue(s->L, -1);
        s->allocations = 0;
        s->fail_from = ++runs;
        r = lua_pcall(s->L, 0, 0, 0);
        s->fail_from = 0;
        if (r != LUA_OK) {
            if (r != LUA_ERRMEM && !strstr(lua_tostring(s->L, -1), "memory"))
                fail_msg("%s: %s", name, lua_tostring(s->L, -1));
            lua_pop(s->L, 1);
        }
    } while (r != LUA_OK);
    lua_pop(s->L, 1);
    lua_gc(s->L, LUA_GCCOLLECT);
}
