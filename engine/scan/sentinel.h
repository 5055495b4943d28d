/* Sentinels: what has answered before is asked again now and then, so that an unanswered one is a
 * measured loss and not merely a silent port.  The outcomes go to the pacer. */
#pragma once

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
    uint32_t period; /* the pacer's */
    bool waiting;
};

/* A zeroed struct knows nobody. */
struct sentinels {
    struct sentinel v[SENTINELS_MAX];
    size_t n, next_place, next_turn;
    struct loss *loss; /* every outcome is added here; not owned; may be NULL */
};

/* Remembers one, in place of an older one that is not under way. */
void sentinels_learn(struct sentinels *s, const struct sentinel *one);
/* One to ask now, marked as under way, or NULL. */
const struct sentinel *sentinels_next(struct sentinels *s, struct pacer *p, usec_t now);
void sentinels_answer(struct sentinels *s, struct pacer *p, const struct probe_reply *r,
                      usec_t now);
/* The host holds answers back: its ports measure the network no more. */
void sentinels_forget(struct sentinels *s, struct pacer *p, const struct addr *a, usec_t now);
/* Answers may have been lost on our own side: those under way prove nothing. */
void sentinels_void(struct sentinels *s, struct pacer *p, usec_t now);
/* Those sent more than `timeout` ago are lost. */
void sentinels_expire(struct sentinels *s, struct pacer *p, usec_t timeout, usec_t now);
