/* nmap.mutex and nmap.condvar (nse-contract 10).
 *
 * Both are found by an object: the same object (strings by value) gives the same function while
 * anybody holds it.  The state is a userdata, kept alive while it is locked, waited for, or owed a
 * broadcast by a living thread.  Ownership of a mutex is a coroutine's, release on death the
 * thread's.  A cycle of threads that wait for each other's mutexes can never end, so closing one
 * raises an error. */
#include "engine/script/host_priv.h"

#include <errno.h>
#include <lauxlib.h>
#include <string.h>

struct sync;

struct sync_op {
    struct op op;
    struct sync *sync;
    TAILQ_ENTRY(sync_op) entry;
    bool waiting;
};

TAILQ_HEAD(sync_op_list, sync_op);

/* A userdata.  Its user values: 1 the owner's coroutine, 2 the function that scripts call, so that
 * both live as long as it. */
struct sync {
    lua_State *owner; /* mutex: the coroutine that locked it */
    struct sthread *owner_thread;
    struct sync_op_list waiters;
    unsigned holds; /* why it is kept alive: table `held` of the registry */
};

static const char held_key;  /* registry: lightuserdata of a sync -> its userdata */
static const char mutex_key; /* registry: object -> function, weak values */
static const char condvar_key;

/* ---- keeping alive ---- */

/* The sync's userdata is at `index` of L. */
static void hold(lua_State *L, struct sync *s, int index)
{
    index = lua_absindex(L, index);
    if (s->holds == 0) {
        lua_rawgetp(L, LUA_REGISTRYINDEX, &held_key);
        lua_pushvalue(L, index);
        lua_rawsetp(L, -2, s); /* may raise */
        lua_pop(L, 1);
    }
    s->holds++;
}

/* Setting an existing key to nil allocates nothing: safe outside a protected call. */
static void unhold(lua_State *L, struct sync *s)
{
    if (--s->holds > 0)
        return;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &held_key);
    lua_pushnil(L);
    lua_rawsetp(L, -2, s);
    lua_pop(L, 1);
}

/* Makes co the user value, so that it is not collected while it owns the mutex. */
static void anchor_owner(lua_State *L, struct sync *s, lua_State *co)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &held_key);
    lua_rawgetp(L, -1, s);
    if (co) {
        lua_pushthread(co);
        lua_xmove(co, L, co == L ? 0 : 1);
    } else {
        lua_pushnil(L);
    }
    lua_setiuservalue(L, -2, 1);
    lua_pop(L, 2);
}

/* ---- waiting ---- */

static void wait_over(struct sync_op *w)
{
    if (!w->waiting)
        return;
    w->waiting = false;
    TAILQ_REMOVE(&w->sync->waiters, w, entry);
    host_of(w->op.co)->n_sync--;
}

static void wait_cancel(struct op *op)
{
    wait_over((struct sync_op *)op);
}

static int wait_k(lua_State *L, int status, lua_KContext ctx)
{
    (void)L;
    (void)status;
    (void)ctx;
    return 0;
}

static int wait_for(lua_State *L, struct sync *s, const char *name)
{
    struct sync_op *w = (struct sync_op *)op_new(L, name, sizeof *w, NULL);
    struct script_host *h = host_of(L);

    w->sync = s;
    w->op.cancel = wait_cancel;
    w->waiting = true;
    TAILQ_INSERT_TAIL(&s->waiters, w, entry);
    h->n_sync++;
    loop_post(h->loop, &h->pump); /* looks whether anybody is left to wake this one */
    return sched_park(L, &w->op, USEC_INFINITY, wait_k);
}

static void wake(struct sync_op *w)
{
    wait_over(w);
    op_complete(&w->op, 0);
}

/* ---- mutex ---- */

static void pass_on(lua_State *L, struct sync *s)
{
    struct sync_op *next = TAILQ_FIRST(&s->waiters);

    if (!next) {
        s->owner = NULL;
        s->owner_thread = NULL;
        anchor_owner(L, s, NULL);
        return;
    }
    s->owner = next->op.co;
    s->owner_thread = next->op.thread;
    anchor_owner(L, s, s->owner);
    wake(next);
}

/* Destructor of a thread that locked or waited to lock. */
static void release_on_end(struct sthread *t, void *user)
{
    struct sync *s = user;

    if (s->owner_thread == t)
        pass_on(t->sched->L, s);
    unhold(t->sched->L, s);
}

static void on_end_once(lua_State *L, struct sync *s, int index,
                        void (*fn)(struct sthread *, void *))
{
    struct sthread *t = sched_current(L);

    if (sthread_end_user(t, s))
        return;
    hold(L, s, index);
    if (sthread_on_end(t, s, fn, s) < 0) {
        unhold(L, s);
        luaL_error(L, "not enough memory");
    }
}

/* Would waiting for s close a ring of threads that wait for each other? */
static bool closes_ring(const struct sthread *self, const struct sync *s)
{
    for (int steps = 0; s && s->owner_thread && steps < 10000; steps++) {
        const struct op *op = s->owner_thread->op;

        if (s->owner_thread == self)
            return true;
        s = op && op->cancel == wait_cancel && strcmp(op->name, "lock") == 0
                ? ((const struct sync_op *)op)->sync
                : NULL;
    }
    return false;
}

