/* Sentinels: what has answered before is asked again now and then, so that an unanswered one is a
 * measured loss and not merely a silent port.  The outcomes go to the pacer, or to that of a
 * network that is set apart. */
#pragma once

#include "engine/scan/netloss.h"
#include "engine/scan/pacer.h"
#include "engine/scan/probe.h"
#include "engine/scan/rtt.h"

struct hop;

#define SENTINELS_MAX 128

struct sentinel {
    struct addr addr;
    const struct hop *hop;
    struct mac mac;
    enum probe_kind kind;
    uint16_t port;
    usec_t sent;
    struct netloss_slot *net;
    uint8_t misses;      /* in a row */
    struct pacer *pacer; /* whom its outcome is told */
    uint32_t period;     /* the pacer's */
    bool waiting;
};

/* A zeroed struct knows nobody. */
struct sentinels {
    struct sentinel v[SENTINELS_MAX];
    size_t n, next_place, next_turn;
    struct pacer *pacer;  /* of all networks that are not apart; not owned; NULL: none is asked */
    struct netloss *nets; /* every outcome is added here; not owned */
};

/* Remembers one, in place of an older one that is not under way. */
void sentinels_learn(struct sentinels *s, const struct sentinel *one);
/* One to ask now, marked as under way, or NULL.  net: of this network, which is apart; NULL: of one
 * that is not. */
const struct sentinel *sentinels_next(struct sentinels *s, const struct netloss_slot *net,
                                      usec_t now);
void sentinels_answer(struct sentinels *s, const struct probe_reply *r, usec_t now);
/* One that was taken went out only `delay` later. */
void sentinels_delayed(struct sentinels *s, enum probe_kind kind, const struct addr *a,
                       uint16_t port, usec_t delay);
/* The host holds answers back: its ports measure the network no more. */
void sentinels_forget(struct sentinels *s, const struct addr *a, usec_t now);
/* The network was set apart: what is lost there is no evidence for the others. */
void sentinels_apart(struct sentinels *s, const struct netloss_slot *net, usec_t now);
/* Answers may have been lost on our own side: those under way prove nothing. */
void sentinels_void(struct sentinels *s, usec_t now);
/* Those sent longer ago than the round trips of their network ask for (`all`: where these are not
 * known) are lost. */
void sentinels_expire(struct sentinels *s, const struct rtt *all, struct rtt_bounds wait,
                      usec_t now);
