/* nmap.new_socket() objects and the table nmap.socket (nse-contract 9).
 *
 * Soft errors have two shapes, and both stay: false and a sentence for what is wrong before any
 * I/O; nil and a status word when I/O failed.  Scripts compare the words TIMEOUT, EOF and ERROR. */
#include "engine/script/l_socket.h"

#include "engine/script/l_cert.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>

#define SLEEP_MAX_SEC 1e9

static const char sockets_key;

/* ---- helpers ---- */

static void sockets_destroy(void *object)
{
    free(object);
}

/* Registered before any socket, so the collector finalizes it after them when the state closes. */
static void sockets_init(lua_State *L)
{
    struct l_box *box = l_box_push(L, sockets_destroy);
    struct sockets *all = calloc(1, sizeof *all);

    box->object = all;
    if (!all)
        l_no_memory(L);
    all->env = *l_env(L);
    slots_init(&all->slots, all->env.max_threads ? all->env.max_threads : 1000);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &sockets_key);
}

struct sockets *sockets_of(lua_State *L)
{
    struct l_box *box;

    luaL_checkstack(L, 1, NULL);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &sockets_key);
    box = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return box->object;
}

struct sock *sock_check(lua_State *L, int arg)
{
    return luaL_checkudata(L, arg, SOCK_TYPE);
}

struct conn *sock_conn(const struct sock *s)
{
    return s->conn && conn_open(s->conn) ? s->conn : NULL;
}

int sock_push_soft(lua_State *L, const char *message)
{
    lua_pushboolean(L, 0);
    lua_pushstring(L, message);
    return 2;
}

int sock_push_failure(lua_State *L, int status)
{
    lua_pushnil(L);
    switch (status) {
    case -ETIMEDOUT:
        lua_pushliteral(L, "TIMEOUT");
        break;
    case -ENODATA:
        lua_pushliteral(L, "EOF");
        break;
    case -ECANCELED:
        lua_pushliteral(L, "CANCELLED");
        break;
    default:
        lua_pushliteral(L, "ERROR");
    }
    return 2;
}

static void udp_open(lua_State *L, struct sock *s)
{
    struct conn *c;

    if (s->conn)
        conn_unref(s->conn);
    s->conn = NULL;
    c = conn_new(L, s, SOCK_UDP);
    if (conn_udp_new(c) < 0)
        l_no_memory(L);
    if (s->bind_port || s->bind.family != ADDR_NONE) {
        struct addr any = {.family = (uint8_t)s->family};

        (void)dgram_bind(c->udp, s->bind.family != ADDR_NONE ? &s->bind : &any, s->bind_port);
    }
}

struct conn *sock_usable(lua_State *L, struct sock *s)
{
    if (s->capture) {
        sock_push_soft(L, "invalid operation on pcap socket");
        return NULL;
    }
    if (!sock_conn(s) && s->protocol == SOCK_UDP)
        udp_open(L, s);
    if (sock_conn(s))
        return s->conn;
    sock_push_soft(L, "socket must be connected");
    return NULL;
}

void sock_check_idle(lua_State *L, const struct sock *s)
{
    if (s->conn && s->conn->op)
        luaL_error(L, "Invalid reuse of a socket from one thread to another.");
}

struct conn *sock_ready(lua_State *L, struct sock *s)
{
    sock_check_idle(L, s);
    return sock_usable(L, s);
}

/* The thread is killed: what was under way on the connection cannot be taken back. */
static void sock_op_cancel(struct op *op)
{
    struct sock_op *sop = CONTAINER_OF(op, struct sock_op, op);

    sop->conn->op = NULL;
    conn_close(sop->conn);
}

/* The thread goes on with c: it may ask somebody (identd) about the others, which their servers are
 * to know by then. */
static void settle_others(const struct conn *c)
{
    struct conn *other;

    LIST_FOREACH (other, &c->holder->conns, of_holder)
        if (other != c && other->stream)
            stream_settle(other->stream);
}

