/* Inside of struct store. */
#pragma once

#include "service/store/journal.h"
#include "service/store/store.h"
#include "service/store/value.h"

#include <sys/queue.h>

/* The oldest schema that this program works with where it does not know its own migrations. */
#define STORE_SCHEMA_MIN 180

#define STORE_NEWS_CHANNEL "muster_event"

/* Keys that do not count for one script. */
struct store_volatile {
    char *script;
    char **keys;
    size_t n;
};

struct marks;
struct outbox_job;
TAILQ_HEAD(outbox_jobs, outbox_job);

struct store {
    struct loop *loop;
    struct store_opts opts;
    struct db *db;
    char *sensor;
    char
        instance[VALUE_DIGEST_TEXT]; /* of this process: another one voids the leases of the last */
    int64_t sensor_id;
    struct value_key key;
    int64_t clock_offset; /* usec: the server's clock minus ours */
    usec_t beat_server;   /* the server's clock at the last beat */
    struct store_volatile *volatiles;
    size_t n_volatiles;
    int64_t n_muted; /* keys that were learned; -1: not known yet */
    bool twice_said;
    bool ready;    /* hello was answered once */
    bool down;     /* the database takes nothing now */
    bool greeting; /* from the question for the version to the last answer: once at a time */
    bool closing;
    bool listening; /* the state of the listeners is on its way */
    struct outbox_jobs outbox;
    struct outbox_job *flight; /* the one that is being answered; not in `outbox` */
    struct task pump;
    int64_t refused; /* fence of the visit of which a part was refused last: that was said */
    size_t jobs;     /* parts and finishes that wait */
    size_t bytes;    /* of the parts, in memory */
    bool told_full;
    struct marks *marks;        /* NULL: no memory for them */
    struct journal *journal;    /* NULL: none */
    struct journal_owner owner; /* of what we write there */
    bool journal_failed;        /* was said */
    bool replay, replaying;     /* an earlier process left something; it is being sent */
    unsigned replay_done, replay_refused;
    bool news_owed;
    char *config_why;         /* the configuration is not in force; NULL: it is */
    usec_t config_since;      /* wall: since then */
    struct timer hello_timer; /* tries again after a refusal */
    struct timer upkeep_timer;
    struct timer news_timer;
    struct timer beat_timer;
};

/* Queues a query of ours; -ENOTCONN before the store was ready once. */
int store_call(struct store *s, const struct db_call *c, db_cb cb, void *user);
const struct store_volatile *store_volatile_of(const struct store *s, const char *script);
/* Events were committed: tells our process at once and others soon. */
void store_news(struct store *s, unsigned n);
/* Says to the database who we are. */
void store_hello(struct store *s);
/* refused.c.  Says what store_config_refused() was told last. */
void store_tell_refused(struct store *s);
/* "" for what has no scope in PostgreSQL: addresses are stored without "%eth0". */
const char *store_addr_text(const struct addr *a, char buf[ADDR_TEXT_MAX]);

/* blocks.c.  Splits a set into blocks of at most 256 addresses that end at multiples of 256. -E2BIG
 * beyond `limit` blocks. */
int store_blocks(const struct addr_set *set, size_t limit,
                 void (*fn)(void *user, const struct addr *first, const struct addr *last),
                 void *user);
/* int4multirange of (protocol << 16 | port). */
void store_slots(struct buf *out, const struct port_set *ports);
/* The JSON for api.sync_config().  -E2BIG, -ENOMEM. */
int store_config_json(struct buf *out, const struct store_config *c, struct err *e);
