/* Answers of one rule for several ports, without running the script's file anew for each.
 *
 * A file's main chunk runs for every candidate, so that nothing in it is shared between ports or
 * hosts (nse-contract 1.6).  Nearly every rule leaves what its file made as it was: then the next
 * port may be asked of the same instance, and no script can tell.  So the instance is looked over
 * after each answer.
 *
 * What to look at is learnt once for each script, by comparing two instances: values that are the
 * same object in both belong to libraries; everything else that the rule reaches by its variables
 * is the instance's own. */
#pragma once

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct reuse;

/* NULL: no memory. */
struct reuse *reuse_new(void);
/* L: the state that learnt it, NULL when that is gone.  Returns NULL. */
struct reuse *reuse_free(lua_State *L, struct reuse *u);

struct watch {
    bool usable; /* the instance, for more than one port */
    uint64_t mark;
};

/* The rule of an instance that has just been made is on top: pushes the instance's objects, or nil
 * when it is for one port only.  Raises on no memory. */
void reuse_watch(lua_State *L, struct reuse *u, struct watch *ret);
/* Is all as it was when reuse_watch() pushed what is at index `nodes`? */
bool reuse_is_clean(lua_State *L, const struct reuse *u, int nodes, const struct watch *w);
