/* Reverse names of hosts that are up, for the visits that find them.
 *
 * Nobody waits for a name: it is wanted when a host answers, and told with the part that is handed
 * over after it came, which may be the next visit's.  A name is known until its server says
 * otherwise: one that is silent or fails changes nothing.  Bounded in lookups under way, in names
 * kept, and in patience with a server that does not answer. */
#pragma once

#include "engine/base/addr.h"
#include "engine/loop/loop.h"

struct names;

#define NAMES_AT_A_TIME 32    /* lookups of one server list */
#define NAMES_KEPT      65536 /* addresses; the ones asked longest ago go first */
#define NAMES_RETRY     (60 * USEC_PER_SEC)
#define NAMES_SILENT    8 /* failures in a row, then the servers are left alone for: */
#define NAMES_REST      (30 * USEC_PER_SEC)

int names_new(struct names **ret, struct loop *l) MUST_USE; /* -ENOMEM */
/* Lookups under way end in the next turn of the loop. */
struct names *names_free(struct names *n);

/* Asks, unless it is being asked or was answered less than `every` ago.  servers: as dns_opts.
 * Never fails: what cannot be asked now is asked at another time. */
void names_want(struct names *n, const char *servers, const struct addr *a, usec_t every);
/* What is known: a name, "" where the server says that there is none; NULL: nothing.  Valid until
 * the next turn of the loop. */
const char *names_of(struct names *n, const char *servers, const struct addr *a);
/* Nothing is known yet, or a name was taken back once, and an answer is under way. */
bool names_expected(struct names *n, const char *servers, const struct addr *a);
