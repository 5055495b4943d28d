/* What the listeners hear, on its way to the store: which zone and address it is of, what it says
 * as evidence, in batches; and another look at addresses that did not answer at once.
 *
 * A sighting goes to the store in the next turn of the loop, together with others that came in this
 * one.  While the store has a batch, the next one gathers, up to HEARD_WAITING; what comes on top
 * is left out and counted: the device will speak again.  Inside service/schedule only. */
#pragma once

#include "engine/base/buf.h"
#include "service/ipc/messages.h"
#include "service/schedule/schedule.h"

struct heard;

#define HEARD_WAITING 2048U
#define HEARD_BATCH   64U
/* An address that is news and did not answer is offered again after about 1, 4, 16 and 64 seconds:
 * a device that asks for an address has it a moment later (see inv.ask_again).  Not so what a
 * script was told of: that may be long gone. */
#define HEARD_AGAIN     (1100 * USEC_PER_MSEC)
#define HEARD_TRIES     4U
#define HEARD_AGAIN_MAX 256U /* addresses that are waited for */

struct heard_opts {
    const struct schedule_store *store; /* outlives it */
    void *user;
    void (*news)(void *user); /* visits are due now */
};

int heard_new(struct heard **ret, struct loop *l, const struct heard_opts *o) MUST_USE;
/* The store is about to be closed: nothing is handed to it any more. */
void heard_close(struct heard *h);
/* The store must be closed before. */
struct heard *heard_free(struct heard *h);

/* Copies what it needs. */
void heard_sighting(struct heard *h, const struct config_zone *z, const struct sighting *s);
/* A script was told of this address by another device: a reason to look, no evidence.  Left out
 * where devices themselves say much. */
void heard_told(struct heard *h, const struct config_zone *z, const struct addr *a);
void heard_listener(struct heard *h, const struct ipc_listener *m);
void heard_no_listeners(struct heard *h); /* the scanner is gone */

/* "listening on eth0, eth1 (down)"; nothing where nothing is listened to. */
void heard_status(const struct heard *h, struct buf *out);
