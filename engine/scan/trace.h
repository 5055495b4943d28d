/* Traces the ways to hosts: sends the questions of paths.h as raw packets, and hears the answers.
 *
 * A host is asked in a way that it is known to answer, so that the end of its path shows: by a TCP
 * SYN to a port, a UDP datagram to a closed port, or an ICMP echo request.  Packets go the way that
 * the kernel's routes say, through the guard.  Needs CAP_NET_RAW. */
#pragma once

#include "engine/base/err.h"
#include "engine/loop/guard.h"
#include "engine/packet/packet.h"
#include "engine/scan/paths.h"

struct tracer;

struct trace_target {
    struct addr addr;
    enum ip_protocol protocol; /* IP_TCP, IP_UDP; IP_ICMP also for IPv6 */
    uint16_t port;             /* of TCP and UDP */
    uint8_t ttl;               /* of an answer; 0: not known */
};

/* interface: all goes by this one; NULL: as the routes say. */
int trace_open(struct tracer **ret, struct loop *l, struct guard *g, const char *interface,
               paths_cb done, void *user, struct err *e) MUST_USE;
struct tracer *trace_close(struct tracer *t); /* not inside done(); calls nothing back */

enum trace_start {
    TRACE_STARTED,   /* done() will be called, in a later turn */
    TRACE_NEIGHBOUR, /* it is on our link: the only hop */
    TRACE_NONE,      /* it is this machine, or there is no way to it */
};
/* enum trace_start, or -errno with the text set. */
int trace_add(struct tracer *t, const struct trace_target *target, struct err *e) MUST_USE;
/* done() comes for all hosts, with what is known of their paths. */
void trace_stop(struct tracer *t);
