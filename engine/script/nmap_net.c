/* nmap: interfaces of this machine and name resolution. */
#include "engine/base/addr.h"
#include "engine/loop/dns.h"
#include "engine/script/host_priv.h"
#include "engine/script/l_util.h"

#include <errno.h>
#include <ifaddrs.h>
#include <lauxlib.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/ioctl.h>

/* ---- interfaces ---- */

struct link {
    const char *type; /* "ethernet", ... */
    uint8_t mac[6];
    int mtu;
};

static void free_addrs(void *list)
{
    freeifaddrs(list);
}

/* The machine's addresses, owned by a box on the stack; NULL: none to be had. */
static const struct ifaddrs *push_addrs(lua_State *L)
{
    struct l_box *box = l_box_push(L, free_addrs);
    struct ifaddrs *list = NULL;

    if (getifaddrs(&list) == 0)
        box->object = list;
    return box->object;
}

int interface_mtu(const char *name)
{
    struct ifreq ifr = {0};
    CLEANUP(closep) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
    return fd >= 0 && ioctl(fd, SIOCGIFMTU, &ifr) == 0 ? ifr.ifr_mtu : 0;
}

static const char *link_type(const struct ifaddrs *ifa, int hardware)
{
    if (hardware == ARPHRD_ETHER && !(ifa->ifa_flags & IFF_NOARP))
        return "ethernet";
    if (ifa->ifa_flags & IFF_LOOPBACK)
        return "loopback";
    return ifa->ifa_flags & IFF_POINTOPOINT ? "p2p" : "other";
}

/* What the packet-family entry of the same interface says. */
static struct link link_of(const struct ifaddrs *list, const char *name)
{
    struct link link = {.type = "other", .mtu = interface_mtu(name)};

    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        const struct sockaddr_ll *ll = (const struct sockaddr_ll *)(const void *)i->ifa_addr;

        if (!ll || ll->sll_family != AF_PACKET || strcmp(i->ifa_name, name) != 0)
            continue;
        link.type = link_type(i, ll->sll_hatype);
        memcpy(link.mac, ll->sll_addr, sizeof link.mac);
    }
    return link;
}

