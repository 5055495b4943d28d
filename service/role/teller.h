/* How a script worker tells the core what its scripts find: in order, and within the limit of the
 * channel's queue.
 *
 * While much waits, the core gets no credit for more hosts.  What does not fit all the same is left
 * out as a whole, and said to be; what the core waits for is told in any case. */
#pragma once

#include "service/ipc/channel.h"

struct teller {
    struct channel *core; /* NULL: nobody listens */
    bool held;            /* the core has to wait with more */
    void *user;
    void (*failed)(void *user, const char *why); /* memory is out: what must be told cannot be */
};

/* 0; negative errno: it was left out, which is logged. */
int tell(struct teller *t, uint16_t type, uint32_t id, const void *value);
/* However much waits: for what is small, and ends something. */
void tell_always(struct teller *t, uint16_t type, uint32_t id, const void *value);
/* With its pieces; in their place, when there is no room for all of them, that it was left out. */
void tell_result(struct teller *t, uint32_t job, const struct script_result *r);
/* To be called when the channel is ready for more. */
void tell_ready(struct teller *t);
