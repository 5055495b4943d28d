/* The inside of the scheduler, for the files of this layer that start threads: sched.c, thread.c,
 * coro.c and the host.
 *
 * A thread is one Lua coroutine (its base) that only the scheduler resumes, with all coroutines
 * that the script makes inside it.  Only one of a thread's coroutines runs or waits at a time, so a
 * thread waits for at most one op. */
#pragma once

#include "engine/script/memory.h"
#include "engine/script/sched.h"

#include <sys/queue.h>
#include <time.h>

enum sthread_end {
    STHREAD_RETURNED,  /* results were left on co by body, if it wants any */
    STHREAD_FAILED,    /* a Lua error; the value is on top of co */
    STHREAD_STRAYED,   /* coroutine.yield from the base: nobody can resume it */
    STHREAD_TIMED_OUT, /* the wall limit */
    STHREAD_EXHAUSTED, /* CPU or memory limit; sthread.doom says which */
    STHREAD_KILLED,
};

enum park { PARK_NONE, PARK_WAIT, PARK_PREEMPT };

struct sthread_dtor {
    LIST_ENTRY(sthread_dtor) entry;
    const void *key;
    void (*fn)(struct sthread *t, void *user);
    void *user;
};

struct sthread {
    struct sched *sched;
    lua_State *co;
    int ref; /* of co in the registry */
    const char *script;
    uint64_t job;
    void *user;
    void (*waits)(struct sthread *t);
    void (*ended)(struct sthread *t, enum sthread_end how);

    enum park parked;
    struct op *op;    /* what it waits for */
    bool queued;      /* in the ready queue, or in that of the hogs */
    bool hog;         /* used up its burst when it ran last */
    int n_args;       /* for the first resume */
    unsigned blocked; /* > 0: inside something that cannot be left by a yield */
    const char *doom; /* every further instruction raises this */
    bool kill_wanted; /* killed while it ran: ends when the resume returns */
    bool dead;
    enum sthread_end kill_how;

    usec_t started;    /* monotonic; a worker has its parent's */
    struct timer wall; /* the script timeout */
    usec_t cpu;        /* microseconds used */
    usec_t *crew_cpu;  /* the same for the script with all its workers; NULL: it has none */
    ptrdiff_t memory;  /* bytes the heap grew while it ran: who is greedy, not an exact account */
    uint64_t bytes_in, bytes_out;

    LIST_HEAD(, sthread_dtor) dtors;
    TAILQ_ENTRY(sthread) ready, all;
};

TAILQ_HEAD(sthread_list, sthread);

struct sched_opts {
    struct script_host *host;
    /* The heap is full, and nobody who lives holds much of it.  May be NULL. */
    void (*shed)(struct script_host *host);
    /* A burst has gone on for so much CPU time: from a signal handler, at each tick from
     * SCHED_STUCK_USEC on.  May be NULL. */
    void (*stuck)(struct script_host *host, usec_t cpu);
    usec_t cpu_limit;      /* per thread; 0: 10 s; a script with its workers has ten times that */
    usec_t script_timeout; /* wall, per thread; 0: none */
    size_t memory_limit;   /* whole state; 0: 512 MiB */
};

struct sched_stats {
    uint64_t started, resumes, preemptions;
    unsigned live;
};

struct sched {
    lua_State *L; /* the main coroutine: runs no script code */
    struct loop *loop;
    struct script_host *host;
    void (*shed)(struct script_host *host);
    void (*stuck)(struct script_host *host, usec_t cpu);
    struct lmem memory;
    size_t memory_soft; /* above it the greediest thread ends */
    usec_t cpu_limit, script_timeout;
    struct task turn;
    bool leaves; /* sched_free() does not free what is in the Lua state */
    timer_t tick;
    bool ticks; /* there is a timer: the hook is set when it fires; else from the start */
    struct sthread_list ready, hogs, all;
    struct sthread *volatile current;    /* read, as is running, by the tick's signal handler */
    lua_State *volatile running;         /* the innermost coroutine of current */
    const char *volatile current_script; /* read by the watchdog's signal handler */
    struct sthread *condemned;           /* holds too much memory: ends after the running burst */
    usec_t burst_mono, burst_cpu;        /* when the running burst began */
    volatile unsigned burst_ticks;       /* since then */
    size_t burst_memory;                 /* bytes of the heap then */
    struct sched_stats stats;
    struct pattern_cache *patterns; /* of string_open(); NULL before it */
};

