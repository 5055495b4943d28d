/* Module libssh2 for scripts: sessions, and the driver that moves their bytes. */
#include "engine/script/l_ssh2.h"

#include "engine/script/l_socket.h"

#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stddef.h>
#include <sys/eventfd.h>

#define OUT_MAX    (256 * 1024) /* bytes that wait to be sent */
#define FREE_TRIES 100

/* libssh2's own order but for the first two: its exchange over NIST curves and its Diffie-Hellman
 * lose objects of OpenSSL's (1.5 kB) when they are broken off half way, that over curve 25519 does
 * not. */
#define KEX_ORDER                                                                                  \
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"        \
    "ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,"       \
    "diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,diffie-hellman-group14-sha1,"     \
    "diffie-hellman-group1-sha1,diffie-hellman-group-exchange-sha1"

static const char module_key;

/* ---- what libssh2 calls ---- */

/* libssh2 forgets some of its memory when a key exchange is broken off.  So a session's blocks are
 * chained, and what is left when it ends goes with it. */
struct ssh_block {
    LIST_ENTRY(ssh_block) entry;
    max_align_t data[];
};

static void *ssh_realloc(void *p, size_t size, void **abstract)
{
    struct ssh *s = *abstract;
    struct ssh_block *old = p ? CONTAINER_OF(p, struct ssh_block, data) : NULL;
    struct ssh_block *b;

    if (size > SIZE_MAX - sizeof *b)
        return NULL;
    if (old)
        LIST_REMOVE(old, entry);
    b = l_realloc(s->main, old, sizeof *b + size);
    if (!b && old)
        LIST_INSERT_HEAD(&s->blocks, old, entry);
    if (!b)
        return NULL;
    LIST_INSERT_HEAD(&s->blocks, b, entry);
    return b->data;
}

static void *ssh_alloc(size_t size, void **abstract)
{
    return ssh_realloc(NULL, size, abstract);
}

static void ssh_free(void *p, void **abstract)
{
    struct ssh_block *b = p ? CONTAINER_OF(p, struct ssh_block, data) : NULL;

    if (!b)
        return;
    LIST_REMOVE(b, entry);
    l_free(((struct ssh *)*abstract)->main, b);
}

void *ssh_memory(struct ssh *s, size_t size)
{
    void *abstract = s;

    return ssh_alloc(size, &abstract);
}

static ssize_t ssh_recv(libssh2_socket_t fd, void *data, size_t len, int flags, void **abstract)
{
    struct ssh *s = *abstract;
    size_t n = s->in.len < len ? s->in.len : len;

    (void)fd, (void)flags;
    if (n == 0)
        return s->ended || s->dead ? 0 : -EAGAIN;
    memcpy(data, s->in.data, n);
    buf_consume(&s->in, n);
    return (ssize_t)n;
}

static ssize_t ssh_send(libssh2_socket_t fd, const void *data, size_t len, int flags,
                        void **abstract)
{
    struct ssh *s = *abstract;

    (void)fd, (void)flags;
    if (s->dead)
        return (ssize_t)len;
    if (s->out.len >= OUT_MAX)
        return -EAGAIN;
    buf_add(&s->out, data, len);
    return s->out.failed ? -ENOMEM : (ssize_t)len;
}

/* ---- the driver ---- */

static int drive(lua_State *L, struct ssh *s);

static int fail_io(lua_State *L, int status)
{
    if (status == -ETIMEDOUT)
        return luaL_error(L, "TIMEOUT");
    return luaL_error(L, status == -ENODATA ? "EOF" : "ERROR");
}

/* What the peer closed is not over before libssh2 has seen all of it. */
static int received_k(lua_State *L, int status, lua_KContext ctx)
{
    struct ssh *s = lua_touserdata(L, 1);
    int r = conn_received(L, s->sock, (struct sock_op *)ctx);
    size_t len;
    const char *data;

    (void)status;
    if (r == -ENODATA)
        s->ended = true;
    else if (r < 0)
        return fail_io(L, r);
    if (r == 0) {
        data = lua_tolstring(L, -1, &len);
        buf_add(&s->in, data, len);
        if (s->in.failed)
            return l_no_memory(L);
    }
    return drive(L, s);
}

/* Results that the step has pushed stand below the op. */
static int sent_k(lua_State *L, int status, lua_KContext ctx)
{
    struct ssh *s = lua_touserdata(L, 1);
    int r = conn_sent(L, s->sock, (const struct sock_op *)ctx, s->out.data, s->out.len);

    (void)status;
    buf_done(&s->out);
    if (r < 0)
        return fail_io(L, r);
    lua_pop(L, 1);
    return s->n_results >= 0 ? s->n_results : drive(L, s);
}

