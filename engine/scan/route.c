/* rtnetlink through libmnl.
 *
 * The plan must give the same answer as the kernel, policy routing included, without a look-up per
 * address.  So the routing tables are read only for the places where answers may change (where a
 * prefix begins or ends), and between two of these places the kernel is asked once. */
#include "engine/scan/route.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

/* From net/if.h, which does not go together with linux/if.h. */
extern unsigned if_nametoindex(const char *name);

#define RECEIVE_MAX 32768

struct route_socket {
    struct mnl_socket *nl;
    uint32_t seq;
};

struct route_socket *route_close(struct route_socket *r)
{
    if (!r)
        return NULL;
    if (r->nl)
        mnl_socket_close(r->nl);
    free(r);
    return NULL;
}

void route_closep(struct route_socket **r)
{
    *r = route_close(*r);
}

int route_open(struct route_socket **ret, struct err *e)
{
    CLEANUP(route_closep) struct route_socket *r = calloc(1, sizeof *r);

    if (!r)
        return err_set(e, -ENOMEM, "out of memory");
    r->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!r->nl || mnl_socket_bind(r->nl, 0, MNL_SOCKET_AUTOPID) < 0)
        return err_set(e, -errno, "rtnetlink: %s", strerror(errno));
    *ret = take(&r);
    return 0;
}

/* Sends a request and feeds the answers to cb.  0, or what the kernel said. */
static int talk(struct route_socket *r, struct nlmsghdr *request, mnl_cb_t cb, void *user)
{
    char answer[RECEIVE_MAX];
    unsigned port = mnl_socket_get_portid(r->nl);

    request->nlmsg_seq = ++r->seq;
    if (mnl_socket_sendto(r->nl, request, request->nlmsg_len) < 0)
        return -errno;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(r->nl, answer, sizeof answer);
        int more = n < 0 ? -1 : mnl_cb_run(answer, (size_t)n, r->seq, port, cb, user);

        if (more < 0)
            return errno ? -errno : -EIO;
        /* A single answer ends without "done"; dumps end with it. */
        if (more == MNL_CB_STOP || !(request->nlmsg_flags & NLM_F_DUMP))
            return 0;
    }
}

static struct nlmsghdr *request_new(char *room, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(room);

    h->nlmsg_type = type;
    h->nlmsg_flags = NLM_F_REQUEST | flags;
    return h;
}

static int family_of(const struct addr *a)
{
    return a->family == ADDR_V6 ? AF_INET6 : AF_INET;
}

static bool read_addr(const struct nlattr *attr, struct addr *ret)
{
    size_t len = mnl_attr_get_payload_len(attr);

    if (len != 4 && len != 16)
        return false;
    *ret = addr_from_bytes(len == 4 ? ADDR_V4 : ADDR_V6, mnl_attr_get_payload(attr));
    return true;
}

int route_iface_read(const void *message, size_t len, struct iface *ret)
{
    const struct nlmsghdr *h = message;
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(h);
    const struct nlattr *attr;
    struct iface got = {0};

    if (len > INT_MAX || !mnl_nlmsg_ok(h, (int)len) || h->nlmsg_type != RTM_NEWLINK ||
        mnl_nlmsg_get_payload_len(h) < sizeof *info)
        return -EBADMSG;
    got.index = info->ifi_index;
    got.up = info->ifi_flags & IFF_UP;
    got.running = info->ifi_flags & IFF_RUNNING;
    got.loopback = info->ifi_flags & IFF_LOOPBACK;
    got.ethernet = info->ifi_type == ARPHRD_ETHER;
    mnl_attr_for_each(attr, h, sizeof *info)
    {
        if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
            mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
            snprintf(got.name, sizeof got.name, "%s", mnl_attr_get_str(attr));
        if (mnl_attr_get_type(attr) == IFLA_ADDRESS && mnl_attr_get_payload_len(attr) == 6)
            memcpy(got.mac.b, mnl_attr_get_payload(attr), 6);
    }
    *ret = got;
    return 0;
}

static int on_iface(const struct nlmsghdr *h, void *user)
{
    return route_iface_read(h, h->nlmsg_len, user) == 0 ? MNL_CB_OK : MNL_CB_ERROR;
}

int route_iface(struct route_socket *r, int index, struct iface *ret)
{
    char room[256];
    struct nlmsghdr *h = request_new(room, RTM_GETLINK, 0);
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(h, sizeof *info);
    struct iface got = {0};

    info->ifi_index = index;
    if (talk(r, h, on_iface, &got) < 0 || got.index != index)
        return -ENODEV;
    *ret = got;
    return 0;
}

static enum hop_kind kind_of(unsigned route_type)
{
    switch (route_type) {
    case RTN_LOCAL:
    case RTN_ANYCAST:
        return HOP_LOCAL;
    case RTN_UNICAST:
    case RTN_BROADCAST: /* nobody will answer, as a neighbour that is not there */
        return HOP_ONLINK;
    default:
        return HOP_UNREACHABLE;
    }
}

