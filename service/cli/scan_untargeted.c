/* A scan that names no targets: only scripts that need none run (prerules and postrules), and with
 * the script argument newtargets what they find is scanned.
 *
 * Whoever asks for such scripts and names nobody means the links that this machine is on, since
 * that is what these scripts ask.  So that, and no more, is what they may send to: the addresses of
 * groups, which reach all of a link at once and nothing beyond it, and the networks of the
 * interfaces, as the hosts that answer are asked further questions.  With -e it is the one link
 * alone.  Excludes hold: no group can be asked on a link that an excluded address is on, because it
 * would be asked with it. */
#include "service/cli/scan_run_priv.h"

#include "engine/loop/guard.h"
#include "engine/script/host.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>

/* By its index: addresses may bear a label ("eth0:1") instead of the interface's name. */
static bool is_link(const struct ifaddrs *i, const char *interface)
{
    return i->ifa_addr && i->ifa_flags & IFF_UP && !(i->ifa_flags & IFF_LOOPBACK) &&
           (!interface || if_nametoindex(i->ifa_name) == if_nametoindex(interface));
}

/* The network of an interface's address.  False: it has none. */
static bool network_of(const struct ifaddrs *i, struct prefix *ret)
{
    struct addr mask;

    if (!i->ifa_netmask || addr_from_sockaddr(i->ifa_addr, &ret->addr, NULL) < 0 ||
        addr_from_sockaddr(i->ifa_netmask, &mask, NULL) < 0)
        return false;
    *ret = prefix_of(&ret->addr, addr_mask_len(&mask));
    return true;
}

static int add(struct guard *g, const struct prefix *p)
{
    struct addr first = prefix_first(p), last = prefix_last(p);

    return guard_scope_add(g, &first, &last);
}

static int add_link(struct scan_run *run, const struct ifaddrs *i, struct err *e)
{
    struct prefix network;
    int r = guard_link_add(run->guard, (int)if_nametoindex(i->ifa_name));

    if (r == 0 && network_of(i, &network)) {
        if (addr_set_overlaps(&run->plan.excludes.addrs, &network))
            return err_set(e, -EINVAL,
                           "what scripts ask '%s' reaches all that is there, excluded addresses as "
                           "well: name another interface with -e, or targets",
                           i->ifa_name);
        r = add(run->guard, &network);
    }
    return r < 0 ? err_set(e, r, "out of memory") : 0;
}

/* 224.0.0.0/4, 255.255.255.255, ff00::/8. */
static int add_groups(struct guard *g)
{
    static const struct prefix groups[] = {
        {{.family = ADDR_V4, .b = {0xe0}}, 4},
        {{.family = ADDR_V4, .b = {0xff, 0xff, 0xff, 0xff}}, 32},
        {{.family = ADDR_V6, .b = {0xff}}, 8},
    };
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(groups) && r == 0; i++)
        r = add(g, &groups[i]);
    return r;
}

int scan_untargeted_scope(struct scan_run *run, struct err *e)
{
    const char *interface = run->args->interface;
    struct ifaddrs *links = NULL;
    size_t n = 0;
    int r = 0;

    if (getifaddrs(&links) < 0)
        return err_set(e, -errno, "no list of interfaces: %s", strerror(errno));
    for (const struct ifaddrs *i = links; i && r == 0; i = i->ifa_next)
        if (is_link(i, interface)) {
            r = add_link(run, i, e);
            n++;
        }
    freeifaddrs(links);
    if (r == 0 && interface && !n)
        r = err_set(e, -ENODEV, "interface '%s': no such interface, or it is down", interface);
    if (r == 0 && add_groups(run->guard) < 0)
        r = err_set(e, -ENOMEM, "out of memory");
    return r;
}

static void note_need(void *user, const struct script_meta *m)
{
    *(bool *)user |= m->prerule || m->postrule;
}

int scan_untargeted_start(struct scan_run *run, struct err *e)
{
    bool any = false;
    int r;

    if (run->scripts)
        script_host_each(run->scripts, note_need, &any);
    if (!any)
        return err_set(e, -EINVAL,
                       "no targets: each of the scripts needs one; name an address, a network or a "
                       "host (muster scan --help)");
    r = scan_scripts_start(run, e);
    if (r == 0)
        scan_more_look(run);
    return r;
}
