/* See trace.h.  A question proves itself in its answer: the source port of TCP and UDP and the
 * sequence number of an echo request say its number of hops and its try; TCP's sequence number and
 * the echo identifier are a keyed hash of the target.  Eight bytes of what was sent are all that a
 * router quotes for sure. */
#include "engine/scan/trace.h"

#include "engine/base/buf.h"
#include "engine/base/random.h"
#include "engine/base/wire.h"
#include "engine/packet/build.h"
#include "engine/scan/capture.h"
#include "engine/scan/route.h"
#include "engine/scan/sender.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <uthash.h>

#define TRIES_BITS 2
#define NUMBERS    ((PATHS_HOPS_MAX + 1) << TRIES_BITS) /* source ports */
/* Above what the kernel gives to sockets. */
#define SPORT_BASE   61000
#define SPORT_SPREAD 300
#define LINKS_MAX    32
#define WINDOW       64240
#define ECHO_BYTES   8
#define AT_ONCE      32 /* questions in one turn of the loop */

struct traced {
    UT_hash_handle hh;
    struct addr_key key;
    struct trace_target target;
    struct addr src;
};

struct trace_link {
    int ifindex;
    struct capture *capture;
};

struct tracer {
    struct loop *loop;
    struct guard *guard;
    paths_cb done;
    void *user;
    int ifindex; /* 0: the routes tell */
    struct paths *paths;
    struct traced *targets;
    struct route_socket *routes;
    struct sender *sender;
    struct siphash_key key;
    uint16_t sport_base;
    struct trace_link links[LINKS_MAX];
    size_t n_links;
    struct timer timer;
    struct path_question question; /* the guard holds it back */
    bool held;
};

static struct traced *traced_find(const struct tracer *t, const struct addr *a)
{
    struct addr_key key = addr_key(a);
    struct traced *d;

    HASH_FIND(hh, t->targets, &key, sizeof key, d);
    return d;
}

static uint32_t hash_of(const struct tracer *t, const struct addr *a, uint16_t port)
{
    struct {
        struct addr_key key;
        uint32_t port;
    } of = {addr_key(a), port};

    return (uint32_t)siphash(&t->key, &of, sizeof of);
}

/* -------------------------------------------------------------------- questions */

static uint16_t number_of(const struct path_question *q)
{
    return (uint16_t)(q->hops << TRIES_BITS | q->try);
}

static void build_tcp(const struct tracer *t, struct wbuf *w, const struct ip_fields *ip,
                      const struct traced *d, uint16_t number)
{
    static const uint8_t mss[] = {2, 4, 1460 >> 8, 1460 & 0xff};
    struct tcp_fields tcp = {
        .sport = (uint16_t)(t->sport_base + number),
        .dport = d->target.port,
        .seq = hash_of(t, &d->target.addr, d->target.port),
        .window = WINDOW,
        .flags = TCP_SYN,
    };

    tcp_build(w, ip, &tcp, mss, sizeof mss);
}

static void build_udp(const struct tracer *t, struct wbuf *w, const struct ip_fields *ip,
                      const struct traced *d, uint16_t number)
{
    const uint16_t ports[] = {(uint16_t)(t->sport_base + number), d->target.port};

    udp_build(w, ip, ports, NULL, 0);
}

static void build_echo(const struct tracer *t, struct wbuf *w, const struct ip_fields *ip,
                       const struct traced *d, uint16_t number)
{
    static const uint8_t payload[ECHO_BYTES];
    bool six = d->target.addr.family == ADDR_V6;
    struct icmp_fields icmp = {
        .type = six ? ICMP6_TYPE_ECHO : ICMP_TYPE_ECHO,
        .rest = hash_of(t, &d->target.addr, 0) << 16 | number,
    };

    icmp_build(w, ip, &icmp, payload, sizeof payload);
}

static void send_question(struct tracer *t, const struct traced *d, const struct path_question *q)
{
    struct ip_fields ip = {d->src, d->target.addr, (uint8_t)q->hops, number_of(q)};
    struct wbuf w = sender_frame(t->sender);

    if (d->target.protocol == IP_TCP)
        build_tcp(t, &w, &ip, d, number_of(q));
    else if (d->target.protocol == IP_UDP)
        build_udp(t, &w, &ip, d, number_of(q));
    else
        build_echo(t, &w, &ip, d, number_of(q));
    if (!w.bad)
        sender_add(t->sender, &w, &d->target.addr);
    /* What the kernel does not take is a lost packet: it is asked again. */
    (void)sender_flush(t->sender);
    paths_sent(t->paths, q, loop_now(t->loop));
}

