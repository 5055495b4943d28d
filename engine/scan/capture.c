/* libpcap on the loop.
 *
 * Immediate mode makes libpcap take TPACKET_V2, one ring slot a frame, and wake us for each: V3
 * would hold frames back until a block is full.  The slot size follows from the snapshot length, so
 * that is kept to what a reply's headers need. Non-blocking only after activation: before, it has
 * no effect.  In V2 no select timeout is required (pcap_get_required_select_timeout(3PCAP) gives
 * NULL), so the fd alone drives it. */
#include "engine/scan/capture.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <pcap/pcap.h>
#include <string.h>
#include <sys/socket.h>

/* Ethernet, VLAN, IPv6 with options, ICMPv6, quoted IPv6 with options, 8 bytes. */
#define SNAPLEN      256
#define BUFFER_BYTES (8U << 20) /* 20,000 replies: a fifth of a second at 100,000 a second */
#define BATCH        64
#define BATCHES_MAX  4 /* a turn */

struct capture {
    struct loop *loop;
    pcap_t *pcap;
    struct io io;
    enum link_type type;
    capture_cb cb;
    void *user;
    bool broken;
};

struct capture *capture_close(struct capture *c)
{
    if (!c)
        return NULL;
    if (c->io.wanted)
        io_remove(c->loop, &c->io);
    if (c->pcap)
        pcap_close(c->pcap);
    free(c);
    return NULL;
}

static void capture_closep(struct capture **c)
{
    *c = capture_close(*c);
}

static void on_frame(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
    struct capture *c = (struct capture *)(void *)user;
    struct packet p;

    if (packet_decode(&p, c->type, bytes, h->caplen) == 0)
        c->cb(c->user, &p);
}

bool capture_drain(struct capture *c)
{
    for (int i = 0; i < BATCHES_MAX && !c->broken; i++) {
        int n = pcap_dispatch(c->pcap, BATCH, on_frame, (u_char *)c);

        if (n < 0) {
            /* The error stays on the fd and would wake the loop for ever. */
            c->broken = true;
            io_remove(c->loop, &c->io);
        }
        if (n < BATCH)
            return true;
    }
    return c->broken;
}

bool capture_broken(const struct capture *c)
{
    return c->broken;
}

static void on_ready(struct io *io, uint32_t events)
{
    (void)events;
    capture_drain(CONTAINER_OF(io, struct capture, io));
}

static int fail(struct err *e, int code, const char *interface, const char *what)
{
    return err_set(e, code, "capture on '%s': %s", interface, what);
}

static int activate(struct capture *c, const struct capture_opts *o, struct err *e)
{
    const char *interface = o->interface;
    char text[PCAP_ERRBUF_SIZE] = "";
    int r;

    c->pcap = pcap_create(interface, text);
    if (!c->pcap)
        return fail(e, -EIO, interface, text);
    pcap_set_snaplen(c->pcap, SNAPLEN);
    pcap_set_immediate_mode(c->pcap, 1);
    pcap_set_buffer_size(c->pcap, (int)(o->ring ? o->ring : BUFFER_BYTES));
    pcap_set_promisc(c->pcap, 0);
    r = pcap_activate(c->pcap);
    if (r == PCAP_ERROR_PERM_DENIED)
        return fail(e, -EPERM, interface, "not permitted (CAP_NET_RAW)");
    if (r == PCAP_ERROR_IFACE_NOT_UP)
        return fail(e, -ENETDOWN, interface, "the interface is down");
    if (r < 0)
        return fail(e, -EIO, interface, pcap_geterr(c->pcap));
    if (pcap_setnonblock(c->pcap, 1, text) < 0)
        return fail(e, -EIO, interface, text);
    return 0;
}

/* libpcap (1.10) throws those that we send away itself, for which the kernel copies and filters
 * each of them; Linux since 4.20 leaves them out. */
void capture_incoming_only(struct pcap *pcap)
{
    int one = 1;

    pcap_setdirection(pcap, PCAP_D_IN);
    setsockopt(pcap_fileno(pcap), SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one);
}

/* What the interface gives, and what of it is wanted. */
static int set_filter(struct capture *c, const struct capture_opts *o, struct err *e)
{
    const char *interface = o->interface;
    struct bpf_program program;
    int type = pcap_datalink(c->pcap), r;

    if (type == DLT_EN10MB)
        c->type = LINK_ETHERNET;
    else if (type == DLT_RAW || type == DLT_IPV4 || type == DLT_IPV6)
        c->type = LINK_RAW_IP;
    else
        return fail(e, -EAFNOSUPPORT, interface, "frames of this link type are not known");
    capture_incoming_only(c->pcap);
    if (pcap_compile(c->pcap, &program, o->filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return fail(e, -EINVAL, interface, pcap_geterr(c->pcap));
    r = pcap_setfilter(c->pcap, &program);
    pcap_freecode(&program);
    return r < 0 ? fail(e, -EIO, interface, pcap_geterr(c->pcap)) : 0;
}

int capture_open(struct capture **ret, struct loop *l, const struct capture_opts *o, capture_cb cb,
                 void *user, struct err *e)
{
    CLEANUP(capture_closep) struct capture *c = calloc(1, sizeof *c);
    int r;

    if (!c)
        return err_set(e, -ENOMEM, "out of memory");
    c->loop = l;
    c->cb = cb;
    c->user = user;
    r = activate(c, o, e);
    if (r >= 0)
        r = set_filter(c, o, e);
    if (r < 0)
        return r;
    c->io.ready = on_ready;
    c->io.fd = pcap_get_selectable_fd(c->pcap);
    r = io_want(l, &c->io, EPOLLIN);
    if (r < 0)
        return fail(e, r, o->interface, strerror(-r));
    *ret = take(&c);
    return 0;
}

uint64_t capture_drops(struct capture *c)
{
    struct pcap_stat stat;

    return pcap_stats(c->pcap, &stat) == 0 ? stat.ps_drop : 0;
}
