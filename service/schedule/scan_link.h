/* The core's end of the scanner: zones it must know, scans that run there, and what becomes of them
 * when it dies.
 *
 * A scan that is started while no scanner is there waits for one.  `done` comes once for each scan
 * that is not cancelled, from the loop, never inside scan_link_start().  -ECONNRESET: the scanner
 * died; ask again. */
#pragma once

#include "engine/loop/loop.h"
#include "engine/model/finding.h"
#include "service/ipc/messages.h"
#include "service/schedule/generation.h"

struct scan_link;

struct scan_order {
    struct ipc_scan_start start;
    struct addr_set targets;      /* owned by who orders; unchanged until done */
    struct addr_set known;        /* the same; of a sample */
    const struct port_set *ports; /* NULL: hosts only */
    void *user;
    void (*host)(void *user, const struct host_finding *h);
    void (*port)(void *user, const struct port_finding *p);
    void (*host_done)(void *user, const struct addr *a, bool conclusive);
    void (*done)(void *user, int status, const struct coverage *c, const char *why);
};

/* What the listeners say.  zone: as generation_zone_id(); both live during the call. */
struct scan_link_ears {
    void *user;
    void (*sighting)(void *user, uint32_t zone, struct sighting *s);
    void (*listener)(void *user, const struct ipc_listener *m);
    void (*gone)(void *user); /* the scanner, and all its listeners with it */
};

int scan_link_new(struct scan_link **ret, struct loop *l,
                  const struct scan_link_ears *ears) MUST_USE; /* -ENOMEM; ears is copied */
struct scan_link *scan_link_free(struct scan_link *s);

/* Zones of a generation become known, and unknown when their last scan has ended. */
int scan_link_add(struct scan_link *s, const struct generation *g) MUST_USE;
void scan_link_drop(struct scan_link *s, const struct generation *g);

/* A scanner is there; fd becomes the link's own. */
int scan_link_peer(struct scan_link *s, int fd, struct err *e) MUST_USE;
/* It is gone: every scan that ran ends with -ECONNRESET. */
void scan_link_gone(struct scan_link *s, const char *why);

/* *order must stay until done or scan_link_cancel().  *ret_id for the latter. */
int scan_link_start(struct scan_link *s, const struct scan_order *order, uint32_t *ret_id) MUST_USE;
void scan_link_cancel(struct scan_link *s, uint32_t id); /* no callback comes any more */

/* While held, the scanner slows down. */
void scan_link_hold(struct scan_link *s);
void scan_link_resume(struct scan_link *s);
