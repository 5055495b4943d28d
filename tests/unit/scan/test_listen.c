/* How a listener starts where there is nothing to listen to.  What it hears is tests/netns. */
#include "engine/scan/listen.h"
#include "tests/support/main.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NO_INTERFACE "no-such-link"

struct told {
    unsigned states;
    enum listen_state last;
    char why[ERR_TEXT_MAX];
};

static void on_sighting(void *user, const struct sighting *s)
{
    (void)user;
    (void)s;
    fail_msg("a sighting on an interface that is not there");
}

static void on_state(void *user, enum listen_state state, const char *why)
{
    struct told *t = user;

    t->states++;
    t->last = state;
    snprintf(t->why, sizeof t->why, "%s", why ? why : "");
}

static const struct listen_sink sink = {on_sighting, on_state};

static void what_cannot_be_an_interface_is_refused(void **state)
{
    static const char *const bad[] = {"", "a-name-that-is-much-too-long"};
    CLEANUP(loop_freep) struct loop *loop = NULL;

    (void)state;
    assert_int_equal(loop_new(&loop, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct listen_opts o = {.interface = bad[i]};
        struct listen *l = NULL;
        struct told told = {0};
        struct err e = {0};

        assert_int_equal(listen_start(&l, loop, &o, &sink, &told, &e), -EINVAL);
        assert_non_null(strstr(e.text, "not the name of an interface"));
        assert_null(l);
        assert_int_equal(told.states, 0);
    }
}

static void an_interface_that_is_not_there_is_told_once_and_in_a_later_turn(void **state)
{
    CLEANUP(loop_freep) struct loop *loop = NULL;
    struct listen_opts o = {.interface = NO_INTERFACE};
    struct listen_stats stats;
    struct listen *l = NULL;
    struct told told = {0};
    int r;

    (void)state;
    assert_int_equal(loop_new(&loop, NULL), 0);
    loop_fake_clock(loop, 0);
    r = listen_start(&l, loop, &o, &sink, &told, NULL);
    if (r == -EPERM) {
        loop = loop_free(loop); /* skip() jumps: no cleanup runs */
        skip();                 /* no CAP_NET_RAW: nothing can be looked at */
    }
    assert_int_equal(r, 0);
    assert_int_equal(told.states, 0);
    loop_fake_advance(loop, 1);
    assert_int_equal(told.states, 1);
    assert_int_equal(told.last, LISTEN_DOWN);
    assert_non_null(strstr(told.why, NO_INTERFACE));
    loop_fake_advance(loop, 60 * USEC_PER_SEC); /* all the tries */
    assert_int_equal(told.states, 1);
    listen_stats(l, &stats);
    assert_int_equal(stats.frames, 0);
    assert_null(listen_stop(l));
    assert_null(listen_stop(NULL));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(what_cannot_be_an_interface_is_refused),
    cmocka_unit_test(an_interface_that_is_not_there_is_told_once_and_in_a_later_turn),
};

TEST_MAIN(tests)
