/* Link-local targets that were given without their interface.
 *
 * fe80::1 alone means another host on each link, and the kernel has no way to it: silence would be
 * taken for absence.  -e names the link, or there is only one. */
#include "engine/scan/multicast.h"
#include "service/cli/scan_plan.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#define LINKS_MAX 8

static bool is_bare(const struct addr *a)
{
    return addr_is_link_local(a) && a->family == ADDR_V6 && !a->scope;
}

static struct addr on_link(struct addr a, uint32_t link)
{
    a.scope = link;
    return a;
}

/* The bare ranges of `from`, as they are on a link. */
static int add_on_link(struct addr_set *to, const struct addr_set *from, uint32_t link)
{
    int r = 0;

    for (size_t i = 0; i < from->n && r == 0; i++) {
        struct addr first = on_link(from->ranges[i].first, link);
        struct addr last = on_link(from->ranges[i].last, link);

        if (is_bare(&from->ranges[i].first) && is_bare(&from->ranges[i].last))
            r = addr_set_add(to, &first, &last);
    }
    return r;
}

/* *ret is the interface's index; the error lists those that there are. */
static int only_link(uint32_t *ret, const struct addr_set *bare, struct err *e)
{
    CLEANUP(buf_done) struct buf list = {0};
    char links[LINKS_MAX][IFNAMSIZ], address[ADDR_TEXT_MAX];
    size_t n = multicast_links(bare, links, LINKS_MAX);

    *ret = n == 1 ? if_nametoindex(links[0]) : 0;
    if (*ret)
        return 0;
    addr_format(&bare->ranges[0].first, address);
    if (!n)
        return err_set(e, -EADDRNOTAVAIL,
                       "target '%s': no interface has a link-local address to ask from", address);
    for (size_t i = 0; i < n; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", links[i]);
    return err_set(e, -EINVAL,
                   "target '%s' may be on several links: name its interface, such as %s%%%s, or "
                   "give -e (there are %s%s)",
                   address, address, links[0], list.data, n == LINKS_MAX ? " ..." : "");
}

static int find_link(uint32_t *ret, const struct addr_set *bare, const char *interface,
                     struct err *e)
{
    if (!interface)
        return only_link(ret, bare, e);
    *ret = if_nametoindex(interface);
    return *ret ? 0 : err_set(e, -ENODEV, "interface '%s': no such interface", interface);
}

/* An exclude without an interface holds on every link. */
static int exclude_on_links(struct scan_plan *p)
{
    CLEANUP(addr_set_done) struct addr_set bare = {0};
    uint32_t last = 0;
    int r = add_on_link(&bare, &p->excludes.addrs, 0);

    for (size_t i = 0; bare.n && i < p->targets.addrs.n && r == 0; i++) {
        uint32_t link = p->targets.addrs.ranges[i].first.scope;

        if (link && link != last)
            r = add_on_link(&p->excludes.addrs, &bare, link);
        last = link;
    }
    return r;
}

int scan_plan_links(struct scan_plan *p, const char *interface, struct err *e)
{
    CLEANUP(addr_set_done) struct addr_set bare = {0};
    uint32_t link;
    int r = add_on_link(&bare, &p->targets.addrs, 0);

    if (r == 0 && bare.n) {
        r = find_link(&link, &bare, interface, e);
        if (r < 0)
            return r;
        r = addr_set_subtract(&p->targets.addrs, &bare);
        if (r == 0)
            r = add_on_link(&p->targets.addrs, &bare, link);
    }
    if (r == 0)
        r = exclude_on_links(p);
    return r < 0 ? err_set(e, r, "out of memory") : 0;
}
