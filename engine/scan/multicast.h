/* Finds the hosts of a link by IPv6 multicast: all are asked at once, whatever their addresses are,
 * so that networks too large to be walked (a /64 has 2^64 addresses) can be looked into.
 *
 * Two questions go to all nodes (ff02::1), each from every address that we have on the link,
 * because hosts answer from an address of the same kind: an echo request; and one behind an option
 * that nobody knows and everybody has to complain of, for hosts that do not answer multicast echoes
 * (RFC 4443 2.4 (e.3), 3.4; RFC 8200 4.2).  Who answers neither is not found.  An answer names a
 * host, and proves it no further than its cookie does: ask the address itself (ND).
 *
 * A multicast reaches every host of the link.  Where one of them must not be touched, do not ask.
 */
#pragma once

#include "engine/base/addrset.h"
#include "engine/loop/loop.h"

#include <net/if.h>

struct multicast;

#define MULTICAST_ROUNDS  3
#define MULTICAST_GAP     (300 * USEC_PER_MSEC) /* between rounds */
#define MULTICAST_LINGER  (700 * USEC_PER_MSEC) /* after the last */
#define MULTICAST_SOURCES 8     /* of our addresses; a round is two frames of each */
#define MULTICAST_ANSWERS 65536 /* addresses; further ones are not told */

enum multicast_how { MULTICAST_ECHO, MULTICAST_COMPLAINT };

struct multicast_sink {
    /* Once for each address; a second time when an echo reply follows a complaint.  Link-local
     * addresses have their scope. */
    void (*answer)(void *user, const struct addr *a, const struct mac *mac, enum multicast_how how);
    /* It is over.  drops: frames that the kernel lost before us. */
    void (*done)(void *user, uint64_t drops);
};

/* The sink is copied; nothing is called back before it returns.  -EPERM, -ENODEV, -ENETDOWN,
 * -EAFNOSUPPORT (not Ethernet), -EADDRNOTAVAIL (no IPv6 address there), -ENOMEM. */
int multicast_start(struct multicast **ret, struct loop *l, const char *interface,
                    const struct multicast_sink *sink, void *user, struct err *e) MUST_USE;
/* Calls nothing back.  Not inside answer(). */
struct multicast *multicast_stop(struct multicast *m);

/* The interfaces that are up, and on whose link a part of `scope` is (IPv6; link-local: on all).
 * Returns their number, at most max. */
size_t multicast_links(const struct addr_set *scope, char (*ret)[IFNAMSIZ], size_t max);
/* Whether one of the addresses is on the interface's link (IPv6). */
bool multicast_reaches(const char *interface, const struct addr_set *set);
