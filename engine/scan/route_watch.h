/* Tells when interfaces, addresses or routes change, by rtnetlink. */
#pragma once

#include "engine/base/err.h"
#include "engine/loop/loop.h"

struct route_watch;

/* changed() comes from the loop, once for many changes that come together.  -errno with the text
 * set. */
int route_watch_new(struct route_watch **ret, struct loop *l, void (*changed)(void *user),
                    void *user, struct err *e) MUST_USE;
/* Also inside changed(). */
struct route_watch *route_watch_free(struct route_watch *w);