static int drive(lua_State *L, struct ssh *s)
{
    struct conn *c = sock_conn(s->sock);

    lua_settop(L, s->top);
    if (!c)
        return fail_io(L, -ECANCELED);
    s->n_results = s->step(L, s);
    c = sock_conn(s->sock);
    if (s->out.len > 0 && c)
        return conn_send(L, s->sock, c, s->out.data, s->out.len, sent_k);
    if (s->n_results >= 0)
        return s->n_results;
    if (s->ended)
        return fail_io(L, -ENODATA);
    return c ? conn_receive(L, s->sock, c, received_k) : fail_io(L, -ECANCELED);
}

int ssh_drive(lua_State *L, struct ssh *s, int n_args, ssh_step step)
{
    sock_check_idle(L, s->sock);
    luaL_checkstack(L, 10, NULL);
    s->top = n_args;
    s->step = step;
    s->written = 0;
    s->sign_wanted = false;
    return drive(L, s);
}

int ssh_raise(lua_State *L, struct ssh *s)
{
    char *text = NULL;

    libssh2_session_last_error(s->session, &text, NULL, 0);
    return luaL_error(L, "%s", text && *text ? text : "ERROR");
}

bool ssh_again(lua_State *L, struct ssh *s, int rc)
{
    switch (rc) {
    case LIBSSH2_ERROR_EAGAIN:
        return true;
    case LIBSSH2_ERROR_ALLOC:
        l_no_memory(L);
        return false;
    case LIBSSH2_ERROR_SOCKET_SEND:
    case LIBSSH2_ERROR_SOCKET_RECV:
    case LIBSSH2_ERROR_SOCKET_DISCONNECT:
    case LIBSSH2_ERROR_PROTO:
        ssh_raise(L, s);
        return false;
    default:
        return false;
    }
}

/* ---- sessions ---- */

/* The session at 1, which may be closed.  While libssh2 is in the middle of it, and has only called
 * back, it cannot be touched. */
static struct ssh *check_unused(lua_State *L)
{
    struct ssh *s = luaL_checkudata(L, 1, SSH_TYPE);

    luaL_argcheck(L, !s->caller, 1, "the session is in use");
    return s;
}

struct ssh *ssh_check(lua_State *L)
{
    struct ssh *s = check_unused(L);

    luaL_argcheck(L, s->session, 1, "the session is closed");
    return s;
}

void ssh_channel_drop(struct ssh_channel *c)
{
    LIST_REMOVE(c, entry);
    LIST_REMOVE(c, of_module);
    l_free(c->ssh->main, c);
}

/* Freeing takes its leave from the peer, step by step; with `dead` set nothing of that waits. */
static void session_end(struct ssh *s)
{
    struct ssh_channel *c;
    struct ssh_block *b;

    s->dead = true;
    for (int i = 0; s->session && i < FREE_TRIES; i++)
        if (libssh2_session_free(s->session) != LIBSSH2_ERROR_EAGAIN)
            s->session = NULL;
    s->session = NULL;
    while ((c = LIST_FIRST(&s->channels)))
        ssh_channel_drop(c);
    while ((b = LIST_FIRST(&s->blocks))) {
        LIST_REMOVE(b, entry);
        l_free(s->main, b);
    }
    buf_done(&s->in);
    buf_done(&s->out);
}

static int ssh_gc(lua_State *L)
{
    session_end(lua_touserdata(L, 1));
    return 0;
}

static int step_handshake(lua_State *L, struct ssh *s)
{
    int rc = libssh2_session_handshake(s->session, ssh_module_of(L)->fd);

    if (rc == LIBSSH2_ERROR_EAGAIN)
        return SSH_AGAIN;
    if (rc != 0)
        return ssh_raise(L, s);
    lua_pushvalue(L, 1);
    return 1;
}

/* Replaces the connected socket at 1 by a session over it. */
static struct ssh *session_push(lua_State *L)
{
    struct ssh *s = lua_newuserdatauv(L, sizeof *s, 1);

