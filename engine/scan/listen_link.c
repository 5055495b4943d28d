/* Packet memberships.
 *
 * A card passes up only group addresses that somebody joined, and nobody on this machine need have
 * joined those of LLDP, CDP, mDNS, SSDP or DHCPv6; and neighbour solicitations go to a group of
 * their own for each address (RFC 4861 2.3), so all groups it must be.  A packet socket's
 * membership tells the card without a word on the wire, unlike joining by IP; the kernel takes it
 * back when the socket closes, however we end.  Switches that snoop IGMP may keep 239.255.255.250
 * (SSDP) from us therefore; the 224.0.0.x groups are always flooded (RFC 4541 2.1.2).
 *
 * The socket's protocol is 0, so it receives nothing itself. */
#include "engine/scan/listen_link.h"

#include <errno.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

void listen_link_close(struct listen_link *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

static int ask(const struct listen_link *l, unsigned long request, struct ifreq *req)
{
    memset(req, 0, sizeof *req);
    memcpy(req->ifr_name, l->name, sizeof req->ifr_name);
    return ioctl(l->fd, request, req) < 0 ? -errno : 0;
}

static int join(const struct listen_link *l, enum listen_link_mode mode)
{
    struct packet_mreq req = {.mr_ifindex = l->ifindex, .mr_type = PACKET_MR_ALLMULTI};

    if (mode == LISTEN_LINK_PROMISCUOUS)
        req.mr_type = PACKET_MR_PROMISC;
    return setsockopt(l->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &req, sizeof req) < 0 ? -errno : 0;
}

static int fail(struct err *e, int code, const char *interface)
{
    return err_set(e, code, "listen on '%s': %s", interface, strerror(-code));
}

int listen_link_open(struct listen_link *ret, const char *interface, enum listen_link_mode mode,
                     struct err *e)
{
    struct listen_link l = {.fd = -1};
    const char *fault;
    struct ifreq req;
    int r;

    if (!*interface || strlen(interface) >= sizeof l.name)
        return err_set(e, -EINVAL, "listen on '%s': not the name of an interface", interface);
    memcpy(l.name, interface, strlen(interface) + 1);
    l.fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l.fd < 0)
        return fail(e, -errno, interface);
    r = ask(&l, SIOCGIFINDEX, &req);
    l.ifindex = req.ifr_ifindex;
    fault = r < 0 ? NULL : listen_link_fault(&l);
    if (fault)
        r = err_set(e, -ENETDOWN, "listen on '%s': %s", interface, fault);
    else if (r < 0 || (r = join(&l, mode)) < 0)
        fail(e, r, interface);
    if (r < 0) {
        listen_link_close(&l);
        return r;
    }
    *ret = l;
    return 0;
}

const char *listen_link_fault(const struct listen_link *l)
{
    struct ifreq req;

    if (ask(l, SIOCGIFINDEX, &req) < 0 || req.ifr_ifindex != l->ifindex)
        return "the interface is gone";
    if (ask(l, SIOCGIFFLAGS, &req) < 0 || !(req.ifr_flags & IFF_UP))
        return "the interface is down";
    return NULL;
}
