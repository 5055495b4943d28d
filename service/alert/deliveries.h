/* What the command line asks about deliveries: lists, replays, endpoints.  Blocking calls (db_ask).
 */
#pragma once

#include "service/store/query.h"

struct deliveries_filter {
    const char *endpoint; /* NULL: all */
    bool all;             /* also what was delivered; else only what waits, is retried or dead */
    unsigned limit;       /* the latest; 0: 50 */
};

/* Columns: endpoint, event (id), type, severity, zone, subject, summary, state (waiting, retry,
 * held, dead, delivered, passed), attempts, next_at, last_at, code, reason, created_at. The latest
 * first.  0; -ENOENT: no such endpoint; else as db_ask(). */
int deliveries_list(struct db *d, const struct deliveries_filter *f, struct db_rows **ret,
                    struct err *e) MUST_USE;

/* Delivers once more, under the same ids: the events named (whatever became of them), or all dead
 * letters of the endpoint when n is 0. *ret_n: how many.  -ENOENT: no such endpoint, or an event
 * that does not exist. */
int deliveries_replay(struct db *d, const char *endpoint, const char *const *ids, size_t n,
                      uint64_t *ret_n, struct err *e) MUST_USE;

/* The same for what was written in [since, until) (RFC 3339): all of it, or only the dead letters.
 * In bulk: it goes on after this call, and after a restart. */
enum deliveries_which { DELIVERIES_ALL, DELIVERIES_DEAD };
struct deliveries_range {
    const char *since, *until;
    enum deliveries_which which;
};
int deliveries_replay_range(struct db *d, const char *endpoint,
                            const struct deliveries_range *range, uint64_t *ret_n,
                            struct err *e) MUST_USE;

/* Forgets dead letters: those named, or all of the endpoint when n is 0.  *ret_n: how many.
 * -ENOENT: no such endpoint. */
int deliveries_drop(struct db *d, const char *endpoint, const char *const *ids, size_t n,
                    uint64_t *ret_n, struct err *e) MUST_USE;

/* Columns: endpoint, state, since, reason, waiting, retry, dead, last_ok_at, next_at. */
int deliveries_endpoints(struct db *d, struct db_rows **ret, struct err *e) MUST_USE;

/* Puts a disabled or quarantined endpoint to work again; skip: events until now are passed over.
 * -ENOENT. */
enum deliveries_resume { DELIVERIES_RESUME, DELIVERIES_SKIP };
int deliveries_enable(struct db *d, const char *endpoint, enum deliveries_resume how,
                      struct err *e) MUST_USE;
