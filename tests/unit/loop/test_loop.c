/* The loop itself: tasks, timers on the fake clock, the nested set, and a long random run against a
 * simple model. */
#include "engine/loop/loop.h"

#include "engine/base/random.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static struct loop *loop_make(void)
{
    struct loop *l = NULL;

    assert_int_equal(loop_new(&l, NULL), 0);
    return l;
}

/* ---- timers */

struct note {
    struct timer timer;
    struct loop *loop;
    char name;
    usec_t again; /* > 0: sets itself again */
    usec_t at;    /* when it fired last */
    struct timer *stop;
};

static char notes[128];
static size_t n_notes;

static void note_fire(struct timer *t)
{
    struct note *n = CONTAINER_OF(t, struct note, timer);

    n->at = loop_now(n->loop);
    notes[n_notes++] = n->name;
    notes[n_notes] = '\0';
    if (n->again)
        assert_int_equal(timer_set(n->loop, t, n->again), 0);
    if (n->stop)
        timer_stop(n->loop, n->stop);
}

static void notes_reset(void)
{
    n_notes = 0;
    notes[0] = '\0';
}

static struct note note_make(struct loop *l, char name)
{
    return (struct note){.timer.fire = note_fire, .loop = l, .name = name};
}

static void timers_fire_in_order_each_at_its_own_time(void **state)
{
    struct loop *l = loop_make();
    struct note a = note_make(l, 'a'), b = note_make(l, 'b'), c = note_make(l, 'c');
    usec_t start;

    (void)state;
    notes_reset();
    loop_fake_clock(l, 1000 * USEC_PER_SEC);
    start = loop_now(l);
    assert_int_equal(timer_set(l, &c.timer, 30), 0);
    assert_int_equal(timer_set(l, &a.timer, 10), 0);
    assert_int_equal(timer_set(l, &b.timer, 20), 0);
    loop_fake_advance(l, 9);
    assert_string_equal(notes, "");
    loop_fake_advance(l, 100);
    assert_string_equal(notes, "abc");
    assert_int_equal(a.at - start, 10);
    assert_int_equal(b.at - start, 20);
    assert_int_equal(c.at - start, 30);
    assert_int_equal(loop_now(l) - start, 109);
    assert_int_equal(loop_wall(l), 1000 * USEC_PER_SEC + 109);
    loop_free(l);
}

static void timers_of_equal_time_fire_in_the_order_they_were_set(void **state)
{
    struct loop *l = loop_make();
    struct note n[20];

    (void)state;
    notes_reset();
    loop_fake_clock(l, 0);
    for (int i = 0; i < 20; i++) {
        n[i] = note_make(l, (char)('a' + i));
        assert_int_equal(timer_set(l, &n[i].timer, 5), 0);
    }
    assert_int_equal(timer_set(l, &n[0].timer, 5), 0);
    loop_fake_advance(l, 5);
    assert_string_equal(notes, "bcdefghijklmnopqrsta");
    loop_free(l);
}

static void a_timer_sets_itself_again_and_another_stops(void **state)
{
    struct loop *l = loop_make();
    struct note a = note_make(l, 'a'), b = note_make(l, 'b'), c = note_make(l, 'c');

    (void)state;
    notes_reset();
    loop_fake_clock(l, 0);
    a.again = 10;
    b.stop = &c.timer;
    assert_int_equal(timer_set(l, &a.timer, 10), 0);
    assert_int_equal(timer_set(l, &b.timer, 25), 0);
    assert_int_equal(timer_set(l, &c.timer, 27), 0);
    loop_fake_advance(l, 45);
    assert_string_equal(notes, "aabaa");
    assert_false(timer_running(&c.timer));
    assert_true(timer_running(&a.timer));
    timer_stop(l, &a.timer);
    timer_stop(l, &a.timer);
    loop_fake_advance(l, 100);
    assert_string_equal(notes, "aabaa");
    loop_free(l);
}

static void real_timers_fire_and_not_early(void **state)
{
    struct loop *l = loop_make();
    struct note a = note_make(l, 'a'), b = note_make(l, 'b');
    usec_t start = loop_now(l);

    (void)state;
    notes_reset();
    assert_int_equal(timer_set(l, &b.timer, 5 * USEC_PER_MSEC), 0);
    assert_int_equal(timer_set(l, &a.timer, 2 * USEC_PER_MSEC), 0);
    while (n_notes < 2)
        assert_true(loop_turn(l, USEC_PER_SEC) >= 0);
    assert_string_equal(notes, "ab");
    assert_true(a.at >= start + 2 * USEC_PER_MSEC);
    assert_true(b.at >= start + 5 * USEC_PER_MSEC);
    loop_free(l);
}

