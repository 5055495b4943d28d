/* socket:connect(), reconnect_ssl() and sendto(): what begins with a host and a port.
 *
 * The arguments become a plan; the loop side works it off step by step (slot, name, connection,
 * TLS, or the datagram) without going through Lua, and completes one op at the end.  The timeout of
 * connect covers connection and TLS, not the wait for a slot nor the resolver, which has its own.
 */
#include "engine/script/l_socket.h"

#include <errno.h>
#include <lauxlib.h>
#include <string.h>

/* ---- arguments ---- */

/* Does it fit?  A server may send a longer one in a redirect: no name at all, and no error. */
static bool copy_name(char *to, size_t size, const char *name)
{
    return snprintf(to, size, "%s", name) < (int)size;
}

/* Missing ones are told as missing, not as nil. */
static void args_check(lua_State *L)
{
    luaL_checkany(L, 1);
    if (lua_isnone(L, 2))
        luaL_checkstring(L, 2);
    if (lua_isnone(L, 3))
        luaL_checkinteger(L, 3);
    lua_settop(L, 4);
}

/* The address, or the name to look up, and for TLS the name to ask for. */
static void host_arg(lua_State *L, int arg, struct plan *p)
{
    const char *host, *server_name;

    if (lua_istable(L, arg)) {
        lua_getfield(L, arg, "targetname");
        lua_getfield(L, arg, "ip");
        server_name = lua_tostring(L, -2);
        host = lua_isstring(L, -1) ? lua_tostring(L, -1) : server_name;
        luaL_argcheck(L, host, arg, "host table lacks 'ip' or 'targetname' fields");
    } else {
        host = server_name = luaL_checkstring(L, arg);
    }
    if (!copy_name(p->server_name, sizeof p->server_name, server_name ? server_name : ""))
        p->server_name[0] = '\0';
    if (addr_parse(host, &p->to) < 0)
        p->no_name = !copy_name(p->name, sizeof p->name, host);
}

/* Leaves the protocol that the port table names, or nil, on the stack. */
static lua_Integer port_arg(lua_State *L, int arg)
{
    lua_Integer port;

    if (!lua_istable(L, arg)) {
        port = luaL_checkinteger(L, arg);
        lua_pushnil(L);
        return port;
    }
    lua_getfield(L, arg, "number");
    luaL_argcheck(L, lua_isinteger(L, -1), arg, "port table lacks integer 'number' field");
    port = lua_tointeger(L, -1);
    lua_getfield(L, arg, "protocol");
    return port;
}

/* ---- the plan, on the loop side ---- */

static void plan_end(struct conn *c, int status)
{
    if (!c->all)
        return;
    conn_plan_done(c);
    conn_finish(c, status);
}

static void on_tls(void *user, int status)
{
    struct conn *c = user;

    plan_end(c, status);
    conn_unref(c);
}

static int start_tls(struct conn *c)
{
    struct stream_tls_opts o = {
        .profile = STREAM_TLS_PROBE,
        .server_name = c->protocol == SOCK_TCP ? c->server_name : NULL,
    };
    int r = stream_start_tls(c->stream, &o, conn_time_left(c, c->plan->deadline), on_tls, c);

    if (r == 0)
        conn_ref(c);
    return r;
}

static void on_connected(void *user, int status)
{
    struct conn *c = user;

    if (status == 0 && c->all && c->plan->tls)
        status = start_tls(c);
    else if (status == 0)
        plan_end(c, 0);
    if (status < 0)
        plan_end(c, status);
    conn_unref(c);
}

static int dial_stream(struct conn *c)
{
    struct plan *p = c->plan;
    const struct binding_env *env = &c->all->env;
    int r = c->protocol == SOCK_TCP ? stream_new(&c->stream, env->loop, env->guard)
                                    : stream_new_dtls(&c->stream, env->loop, env->guard);

    if (r == 0)
        r = stream_connect(c->stream, &p->to, p->port, &p->local, p->local_port,
                           conn_time_left(c, c->plan->deadline), on_connected, c);
    if (r == 0)
        conn_ref(c);
    return r;
}

