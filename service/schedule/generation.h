/* One configuration in force, or still in use: visits that began under it end under it, also when a
 * reload has made another. */
#pragma once

#include "engine/model/services.h"
#include "service/config/config.h"

struct generation {
    unsigned refs;
    struct config *config; /* owned */
    uint32_t first_zone;   /* id of zone 0 in the scanner; zone i has first_zone + i */
    char *args; /* scripts.args and the content of scripts.args_file, one text; NULL: none */
    struct services *services; /* names of ports; NULL: no table in the data directories */
    double share; /* what each zone gets of its rate, so that all together keep the total; 0..1 */
};

/* Takes the configuration over (also on failure).  refs is 1.  Errors of reading args_file
 * and the table of services, -ENOMEM. */
int generation_new(struct generation **ret, struct config *c, struct err *e) MUST_USE;
struct generation *generation_ref(struct generation *g);
/* Returns NULL; the last one frees. */
struct generation *generation_unref(struct generation *g);

/* Packets per second for a zone. */
double generation_rate(const struct generation *g, const struct config_zone *z);
uint32_t generation_zone_id(const struct generation *g, const struct config_zone *z);