static void a_timer_far_away_does_not_overflow(void **state)
{
    struct loop *l = loop_make();
    struct note a = note_make(l, 'a');

    (void)state;
    assert_int_equal(timer_set(l, &a.timer, USEC_INFINITY - 5), 0);
    assert_int_equal(loop_turn(l, 0), 0);
    timer_stop(l, &a.timer);
    loop_free(l);
}

/* A timer that is always due must leave room for the others. */
static void a_timer_set_into_the_past_does_not_starve_others(void **state)
{
    struct loop *l = loop_make();
    struct note busy = note_make(l, 'x'), other = note_make(l, 'o');

    (void)state;
    notes_reset();
    assert_int_equal(timer_set(l, &other.timer, USEC_PER_MSEC), 0);
    assert_int_equal(timer_set_at(l, &busy.timer, 1), 0);
    while (!strchr(notes, 'o')) {
        notes_reset();
        if (!timer_running(&busy.timer))
            assert_int_equal(timer_set_at(l, &busy.timer, 1), 0);
        assert_true(loop_turn(l, 0) >= 0);
    }
    timer_stop(l, &busy.timer);
    loop_free(l);
}

/* ---- tasks */

struct job {
    struct task task;
    struct loop *loop;
    struct task *post, *cancel;
    int runs;
};

static void job_run(struct task *t)
{
    struct job *j = CONTAINER_OF(t, struct job, task);

    j->runs++;
    if (j->post)
        loop_post(j->loop, j->post);
    if (j->cancel)
        task_cancel(j->loop, j->cancel);
}

static void a_task_posted_twice_runs_once_and_a_cancelled_one_never(void **state)
{
    struct loop *l = loop_make();
    struct job a = {.task.run = job_run, .loop = l}, b = a, c = a;

    (void)state;
    a.cancel = &b.task;
    loop_post(l, &a.task);
    loop_post(l, &a.task);
    loop_post(l, &b.task);
    loop_post(l, &c.task);
    task_cancel(l, &c.task);
    task_cancel(l, &c.task);
    assert_int_equal(a.runs, 0);
    while (loop_turn(l, 0) > 0)
        ;
    assert_int_equal(a.runs, 1);
    assert_int_equal(b.runs, 0);
    assert_int_equal(c.runs, 0);
    loop_free(l);
}

static void a_task_that_posts_itself_leaves_room_for_timers(void **state)
{
    struct loop *l = loop_make();
    struct job a = {.task.run = job_run, .loop = l};
    struct note n = note_make(l, 'n');

    (void)state;
    notes_reset();
    a.post = &a.task;
    loop_post(l, &a.task);
    assert_int_equal(timer_set(l, &n.timer, USEC_PER_MSEC), 0);
    while (n_notes == 0)
        assert_true(loop_turn(l, 0) > 0);
    assert_true(a.runs > 1);
    task_cancel(l, &a.task);
    loop_free(l);
}

static char freed[8];

static void mark_freed(void *object)
{
    strncat(freed, object, 1);
}

static void objects_are_freed_after_the_tasks_before_them_and_with_the_loop(void **state)
{
    struct loop *l = loop_make();
    struct job a = {.task.run = job_run, .loop = l};

    (void)state;
    freed[0] = '\0';
    loop_post(l, &a.task);
    loop_post_free(l, mark_freed, (char[]){"1"});
    assert_string_equal(freed, "");
    while (loop_turn(l, 0) > 0)
        ;
    assert_string_equal(freed, "1");
    loop_post_free(l, mark_freed, (char[]){"2"});
    loop_free(l);
    assert_string_equal(freed, "12");
}

static void exit_run(struct task *t)
{
    loop_exit(CONTAINER_OF(t, struct job, task)->loop, 7);
}

static void the_loop_runs_until_exit_and_can_run_again(void **state)
{
    struct loop *l = loop_make();
    struct job a = {.task.run = exit_run, .loop = l};

    (void)state;
    for (int i = 0; i < 2; i++) {
        loop_post(l, &a.task);
        assert_int_equal(loop_run(l), 7);
    }
    loop_free(l);
}

/* ---- sockets */

struct end {
    struct io io;
    struct loop *loop;
    int peer; /* fd of the other end */
    unsigned calls;
    void (*act)(struct end *self);
    struct end *other;
    int fresh; /* an fd for recycle() */
};

static void end_ready(struct io *io, uint32_t events)
{
    struct end *e = CONTAINER_OF(io, struct end, io);

    assert_true(events != 0);
    e->calls++;
    if (e->act)
        e->act(e);
}

static struct end end_make(struct loop *l)
{
    struct end e = {.loop = l};
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    e.io.fd = fds[0];
    e.io.ready = end_ready;
    e.peer = fds[1];
    return e;
}

