/* Two channels over one socketpair on one loop: order, credits, holding, descriptors, bad peers,
 * death. */
#include "service/ipc/channel.h"

#include "tests/support/main.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

struct end {
    struct channel *c;
    unsigned messages;
    uint32_t last_id;
    uint16_t last_type;
    char text[64];
    int fd;
    int status; /* of closed; 1: not closed */
    char why[128];
    unsigned ready;
    bool free_in_callback;
};

static void on_message(void *user, const struct ipc_message *m, uint32_t id,
                       const union ipc_any *value, int *fd)
{
    struct end *end = user;

    end->messages++;
    end->last_id = id;
    end->last_type = m->type;
    if (m->type == MSG_STATUS)
        snprintf(end->text, sizeof end->text, "%s", value->status.text);
    if (m->type == MSG_CONFIG) {
        end->fd = *fd;
        *fd = -1;
    }
    if (end->free_in_callback)
        end->c = channel_free(end->c);
}

static void on_closed(void *user, int status, const char *why)
{
    struct end *end = user;

    end->status = status;
    snprintf(end->why, sizeof end->why, "%s", why);
}

static void on_ready(void *user)
{
    ((struct end *)user)->ready++;
}

struct pair {
    struct loop *loop;
    struct end monitor, child;
};

static void end_open(struct pair *p, struct end *end, int fd, unsigned receive, unsigned send)
{
    const struct channel_opts o = {
        .peer = "other",
        .fd = fd,
        .receive = receive,
        .send = send,
        .queue_limit = 100000,
        .user = end,
        .message = on_message,
        .closed = on_closed,
        .ready = on_ready,
    };

    *end = (struct end){.fd = -1, .status = 1};
    assert_int_equal(channel_new(&end->c, p->loop, &o, NULL), 0);
}

static int pair_open(void **state)
{
    static struct pair p;
    int fds[2];

    assert_int_equal(loop_new(&p.loop, NULL), 0);
    assert_int_equal(channel_pair(fds), 0);
    end_open(&p, &p.monitor, fds[0], ROUTE_FROM_CHILD, ROUTE_TO_CHILD);
    end_open(&p, &p.child, fds[1], ROUTE_TO_CHILD, ROUTE_FROM_CHILD);
    *state = &p;
    return 0;
}

static int pair_close(void **state)
{
    struct pair *p = *state;

    p->monitor.c = channel_free(p->monitor.c);
    p->child.c = channel_free(p->child.c);
    p->loop = loop_free(p->loop);
    return 0;
}

static void run(struct pair *p)
{
    for (int i = 0; i < 200; i++)
        loop_turn(p->loop, 0);
}

static void messages_arrive_whole_and_in_order(void **state)
{
    struct pair *p = *state;
    const struct ipc_status status = {.text = "all is well"};

    for (uint32_t i = 1; i <= 10; i++)
        assert_int_equal(channel_send(p->child.c, MSG_STATUS, i, &status), 0);
    assert_int_equal(p->monitor.messages, 0); /* never inside a call */
    run(p);
    assert_int_equal(p->monitor.messages, 10);
    assert_int_equal(p->monitor.last_id, 10);
    assert_string_equal(p->monitor.text, "all is well");
}

static void what_may_not_be_sent_is_refused_at_once(void **state)
{
    struct pair *p = *state;

    assert_int_equal(channel_send(p->child.c, MSG_PING, 1, NULL), -EINVAL);
    assert_int_equal(channel_send(p->child.c, 9999, 1, NULL), -EINVAL);
    assert_int_equal(channel_send(p->child.c, MSG_STATUS, 1, NULL), -EINVAL);
    assert_int_equal(channel_send(p->monitor.c, MSG_CONFIG, 1, &(struct ipc_config){.path = "x"}),
                     -EINVAL);
}

static void a_sender_without_credit_waits(void **state)
{
    struct pair *p = *state;
    const struct ipc_status status = {.text = "x"};
    unsigned sent = 0;

    channel_hold(p->monitor.c);
    while (channel_idle(p->child.c)) {
        assert_int_equal(channel_send(p->child.c, MSG_STATUS, ++sent, &status), 0);
        assert_true(sent <= CHANNEL_WINDOW);
    }
    assert_int_equal(sent, CHANNEL_WINDOW);
    assert_int_equal(channel_send(p->child.c, MSG_STATUS, ++sent, &status), 0);
    assert_true(channel_waiting(p->child.c) > 0);
    run(p);
    assert_int_equal(p->monitor.messages, CHANNEL_WINDOW);
    channel_resume(p->monitor.c);
    run(p);
    assert_int_equal(p->monitor.messages, sent);
    assert_int_equal(p->monitor.last_id, sent);
    assert_int_equal(p->child.ready, 1);
    assert_int_equal(channel_waiting(p->child.c), 0);
}

static void control_passes_a_sender_without_credit(void **state)
{
    struct pair *p = *state;
    const struct ipc_status status = {.text = "x"};

    channel_hold(p->monitor.c);
    for (unsigned i = 0; i < 2 * CHANNEL_WINDOW; i++)
        assert_int_equal(channel_send(p->child.c, MSG_STATUS, i, &status), 0);
    run(p);
    assert_int_equal(p->monitor.messages, CHANNEL_WINDOW);
    assert_int_equal(channel_send(p->child.c, MSG_PONG, 77, NULL), 0);
    run(p);
    assert_int_equal(p->monitor.last_id, 77);
    channel_resume(p->monitor.c);
    run(p);
    assert_int_equal(p->monitor.messages, 2 * CHANNEL_WINDOW + 1);
}

