/* The alert pipeline of the configuration in force, and those of earlier ones while they end.
 *
 * After a reload the new pipeline waits for the endpoints until the old one has written down what
 * it has in flight and given them up, so that a reload sends nothing twice. */
#pragma once

#include "engine/loop/loop.h"
#include "service/config/config.h"

#include <sys/queue.h>

struct old_alert;

struct core_alert {
    struct loop *loop;
    const char *conninfo, *holder; /* borrowed; set before the first core_alert_new() */
    struct alert *now;             /* NULL: no configuration yet */
    LIST_HEAD(, old_alert) old;
    bool stopped;
};

/* A pipeline as the configuration says, not yet in force; the caller gives it to
 * core_alert_replace() or alert_free().  As alert_new(). */
int core_alert_new(const struct core_alert *c, const struct config *config, struct alert **ret,
                   struct err *e) MUST_USE;
void core_alert_replace(struct core_alert *c, struct alert *a);
void core_alert_poke(const struct core_alert *c);
/* Ends, within this time; whether it has is told by core_alert_is_over(). */
void core_alert_stop(struct core_alert *c, usec_t within);
bool core_alert_is_over(const struct core_alert *c);
/* ", 2 of 3 endpoints ok"; nothing where there are none. */
void core_alert_status(const struct core_alert *c, struct buf *out);
/* At once. */
void core_alert_done(struct core_alert *c);
