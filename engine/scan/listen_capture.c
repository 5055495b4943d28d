/* libpcap on the loop, as in capture.c: immediate mode, non-blocking after activation.
 *
 * In TPACKET_V2, which immediate mode brings, each slot of the ring holds one frame of the snapshot
 * length.  1,920 bytes hold what the listened protocols send on links of 1,500 bytes, and two slots
 * with their headers fit in a page; 8 MiB are some 4,000 frames.  A flood that fills them while we
 * do not get the processor is counted as dropped. */
#include "engine/scan/listen_capture.h"

#include "engine/scan/capture.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <string.h>

#define SNAPLEN      1920
#define BUFFER_BYTES (8 << 20)
#define BATCH        64
#define BATCHES_MAX  4 /* a turn */

struct listen_capture {
    struct loop *loop;
    pcap_t *pcap;
    struct io io;
    listen_frame_cb frame;
    void *user;
    bool broken;
};

struct listen_capture *listen_capture_close(struct listen_capture *c)
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

static void capture_closep(struct listen_capture **c)
{
    *c = listen_capture_close(*c);
}

static void on_frame(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
    struct listen_capture *c = (struct listen_capture *)(void *)user;

    c->frame(c->user, bytes, h->caplen);
}

static void on_ready(struct io *io, uint32_t events)
{
    struct listen_capture *c = CONTAINER_OF(io, struct listen_capture, io);

    (void)events;
    for (int i = 0; i < BATCHES_MAX; i++) {
        int n = pcap_dispatch(c->pcap, BATCH, on_frame, (u_char *)c);

        if (n < 0) {
            /* The error stays on the fd and would wake the loop for ever. */
            c->broken = true;
            io_remove(c->loop, &c->io);
        }
        if (n < BATCH)
            return;
    }
}

static int fail(struct err *e, int code, const char *interface, const char *what)
{
    return err_set(e, code, "listen on '%s': %s", interface, what);
}

static int activate_error(int r)
{
    switch (r) {
    case PCAP_ERROR_PERM_DENIED:
        return -EPERM;
    case PCAP_ERROR_IFACE_NOT_UP:
        return -ENETDOWN;
    case PCAP_ERROR_NO_SUCH_DEVICE:
        return -ENODEV;
    default:
        return -EIO;
    }
}

static int activate(struct listen_capture *c, const char *interface, struct err *e)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    int r;

    c->pcap = pcap_create(interface, text);
    if (!c->pcap)
        return fail(e, -EIO, interface, text);
    pcap_set_snaplen(c->pcap, SNAPLEN);
    pcap_set_immediate_mode(c->pcap, 1);
    pcap_set_buffer_size(c->pcap, BUFFER_BYTES);
    pcap_set_promisc(c->pcap, 0); /* listen_link.h sees to that */
    r = pcap_activate(c->pcap);
    if (r < 0)
        return fail(e, activate_error(r), interface, pcap_statustostr(r));
    if (pcap_setnonblock(c->pcap, 1, text) < 0)
        return fail(e, -EIO, interface, text);
    return 0;
}

static int set_filter(struct listen_capture *c, const struct listen_capture_opts *o, struct err *e)
{
    struct bpf_program program;
    int r;

    if (pcap_datalink(c->pcap) != DLT_EN10MB)
        return fail(e, -EAFNOSUPPORT, o->interface, "not an Ethernet link");
    /* What this machine says about itself is no news. */
    capture_incoming_only(c->pcap);
    if (pcap_compile(c->pcap, &program, o->filter, 1, PCAP_NETMASK_UNKNOWN) < 0)
        return fail(e, -EINVAL, o->interface, pcap_geterr(c->pcap));
    r = pcap_setfilter(c->pcap, &program);
    pcap_freecode(&program);
    return r < 0 ? fail(e, -EIO, o->interface, pcap_geterr(c->pcap)) : 0;
}

int listen_capture_open(struct listen_capture **ret, struct loop *l,
                        const struct listen_capture_opts *o, struct err *e)
{
    CLEANUP(capture_closep) struct listen_capture *c = calloc(1, sizeof *c);
    int r;

    if (!c)
        return err_set(e, -ENOMEM, "out of memory");
    c->loop = l;
    c->frame = o->frame;
    c->user = o->user;
    r = activate(c, o->interface, e);
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

bool listen_capture_broken(const struct listen_capture *c)
{
    return c->broken;
}

uint64_t listen_capture_drops(struct listen_capture *c)
{
    struct pcap_stat stat;

    return pcap_stats(c->pcap, &stat) == 0 ? stat.ps_drop : 0;
}
