/* What the stream and datagram tests share: a loop, a listener on loopback in the same process, and
 * callbacks that count. */
#pragma once

#include "engine/loop/loop.h"
#include "engine/loop/stream.h"
#include "tests/support/main.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define PATIENCE (10 * USEC_PER_SEC)
#define TURNS    20000

struct outcome {
    int calls;
    int status;
    char data[65536];
    struct stream **free_in_cb;
};

static inline void on_done(void *user, int status)
{
    struct outcome *o = user;

    o->calls++;
    o->status = status;
    if (o->free_in_cb)
        *o->free_in_cb = stream_free(*o->free_in_cb);
}

static inline void on_data(void *user, int status, const char *data)
{
    struct outcome *o = user;

    assert_int_equal(data != NULL, status > 0);
    if (status > 0) {
        memcpy(o->data, data, (size_t)status);
        o->data[status < 65536 ? status : 65535] = '\0';
    }
    on_done(o, status);
}

static inline void outcome_reset(struct outcome *o)
{
    memset(o, 0, sizeof *o);
}

static inline struct loop *loop_make(void)
{
    struct loop *l = NULL;

    assert_int_equal(loop_new(&l, NULL), 0);
    return l;
}

static inline struct stream *stream_make(struct loop *l, struct guard *g)
{
    struct stream *s = NULL;

    assert_int_equal(stream_new(&s, l, g), 0);
    return s;
}

static inline struct addr localhost(void)
{
    return addr_v4(0x7f000001);
}

static inline int listener(uint16_t *ret_port, int backlog)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sin;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof sin), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    *ret_port = ntohs(sin.sin_port);
    return fd;
}

/* A port where nobody listens. */
static inline uint16_t closed_port(void)
{
    uint16_t port;

    close(listener(&port, 1));
    return port;
}

static inline void wait_done(struct loop *l, const struct outcome *o)
{
    for (int i = 0; i < TURNS && o->calls == 0; i++)
        assert_true(loop_turn(l, PATIENCE / TURNS) >= 0);
    assert_int_equal(o->calls, 1);
}

/* Nothing more may come. */
static inline void expect_once(struct loop *l, const struct outcome *o)
{
    for (int i = 0; i < 20; i++)
        assert_true(loop_turn(l, 0) >= 0);
    assert_int_equal(o->calls, 1);
}

/* A connected pair: *ret_fd is the server's end (blocking). */
static inline struct stream *connected(struct loop *l, struct guard *g, int *ret_fd)
{
    struct addr to = localhost();
    static struct outcome o;
    uint16_t port;
    int lfd = listener(&port, 8);
    struct stream *s = stream_make(l, g);

    outcome_reset(&o);
    assert_int_equal(stream_connect(s, &to, port, NULL, 0, PATIENCE, on_done, &o), 0);
    assert_int_equal(o.calls, 0);
    wait_done(l, &o);
    assert_int_equal(o.status, 0);
    *ret_fd = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(*ret_fd >= 0);
    close(lfd);
    return s;
}

static inline void close_with_reset(int fd)
{
    struct linger lg = {1, 0};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &lg, sizeof lg), 0);
    close(fd);
}
