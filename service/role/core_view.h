/* The configuration as the store wants it. */
#pragma once

#include "service/alert/endpoints.h"
#include "service/config/config.h"
#include "service/store/store.h"

/* Zones and passes; borrows from the configuration. */
struct store_view {
    struct store_zone *zones;
    struct store_pass **passes;
    size_t n;
};
int store_view_of(const struct config *c, struct store_view *ret) MUST_USE; /* -ENOMEM */
void store_view_done(struct store_view *view);
