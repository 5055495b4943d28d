/* See multicast.h.  Answers prove themselves: echo replies repeat a hash of our source address
 * under a random key, and complaints quote it. */
#include "engine/scan/multicast.h"

#include "engine/base/random.h"
#include "engine/packet/build.h"
#include "engine/scan/listen_capture.h"
#include "engine/scan/sender.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netpacket/packet.h>
#include <string.h>
#include <uthash.h>

#define FILTER       "icmp6 and (ip6[40] == 129 or ip6[40] == 4)"
#define HOP_LIMIT    1 /* all nodes of this link */
#define NEXT_OPTIONS 60
#define OPTION                                                                                     \
    0x80 /* unknown, not changed on the way; discard, and complain even of multicasts              \
          */
#define OPTIONS_LEN    8
#define PARAM_PROBLEM  4
#define UNKNOWN_OPTION 2
#define COOKIE_LEN     8
#define ECHO_LEN       (ICMP_HEADER_LEN + COOKIE_LEN)

struct answer {
    UT_hash_handle hh;
    uint8_t address[16];
    bool echoed;
};

struct multicast {
    struct loop *loop;
    struct multicast_sink sink;
    void *user;
    char interface[IFNAMSIZ];
    int ifindex;
    struct mac mac;
    struct siphash_key key;
    uint16_t id;
    unsigned round;
    struct listen_capture *capture;
    struct sender *sender;
    struct timer timer;
    struct answer *answers;
};

static const struct addr all_nodes = {.family = ADDR_V6, .b = {0xff, 2, [15] = 1}};

/* -------------------------------------------------------------------- interfaces */

/* An IPv6 address of an interface, and the network that it is in.  False: none that can be asked.
 */
static bool link_address(const struct ifaddrs *i, struct addr *own, struct prefix *network)
{
    struct addr mask;

    if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET6 || !i->ifa_netmask ||
        !(i->ifa_flags & IFF_UP) || !(i->ifa_flags & IFF_MULTICAST) ||
        i->ifa_flags & IFF_LOOPBACK || addr_from_sockaddr(i->ifa_addr, own, NULL) < 0 ||
        addr_from_sockaddr(i->ifa_netmask, &mask, NULL) < 0)
        return false;
    own->scope = 0;
    *network = prefix_of(own, addr_mask_len(&mask));
    return true;
}

size_t multicast_links(const struct addr_set *scope, char (*ret)[IFNAMSIZ], size_t max)
{
    struct ifaddrs *links = NULL;
    struct prefix network;
    struct addr own;
    size_t n = 0;

    if (getifaddrs(&links) < 0)
        return 0;
    for (const struct ifaddrs *i = links; i && n < max; i = i->ifa_next) {
        bool known = false;

        for (size_t j = 0; j < n; j++)
            known |= strcmp(ret[j], i->ifa_name) == 0;
        if (!known && link_address(i, &own, &network) && addr_set_overlaps(scope, &network))
            snprintf(ret[n++], IFNAMSIZ, "%s", i->ifa_name);
    }
    freeifaddrs(links);
    return n;
}

bool multicast_reaches(const char *interface, const struct addr_set *set)
{
    struct ifaddrs *links = NULL;
    bool reaches = false;
    struct prefix network;
    struct addr own;

    if (getifaddrs(&links) < 0)
        return true; /* not known to be safe */
    for (const struct ifaddrs *i = links; i && !reaches; i = i->ifa_next)
        reaches = strcmp(i->ifa_name, interface) == 0 && link_address(i, &own, &network) &&
                  addr_set_overlaps(set, &network);
    freeifaddrs(links);
    return reaches;
}

/* -------------------------------------------------------------------- questions */

static uint64_t cookie_for(const struct multicast *m, const struct addr *src)
{
    return siphash(&m->key, src->b, sizeof src->b);
}

static void echo_build(const struct multicast *m, struct wbuf *w, const struct addr *src)
{
    struct ip_fields ip = {*src, all_nodes, HOP_LIMIT, 0};
    struct icmp_fields icmp = {ICMP6_TYPE_ECHO, 0, (uint32_t)m->id << 16 | m->round};
    uint8_t cookie[COOKIE_LEN];
    struct wbuf c = wbuf_of(cookie, sizeof cookie);

    wbuf_u64(&c, cookie_for(m, src));
    icmp_build(w, &ip, &icmp, cookie, sizeof cookie);
}

