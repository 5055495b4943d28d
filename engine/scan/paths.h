/* Paths: which routers lie on the way to each of many hosts.
 *
 * A host is asked with packets that live for 1, 2, 3 ... hops: the router that takes the last hop
 * says so (time exceeded: RFC 792, RFC 4443 3.3), and from some number on the host itself answers.
 * Pure: no fd, no clock, no knowledge of frames.
 *
 * Routers answer few such questions (Linux: six at once to an asker, then one a second), and hosts
 * share their ways.  So a path is followed from its end down to the first router that a path known
 * already has at the same distance; what lies below is that path's.  The first hop is known by our
 * own gateway to it.  A router that stays silent to the questions for one host and answers those
 * for another of the same network (IPv4 /24, IPv6 /64) at the same distance is taken to be on the
 * way to both. */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/time.h"

#define PATHS_HOPS_MAX  30
#define PATHS_TRIES     3
#define PATHS_TIMEOUT   USEC_PER_SEC /* of one try */
#define PATHS_AT_A_TIME 32           /* hosts; others wait in line */
#define PATHS_AHEAD     6            /* questions under way for one host, while no path is known */
#define PATHS_SILENT    5            /* hops in a row, beyond which no host is looked for */

struct paths;

struct path_hop {
    struct addr addr; /* ADDR_NONE: nobody answers there */
    usec_t rtt; /* as measured for this host, or for the one whose path it was; 0: not known */
};

struct path_target {
    struct addr addr;
    struct addr gateway; /* our next hop to it; ADDR_NONE: not known */
    unsigned distance;   /* in hops, a guess from the TTL of an answer; 0: none */
};

struct path_question {
    struct addr addr;
    unsigned hops; /* TTL or hop limit, 1 to PATHS_HOPS_MAX */
    unsigned try;  /* 0 to PATHS_TRIES - 1 */
};

struct path_answer {
    struct addr addr; /* the host that was asked for */
    unsigned hops, try;
    struct addr from;
    bool arrived; /* the packet got where it may get: to the host, or to a router that refuses it */
};

/* hops[n - 1] is the host itself when it answered, else the last router that did.  Valid during the
 * call. */
typedef void (*paths_cb)(void *user, const struct addr *a, const struct path_hop *hops, size_t n);

struct paths *paths_new(paths_cb done, void *user); /* NULL: no memory */
struct paths *paths_free(struct paths *p);          /* calls nothing back */

/* 0, -ENOMEM, -EEXIST. */
int paths_add(struct paths *p, const struct path_target *t) MUST_USE;

enum paths_step {
    PATHS_ASK,  /* *ret is to be sent */
    PATHS_WAIT, /* nothing for *ret_wait */
    PATHS_IDLE, /* nothing at all: no host is left */
};
/* Calls done() for hosts that are through. */
enum paths_step paths_next(struct paths *p, usec_t now, struct path_question *ret,
                           usec_t *ret_wait);
/* The question went out only now. */
void paths_sent(struct paths *p, const struct path_question *q, usec_t now);
/* Answers that come late, twice or unasked are harmless.  Calls nothing back. */
void paths_answer(struct paths *p, const struct path_answer *a, usec_t now);
/* The host is not asked any more; what is known is told by the next paths_next(). */
void paths_stop(struct paths *p, const struct addr *a);
void paths_stop_all(struct paths *p);

/* How far away who answers with this TTL may be, in hops: systems start at 32, 64, 128 or 255. */
unsigned paths_distance(uint8_t ttl);
