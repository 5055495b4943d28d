/* Marks tell whether somebody changed a value since: equal while it is untouched. */
#pragma once

#include <lua.h>
#include <stdint.h>

uint64_t mark_mix(uint64_t mark, uint64_t more);
/* Which value it is; an object by its address, so it must be kept meanwhile. */
uint64_t mark_value(lua_State *L, int index);
/* Of its fields and its metatable, in the order in which they lie: inner tables by their address.
 * Needs three places on the stack. */
uint64_t mark_table(lua_State *L, int index);
