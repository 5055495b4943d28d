/* The turn: takes ready threads in order and resumes them within a budget, and what bounds each of
 * them.
 *
 * Why a queue instead of resuming in the callback of the loop: completions arrive inside drivers
 * that are not re-entrant, a burst of them must not starve the loop, and order stays first come,
 * first served.  Why a count hook: nothing else reaches a script that never calls us.  It is set by
 * a tick of the CPU's clock (tick.c).  It preempts
 * where Lua allows a yield; where it does not (inside string.gsub's callback, table.sort's
 * comparison) the script runs on to a hard limit and then gets an error at each further
 * instruction, so that no pcall can swallow it for ever.  Who was preempted waits in a queue of its
 * own, which gives one short burst a turn, so that many who compute do not slow down those who
 * wait for the network.  Clocks here are the real ones, not the
 * loop's: budgets are about the machine's time, also under a fake clock. */
#include "engine/script/sthread.h"

#include <assert.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Under AddressSanitizer each block is its own, so that it sees what is used after it was freed. */
#ifdef __SANITIZE_ADDRESS__
#define POOLED false
#else
#define POOLED true
#endif
#define TURN_RESUMES    256
#define TURN_USEC       (5 * USEC_PER_MSEC)
#define BURST_USEC      (20 * USEC_PER_MSEC)
#define HOG_BURST_USEC  (5 * USEC_PER_MSEC) /* of who was preempted before */
#define CREW_SHARE      10  /* what a script and its workers may use together, in limits of one */
#define GC_PAUSE        300 /* percent of what lived after the last collection; Lua's own is 200 */
#define HARD_BURST_USEC (2 * USEC_PER_SEC) /* where it cannot be preempted */

static usec_t clock_usec(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / 1000;
}

static usec_t mono_now(void)
{
    return clock_usec(CLOCK_MONOTONIC);
}