static unsigned prefix_len(const struct sockaddr *mask, unsigned family)
{
    const uint8_t *bytes;
    unsigned n = 0, len = family == AF_INET ? 4 : 16;

    if (!mask)
        return 0;
    bytes = family == AF_INET
                ? (const uint8_t *)&((const struct sockaddr_in *)(const void *)mask)->sin_addr
                : (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr;
    for (unsigned i = 0; i < len; i++)
        n += (unsigned)__builtin_popcount(bytes[i]);
    return n;
}

static void set_address(lua_State *L, const char *key, const struct sockaddr *sa)
{
    char text[ADDR_TEXT_MAX];
    struct addr a;

    if (!sa || addr_from_sockaddr(sa, &a, NULL) < 0)
        return;
    a.scope = 0; /* as nmap writes it */
    lua_pushstring(L, addr_format(&a, text));
    lua_setfield(L, -2, key);
}

/* Made from the prefix length, as under nmap: an address that was added without a broadcast address
 * has none in the kernel's list, which then names the address itself. */
static void set_broadcast(lua_State *L, const struct ifaddrs *i)
{
    struct sockaddr_in sa = *(const struct sockaddr_in *)(const void *)i->ifa_addr;
    unsigned prefix = prefix_len(i->ifa_netmask, AF_INET);

    if (prefix < 32)
        sa.sin_addr.s_addr |= htonl(UINT32_MAX >> prefix);
    set_address(L, "broadcast", (const struct sockaddr *)&sa);
}

static void set_text(lua_State *L, const char *key, const char *value)
{
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

static bool is_inet(const struct sockaddr *sa)
{
    return sa && (sa->sa_family == AF_INET || sa->sa_family == AF_INET6);
}

static void push_interface(lua_State *L, const struct ifaddrs *list, const struct ifaddrs *i)
{
    struct link link = link_of(list, i->ifa_name);
    bool ethernet = strcmp(link.type, "ethernet") == 0, inet = is_inet(i->ifa_addr);

    lua_createtable(L, 0, 10);
    set_text(L, "device", i->ifa_name);
    lua_pushlstring(L, i->ifa_name, strcspn(i->ifa_name, ":"));
    lua_setfield(L, -2, "shortname");
    if (inet)
        set_address(L, "address", i->ifa_addr);
    lua_pushinteger(L, inet ? prefix_len(i->ifa_netmask, i->ifa_addr->sa_family) : 0);
    lua_setfield(L, -2, "netmask");
    set_text(L, "link", link.type);
    if (ethernet) {
        lua_pushlstring(L, (const char *)link.mac, sizeof link.mac);
        lua_setfield(L, -2, "mac");
    }
    if (ethernet && inet && i->ifa_addr->sa_family == AF_INET)
        set_broadcast(L, i);
    set_text(L, "up", i->ifa_flags & IFF_UP ? "up" : "down");
    lua_pushinteger(L, link.mtu);
    lua_setfield(L, -2, "mtu");
}

static bool has_inet(const struct ifaddrs *list, const char *name)
{
    for (; list; list = list->ifa_next)
        if (strcmp(list->ifa_name, name) == 0 && is_inet(list->ifa_addr))
            return true;
    return false;
}

/* An entry of an interface: one per address, and one for an interface that has none. */
static bool is_entry(const struct ifaddrs *list, const struct ifaddrs *i)
{
    return is_inet(i->ifa_addr) ||
           (i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET && !has_inet(list, i->ifa_name));
}

/* Its label ("eth0:1") may stand for the name. */
static bool is_of(const struct ifaddrs *i, const char *interface)
{
    return strncmp(i->ifa_name, interface, strcspn(i->ifa_name, ":")) == 0 &&
           !interface[strcspn(i->ifa_name, ":")];
}

/* Appends its entries of one family. */
static lua_Integer push_entries(lua_State *L, const struct ifaddrs *list, const char *interface,
                                int family, lua_Integer n)
{
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != family || !is_of(i, interface))
            continue;
        push_interface(L, list, i);
        lua_rawseti(L, -2, ++n);
    }
    return n;
}

/* nmap.list_interfaces() -> array of tables: interface by interface as the kernel has them, each
 * with its IPv4 addresses, or one entry without address, before the IPv6 ones.  Scripts tell of the
 * same host on the interface that they saw it on first or last. */
static int l_list_interfaces(lua_State *L)
{
    const struct ifaddrs *list = push_addrs(L);
    lua_Integer n = 0, before;

    lua_newtable(L);
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_PACKET)
            continue;
        before = n;
        n = push_entries(L, list, i->ifa_name, AF_INET, n);
        if (n == before) {
            push_interface(L, list, i);
            lua_rawseti(L, -2, ++n);
        }
        n = push_entries(L, list, i->ifa_name, AF_INET6, n);
    }
    return 1;
}

/* The entry of the family wanted; else another of that name.  NULL: there is no such interface. */
static const struct ifaddrs *entry_of(const struct ifaddrs *list, const char *name,
                                      enum addr_family family)
{
    int wanted = family == ADDR_V6 ? AF_INET6 : AF_INET;
    const struct ifaddrs *other = NULL;

    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        if (!is_entry(list, i) || strcmp(i->ifa_name, name) != 0)
            continue;
        if (i->ifa_addr->sa_family == wanted)
            return i;
        other = other ? other : i;
    }
    return other;
}

/* nmap.get_interface_info(name) -> table | false, reason */
static int l_get_interface_info(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    const struct ifaddrs *list = push_addrs(L), *i = entry_of(list, name, run_family(L));

    if (i) {
        push_interface(L, list, i);
        return 1;
    }
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "failed to find interface");
    return 2;
}

/* nmap.get_interface() -> the interface of the command line or nil */
static int l_get_interface(lua_State *L)
{
    lua_pushstring(L, host_of(L)->interface);
    return 1;
}

