/* The listeners of the scanner process: which interfaces they are on, for which zones.
 *
 * One listener per interface, however many zones hear it; each zone is told what is heard there.
 * A zone names its interfaces, or leaves it to its scope: then it hears those that a part of its
 * scope is on link of, looked at anew every EARS_LOOK, because addresses and interfaces come and
 * go.
 *
 * Zones may have their IPv6 neighbours asked by multicast now and then: who answers is a sighting
 * like any other. */
#pragma once

#include "engine/base/addrset.h"
#include "engine/scan/listen.h"
#include "service/ipc/messages.h"

struct ears;

#define EARS_LOOK  (5 * USEC_PER_SEC)
#define EARS_COUNT (10 * USEC_PER_SEC) /* how often the figures are told */

struct ears_sink {
    /* s is valid during the call. */
    void (*sighting)(void *user, uint32_t zone, const struct sighting *s);
    void (*listener)(void *user, const struct ipc_listener *m);
};

/* The sink is copied.  -ENOMEM. */
int ears_new(struct ears **ret, struct loop *l, const struct ears_sink *sink, void *user) MUST_USE;
struct ears *ears_free(struct ears *e);

/* A zone listens; scope is copied.  interface NULL: where the scope is on link.  Listening itself
 * begins in a later turn; what goes wrong with one interface is told of its listener.  -ENOMEM. */
int ears_zone(struct ears *e, uint32_t zone, const struct addr_set *scope,
              const struct ipc_listen *m) MUST_USE;
void ears_zone_drop(struct ears *e, uint32_t zone);
