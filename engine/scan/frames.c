/* One packet socket and one raw socket of each family for all that is sent, opened when they are
 * needed; one libpcap handle for each capture.
 *
 * A script may close its capture while a frame of it is handed over: the handle goes when libpcap
 * has returned. */
#include "engine/scan/frames.h"

#include "engine/packet/decode.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define SNAPLEN_MAX  65535
#define BUFFER_BYTES (2 << 20)
#define BATCH        64

struct open_capture {
    LIST_ENTRY(open_capture) entry;
    struct frames *frames;
    uint32_t id;
    pcap_t *pcap;
    struct io io;
    bool busy, closed;
};

struct frames {
    struct loop *loop;
    struct guard *guard;
    frames_cb cb;
    void *user;
    LIST_HEAD(, open_capture) captures;
    uint32_t last_id;
    unsigned n_captures;
    int ether, ip4, ip6; /* sockets; -1: not open */
};

int frames_new(struct frames **ret, struct loop *l, struct guard *g, frames_cb cb, void *user)
{
    struct frames *f = calloc(1, sizeof *f);

    if (!f)
        return -ENOMEM;
    *f = (struct frames){
        .loop = l, .guard = g, .cb = cb, .user = user, .ether = -1, .ip4 = -1, .ip6 = -1};
    LIST_INIT(&f->captures);
    *ret = f;
    return 0;
}

/* -------------------------------------------------------------------- captures */

static void capture_end(struct open_capture *c)
{
    if (c->io.wanted)
        io_remove(c->frames->loop, &c->io);
    if (c->busy) {
        c->closed = true;
        pcap_breakloop(c->pcap);
        return;
    }
    LIST_REMOVE(c, entry);
    c->frames->n_captures--;
    pcap_close(c->pcap);
    free(c);
}

struct frames *frames_free(struct frames *f)
{
    if (!f)
        return NULL;
    while (LIST_FIRST(&f->captures))
        capture_end(LIST_FIRST(&f->captures));
    closep(&f->ether);
    closep(&f->ip4);
    closep(&f->ip6);
    free(f);
    return NULL;
}

static void on_frame(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
    struct open_capture *c = (struct open_capture *)(void *)user;
    usec_t wall = (usec_t)h->ts.tv_sec * USEC_PER_SEC + (usec_t)h->ts.tv_usec;

    if (!c->closed)
        c->frames->cb(c->frames->user, c->id, bytes, h->caplen, h->len, wall);
}

static void on_ready(struct io *io, uint32_t events)
{
    struct open_capture *c = CONTAINER_OF(io, struct open_capture, io);
    int n;

    (void)events;
    c->busy = true;
    n = pcap_dispatch(c->pcap, BATCH, on_frame, (u_char *)c);
    c->busy = false;
    if (c->closed)
        capture_end(c);
    else if (n < 0) /* the interface is gone; the error would wake the loop for ever */
        io_remove(c->frames->loop, io);
}

static int fail(struct err *e, int code, const char *device, const char *what)
{
    return err_set(e, code, "capture on '%s': %s", device, what);
}

