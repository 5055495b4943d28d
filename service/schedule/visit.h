/* One claimed row of the schedule on its way from claim to finish.  Inside service/schedule only.
 *
 *   visit_begin -> source (visit_scan.c or visit_script.c) -> findings into `collect` -> parts to
 * the store -> source over -> last part -> finish -> freed visit_end() is the one way out of the
 * source, whatever its reason; after it the source says nothing more. */
#pragma once

#include "service/schedule/collect.h"
#include "service/schedule/generation.h"
#include "service/schedule/scan_link.h"
#include "service/schedule/schedule.h"
#include "service/schedule/script_pool.h"

#include <sys/queue.h>

#define VISIT_DEATHS 1 /* of workers under a visit, that are borne */

struct visit;

/* Where the findings come from: scanner or script workers. */
struct visit_source {
    int (*begin)(struct visit *v, struct err *e);
    void (*cancel)(struct visit *v); /* no callback comes any more; also when never begun */
};
extern const struct visit_source visit_scan, visit_script;

enum visit_state {
    VISIT_RUNNING,   /* the source brings findings */
    VISIT_FLUSHING,  /* the source is over, parts wait for the store */
    VISIT_FINISHING, /* store_finish() is under way */
};

/* A host to run scripts against, until it is done. */
struct visit_host {
    struct script_target *target; /* owns its texts; without ports */
    struct port_finding **ports;
    size_t n_ports;
    bool sent, done;
};

struct visit {
    TAILQ_ENTRY(visit) entry;
    struct schedule *schedule;
    struct generation *generation;
    const struct config_zone *zone;
    const struct config_pass *pass;
    const struct visit_source *source;
    struct store_lease lease;
    enum visit_state state;
    bool lost;          /* the lease: nothing more is handed to the store */
    bool flush_now;     /* the timer said so */
    bool naming;        /* reverse names are asked for */
    bool wide;          /* a block that is not swept: the addresses known there are asked */
    bool waited;        /* for somebody to be heard there */
    struct timer wait;  /* for that */
    usec_t names_until; /* at the end: names are waited for; monotonic, 0: not yet */
    int status;         /* why the visit is not complete; 0: it is */
    unsigned deaths;
    usec_t began;            /* monotonic */
    uint64_t expected;       /* addresses to be told */
    struct addr_set targets; /* they */
    struct addr_set sampled; /* those that a sampling visit asked */
    struct collect *collect;
    struct timer flush;
    struct coverage coverage;
    char method[32], scope[2 * ADDR_TEXT_MAX], *ports;
    const char **scripts; /* ids that the pass selected */
    size_t n_scripts;

    struct scan_order order; /* visit_scan.c */
    uint32_t scan;           /* id; 0: none */

    struct pool_job *job; /* visit_script.c */
    struct visit_host *hosts;
    size_t n_hosts, next, in_flight, n_told;
    bool asking, orphan; /* store_targets() is under way; and the visit is over already */
};

/* Takes what *from holds.  NULL: no memory (the lease ends by time). */
struct visit *visit_new(struct schedule *s, struct store_lease *from);
void visit_begin(struct visit *v);

/* From sources.  status 0: all was asked; else why not, said to people by `why` (NULL: it was said
 * already). */
void visit_end(struct visit *v, int status, const char *why);
/* A host answers: its reverse name is wanted. */
void visit_name(struct visit *v, const struct addr *a);
/* Leaves of the targets what the zone may touch.  0, -ENOMEM. */
int visit_keep_scope(struct visit *v) MUST_USE;
/* Hosts became done: hand over a part now or soon. */
void visit_progress(struct visit *v);
/* What the collector could not keep: out of memory ends the visit. */
void visit_keep(struct visit *v, int r);

/* The lease belongs to somebody else now: forget it all. */
void visit_lose(struct visit *v, const char *why);
void visit_flush(struct visit *v);
struct visit *visit_free(struct visit *v);

/* visit_past.c, for scans of a block of which not all is asked: the scan begins when the store has
 * told who was there. */
int visit_ask_past(struct visit *v, struct err *e) MUST_USE;
/* A sample was asked and nobody was there: what it asked is what the visit covers.  It ends when
 * the store has taken that. */
int visit_tell_sample(struct visit *v) MUST_USE;
/* visit_scan.c: the targets become those of the order; the order is given. */
int visit_scan_targets(struct visit *v) MUST_USE;
int visit_scan_go(struct visit *v) MUST_USE;

/* schedule.c, for visits. */
struct loop *schedule_loop(struct schedule *s);
const struct schedule_store *schedule_store(struct schedule *s);
struct scan_link *schedule_scan_link(struct schedule *s);
struct script_pool *schedule_pool(struct schedule *s);
struct names *schedule_names(struct schedule *s);
/* The store takes no parts: slow the workers down.  It takes them again. */
void schedule_congested(struct schedule *s);
void schedule_flowing(struct schedule *s);
/* A script was told of an address. */
void schedule_told(struct schedule *s, const struct config_zone *z, const struct addr *a);
void schedule_new_ports(struct schedule *s);                   /* scripts are due at once */
void schedule_visit_over(struct schedule *s, struct visit *v); /* frees it, in the next turn */
struct visit *schedule_visit_find(struct schedule *s, int64_t fence);