static int on_route(const struct nlmsghdr *h, void *user)
{
    const struct rtmsg *route = mnl_nlmsg_get_payload(h);
    struct hop *out = user;
    const struct nlattr *attr;

    out->kind = kind_of(route->rtm_type);
    mnl_attr_for_each(attr, h, sizeof *route)
    {
        switch (mnl_attr_get_type(attr)) {
        case RTA_OIF:
            out->ifindex = (int)mnl_attr_get_u32(attr);
            break;
        case RTA_PREFSRC:
            read_addr(attr, &out->src);
            break;
        case RTA_GATEWAY:
            if (out->kind == HOP_ONLINK && read_addr(attr, &out->gateway))
                out->kind = HOP_GATEWAY;
            break;
        case RTA_VIA: /* an IPv4 route over an IPv6 neighbour: struct rtvia is family, then the
                         address */
            if (out->kind == HOP_ONLINK && mnl_attr_get_payload_len(attr) == 18) {
                const struct rtvia *via = mnl_attr_get_payload(attr);

                out->gateway = addr_from_bytes(ADDR_V6, via->rtvia_addr);
                out->kind = HOP_GATEWAY;
            }
            break;
        default:
            break;
        }
    }
    return MNL_CB_OK;
}

int route_get(struct route_socket *r, const struct addr *to, int ifindex, struct hop *ret)
{
    char room[256];
    struct nlmsghdr *h = request_new(room, RTM_GETROUTE, 0);
    struct rtmsg *route = mnl_nlmsg_put_extra_header(h, sizeof *route);
    struct hop got = {.kind = HOP_UNREACHABLE, .family = to->family};

    route->rtm_family = (unsigned char)family_of(to);
    route->rtm_dst_len = (unsigned char)addr_bits(to);
    mnl_attr_put(h, RTA_DST, addr_len(to), to->b);
    if (ifindex || to->scope)
        mnl_attr_put_u32(h, RTA_OIF, ifindex ? (uint32_t)ifindex : to->scope);
    if (talk(r, h, on_route, &got) < 0)
        got = (struct hop){.kind = HOP_UNREACHABLE, .family = to->family};
    if (addr_is_link_local(&got.src) && got.src.family == ADDR_V6)
        got.src.scope = (uint32_t)got.ifindex;
    if (addr_is_link_local(&got.gateway) && got.gateway.family == ADDR_V6)
        got.gateway.scope = (uint32_t)got.ifindex;
    *ret = got;
    return 0;
}

#define NUD_FRESH (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE)
#define NUD_KNOWN (NUD_FRESH | NUD_STALE | NUD_DELAY | NUD_PROBE)

struct neighbour {
    unsigned states; /* those that count */
    bool found;
    struct mac mac;
};

static int on_neighbour(const struct nlmsghdr *h, void *user)
{
    const struct ndmsg *n = mnl_nlmsg_get_payload(h);
    const struct nlattr *attr;
    struct neighbour *out = user;

    if (!(n->ndm_state & out->states))
        return MNL_CB_OK;
    mnl_attr_for_each(attr, h, sizeof *n)
    {
        if (mnl_attr_get_type(attr) == NDA_LLADDR && mnl_attr_get_payload_len(attr) == 6) {
            memcpy(out->mac.b, mnl_attr_get_payload(attr), 6);
            out->found = true;
        }
    }
    return MNL_CB_OK;
}

static int neighbour_get(struct route_socket *r, int ifindex, const struct addr *a, unsigned states,
                         struct mac *ret)
{
    char room[256];
    struct nlmsghdr *h = request_new(room, RTM_GETNEIGH, 0);
    struct ndmsg *n = mnl_nlmsg_put_extra_header(h, sizeof *n);
    struct neighbour got = {.states = states};

    n->ndm_family = (unsigned char)family_of(a);
    n->ndm_ifindex = ifindex;
    mnl_attr_put(h, NDA_DST, addr_len(a), a->b);
    if (talk(r, h, on_neighbour, &got) < 0 || !got.found)
        return -ENOENT;
    *ret = got.mac;
    return 0;
}

int route_neighbour(struct route_socket *r, int ifindex, const struct addr *a, struct mac *ret)
{
    return neighbour_get(r, ifindex, a, NUD_KNOWN, ret);
}

int route_neighbour_fresh(struct route_socket *r, int ifindex, const struct addr *a,
                          struct mac *ret)
{
    return neighbour_get(r, ifindex, a, NUD_FRESH, ret);
}

/* The best of the addresses that an interface has: not link-local where there is another. */
struct source {
    int ifindex;
    bool found;
    struct addr addr;
};

