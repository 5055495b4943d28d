/* The plan of a scan: its targets without the excludes, cut into segments that are reached in the
 * same way.
 *
 * Pure values; route.h fills it from the kernel's routes. */
#pragma once

#include "engine/base/addrset.h"

struct link;

enum hop_kind {
    HOP_KERNEL,      /* not known: connect() finds the way */
    HOP_LOCAL,       /* this machine itself */
    HOP_ONLINK,      /* a neighbour on the link */
    HOP_GATEWAY,     /* behind a router */
    HOP_UNREACHABLE, /* there is no route */
};

/* How a segment is reached. */
struct hop {
    enum hop_kind kind;
    uint8_t family; /* enum addr_family, of the addresses reached so */
    int ifindex;
    struct addr src;     /* our address towards it */
    struct addr gateway; /* kind HOP_GATEWAY */
    bool resolve;        /* frames need the neighbour's MAC address (Ethernet) */
    bool has_mac;
    struct mac mac;    /* of the gateway, once known */
    struct link *link; /* where raw frames go; NULL for connect() only.  Not owned */
};

struct segment {
    struct addr first;
    uint64_t start; /* number of its first address in the whole plan */
    uint32_t hop;   /* index into hops */
};

/* A zeroed struct is empty. */
struct plan {
    struct segment *segments;
    size_t n_segments, cap_segments;
    struct hop *hops;
    size_t n_hops;
    uint64_t total; /* addresses */
};

void plan_done(struct plan *p);
/* Segments in any order; equal hops become one.  0, -ENOMEM, -EOVERFLOW: more addresses than any
 * scan can visit. */
int plan_add(struct plan *p, const struct addr *first, const struct addr *last,
             const struct hop *hop) MUST_USE;
/* The n-th address (n < total); returns how it is reached. */
const struct hop *plan_nth(const struct plan *p, uint64_t n, struct addr *ret);
/* The way to one of the plan's addresses; the segments must be in the order of their addresses.  An
 * address that is not in the plan gets the way of its neighbours. */
const struct hop *plan_find(const struct plan *p, const struct addr *a);
/* The way to the n-th address, and the number of the first one behind it that may have another. */
const struct hop *plan_part(const struct plan *p, uint64_t n, uint64_t *ret_end);
bool hop_equal(const struct hop *a, const struct hop *b);
