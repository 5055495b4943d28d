/* What the kernel knows of interfaces, routes and neighbours, by rtnetlink.  Synchronous: the
 * kernel answers at once. */
#pragma once

#include "engine/base/err.h"
#include "engine/scan/plan.h"

struct iface {
    int index;
    char name[16];
    bool up, loopback;
    bool running;  /* and the cable is in */
    bool ethernet; /* neighbours have MAC addresses */
    struct mac mac;
};

struct route_socket;
/* 0; -errno with the text set. */
int route_open(struct route_socket **ret, struct err *e) MUST_USE;
struct route_socket *route_close(struct route_socket *r);
void route_closep(struct route_socket **r);

/* What the kernel says of an interface in a message RTM_NEWLINK (rtnetlink(7)).  A VLAN, a bridge
 * or a team is an interface like others: it has its own name, index, address and cable.  0,
 * -EBADMSG.
 */
int route_iface_read(const void *message, size_t len, struct iface *ret);
/* 0 or -ENODEV. */
int route_iface(struct route_socket *r, int index, struct iface *ret);
/* How the kernel would send to an address; ifindex 0: any interface.  `resolve` is left out.  An
 * address that the kernel has no way to is HOP_UNREACHABLE, not an error. */
int route_get(struct route_socket *r, const struct addr *to, int ifindex, struct hop *ret);
/* The MAC address of a neighbour as the kernel has it, if only from long ago.  0, -ENOENT. */
int route_neighbour(struct route_socket *r, int ifindex, const struct addr *a, struct mac *ret);
/* Only one that was confirmed of late, or is set by hand.  0, -ENOENT. */
int route_neighbour_fresh(struct route_socket *r, int ifindex, const struct addr *a,
                          struct mac *ret);
/* An address of ours on an interface, a link-local one only when there is no other.  0,
 * -EADDRNOTAVAIL. */
int route_source(struct route_socket *r, int ifindex, uint8_t family, struct addr *ret);

/* Fills a plan: the targets cut where the kernel's routes change.  interface: only through this
 * one; NULL: any. */
int route_plan(struct route_socket *r, const struct addr_set *targets, const char *interface,
               struct plan *ret, struct err *e) MUST_USE;
