/* Inside of struct db, shared by db.c (the connection) and db_queue.c (the queries). */
#pragma once

#include "service/store/db_hosts.h"
#include "service/store/query.h"

#include <libpq-fe.h>

struct db_rows {
    PGresult *res;
};

struct db_item {
    TAILQ_ENTRY(db_item) entry;
    char *sql;
    char **params; /* n_params, each may be NULL */
    int *lens;     /* n_params, and after them their formats; NULL: all are text */
    size_t n_params;
    size_t bytes;
    unsigned flags;
    db_cb cb; /* NULL: nobody waits */
    void *user;
};
TAILQ_HEAD(db_items, db_item);

enum db_phase {
    PHASE_IDLE,    /* no connection; a timer or task will make one */
    PHASE_CONNECT, /* PQconnectPoll */
    PHASE_SETUP,   /* settings and LISTEN of the session are under way */
    PHASE_READY,
    PHASE_OVER, /* no_reconnect, and it failed */
};

struct db_channel {
    LIST_ENTRY(db_channel) entry;
    char *name;
};

#define PREPARED_MAX 8

struct db {
    struct loop *loop;
    struct db_opts opts;
    char *conninfo, *application_name;
    struct db_hosts hosts; /* of the conninfo, from the one that is tried first */
    enum db_phase phase;
    PGconn *conn;
    struct io io;
    struct timer deadline; /* of the connect, or of the query in flight */
    struct timer retry;
    struct task turn; /* starts what was asked for in an earlier turn */
    usec_t backoff;
    usec_t ready_at; /* by the loop's clock; 0: this connection is not yet */
    struct db_items queue;
    struct db_items setup; /* internal: go first */
    struct db_item *flight;
    PGresult *result;             /* of the query in flight, so far */
    char *prepared[PREPARED_MAX]; /* texts that the connection knows by their number here */
    size_t n_prepared;
    bool preparing;  /* what is in flight is the newest of them, not yet its query */
    bool unprepared; /* none is used: a text meant something else meanwhile, or a pooler is there */
    size_t bytes, waiting;
    bool told_full; /* an -EAGAIN was given: `drained` is owed */
    bool dead;      /* db_free() was called */
    LIST_HEAD(, db_channel) channels;
};

/* db_queue.c */
int db_item_new(struct db_item **ret, const struct db_call *c, db_cb cb, void *user);
void db_item_free(struct db_item *it);
/* The connection is gone, and what it had prepared. */
void db_forget_prepared(struct db *d);
/* Sends the next query when none is in flight. */
void db_pump(struct db *d);
/* Takes results from the connection; false when the connection or the db is gone. */
bool db_take_results(struct db *d);
/* Ends everything that waits with this status. */
void db_end_all(struct db *d, int status, const struct err *e);
/* The query in flight when the connection broke: back to the queue, or its end. */
void db_orphan(struct db *d, const char *why);

/* db.c */
/* The connection is of no use any more: closes it and tries again after a while. */
void db_lost(struct db *d, const char *why);
void db_setup_done(struct db *d);