static int dial_udp(struct conn *c)
{
    struct plan *p = c->plan;
    struct addr any = {.family = p->to.family};
    int r = conn_udp_new(c);

    if (r == 0 && (p->local_port || p->local.family != ADDR_NONE))
        r = dgram_bind(c->udp, p->local.family != ADDR_NONE ? &p->local : &any, p->local_port);
    if (r == 0)
        r = dgram_connect(c->udp, &p->to, p->port);
    if (r < 0)
        return r;
    c->peer = p->to;
    c->peer_port = p->port;
    plan_end(c, 0);
    return 0;
}

static void on_sent(void *user, int status)
{
    struct conn *c = user;

    if (c->all && status == 0) {
        c->udp_out += c->plan->len;
        conn_trace(c, TRACE_SEND, c->plan->data, c->plan->len);
    }
    plan_end(c, status);
    conn_unref(c);
}

static int send_datagram(struct conn *c)
{
    struct plan *p = c->plan;
    int r = dgram_sendto(c->udp, &p->to, p->port, p->data, p->len,
                         conn_time_left(c, c->plan->deadline), on_sent, c);

    if (r < 0)
        return r;
    conn_ref(c);
    c->peer = p->to;
    c->peer_port = p->port;
    return 0;
}

/* The address is known. */
static void go_on(struct conn *c)
{
    struct plan *p = c->plan;
    int r;

    p->deadline = conn_deadline(c, p->timeout);
    if (p->sends)
        r = send_datagram(c);
    else
        r = p->tls || c->protocol == SOCK_TCP ? dial_stream(c) : dial_udp(c);
    if (r < 0)
        plan_end(c, r);
}

static const char *resolver_text(int status)
{
    if (status == -ENOENT || status == -EINVAL)
        return "Name or service not known";
    if (status == -ENOMEM)
        return "Memory allocation failure";
    return status == -ETIMEDOUT ? "Temporary failure in name resolution"
                                : "Non-recoverable failure in name resolution";
}

static void unresolved(struct conn *c, int status)
{
    c->unresolved = resolver_text(status);
    plan_end(c, status);
}

static void on_addrs(void *user, int status, const struct addr *addrs, size_t n)
{
    struct conn *c = user;

    if (c->all) {
        c->plan->query = NULL;
        if (status == 0 && n > 0) {
            c->plan->to = addrs[0];
            go_on(c);
        } else {
            unresolved(c, status < 0 ? status : -ENOENT);
        }
    }
    conn_unref(c);
}

void conn_start(struct conn *c)
{
    struct plan *p = c->plan;
    int r;

    if (!p->name[0]) {
        go_on(c);
        return;
    }
    r = c->all->env.dns && !p->no_name
            ? dns_lookup(c->all->env.dns, p->name, p->family, on_addrs, c, &p->query)
            : -ENOENT;
    if (r < 0)
        unresolved(c, r);
    else
        conn_ref(c);
}

/* ---- methods ---- */

/* All failures of a connection but the timeout look alike to scripts. */
static int connect_status(int status)
{
    return status == -ENODATA ? -ECONNRESET : status;
}

enum on_failure { KEEP, CLOSE };

