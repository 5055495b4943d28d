/* The inventory in PostgreSQL: schedule and leases out of it, findings into it.
 *
 * A visit is one claimed row of the schedule: (block of at most 256 addresses, pass).  Its life:
 *   store_claim -> [store_targets for services and scripts] -> store_apply, any number of parts, as
 * findings come
 *   -> store_finish (complete or aborted).  store_keep renews the leases of long visits.
 * Each part is ONE transaction: intervals, ledger of changes, doubts, values and alert events
 * together, or nothing. Leases are for liveness, fences for safety: a visit that lost its lease
 * gets -ESTALE from then on and is dropped by the caller.  A lost connection loses no part: parts
 * are kept and sent again, (fence, part number) makes that idempotent.  While the database is away,
 * takes no writes or has no room, parts wait: in the journal where one is given, else in memory.
 *
 * Not seen is not gone.  Only what a part says was asked and conclusively silent counts as a miss:
 * hosts with state HOST_DOWN; ports of the pass that are not among the open ports of an up host
 * that is not `unsure`; results of the `scripts` list that did not come for an open port;
 * a hostname that is "".  Enough misses, spread over visits, close a fact (one change, one event).
 * A script that ended early (timeout, error) is no miss: what it said stays, as old as it is, until
 * at least 5 visits ended so and nothing has confirmed it for a week (inv.error_limit).
 * After each visit that leaves doubts behind, the schedule row is due again soon (pass.confirm) for
 * the doubted hosts alone (lease.only).
 *
 * All callbacks come from the loop, exactly once per started call, never inside it.  Status 0 or:
 * -ESTALE the lease is lost; -ECANCELED the store was closed; -EDOM, -EIO the database refused
 * (text in *e).  Structs and strings handed to callbacks live during the callback only. */
#pragma once

#include "engine/base/addrset.h"
#include "engine/loop/loop.h"
#include "engine/model/finding.h"
#include "engine/model/ports.h"
#include "service/store/query.h"

struct store;

#define STORE_NAME_MAX                                                                             \
    64 /* zone and pass names with NUL: [a-z0-9][a-z0-9_-]*, checked by the config */

struct store_opts {
    const char *conninfo;
    const char *sensor;   /* name of this engine in the database; NULL: "local" */
    int newest_migration; /* migrate_newest(); a database beyond it is refused, one before it is
                             waited for.  0: not known */
    size_t queue_limit;   /* bytes of parts that wait for the database in memory; 0: 64 MiB */
    /* File for what waits while the database is gone, or beyond the queue_limit; it outlives the
     * process, and the next one begins with it.  NULL: none.  One process at a time. */
    const char *journal;
    uint64_t journal_limit; /* bytes; 0: 256 MiB */
    size_t marks;           /* hosts and passes whose marks are remembered; 0: 1,048,576 */
    void *user;
    /* DB_READY: checked, sensor known, key loaded.  DB_DOWN comes with a sentence, also for a
     * database that is not migrated. */
    void (*state)(void *user, enum db_state s, const char *why);
    void (*drained)(void *user); /* after an -EAGAIN of store_apply; may be NULL */
    /* Events were committed: look at alert.event.  Other processes get NOTIFY muster_event soon
     * after, as a hint.  May be NULL. */
    void (*news)(void *user, unsigned n_events);
};

int store_open(struct store **ret, struct loop *l, const struct store_opts *o,
               struct err *e) MUST_USE;
struct store *store_free(struct store *s);
void store_freep(struct store **s);
/* The connection, for queries of others in the same process.  Same life as the store. */
struct db *store_db(struct store *s);
/* Parts and finishes that the database has not taken yet: wait for 0 before a clean end. */
size_t store_pending(const struct store *s);

typedef void (*store_cb)(void *user, int status, const struct err *e);

/* ------------------------------------------------------------------ configuration */

enum store_kind { STORE_PRESENCE, STORE_PORTS, STORE_SERVICES, STORE_SCRIPTS };
const char *store_kind_name(enum store_kind k); /* "presence", "ports", "services", "scripts" */
int store_kind_from(const char *name);          /* -EINVAL */

struct store_pass {
    const char *name; /* unique in its zone */
    enum store_kind kind;
    usec_t every;   /* interval of full visits */
    usec_t confirm; /* until doubted facts are looked at again; 0: 30 s, at most `every` */
    const struct port_set *ports; /* STORE_PORTS: what it asks; else NULL */
    unsigned misses;              /* that close a port, service or script result; 0: 2 */
};

