/* Module zlib for scripts: what its two files share. */
#pragma once

#include <lua.h>
#include <zlib.h>

/* Has z take its memory from the Lua state, so that it counts against the state's limit. */
void zlib_use_allocator(lua_State *L, z_stream *z);
/* deflate() and inflate() of the module on top of the stack, and their streams. */
void zlib_add_streams(lua_State *L);
