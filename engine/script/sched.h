/* The coroutine scheduler inside the script host: script threads, parking, budgets, death.
 *
 * sched_park() is the only way to wait.  The op (a userdata on the waiting stack) owns its buffers
 * and has one cancel; completion, timeout, kill and shutdown all go through op_complete() -> ready
 * queue -> lua_resume -> the op's continuation. The loop side writes only C structs; Lua values are
 * made in the continuation, inside lua_resume, so that running out of memory there is an ordinary
 * script error.  A completion never runs Lua inside the call that started it. */
#pragma once

#include "engine/base/err.h"
#include "engine/base/time.h"
#include "engine/loop/loop.h"

#include <lua.h>
#include <stdbool.h>

struct sched;
struct sthread;

/* What a parked coroutine waits for.  Embed it first in the op's own struct; allocated by op_new()
 * as a userdata. */
struct op {
    struct sthread *thread; /* who waits; NULL when nobody does (never parked, or over) */
    lua_State *co; /* the coroutine that parked: may be one of the script's own inside the thread */
    const char *name; /* "connect", "receive": for traces and the blame */
    int status;       /* what op_complete() was given; -EINPROGRESS before */
    void (*cancel)(
        struct op *op); /* stops the loop side; must not call op_complete().  May be NULL */
    struct timer timeout;
};

/* A zeroed op of `size` bytes left on top of L's stack (the GC holds it while it stands there).
 * metatable: registry name with a __gc that frees its buffers, or NULL.  Raises on no memory. */
struct op *op_new(lua_State *L, const char *name, size_t size, const char *metatable);
/* From the loop side: the op is over.  Makes its thread ready.  Safe after the thread died (then
 * does nothing). */
void op_complete(struct op *op, int status);

/* Parks the running coroutine on op until op_complete() or the timeout (then cancel() was called
 * and op->status is -ETIMEDOUT). Must be the tail call: return sched_park(...).  k gets ctx =
 * (lua_KContext)op. */
int sched_park(lua_State *L, struct op *op, usec_t timeout, lua_KFunction k);
/* Gives others a turn. */
int sched_give_turn(lua_State *L, lua_KFunction k, lua_KContext ctx);
/* For a binding that computes for long, to be asked now and then: raises when the script's budget
 * is used up; true: it should, and may, give others a turn. */
bool sched_turn_is_over(lua_State *L);

/* The thread that runs now; never NULL inside a binding that was called from a script. */
struct sthread *sched_current(lua_State *L);
struct sched *sched_of(lua_State *L);
struct loop *sched_loop(struct sched *s);
struct script_host *sched_host(struct sched *s);

/* Destructors of a thread: run newest first when it ends for any reason.  Key identifies it for
 * removal. */
int sthread_on_end(struct sthread *t, const void *key, void (*fn)(struct sthread *t, void *user),
                   void *user) MUST_USE;
/* What was given as `user` for the key; NULL: there is no such destructor. */
void *sthread_end_user(const struct sthread *t, const void *key);
void sthread_drop_end(struct sthread *t, const void *key);
const char *sthread_script(const struct sthread *t); /* id */
uint64_t sthread_job(const struct sthread *t);
/* The bytes that the thread's sockets moved, for script_result. */
void sthread_count_bytes(struct sthread *t, uint64_t in, uint64_t out);