static usec_t cpu_now(void)
{
    return clock_usec(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- who is who ---- */

struct sched *sched_of(lua_State *L)
{
    uintptr_t v = *(uintptr_t *)lua_getextraspace(L);

    return (struct sched *)(v & ~(uintptr_t)CO_MARKS);
}

void co_mark_set(lua_State *L, enum co_mark m)
{
    *(uintptr_t *)lua_getextraspace(L) |= m;
}

void co_mark_clear(lua_State *L, enum co_mark m)
{
    *(uintptr_t *)lua_getextraspace(L) &= ~(uintptr_t)m;
}

bool co_marked(lua_State *L)
{
    return *(uintptr_t *)lua_getextraspace(L) & CO_MARKS;
}

struct sthread *sched_current(lua_State *L)
{
    return sched_of(L)->current;
}

struct loop *sched_loop(struct sched *s)
{
    return s->loop;
}

struct script_host *sched_host(struct sched *s)
{
    return s->host;
}

/* ---- budgets ---- */

bool sched_may_yield(lua_State *L, const struct sthread *t)
{
    return t->blocked == 0 && lua_isyieldable(L);
}

void sched_arm_doom(lua_State *L)
{
    lua_sethook(L, sched_count_hook, LUA_MASKCOUNT, 1);
}

static void burst_begin(struct sched *s)
{
    s->burst_memory = s->memory.used;
    s->burst_mono = mono_now();
    s->burst_cpu = s->ticks ? 0 : cpu_now();
    s->burst_ticks = 0;
}

static usec_t burst_cpu(const struct sched *s)
{
    return s->ticks ? s->burst_ticks * SCHED_TICK_USEC : cpu_now() - s->burst_cpu;
}

static bool burst_is_over(const struct sched *s, const struct sthread *t)
{
    return mono_now() - s->burst_mono > (t->hog ? HOG_BURST_USEC : BURST_USEC);
}

static bool is_exhausted(const struct sched *s, const struct sthread *t, usec_t burst)
{
    return t->cpu + burst > s->cpu_limit ||
           (t->crew_cpu && *t->crew_cpu + burst > s->cpu_limit * CREW_SHARE);
}

static void account(struct sthread *t, usec_t burst)
{
    t->cpu += burst;
    if (t->crew_cpu)
        *t->crew_cpu += burst;
}

static const char out_of_cpu[] = "the script used up its CPU time";

static void check_budget(struct sched *s, struct sthread *t, bool may_yield)
{
    usec_t burst;

    if (t->doom || !burst_is_over(s, t))
        return;
    burst = burst_cpu(s);
    if (is_exhausted(s, t, burst))
        t->doom = out_of_cpu;
    else if (!may_yield && burst > HARD_BURST_USEC)
        t->doom = "the script computed too long where it cannot be interrupted";
}

/* level: of the Lua function that is at fault. */
static void raise_doom(lua_State *L, const struct sthread *t, int level)
{
    sched_arm_doom(L);
    luaL_where(L, level);
    lua_pushfstring(L, "%s%s", lua_tostring(L, -1), t->doom);
    lua_error(L);
}

/* Who has to end is left by a yield where that is possible: no pcall of the script sees it, and
 * hooks work on in what its variables are closed by.  In a coroutine that dies of an error inside a
 * hook, Lua 5.4 keeps them off. */
void sched_count_hook(lua_State *L, lua_Debug *ar)
{
    struct sched *s = sched_of(L);
    struct sthread *t = s->current;
    bool may_yield;

    (void)ar;
    if (!t)
        return;
    may_yield = sched_may_yield(L, t);
    check_budget(s, t, may_yield);
    if (t->doom && !may_yield)
        raise_doom(L, t, 0);
    if (s->ticks)
        lua_sethook(L, NULL, 0, 0); /* until the next tick */
    if (may_yield && (t->doom || burst_is_over(s, t))) {
        s->stats.preemptions += !t->doom;
        t->parked = PARK_PREEMPT;
        lua_yield(L,
                  0); /* allowed in a count hook; the instruction is run again after the resume */
    }
}

bool sched_turn_is_over(lua_State *L)
{
    struct sched *s = sched_of(L);
    struct sthread *t = s->current;

    if (!t)
        return false;
    check_budget(s, t, sched_may_yield(L, t));
    if (t->doom)
        raise_doom(L, t, 1);
    return sched_may_yield(L, t) && burst_is_over(s, t);
}

static const char out_of_memory[] = "the script used up the memory of its worker";

static struct sthread *greediest(struct sched *s)
{
    struct sthread *t, *worst = NULL;

    TAILQ_FOREACH (t, &s->all, all)
        if (!worst || t->memory > worst->memory)
            worst = t;
    return worst;
}

/* Who grew the heap most has to go, not who happens to ask when it is full: that one gets a reserve
 * of a quarter, once, and the other ends as soon as the running burst is over. */
static bool memory_exhausted(void *user, size_t more)
{
    struct sched *s = user;
    struct sthread *t = s->current, *worst = greediest(s);
    ptrdiff_t mine;

    if (!t)
        return false;
    mine = t->memory + ((ptrdiff_t)s->memory.used - (ptrdiff_t)s->burst_memory) + (ptrdiff_t)more;
    if (worst && worst != t && worst->memory > mine &&
        s->memory.used + more < s->memory.limit + s->memory.limit / 4) {
        s->condemned = worst;
        return true;
    }
    t->doom = out_of_memory;
    sched_arm_doom(s->running); /* safe here: lua_sethook may be called from signal handlers */
    return false;
}

static void end_condemned(struct sched *s)
{
    struct sthread *t = s->condemned;

    s->condemned = NULL;
    t->doom = out_of_memory;
    sthread_kill(t, STHREAD_EXHAUSTED);
}

/* Above the soft limit somebody holds too much. */
static void check_memory(struct sched *s)
{
    struct sthread *t;

    if (s->condemned)
        end_condemned(s);
    if (s->memory.used <= s->memory_soft)
        return;
    lua_gc(s->L, LUA_GCCOLLECT);
    if (s->memory.used <= s->memory_soft)
        return;
    t = greediest(s);
    if (t && t->memory > (ptrdiff_t)(s->memory.limit / 8)) {
        s->condemned = t;
        end_condemned(s);
        return;
    }
    if (s->shed) {
        s->shed(s->host);
        lua_gc(s->L, LUA_GCCOLLECT);
        if (s->memory.used <= s->memory_soft)
            return;
    }
    /* Shared data that is not too much: collect again only when it has grown further. */
    s->memory_soft = s->memory.used + s->memory.used / 16;
}

/* ---- waiting ---- */

static void op_timed_out(struct timer *timer)
{
    struct op *op = CONTAINER_OF(timer, struct op, timeout);

    if (op->cancel)
        op->cancel(op);
    op_complete(op, -ETIMEDOUT);
}

struct op *op_new(lua_State *L, const char *name, size_t size, const char *metatable)
{
    struct op *op;

    assert(size >= sizeof *op);
    op = lua_newuserdatauv(L, size, 0);
    memset(op, 0, size);
    op->name = name;
    op->co = L;
    op->status = -EINPROGRESS;
    op->timeout.fire = op_timed_out;
    if (metatable)
        luaL_setmetatable(L, metatable);
    return op;
}

void op_complete(struct op *op, int status)
{
    struct sthread *t = op->thread;

    op->status = status;
    op->thread = NULL;
    if (!t)
        return;
    timer_stop(t->sched->loop, &op->timeout);
    t->op = NULL;
    sthread_make_ready(t);
}

static int park_failed(lua_State *L, struct op *op, const char *why)
{
    if (op->cancel)
        op->cancel(op);
    op->status = -ECANCELED;
    return luaL_error(L, "%s", why);
}

int sched_park(lua_State *L, struct op *op, usec_t timeout, lua_KFunction k)
{
    struct sched *s = sched_of(L);
    struct sthread *t = s->current;

    assert(t && !t->op);
    if (t->doom)
        return park_failed(L, op, t->doom);
    if (!sched_may_yield(L, t))
        return park_failed(L, op, "attempt to yield across a C-call boundary");
    op->co = L;
    if (op->status != -EINPROGRESS) { /* over before anybody waited */
        sthread_make_ready(t);
    } else {
        if (timeout != USEC_INFINITY && timer_set(s->loop, &op->timeout, timeout) < 0)
            return park_failed(L, op, "not enough memory");
        op->thread = t;
        t->op = op;
    }
    t->parked = PARK_WAIT;
    return lua_yieldk(L, 0, (lua_KContext)op, k);
}

int sched_give_turn(lua_State *L, lua_KFunction k, lua_KContext ctx)
{
    struct sthread *t = sched_current(L);

    if (!sched_may_yield(L, t))
        return k(L, LUA_OK, ctx);
    t->parked = PARK_PREEMPT;
    return lua_yieldk(L, 0, ctx, k);
}

/* ---- the turn ---- */

static struct sthread_list *queue_of(struct sthread *t)
{
    return t->hog ? &t->sched->hogs : &t->sched->ready;
}

static void enqueue(struct sthread *t, bool hog)
{
    if (t->queued || t->dead)
        return;
    t->queued = true;
    t->hog = hog;
    TAILQ_INSERT_TAIL(queue_of(t), t, ready);
    loop_post(t->sched->loop, &t->sched->turn);
}

void sthread_make_ready(struct sthread *t)
{
    enqueue(t, false);
}

void sthread_dequeue(struct sthread *t)
{
    if (t->queued)
        TAILQ_REMOVE(queue_of(t), t, ready);
    t->queued = false;
}

static void resumed(struct sthread *t, int r)
{
    if (t->kill_wanted)
        sched_end_thread(t, t->kill_how);
    else if (r == LUA_YIELD && t->doom)
        sched_end_thread(t, STHREAD_EXHAUSTED);
    else if (r == LUA_YIELD && t->parked == PARK_NONE)
        sched_end_thread(t, STHREAD_STRAYED);
    else if (r == LUA_YIELD && t->parked == PARK_PREEMPT)
        enqueue(t, true);
    else if (r == LUA_OK)
        sched_end_thread(t, STHREAD_RETURNED);
    else if (r != LUA_YIELD)
        sched_end_thread(t, t->doom ? STHREAD_EXHAUSTED : STHREAD_FAILED);
}

void sched_resume(struct sthread *t)
{
    struct sched *s = t->sched;
    int n_args = t->n_args, n_results = 0, r;

    t->n_args = 0;
    t->parked = PARK_NONE;
    burst_begin(s);
    s->running = t->co;
    s->current = t;
    s->current_script = t->script;
    s->stats.resumes++;
    r = lua_resume(t->co, s->L, n_args, &n_results);
    account(t, burst_cpu(s));
    if (r == LUA_YIELD && !t->doom && is_exhausted(s, t, 0))
        t->doom = out_of_cpu; /* its bursts are too short for the hook to see it */
    t->memory += (ptrdiff_t)s->memory.used - (ptrdiff_t)s->burst_memory;
    s->current = NULL;
    s->current_script = "";
    if (r == LUA_YIELD)
        lua_pop(t->co, n_results);
    if (r == LUA_YIELD && t->waits)
        t->waits(t);
    resumed(t, r);
    check_memory(s);
}

static void turn(struct task *task)
{
    struct sched *s = CONTAINER_OF(task, struct sched, turn);
    usec_t start = mono_now();
    struct sthread *t;
    int n = 0;

    while (n++ < TURN_RESUMES && (t = TAILQ_FIRST(&s->ready))) {
        sthread_dequeue(t);
        sched_resume(t);
        if (mono_now() - start > TURN_USEC)
            break;
    }
    t = TAILQ_FIRST(&s->hogs);
    if (t) {
        sthread_dequeue(t);
        sched_resume(t);
    }
    if (!TAILQ_EMPTY(&s->ready) || !TAILQ_EMPTY(&s->hogs))
        loop_post(s->loop, &s->turn);
}

/* ---- life ---- */

int sched_new(struct sched **ret, struct loop *l, const struct sched_opts *o, struct err *e)
{
    CLEANUP(freep) struct sched *s = calloc(1, sizeof *s);

    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    s->loop = l;
    s->host = o->host;
    s->shed = o->shed;
    s->stuck = o->stuck;
    s->cpu_limit = o->cpu_limit ? o->cpu_limit : 10 * USEC_PER_SEC;
    s->script_timeout = o->script_timeout;
    s->memory.limit = o->memory_limit ? o->memory_limit : (size_t)512 << 20;
    s->memory.exhausted = memory_exhausted;
    s->memory.user = s;
    s->memory.pooled = POOLED;
    s->memory_soft = s->memory.limit - s->memory.limit / 8;
    s->turn.run = turn;
    s->current_script = "";
    TAILQ_INIT(&s->ready);
    TAILQ_INIT(&s->hogs);
    TAILQ_INIT(&s->all);
    s->L = lua_newstate(lmem_alloc, &s->memory);
    if (!s->L) {
        lmem_done(&s->memory);
        return err_set(e, -ENOMEM, "out of memory for a Lua state");
    }
    *(struct sched **)lua_getextraspace(s->L) = s;
    lua_gc(s->L, LUA_GCINC, GC_PAUSE, 0, 0);
    sched_tick_start(s);
    *ret = take(&s);
    return 0;
}

struct sched *sched_free(struct sched *s)
{
    struct sthread *t;

    if (!s)
        return NULL;
    assert(!s->current);
    while ((t = TAILQ_FIRST(&s->all)))
        sched_end_thread(t, STHREAD_KILLED);
    task_cancel(s->loop, &s->turn);
    sched_tick_stop(s);
    if (!s->leaves || !POOLED) { /* else a walk over a heap that is forgotten next */
        lua_close(s->L);
        lmem_done(&s->memory);
    }
    free(s->patterns);
    free(s);
    return NULL;
}

void sched_freep(struct sched **s)
{
    sched_free(*s);
}

static int call_protected(lua_State *L, lua_CFunction fn, void *ud)
{
    lua_pushcfunction(L, fn); /* a light function and a pointer: neither allocates */
    lua_pushlightuserdata(L, ud);
    return lua_pcall(L, 1, 0, 0);
}

int sched_protected(struct sched *s, lua_CFunction fn, void *ud, struct err *e)
{
    int r = call_protected(s->L, fn, ud);

    if (r == LUA_OK)
        return 0;
    if (r == LUA_ERRMEM) {
        lua_pop(s->L, 1);
        return err_set(e, -ENOMEM, "out of memory");
    }
    err_set(e, -EINVAL, "%s",
            lua_type(s->L, -1) == LUA_TSTRING ? lua_tostring(s->L, -1) : "(an error without text)");
    lua_pop(s->L, 1);
    return -EINVAL;
}
