/* Connections of scripts: their life, the thread they belong to, and slots.
 *
 * A thread needs a slot for its first connection and keeps it until its last one is closed; others
 * wait inside connect, first come, first served.  Each host has slots of its own beside those of
 * all: servers refuse, or drop, whoever comes with dozens of connections at a time.  Everything a
 * thread opened is closed by one destructor when it ends: a descriptor is too dear to wait for the
 * collector. */
#include "engine/script/l_socket.h"

#include <assert.h>
#include <errno.h>
#include <lauxlib.h>
#include <net/if.h>

#define COLLECT_EVERY 128 /* open connections of a thread */
#define CONNS_MAX     512

struct conn *conn_ref(struct conn *c)
{
    c->refs++;
    return c;
}

int conn_udp_new(struct conn *c)
{
    const struct binding_env *env = &c->all->env;
    int r = dgram_new(&c->udp, env->loop, env->guard);

    if (r == 0 && env->interface)
        dgram_set_link(c->udp, (int)if_nametoindex(env->interface));
    return r;
}

void conn_unref(struct conn *c)
{
    assert(c->refs > 0);
    if (--c->refs > 0)
        return;
    free(c->plan);
    free(c->server_name);
    buf_done(&c->in);
    free(c);
}

void conn_finish(struct conn *c, int status)
{
    struct sock_op *op = c->op;

    if (!op)
        return;
    c->op = NULL;
    op->in = c->in;
    c->in = (struct buf){0};
    op_complete(&op->op, status);
}

void conn_plan_done(struct conn *c)
{
    free(c->plan);
    c->plan = NULL;
}

/* ---- slots ---- */

void slots_init(struct slots *s, unsigned max)
{
    *s = (struct slots){.max = max};
    TAILQ_INIT(&s->waiting);
}

static bool is_full(const struct slots *s)
{
    return s && s->n >= s->max;
}

static void slot_give_back(struct conn *c)
{
    struct holder *h = c->holder;

    if (!c->counted)
        return;
    c->counted = false;
    if (--h->n_counted > 0)
        return;
    c->all->slots.n--;
    if (h->slots)
        h->slots->n--;
}

static void slot_queue(struct conn *c, struct slots *s)
{
    TAILQ_INSERT_TAIL(&s->waiting, c, in_queue);
    c->queue = s;
    c->all->n_waiting++;
}

bool conn_take_slot(struct conn *c)
{
    struct sockets *all = c->all;
    struct holder *h = c->holder;

    if (h->n_counted == 0 && (is_full(h->slots) || is_full(&all->slots))) {
        slot_queue(c, is_full(h->slots) ? h->slots : &all->slots);
        return false;
    }
    if (h->n_counted++ == 0) {
        all->slots.n++;
        if (h->slots)
            h->slots->n++;
    }
    c->counted = true;
    return true;
}

static void slot_dequeue(struct conn *c)
{
    if (!c->queue)
        return;
    TAILQ_REMOVE(&c->queue->waiting, c, in_queue);
    c->queue = NULL;
    c->all->n_waiting--;
}

/* Who finds the other limit reached goes on to wait there.  conn_start() completes nothing but
 * waiting threads. */
static void slots_serve(struct slots *s)
{
    struct conn *c;

    while (!is_full(s) && (c = TAILQ_FIRST(&s->waiting))) {
        slot_dequeue(c);
        if (conn_take_slot(c))
            conn_start(c);
    }
}

void conn_close(struct conn *c)
{
    struct sockets *all = c->all;
    struct slots *own;

    if (!all)
        return;
    own = c->holder->slots;
    conn_trace(c, TRACE_CLOSE, NULL, 0);
    slot_dequeue(c);
    slot_give_back(c);
    LIST_REMOVE(c, of_holder);
    c->holder->n_conns--;
    c->holder = NULL;
    c->all = NULL;
    if (c->plan && c->plan->query)
        dns_cancel(c->plan->query);
    conn_plan_done(c);
    stream_freep(&c->stream);
    dgram_freep(&c->udp);
    all->buffered -= c->in.len;
    buf_done(&c->in);
    conn_finish(c, -ECANCELED);
    if (own)
        slots_serve(own);
    slots_serve(&all->slots);
}

static void holder_ended(struct sthread *t, void *user)
{
    struct holder *h = user;
    struct conn *c;
    struct capture *capture;

    while ((c = LIST_FIRST(&h->conns))) {
        conn_account(c, t);
        conn_close(c);
    }
    while ((capture = LIST_FIRST(&h->captures)))
        lcapture_close(capture);
    free(h);
}

struct holder *holder_get(lua_State *L)
{
    struct sockets *all = sockets_of(L);
    struct sthread *t = sched_current(L);
    struct holder *h;

    h = sthread_end_user(t, all);
    if (h)
        return h;
    h = calloc(1, sizeof *h);
    if (!h || sthread_on_end(t, all, holder_ended, h) < 0) {
        free(h);
        l_no_memory(L);
        return NULL;
    }
    h->thread = t;
    h->all = all;
    h->slots = all->env.slots_of ? all->env.slots_of(all->env.user, t) : NULL;
    return h;
}

/* Sockets that a script dropped without closing are still open: collects them, and sees to it that
 * one script does not use up the descriptors of all. */
static void holder_check(lua_State *L, const struct holder *h)
{
    if (h->n_conns == 0 || h->n_conns % COLLECT_EVERY != 0)
        return;
    lua_gc(L, LUA_GCCOLLECT);
    if (h->n_conns >= CONNS_MAX)
        luaL_error(L, "too many open sockets (%d)", (int)h->n_conns);
}

struct conn *conn_new(lua_State *L, struct sock *s, enum sock_protocol protocol)
{
    struct holder *h = holder_get(L);
    struct conn *c;

    holder_check(L, h);
    c = calloc(1, sizeof *c);
    if (!c)
        l_no_memory(L);
    c->refs = 1;
    c->all = h->all;
    c->serial = ++h->all->last_serial;
    c->holder = h;
    c->protocol = protocol;
    LIST_INSERT_HEAD(&h->conns, c, of_holder);
    h->n_conns++;
    s->conn = c;
    return c;
}

bool conn_open(const struct conn *c)
{
    return c->all && (c->udp || (c->stream && stream_connected(c->stream)));
}

/* What moved since the last time goes to the thread's account. */
void conn_account(struct conn *c, struct sthread *t)
{
    uint64_t in = c->stream ? stream_bytes_in(c->stream) : c->udp_in;
    uint64_t out = c->stream ? stream_bytes_out(c->stream) : c->udp_out;

    sthread_count_bytes(t, in - c->seen_in, out - c->seen_out);
    c->seen_in = in;
    c->seen_out = out;
}

usec_t conn_deadline(const struct conn *c, usec_t timeout)
{
    return timeout == USEC_INFINITY ? USEC_INFINITY : loop_now(c->all->env.loop) + timeout;
}

usec_t conn_time_left(const struct conn *c, usec_t deadline)
{
    usec_t now;

    if (deadline == USEC_INFINITY)
        return USEC_INFINITY;
    now = loop_now(c->all->env.loop);
    return deadline > now ? deadline - now : 0;
}
