/* Packet memberships.
 *
 * A card passes up only group addresses that somebody joined, and nobody on this machine need have
 * joined those of LLDP, CDP, mDNS, SSDP or DHCPv6.  A packet socket's membership programs the
 * card's filter without a word on the wire, unlike joining by IP; the kernel takes it back when the
 * socket closes, however we end.  Switches that snoop IGMP may keep 239.255.255.250 (SSDP) from us
 * therefore; the 224.0.0.x groups are always flooded (RFC 4541 2.1.2).
 *
 * The socket's protocol is 0, so it receives nothing itself. */
#include "engine/scan/listen_link.h"

#include "engine/base/addr.h"

#include <errno.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct mac groups[] = {
    {{0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e}}, /* LLDP: nearest bridge */
    {{0x01, 0x80, 0xc2, 0x00, 0x00, 0x03}}, /* LLDP: nearest bridge that is no two-port relay */
    {{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00}}, /* LLDP: nearest customer bridge */
    {{0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc}}, /* CDP */
    {{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb}}, /* mDNS, 224.0.0.251 */
    {{0x01, 0x00, 0x5e, 0x7f, 0xff, 0xfa}}, /* SSDP, 239.255.255.250 */
    {{0x33, 0x33, 0x00, 0x00, 0x00, 0x01}}, /* all nodes: router and neighbour advertisements */
    {{0x33, 0x33, 0x00, 0x00, 0x00, 0x0c}}, /* SSDP, ff02::c */
    {{0x33, 0x33, 0x00, 0x00, 0x00, 0xfb}}, /* mDNS, ff02::fb */
    {{0x33, 0x33, 0x00, 0x01, 0x00, 0x02}}, /* DHCPv6 servers and relays */
};

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

static int join(const struct listen_link *l, unsigned short type, const struct mac *mac)
{
    struct packet_mreq req = {.mr_ifindex = l->ifindex, .mr_type = type};

    if (mac) {
        req.mr_alen = sizeof mac->b;
        memcpy(req.mr_address, mac->b, sizeof mac->b);
    }
    return setsockopt(l->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &req, sizeof req) < 0 ? -errno : 0;
}

static int join_all(const struct listen_link *l, enum listen_link_mode mode)
{
    int r = 0;

    if (mode == LISTEN_LINK_PROMISCUOUS)
        return join(l, PACKET_MR_PROMISC, NULL);
    for (size_t i = 0; i < ARRAY_LEN(groups) && r >= 0; i++)
        r = join(l, PACKET_MR_MULTICAST, &groups[i]);
    /* Neighbour solicitations go to a group per address: only all groups hold them. */
    return r < 0 ? r : join(l, PACKET_MR_ALLMULTI, NULL);
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
    else if (r < 0 || (r = join_all(&l, mode)) < 0)
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
