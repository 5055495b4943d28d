/* Birth and death of script threads.
 *
 * Death has one way, whatever the reason: stop what it waits for, run the destructors newest first
 * (sockets close, mutexes go on), tell the owner while the coroutine still stands, then reset the
 * coroutine and let it go.  Nothing waits for the collector. */
#include "engine/script/sthread.h"

#include <assert.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#define HOOK_COUNT 10000 /* instructions between two looks at the clock: about 100 us */

struct birth {
    struct sthread *t;
    lua_State *from; /* function and arguments come from here; NULL: from body */
    lua_CFunction body;
};

static int make_coroutine(lua_State *L)
{
    struct birth *b = lua_touserdata(L, 1);
    struct sthread *t = b->t;

    t->co = lua_newthread(L);
    if (!lua_checkstack(t->co, t->n_args + 1))
        return luaL_error(L, "too many arguments");
    t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    if (b->from) {
        lua_xmove(b->from, t->co, t->n_args + 1);
    } else {
        lua_pushcfunction(t->co, b->body);
        lua_pushlightuserdata(t->co, t->user);
    }
    if (!t->sched->ticks)
        lua_sethook(t->co, sched_count_hook, LUA_MASKCOUNT, HOOK_COUNT);
    co_mark_set(t->co, CO_BASE);
    return 0;
}

static void wall_over(struct timer *timer)
{
    sthread_kill(CONTAINER_OF(timer, struct sthread, wall), STHREAD_TIMED_OUT);
}

static int set_wall(struct sched *s, struct sthread *t)
{
    t->wall.fire = wall_over;
    if (!s->script_timeout)
        return 0;
    return timer_set_at(s->loop, &t->wall, t->started + s->script_timeout);
}

static int birth(struct sched *s, const struct sthread_opts *o, struct birth *b, int n_args,
                 struct sthread **ret)
{
    CLEANUP(freep) struct sthread *t = calloc(1, sizeof *t);
    int r;

    if (!t)
        return -ENOMEM;
    t->sched = s;
    t->script = o->script;
    t->job = o->job;
    t->user = o->user;
    t->waits = o->waits;
    t->ended = o->ended;
    t->crew_cpu = o->crew_cpu;
    t->n_args = n_args;
    t->started = o->started ? o->started : loop_now(s->loop);
    LIST_INIT(&t->dtors);
    b->t = t;
    r = set_wall(s, t);
    if (r < 0)
        return r;
    r = sched_protected(s, make_coroutine, b, NULL);
    if (r < 0) {
        timer_stop(s->loop, &t->wall);
        return r;
    }
    TAILQ_INSERT_TAIL(&s->all, t, all);
    s->stats.started++;
    s->stats.live++;
    *ret = take(&t);
    return 0;
}

int sthread_start(struct sched *s, const struct sthread_opts *o, struct sthread **ret)
{
    struct birth b = {.body = o->body};
    struct sthread *t;
    int r = birth(s, o, &b, 1, &t);

    if (r < 0)
        return r;
    sthread_make_ready(t);
    *ret = t;
    return 0;
}

int sthread_start_function(lua_State *from, int n_args, const struct sthread_opts *o,
                           struct sthread **ret)
{
    struct birth b = {.from = from};
    struct sthread *t;
    int r = birth(sched_of(from), o, &b, n_args, &t);

    if (r < 0)
        return r;
    sthread_make_ready(t);
    *ret = t;
    return 0;
}

int sthread_run_now(struct sched *s, const struct sthread_opts *o)
{
    struct birth b = {.body = o->body};
    struct sthread *t;
    int r;

    assert(!s->current);
    r = birth(s, o, &b, 1, &t);
    if (r < 0)
        return r;
    t->blocked = 1; /* nothing can wait here, so one resume is all */
    sched_resume(t);
    return 0;
}

/* ---- death ---- */

static void stop_waiting(struct sthread *t)
{
    struct op *op = t->op;

    if (!op)
        return;
    t->op = NULL;
    op->thread = NULL;
    op->status = -ECANCELED;
    timer_stop(t->sched->loop, &op->timeout);
    if (op->cancel)
        op->cancel(op);
}

static void run_dtors(struct sthread *t)
{
    struct sthread_dtor *d;

    while ((d = LIST_FIRST(&t->dtors))) {
        LIST_REMOVE(d, entry);
        d->fn(t, d->user);
        free(d);
    }
}

/* To-be-closed variables of the script run here: as the running thread, but doomed and unable to
 * wait. */