struct sock_op *sock_op_new(lua_State *L, const char *name, struct conn *c)
{
    struct sock_op *op =
        CONTAINER_OF(op_new(L, name, sizeof *op, SOCK_OP_TYPE), struct sock_op, op);

    settle_others(c);
    op->op.cancel = sock_op_cancel;
    op->conn = c;
    op->all = c->all;
    op->serial = c->serial;
    c->op = op;
    return op;
}

void sock_op_drop(struct sock_op *op)
{
    op->all->buffered -= op->in.len;
    buf_done(&op->in);
}

/* Its thread was ended, or ran out of memory, before it took what came. */
static int sock_op_gc(lua_State *L)
{
    sock_op_drop(lua_touserdata(L, 1));
    return 0;
}

struct conn *sock_op_conn(struct sock *s, const struct sock_op *op)
{
    return s->conn && s->conn->serial == op->serial && s->conn->all ? s->conn : NULL;
}

/* ---- methods that do not wait ---- */

void sock_drop(struct sock *s)
{
    if (s->capture)
        lcapture_close(s->capture);
    if (s->conn) {
        conn_close(s->conn);
        conn_unref(s->conn);
    }
    s->conn = NULL;
}

static void sock_reset(lua_State *L, struct sock *s)
{
    s->timeout = SOCK_DEFAULT_TIMEOUT;
    s->bind = (struct addr){0};
    s->bind_port = 0;
    lua_pushnil(L);
    lua_setiuservalue(L, 1, 1); /* what receive_buf() kept */
}

/* socket:close() -> true | false, reason */
static int l_close(lua_State *L)
{
    struct sock *s = sock_check(L, 1);

    if (!s->conn && !s->capture)
        return sock_push_soft(L, "socket already closed");
    if (s->conn && s->conn->all && sched_current(L))
        conn_account(s->conn, sched_current(L));
    sock_drop(s);
    sock_reset(L, s);
    lua_pushboolean(L, 1);
    return 1;
}

static int sock_gc(lua_State *L)
{
    sock_drop(lua_touserdata(L, 1));
    return 0;
}

/* socket:set_timeout(milliseconds) -> true; -1: none */
static int l_set_timeout(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    double ms = floor(luaL_checknumber(L, 2));

    if (!(ms >= -1))
        return luaL_error(L, "Negative timeout: %f", ms);
    s->timeout = ms < 0 || ms > SLEEP_MAX_SEC * 1000 ? USEC_INFINITY : (usec_t)ms * USEC_PER_MSEC;
    lua_pushboolean(L, 1);
    return 1;
}

/* socket:bind(address | nil, port) -> true | false, reason.  For the next connect or send. */
static int l_bind(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    const char *text = luaL_optstring(L, 2, NULL);
    lua_Integer port = luaL_checkinteger(L, 3);
    struct addr a = {0};

    luaL_argcheck(L, port >= 0 && port <= 65535, 3, "port out of range");
    if (text && addr_parse(text, &a) < 0)
        return sock_push_soft(L, "getaddrinfo: Name or service not known");
    s->bind = a;
    s->bind_port = (uint16_t)port;
    lua_pushboolean(L, 1);
    return 1;
}

static void push_end(lua_State *L, int known, const struct addr *a, uint16_t port)
{
    char text[ADDR_TEXT_MAX];

    lua_pushstring(L,
                   known < 0 || a->family == ADDR_NONE ? "unknown protocol" : addr_format(a, text));
    lua_pushinteger(L, known < 0 ? 0 : port);
}

/* socket:get_info() -> true, local address, local port, remote address, remote port | false, reason
 */
static int l_get_info(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    struct conn *c = sock_usable(L, s);
    struct addr a = {0};
    uint16_t port = 0;
    int r;

    if (!c)
        return 2;
    lua_pushboolean(L, 1);
    r = c->stream ? stream_local(c->stream, &a, &port) : dgram_local(c->udp, &a, &port);
    push_end(L, r, &a, port);
    if (c->stream) {
        r = stream_remote(c->stream, &a, &port);
        push_end(L, r, &a, port);
    } else {
        push_end(L, 0, &c->peer, c->peer_port);
    }
    return 5;
}

