/* Addresses as values.  See addr.h. */
#include "engine/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

int addr_parse(const char *text, struct addr *ret)
{
    struct addr a = {0};
    char host[ADDR_TEXT_MAX];
    const char *scope = strchr(text, '%');
    size_t len = scope ? (size_t)(scope - text) : strlen(text);

    if (len >= sizeof host)
        return -EINVAL;
    memcpy(host, text, len);
    host[len] = 0;
    if (!scope && inet_pton(AF_INET, host, a.b) == 1) {
        a.family = ADDR_V4;
    } else if (inet_pton(AF_INET6, host, a.b) == 1) {
        a.family = ADDR_V6;
        if (scope && !(a.scope = if_nametoindex(scope + 1)))
            return -EINVAL;
    } else {
        return -EINVAL;
    }
    *ret = a;
    return 0;
}

const char *addr_format(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
    char ifname[IF_NAMESIZE];

    if (a->family == ADDR_NONE) {
        snprintf(buf, ADDR_TEXT_MAX, "-");
        return buf;
    }
    inet_ntop(a->family == ADDR_V4 ? AF_INET : AF_INET6, a->b, buf, ADDR_TEXT_MAX);
    if (a->scope && if_indextoname(a->scope, ifname)) {
        size_t n = strlen(buf);

        snprintf(buf + n, ADDR_TEXT_MAX - n, "%%%s", ifname);
    }
    return buf;
}

int addr_cmp(const struct addr *a, const struct addr *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    if (a->scope != b->scope)
        return a->scope < b->scope ? -1 : 1;
    return memcmp(a->b, b->b, sizeof a->b);
}

bool addr_is_loopback(const struct addr *a)
{
    static const uint8_t one[16] = {[15] = 1};

    if (a->family == ADDR_V4)
        return a->b[0] == 127;
    return a->family == ADDR_V6 && memcmp(a->b, one, 16) == 0;
}

bool addr_is_link_local(const struct addr *a)
{
    if (a->family == ADDR_V4)
        return a->b[0] == 169 && a->b[1] == 254;
    return a->family == ADDR_V6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

unsigned addr_bits(const struct addr *a)
{
    return (unsigned)addr_len(a) * 8;
}

size_t addr_len(const struct addr *a)
{
    return a->family == ADDR_V4 ? 4 : a->family == ADDR_V6 ? 16 : 0;
}

struct addr addr_add(const struct addr *a, uint64_t n)
{
    struct addr sum = *a;

    for (size_t i = addr_len(a); i-- > 0 && n;) {
        n += sum.b[i];
        sum.b[i] = (uint8_t)n;
        n >>= 8;
    }
    return sum;
}

uint64_t addr_distance(const struct addr *a, const struct addr *b)
{
    uint8_t diff[16] = {0};
    size_t len = addr_len(a);
    unsigned borrow = 0;
    uint64_t d = 0;

    for (size_t i = len; i-- > 0;) {
        unsigned sub = a->b[i] + borrow;

        borrow = b->b[i] < sub;
        diff[i] = (uint8_t)(b->b[i] - sub);
    }
    for (size_t i = 0; i < len; i++) {
        if (i + 8 < len && diff[i])
            return UINT64_MAX;
        d = d << 8 | diff[i];
    }
    return d;
}

struct addr addr_v4(uint32_t host_order)
{
    struct addr a = {.family = ADDR_V4};

    for (int i = 0; i < 4; i++)
        a.b[i] = (uint8_t)(host_order >> (24 - 8 * i));
    return a;
}

uint32_t addr_to_v4(const struct addr *a)
{
    return (uint32_t)a->b[0] << 24 | (uint32_t)a->b[1] << 16 | (uint32_t)a->b[2] << 8 | a->b[3];
}

struct addr addr_from_bytes(enum addr_family family, const uint8_t *bytes)
{
    struct addr a = {.family = (uint8_t)family};

    memcpy(a.b, bytes, addr_len(&a));
    return a;
}

static struct addr unmap(const struct in6_addr *in6)
{
    if (IN6_IS_ADDR_V4MAPPED(in6))
        return addr_from_bytes(ADDR_V4, in6->s6_addr + 12);
    return addr_from_bytes(ADDR_V6, in6->s6_addr);
}

int addr_from_sockaddr(const struct sockaddr *sa, struct addr *ret, uint16_t *ret_port)
{
    uint16_t port;

    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, sa, sizeof in);
        *ret = addr_v4(ntohl(in.sin_addr.s_addr));
        port = ntohs(in.sin_port);
    } else if (sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, sa, sizeof in6);
        *ret = unmap(&in6.sin6_addr);
        if (ret->family == ADDR_V6)
            ret->scope = in6.sin6_scope_id;
        port = ntohs(in6.sin6_port);
    } else {
        return -EAFNOSUPPORT;
    }
    if (ret_port)
        *ret_port = port;
    return 0;
}

socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof *ret);
    if (a->family == ADDR_V4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};

        memcpy(&in.sin_addr, a->b, 4);
        memcpy(ret, &in, sizeof in);
        return sizeof in;
    }
    struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_scope_id = a->scope};

    memcpy(&in6.sin6_addr, a->b, 16);
    memcpy(ret, &in6, sizeof in6);
    return sizeof in6;
}

struct addr_key addr_key(const struct addr *a)
{
    struct addr_key k = {.scope = a->scope, .family = a->family};

    memcpy(k.b, a->b, sizeof k.b);
    return k;
}

uint8_t addr_mask_len(const struct addr *mask)
{
    unsigned len = 0;

    while (len < addr_bits(mask) && mask->b[len / 8] & 0x80 >> len % 8)
        len++;
    return (uint8_t)len;
}

/* The address with its bits from `len` on set to `bit`. */
static struct addr fill_host_bits(const struct addr *a, unsigned len, bool bit)
{
    struct addr out = *a;

    for (unsigned i = len; i < addr_bits(a); i++) {
        uint8_t mask = (uint8_t)(0x80 >> (i % 8));

        out.b[i / 8] = (uint8_t)(bit ? out.b[i / 8] | mask : out.b[i / 8] & ~mask);
    }
    return out;
}

int prefix_parse(const char *text, struct prefix *ret, struct err *e)
{
    const char *slash = strchr(text, '/');
    char host[ADDR_TEXT_MAX];
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    struct prefix p = {0};
    struct addr masked;
    char *end;
    long len;

    if (n >= sizeof host)
        return err_set(e, -EINVAL, "'%.80s' is not an address", text);
    memcpy(host, text, n);
    host[n] = 0;
    if (addr_parse(host, &p.addr) < 0)
        return err_set(e, -EINVAL, "'%s' is not an IPv4 or IPv6 address", host);
    len = slash ? strtol(slash + 1, &end, 10) : (long)addr_bits(&p.addr);
    if (slash && (end == slash + 1 || *end || len < 0 || len > (long)addr_bits(&p.addr)))
        return err_set(e, -EINVAL, "'%.80s': expected a prefix length from 0 to %u", text,
                       addr_bits(&p.addr));
    p.len = (uint8_t)len;
    masked = fill_host_bits(&p.addr, p.len, false);
    if (!addr_equal(&masked, &p.addr))
        return err_set(e, -EINVAL, "'%.80s' has bits set behind its length; did you mean %s/%ld?",
                       text, addr_format(&masked, host), len);
    *ret = p;
    return 0;
}

const char *prefix_format(const struct prefix *p, char buf[PREFIX_TEXT_MAX])
{
    char text[ADDR_TEXT_MAX];

    snprintf(buf, PREFIX_TEXT_MAX, "%s/%u", addr_format(&p->addr, text), p->len);
    return buf;
}

struct prefix prefix_of(const struct addr *a, uint8_t len)
{
    return (struct prefix){fill_host_bits(a, len, false), len};
}

bool prefix_contains(const struct prefix *p, const struct addr *a)
{
    struct addr masked;

    if (p->addr.family != a->family)
        return false;
    masked = fill_host_bits(a, p->len, false);
    return memcmp(masked.b, p->addr.b, sizeof masked.b) == 0;
}

struct addr prefix_first(const struct prefix *p)
{
    return p->addr;
}

struct addr prefix_last(const struct prefix *p)
{
    return fill_host_bits(&p->addr, p->len, true);
}

const char *mac_format(const struct mac *m, char buf[MAC_TEXT_MAX])
{
    snprintf(buf, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", m->b[0], m->b[1], m->b[2], m->b[3],
             m->b[4], m->b[5]);
    return buf;
}

int mac_parse(const char *text, struct mac *ret)
{
    struct mac m;
    unsigned v[6];
    int n = 0;

    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &n) !=
            6 ||
        text[n])
        return -EINVAL;
    for (int i = 0; i < 6; i++)
        m.b[i] = (uint8_t)v[i];
    *ret = m;
    return 0;
}
