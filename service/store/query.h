/* One PostgreSQL connection on the loop: queries in, rows out, never blocking.
 *
 * Queries go out one after the other in the order of the calls (own FIFO, one in flight).  Each
 * started query calls back exactly once, never inside the call that started it, also when the
 * connection is freed (-ECANCELED).  A lost connection is made again, later each time (100 ms to 5
 * s) unless it had lasted; queries wait meanwhile.  A query that was in flight when it broke has an
 * unknown fate: it is sent again when DB_RETRY was given (it must then be idempotent), else it ends
 * with -ECONNRESET. The alert pipeline and the command line use this; typed calls for the inventory
 * are in store.h. */
#pragma once

#include "engine/base/addr.h"
#include "engine/loop/loop.h"

struct db;
struct db_rows;

enum db_state {
    DB_CONNECTING,
    DB_READY, /* queries run; comes again after each reconnect, then settings of the session and
                 LISTEN are set up again */
    DB_DOWN,  /* will be tried again; `why` says what failed */
};

struct db_opts {
    const char *conninfo;         /* libpq connection string or URI; see db_conninfo_check() */
    const char *application_name; /* NULL: "muster" */
    size_t queue_limit;           /* bytes of SQL and parameters waiting; 0: 64 MiB */
    usec_t statement_timeout;     /* 0: 30 s */
    /* Only a server that takes writes will do: of several hosts in the connection string the first
     * that does (unless the string has its own target_session_attrs).  A server that stops to, or
     * has no room left, counts as lost: it, or another, is tried again. */
    bool writes;
    bool
        no_reconnect; /* end with the first failure: what waits gets -ECONNREFUSED (command line) */
    void *user;
    void (*state)(void *user, enum db_state s,
                  const char *why);                  /* may be NULL; never inside a call */
    void (*notify)(void *user, const char *channel); /* NOTIFY arrived; may be NULL */
    void (*drained)(
        void *user); /* after an -EAGAIN: less than half of the limit waits; may be NULL */
};

/* Refuses what would block or surprise: -EINVAL with a sentence for what libpq cannot read; a host
 * that is a name (not an address or a socket directory) is allowed only outside the daemon
 * (`allow_names`), because libpq resolves it blocking. */
int db_conninfo_check(const char *conninfo, bool allow_names, struct err *e);

/* Starts connecting.  0, -ENOMEM, -EINVAL (conninfo). */
int db_open(struct db **ret, struct loop *l, const struct db_opts *o, struct err *e) MUST_USE;
struct db *
db_free(struct db *d); /* what waits ends with -ECANCELED in the next turn.  Returns NULL */
void db_freep(struct db **d);

/* status 0: rows (NULL-safe below); else negative errno with the server's sentence in *e:
 *   -ECONNRESET  fate unknown (see above)    -EEXIST  unique violation     -ESRCH   no such table
 * or function: not migrated -ETIMEDOUT   statement timeout           -EDOM    raised by our own SQL
 * (SQLSTATE M....)   -EIO  any other SQL error -ECANCELED   freed                       -EAGAIN
 * serialization failure or deadlock: ask again rows live during the callback only. */
typedef void (*db_cb)(void *user, int status, const struct db_rows *rows, const struct err *e);

enum {
    DB_RETRY = 1 << 0,
    DB_FIRST = 1 << 1, /* before all that waits: the second half of something */
    DB_OFTEN = 1 << 2, /* one of a few texts that come again and again: parsed once a connection */
};

/* sql with $1 ... and as many parameters (NULL: SQL NULL); all is copied.  They are text, but for
 * those with a length: bytes in PostgreSQL's binary format.  One statement; it is its own
 * transaction. 0, -EAGAIN: the queue is full (see drained), -ENOMEM. */
struct db_call {
    const char *sql;
    const char *const *params;
    const size_t *lens; /* n_params, 0: text; NULL: all are */
    size_t n_params;
    unsigned flags;
};
int db_query(struct db *d, const struct db_call *c, db_cb cb, void *user) MUST_USE;

/* Subscribes; survives reconnects.  Payloads are not told: a notification is only a hint to look.
 */
int db_listen(struct db *d, const char *channel) MUST_USE;

size_t db_waiting(const struct db *d); /* queries that have not called back */
bool db_is_ready(const struct db *d);

/* For the command line: runs the loop until the answer is there.  On 0 *ret is the caller's
 * (db_rows_free). -ETIMEDOUT: no answer within `timeout` (the query may still run).  Not for use in
 * a daemon. */
struct db_rows *db_rows_free(struct db_rows *r);
void db_rows_freep(struct db_rows **r);
int db_ask(struct db *d, const struct db_call *c, usec_t timeout, struct db_rows **ret,
           struct err *e) MUST_USE;

/* Rows.  Values are text as PostgreSQL writes it (session: UTF-8, TimeZone UTC, DateStyle ISO). Out
 * of range rows or columns read as NULL. */
size_t db_rows_count(const struct db_rows *r);
size_t db_rows_columns(const struct db_rows *r);
const char *db_rows_name(const struct db_rows *r, size_t column);
const char *db_rows_text(const struct db_rows *r, size_t row, size_t column); /* NULL: SQL NULL */
size_t db_rows_len(const struct db_rows *r, size_t row, size_t column);
int64_t db_rows_int(const struct db_rows *r, size_t row, size_t column, int64_t when_null);
bool db_rows_bool(const struct db_rows *r, size_t row, size_t column);
/* timestamptz as wall time; 0: NULL or not readable. */
usec_t db_rows_time(const struct db_rows *r, size_t row, size_t column);
/* inet without mask; family ADDR_NONE: NULL or not readable. */
void db_rows_addr(const struct db_rows *r, size_t row, size_t column, struct addr *ret);
/* The rows a data-modifying statement touched. */
uint64_t db_rows_affected(const struct db_rows *r);