static int filter_set(pcap_t *pcap, const struct frames_capture *c, struct err *e)
{
    struct bpf_program program;
    int r;

    if (pcap_datalink(pcap) != DLT_EN10MB)
        return fail(e, -EAFNOSUPPORT, c->device, "it has no Ethernet frames");
    if (pcap_compile(pcap, &program, c->filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return fail(e, -EINVAL, c->device, pcap_geterr(pcap));
    r = pcap_setfilter(pcap, &program);
    pcap_freecode(&program);
    return r < 0 ? fail(e, -EIO, c->device, pcap_geterr(pcap)) : 0;
}

static int capture_activate(pcap_t *pcap, const struct frames_capture *c, struct err *e)
{
    size_t snaplen = c->snaplen && c->snaplen < SNAPLEN_MAX ? c->snaplen : SNAPLEN_MAX;
    char text[PCAP_ERRBUF_SIZE] = "";
    int r;

    pcap_set_snaplen(pcap, (int)snaplen);
    pcap_set_immediate_mode(pcap, 1);
    pcap_set_buffer_size(pcap, BUFFER_BYTES);
    pcap_set_promisc(pcap, c->promiscuous);
    r = pcap_activate(pcap);
    if (r < 0)
        return fail(e, r == PCAP_ERROR_PERM_DENIED ? -EPERM : -EIO, c->device,
                    r == PCAP_ERROR_PERM_DENIED ? "not permitted (CAP_NET_RAW)"
                                                : pcap_statustostr(r));
    if (pcap_setnonblock(pcap, 1, text) < 0)
        return fail(e, -EIO, c->device, text);
    return filter_set(pcap, c, e);
}

static int capture_add(struct frames *f, pcap_t *pcap, uint32_t *ret_id)
{
    struct open_capture *c = calloc(1, sizeof *c);
    int r;

    if (!c)
        return -ENOMEM;
    *c = (struct open_capture){.frames = f, .id = ++f->last_id, .pcap = pcap};
    c->io.ready = on_ready;
    c->io.fd = pcap_get_selectable_fd(pcap);
    r = io_want(f->loop, &c->io, EPOLLIN);
    if (r < 0) {
        free(c);
        return r;
    }
    LIST_INSERT_HEAD(&f->captures, c, entry);
    f->n_captures++;
    *ret_id = c->id;
    return 0;
}

int frames_open(struct frames *f, const struct frames_capture *c, uint32_t *ret_id, struct err *e)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    pcap_t *pcap;
    int r;

    if (f->n_captures >= FRAMES_CAPTURES_MAX)
        return fail(e, -EMFILE, c->device, "too many captures are open");
    pcap = pcap_create(c->device, text);
    if (!pcap)
        return fail(e, -EIO, c->device, text);
    r = capture_activate(pcap, c, e);
    if (r == 0) {
        r = capture_add(f, pcap, ret_id);
        if (r < 0)
            fail(e, r, c->device, strerror(-r));
    }
    if (r < 0)
        pcap_close(pcap);
    return r;
}

void frames_close(struct frames *f, uint32_t id)
{
    struct open_capture *c;

    LIST_FOREACH (c, &f->captures, entry)
        if (c->id == id && !c->closed) {
            capture_end(c);
            return;
        }
}

/* -------------------------------------------------------------------- sending */

/* Whom a packet is for.  False: the guard could not judge it. */
static bool destination(const struct packet *p, struct addr_port *ret)
{
    *ret = (struct addr_port){0};
    if (p->layers & PACKET_ARP)
        ret->addr = p->arp.target;
    else if (p->layers & PACKET_IP)
        ret->addr = p->ip.dst;
    else
        return false;
    if (p->layers & (PACKET_TCP | PACKET_UDP))
        ret->port = p->tcp.dport;
    else if (p->protocol == IP_TCP || p->protocol == IP_UDP)
        return false; /* a later fragment: to which port it goes, the first one says */
    return true;
}

/* A frame to a group of stations. */
static bool to_group(const struct packet *p)
{
    return p->layers & PACKET_ETHER && p->ether_dst.b[0] & 1;
}

/* Not IP nor ARP either: nobody is meant by an address. */
static bool asks_link(const struct packet *p)
{
    return p->layers == PACKET_ETHER && to_group(p);
}

/* ifindex: 0 when it is for the routes to find. */
static int allowed(struct frames *f, int ifindex, const void *data, size_t len,
                   struct addr_port *ret)
{
    struct packet p;
    bool talks;

    if (packet_decode(&p, ifindex ? LINK_ETHERNET : LINK_RAW_IP, data, len) < 0)
        return -EPERM;
    if (asks_link(&p))
        return guard_check_link(f->guard, ifindex);
    if (!destination(&p, ret) || (to_group(&p) && !guard_takes_link(f->guard, ifindex)))
        return -EPERM;
    if (ret->addr.family == ADDR_V6 && addr_is_link_local(&ret->addr))
        ret->addr.scope = (uint32_t)ifindex;
    talks = (p.layers & (PACKET_TCP | PACKET_UDP)) && p.payload_len > 0;
    return guard_check(f->guard, talks ? GUARD_PAYLOAD : GUARD_PROBE, &ret->addr, ret->port);
}

static int open_once(int *fd, int family, int protocol)
{
    if (*fd < 0)
        *fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    return *fd < 0 ? -errno : 0;
}

int frames_send(struct frames *f, const char *device, const void *frame, size_t len)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(device)};
    struct addr_port whom;
    int r;

    if (!to.sll_ifindex)
        return -ENODEV;
    r = allowed(f, to.sll_ifindex, frame, len, &whom);
    if (r == 0)
        r = open_once(&f->ether, AF_PACKET, 0); /* protocol 0: it receives nothing */
    if (r < 0)
        return r;
    return sendto(f->ether, frame, len, 0, (struct sockaddr *)&to, sizeof to) < 0 ? -errno : 0;
}

int frames_send_ip(struct frames *f, const void *packet, size_t len)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
    struct addr_port whom;
    bool six;
    int r = allowed(f, 0, packet, len, &whom);

    if (r < 0)
        return r;
    six = whom.addr.family == ADDR_V6;
    r = six ? open_once(&f->ip6, AF_INET6, IPPROTO_RAW) : open_once(&f->ip4, AF_INET, IPPROTO_RAW);
    if (r < 0)
        return r;
    memcpy(six ? (void *)&to6.sin6_addr : (void *)&to.sin_addr, whom.addr.b, addr_len(&whom.addr));
    return sendto(six ? f->ip6 : f->ip4, packet, len, 0,
                  six ? (struct sockaddr *)&to6 : (struct sockaddr *)&to,
                  six ? sizeof to6 : sizeof to) < 0
               ? -errno
               : 0;
}
