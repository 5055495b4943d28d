/* The timer queue: a binary heap behind one sd-event time source.
 *
 * Setting a timer costs a heap operation and no system call: the time source is moved only when the
 * next timer becomes earlier, and after it fired.  A stopped timer may thus leave one early wake-up
 * behind, which finds nothing to do.  An accuracy of 0 would mean 250 ms to sd-event, so it gets 1
 * us.  A timer that sets itself to a time already gone is ordered as due now, behind those that
 * wait, and fires in the next pass: it cannot hold up the rest. */
#include "engine/loop/loop_priv.h"

#include <errno.h>
#include <time.h>

static bool before(const struct timer_slot *a, const struct timer_slot *b)
{
    return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

static void place(struct loop *l, size_t at, struct timer_slot slot)
{
    l->heap[at] = slot;
    slot.timer->heap_slot = at;
}

static void sift_up(struct loop *l, size_t at, struct timer_slot slot)
{
    while (at > 1 && before(&slot, &l->heap[at / 2])) {
        place(l, at, l->heap[at / 2]);
        at /= 2;
    }
    place(l, at, slot);
}

static void sift_down(struct loop *l, size_t at, struct timer_slot slot)
{
    for (;;) {
        size_t child = at * 2;

        if (child > l->n_timers)
            break;
        if (child < l->n_timers && before(&l->heap[child + 1], &l->heap[child]))
            child++;
        if (!before(&l->heap[child], &slot))
            break;
        place(l, at, l->heap[child]);
        at = child;
    }
    place(l, at, slot);
}

/* Puts the slot where it belongs, starting at a place whose content is void. */
static void settle(struct loop *l, size_t at, struct timer_slot slot)
{
    if (at > 1 && before(&slot, &l->heap[at / 2]))
        sift_up(l, at, slot);
    else
        sift_down(l, at, slot);
}

static void heap_take(struct loop *l, size_t at)
{
    struct timer_slot last = l->heap[l->n_timers];

    l->heap[at].timer->heap_slot = 0;
    l->n_timers--;
    if (at <= l->n_timers)
        settle(l, at, last);
}

static int heap_reserve(struct loop *l)
{
    size_t cap = l->cap_timers ? l->cap_timers * 2 : 64;
    struct timer_slot *grown;

    if (l->n_timers + 1 < l->cap_timers)
        return 0;
    grown = reallocarray(l->heap, cap, sizeof *grown);
    if (!grown)
        return -ENOMEM;
    l->heap = grown;
    l->cap_timers = cap;
    return 0;
}

struct timer *loop_timer_pop(struct loop *l, usec_t now, uint64_t seq)
{
    struct timer *t;

    if (l->n_timers == 0 || l->heap[1].due > now || l->heap[1].seq > seq)
        return NULL;
    t = l->heap[1].timer;
    heap_take(l, 1);
    return t;
}

void loop_timer_arm(struct loop *l)
{
    if (l->fake) {
        sd_event_source_set_enabled(l->time_source, SD_EVENT_OFF);
        return;
    }
    if (l->n_timers == 0 || l->heap[1].due >= l->armed)
        return;
    l->armed = l->heap[1].due;
    sd_event_source_set_time(l->time_source, l->armed);
    sd_event_source_set_enabled(l->time_source, SD_EVENT_ONESHOT);
}

static int on_time(sd_event_source *source, uint64_t usec, void *user)
{
    struct loop *l = user;
    uint64_t seq = l->timer_seq;
    struct slice slice = slice_begin();
    struct timer *t;

    (void)source, (void)usec;
    l->armed = 0; /* nobody re-arms before we are through */
    loop_enter(l);
    while (!slice_over(&slice) && (t = loop_timer_pop(l, l->now, seq)))
        t->fire(t);
    loop_leave(l);
    l->armed = USEC_INFINITY;
    loop_timer_arm(l);
    return 0;
}

int loop_timer_init(struct loop *l)
{
    int r = sd_event_add_time(l->event, &l->time_source, CLOCK_MONOTONIC, 0, 1, on_time, l);

    if (r < 0)
        return r;
    sd_event_source_set_description(l->time_source, "timers");
    sd_event_source_set_exit_on_failure(l->time_source, 1);
    return sd_event_source_set_enabled(l->time_source, SD_EVENT_OFF);
}

void loop_timer_done(struct loop *l)
{
    free(l->heap);
    l->heap = NULL;
    l->n_timers = 0;
}

int timer_set_at(struct loop *l, struct timer *t, usec_t due)
{
    usec_t now = loop_now(l);
    struct timer_slot slot = {due < now ? now : due, ++l->timer_seq, t};
    int r;

    if (t->heap_slot) {
        settle(l, t->heap_slot, slot);
    } else {
        r = heap_reserve(l);
        if (r < 0)
            return r;
        sift_up(l, ++l->n_timers, slot);
    }
    t->due = due;
    loop_timer_arm(l);
    return 0;
}

int timer_set(struct loop *l, struct timer *t, usec_t after)
{
    usec_t now = loop_now(l);

    return timer_set_at(l, t, after > USEC_INFINITY - 1 - now ? USEC_INFINITY - 1 : now + after);
}

void timer_stop(struct loop *l, struct timer *t)
{
    if (t->heap_slot)
        heap_take(l, t->heap_slot);
}