/* A Lua state without libraries, and its scheduler. */
int sched_new(struct sched **ret, struct loop *l, const struct sched_opts *o,
              struct err *e) MUST_USE;
/* Kills every thread, closes the Lua state.  Not from inside Lua.  Returns NULL. */
struct sched *sched_free(struct sched *s);
void sched_freep(struct sched **s);

struct sthread_opts {
    const char *script; /* borrowed: outlives the thread */
    uint64_t job;
    void *user;
    usec_t started;   /* 0: now */
    usec_t *crew_cpu; /* NULL, or lives until the thread has ended */
    /* Runs on the thread's coroutine with one argument: lightuserdata `user`. */
    lua_CFunction body;
    /* It gave the processor away, to wait or because others want it.  Must not raise, resume, start
     * or kill anything.  May be NULL. */
    void (*waits)(struct sthread *t);
    /* Called once when the thread is over; its coroutine still stands (error value on top), its
     * destructors ran. Must not raise, must not resume anything.  May start and kill threads, and
     * free `user`: to-be-closed variables, which run after it, find NULL there. */
    void (*ended)(struct sthread *t, enum sthread_end how);
};

/* Runs in a later turn.  -ENOMEM. */
int sthread_start(struct sched *s, const struct sthread_opts *o, struct sthread **ret) MUST_USE;
/* The function and its n_args arguments are taken from the top of `from`, when this succeeds; body
 * is not used. */
int sthread_start_function(lua_State *from, int n_args, const struct sthread_opts *o,
                           struct sthread **ret) MUST_USE;
/* Runs to its end at once, for loading: whatever would wait raises an error instead.  Not from
 * inside Lua. */
int sthread_run_now(struct sched *s, const struct sthread_opts *o) MUST_USE;
/* Ends a thread: at once, or when it is the running one, as soon as control is back. */
void sthread_kill(struct sthread *t, enum sthread_end how);

/* Calls fn protected on the main coroutine with lightuserdata ud as only argument.  0, -ENOMEM,
 * -EINVAL (an error was raised; its text goes to e). */
int sched_protected(struct sched *s, lua_CFunction fn, void *ud, struct err *e);
/* Pushes the error value that is on top of the dead thread's coroutine, which keeps it. */
void sthread_push_error(lua_State *L, struct sthread *t);
/* The error on top of co as text, with a traceback if wanted: malloc'd; NULL when there is no
 * memory.  Runs no script code. */
char *sthread_error_text(struct sthread *t, bool traceback);

/* For coro.c and the hook. */
void sthread_make_ready(struct sthread *t);
void sthread_dequeue(struct sthread *t);
void sched_count_hook(lua_State *L, lua_Debug *ar);
/* The tick (tick.c): interrupts what runs. */
#define SCHED_TICK_USEC  (4 * USEC_PER_MSEC)
#define SCHED_STUCK_USEC USEC_PER_SEC
void sched_tick_start(struct sched *s);
void sched_tick_stop(struct sched *s);
bool sched_may_yield(lua_State *L, const struct sthread *t);
/* Arms L so that its next instruction ends in the error. */
void sched_arm_doom(lua_State *L);
void sched_end_thread(struct sthread *t, enum sthread_end how);
void sched_resume(struct sthread *t);

/* Marks on a coroutine, kept in the low bits of its extra space (which holds the struct sched
 * pointer). */
enum co_mark {
    CO_PARKED = 1, /* suspended by an engine yield: only the engine's way back in may resume it */
    CO_BASE = 2,   /* the base of a living thread */
    CO_LOST = 4,   /* died while its thread was doomed: hooks may be off in it for good, so nothing
                      may run there, not even what closes its variables */
    CO_MARKS = CO_PARKED | CO_BASE | CO_LOST,
};
void co_mark_set(lua_State *L, enum co_mark m);
void co_mark_clear(lua_State *L, enum co_mark m);
bool co_marked(lua_State *L);

/* Replaces resume, wrap and close in the table `coroutine` (contract 1.5), and xpcall. */
int coro_open(lua_State *L);
