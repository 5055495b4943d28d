/* Sockets of scripts: what the files of this binding share.
 *
 * Two halves.  `struct sock` is the Lua object; `struct conn` is one connection of it (or one UDP
 * socket), C memory that the loop's callbacks hold on to.  A conn is made by each connect, closed
 * by close(), by the end of the thread that opened it, or with its object; it is freed when the
 * last started operation has called back. */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/buf.h"
#include "engine/loop/dgram.h"
#include "engine/loop/dns.h"
#include "engine/loop/stream.h"
#include "engine/script/bindings.h"
#include "engine/script/l_util.h"
#include "engine/script/sched.h"

#include <sys/queue.h>

enum sock_protocol { SOCK_TCP, SOCK_UDP };

struct conn;
struct capture;

LIST_HEAD(conn_list, conn);
LIST_HEAD(capture_list, capture);

/* All sockets of a Lua state. */
struct sockets {
    struct binding_env env;
    struct slots slots;
    unsigned n_waiting; /* for a slot, of all or of the thread's host */
    size_t buffered;    /* bytes received that no script has taken yet */
    uint64_t last_serial;
    struct capture_list captures;
};

/* A thread that opened sockets.  They close when it ends. */
struct holder {
    struct sthread *thread;
    struct sockets *all;
    struct slots *slots; /* of its host; NULL: none */
    struct conn_list conns;
    struct capture_list captures;
    unsigned n_counted; /* connections that count for its slot */
    unsigned n_conns;   /* open */
};

/* A coroutine waiting on a socket. */
struct sock_op {
    struct op op;
    struct conn *conn;
    uint64_t serial; /* of conn: whether the object still has the same */
    struct sockets *all;
    struct buf in; /* what came for it, once it is over */
};

/* What a connect, or a sendto, still has to do; gone when it is done. */
struct plan {
    char name[256]; /* to look up; "": `to` is known */
    bool no_name;   /* `name` is cut: nothing to look up */
    char server_name[256];
    struct addr to, local;
    uint16_t port, local_port;
    enum addr_family family;
    bool tls, sends;
    usec_t timeout, deadline;
    const char *data; /* of sendto: a Lua string on the waiting stack */
    size_t len;
    struct dns_query *query;
};

struct conn {
    unsigned refs; /* the object's, and one for each operation under way */
    uint64_t serial;
    struct sockets *all; /* NULL: closed */
    struct holder *holder;
    LIST_ENTRY(conn) of_holder;
    TAILQ_ENTRY(conn) in_queue;
    struct slots *queue; /* where it waits; NULL: it does not */
    bool counted;

    enum sock_protocol protocol;
    struct stream *stream; /* TCP, and DTLS */
    struct dgram *udp;     /* without DTLS */
    struct addr peer;      /* UDP: whom we last sent to or heard from */
    uint16_t peer_port;

    char *server_name;  /* for TLS; NULL: none */
    struct sock_op *op; /* who waits; NULL: nobody */
    struct plan *plan;
    const char *unresolved; /* why the name has no address; NULL: it has */

    struct buf in; /* what the receive under way has gathered; empty when there is none */
    size_t want_bytes, want_lines, n_lines;
    usec_t deadline;            /* of it; USEC_INFINITY: none */
    bool draining;              /* enough is there; taking what else is ready */
    int held_back;              /* a failure behind data that was delivered first; 0: none */
    uint64_t seen_in, seen_out; /* already counted for the thread */
    uint64_t udp_in, udp_out;
};

struct sock {
    struct conn *conn; /* NULL: never opened, or closed */
    struct capture *capture;
    enum sock_protocol protocol; /* of new_socket() */
    enum addr_family family;
    usec_t timeout;
    struct addr bind; /* family ADDR_NONE with bind_port 0: not bound */
    uint16_t bind_port;
};

#define SOCK_TYPE            "nsock"
#define SOCK_OP_TYPE         "nsock op"
#define SOCK_DEFAULT_TIMEOUT (30 * USEC_PER_SEC)
#define GATHERED_MAX         ((size_t)16 << 20) /* bytes that one receive waits for */