static int lock(lua_State *L, struct sync *s, bool may_wait)
{
    int self = lua_upvalueindex(1);

    lua_pushvalue(L, self);
    if (s->owner && !may_wait)
        return 0;
    if (s->owner && closes_ring(sched_current(L), s))
        luaL_error(L, "deadlock: threads wait for each other's mutexes");
    on_end_once(L, s, -1, release_on_end);
    if (s->owner)
        return -1;
    s->owner = L;
    s->owner_thread = sched_current(L);
    anchor_owner(L, s, L);
    return 1;
}

static int unlock(lua_State *L, struct sync *s)
{
    struct sthread *t = s->owner_thread;

    if (s->owner != L)
        return luaL_error(L, "do not have a lock on this mutex");
    sthread_drop_end(t, s);
    pass_on(L, s);
    unhold(L, s);
    return 0;
}

/* mutex("lock"|"trylock"|"done"|"running"); upvalue: the sync */
static int call_mutex(lua_State *L)
{
    static const char *const ops[] = {"lock", "trylock", "done", "running", NULL};
    struct sync *s = lua_touserdata(L, lua_upvalueindex(1));
    int got;

    switch (luaL_checkoption(L, 1, NULL, ops)) {
    case 0:
        got = lock(L, s, true);
        return got > 0 ? 0 : wait_for(L, s, "lock");
    case 1:
        lua_pushboolean(L, lock(L, s, false) > 0);
        return 1;
    case 2:
        return unlock(L, s);
    default:
        if (s->owner)
            lua_getiuservalue(L, lua_upvalueindex(1), 1);
        else
            lua_pushnil(L);
        return 1;
    }
}

/* ---- condition variable ---- */

static void broadcast(struct sync *s)
{
    struct sync_op *w;

    while ((w = TAILQ_FIRST(&s->waiters)))
        wake(w);
}

/* A thread that obtained the variable ended: nobody may wait for it in vain. */
static void broadcast_on_end(struct sthread *t, void *user)
{
    broadcast(user);
    unhold(t->sched->L, user);
}

/* condvar("wait"|"signal"|"broadcast"); upvalue: the sync */
static int call_condvar(lua_State *L)
{
    static const char *const ops[] = {"wait", "signal", "broadcast", NULL};
    struct sync *s = lua_touserdata(L, lua_upvalueindex(1));
    struct sync_op *last;

    switch (luaL_checkoption(L, 1, NULL, ops)) {
    case 0:
        lua_pushvalue(L, lua_upvalueindex(1)); /* alive while waited for */
        return wait_for(L, s, "wait");
    case 1:
        last = TAILQ_LAST(&s->waiters, sync_op_list);
        if (last)
            wake(last);
        return 0;
    default:
        broadcast(s);
        return 0;
    }
}

/* ---- by object ---- */

static void push_sync(lua_State *L)
{
    struct sync *s = lua_newuserdatauv(L, sizeof *s, 2);

    *s = (struct sync){0};
    TAILQ_INIT(&s->waiters);
}

static void check_object(lua_State *L)
{
    int type = lua_type(L, 1);

    luaL_argcheck(L,
                  type != LUA_TNIL && type != LUA_TBOOLEAN && type != LUA_TNUMBER &&
                      type != LUA_TNONE && type != LUA_TLIGHTUSERDATA,
                  1, "object expected");
    lua_settop(L, 1);
}

/* Pushes the function for the object at 1, from the weak table under key. */
static void push_function(lua_State *L, const void *key, lua_CFunction fn)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, key);
    lua_pushvalue(L, 1);
    if (lua_rawget(L, 2) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    push_sync(L);
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, fn, 1);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, -3, 2);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -2);
    lua_rawset(L, 2);
}

/* nmap.mutex(object) -> function */
static int l_mutex(lua_State *L)
{
    check_object(L);
    push_function(L, &mutex_key, call_mutex);
    return 1;
}

/* nmap.condvar(object) -> function */
static int l_condvar(lua_State *L)
{
    check_object(L);
    push_function(L, &condvar_key, call_condvar);
    lua_getupvalue(L, -1, 1);
    on_end_once(L, lua_touserdata(L, -1), -1, broadcast_on_end);
    lua_pop(L, 1);
    return 1;
}

static void new_registry_table(lua_State *L, const void *key, const char *mode)
{
    lua_newtable(L);
    if (mode) {
        lua_createtable(L, 0, 1);
        lua_pushstring(L, mode);
        lua_setfield(L, -2, "__mode");
        lua_setmetatable(L, -2);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void nmap_sync_register(lua_State *L)
{
    new_registry_table(L, &held_key, NULL);
    new_registry_table(L, &mutex_key, "v");
    new_registry_table(L, &condvar_key, "v");
    lua_pushcfunction(L, l_mutex);
    lua_setfield(L, -2, "mutex");
    lua_pushcfunction(L, l_condvar);
    lua_setfield(L, -2, "condvar");
}
