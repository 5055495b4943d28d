/* The pass engine of the core: claims visits that are due, has them made by scanner and script
 * workers, and hands what they find to the store part by part, as hosts are done.
 *
 * What is due, for whom and when again is decided in the database (store.h); here is how much of it
 * runs at a time, in which order, and what happens when a worker, the database or the configuration
 * goes away in the middle: a worker's death asks the hosts that were not done once more, a second
 * one gives the visit up; a lost lease drops it; a database that does not take parts slows scanner
 * and workers down by their credits.  A visit ends under the configuration it began with. */
#pragma once

#include "engine/base/buf.h"
#include "engine/loop/loop.h"
#include "service/config/config.h"
#include "service/store/store.h"

struct schedule;

/* The calls of store.h that visits make, so that tests can have a store without a database. */
struct schedule_store {
    void *user;
    int (*claim)(void *user, const struct store_claim *c, store_claim_cb cb, void *cb_user);
    int (*keep)(void *user, const struct store_keep *k, store_keep_cb cb, void *cb_user);
    int (*targets)(void *user, const struct store_lease *l, store_targets_cb cb, void *cb_user);
    int (*apply)(void *user, struct store_lease *l, const struct store_part *p, store_apply_cb cb,
                 void *cb_user);
    int (*finish)(void *user, const struct store_lease *l, const struct coverage *c, store_cb cb,
                  void *cb_user);
    int (*sampled)(void *user, const struct store_lease *l, const struct addr_set *asked,
                   store_cb cb, void *cb_user);
    int (*past)(void *user, const struct store_lease *l, store_past_cb cb, void *cb_user);
    int (*sight)(void *user, const struct store_sighting *list, size_t n, store_sight_cb cb,
                 void *cb_user);
    int (*listeners)(void *user, const struct store_listener *list, size_t n);
    void (*declare)(void *user, const char *script, const char *keys); /* may be NULL */
};
/* The real one; user is the struct store. */
struct schedule_store schedule_store_of(struct store *s);

int schedule_new(struct schedule **ret, struct loop *l,
                 const struct schedule_store *store) MUST_USE; /* -ENOMEM */
/* The store is about to be closed: nothing that is heard is handed to it any more. */
void schedule_deafen(struct schedule *s);
/* The store must be closed before: its callbacks refer to visits. */
struct schedule *schedule_free(struct schedule *s);

/* From now on visits begin under this configuration, which is taken over (also on failure).
 * -ENOMEM; -EINVAL: a text of it is too long for the workers; errors of scripts.args_file. */
int schedule_config(struct schedule *s, struct config *c, struct err *e) MUST_USE;
const struct config *schedule_config_now(const struct schedule *s); /* NULL: none yet */

/* The database is there and knows the configuration: claim.  It is not: wait. */
void schedule_enable(struct schedule *s);
void schedule_disable(struct schedule *s);
void schedule_drained(struct schedule *s); /* store_opts.drained */

/* Channels of the workers; fd becomes the schedule's own. */
int schedule_scanner(struct schedule *s, int fd, struct err *e) MUST_USE;
int schedule_worker(struct schedule *s, uint32_t index, int fd, struct err *e) MUST_USE;
void schedule_scanner_gone(struct schedule *s, const char *why);
void schedule_worker_gone(struct schedule *s, uint32_t index, const char *script, const char *why);

/* Begins nothing new; every visit ends now with what it has, as not complete.  Then wait for
 * schedule_visits() == 0 and store_pending() == 0. */
void schedule_stop(struct schedule *s);
unsigned schedule_visits(const struct schedule *s); /* under way */

/* "3 visits under way" and the like, for people. */
void schedule_status(const struct schedule *s, struct buf *out);