struct store_zone {
    const char *name;
    const struct addr_set *networks;
    const struct addr_set *excludes; /* never visited, never judged; may be NULL */
    unsigned host_misses;            /* that make a host gone; 0: 3 */
    const struct store_pass *passes;
    size_t n_passes;
};

struct store_config {
    const struct store_zone *zones;
    size_t n_zones;
};

/* Makes zones, blocks, passes and schedule rows equal to the config, in one transaction.  What
 * vanished is retired, never deleted: its facts stay and are `unknown` from then on.  A new row is
 * due at once.  Zones of other sensors that live are left alone; -EDOM (text in *e): one of them
 * works with another definition of a zone, ask again later.  store_claim() takes visits of these
 * zones alone.  -E2BIG (at once): a zone has more than 65,536 blocks. */
int store_sync_config(struct store *s, const struct store_config *c, store_cb cb, void *user,
                      struct err *e) MUST_USE;

/* A loaded script declares keys (one a line) that do not count when its results are compared.  Told
 * to the database once, when it does not know them yet. */
void store_declare(struct store *s, const char *script, const char *keys);

/* Why the configuration file is not in force, and since when (wall); NULL: it is.  For `muster
 * status`; also before the database is there. */
void store_config_refused(struct store *s, const char *why, usec_t since);

/* ------------------------------------------------------------------ visits */

struct store_lease {
    int64_t schedule, fence;
    uint32_t part; /* of the last part handed over; store_apply counts it up */
    char zone[STORE_NAME_MAX], pass[STORE_NAME_MAX];
    enum store_kind kind;
    struct addr first, last; /* of the block, both inside */
    struct addr_set
        only;       /* not empty: visit these addresses alone (confirmation, rescan, new ports) */
    usec_t started; /* wall */
};
void store_lease_done(struct store_lease *l); /* frees what it holds; the lease itself ends by
                                                 store_finish() or time */
/* Moves *from (then empty) to a place that the caller owns. */
void store_lease_move(struct store_lease *to, struct store_lease *from);

/* leases: move out those you take (all of them should be); the rest is freed after the callback and
 * comes back by time. next_due: until the next row is due, from now; 0 when there is more right
 * now; USEC_INFINITY: nothing is scheduled. */
typedef void (*store_claim_cb)(void *user, int status, struct store_lease *leases, size_t n,
                               usec_t next_due);
/* At most n rows that are due, oldest first, for `lease` (keep it: twice a third of the way; 60 s
 * is usual).  Only passes of `kinds` (mask of 1 << enum store_kind) are claimed and count for
 * next_due, so that a backlog of slow scripts cannot starve the scanner.  n = 0 only asks for
 * next_due. */
struct store_claim {
    unsigned n;
    unsigned kinds;
    usec_t lease;
};
int store_claim(struct store *s, const struct store_claim *c, store_claim_cb cb,
                void *user) MUST_USE;

/* Renews leases.  lost: fences that are not ours any more. */
typedef void (*store_keep_cb)(void *user, int status, const int64_t *lost, size_t n_lost);
struct store_keep {
    const int64_t *fences;
    size_t n;
    usec_t lease;
};
int store_keep(struct store *s, const struct store_keep *k, store_keep_cb cb, void *user) MUST_USE;

/* What was found out about one address.  kinds presence and ports: finding.state HOST_UP, HOST_DOWN
 * (asked, conclusively silent) or HOST_UNKNOWN (asked, nothing conclusive: never a miss).  kinds
 * services and scripts: the address counts as asked. */
struct store_host {
    struct host_finding finding;
    bool unsure; /* timed out, lossy, not done yet: what is there counts, what is not does not */
    const struct port_finding *ports; /* those that are not open are ignored */
    size_t n_ports;
    const struct script_result *results; /* phases host and port; others are ignored */
    size_t n_results;
};

struct store_part {
    const char *method; /* as coverage.method: "arp", "icmp", "syn", "connect", "script" */
    usec_t observed;    /* wall; 0: now */
    const struct store_host *hosts;
    size_t n_hosts;
    const char *const *scripts; /* kind scripts: ids of all scripts that the pass selected; the same
                                   in each part */
    size_t n_scripts;
};

struct store_applied {
    unsigned opened, altered, closed; /* facts */
    unsigned events;                  /* news among them: rows in alert.event */
    bool duplicate; /* had been applied before a connection was lost: counts are 0 */
    const struct addr
        *new_ports; /* hosts on which ports opened; their scripts passes are due at once already */
    size_t n_new_ports;
};
typedef void (*store_apply_cb)(void *user, int status, const struct store_applied *a);