static int on_source(const struct nlmsghdr *h, void *user)
{
    const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
    struct source *out = user;
    const struct nlattr *attr;
    struct addr a = {0}, local = {0};

    if ((int)m->ifa_index != out->ifindex || m->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
        return MNL_CB_OK;
    mnl_attr_for_each(attr, h, sizeof *m)
    {
        if (mnl_attr_get_type(attr) == IFA_ADDRESS)
            read_addr(attr, &a);
        if (mnl_attr_get_type(attr) == IFA_LOCAL) /* of a point-to-point link: ours */
            read_addr(attr, &local);
    }
    if (local.family)
        a = local;
    if (a.family && (!out->found || addr_is_link_local(&out->addr))) {
        out->addr = a;
        out->found = true;
    }
    return MNL_CB_OK;
}

int route_source(struct route_socket *r, int ifindex, uint8_t family, struct addr *ret)
{
    char room[256];
    struct nlmsghdr *h = request_new(room, RTM_GETADDR, NLM_F_DUMP);
    struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(h, sizeof *m);
    struct source got = {.ifindex = ifindex};

    m->ifa_family = family == ADDR_V6 ? AF_INET6 : AF_INET;
    if (talk(r, h, on_source, &got) < 0 || !got.found)
        return -EADDRNOTAVAIL;
    if (got.addr.family == ADDR_V6 && addr_is_link_local(&got.addr))
        got.addr.scope = (uint32_t)ifindex;
    *ret = got.addr;
    return 0;
}

/* Addresses at which the way may change: the first of a prefix, and the one behind its last. */
struct cuts {
    struct addr *v;
    size_t n, cap;
    bool failed;
};

static void cuts_done(struct cuts *c)
{
    free(c->v);
}

static void cuts_add(struct cuts *c, const struct addr *a)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        struct addr *v = reallocarray(c->v, cap, sizeof *v);

        if (!v) {
            c->failed = true;
            return;
        }
        c->v = v;
        c->cap = cap;
    }
    c->v[c->n++] = *a;
}

static int on_cut(const struct nlmsghdr *h, void *user)
{
    const struct rtmsg *route = mnl_nlmsg_get_payload(h);
    const struct nlattr *attr;
    struct prefix p = {.len = route->rtm_dst_len};
    struct addr behind;

    mnl_attr_for_each(attr, h, sizeof *route)
    {
        if (mnl_attr_get_type(attr) != RTA_DST || !read_addr(attr, &p.addr) ||
            p.len > addr_bits(&p.addr))
            continue;
        cuts_add(user, &p.addr);
        behind = prefix_last(&p);
        behind = addr_add(&behind, 1);
        cuts_add(user, &behind);
    }
    return MNL_CB_OK;
}

static int cmp_addr(const void *a, const void *b)
{
    return addr_cmp(a, b);
}

static int read_cuts(struct route_socket *r, int family, struct cuts *ret)
{
    char room[256];
    struct nlmsghdr *h = request_new(room, RTM_GETROUTE, NLM_F_DUMP);
    struct rtmsg *route = mnl_nlmsg_put_extra_header(h, sizeof *route);
    int e;

    route->rtm_family = (unsigned char)family;
    e = talk(r, h, on_cut, ret);
    return e < 0 ? e : ret->failed ? -ENOMEM : 0;
}

/* The first cut behind `a`, as an index. */
static size_t first_cut(const struct cuts *c, const struct addr *a)
{
    size_t lo = 0, hi = c->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (addr_cmp(&c->v[mid], a) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The address before a cut. */
static struct addr before(const struct addr *cut)
{
    struct addr out = *cut;

    for (size_t i = addr_len(cut); i-- > 0;)
        if (out.b[i]--)
            break;
    return out;
}

static int plan_range(struct route_socket *r, const struct addr_range *range, int ifindex,
                      const struct cuts *c, struct plan *ret)
{
    struct addr at = range->first;
    size_t i = first_cut(c, &at);

    for (;;) {
        struct hop hop;
        struct addr last = range->last;
        int e;

        while (i < c->n && addr_cmp(&c->v[i], &at) <= 0)
            i++;
        if (i < c->n && !at.scope && addr_cmp(&c->v[i], &range->last) <= 0)
            last = before(&c->v[i]);
        route_get(r, &at, ifindex, &hop);
        e = plan_add(ret, &at, &last, &hop);
        if (e < 0)
            return e;
        if (addr_equal(&last, &range->last))
            return 0;
        at = addr_add(&last, 1);
    }
}

static int plan_error(struct err *e, int code)
{
    if (code == -EOVERFLOW)
        return err_set(e, code,
                       "more addresses than a scan can visit; give smaller networks (IPv6 "
                       "networks are not swept: list addresses)");
    return err_set(e, code, "routes: %s", strerror(-code));
}

int route_plan(struct route_socket *r, const struct addr_set *targets, const char *interface,
               struct plan *ret, struct err *e)
{
    CLEANUP(cuts_done) struct cuts c = {0};
    int ifindex = interface ? (int)if_nametoindex(interface) : 0, code;

    if (interface && !ifindex)
        return err_set(e, -ENODEV, "interface '%s': no such interface", interface);
    code = read_cuts(r, AF_INET, &c);
    if (code >= 0)
        code = read_cuts(r, AF_INET6, &c);
    if (code < 0)
        return plan_error(e, code);
    if (c.n)
        qsort(c.v, c.n, sizeof *c.v, cmp_addr);
    for (size_t i = 0; i < targets->n; i++) {
        code = plan_range(r, &targets->ranges[i], ifindex, &c, ret);
        if (code < 0)
            return plan_error(e, code);
    }
    return 0;
}
