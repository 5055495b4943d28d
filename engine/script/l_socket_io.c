/* socket:send() and the four ways to receive.
 *
 * What a receive waits for is decided on the loop side, chunk by chunk, so that a script is woken
 * once.  receive() takes everything that is ready: after a chunk that may not have been the last it
 * asks again with no time to wait.  What gathers is limited for each socket and for all together: a
 * peer must not fill the memory of the worker. */
#include "engine/script/l_socket.h"

#include <errno.h>
#include <lauxlib.h>
#include <string.h>

#define CHUNK_MAX    (64 * 1024)
#define CHUNK_SMALL  4096                 /* a plain chunk below this took all there was */
#define DRAIN_USEC   (50 * USEC_PER_MSEC) /* for the rest of a TLS record that has begun to come */
#define READY_MAX    (576 * 1024)         /* receive() stops here, as nmap's does */
#define BUFFERED_MAX ((size_t)256 << 20)  /* of all sockets together */

/* ---- sending ---- */

static void on_sent(void *user, int status)
{
    struct conn *c = user;

    conn_finish(c, status);
    conn_unref(c);
}

int conn_sent(lua_State *L, struct sock *s, const struct sock_op *op, const void *data, size_t len)
{
    struct conn *c = sock_op_conn(s, op);

    if (!c)
        return -ECANCELED;
    if (op->op.status == 0 && c->udp)
        c->udp_out += len;
    conn_account(c, sched_current(L));
    if (op->op.status == 0 && data)
        conn_trace(c, TRACE_SEND, data, len);
    return op->op.status;
}

int conn_send(lua_State *L, struct sock *s, struct conn *c, const void *data, size_t len,
              lua_KFunction k)
{
    struct sock_op *op = sock_op_new(L, "send", c);
    int r;

    if (c->stream)
        r = stream_send(c->stream, data, len, s->timeout, on_sent, c);
    else
        r = dgram_send(c->udp, data, len, s->timeout, on_sent, c);
    if (r < 0)
        conn_finish(c, r);
    else
        conn_ref(c);
    return sched_park(L, &op->op, USEC_INFINITY, k);
}

static int send_k(lua_State *L, int status, lua_KContext ctx)
{
    size_t len;
    const char *data = lua_tolstring(L, 2, &len);
    int r = conn_sent(L, sock_check(L, 1), (const struct sock_op *)ctx, data, len);

    (void)status;
    if (r < 0)
        return sock_push_failure(L, r);
    lua_pushboolean(L, 1);
    return 1;
}

/* socket:send(data) -> true | nil, STATUS | false, reason.  Yields. */
int l_sock_send(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    size_t len;
    const char *data = luaL_checklstring(L, 2, &len);
    struct conn *c = sock_ready(L, s);

    if (!c)
        return 2;
    lua_settop(L, 2);
    return conn_send(L, s, c, data, len, send_k);
}

/* ---- receiving, on the loop side ---- */

static void on_stream_data(void *user, int status, const char *data);
static void on_datagram(void *user, int status, const char *data, const struct addr *from,
                        uint16_t from_port);

static int ask(struct conn *c, usec_t timeout)
{
    int r = c->stream ? stream_recv(c->stream, CHUNK_MAX, timeout, on_stream_data, c)
                      : dgram_recv(c->udp, timeout, on_datagram, c);

    if (r == 0)
        conn_ref(c);
    return r;
}

static int gather(struct conn *c, const char *data, size_t len)
{
    if (c->in.len + len > GATHERED_MAX || c->all->buffered + len > BUFFERED_MAX)
        return -ENOBUFS;
    buf_add(&c->in, data, len);
    if (c->in.failed)
        return -ENOMEM;
    c->all->buffered += len;
    for (const char *p = data; c->want_lines && (p = memchr(p, '\n', len - (size_t)(p - data)));
         p++)
        c->n_lines++;
    return 0;
}

/* A datagram is never joined to the next one, however much was asked for: as nmap does it, which
 * only gives it out later, when the time is over. */
static bool enough(const struct conn *c)
{
    return c->udp || (c->in.len >= c->want_bytes && c->n_lines >= c->want_lines);
}

/* Whether more is ready than came with this chunk: a full one, or the next TLS record.  Datagrams
 * stay apart. */
static bool more_ready(const struct conn *c, size_t chunk)
{
    return c->protocol == SOCK_TCP && c->in.len < READY_MAX &&
           (stream_ssl(c->stream) || chunk >= CHUNK_SMALL) && stream_waiting(c->stream);
}

/* No more will come for this receive.  What is there counts as success; the failure shows in the
 * next one, but for a timeout that meant nothing. */