/* socket:get_ssl_certificate() -> certificate | nil; raises when it is no TLS connection */
static int l_get_ssl_certificate(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    struct conn *c = sock_conn(s);
    SSL *ssl = c && c->stream ? stream_ssl(c->stream) : NULL;

    luaL_argcheck(L, ssl, 1, "not a SSL socket");
    return l_cert_push_peer(L, ssl);
}

/* socket:pcap_close() */
static int l_pcap_close(lua_State *L)
{
    return l_close(L);
}

/* ---- nmap.socket ---- */

static const char *family_of_thread(lua_State *L, const struct sockets *all)
{
    bool v6 = all->env.family_of && all->env.family_of(L, all->env.user) == ADDR_V6;

    return v6 ? "inet6" : "inet";
}

/* new([protocol = "tcp"[, family]]) -> socket */
int l_sock_new(lua_State *L)
{
    static const char *const protocols[] = {"tcp", "udp", NULL};
    static const char *const families[] = {"inet", "inet6", NULL};
    struct sockets *all = sockets_of(L);
    int protocol = luaL_checkoption(L, 1, "tcp", protocols);
    int family = luaL_checkoption(L, 2, family_of_thread(L, all), families);
    struct sock *s = lua_newuserdatauv(L, sizeof *s, 1);

    *s = (struct sock){
        .protocol = protocol == 0 ? SOCK_TCP : SOCK_UDP,
        .family = family == 0 ? ADDR_V4 : ADDR_V6,
        .timeout = SOCK_DEFAULT_TIMEOUT,
    };
    luaL_setmetatable(L, SOCK_TYPE);
    return 1;
}

static int sleep_k(lua_State *L, int status, lua_KContext ctx)
{
    (void)L, (void)status, (void)ctx;
    return 0;
}

/* sleep(seconds) */
static int l_sleep(lua_State *L)
{
    double seconds = luaL_checknumber(L, 1);

    if (!(seconds >= 0))
        return luaL_error(L, "argument to sleep (%f) must not be negative\n", seconds);
    if (seconds > SLEEP_MAX_SEC)
        seconds = SLEEP_MAX_SEC;
    return sched_park(L, op_new(L, "sleep", sizeof(struct op), NULL),
                      (usec_t)llround(seconds * 1000) * USEC_PER_MSEC, sleep_k);
}

/* get_stats() -> { connect_waiting = threads that wait for a slot } */
static int l_get_stats(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushinteger(L, sockets_of(L)->n_waiting);
    lua_setfield(L, -2, "connect_waiting");
    return 1;
}

static const luaL_Reg methods[] = {
    {"connect", l_sock_connect},
    {"reconnect_ssl", l_sock_reconnect_ssl},
    {"send", l_sock_send},
    {"sendto", l_sock_sendto},
    {"receive", l_sock_receive},
    {"receive_bytes", l_sock_receive_bytes},
    {"receive_lines", l_sock_receive_lines},
    {"receive_buf", l_sock_receive_buf},
    {"close", l_close},
    {"set_timeout", l_set_timeout},
    {"bind", l_bind},
    {"get_info", l_get_info},
    {"get_ssl_certificate", l_get_ssl_certificate},
    {"pcap_open", l_sock_pcap_open},
    {"pcap_receive", l_sock_pcap_receive},
    {"pcap_close", l_pcap_close},
    {NULL, NULL},
};

int l_socket_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"new", l_sock_new},
        {"sleep", l_sleep},
        {"get_stats", l_get_stats},
        {"parse_ssl_certificate", l_parse_ssl_certificate},
        {NULL, NULL},
    };
    static const luaL_Reg none[] = {{NULL, NULL}};

    sockets_init(L);
    l_type_hidden(L, SOCK_TYPE, methods, sock_gc);
    l_type_hidden(L, SOCK_OP_TYPE, none, sock_op_gc);
    l_cert_init(L);
    luaL_newlib(L, functions);
    return 1;
}
