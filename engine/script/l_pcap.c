/* socket:pcap_open(), pcap_receive(): captured frames for scripts (nse-contract 13).
 *
 * The script host has no raw socket: the world below delivers what matches the filter, as Ethernet
 * frames.  They wait in a short queue of their own; a script that looks away for too long misses
 * the newer ones, as with any capture. */
#include "engine/script/l_socket.h"

#include <errno.h>
#include <lauxlib.h>
#include <string.h>

#define QUEUE_FRAMES 256
#define QUEUE_BYTES  (1024 * 1024)
#define ETHER_LEN    14
#define VLAN_LEN     18

struct frame {
    STAILQ_ENTRY(frame) entry;
    usec_t wall;
    size_t len, wire_len;
    char data[];
};

struct capture {
    LIST_ENTRY(capture) of_all, of_holder;
    struct sockets *all;
    struct sock *sock;
    uint32_t id;
    size_t snaplen;
    STAILQ_HEAD(, frame) frames;
    size_t n_frames, n_bytes;
    struct op *op; /* who waits */
};

struct capture_op {
    struct op op;
    struct capture *capture;
};

static void drop_frame(struct capture *c)
{
    struct frame *f = STAILQ_FIRST(&c->frames);

    STAILQ_REMOVE_HEAD(&c->frames, entry);
    c->n_frames--;
    c->n_bytes -= f->len;
    free(f);
}

void lcapture_close(struct capture *c)
{
    const struct script_world *w = c->all->env.world;
    struct op *op = c->op;

    LIST_REMOVE(c, of_all);
    LIST_REMOVE(c, of_holder);
    if (w->raw_close)
        w->raw_close(w->user, c->id);
    c->sock->capture = NULL;
    while (!STAILQ_EMPTY(&c->frames))
        drop_frame(c);
    free(c);
    if (op)
        op_complete(op, -ECANCELED);
}

void bindings_raw_frame(lua_State *L, uint32_t id, const void *frame, size_t len, size_t wire_len,
                        usec_t wall)
{
    struct sockets *all = sockets_of(L);
    struct capture *c;
    struct frame *f;
    struct op *op;

    LIST_FOREACH (c, &all->captures, of_all)
        if (c->id == id)
            break;
    if (!c || c->n_frames >= QUEUE_FRAMES || c->n_bytes >= QUEUE_BYTES)
        return;
    len = len < c->snaplen ? len : c->snaplen;
    f = malloc(sizeof *f + len);
    if (!f)
        return;
    f->wall = wall;
    f->len = len;
    f->wire_len = wire_len;
    memcpy(f->data, frame, len);
    STAILQ_INSERT_TAIL(&c->frames, f, entry);
    c->n_frames++;
    c->n_bytes += len;
    op = c->op;
    c->op = NULL;
    if (op)
        op_complete(op, 0);
}

/* socket:pcap_open(device, snaplen, promiscuous, filter).  Raises when it fails. */
int l_sock_pcap_open(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    lua_Integer snaplen = luaL_checkinteger(L, 3);
    struct script_capture want = {.device = luaL_checkstring(L, 2),
                                  .filter = luaL_checkstring(L, 5)};
    struct holder *h;
    struct capture *c;
    const struct script_world *w;

    luaL_checktype(L, 4, LUA_TBOOLEAN);
    want.promiscuous = lua_toboolean(L, 4);
    want.snaplen = snaplen > 0 && snaplen < 262144 ? (size_t)snaplen : 262144;
    if (s->conn || s->capture)
        return luaL_error(L, "socket is already open");
    h = holder_get(L);
    w = h->all->env.world;
    c = calloc(1, sizeof *c);
    if (!c)
        return l_no_memory(L);
    if (!w || !w->raw_open || w->raw_open(w->user, sthread_job(h->thread), &want, &c->id) < 0) {
        free(c);
        return luaL_error(L, "can't open pcap reader on %s", want.device);
    }
    c->all = h->all;
    c->sock = s;
    c->snaplen = want.snaplen;
    STAILQ_INIT(&c->frames);
    LIST_INSERT_HEAD(&h->all->captures, c, of_all);
    LIST_INSERT_HEAD(&h->captures, c, of_holder);
    s->capture = c;
    return 0;
}

static size_t link_len(const struct frame *f)
{
    size_t want = ETHER_LEN;

    if (f->len >= ETHER_LEN && memcmp(f->data + 12, "\x81\x00", 2) == 0)
        want = VLAN_LEN;
    return f->len < want ? f->len : want;
}

/* The frame stays queued until its strings are made: running out of memory here loses nothing. */
static int push_frame(lua_State *L, struct capture *c)
{
    const struct frame *f = STAILQ_FIRST(&c->frames);
    size_t link = link_len(f);

    lua_pushboolean(L, 1);
    lua_pushinteger(L, (lua_Integer)f->wire_len);
    lua_pushlstring(L, f->data, link);
    lua_pushlstring(L, f->data + link, f->len - link);
    lua_pushnumber(L, (double)f->wall / (double)USEC_PER_SEC);
    drop_frame(c);
    return 5;
}

static int pcap_k(lua_State *L, int status, lua_KContext ctx)
{
    const struct op *op = (const struct op *)ctx;
    struct sock *s = sock_check(L, 1);

    (void)status;
    if (op->status < 0 || !s->capture || STAILQ_EMPTY(&s->capture->frames))
        return sock_push_failure(L, op->status < 0 ? op->status : -ECANCELED);
    return push_frame(L, s->capture);
}

static void pcap_cancel(struct op *op)
{
    CONTAINER_OF(op, struct capture_op, op)->capture->op = NULL;
}

/* socket:pcap_receive() -> true, length on the wire, link header, the rest, time | nil, STATUS.
 * Yields. */
int l_sock_pcap_receive(lua_State *L)
{
    struct sock *s = sock_check(L, 1);
    struct capture_op *op;

    if (!s->capture)
        return luaL_error(L, "not a pcap socket");
    if (s->capture->op)
        return luaL_error(L, "Invalid reuse of a socket from one thread to another.");
    if (!STAILQ_EMPTY(&s->capture->frames))
        return push_frame(L, s->capture);
    lua_settop(L, 1);
    op = CONTAINER_OF(op_new(L, "pcap_receive", sizeof *op, NULL), struct capture_op, op);
    op->op.cancel = pcap_cancel;
    op->capture = s->capture;
    s->capture->op = &op->op;
    return sched_park(L, &op->op, s->timeout, pcap_k);
}
