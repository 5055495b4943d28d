/* Upkeep of the database, as the core does it: on the store's connection, and one more for the
 * queries of policies. */
#pragma once

#include "service/store/store.h"
#include "service/store/upkeep.h"

struct config;

struct core_upkeep {
    struct loop *loop;
    struct store *store;
    const char *conninfo; /* borrowed */
    struct db *reader;    /* opened when the first policy is run */
    struct upkeep *upkeep;
};

/* Store and connection string live longer.  0, -ENOMEM. */
int core_upkeep_open(struct core_upkeep *c, struct loop *l, struct store *store,
                     const char *conninfo) MUST_USE;
/* What upkeep_config() takes, of a configuration.  0, -ENOMEM; *ret is the caller's. */
int core_upkeep_keep(char **ret, const struct config *config) MUST_USE;
void core_upkeep_done(struct core_upkeep *c);