static void close_variables(struct sthread *t)
{
    struct sched *s = t->sched;
    struct sthread *before = s->current;
    const char *script_before = s->current_script;

    if (!t->doom)
        t->doom = "the script was ended";
    t->blocked = 1;
    sched_arm_doom(t->co);
    s->running = t->co;
    s->current = t;
    s->current_script = t->script;
    (void)lua_resetthread(t->co);
    s->current = before;
    s->current_script = script_before;
    lua_settop(t->co, 0); /* so that coroutine.status() says dead */
}

static void close_coroutine(struct sthread *t)
{
    if (t->doom && lua_status(t->co) > LUA_YIELD)
        co_mark_set(t->co, CO_LOST);
    else
        close_variables(t);
    lua_sethook(t->co, NULL, 0, 0);
    co_mark_clear(t->co, CO_BASE);
    co_mark_clear(t->co, CO_PARKED);
}

void sched_end_thread(struct sthread *t, enum sthread_end how)
{
    struct sched *s = t->sched;

    assert(t != s->current && !t->dead);
    t->dead = true;
    if (s->condemned == t)
        s->condemned = NULL;
    sthread_dequeue(t);
    TAILQ_REMOVE(&s->all, t, all);
    s->stats.live--;
    timer_stop(s->loop, &t->wall);
    stop_waiting(t);
    run_dtors(t);
    if (t->ended)
        t->ended(t, how);
    t->user = NULL; /* freed by now, as a rule */
    t->crew_cpu = NULL;
    close_coroutine(t);
    run_dtors(t); /* what it locked or opened meanwhile */
    luaL_unref(s->L, LUA_REGISTRYINDEX, t->ref);
    free(t);
}

void sthread_kill(struct sthread *t, enum sthread_end how)
{
    if (t->dead || t->kill_wanted)
        return;
    if (t != t->sched->current) {
        sched_end_thread(t, how);
        return;
    }
    t->kill_wanted = true;
    t->kill_how = how;
    if (!t->doom)
        t->doom = "the script was ended";
    sched_arm_doom(t->sched->running);
}

int sthread_on_end(struct sthread *t, const void *key, void (*fn)(struct sthread *t, void *user),
                   void *user)
{
    struct sthread_dtor *d = calloc(1, sizeof *d);

    if (!d)
        return -ENOMEM;
    d->key = key;
    d->fn = fn;
    d->user = user;
    LIST_INSERT_HEAD(&t->dtors, d, entry);
    return 0;
}

void *sthread_end_user(const struct sthread *t, const void *key)
{
    const struct sthread_dtor *d;

    LIST_FOREACH (d, &t->dtors, entry)
        if (d->key == key)
            return d->user;
    return NULL;
}

void sthread_drop_end(struct sthread *t, const void *key)
{
    struct sthread_dtor *d;

    LIST_FOREACH (d, &t->dtors, entry)
        if (d->key == key) {
            LIST_REMOVE(d, entry);
            free(d);
            return;
        }
}

/* ---- what others may know ---- */

const char *sthread_script(const struct sthread *t)
{
    return t->script;
}

uint64_t sthread_job(const struct sthread *t)
{
    return t->job;
}

void sthread_count_bytes(struct sthread *t, uint64_t in, uint64_t out)
{
    t->bytes_in += in;
    t->bytes_out += out;
}

struct error_text {
    struct sthread *t;
    bool traceback;
    char *text;
};

/* The dead coroutine has no room for a copy: the value comes over and goes back. */
void sthread_push_error(lua_State *L, struct sthread *t)
{
    if (lua_gettop(t->co) == 0) {
        lua_pushnil(L);
        return;
    }
    lua_xmove(t->co, L, 1);
    lua_pushvalue(L, -1);
    lua_xmove(L, t->co, 1);
}

/* Replaces the error value on top by its text, without metamethods. */
static void make_text(lua_State *L)
{
    if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
        lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, -1));
    else
        (void)lua_tostring(L, -1); /* a number becomes a string in place */
}

static int make_error_text(lua_State *L)
{
    struct error_text *x = lua_touserdata(L, 1);

    sthread_push_error(L, x->t);
    make_text(L);
    if (x->traceback)
        luaL_traceback(L, x->t->co, lua_tostring(L, -1), 0);
    x->text = strdup(lua_tostring(L, -1));
    return 0;
}

char *sthread_error_text(struct sthread *t, bool traceback)
{
    struct error_text x = {.t = t, .traceback = traceback};

    (void)sched_protected(t->sched, make_error_text, &x, NULL);
    return x.text;
}