/* Asks as the guard lets it.  False: not now. */
static bool ask(struct tracer *t)
{
    const struct traced *d = traced_find(t, &t->question.addr);
    int r = d ? guard_check(t->guard, GUARD_PROBE, &d->target.addr, d->target.port) : -EPERM;

    t->held = r == -EAGAIN;
    if (r == 0)
        send_question(t, d, &t->question);
    else if (!t->held)
        paths_stop(t->paths, &t->question.addr);
    return !t->held;
}

/* Without memory for a timer nobody is asked further. */
static void wake(struct tracer *t, usec_t wait)
{
    if (timer_set(t->loop, &t->timer, wait) == 0)
        return;
    paths_stop_all(t->paths);
    (void)paths_next(t->paths, loop_now(t->loop), &t->question, &wait);
}

static void on_timer(struct timer *timer)
{
    struct tracer *t = CONTAINER_OF(timer, struct tracer, timer);
    enum paths_step step = PATHS_ASK;
    usec_t wait = 0;

    for (unsigned i = 0; i < AT_ONCE && step == PATHS_ASK; i++) {
        if (!t->held)
            step = paths_next(t->paths, loop_now(t->loop), &t->question, &wait);
        if (step == PATHS_ASK && !ask(t)) {
            wait = guard_wait(t->guard);
            break;
        }
    }
    if (step != PATHS_IDLE)
        wake(t, wait);
}

static void on_done(void *user, const struct addr *a, const struct path_hop *hops, size_t n)
{
    struct tracer *t = user;
    struct traced *d = traced_find(t, a);

    if (d) {
        HASH_DEL(t->targets, d);
        free(d);
    }
    t->done(t->user, a, hops, n);
}

/* -------------------------------------------------------------------- answers */

/* Which question the packet, or the packet quoted in it, was. */
struct claim {
    struct addr addr;
    uint8_t protocol;
    uint16_t port, sport;
    uint32_t word; /* TCP: the sequence number; ICMP echo: identifier and sequence number */
};

static bool read_claim(const struct tracer *t, const struct claim *c, struct path_answer *ret)
{
    const struct traced *d = traced_find(t, &c->addr);
    unsigned number = (uint16_t)(c->sport - t->sport_base);

    if (!d)
        return false;
    if (c->protocol == IP_TCP || c->protocol == IP_UDP) {
        if (d->target.protocol != c->protocol || d->target.port != c->port ||
            (c->protocol == IP_TCP && c->word != hash_of(t, &c->addr, c->port)))
            return false;
    } else {
        if (d->target.protocol != IP_ICMP || c->word >> 16 != (hash_of(t, &c->addr, 0) & 0xffff))
            return false;
        number = c->word & 0xffff;
    }
    *ret = (struct path_answer){.addr = d->target.addr,
                                .hops = number >> TRIES_BITS,
                                .try = number & ((1U << TRIES_BITS) - 1)};
    return number < NUMBERS;
}

/* An ICMP error: of a router on the way, or the end of it. */
static bool read_error(const struct tracer *t, const struct packet *p, struct path_answer *ret)
{
    const struct packet_quote *q = &p->quote;
    bool six = q->dst.family == ADDR_V6;
    struct claim c = {q->dst, q->protocol, q->dport, q->sport, q->word};

    if (q->protocol == (six ? IP_ICMP6 : IP_ICMP) &&
        q->sport >> 8 != (six ? ICMP6_TYPE_ECHO : ICMP_TYPE_ECHO))
        return false;
    if (!read_claim(t, &c, ret))
        return false;
    ret->arrived = p->icmp.type != (six ? ICMP6_TYPE_TIME_EXCEEDED : ICMP_TYPE_TIME_EXCEEDED) ||
                   addr_equal(&p->ip.src, &q->dst);
    return true;
}

/* The host itself. */
static bool read_arrival(const struct tracer *t, const struct packet *p, struct path_answer *ret)
{
    bool six = p->ip.src.family == ADDR_V6;
    struct claim c = {p->ip.src, p->protocol, p->tcp.sport, p->tcp.dport, p->tcp.ack - 1};

    if (p->layers & PACKET_ICMP) {
        if (p->icmp.type != (six ? ICMP6_TYPE_ECHO_REPLY : ICMP_TYPE_ECHO_REPLY))
            return false;
        c.word = p->icmp.rest;
    } else if (!(p->layers & (PACKET_TCP | PACKET_UDP))) {
        return false;
    }
    if (!read_claim(t, &c, ret))
        return false;
    ret->arrived = true;
    return true;
}

static void on_packet(void *user, const struct packet *p)
{
    struct tracer *t = user;
    struct path_answer answer;

    /* On the interface that carries a VLAN its frames are heard as well. */
    if (p->vlan || !(p->layers & PACKET_IP))
        return;
    if (!(p->layers & PACKET_QUOTE ? read_error(t, p, &answer) : read_arrival(t, p, &answer)))
        return;
    answer.from = p->ip.src;
    paths_answer(t->paths, &answer, loop_now(t->loop));
    wake(t, 0);
}

