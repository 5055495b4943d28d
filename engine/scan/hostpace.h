/* How fast one host is asked for its ports, and whether its silence may be believed.
 *
 * Many systems send RSTs and ICMP errors at a limited rate only (Linux: one ICMP error a second for
 * each receiver), so that a closed port is silent when it is asked too soon after others.  A
 * control is a port that is known to answer, asked again now and then: when controls stay
 * unanswered, this host alone is asked more slowly, and what was silent meanwhile is asked again.
 */
#pragma once

#include "engine/base/time.h"

#include <stdbool.h>
#include <stdint.h>

struct hostpace {
    usec_t base;     /* the interval it begins with */
    usec_t interval; /* between two probes; 0: none is kept */
    usec_t sent;     /* the control under way */
    uint16_t port;   /* of the control */
    bool known;      /* there is one */
    bool waiting;    /* it is under way */
    bool doubt;      /* a control was lost in this pass: its silence proves nothing */
    bool limited;    /* one was lost before: there may be a limit, on which controls draw as well */
    bool recovered;  /* it was too slow before */
    bool settled;    /* and too fast again after that: the limit is near */
    uint8_t misses;  /* in a row at this interval */
    uint8_t lost;    /* in a row */
    uint16_t since;  /* probes since the last control */
};

/* base: 0, or the interval to begin with. */
void hostpace_init(struct hostpace *p, usec_t base);
/* A port has answered in the way that may be limited. */
void hostpace_learn(struct hostpace *p, uint16_t port);
/* One more probe is to go out: true when it is to be a control, which counts as sent then. */
bool hostpace_control_due(struct hostpace *p, unsigned every, usec_t now);
/* Of ICMP errors there may be one a second.  Once a control was lost, others wait for the end of
 * the pass: alone they would be too many, and the last one, which comes at once behind the probes,
 * would be lost in each pass. */
bool hostpace_is_early(const struct hostpace *p, usec_t now);
/* An answer to a control; false: none was under way to this port. */
bool hostpace_answered(struct hostpace *p, uint16_t port);
/* The control to this port, if it is under way, went out only `delay` later. */
bool hostpace_delayed(struct hostpace *p, uint16_t port, usec_t delay);
/* A control sent more than `timeout` ago is lost.  loss: the network's own, 0..1. */
void hostpace_expire(struct hostpace *p, usec_t timeout, double loss, usec_t now);
/* Answers are being held back, as far as is known now. */
static inline bool hostpace_holds(const struct hostpace *p)
{
    return p->doubt || p->interval > p->base;
}
/* How long to leave the host alone between two passes.  A pass ends with a control, and whoever is
 * asked right after its answer would find nothing left of a slow limit, in each pass the same one.
 */
usec_t hostpace_rest(const struct hostpace *p);
/* The pass is over: whether its silence counts.  Begins the next one. */
bool hostpace_pass_counts(struct hostpace *p);
