/* Inside of struct store: what waits for the database.  store_apply() and store_finish() put in. */
#pragma once

#include "service/store/store_priv.h"

void outbox_open(struct store *s);
/* What waits goes to the journal, where there is one: the next process goes on with it. */
void outbox_close(struct store *s);
/* Ends what waits with -ECANCELED; the last thing before the store is freed. */
void outbox_done(struct store *s);

/* The database is gone: all that waits, and what comes until it is back, goes to the journal. */
void outbox_spill(struct store *s);
/* Queues the records of the journal; store_hello() comes when they are answered.  On
 * errors (-EBADMSG, -ENOMEM, -errno) the caller drops what is queued by then. */
int outbox_replay(struct store *s) MUST_USE;