static int plan_result(lua_State *L, const struct sock_op *op, enum on_failure what)
{
    struct sock *s = sock_check(L, 1);
    struct conn *c = sock_op_conn(s, op);
    const char *why;

    if (!c)
        return sock_push_failure(L, -ECANCELED);
    conn_account(c, sched_current(L));
    if (op->op.status == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    why = c->unresolved;
    c->unresolved = NULL;
    if (what == CLOSE)
        conn_close(c); /* with its slot; the object can connect again */
    if (why)
        return sock_push_soft(L, why);
    return sock_push_failure(L, connect_status(op->op.status));
}

int sock_connected(lua_State *L, const struct sock_op *op)
{
    struct conn *c = sock_op_conn(sock_check(L, 1), op);

    if (op->op.status == 0 && c)
        conn_trace(c, TRACE_CONNECT, NULL, 0);
    return plan_result(L, op, CLOSE);
}

static int connect_k(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    return sock_connected(L, (const struct sock_op *)ctx);
}

static int tls_k(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    return plan_result(L, (const struct sock_op *)ctx, CLOSE);
}

static int sendto_k(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    return plan_result(L, (const struct sock_op *)ctx, KEEP);
}

/* A plan in a box that frees it when an argument turns out to be wrong. */
static struct plan *plan_push(lua_State *L, struct sock *s)
{
    struct l_box *box = l_box_push(L, free);
    struct plan *p = calloc(1, sizeof *p);

    box->object = p;
    if (!p)
        l_no_memory(L);
    p->family = s->family;
    p->timeout = s->timeout;
    p->local = s->bind;
    p->local_port = s->bind_port;
    return p;
}

static struct plan *plan_take(lua_State *L, int index)
{
    struct l_box *box = lua_touserdata(L, index);
    struct plan *p = box->object;

    box->object = NULL;
    return p;
}

static int protocol_option(lua_State *L, const struct sock *s)
{
    static const char *const names[] = {"tcp", "udp", "ssl", NULL};
    const char *from_port = lua_tostring(L, -1);

    if (lua_isnoneornil(L, 4) && from_port) {
        lua_pushstring(L, from_port);
        lua_replace(L, 4);
    }
    return luaL_checkoption(L, 4, names[s->protocol == SOCK_UDP], names);
}

/* The old connection goes; what receive_buf() kept of it stays. */
static void forget_conn(lua_State *L, struct sock *s)
{
    if (!s->conn)
        return;
    if (s->conn->all)
        conn_account(s->conn, sched_current(L));
    conn_close(s->conn);
    conn_unref(s->conn);
    s->conn = NULL;
}

int sock_connect(lua_State *L, lua_KFunction k)
{
    struct sock *s = sock_check(L, 1);
    struct sock_op *op;
    struct plan *p;
    struct conn *c;
    lua_Integer port;
    int protocol;

    args_check(L);
    p = plan_push(L, s); /* stays at 5 */
    host_arg(L, 2, p);
    port = port_arg(L, 3);
    protocol = protocol_option(L, s);
    p->tls = protocol == 2;
    if (s->capture)
        return sock_push_soft(L, "invalid operation on pcap socket");
    sock_check_idle(L, s);
    if (port < 0 || port > 65535)
        return sock_push_failure(L, -EINVAL);
    p->port = (uint16_t)port;
    forget_conn(L, s);
    s->protocol = protocol == 1 || (p->tls && s->protocol == SOCK_UDP) ? SOCK_UDP : SOCK_TCP;
    c = conn_new(L, s, s->protocol);
    c->server_name = p->server_name[0] ? strdup(p->server_name) : NULL;
    if (p->server_name[0] && !c->server_name)
        return l_no_memory(L);
    op = sock_op_new(L, "connect", c);
    c->plan = plan_take(L, 5);
    if (conn_take_slot(c))
        conn_start(c);
    return sched_park(L, &op->op, USEC_INFINITY, k);
}

/* socket:connect(host, port[, protocol]) -> true | nil, STATUS | false, reason.  Yields. */
int l_sock_connect(lua_State *L)
{
    return sock_connect(L, connect_k);
}

/* socket:reconnect_ssl() -> true | nil, STATUS.  Yields. */
int l_sock_reconnect_ssl(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    struct conn *c = sock_ready(L, s);
    struct sock_op *op;
    struct plan *p;
    int r;

    if (!c)
        return 2;
    if (!c->stream)
        return sock_push_failure(L, -EPROTONOSUPPORT);
    lua_settop(L, 1);
    p = plan_push(L, s);
    p->deadline = conn_deadline(c, s->timeout);
    op = sock_op_new(L, "reconnect_ssl", c);
    c->plan = plan_take(L, 2);
    r = start_tls(c);
    if (r < 0)
        plan_end(c, r);
    return sched_park(L, &op->op, USEC_INFINITY, tls_k);
}

/* socket:sendto(host, port, data) -> true | nil, STATUS | false, reason.  Yields. */
int l_sock_sendto(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    struct sock_op *op;
    struct plan *p;
    struct conn *c;
    lua_Integer port;

    args_check(L);
    p = plan_push(L, s);
    host_arg(L, 2, p);
    port = port_arg(L, 3);
    p->data = luaL_checklstring(L, 4, &p->len); /* stays on this stack until the op is over */
    c = sock_ready(L, s);
    if (!c)
        return 2;
    if (c->stream) {
        lua_pushvalue(L, 4);
        lua_replace(L, 2);
        lua_settop(L, 2);
        return l_sock_send(L);
    }
    if (port < 0 || port > 65535)
        return sock_push_failure(L, -EINVAL);
    p->port = (uint16_t)port;
    p->sends = true;
    op = sock_op_new(L, "sendto", c);
    c->plan = plan_take(L, 5);
    conn_start(c);
    return sched_park(L, &op->op, USEC_INFINITY, sendto_k);
}