/* ---- l_socket.c ---- */
struct sockets *sockets_of(lua_State *L);
struct sock *sock_check(lua_State *L, int arg);
/* The open connection of the object, or NULL. */
struct conn *sock_conn(const struct sock *s);
/* The same; a UDP socket is opened if need be.  NULL: pushed a soft error (two values). */
struct conn *sock_usable(lua_State *L, struct sock *s);
void sock_check_idle(lua_State *L,
                     const struct sock *s); /* raises when another coroutine waits on it */
struct conn *sock_ready(lua_State *L, struct sock *s); /* both: for an operation that waits */
/* An op for the connection, on top of the stack; nobody else may be waiting. */
struct sock_op *sock_op_new(lua_State *L, const char *name, struct conn *c);
/* In a continuation: the connection of op, if the object still has it, else NULL (the op was
 * cancelled). */
struct conn *sock_op_conn(struct sock *s, const struct sock_op *op);
void sock_op_drop(struct sock_op *op);                 /* what came for it */
int sock_push_failure(lua_State *L, int status);       /* nil, STATUS */
int sock_push_soft(lua_State *L, const char *message); /* false, message */

void sock_drop(struct sock *s); /* closes what is open */
int l_sock_new(lua_State *L);

/* ---- l_socket_conn.c ---- */
/* A connection for the running thread, in s->conn.  Raises on no memory. */
struct conn *conn_new(lua_State *L, struct sock *s, enum sock_protocol protocol);
void conn_close(struct conn *c); /* who waits on it gets -ECANCELED */
/* A UDP socket of the connection's.  -ENOMEM. */
int conn_udp_new(struct conn *c) MUST_USE;
struct conn *conn_ref(struct conn *c);
void conn_unref(struct conn *c);
/* Wakes who waits, and gives it what was gathered: before it runs, another may use the socket. */
void conn_finish(struct conn *c, int status);
bool conn_open(const struct conn *c); /* it can be used */
void conn_account(struct conn *c, struct sthread *t);
usec_t conn_deadline(const struct conn *c, usec_t timeout);
usec_t conn_time_left(const struct conn *c, usec_t deadline);
/* True: the thread may connect.  False: c waits, conn_start() comes later. */
bool conn_take_slot(struct conn *c);
void conn_start(struct conn *c); /* l_socket_connect.c: works the plan */
void conn_plan_done(struct conn *c);
struct holder *holder_get(lua_State *L);

/* ---- further methods ---- */
int l_sock_connect(lua_State *L);
int l_sock_reconnect_ssl(lua_State *L);
int l_sock_sendto(lua_State *L);
int l_sock_send(lua_State *L);
int l_sock_receive(lua_State *L);
int l_sock_receive_bytes(lua_State *L);
int l_sock_receive_lines(lua_State *L);
int l_sock_receive_buf(lua_State *L);
int l_sock_pcap_open(lua_State *L);
int l_sock_pcap_receive(lua_State *L);
void lcapture_close(struct capture *c);
/* Starts a receive of anything on c; the op stands on top of the stack.  Must be the tail call. */
int conn_receive(lua_State *L, struct sock *s, struct conn *c, lua_KFunction k);
/* In k: pushes the data, or returns the failure (< 0) with nothing pushed. */
int conn_received(lua_State *L, struct sock *s, struct sock_op *op);

/* Sends a copy of data; otherwise as conn_receive(). */
int conn_send(lua_State *L, struct sock *s, struct conn *c, const void *data, size_t len,
              lua_KFunction k);
/* In k: 0 or the failure.  data may be NULL: it is not traced then. */
int conn_sent(lua_State *L, struct sock *s, const struct sock_op *op, const void *data, size_t len);
/* connect() with the socket, host, port and protocol at 1 to 4.  Must be the tail call; k calls
 * sock_connected(), which pushes what connect() returns. */
int sock_connect(lua_State *L, lua_KFunction k);
int sock_connected(lua_State *L, const struct sock_op *op);

/* ---- l_socket_trace.c ---- */
enum trace_event { TRACE_CONNECT, TRACE_SEND, TRACE_RECEIVE, TRACE_CLOSE };
/* One line to world.log when --script-trace is on.  data may be NULL. */
void conn_trace(struct conn *c, enum trace_event what, const void *data, size_t len);
