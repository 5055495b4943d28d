/* TCP streams against real sockets on loopback: each way an operation can end, each with exactly
 * one callback. */
#include "engine/loop/guard.h"
#include "tests/unit/loop/peer.h"

#include <linux/tcp.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct outcome done, got;
static bool epoll_full; /* no further socket can be watched */

/* In place of libc's. */
int epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *ev)
{
    if (epoll_full && op != EPOLL_CTL_DEL) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epoll_fd, op, fd, ev);
}

static int setup(void **state)
{
    (void)state;
    outcome_reset(&done);
    outcome_reset(&got);
    return 0;
}

static void bytes_go_both_ways_and_the_addresses_are_told(void **state)
{
    struct loop *l = loop_make();
    struct addr a;
    uint16_t port;
    char buf[8] = "";
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    assert_true(stream_connected(s));
    assert_int_equal(stream_local(s, &a, &port), 0);
    assert_true(addr_is_loopback(&a) && port != 0);
    assert_int_equal(stream_remote(s, &a, &port), 0);
    assert_true(addr_is_loopback(&a) && port != 0);
    assert_int_equal(stream_recv(s, 100, PATIENCE, on_data, &got), 0);
    assert_int_equal(stream_send(s, "hello", 5, PATIENCE, on_done, &done), 0);
    assert_int_equal(done.calls, 0);
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    assert_int_equal(read(fd, buf, sizeof buf), 5);
    assert_string_equal(buf, "hello");
    assert_int_equal(write(fd, "back", 4), 4);
    wait_done(l, &got);
    assert_int_equal(got.status, 4);
    assert_string_equal(got.data, "back");
    assert_int_equal(stream_bytes_in(s), 4);
    assert_int_equal(stream_bytes_out(s), 5);
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void recv_gives_at_most_what_was_asked_for(void **state)
{
    struct loop *l = loop_make();
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    assert_int_equal(write(fd, "abcdef", 6), 6);
    for (int i = 0; i < 3; i++) {
        outcome_reset(&got);
        assert_int_equal(stream_recv(s, 2, PATIENCE, on_data, &got), 0);
        wait_done(l, &got);
        assert_int_equal(got.status, 2);
        assert_memory_equal(got.data, &"abcdef"[2 * i], 2);
    }
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void a_closed_port_refuses_once_and_the_stream_can_try_again(void **state)
{
    struct loop *l = loop_make();
    struct stream *s = stream_make(l, NULL);
    struct addr to = localhost();
    uint16_t port, refused = closed_port();
    int lfd = listener(&port, 1);

    (void)state;
    assert_int_equal(stream_connect(s, &to, refused, NULL, 0, PATIENCE, on_done, &done), 0);
    assert_int_equal(done.calls, 0);
    wait_done(l, &done);
    assert_int_equal(done.status, -ECONNREFUSED);
    assert_string_equal(stream_error_text(s), "Connection refused");
    expect_once(l, &done);
    assert_false(stream_connected(s));
    assert_int_equal(stream_send(s, "x", 1, PATIENCE, on_done, &done), -ENOTCONN);
    outcome_reset(&done);
    assert_int_equal(stream_connect(s, &to, port, NULL, 0, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    assert_int_equal(stream_connect(s, &to, port, NULL, 0, PATIENCE, on_done, &done), -EISCONN);
    stream_free(s);
    close(lfd);
    loop_free(l);
}

static void connects_from_a_given_address_and_port(void **state)
{
    struct loop *l = loop_make();
    struct stream *s = stream_make(l, NULL);
    struct addr to = localhost(), from = addr_v4(0x7f000002), a;
    uint16_t port, local = closed_port(), p;
    int lfd = listener(&port, 1);

    (void)state;
    assert_int_equal(stream_connect(s, &to, port, &from, local, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    assert_int_equal(stream_local(s, &a, &p), 0);
    assert_true(addr_equal(&a, &from));
    assert_int_equal(p, local);
    stream_free(s);
    close(lfd);
    loop_free(l);
}

/* Connections that fill the accept queue of a listener with backlog 0. */
static void fill(uint16_t port, int fds[2])
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    for (int i = 0; i < 2; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(fds[i] >= 0);
        (void)connect(fds[i], (struct sockaddr *)&to, sizeof to);
    }
}

/* A full accept queue drops the SYN, which looks like a filtered port. */
static void a_connect_without_answer_times_out(void **state)
{
    struct loop *l = loop_make();
    struct addr to = localhost();
    uint16_t port;
    int lfd = listener(&port, 0), fds[2];
    struct stream *s = stream_make(l, NULL);

    (void)state;
    fill(port, fds);
    loop_fake_clock(l, 0);
    assert_int_equal(stream_connect(s, &to, port, NULL, 0, USEC_PER_SEC, on_done, &done), 0);
    loop_fake_advance(l, USEC_PER_SEC - 1);
    assert_int_equal(done.calls, 0);
    loop_fake_advance(l, 1);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, -ETIMEDOUT);
    stream_free(s);
    close(fds[0]);
    close(fds[1]);
    close(lfd);
    loop_free(l);
}

static void a_silent_peer_times_out_and_may_speak_later(void **state)
{
    struct loop *l = loop_make();
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    loop_fake_clock(l, 0);
    assert_int_equal(stream_recv(s, 10, 5 * USEC_PER_SEC, on_data, &got), 0);
    loop_fake_advance(l, 5 * USEC_PER_SEC - 1);
    assert_int_equal(got.calls, 0);
    loop_fake_advance(l, 1);
    assert_int_equal(got.calls, 1);
    assert_int_equal(got.status, -ETIMEDOUT);
    assert_int_equal(write(fd, "late", 4), 4);
    expect_once(l, &got);
    outcome_reset(&got);
    assert_int_equal(stream_recv(s, 10, PATIENCE, on_data, &got), 0);
    wait_done(l, &got);
    assert_int_equal(got.status, 4);
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void the_end_of_the_stream_is_told_each_time_it_is_asked_for(void **state)
{
    struct loop *l = loop_make();
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    assert_int_equal(write(fd, "bye", 3), 3);
    close(fd);
    assert_int_equal(stream_recv(s, 10, PATIENCE, on_data, &got), 0);
    wait_done(l, &got);
    assert_int_equal(got.status, 3);
    for (int i = 0; i < 2; i++) {
        outcome_reset(&got);
        assert_int_equal(stream_recv(s, 10, PATIENCE, on_data, &got), 0);
        wait_done(l, &got);
        assert_int_equal(got.status, -ENODATA);
        expect_once(l, &got);
    }
    stream_free(s);
    loop_free(l);
}

/* Turns the loop until the server has the connection; false when only its patience ended. */
static bool accepted(struct loop *l, int lfd, int *ret_fd)
{
    usec_t begin = loop_now(l);

    assert_int_equal(fcntl(lfd, F_SETFL, O_NONBLOCK), 0);
    for (*ret_fd = -1; *ret_fd < 0 && loop_now(l) < begin + PATIENCE;) {
        assert_true(loop_turn(l, 1000) >= 0);
        *ret_fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
    }
    return *ret_fd >= 0;
}

static unsigned segments_in(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;

    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
    return info.tcpi_segs_in;
}

/* The segments that the server has got when the first data are there. */
static unsigned segments_with_data(struct loop *l)
{
    struct addr to = localhost();
    struct stream *s = stream_make(l, NULL);
    uint16_t port;
    int lfd = listener(&port, 1), fd;
    unsigned n;

    outcome_reset(&done);
    assert_int_equal(stream_connect(s, &to, port, NULL, 0, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    outcome_reset(&done);
    assert_int_equal(stream_send(s, "hello", 5, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_true(accepted(l, lfd, &fd));
    n = segments_in(fd);
    stream_free(s);
    close(fd);
    close(lfd);
    return n;
}

/* The acknowledgement of the handshake comes with the data: the SYN and this.  On a machine that
 * has no time for us the kernel sends it alone after 200 ms. */
static void the_handshake_ends_with_the_first_data(void **state)
{
    struct loop *l = loop_make();
    unsigned n = 0;

    (void)state;
    for (int i = 0; i < 10 && n != 2; i++)
        n = segments_with_data(l);
    assert_int_equal(n, 2);
    loop_free(l);
}

/* How long the server waits for the connection of one who listens first. */
static usec_t time_to_accept(struct loop *l)
{
    struct addr to = localhost();
    struct stream *s = stream_make(l, NULL);
    uint16_t port;
    int lfd = listener(&port, 1), fd;
    usec_t begin;

    outcome_reset(&done);
    outcome_reset(&got);
    assert_int_equal(stream_connect(s, &to, port, NULL, 0, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(stream_recv(s, 100, PATIENCE, on_data, &got), 0);
    begin = loop_now(l);
    assert_true(accepted(l, lfd, &fd));
    begin = loop_now(l) - begin;
    assert_int_equal(write(fd, "220", 3), 3);
    wait_done(l, &got);
    assert_string_equal(got.data, "220");
    stream_free(s);
    close(fd);
    close(lfd);
    return begin;
}

static void who_listens_first_ends_the_handshake_itself(void **state)
{
    struct loop *l = loop_make();
    usec_t took = USEC_INFINITY;

    (void)state;
    for (int i = 0; i < 10 && took > USEC_PER_SEC / 10; i++)
        took = time_to_accept(l);
    assert_true(took <= USEC_PER_SEC / 10);
    loop_free(l);
}

static void a_settled_connection_is_known_to_the_server_at_once(void **state)
{
    struct loop *l = loop_make();
    struct addr to = localhost();
    uint16_t port;
    int lfd = listener(&port, 1), fd;
    struct stream *s = stream_make(l, NULL);

    (void)state;
    assert_int_equal(fcntl(lfd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(stream_connect(s, &to, port, NULL, 0, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    stream_settle(s);
    fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    stream_free(s);
    close(fd);
    close(lfd);
    loop_free(l);
}

/* Reads the end of the connection as the peer sees it: 0 or -errno. */
static int end_of(int fd)
{
    char buf[16];
    ssize_t n;

    do {
        n = read(fd, buf, sizeof buf);
    } while (n > 0);
    return n < 0 ? -errno : 0;
}

static void what_the_peer_has_ended_is_reset_unless_something_was_sent_since(void **state)
{
    (void)state;
    for (int sent_since = 0; sent_since < 2; sent_since++) {
        struct loop *l = loop_make();
        int fd;
        struct stream *s = connected(l, NULL, &fd);

        outcome_reset(&got);
        outcome_reset(&done);
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        assert_int_equal(stream_recv(s, 100, PATIENCE, on_data, &got), 0);
        wait_done(l, &got);
        assert_int_equal(got.status, -ENODATA);
        if (sent_since) {
            assert_int_equal(stream_send(s, "bye", 3, PATIENCE, on_done, &done), 0);
            wait_done(l, &done);
        }
        stream_free(s);
        assert_int_equal(end_of(fd), sent_since ? 0 : -ECONNRESET);
        close(fd);
        loop_free(l);
    }
}

/* A peer may say no more and still read: what the kernel holds for it is not thrown away. */
static void what_is_under_way_to_a_peer_that_has_ended_its_side_arrives(void **state)
{
    static char data[1 << 19];
    struct loop *l = loop_make();
    int fd;
    struct stream *s = connected(l, NULL, &fd);
    size_t there = 0;
    ssize_t n;

    (void)state;
    outcome_reset(&got);
    outcome_reset(&done);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_int_equal(stream_send(s, data, sizeof data, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    assert_int_equal(stream_recv(s, 100, PATIENCE, on_data, &got), 0);
    wait_done(l, &got);
    assert_int_equal(got.status, -ENODATA);
    stream_free(s);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    while ((n = read(fd, data, sizeof data)) > 0)
        there += (size_t)n;
    assert_int_equal(n, 0);
    assert_int_equal(there, sizeof data);
    close(fd);
    loop_free(l);
}

static void a_reset_ends_recv_and_does_not_raise_sigpipe_on_send(void **state)
{
    struct loop *l = loop_make();
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    assert_int_equal(stream_recv(s, 10, PATIENCE, on_data, &got), 0);
    loop_turn(l, 0);
    close_with_reset(fd);
    wait_done(l, &got);
    assert_int_equal(got.status, -ECONNRESET);
    expect_once(l, &got);
    assert_int_equal(stream_send(s, "x", 1, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, -EPIPE);
    stream_free(s);
    loop_free(l);
}

static void a_freed_stream_cancels_both_directions_in_a_later_turn(void **state)
{
    struct loop *l = loop_make();
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    assert_int_equal(stream_recv(s, 10, PATIENCE, on_data, &got), 0);
    assert_int_equal(stream_send(s, "x", 1, PATIENCE, on_done, &done), 0);
    stream_free(s);
    assert_int_equal(got.calls + done.calls, 0);
    wait_done(l, &got);
    assert_int_equal(got.status, -ECANCELED);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, -ECANCELED);
    expect_once(l, &got);
    close(fd);
    loop_free(l);
}

static void cancelled_operations_are_told_also_when_the_loop_goes(void **state)
{
    struct loop *l = loop_make();
    struct stream *s = stream_make(l, NULL);
    struct addr to = localhost();

    (void)state;
    assert_int_equal(stream_connect(s, &to, 1, NULL, 0, USEC_INFINITY, on_done, &done), 0);
    stream_free(s);
    loop_free(l);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, -ECANCELED);
}

static void a_stream_may_be_freed_in_its_own_callback(void **state)
{
    struct loop *l = loop_make();
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    done.free_in_cb = &s;
    assert_int_equal(stream_recv(s, 10, PATIENCE, on_data, &got), 0);
    assert_int_equal(stream_send(s, "x", 1, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    wait_done(l, &got);
    assert_int_equal(done.status, 0);
    assert_int_equal(got.status, -ECANCELED);
    expect_once(l, &got);
    close(fd);
    loop_free(l);
}

static void one_operation_of_a_direction_at_a_time(void **state)
{
    struct loop *l = loop_make();
    struct addr to = localhost();
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    assert_int_equal(stream_recv(s, 10, PATIENCE, on_data, &got), 0);
    assert_int_equal(stream_recv(s, 10, PATIENCE, on_data, &got), -EBUSY);
    assert_int_equal(stream_send(s, "x", 1, PATIENCE, on_done, &done), 0);
    assert_int_equal(stream_send(s, "x", 1, PATIENCE, on_done, &done), -EBUSY);
    assert_int_equal(stream_connect(s, &to, 1, NULL, 0, PATIENCE, on_done, &done), -EBUSY);
    assert_int_equal(stream_recv(s, 0, PATIENCE, on_data, &got), -EBUSY);
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void a_large_send_finishes_when_the_kernel_has_all_of_it(void **state)
{
    enum { SIZE = 8 * 1024 * 1024 };
    struct loop *l = loop_make();
    CLEANUP(freep) char *data = malloc(SIZE);
    static char sink[1 << 20];
    size_t arrived = 0;
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    memset(data, 'x', SIZE);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(stream_send(s, data, SIZE, PATIENCE, on_done, &done), 0);
    while (arrived < SIZE) {
        ssize_t n = read(fd, sink, sizeof sink);

        arrived += n > 0 ? (size_t)n : 0;
        assert_true(loop_turn(l, USEC_PER_MSEC) >= 0);
    }
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    assert_int_equal(stream_bytes_out(s), SIZE);
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void a_send_that_timed_out_in_the_middle_closes_that_direction(void **state)
{
    enum { SIZE = 32 * 1024 * 1024 };
    struct loop *l = loop_make();
    CLEANUP(freep) char *data = calloc(1, SIZE);
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    loop_fake_clock(l, 0);
    assert_int_equal(stream_send(s, data, SIZE, USEC_PER_SEC, on_done, &done), 0);
    loop_fake_advance(l, 2 * USEC_PER_SEC);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, -ETIMEDOUT);
    assert_int_equal(stream_send(s, "x", 1, PATIENCE, on_done, &done), -EPIPE);
    stream_free(s);
    close(fd);
    loop_free(l);
}

static void a_send_that_cannot_be_watched_in_the_middle_closes_that_direction(void **state)
{
    enum { SIZE = 32 * 1024 * 1024 };
    struct loop *l = loop_make();
    CLEANUP(freep) char *data = calloc(1, SIZE);
    int fd;
    struct stream *s = connected(l, NULL, &fd);

    (void)state;
    assert_int_equal(stream_send(s, data, SIZE, PATIENCE, on_done, &done), 0);
    epoll_full = true;
    wait_done(l, &done);
    epoll_full = false;
    assert_int_equal(done.status, -ENOSPC);
    assert_true(stream_bytes_out(s) > 0);
    assert_int_equal(stream_send(s, "x", 1, PATIENCE, on_done, &done), -EPIPE);
    stream_free(s);
    close(fd);
    loop_free(l);
}

/* ---- the guard */

static struct guard *guard_make(struct loop *l, double rate, uint16_t fragile)
{
    struct addr_set scope = {0};
    struct guard_opts o = {.scope = &scope, .rate = rate, .burst = 1};
    struct addr first = addr_v4(0x7f000000), last = addr_v4(0x7f0000ff);
    struct guard *g = NULL;

    assert_int_equal(addr_set_add(&scope, &first, &last), 0);
    o.fragile_ports = &fragile;
    o.n_fragile_ports = fragile ? 1 : 0;
    assert_int_equal(guard_new(&g, l, &o, NULL), 0);
    addr_set_done(&scope);
    return g;
}

static void the_guard_forbids_connections_out_of_scope(void **state)
{
    struct loop *l = loop_make();
    struct guard *g = guard_make(l, 0, 0);
    struct stream *s = stream_make(l, g);
    struct addr to = addr_v4(0x7f010001);

    (void)state;
    assert_int_equal(stream_connect(s, &to, 1, NULL, 0, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, -EPERM);
    assert_string_equal(stream_error_text(s), "out of scope");
    stream_free(s);
    loop_free(l);
    guard_free(g);
}

static void a_fragile_port_may_be_connected_to_but_gets_no_bytes(void **state)
{
    struct loop *l = loop_make();
    uint16_t port;
    int lfd = listener(&port, 1), fd;
    struct guard *g = guard_make(l, 0, port);
    struct stream *s = stream_make(l, g);
    struct stream_tls_opts tls = {.profile = STREAM_TLS_PROBE};
    struct addr to = localhost();
    char c;

    (void)state;
    assert_int_equal(stream_connect(s, &to, port, NULL, 0, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, 0);
    fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    outcome_reset(&done);
    assert_int_equal(stream_send(s, "x", 1, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, -EPERM);
    assert_string_equal(stream_error_text(s), "fragile port");
    outcome_reset(&done);
    assert_int_equal(stream_start_tls(s, &tls, PATIENCE, on_done, &done), 0);
    wait_done(l, &done);
    assert_int_equal(done.status, -EPERM);
    assert_int_equal(read(fd, &c, 1), 0); /* closed, and not a byte before */
    stream_free(s);
    close(fd);
    close(lfd);
    loop_free(l);
    guard_free(g);
}

static void a_rate_makes_operations_wait_for_their_token(void **state)
{
    struct loop *l = loop_make();
    uint16_t port;
    int lfd = listener(&port, 1);
    struct guard *g = guard_make(l, 2, 0);
    struct stream *s = stream_make(l, g);
    struct addr to = localhost();

    (void)state;
    loop_fake_clock(l, 0);
    assert_int_equal(stream_connect(s, &to, port, NULL, 0, USEC_INFINITY, on_done, &done), 0);
    loop_fake_advance(l, 0);
    assert_int_equal(done.calls, 1);
    outcome_reset(&done);
    assert_int_equal(stream_send(s, "x", 1, USEC_PER_SEC, on_done, &done), 0);
    loop_fake_advance(l, USEC_PER_SEC / 2 - 100);
    assert_int_equal(done.calls, 0);
    loop_fake_advance(l, 200);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, 0);
    outcome_reset(&done);
    assert_int_equal(stream_send(s, "x", 1, USEC_PER_SEC / 4, on_done, &done), 0);
    loop_fake_advance(l, USEC_PER_SEC / 4);
    assert_int_equal(done.calls, 1);
    assert_int_equal(done.status, -ETIMEDOUT);
    loop_fake_advance(l, USEC_PER_SEC);
    expect_once(l, &done);
    stream_free(s);
    close(lfd);
    loop_free(l);
    guard_free(g);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(bytes_go_both_ways_and_the_addresses_are_told, setup),
    cmocka_unit_test_setup(recv_gives_at_most_what_was_asked_for, setup),
    cmocka_unit_test_setup(a_closed_port_refuses_once_and_the_stream_can_try_again, setup),
    cmocka_unit_test_setup(connects_from_a_given_address_and_port, setup),
    cmocka_unit_test_setup(a_connect_without_answer_times_out, setup),
    cmocka_unit_test_setup(a_silent_peer_times_out_and_may_speak_later, setup),
    cmocka_unit_test_setup(the_end_of_the_stream_is_told_each_time_it_is_asked_for, setup),
    cmocka_unit_test_setup(the_handshake_ends_with_the_first_data, setup),
    cmocka_unit_test_setup(who_listens_first_ends_the_handshake_itself, setup),
    cmocka_unit_test_setup(a_settled_connection_is_known_to_the_server_at_once, setup),
    cmocka_unit_test_setup(what_the_peer_has_ended_is_reset_unless_something_was_sent_since, setup),
    cmocka_unit_test_setup(what_is_under_way_to_a_peer_that_has_ended_its_side_arrives, setup),
    cmocka_unit_test_setup(a_reset_ends_recv_and_does_not_raise_sigpipe_on_send, setup),
    cmocka_unit_test_setup(a_freed_stream_cancels_both_directions_in_a_later_turn, setup),
    cmocka_unit_test_setup(cancelled_operations_are_told_also_when_the_loop_goes, setup),
    cmocka_unit_test_setup(a_stream_may_be_freed_in_its_own_callback, setup),
    cmocka_unit_test_setup(one_operation_of_a_direction_at_a_time, setup),
    cmocka_unit_test_setup(a_large_send_finishes_when_the_kernel_has_all_of_it, setup),
    cmocka_unit_test_setup(a_send_that_timed_out_in_the_middle_closes_that_direction, setup),
    cmocka_unit_test_setup(a_send_that_cannot_be_watched_in_the_middle_closes_that_direction,
                           setup),
    cmocka_unit_test_setup(the_guard_forbids_connections_out_of_scope, setup),
    cmocka_unit_test_setup(a_fragile_port_may_be_connected_to_but_gets_no_bytes, setup),
    cmocka_unit_test_setup(a_rate_makes_operations_wait_for_their_token, setup),
};

TEST_MAIN(tests)
