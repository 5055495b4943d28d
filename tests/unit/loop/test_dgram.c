/* UDP sockets against real ones on loopback. */
#include "engine/loop/dgram.h"

#include "engine/loop/guard.h"
#include "tests/unit/loop/peer.h"

static struct outcome done, got;
static struct addr got_from;
static uint16_t got_port;

static void on_dgram(void *user, int status, const char *data, const struct addr *from,
                     uint16_t port)
{
    struct outcome *o = user;

    o->calls++;
    o->status = status;
    assert_int_equal(from != NULL, status >= 0);
    if (status > 0)
        memcpy(o->data, data, (size_t)status);
    if (from)
        got_from = *from;
    got_port = port;
}

static int setup(void **state)
{
    (void)state;
    outcome_reset(&done);
    outcome_reset(&got);
    return 0;
}

static struct dgram *dgram_make(struct loop *l, struct guard *g)
{
    struct dgram *d = NULL;

    assert_int_equal(dgram_new(&d, l, g), 0);
    return d;
}

static struct dgram *bound(struct loop *l, uint16_t *ret_port)
{
    struct dgram *d = dgram_make(l, NULL);
    struct addr a = localhost();

    assert_int_equal(dgram_bind(d, &a, 0), 0);
    assert_int_equal(dgram_local(d, &a, ret_port), 0);
    return d;
}

static void datagrams_arrive_whole_with_their_sender(void **state)
{
    struct loop *l = loop_make();
    uint16_t port, from_port;
    struct dgram *a = bound(l, &port), *b = bound(l, &from_port);
    struct addr to = localhost();

    (void)state;
    assert_int_equal(dgram_recv(a, PATIENCE, on_dgram, &got), 0);
    assert_int_equal(dgram_recv(a, PATIENCE, on_dgram, &got), -EBUSY);
    assert_int_equal(dgram_sendto(b, &to, port, "ping", 4, PATIENCE, on_done, &done), 0);
    assert_int_equal(done.calls + got.calls, 0);
    wait_done(l, &got);
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    assert_int_equal(got.status, 4);
    assert_string_equal(got.data, "ping");
    assert_true(addr_is_loopback(&got_from));
    assert_int_equal(got_port, from_port);
    dgram_free(a);
    dgram_free(b);
    loop_free(l);
}

static void an_empty_and_a_large_datagram_are_datagrams_too(void **state)
{
    static char big[60000];
    struct loop *l = loop_make();
    uint16_t port, other;
    struct dgram *a = bound(l, &port), *b = bound(l, &other);
    struct addr to = localhost();
    static const int sizes[] = {0, sizeof big};

    (void)state;
    for (int i = 0; i < 2; i++) {
        setup(NULL);
        assert_int_equal(
            dgram_sendto(b, &to, port, big, (size_t)sizes[i], PATIENCE, on_done, &done), 0);
        wait_done(l, &done);
        assert_int_equal(done.status, 0);
        assert_int_equal(dgram_recv(a, PATIENCE, on_dgram, &got), 0);
        wait_done(l, &got);
        assert_int_equal(got.status, sizes[i]);
    }
    dgram_free(a);
    dgram_free(b);
    loop_free(l);
}

static void a_closed_port_refuses_the_connected_socket(void **state)
{
    struct loop *l = loop_make();
    struct dgram *gone, *d = dgram_make(l, NULL);
    struct addr to = localhost(), a;
    uint16_t port;

    (void)state;
    gone = bound(l, &port);
    dgram_free(gone);
    assert_int_equal(dgram_send(d, "x", 1, PATIENCE, on_done, &done), -ENOTCONN);
    assert_int_equal(dgram_recv(d, PATIENCE, on_dgram, &got), -ENOTCONN);
    assert_int_equal(dgram_remote(d, &a, NULL), -ENOTCONN);
    assert_int_equal(dgram_connect(d, &to, port), 0);
    assert_int_equal(dgram_remote(d, &a, NULL), 0);
    assert_int_equal(dgram_recv(d, PATIENCE, on_dgram, &got), 0);
    assert_int_equal(dgram_send(d, "x", 1, PATIENCE, on_done, &done), 0);
    wait_done(l, &got);
    assert_int_equal(done.status, 0);
    assert_int_equal(got.status, -ECONNREFUSED);
    expect_once(l, &got);
    dgram_free(d);
    loop_free(l);
}