static void gathered(struct conn *c, int status, bool any)
{
    if (any && status != -ETIMEDOUT && status < 0 && status != -ENODATA)
        c->held_back = status;
    conn_finish(c, any ? 0 : status);
}

/* status >= 0: data came. */
static void received(struct conn *c, int status, const char *data)
{
    bool any = c->in.len > 0;
    int r;

    if (status < 0) {
        gathered(c, status, any);
        return;
    }
    r = gather(c, data, (size_t)status);
    if (r == 0 && enough(c) && !more_ready(c, (size_t)status)) {
        gathered(c, 0, true);
        return;
    }
    c->draining = r == 0 && enough(c);
    if (r == 0)
        r = ask(c, c->draining ? DRAIN_USEC : conn_time_left(c, c->deadline));
    if (r < 0)
        gathered(c, r, c->draining);
}

static void on_stream_data(void *user, int status, const char *data)
{
    struct conn *c = user;

    if (c->op)
        received(c, status, data);
    conn_unref(c);
}

static void on_datagram(void *user, int status, const char *data, const struct addr *from,
                        uint16_t from_port)
{
    struct conn *c = user;

    if (c->op && status >= 0) {
        c->udp_in += (uint64_t)status;
        c->peer = *from;
        c->peer_port = from_port;
    }
    if (c->op)
        received(c, status == 0 ? -ENODATA : status, data); /* nothing in it: EOF, as under nmap */
    conn_unref(c);
}

/* ---- receiving, for Lua ---- */

/* A UDP socket that has sent nothing yet listens where the kernel puts it. */
static int udp_socket(const struct sock *s, struct conn *c)
{
    struct addr any = {.family = (uint8_t)s->family};
    struct addr local;

    return dgram_local(c->udp, &local, NULL) == 0 ? 0 : dgram_bind(c->udp, &any, 0);
}

static int start(lua_State *L, struct sock *s, struct conn *c, lua_KFunction k)
{
    struct sock_op *op = sock_op_new(L, "receive", c);
    int r = c->held_back;

    c->held_back = 0;
    if (r == 0 && c->udp)
        r = udp_socket(s, c);
    c->draining = false;
    c->n_lines = 0;
    c->deadline = conn_deadline(c, s->timeout);
    if (r == 0)
        r = ask(c, s->timeout);
    if (r < 0)
        conn_finish(c, r);
    return sched_park(L, &op->op, USEC_INFINITY, k);
}

int conn_receive(lua_State *L, struct sock *s, struct conn *c, lua_KFunction k)
{
    c->want_bytes = 0;
    c->want_lines = 0;
    return start(L, s, c, k);
}

int conn_received(lua_State *L, struct sock *s, struct sock_op *op)
{
    struct conn *c = sock_op_conn(s, op);

    if (!c) {
        sock_op_drop(op);
        return -ECANCELED;
    }
    conn_account(c, sched_current(L));
    if (op->op.status == 0) {
        conn_trace(c, TRACE_RECEIVE, op->in.data ? op->in.data : "", op->in.len);
        lua_pushlstring(L, op->in.data ? op->in.data : "", op->in.len);
    }
    sock_op_drop(op);
    return op->op.status;
}

static int receive_k(lua_State *L, int status, lua_KContext ctx)
{
    int r;

    (void)status;
    lua_pushboolean(L, 1);
    r = conn_received(L, sock_check(L, 1), (struct sock_op *)ctx);
    return r < 0 ? sock_push_failure(L, r) : 2;
}

/* socket:receive() -> true, data | nil, STATUS | false, reason.  Yields. */
int l_sock_receive(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    struct conn *c = sock_ready(L, s);

    return c ? conn_receive(L, s, c, receive_k) : 2;
}

static size_t count_arg(lua_State *L)
{
    lua_Integer n = luaL_checkinteger(L, 2);

    return n > 0 ? (size_t)n : 0;
}

/* socket:receive_bytes(n) -> true, at least n bytes | nil, STATUS | false, reason.  Yields.  Less
 * when no more comes. */
int l_sock_receive_bytes(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    size_t n = count_arg(L);
    struct conn *c = sock_ready(L, s);

    if (!c)
        return 2;
    c->want_bytes = n;
    c->want_lines = 0;
    return start(L, s, c, receive_k);
}

/* socket:receive_lines(n) -> true, data with at least n line ends | nil, STATUS | false, reason.
 * Yields. */
int l_sock_receive_lines(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    size_t n = count_arg(L);
    struct conn *c = sock_ready(L, s);

    if (!c)
        return 2;
    c->want_bytes = 0;
    c->want_lines = n;
    return start(L, s, c, receive_k);
}
