/* sendmmsg(2) over a fixed batch.
 *
 * Loopback needs the IP way: a frame put on lo by a packet socket arrives without a route attached,
 * and the kernel then drops packets to and from 127.0.0.0/8 as martians (ip_route_input,
 * route_localnet off). */
#include "engine/scan/sender.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH     64
#define FRAME_MAX 1344 /* the longest UDP payload */

struct sender {
    enum sender_mode mode;
    int fd;  /* IPv4 or Ethernet */
    int fd6; /* IPv6, SENDER_IP only; else -1 */
    unsigned n, sent;
    uint64_t refused;
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_storage to[BATCH];
    bool six[BATCH];
    uint8_t frames[BATCH][FRAME_MAX];
};

struct sender *sender_close(struct sender *s)
{
    if (!s)
        return NULL;
    closep(&s->fd);
    closep(&s->fd6);
    free(s);
    return NULL;
}

static void sender_closep(struct sender **s)
{
    *s = sender_close(*s);
}

static int open_ether(struct sender *s, int ifindex)
{
    struct sockaddr_ll ll = {.sll_family = AF_PACKET, .sll_ifindex = ifindex};

    /* Protocol 0: it sends only, and receives no copy of anything. */
    s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&ll, sizeof ll) < 0)
        return -errno;
    return 0;
}

/* IPPROTO_RAW: the header is ours, and nothing is received.  Without RECVERR the kernel keeps it to
 * itself when a device's queue is full (raw_send_hdrinc()), and the packet is lost. */
static int open_ip(int *fd, int family, int ifindex)
{
    int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, on = 1;

    *fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
    if (*fd < 0)
        return -errno;
    if (setsockopt(*fd, level, family == AF_INET ? IP_RECVERR : IPV6_RECVERR, &on, sizeof on) < 0)
        return -errno;
    if (ifindex && setsockopt(*fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, sizeof ifindex) < 0)
        return -errno;
    return 0;
}

int sender_open(struct sender **ret, enum sender_mode mode, int ifindex, struct err *e)
{
    CLEANUP(sender_closep) struct sender *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return err_set(e, -ENOMEM, "out of memory");
    s->mode = mode;
    s->fd = s->fd6 = -1;
    r = mode == SENDER_ETHER ? open_ether(s, ifindex) : open_ip(&s->fd, AF_INET, ifindex);
    if (r < 0)
        return err_set(e, r, "raw socket: %s", strerror(-r));
    /* A machine without IPv6 has none to send. */
    if (mode == SENDER_IP && open_ip(&s->fd6, AF_INET6, ifindex) < 0)
        closep(&s->fd6);
    *ret = take(&s);
    return 0;
}

struct wbuf sender_frame(struct sender *s)
{
    return wbuf_of(s->frames[s->n], FRAME_MAX);
}

void sender_add(struct sender *s, const struct wbuf *w, const struct addr *to)
{
    struct mmsghdr *m = &s->messages[s->n];

    s->parts[s->n] = (struct iovec){w->data, w->len};
    s->six[s->n] = s->mode == SENDER_IP && to->family == ADDR_V6;
    m->msg_hdr = (struct msghdr){.msg_iov = &s->parts[s->n], .msg_iovlen = 1};
    if (s->mode == SENDER_IP) {
        m->msg_hdr.msg_namelen = addr_to_sockaddr(to, 0, &s->to[s->n]);
        m->msg_hdr.msg_name = &s->to[s->n];
    }
    s->n++;
}

bool sender_full(const struct sender *s)
{
    return s->n == BATCH;
}

/* As many messages from the first unsent one on as use the same socket. */
static unsigned run_length(const struct sender *s)
{
    unsigned n = 1;

    while (s->sent + n < s->n && s->six[s->sent + n] == s->six[s->sent])
        n++;
    return n;
}

/* What an error of the first unsent message means: it is dropped, or all must wait, or the
 * interface is gone. */
static int judge(struct sender *s, int code)
{
    switch (code) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
    case EINTR:
        return -EAGAIN;
    case ENETDOWN:
    case ENODEV:
    case ENXIO:
        return -ENETDOWN;
    default:
        s->refused++;
        s->sent++;
        return 0;
    }
}

int sender_flush(struct sender *s)
{
    while (s->sent < s->n) {
        int fd = s->six[s->sent] ? s->fd6 : s->fd;
        int n = sendmmsg(fd, s->messages + s->sent, run_length(s), 0);
        int r = n < 0 ? judge(s, errno) : 0;

        if (r < 0)
            return r;
        if (n > 0)
            s->sent += (unsigned)n;
    }
    s->n = s->sent = 0;
    return 0;
}

uint64_t sender_refused(const struct sender *s)
{
    return s->refused;
}