/* -------------------------------------------------------------------- life */

struct tracer *trace_close(struct tracer *t)
{
    struct traced *d, *next;

    if (!t)
        return NULL;
    timer_stop(t->loop, &t->timer);
    for (size_t i = 0; i < t->n_links; i++)
        capture_close(t->links[i].capture);
    HASH_ITER (hh, t->targets, d, next) {
        HASH_DEL(t->targets, d);
        free(d);
    }
    sender_close(t->sender);
    route_close(t->routes);
    paths_free(t->paths);
    free(t);
    return NULL;
}

static void trace_closep(struct tracer **t)
{
    *t = trace_close(*t);
}

int trace_open(struct tracer **ret, struct loop *l, struct guard *g, const char *interface,
               paths_cb done, void *user, struct err *e)
{
    CLEANUP(trace_closep) struct tracer *t = calloc(1, sizeof *t);
    int r;

    if (!t)
        return err_set(e, -ENOMEM, "out of memory");
    t->loop = l;
    t->guard = g;
    t->done = done;
    t->user = user;
    t->timer.fire = on_timer;
    t->ifindex = interface ? (int)if_nametoindex(interface) : 0;
    if (interface && !t->ifindex)
        return err_set(e, -ENODEV, "interface '%s': no such interface", interface);
    random_bytes(&t->key, sizeof t->key);
    t->sport_base = (uint16_t)(SPORT_BASE + random_u64() % SPORT_SPREAD);
    t->paths = paths_new(on_done, t);
    if (!t->paths)
        return err_set(e, -ENOMEM, "out of memory");
    r = route_open(&t->routes, e);
    if (r >= 0)
        r = sender_open(&t->sender, SENDER_IP, t->ifindex, e);
    if (r < 0)
        return r;
    *ret = take(&t);
    return 0;
}

/* Answers come in where the questions went out. */
static int listen_on(struct tracer *t, const struct iface *i, struct err *e)
{
    CLEANUP(buf_done) struct buf filter = {0};
    struct capture_opts o = {.interface = i->name, .ring = 1 << 20};
    struct trace_link *l = &t->links[t->n_links];
    int r;

    for (size_t n = 0; n < t->n_links; n++)
        if (t->links[n].ifindex == i->index)
            return 0;
    if (t->n_links == LINKS_MAX)
        return err_set(e, -EMFILE, "more than %d interfaces", LINKS_MAX);
    buf_printf(
        &filter,
        "(icmp and (icmp[0] == 0 or icmp[0] == 3 or icmp[0] == 11)) or (icmp6 and (ip6[40] == 1 "
        "or ip6[40] == 3 or ip6[40] == 129)) or dst portrange %u-%u",
        t->sport_base, t->sport_base + NUMBERS - 1U);
    if (filter.failed)
        return err_set(e, -ENOMEM, "out of memory");
    o.filter = filter.data;
    r = capture_open(&l->capture, t->loop, &o, on_packet, t, e);
    if (r < 0)
        return r;
    l->ifindex = i->index;
    t->n_links++;
    return 0;
}

static int begin(struct tracer *t, const struct trace_target *target, const struct hop *way)
{
    struct path_target path = {target->addr, way->gateway, paths_distance(target->ttl)};
    struct traced *d = calloc(1, sizeof *d);
    int r;

    if (!d)
        return -ENOMEM;
    d->key = addr_key(&target->addr);
    d->target = *target;
    d->src = way->src;
    r = paths_add(t->paths, &path);
    if (r < 0) {
        free(d);
        return r;
    }
    HASH_ADD(hh, t->targets, key, sizeof d->key, d);
    return timer_set(t->loop, &t->timer, 0);
}

int trace_add(struct tracer *t, const struct trace_target *target, struct err *e)
{
    struct iface iface;
    struct hop way = {0};
    int r = route_get(t->routes, &target->addr, t->ifindex, &way);

    if (r < 0 || way.kind == HOP_LOCAL || way.kind == HOP_UNREACHABLE ||
        route_iface(t->routes, way.ifindex, &iface) < 0)
        return TRACE_NONE;
    /* Elsewhere than on Ethernet (tunnels), who is behind the link need not be at its other end. */
    if (way.kind == HOP_ONLINK && iface.ethernet)
        return TRACE_NEIGHBOUR;
    r = listen_on(t, &iface, e);
    if (r < 0)
        return r;
    r = begin(t, target, &way);
    return r < 0 ? err_set(e, r, "%s", strerror(-r)) : TRACE_STARTED;
}

void trace_stop(struct tracer *t)
{
    paths_stop_all(t->paths);
    t->held = false; /* what the guard holds back is not asked any more */
    wake(t, 0);
}