static void the_queue_has_a_limit(void **state)
{
    struct pair *p = *state;
    char text[1000];
    const struct ipc_status status = {.text = text};
    int r = 0;
    unsigned n = 0;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    channel_hold(p->monitor.c);
    while (r == 0 && n < 10000)
        r = channel_send(p->child.c, MSG_STATUS, n++, &status);
    assert_int_equal(r, -ENOBUFS);
    assert_in_range(channel_waiting(p->child.c), 90000, 100000);
    assert_int_equal(channel_send_always(p->child.c, MSG_STATUS, n, &status), 0);
    assert_int_equal(channel_send(p->child.c, MSG_STATUS, n, &status), -ENOBUFS);
    channel_resume(p->monitor.c);
    run(p);
    assert_int_equal(p->monitor.last_id, n); /* in its place, behind all that waited */
}

static void descriptors_travel_with_the_types_that_carry_one(void **state)
{
    struct pair *p = *state;
    int fds[2];
    char c = 0;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(channel_send_fd(p->monitor.c, MSG_CONFIG, 3,
                                     &(struct ipc_config){.path = "muster.yaml"}, fds[0]),
                     0);
    close(fds[0]);
    run(p);
    assert_true(p->child.fd >= 0);
    assert_int_equal(write(fds[1], "y", 1), 1);
    assert_int_equal(read(p->child.fd, &c, 1), 1);
    assert_int_equal(c, 'y');
    assert_true(fcntl(p->child.fd, F_GETFD) & FD_CLOEXEC);
    close(p->child.fd);
    close(fds[1]);
}

static void the_end_of_the_peer_is_told_after_its_last_words(void **state)
{
    struct pair *p = *state;
    const struct ipc_status status = {.text = "goodbye"};

    assert_int_equal(channel_send(p->child.c, MSG_STATUS, 1, &status), 0);
    p->child.c = channel_free(p->child.c);
    assert_int_equal(channel_send(p->monitor.c, MSG_PING, 1, NULL), -EPIPE);
    run(p);
    assert_string_equal(p->monitor.text, "goodbye");
    assert_int_equal(p->monitor.status, 0);
    assert_int_equal(channel_send(p->monitor.c, MSG_PING, 1, NULL), -EPIPE);
}

static void last_words_are_heard_from_a_peer_that_did_not_listen(void **state)
{
    struct pair *p = *state;

    assert_int_equal(channel_send(p->monitor.c, MSG_PING, 1, NULL), 0); /* never read */
    assert_int_equal(channel_send(p->child.c, MSG_PONG, 5, NULL), 0);
    p->child.c = channel_free(p->child.c);
    run(p);
    assert_int_equal(p->monitor.last_id, 5);
    assert_int_equal(p->monitor.status, 0);
}

static void a_channel_may_be_freed_in_its_callback(void **state)
{
    struct pair *p = *state;

    p->monitor.free_in_callback = true;
    assert_int_equal(channel_send(p->child.c, MSG_READY, 0, NULL), 0);
    assert_int_equal(channel_send(p->child.c, MSG_READY, 0, NULL), 0);
    run(p);
    assert_null(p->monitor.c);
    assert_int_equal(p->monitor.messages, 1);
    assert_int_equal(p->child.status, 0);
}

/* A peer that speaks raw bytes. */
static void bad_peer(struct pair *p, const void *data, size_t len, const char *why)
{
    int fds[2];

    p->monitor.c = channel_free(p->monitor.c);
    assert_int_equal(channel_pair(fds), 0);
    end_open(p, &p->monitor, fds[0], ROUTE_FROM_CHILD, ROUTE_TO_CHILD);
    assert_int_equal(send(fds[1], data, len, 0), len);
    run(p);
    assert_int_equal(p->monitor.status, -EBADMSG);
    if (!strstr(p->monitor.why, why))
        fail_msg("'%s' does not say '%s'", p->monitor.why, why);
    close(fds[1]);
}

static void bad_messages_end_the_channel(void **state)
{
    struct pair *p = *state;
    static uint8_t long_frame[IPC_FRAME_MAX + 100];
    CLEANUP(buf_done) struct buf b = {0};

    bad_peer(p, "x", 1, "a frame of 1 bytes without a proper header");
    bad_peer(p, long_frame, sizeof long_frame, "without a proper header");
    assert_int_equal(ipc_encode(&b, ipc_message_find(MSG_PING), 1, NULL), 0);
    bad_peer(p, b.data, b.len, "type 19, which it may not send");
    buf_clear(&b);
    assert_int_equal(ipc_encode(&b, ipc_message_find(MSG_PONG), 1, NULL), 0);
    buf_char(&b, 0);
    bad_peer(p, b.data, b.len, "a malformed message 'pong' of 17 bytes");
    buf_clear(&b);
    assert_int_equal(ipc_encode(&b, ipc_message_find(MSG_CREDIT), 1, NULL), 0);
    bad_peer(p, b.data, b.len, "granted 1 messages beyond the window");
}

#define PAIR_TEST(f) cmocka_unit_test_setup_teardown(f, pair_open, pair_close)

static const struct CMUnitTest tests[] = {
    PAIR_TEST(messages_arrive_whole_and_in_order),
    PAIR_TEST(what_may_not_be_sent_is_refused_at_once),
    PAIR_TEST(a_sender_without_credit_waits),
    PAIR_TEST(control_passes_a_sender_without_credit),
    PAIR_TEST(the_queue_has_a_limit),
    PAIR_TEST(descriptors_travel_with_the_types_that_carry_one),
    PAIR_TEST(the_end_of_the_peer_is_told_after_its_last_words),
    PAIR_TEST(last_words_are_heard_from_a_peer_that_did_not_listen),
    PAIR_TEST(a_channel_may_be_freed_in_its_callback),
    PAIR_TEST(bad_messages_end_the_channel),
};

TEST_MAIN(tests)
