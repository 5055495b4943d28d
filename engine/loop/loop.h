/* The event loop of a process: sd-event on top, one nested epoll set for the many sockets, one
 * timer queue, posted tasks.
 *
 * sd-event wakes once per dispatched source, which is quadratic in bursts; so sockets live in ONE
 * epoll set that is one source, drained with a budget per turn (256 events or 2 ms), and timers in
 * one heap behind one source. Rules: a callback returns within 1 ms or takes a budget; nothing
 * completes inside the call that started it; an object is never freed inside its own callback chain
 * but through loop_post().  Single-threaded; not usable after fork. */
#pragma once

#include "engine/base/err.h"
#include "engine/base/time.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h> /* EPOLLIN, EPOLLOUT */
#include <sys/queue.h>

struct loop;
typedef struct sd_event sd_event;

/* 0, -ENOMEM, or what the kernel said. */
int loop_new(struct loop **ret, struct err *e) MUST_USE;
struct loop *loop_free(struct loop *l);
void loop_freep(struct loop **l);

/* Runs until loop_exit().  Returns the code given there, or a negative errno when the loop itself
 * failed. */
int loop_run(struct loop *l);
void loop_exit(struct loop *l, int code);
/* One turn: waits at most `timeout` (0: do not wait) and dispatches what is ready.  > 0 something
 * ran, 0 nothing, < 0 errno.  For tests and for short synchronous waits of command line tools. */
int loop_turn(struct loop *l, usec_t timeout);

/* The sd-event loop below, for signals, children, libpq and curl sockets: fewer than 64 sources. */
sd_event *loop_sd(struct loop *l);

/* Monotonic time, fixed during a turn; and wall time.  The fake clock moves both. */
usec_t loop_now(struct loop *l);
usec_t loop_wall(struct loop *l);
/* A signal handler has jumped out of a turn: the clocks go on; all else is over, loop_free() too.
 */
void loop_abandon(struct loop *l);

/* Fake clock for tests: from now on time stands still and moves only by loop_fake_advance(), which
 * runs the timers that become due, in order, each at its own time, with I/O turns in between. */
void loop_fake_clock(struct loop *l, usec_t wall);
void loop_fake_advance(struct loop *l, usec_t by);

/* A call in the next turn.  Embed it; posting twice before it ran is one run.  task_cancel() is
 * safe at any time. */
struct task {
    void (*run)(struct task *t);
    TAILQ_ENTRY(task) entry;
    bool queued;
};
void loop_post(struct loop *l, struct task *t);
void task_cancel(struct loop *l, struct task *t);
/* Calls destroy(object) in the next turn, after all tasks posted before. */
void loop_post_free(struct loop *l, void (*destroy)(void *object), void *object);

/* A timer.  Embed it, zeroed but for `fire`; one shot; set again from within its own callback if
 * wanted. */
struct timer {
    void (*fire)(struct timer *t);
    usec_t due;       /* monotonic */
    size_t heap_slot; /* 1-based; 0: not running */
};
int timer_set(struct loop *l, struct timer *t,
              usec_t after) MUST_USE; /* 0 or -ENOMEM; replaces an earlier setting */
int timer_set_at(struct loop *l, struct timer *t, usec_t due) MUST_USE; /* at a monotonic time */
void timer_stop(struct loop *l, struct timer *t);
static inline bool timer_running(const struct timer *t)
{
    return t->heap_slot != 0;
}

/* A socket in the nested set, level-triggered.  Embed it, zeroed but for fd and `ready`.  The fd
 * stays the owner's: io_remove() BEFORE close().  `events` in the callback is a mask of EPOLLIN,
 * EPOLLOUT, EPOLLHUP, EPOLLERR. */
struct io {
    void (*ready)(struct io *io, uint32_t events);
    int fd;
    uint32_t wanted; /* what is registered; 0: not in the set */
};
int io_want(struct loop *l, struct io *io,
            uint32_t events) MUST_USE; /* adds, changes, or (0) removes.  0 or negative errno */
void io_remove(struct loop *l, struct io *io);
