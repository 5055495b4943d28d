/* What the parts of the pipeline share.
 *
 *   alert.c     the whole: its parts, settings, end
 *   lease.c     whose endpoints they are, when to look for work, stopping
 *   rules.c     from events to notices: when the database is asked to decide
 *   endpoint.c  one endpoint: what its failures mean, when it pauses, what is sent next
 *   window.c    the notices of an endpoint that are in memory, their order and subjects, the cursor
 *   send.c      one attempt: address, body, signature
 *   record.c    outcomes on their way into the database
 *   apart.c     those of them that it refuses */
#pragma once

#include "engine/base/buf.h"
#include "engine/loop/dns.h"
#include "service/alert/alert.h"
#include "service/alert/http.h"
#include "service/alert/kind.h"
#include "service/alert/sign.h"
#include "service/store/query.h"

#include <uthash.h>

#define WINDOW_ITEMS   1000              /* of one endpoint in memory */
#define WINDOW_BYTES   (4 * 1024 * 1024) /* and their data */
#define FETCH_ITEMS    200
#define BATCH_ITEMS    100 /* outcomes of one transaction; bounds what a crash repeats */
#define FLUSH_USEC     (50 * USEC_PER_MSEC)
#define LEASE_TEXT     "15 s"
#define TAKE_USEC      (5 * USEC_PER_SEC)
#define ENDPOINT_ADDRS 8
#define RATIO_ITEMS    20 /* of which more than half failed: the endpoint fails */

enum item_state {
    ITEM_BLOCKED, /* behind another one of its subject */
    ITEM_READY,   /* in the queue */
    ITEM_SENDING,
    ITEM_FINISHED, /* its fate is to be recorded */
    ITEM_RECORDING,
    ITEM_RECORDED, /* kept only because the cursor has not come by */
};

enum item_fate { FATE_DONE, FATE_RETRY, FATE_HELD, FATE_DEAD };

struct item {
    struct endpoint *endpoint;
    TAILQ_ENTRY(item) entry; /* in `live` (in the order of the log) or `due` */
    TAILQ_ENTRY(item) queue; /* in `ready` or `finished` */
    TAILQ_ENTRY(item) line;  /* in its subject */
    UT_hash_handle hh;       /* by seq */
    bool live;               /* from the log, not from alert.open */
    bool orphan;             /* the lease was lost while it was being sent */
    bool apart;              /* its fate was refused: tried again now and then */
    usec_t refused;          /* monotonic: since then */
    enum item_state state;
    enum item_fate fate;
    int64_t seq;
    uint64_t xid;
    unsigned attempts; /* that counted against it */
    unsigned pauses;   /* of the endpoint, when it was sent */
    unsigned shrink;   /* too large: limits are halved so often */
    usec_t born;       /* monotonic, may lie before the start */
    struct subject *subject;
    const char *reason; /* of its fate; static */
    usec_t delay;       /* FATE_RETRY */
    long code;
    char about[80];  /* what the event is about, as far as endpoints are concerned */
    char digest[65]; /* SHA-256 of the last request's body */
    char *id, *type, *dedup, *data;
    size_t data_len;
    usec_t observed;
    char error[HTTP_ERROR_MAX];
};
TAILQ_HEAD(items, item);

/* Events with one dedup key: one after the other. */
struct subject {
    UT_hash_handle hh;
    struct items items;
    char key[];
};

enum endpoint_state { EP_OK, EP_THROTTLED, EP_FAILING, EP_QUARANTINED, EP_DISABLED };
const char *endpoint_state_name(enum endpoint_state s);
enum endpoint_state endpoint_state_from(const char *name);

struct endpoint {
    struct alert *alert;
    char *name, *url;
    char hash[17]; /* of all that decides whether it works: another one means that the configuration
                      changed */
    struct reach_url where;
    struct reach reach;
    struct sign_keys keys;
    struct kind_config kind; /* its texts are those below */
    struct template *template;
    struct http_trust trust;
    char *token, *topic, *content_type, *ca, *cert, *key, *proxy;
    usec_t timeout;
    enum config_order order;
    double rate, burst;
    unsigned concurrency;

    bool held; /* the lease is ours */
    int64_t id, epoch, batch;
    unsigned generation; /* of the lease: late answers of an earlier one are dropped */

    enum endpoint_state state;
    char reason[HTTP_ERROR_MAX + 32];
    usec_t open_until;           /* monotonic: nothing is sent before */
    usec_t fail_since;           /* 0: it does not */
    unsigned strikes;            /* pauses in a row */
    unsigned pauses;             /* all; what was sent before the last one says nothing of now */
    unsigned failures;           /* transient ones in a row */
    unsigned recent, recent_bad; /* attempts, and those of them that failed, of the last few */
    unsigned message_run;        /* different messages refused in a row */
    int64_t message_seq;
    unsigned limit; /* of what may be in flight now: slow start */
    double tokens;
    usec_t filled;

    struct items live, due, ready, finished, orphans;
    struct item *by_seq;
    struct subject *subjects;
    size_t n_items, n_bytes;
    unsigned unsent, in_flight, unrecorded;
    uint64_t fetch_xid; /* fetched so far */
    int64_t fetch_seq;
    bool fetching, fetch_again, fetch_more, fetch_full;
    bool fetch_complained; /* they cannot be read, and that was said */

    bool resolving;
    struct addr addrs[ENDPOINT_ADDRS];
    size_t n_addrs;
    usec_t addrs_until;

