/* What the parts of the loop share among themselves; nothing outside engine/loop includes this. */
#pragma once

#include "engine/loop/loop.h"

#include <systemd/sd-event.h>

#define LOOP_BATCH      256 /* events, timers or tasks of one dispatch */
#define LOOP_SCRATCH    (64 * 1024)
#define LOOP_SLICE_USEC (2 * USEC_PER_MSEC) /* after this the rest waits for the next turn */

/* Who is registered for an fd.  The generation tells a late event of an earlier owner from one of
 * today's. */
struct io_slot {
    struct io *io;
    uint32_t generation;
};

/* The heap is ordered by (due, seq), so equal times fire in the order they were set. */
struct timer_slot {
    usec_t due;
    uint64_t seq;
    struct timer *timer;
};

struct loop {
    sd_event *event;
    sd_event_source *io_source, *time_source;

    int epoll_fd;
    struct io_slot *slots; /* by fd */
    size_t n_slots;
    uint32_t generation;
    struct epoll_event batch[LOOP_BATCH];
    int batch_len, batch_pos; /* what an earlier slice left over */
    struct task batch_rest;

    struct timer_slot *heap; /* heap[1] is the next; heap[0] unused */
    size_t n_timers, cap_timers;
    uint64_t timer_seq;
    usec_t armed; /* what time_source waits for; USEC_INFINITY: off */

    TAILQ_HEAD(, task) tasks;

    usec_t now, wall; /* of this dispatch, or of the fake clock */
    unsigned depth;   /* > 0: inside a dispatch, the clock stands */
    bool fake;

    bool exiting;
    int exit_code;

    char
        scratch[LOOP_SCRATCH + 1]; /* received bytes, valid during one callback; work never nests */

    void *tls; /* contexts of stream_tls.c, made once per loop */
    void (*tls_free)(void *tls);
};

/* How long one dispatch may go on: LOOP_BATCH rounds or LOOP_SLICE_USEC of real time, whichever
 * ends first. */
struct slice {
    unsigned left;
    usec_t until;
};

usec_t clock_usec(int clock_id);
struct slice slice_begin(void);
bool slice_over(struct slice *s); /* asked before each round; never true for the first */

/* The clock stands between the two. */
void loop_enter(struct loop *l);
void loop_leave(struct loop *l);

int loop_io_init(struct loop *l) MUST_USE;
void loop_io_done(struct loop *l);
int loop_timer_init(struct loop *l) MUST_USE;
void loop_timer_done(struct loop *l);
void loop_timer_arm(struct loop *l);
/* Takes the next timer out of the heap when it is due at `now` and was set no later than `seq`;
 * else NULL. */
struct timer *loop_timer_pop(struct loop *l, usec_t now, uint64_t seq);