    *s = (struct ssh){.sock = sock_check(L, 1), .main = l_main(L)};
    LIST_INIT(&s->channels);
    LIST_INIT(&s->blocks);
    luaL_setmetatable(L, SSH_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_replace(L, 1);
    s->session = libssh2_session_init_ex(ssh_alloc, ssh_free, ssh_realloc, s);
    if (!s->session)
        l_no_memory(L);
    libssh2_session_set_blocking(s->session, 0);
    libssh2_session_method_pref(s->session, LIBSSH2_METHOD_KEX, KEX_ORDER);
    libssh2_session_callback_set(s->session, LIBSSH2_CALLBACK_SEND, (void *)ssh_send);
    libssh2_session_callback_set(s->session, LIBSSH2_CALLBACK_RECV, (void *)ssh_recv);
    return s;
}

static int connected_k(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    if (sock_connected(L, (const struct sock_op *)ctx) != 1)
        return lua_error(L); /* with the status or the resolver's message, which stands on top */
    return ssh_drive(L, session_push(L), 1, step_handshake);
}

/* session_open(host, port) -> session.  Yields; raises when it fails. */
static int l_session_open(lua_State *L)
{
    luaL_checkinteger(L, 2);
    luaL_checkany(L, 1);
    lua_settop(L, 2);
    lua_pushcfunction(L, l_sock_new);
    lua_call(L, 0, 1);
    lua_insert(L, 1);
    return sock_connect(L, connected_k);
}

static int step_disconnect(lua_State *L, struct ssh *s)
{
    int rc = s->session ? libssh2_session_disconnect(s->session, "done") : 0;

    (void)L;
    return rc == LIBSSH2_ERROR_EAGAIN ? SSH_AGAIN : 0;
}

static int close_k(lua_State *L, int status, lua_KContext ctx)
{
    struct ssh *s = lua_touserdata(L, 1);

    (void)status, (void)ctx;
    session_end(s);
    sock_drop(s->sock);
    return 0;
}

static int l_disconnect(lua_State *L)
{
    return ssh_drive(L, ssh_check(L), 1, step_disconnect);
}

/* session_close(session).  Yields; a peer that is gone already is no failure. */
static int l_session_close(lua_State *L)
{
    struct ssh *s = check_unused(L);

    if (!s->session)
        return 0;
    sock_check_idle(L, s->sock);
    lua_settop(L, 1);
    lua_pushcfunction(L, l_disconnect);
    lua_pushvalue(L, 1);
    return close_k(L, lua_pcallk(L, 1, 0, 0, 0, close_k), 0);
}

/* set_timeout(session, milliseconds) */
static int l_set_timeout(lua_State *L)
{
    struct ssh *s = ssh_check(L);
    double ms = luaL_checknumber(L, 2);

    luaL_argcheck(L, ms >= 0 && ms < 1e12, 2, "timeout out of range");
    s->sock->timeout = ms == 0 ? USEC_INFINITY : (usec_t)floor(ms) * USEC_PER_MSEC;
    return 0;
}

/* hostkey_hash(session[, "sha1" | "md5"]) -> "AA:BB:..." */
static int l_hostkey_hash(lua_State *L)
{
    static const char *const names[] = {"sha1", "md5", NULL};
    struct ssh *s = ssh_check(L);
    int md5 = luaL_checkoption(L, 2, names[0], names);
    size_t len = md5 ? 16 : 20;
    const char *hash = libssh2_hostkey_hash(s->session, md5 ? LIBSSH2_HOSTKEY_HASH_MD5
                                                            : LIBSSH2_HOSTKEY_HASH_SHA1);
    static const char digits[] = "0123456789ABCDEF";
    char text[3 * 20];

    if (!hash)
        return luaL_error(L, "no host key");
    for (size_t i = 0; i < len; i++) {
        text[3 * i] = digits[(unsigned char)hash[i] >> 4];
        text[3 * i + 1] = digits[hash[i] & 15];
        text[3 * i + 2] = ':';
    }
    lua_pushlstring(L, text, 3 * len - 1);
    return 1;
}

/* ---- the module ---- */

static void module_destroy(void *object)
{
    struct ssh_module *m = object;

    if (m->fd >= 0)
        close(m->fd);
    free(m);
}

static void make_module(lua_State *L)
{
    struct l_box *box = l_box_push(L, module_destroy);
    struct ssh_module *m = box->object = calloc(1, sizeof *m);

    if (!m)
        l_no_memory(L);
    LIST_INIT(&m->channels);
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (m->fd < 0)
        luaL_error(L, "libssh2: no descriptor: %s", strerror(errno));
    lua_rawsetp(L, LUA_REGISTRYINDEX, &module_key);
}

struct ssh_module *ssh_module_of(lua_State *L)
{
    struct l_box *box;

    luaL_checkstack(L, 1, NULL);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &module_key);
    box = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return box->object;
}

int luaopen_libssh2(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"session_open", l_session_open},
        {"session_close", l_session_close},
        {"set_timeout", l_set_timeout},
        {"hostkey_hash", l_hostkey_hash},
        {NULL, NULL},
    };
    static const luaL_Reg methods[] = {{"__gc", ssh_gc}, {NULL, NULL}};

    if (libssh2_init(0) != 0)
        return l_no_memory(L);
    make_module(L);
    l_type(L, SSH_TYPE, methods);
    luaL_newlib(L, functions);
    ssh_add_auth(L);
    ssh_add_channel(L);
    return 1;
}