    struct buf attempts;     /* JSON of those not recorded yet */
    struct buf batch_text;   /* what is being recorded */
    struct buf apart;        /* JSON of attempts that were refused */
    bool asunder;            /* what is being recorded was refused, and goes message by message */
    bool apart_due;          /* what was refused goes with the next batch again */
    usec_t taken;            /* monotonic: the database took another one's fate last */
    bool replaying, feeding; /* a replay has not ended; it is being asked for more */
    bool batch_lazy;         /* nothing but successes in it */
    bool recording, state_dirty, ok_dirty, recovered, cursor_dirty;
    bool complained; /* the database refuses something, and that was said */
    uint64_t cursor_xid;
    int64_t cursor_seq;
    struct timer flush, wake, again;

    uint64_t n_delivered, n_attempts, n_failures, n_dead;
};

struct alert {
    struct loop *loop;
    struct db *db;
    struct dns *dns;
    struct http *http;
    char *holder;
    char instance[37];
    struct backoff backoff;
    usec_t poll, tell_after, refused_for;
    int64_t clock_offset; /* usec: the database's clock minus ours */
    struct endpoint *endpoints;
    size_t n_endpoints;
    struct timer poll_timer, take_timer, prune_timer, stop_timer, think_timer;
    struct task poke, bury, stopped;
    unsigned n_calls; /* queries that have not called back */
    bool taking, take_again, taken_once, db_down, complained;
    bool thinking, think_again, think_complained;
    char *rules; /* to be brought; NULL: they are there */
    bool bringing;
    bool patient;
    bool stopping, closing, given_up, stop_ended;
    int stop_status;
    void (*stop_done)(void *user, int status);
    void *stop_user;
};

/* lease.c */

/* A query whose answer belongs to one lease of an endpoint (or to none: endpoint NULL). */
struct call {
    struct alert *alert;
    struct endpoint *endpoint;
    unsigned generation;
    void (*answer)(struct call *c, int status, const struct db_rows *rows, const struct err *e);
};
typedef void (*call_fn)(struct call *c, int status, const struct db_rows *rows,
                        const struct err *e);
int alert_call(struct alert *a, struct endpoint *ep, const struct db_call *q, call_fn fn) MUST_USE;
bool call_is_current(const struct call *c);
void alert_take_soon(struct alert *a);
void alert_check_stopped(struct alert *a);
void alert_deliver(struct alert *a);               /* looks for notices */
bool endpoint_is_quiet(const struct endpoint *ep); /* nothing in flight, all written */
struct endpoint *endpoint_find(struct alert *a, const char *name);
void alert_on_take(struct timer *t);
void alert_on_poll(struct timer *t);
void alert_on_prune(struct timer *t);
void alert_on_stop_timer(struct timer *t);
void alert_on_poke(struct task *t);
void alert_on_stopped(struct task *t);
void alert_on_db_state(void *user, enum db_state s, const char *why);
void alert_on_db_notify(void *user, const char *channel);

/* rules.c */
void rules_think(struct alert *a); /* events may have come */
void rules_bring(struct alert *a); /* the configuration, once */
void rules_on_timer(struct timer *t);

/* alert.c */

/* From its settings; to be endpoint_done() after a failure too.  -EINVAL: the sentence names the
 * endpoint, and nothing that is secret. */
int endpoint_init(struct endpoint *ep, struct alert *a, const struct alert_endpoint *o,
                  struct err *e) MUST_USE;
void endpoint_done(struct endpoint *ep);

/* endpoint.c */
void endpoint_pump(struct endpoint *ep);
void endpoint_give_up(struct item *i, const char *reason); /* reason: static */
void endpoint_answer(struct item *i, const struct http_result *r);
void endpoint_lease_lost(struct endpoint *ep);
void endpoint_on_wake(struct timer *t);

/* replay.c */
void replay_feed(struct endpoint *ep); /* puts more of a replay on its way, when there is room */

/* window.c */
void window_fetch(struct endpoint *ep);
void window_reset(struct endpoint *ep);
void window_finish(struct item *i,
                   enum item_fate fate); /* and those behind it, when it is to be tried again */
void window_requeue(struct item *i);
void window_recorded(struct endpoint *ep); /* all that is ITEM_RECORDING */
struct item *item_free(struct item *i);

/* send.c */
bool send_ready(struct endpoint *ep); /* the address is known; else it is being found out */
void send_item(struct item *i);

/* A body that is ready, signed; the answer comes to cb.  -ENOMEM. */
struct sending {
    struct endpoint *endpoint;
    const char *id;
    const struct request *request;
    http_cb cb;
    void *user;
    struct buf *signature; /* out: the value of webhook-signature */
};
int send_signed(const struct sending *s) MUST_USE;

/* apart.c */
/* What was refused of a batch that went message by message stays for later. */
void apart_take(struct endpoint *ep, const struct db_rows *rows);
bool apart_waits(const struct item *i); /* it, or one that it stands behind */
/* The one that leaves little room for others in the window; NULL: none. */
const struct item *apart_crowding(const struct endpoint *ep);
/* Nobody waits any longer for its fate to be taken. */
bool apart_is_over(const struct item *i, const struct item *crowding);
void apart_on_again(struct timer *t);
void apart_reset(struct endpoint *ep);

/* record.c */
void record_attempt(struct item *i, enum outcome o, const struct http_result *r);
void record_soon(struct endpoint *ep);
void record_on_flush(struct timer *t);
