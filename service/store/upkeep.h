/* What the database needs from time to time: the months to come are made, what is too old goes, and
 * policies are run.
 *
 * Any number of daemons may do this on one database: the functions behind it let one at a time
 * through, and a result that comes after another has taken over counts for nothing. */
#pragma once

#include "service/store/query.h"

struct upkeep;

/* As db_query(). */
typedef int (*upkeep_ask)(void *user, const struct db_call *c, db_cb cb, void *cb_user);

struct upkeep_opts {
    void *user;
    upkeep_ask ask;        /* the connection that may write */
    upkeep_ask ask_policy; /* another one, for the queries of policies: with a statement timeout of
                              its own */
};

/* 0, -ENOMEM. */
int upkeep_new(struct upkeep **ret, struct loop *l, const struct upkeep_opts *o) MUST_USE;
struct upkeep *
upkeep_free(struct upkeep *u); /* answers that come later are ignored.  Returns NULL */
/* How long to keep what: the argument of api.retain(), JSON; becomes its own. */
void upkeep_config(struct upkeep *u, char *keep);
/* The database can be used: begins at once. */
void upkeep_enable(struct upkeep *u);
void upkeep_disable(struct upkeep *u);
