/* The top of the loop: sd-event, posted tasks, the clock, and the turns.
 *
 * The loop owns two sd-event sources of equal priority (sd-event serves those by turns, so neither
 * starves the other): the nested epoll set (loop_io.c) and the timer heap (loop_timer.c).  Posted
 * tasks run after each dispatched source and before the process sleeps. They are no sd-event
 * source: a defer source keeps the place in the queue it had when it was made (v252), so one that
 * stays on goes first every time, for ever.  Stepping sd_event_run() ourselves, instead of
 * sd_event_loop(), makes that possible, and a loop that can run again after an exit.  sd-event
 * switches a source off when its handler returns < 0; ours carry exit-on-failure, so that it could
 * not pass in silence. */
#include "engine/loop/loop_priv.h"

#include "engine/base/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#define DRAIN_ROUNDS 1000 /* of tasks that post tasks, when the loop goes away */
#define SETTLE_TURNS 1000 /* between two timers of the fake clock */
#define TURN_SOURCES 4    /* sources one loop_turn() dispatches at most: ours and one more */

struct doomed {
    struct task task;
    void (*destroy)(void *object);
    void *object;
};

usec_t clock_usec(int clock_id)
{
    struct timespec t;

    if (clock_gettime(clock_id, &t) < 0)
        return 0;
    return (usec_t)t.tv_sec * USEC_PER_SEC + (usec_t)t.tv_nsec / 1000;
}

struct slice slice_begin(void)
{
    return (struct slice){LOOP_BATCH, clock_usec(CLOCK_MONOTONIC) + LOOP_SLICE_USEC};
}

bool slice_over(struct slice *s)
{
    if (s->left == 0)
        return true;
    s->left--;
    return s->left % 8 == 0 && clock_usec(CLOCK_MONOTONIC) > s->until;
}

void loop_enter(struct loop *l)
{
    if (l->depth++ > 0 || l->fake)
        return;
    l->now = clock_usec(CLOCK_MONOTONIC);
    l->wall = clock_usec(CLOCK_REALTIME);
}

void loop_leave(struct loop *l)
{
    l->depth--;
}

/* Outside of our own dispatches (start-up, other sd-event sources) there is no turn that could fix
 * the time. */
usec_t loop_now(struct loop *l)
{
    return l->depth > 0 || l->fake ? l->now : clock_usec(CLOCK_MONOTONIC);
}

usec_t loop_wall(struct loop *l)
{
    return l->depth > 0 || l->fake ? l->wall : clock_usec(CLOCK_REALTIME);
}

void loop_abandon(struct loop *l)
{
    l->depth = 0;
}

/* Runs what is queued now; what these tasks post stands behind the marker and waits. */
static void tasks_run(struct loop *l)
{
    struct task marker = {.queued = true};
    struct slice slice = slice_begin();
    struct task *t;

    loop_enter(l);
    TAILQ_INSERT_TAIL(&l->tasks, &marker, entry);
    while ((t = TAILQ_FIRST(&l->tasks)) != &marker && !slice_over(&slice)) {
        TAILQ_REMOVE(&l->tasks, t, entry);
        t->queued = false;
        t->run(t);
    }
    TAILQ_REMOVE(&l->tasks, &marker, entry);
    loop_leave(l);
}

void loop_post(struct loop *l, struct task *t)
{
    if (t->queued)
        return;
    t->queued = true;
    TAILQ_INSERT_TAIL(&l->tasks, t, entry);
}

void task_cancel(struct loop *l, struct task *t)
{
    if (!t->queued)
        return;
    TAILQ_REMOVE(&l->tasks, t, entry);
    t->queued = false;
}

static void doomed_run(struct task *t)
{
    struct doomed *d = CONTAINER_OF(t, struct doomed, task);

    d->destroy(d->object);
    free(d);
}

void loop_post_free(struct loop *l, void (*destroy)(void *object), void *object)
{
    struct doomed *d = calloc(1, sizeof *d);

    if (!d) { /* somebody up the stack may still use the object: a leak is the lesser evil */
        log_debug("out of memory while posting a free; the object stays");
        return;
    }
    d->task.run = doomed_run;
    d->destroy = destroy;
    d->object = object;
    loop_post(l, &d->task);
}