#define SERVERS_MAX 16

/* nmap.get_dns_servers() -> array of addresses: those that nmap.resolve() asks */
static int l_get_dns_servers(lua_State *L)
{
    const struct script_host *h = host_of(L);
    struct addr servers[SERVERS_MAX];
    size_t n = h->dns ? dns_servers(h->dns, servers, SERVERS_MAX) : 0;
    char text[ADDR_TEXT_MAX];

    lua_createtable(L, (int)n, 0);
    for (size_t i = 0; i < n; i++) {
        lua_pushstring(L, addr_format(&servers[i], text));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* ---- names ---- */

#define RESOLVE_MAX 64

/* The resolver's callback comes once, also after a cancel, when the op may have been collected: so
 * it gets its own memory. */
struct request {
    struct resolve_op *op; /* NULL: nobody wants the answer */
    struct dns_query *query;
};

struct resolve_op {
    struct op op;
    struct request *request;
    struct addr addrs[RESOLVE_MAX];
    size_t n;
};

static void resolved(void *user, int status, const struct addr *addrs, size_t n)
{
    struct request *q = user;
    struct resolve_op *r = q->op;

    free(q);
    if (!r)
        return;
    r->request = NULL;
    r->n = status < 0 ? 0 : n < RESOLVE_MAX ? n : RESOLVE_MAX;
    if (r->n > 0)
        memcpy(r->addrs, addrs, r->n * sizeof *addrs);
    op_complete(&r->op, status);
}

static void resolve_cancel(struct op *op)
{
    struct resolve_op *r = (struct resolve_op *)op;

    if (!r->request)
        return;
    r->request->op = NULL;
    dns_cancel(r->request->query);
    r->request = NULL;
}

static int resolve_start(struct resolve_op *r, struct dns *dns, const char *name,
                         enum addr_family family)
{
    CLEANUP(freep) struct request *q = calloc(1, sizeof *q);

    if (!q || dns_lookup(dns, name, family, resolved, q, &q->query) < 0)
        return -ENOMEM;
    q->op = r;
    r->request = take(&q);
    return 0;
}

static int push_resolve_failure(lua_State *L)
{
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "Failed to resolve");
    return 2;
}

static int resolve_k(lua_State *L, int status, lua_KContext ctx)
{
    const struct resolve_op *r = (const struct resolve_op *)ctx;
    char text[ADDR_TEXT_MAX];

    (void)status;
    if (r->op.status < 0 || r->n == 0)
        return push_resolve_failure(L);
    lua_pushboolean(L, 1);
    lua_createtable(L, (int)r->n, 0);
    for (size_t i = 0; i < r->n; i++) {
        lua_pushstring(L, addr_format(&r->addrs[i], text));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 2;
}

/* nmap.resolve(name[, "inet"|"inet6"|"unspec"]) -> true, addresses | false, reason.  Yields. */
static int l_resolve(lua_State *L)
{
    static const char *const names[] = {"inet", "inet6", "unspec", NULL};
    static const enum addr_family families[] = {ADDR_V4, ADDR_V6, ADDR_NONE};
    const char *name = luaL_checkstring(L, 1);
    enum addr_family family = families[luaL_checkoption(L, 2, "unspec", names)];
    struct script_host *h = host_of(L);
    struct resolve_op *r;

    if (!h->dns)
        return push_resolve_failure(L);
    r = (struct resolve_op *)op_new(L, "resolve", sizeof *r, NULL);
    r->op.cancel = resolve_cancel;
    if (resolve_start(r, h->dns, name, family) < 0)
        return push_resolve_failure(L);
    return sched_park(L, &r->op, USEC_INFINITY, resolve_k);
}

static const luaL_Reg functions[] = {
    {"list_interfaces", l_list_interfaces},
    {"get_interface_info", l_get_interface_info},
    {"get_interface", l_get_interface},
    {"get_dns_servers", l_get_dns_servers},
    {"resolve", l_resolve},
    {NULL, NULL},
};

void nmap_net_register(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