static void silence_times_out(void **state)
{
    struct loop *l = loop_make();
    uint16_t port;
    struct dgram *d = bound(l, &port);

    (void)state;
    loop_fake_clock(l, 0);
    assert_int_equal(dgram_recv(d, USEC_PER_SEC, on_dgram, &got), 0);
    loop_fake_advance(l, USEC_PER_SEC - 1);
    assert_int_equal(got.calls, 0);
    loop_fake_advance(l, 1);
    assert_int_equal(got.status, -ETIMEDOUT);
    expect_once(l, &got);
    dgram_free(d);
    loop_free(l);
}

static void a_freed_socket_cancels_once(void **state)
{
    struct loop *l = loop_make();
    uint16_t port;
    struct dgram *d = bound(l, &port);
    struct addr to = localhost();

    (void)state;
    assert_int_equal(dgram_recv(d, PATIENCE, on_dgram, &got), 0);
    assert_int_equal(dgram_sendto(d, &to, port, "x", 1, PATIENCE, on_done, &done), 0);
    dgram_free(d);
    assert_int_equal(got.calls + done.calls, 0);
    wait_done(l, &got);
    wait_done(l, &done);
    assert_int_equal(got.status, -ECANCELED);
    assert_int_equal(done.status, -ECANCELED);
    loop_free(l);
}

static void families_do_not_mix(void **state)
{
    struct loop *l = loop_make();
    uint16_t port;
    struct dgram *d = bound(l, &port);
    struct addr six, none = {0};

    (void)state;
    assert_int_equal(addr_parse("::1", &six), 0);
    assert_int_equal(dgram_sendto(d, &six, 9, "x", 1, PATIENCE, on_done, &done), -EAFNOSUPPORT);
    assert_int_equal(dgram_sendto(d, &none, 9, "x", 1, PATIENCE, on_done, &done), -EAFNOSUPPORT);
    dgram_free(d);
    loop_free(l);
}

static void the_guard_stands_before_every_datagram(void **state)
{
    struct loop *l = loop_make();
    struct addr_set scope = {0};
    struct guard_opts o = {.scope = &scope, .rate = 10, .burst = 1};
    struct addr to = localhost(), outside = addr_v4(0x7f000009);
    struct guard *g;
    struct dgram *d;

    (void)state;
    assert_int_equal(addr_set_add(&scope, &to, &to), 0);
    loop_fake_clock(l, 0);
    assert_int_equal(guard_new(&g, l, &o, NULL), 0);
    d = dgram_make(l, g);
    assert_int_equal(dgram_sendto(d, &outside, 9, "x", 1, PATIENCE, on_done, &done), 0);
    loop_fake_advance(l, 0);
    assert_int_equal(done.status, -EPERM);
    for (int i = 0; i < 2; i++) {
        outcome_reset(&done);
        assert_int_equal(dgram_sendto(d, &to, 9, "x", 1, PATIENCE, on_done, &done), 0);
        loop_fake_advance(l, 0);
        assert_int_equal(done.calls, i == 0);
    }
    loop_fake_advance(l, USEC_PER_SEC / 10 + 10);
    assert_int_equal(done.calls, 1);
    dgram_free(d);
    loop_free(l);
    guard_free(g);
    addr_set_done(&scope);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(datagrams_arrive_whole_with_their_sender, setup),
    cmocka_unit_test_setup(an_empty_and_a_large_datagram_are_datagrams_too, setup),
    cmocka_unit_test_setup(a_closed_port_refuses_the_connected_socket, setup),
    cmocka_unit_test_setup(silence_times_out, setup),
    cmocka_unit_test_setup(a_freed_socket_cancels_once, setup),
    cmocka_unit_test_setup(families_do_not_mix, setup),
    cmocka_unit_test_setup(the_guard_stands_before_every_datagram, setup),
};

TEST_MAIN(tests)