/* Everything is copied.  An address is told once per visit (for early news about a host whose ports
 * are still scanned, tell it `unsure` first).  cb may be NULL.  -EAGAIN: too much waits for the
 * database; nothing was taken, try again after `drained`.  -ENOMEM.  Parts of one lease are applied
 * in the order of the calls. */
int store_apply(struct store *s, struct store_lease *l, const struct store_part *p,
                store_apply_cb cb, void *user) MUST_USE;

/* Ends a visit.  c->complete: every address of the lease (of `only` when it is not empty) was told
 * in some part.  Else, and when the database refused one of the parts, the visit counts for nothing
 * but what its parts said, and the row is due again after a backoff.  `scripts` of the parts counts
 * as covered. cb may be NULL.  Never -EAGAIN. */
int store_finish(struct store *s, const struct store_lease *l, const struct coverage *c,
                 store_cb cb, void *user) MUST_USE;

/* The present hosts of a lease with their open ports, for services and scripts. */
struct store_target {
    struct addr address;
    enum reason reason;
    uint8_t ttl;
    bool has_mac;
    struct mac mac;
    const char *hostname, *vendor;    /* NULL: not known */
    const struct port_finding *ports; /* open ones, with service where known */
    size_t n_ports;
};
typedef void (*store_targets_cb)(void *user, int status, const struct store_target *hosts,
                                 size_t n);
int store_targets(struct store *s, const struct store_lease *l, store_targets_cb cb,
                  void *user) MUST_USE;

/* For a visit that does not ask all of its block: the addresses there that are in use, and those
 * that were, or were heard of late.  looked: the pass was made there before (when anybody is
 * known). */
typedef void (*store_past_cb)(void *user, int status, const struct addr_set *present,
                              const struct addr_set *former, bool looked);
int store_past(struct store *s, const struct store_lease *l, store_past_cb cb, void *user) MUST_USE;

/* The visit asked a sample of its block: these addresses alone count as looked at, and the block's
 * last complete visit stays what it was.  Before store_finish(). */
int store_sampled(struct store *s, const struct store_lease *l, const struct addr_set *asked,
                  store_cb cb, void *user) MUST_USE;

/* Makes every pass over these addresses due now.  zone NULL: in every zone.  n_rows: schedule rows
 * that were touched; 0: no network holds them. */
typedef void (*store_rescan_cb)(void *user, int status, unsigned n_rows);
struct store_rescan {
    const char *zone;
    struct addr first, last;
};
int store_rescan(struct store *s, const struct store_rescan *r, store_rescan_cb cb,
                 void *user) MUST_USE;

/* ------------------------------------------------------------------ what devices say unasked */

/* What it says: kind "<protocol>-<what>" (dhcp-hostname, lldp-chassis), see 0013_evidence.sql. */
struct store_said {
    const char *kind, *key;
};
struct store_sighting {
    const char *zone;
    struct addr address; /* ADDR_NONE: it spoke without one; said is kept by its MAC address */
    bool has_mac;
    struct mac mac;
    const char *source; /* protocol: "arp", "dhcp" ... */
    bool held;          /* it has the address; else it only asks for it */
    usec_t time;        /* wall */
    const struct store_said *said;
    size_t n_said;
};
enum sight_verdict {
    SIGHT_NEWS = 'n',    /* not present, or held by another device: a visit is due now */
    SIGHT_WAITS = 'w',   /* the same, and asked for a moment ago */
    SIGHT_KNOWN = 'k',   /* nothing to do */
    SIGHT_OUTSIDE = 'o', /* in no block of the zone */
    SIGHT_FULL = 'f',    /* too many addresses were heard that never answered: forgotten */
    SIGHT_NO_ZONE = 'u',
};
/* verdicts: one enum sight_verdict per sighting, in their order; meaningful with status 0. */
typedef void (*store_sight_cb)(void *user, int status, const char *verdicts, size_t n,
                               const struct err *e);
/* Keeps what was said as evidence and makes visits of addresses that are news due now.  Opens and
 * closes nothing.  Everything is copied.  -ENOTCONN before the store was ready once. */
int store_sight(struct store *s, const struct store_sighting *list, size_t n, store_sight_cb cb,
                void *user) MUST_USE;

struct store_listener {
    const char *interface;
    bool up, promiscuous;
    const char *why; /* it is down; else NULL */
    uint64_t frames, bad, told, limited, drops;
};
/* All listeners of this engine as they are now, for `muster status`.  -EBUSY: those of before are
 * still on their way, one at a time. */
int store_listeners(struct store *s, const struct store_listener *list, size_t n) MUST_USE;