static void end_close(struct end *e)
{
    io_remove(e->loop, &e->io);
    close(e->io.fd);
    close(e->peer);
}

static void act_drain(struct end *e)
{
    char buf[64];

    assert_true(read(e->io.fd, buf, sizeof buf) > 0);
}

static void act_remove_other(struct end *e)
{
    act_drain(e);
    io_remove(e->loop, &e->other->io);
    e->other->act = NULL;
}

static void two_ready(struct loop *l, struct end *a, struct end *b)
{
    *a = end_make(l);
    *b = end_make(l);
    a->other = b;
    b->other = a;
    assert_int_equal(io_want(l, &a->io, EPOLLIN), 0);
    assert_int_equal(io_want(l, &b->io, EPOLLIN), 0);
    assert_int_equal(write(a->peer, "x", 1), 1);
    assert_int_equal(write(b->peer, "x", 1), 1);
}

static void an_io_removed_by_an_earlier_callback_of_the_batch_is_not_called(void **state)
{
    struct loop *l = loop_make();
    struct end a, b;

    (void)state;
    two_ready(l, &a, &b);
    a.act = b.act = act_remove_other;
    while (loop_turn(l, 0) > 0)
        ;
    assert_int_equal(a.calls + b.calls, 1);
    end_close(&a);
    end_close(&b);
    loop_free(l);
}

static int recycled_calls;

static void recycled_ready(struct io *io, uint32_t events)
{
    (void)io, (void)events;
    recycled_calls++;
}

static struct io recycled;

/* Closes the other's socket and registers a quiet one under the same number, before its event of
 * this batch is served. */
static void act_recycle(struct end *e)
{
    int fd = e->other->io.fd;

    act_drain(e);
    io_remove(e->loop, &e->other->io);
    close(fd);
    assert_int_equal(dup2(e->fresh, fd), fd);
    recycled = (struct io){.ready = recycled_ready, .fd = fd};
    assert_int_equal(io_want(e->loop, &recycled, EPOLLIN), 0);
}

static void an_event_of_a_closed_fd_does_not_reach_the_new_owner_of_its_number(void **state)
{
    struct loop *l = loop_make();
    struct end a, b, quiet = end_make(l);

    (void)state;
    recycled_calls = 0;
    two_ready(l, &a, &b);
    a.act = b.act = act_recycle;
    a.fresh = b.fresh = quiet.io.fd;
    while (loop_turn(l, 0) > 0)
        ;
    assert_int_equal(a.calls + b.calls, 1);
    assert_int_equal(recycled_calls, 0);
    assert_int_equal(write(quiet.peer, "x", 1), 1);
    assert_true(loop_turn(l, 0) > 0);
    assert_int_equal(recycled_calls > 0, 1);
    io_remove(l, &recycled);
    end_close(&a);
    end_close(&b);
    end_close(&quiet);
    loop_free(l);
}

static void act_slow(struct end *e)
{
    usec_t start = loop_now(e->loop);
    struct timespec t;

    do {
        clock_gettime(CLOCK_MONOTONIC, &t);
    } while ((usec_t)t.tv_sec * USEC_PER_SEC + (usec_t)t.tv_nsec / 1000 < start + 20);
}

/* 400 sockets that are always ready and callbacks that use up the slice: everybody must still get a
 * turn. */
static void no_socket_starves_when_a_slice_is_too_short_for_all(void **state)
{
    enum { N = 400 };
    static struct end ends[N];
    struct loop *l = loop_make();
    unsigned least = 0;

    (void)state;
    for (int i = 0; i < N; i++) {
        ends[i] = end_make(l);
        ends[i].act = act_slow;
        assert_int_equal(io_want(l, &ends[i].io, EPOLLIN), 0);
        assert_int_equal(write(ends[i].peer, "x", 1), 1);
    }
    for (int turn = 0; turn < 3000 && least == 0; turn++) {
        assert_true(loop_turn(l, 0) > 0);
        least = 1;
        for (int i = 0; i < N; i++)
            least = ends[i].calls < least ? ends[i].calls : least;
    }
    assert_int_equal(least, 1);
    for (int i = 0; i < N; i++)
        end_close(&ends[i]);
    loop_free(l);
}

static void wrong_registrations_are_refused(void **state)
{
    struct loop *l = loop_make();
    struct end a = end_make(l);
    struct io twin = {.ready = end_ready, .fd = a.io.fd};
    struct io none = {.ready = end_ready, .fd = -1};

    (void)state;
    assert_int_equal(io_want(l, &a.io, EPOLLIN), 0);
    assert_int_equal(io_want(l, &twin, EPOLLIN), -EEXIST);
    assert_int_equal(io_want(l, &none, EPOLLIN), -EBADF);
    assert_int_equal(io_want(l, &a.io, 0), 0);
    assert_int_equal(a.io.wanted, 0);
    assert_int_equal(io_want(l, &twin, EPOLLIN), 0);
    io_remove(l, &twin);
    io_remove(l, &twin);
    end_close(&a);
    loop_free(l);
}