/* The same behind a header of destination options: the packet is taken apart, so that the checksum,
 * which does not cover that header, is made in one place. */
static void riddle_build(const struct multicast *m, struct wbuf *w, const struct addr *src)
{
    uint8_t plain[IP6_HEADER_LEN + ECHO_LEN];
    struct wbuf p = wbuf_of(plain, sizeof plain);

    echo_build(m, &p, src);
    wbuf_bytes(w, plain, 4);
    wbuf_u16(w, OPTIONS_LEN + ECHO_LEN);
    wbuf_u8(w, NEXT_OPTIONS);
    wbuf_bytes(w, plain + 7, IP6_HEADER_LEN - 7);
    wbuf_u8(w, IP_ICMP6);
    wbuf_u8(w, 0); /* 8 bytes in all */
    wbuf_u8(w, OPTION);
    wbuf_u8(w, 4);
    wbuf_u32(w, 0);
    wbuf_bytes(w, plain + IP6_HEADER_LEN, ECHO_LEN);
}

static void send_one(struct multicast *m, const struct addr *src,
                     void (*build)(const struct multicast *m, struct wbuf *w,
                                   const struct addr *src))
{
    static const struct mac group = {{0x33, 0x33, 0, 0, 0, 1}};
    struct wbuf w;

    if (sender_full(m->sender) && sender_flush(m->sender) < 0)
        return; /* there are other rounds */
    w = sender_frame(m->sender);
    ether_build(&w, &group, &m->mac, ETHER_IP6);
    build(m, &w, src);
    if (!w.bad)
        sender_add(m->sender, &w, &all_nodes);
}

/* 0, or -EADDRNOTAVAIL: there is no address to ask from. */
static int ask(struct multicast *m)
{
    struct ifaddrs *links = NULL;
    struct prefix network;
    struct addr own;
    unsigned n = 0;

    if (getifaddrs(&links) < 0)
        return -errno;
    for (const struct ifaddrs *i = links; i && n < MULTICAST_SOURCES; i = i->ifa_next) {
        if (strcmp(i->ifa_name, m->interface) != 0 || !link_address(i, &own, &network))
            continue;
        send_one(m, &own, echo_build);
        send_one(m, &own, riddle_build);
        n++;
    }
    freeifaddrs(links);
    (void)sender_flush(m->sender); /* the next round tries again */
    return n ? 0 : -EADDRNOTAVAIL;
}

/* -------------------------------------------------------------------- answers */

static void tell(struct multicast *m, const struct addr *from, const struct mac *mac,
                 enum multicast_how how)
{
    struct answer *a = NULL;

    HASH_FIND(hh, m->answers, from->b, sizeof a->address, a);
    if (a && (a->echoed || how == MULTICAST_COMPLAINT))
        return;
    if (!a && HASH_COUNT(m->answers) < MULTICAST_ANSWERS && (a = calloc(1, sizeof *a))) {
        memcpy(a->address, from->b, sizeof a->address);
        HASH_ADD(hh, m->answers, address, sizeof a->address, a);
    }
    if (!a)
        return;
    a->echoed = how == MULTICAST_ECHO;
    m->sink.answer(m->user, from, mac, how);
}

/* Behind the ICMPv6 type, code and checksum: identifier, number and hash of what `src` asked. */
static bool echo_is_ours(const struct multicast *m, struct rbuf *b, const struct addr *src)
{
    uint16_t id = rbuf_u16(b);

    rbuf_skip(b, 2);
    return rbuf_u64(b) == cookie_for(m, src) && !b->bad && id == m->id;
}

/* The quoted question: an IPv6 header, the options, the echo request. */
static bool quote_is_ours(const struct multicast *m, struct rbuf *b, const struct addr *src)
{
    const uint8_t *quoted = rbuf_bytes(b, IP6_HEADER_LEN + OPTIONS_LEN + 4);

    return quoted && memcmp(quoted + 8, src->b, 16) == 0 &&
           memcmp(quoted + 24, all_nodes.b, 16) == 0 && quoted[6] == NEXT_OPTIONS &&
           echo_is_ours(m, b, src);
}

