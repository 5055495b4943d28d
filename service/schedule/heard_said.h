/* A sighting as rows of evidence.  Pure. */
#pragma once

#include "engine/model/sighting.h"
#include "service/store/store.h"

/* More than a sighting can say. */
#define HEARD_SAID_MAX (2 * SIGHTING_NAMES_MAX + 2 * SIGHTING_LIST_MAX + 18)

struct heard_said {
    struct store_said
        list[HEARD_SAID_MAX]; /* keys point into the sighting, kinds and numbers here */
    size_t n;
    char kinds[HEARD_SAID_MAX][32];
    char vlan[8], neighbour_vlan[8];
};

/* ret must not be moved afterwards. */
void heard_said(struct heard_said *ret, const struct sighting *s);