/* ---- a random run against a model: every timer fires at its time or was stopped, every task runs
 * once or was cancelled */

enum { N_MODEL = 200, STEPS = 20000 };

struct model_item {
    struct timer timer;
    struct task task;
    usec_t due; /* 0: not set */
    bool posted;
};

static struct {
    struct loop *loop;
    struct model_item items[N_MODEL];
    usec_t last_due;
    uint64_t rng;
    unsigned fired, ran;
} model;

static unsigned model_rand(unsigned n)
{
    model.rng ^= model.rng << 13;
    model.rng ^= model.rng >> 7;
    model.rng ^= model.rng << 17;
    return (unsigned)(model.rng >> 20) % n;
}

static void model_step(void)
{
    struct model_item *i = &model.items[model_rand(N_MODEL)];
    usec_t after = model_rand(1000) + 1;

    switch (model_rand(6)) {
    case 0:
    case 1:
        assert_int_equal(timer_set(model.loop, &i->timer, after), 0);
        i->due = loop_now(model.loop) + after;
        break;
    case 2:
        timer_stop(model.loop, &i->timer);
        i->due = 0;
        break;
    case 3:
    case 4:
        loop_post(model.loop, &i->task);
        i->posted = true;
        break;
    default:
        task_cancel(model.loop, &i->task);
        i->posted = false;
    }
    assert_int_equal(timer_running(&i->timer), i->due != 0);
}

static void model_fire(struct timer *t)
{
    struct model_item *i = CONTAINER_OF(t, struct model_item, timer);

    assert_true(i->due != 0);
    assert_int_equal(loop_now(model.loop), i->due);
    assert_true(i->due >= model.last_due);
    model.last_due = i->due;
    i->due = 0;
    model.fired++;
    if (model_rand(2))
        model_step();
}

static void model_run(struct task *t)
{
    struct model_item *i = CONTAINER_OF(t, struct model_item, task);

    assert_true(i->posted);
    i->posted = false;
    model.ran++;
    if (model_rand(2))
        model_step();
}

static void random_timers_tasks_and_cancels_agree_with_the_model(void **state)
{
    const char *given = getenv("SEED");

    (void)state;
    memset(&model, 0, sizeof model);
    model.loop = loop_make();
    model.rng = given ? strtoull(given, NULL, 0) : random_u64() | 1;
    print_message("SEED=%llu\n", (unsigned long long)model.rng);
    loop_fake_clock(model.loop, 0);
    for (int i = 0; i < N_MODEL; i++) {
        model.items[i].timer.fire = model_fire;
        model.items[i].task.run = model_run;
    }
    for (int step = 0; step < STEPS; step++) {
        model_step();
        if (model_rand(10) == 0)
            loop_fake_advance(model.loop, model_rand(300));
    }
    loop_fake_advance(model.loop, 100 * USEC_PER_SEC);
    for (int i = 0; i < N_MODEL; i++) {
        assert_int_equal(model.items[i].due, 0);
        assert_false(model.items[i].posted);
    }
    assert_true(model.fired > 100 && model.ran > 100);
    loop_free(model.loop);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(timers_fire_in_order_each_at_its_own_time),
    cmocka_unit_test(timers_of_equal_time_fire_in_the_order_they_were_set),
    cmocka_unit_test(a_timer_sets_itself_again_and_another_stops),
    cmocka_unit_test(real_timers_fire_and_not_early),
    cmocka_unit_test(a_timer_far_away_does_not_overflow),
    cmocka_unit_test(a_timer_set_into_the_past_does_not_starve_others),
    cmocka_unit_test(a_task_posted_twice_runs_once_and_a_cancelled_one_never),
    cmocka_unit_test(a_task_that_posts_itself_leaves_room_for_timers),
    cmocka_unit_test(objects_are_freed_after_the_tasks_before_them_and_with_the_loop),
    cmocka_unit_test(the_loop_runs_until_exit_and_can_run_again),
    cmocka_unit_test(an_io_removed_by_an_earlier_callback_of_the_batch_is_not_called),
    cmocka_unit_test(an_event_of_a_closed_fd_does_not_reach_the_new_owner_of_its_number),
    cmocka_unit_test(no_socket_starves_when_a_slice_is_too_short_for_all),
    cmocka_unit_test(wrong_registrations_are_refused),
    cmocka_unit_test(random_timers_tasks_and_cancels_agree_with_the_model),
};

TEST_MAIN(tests)