/* unref alone would leave a source running until sd-event lets go of it. */
static sd_event_source *source_drop(sd_event_source *source)
{
    if (source)
        sd_event_source_set_enabled(source, SD_EVENT_OFF);
    return sd_event_source_unref(source);
}

int loop_new(struct loop **ret, struct err *e)
{
    CLEANUP(loop_freep) struct loop *l = calloc(1, sizeof *l);
    int r;

    if (!l)
        return err_set(e, -ENOMEM, "out of memory");
    l->epoll_fd = -1;
    l->armed = USEC_INFINITY;
    TAILQ_INIT(&l->tasks);
    r = sd_event_new(&l->event);
    if (r >= 0)
        r = loop_io_init(l);
    if (r >= 0)
        r = loop_timer_init(l);
    if (r < 0)
        return err_set(e, r, "event loop: %s", strerror(-r));
    *ret = take(&l);
    return 0;
}

/* Every started operation has its callback and every doomed object its end, also when the loop goes
 * first. */
static void tasks_drain(struct loop *l)
{
    for (int i = 0; i < DRAIN_ROUNDS && !TAILQ_EMPTY(&l->tasks); i++)
        tasks_run(l);
}

struct loop *loop_free(struct loop *l)
{
    if (!l)
        return NULL;
    tasks_drain(l);
    if (l->tls_free)
        l->tls_free(l->tls);
    loop_timer_done(l);
    loop_io_done(l);
    source_drop(l->time_source);
    source_drop(l->io_source);
    sd_event_unref(l->event);
    free(l);
    return NULL;
}

void loop_freep(struct loop **l)
{
    *l = loop_free(*l);
}

sd_event *loop_sd(struct loop *l)
{
    return l->event;
}

/* Whether somebody ended sd-event itself (a foreign handler, exit-on-failure). */
static bool finished(struct loop *l, int *ret_code)
{
    return sd_event_get_state(l->event) == SD_EVENT_FINISHED &&
           (sd_event_get_exit_code(l->event, ret_code) >= 0 || (*ret_code = -ESTALE));
}

/* One source, then the tasks; waits only when no task does.  > 0: something ran. */
static int step(struct loop *l, usec_t timeout)
{
    int code;
    int r =
        finished(l, &code) ? -ESTALE : sd_event_run(l->event, TAILQ_EMPTY(&l->tasks) ? timeout : 0);

    if (r < 0 || TAILQ_EMPTY(&l->tasks))
        return r;
    tasks_run(l);
    return 1;
}

int loop_run(struct loop *l)
{
    int code = 0;

    while (!l->exiting) {
        int r = step(l, USEC_INFINITY);

        if (r == -ESTALE && finished(l, &code))
            return code;
        if (r < 0)
            return r;
    }
    l->exiting = false;
    return l->exit_code;
}

void loop_exit(struct loop *l, int code)
{
    l->exiting = true;
    l->exit_code = code;
}

int loop_turn(struct loop *l, usec_t timeout)
{
    int ran = 0;

    for (int i = 0; i < TURN_SOURCES; i++) {
        int r = step(l, i ? 0 : timeout);

        if (r < 0)
            return r;
        if (r == 0)
            break;
        ran = 1;
    }
    return ran;
}

void loop_fake_clock(struct loop *l, usec_t wall)
{
    l->now = loop_now(l);
    l->wall = wall;
    l->fake = true;
    loop_timer_arm(l);
}

static void fake_settle(struct loop *l)
{
    for (int i = 0; i < SETTLE_TURNS; i++)
        if (loop_turn(l, 0) <= 0)
            return;
}

static void fake_move(struct loop *l, usec_t to)
{
    if (to <= l->now)
        return;
    l->wall += to - l->now;
    l->now = to;
}

void loop_fake_advance(struct loop *l, usec_t by)
{
    usec_t end = l->now + by;

    assert(l->fake);
    fake_settle(l);
    while (l->n_timers > 0 && l->heap[1].due <= end) {
        struct timer *t;

        fake_move(l, l->heap[1].due);
        t = loop_timer_pop(l, l->now, UINT64_MAX);
        t->fire(t);
        fake_settle(l);
    }
    fake_move(l, end);
    fake_settle(l);
}
