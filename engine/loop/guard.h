/* The guard: what may be sent where, and how fast.  It stands below everything that sends: streams,
 * datagrams and raw frames ask it, and nothing goes round it (product.md rule 5).  A NULL guard
 * (webhooks, DNS to configured servers, tests) allows everything. */
#pragma once

#include "engine/base/addrset.h"
#include "engine/loop/loop.h"

struct guard;

enum guard_kind {
    GUARD_CONNECT, /* a TCP handshake */
    GUARD_PAYLOAD, /* application bytes, TCP or UDP */
    GUARD_PROBE,   /* a raw discovery or port probe */
};

struct addr_port {
    struct addr addr;
    uint16_t port;
};

struct guard_opts {
    const struct addr_set *scope;    /* targets; copied.  Empty: nothing is allowed */
    const struct addr_set *excludes; /* wins over scope; copied */
    const uint16_t
        *fragile_ports; /* TCP ports that get no payload (printers: 515, 9100-9107); copied */
    size_t n_fragile_ports;
    double rate;                  /* packets or operations per second in total; 0: no limit */
    double burst;                 /* tokens that may gather; 0: rate / 10, at least 1 */
    double host_rate;             /* the same to one address; 0: no limit */
    double net_rate;              /* and into one IPv4 /24 or IPv6 /64; 0: no limit */
    const uint64_t *more_fragile; /* 1024 words, a bit per TCP port; NULL: none; copied */
};

/* What printers print whatever they are sent: LPD and JetDirect. */
#define GUARD_PRINTER_PORTS 9
extern const uint16_t guard_printer_ports[GUARD_PRINTER_PORTS];

int guard_new(struct guard **ret, struct loop *l, const struct guard_opts *o,
              struct err *e) MUST_USE;
struct guard *guard_free(struct guard *g);
void guard_freep(struct guard **g);

/* 0: go ahead (one token is taken); -EPERM: out of scope, excluded or fragile, with guard_why();
 * -EAGAIN: rate; try after guard_wait(). */
int guard_check(struct guard *g, enum guard_kind kind, const struct addr *to, uint16_t port);
/* The same for who can wait in line: takes the token even when it is still to come, and tells when
 * that is.  -EAGAIN: not within max_wait; nothing was taken.  Waiters so go in order, each at its
 * own time. */
int guard_take(struct guard *g, enum guard_kind kind, const struct addr_port *to, usec_t max_wait,
               usec_t *ret_wait) MUST_USE;
const char *guard_why(
    const struct guard *g); /* of the last -EPERM: "out of scope", "excluded", "fragile port" */
/* Whether an address is in the scope, and not excluded. */
bool guard_covers(const struct guard *g, const struct addr *a);
/* Whether payloads are kept off this port, wherever they go. */
bool guard_is_fragile(const struct guard *g, uint16_t port);
/* Until the next token, and until the one that the last -EAGAIN was about may go. */
usec_t guard_wait(struct guard *g);
int guard_scope_add(struct guard *g, const struct addr *first, const struct addr *last) MUST_USE;
/* Links that may be asked as a whole, by frames that bear no network address (PPPoE, LLTD).  0,
 * -ENOMEM. */
int guard_link_add(struct guard *g, int ifindex) MUST_USE;
/* Whether frames to a group of stations may go out there: with links, on these alone. */
bool guard_takes_link(const struct guard *g, int ifindex);
/* The same as guard_check() for such a frame, to a group of stations. */
int guard_check_link(struct guard *g, int ifindex);
/* Sent so far, by kind: for the packet ledger. */
uint64_t guard_sent(const struct guard *g, enum guard_kind kind);