static void on_frame(void *user, const uint8_t *frame, size_t len)
{
    struct multicast *m = user;
    struct rbuf b = rbuf_of(frame, len);
    const uint8_t *ether = rbuf_bytes(&b, ETHER_HEADER_LEN);
    const uint8_t *ip = rbuf_bytes(&b, IP6_HEADER_LEN);
    uint8_t type = rbuf_u8(&b), code = rbuf_u8(&b);
    struct addr from, to;
    struct mac mac;
    bool ours;

    rbuf_skip(&b, 2);
    if (b.bad || !ip || ip[6] != IP_ICMP6)
        return;
    from = addr_from_bytes(ADDR_V6, ip + 8);
    to = addr_from_bytes(ADDR_V6, ip + 24);
    memcpy(mac.b, ether + 6, sizeof mac.b);
    if (from.b[0] == 0xff)
        return;
    if (addr_is_link_local(&from))
        from.scope = (uint32_t)m->ifindex;
    if (type == PARAM_PROBLEM)
        rbuf_skip(&b, 4); /* where the option is */
    ours = type == ICMP6_TYPE_ECHO_REPLY
               ? echo_is_ours(m, &b, &to)
               : type == PARAM_PROBLEM && code == UNKNOWN_OPTION && quote_is_ours(m, &b, &to);
    if (ours)
        tell(m, &from, &mac, type == PARAM_PROBLEM ? MULTICAST_COMPLAINT : MULTICAST_ECHO);
}

/* -------------------------------------------------------------------- life */

static void on_timer(struct timer *t)
{
    struct multicast *m = CONTAINER_OF(t, struct multicast, timer);
    bool last = m->round == MULTICAST_ROUNDS;

    if (!last) {
        m->round++;
        (void)ask(m); /* an address that went away may come again */
        last = m->round == MULTICAST_ROUNDS;
        if (timer_set(m->loop, t, last ? MULTICAST_LINGER : MULTICAST_GAP) == 0)
            return;
    }
    m->sink.done(m->user, listen_capture_drops(m->capture));
}

struct multicast *multicast_stop(struct multicast *m)
{
    struct answer *a, *next;

    if (!m)
        return NULL;
    timer_stop(m->loop, &m->timer);
    listen_capture_close(m->capture);
    sender_close(m->sender);
    HASH_ITER (hh, m->answers, a, next) {
        HASH_DEL(m->answers, a);
        free(a);
    }
    free(m);
    return NULL;
}

static void multicast_stopp(struct multicast **m)
{
    *m = multicast_stop(*m);
}

/* The card's address, and that there is one of ours to ask from. */
static int learn(struct multicast *m, struct err *e)
{
    struct ifaddrs *links = NULL;
    struct prefix network;
    struct addr own;
    bool address = false;

    if (getifaddrs(&links) < 0)
        return err_set(e, -errno, "interfaces: %s", strerror(errno));
    for (const struct ifaddrs *i = links; i; i = i->ifa_next) {
        if (strcmp(i->ifa_name, m->interface) != 0)
            continue;
        address |= link_address(i, &own, &network);
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET) {
            const struct sockaddr_ll *card = (const struct sockaddr_ll *)(const void *)i->ifa_addr;

            m->ifindex = card->sll_ifindex;
            memcpy(m->mac.b, card->sll_addr, sizeof m->mac.b);
        }
    }
    freeifaddrs(links);
    return address ? 0
                   : err_set(e, -EADDRNOTAVAIL, "interface '%s' has no IPv6 address to ask from",
                             m->interface);
}

int multicast_start(struct multicast **ret, struct loop *l, const char *interface,
                    const struct multicast_sink *sink, void *user, struct err *e)
{
    CLEANUP(multicast_stopp) struct multicast *m = calloc(1, sizeof *m);
    struct listen_capture_opts o = {interface, FILTER, on_frame, m};
    int r;

    if (!m)
        return err_set(e, -ENOMEM, "out of memory");
    m->loop = l;
    m->sink = *sink;
    m->user = user;
    m->timer.fire = on_timer;
    snprintf(m->interface, sizeof m->interface, "%s", interface);
    random_bytes(&m->key, sizeof m->key);
    m->id = (uint16_t)random_u64();
    r = listen_capture_open(&m->capture, l, &o, e);
    if (r >= 0)
        r = learn(m, e);
    if (r >= 0)
        r = sender_open(&m->sender, SENDER_ETHER, m->ifindex, e);
    if (r < 0)
        return r;
    if (timer_set(l, &m->timer, 0) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    *ret = take(&m);
    return 0;
}
