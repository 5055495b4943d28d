/* Upkeep and policies on timers.
 *
 * One call of api.retain() is one transaction of bounded size; when it says that there is more, the
 * next follows soon, so that nobody waits long for a lock.  A policy goes through three steps:
 * api.policy_next() leases one that is due, its query runs on the other connection (read only, as
 * the reader, under a statement timeout), and api.policy_told() compares what it gave with what it
 * gave before.  The object lives until the last answer has come, also after upkeep_free(). */
#include "service/store/upkeep.h"

#include "engine/base/log.h"

#include <errno.h>
#include <string.h>

#define RETAIN_EVERY (3600 * USEC_PER_SEC)
#define RETAIN_MORE  USEC_PER_SEC
#define POLICY_EVERY (15 * USEC_PER_SEC)

#define POLICY_ROWS_MAX "10000"

struct upkeep {
    struct loop *loop;
    struct upkeep_opts o;
    char *keep;
    struct timer retain, policy;
    bool enabled, gone;
    bool retaining;       /* an answer is awaited */
    bool at_policy;       /* some step of a policy is under way */
    char id[24], run[24]; /* of that policy */
};

static void free_now(void *object)
{
    struct upkeep *u = object;

    free(u->keep);
    free(u);
}

static void free_when_idle(struct upkeep *u)
{
    if (u->gone && !u->retaining && !u->at_policy)
        loop_post_free(u->loop, free_now, u);
}

static void again(struct upkeep *u, struct timer *t, usec_t in)
{
    if (u->enabled && timer_set(u->loop, t, in) < 0)
        log_event(LOG_WARNING, "upkeep of the database stops: no timer");
}

/* -------------------------------------------------------------------- retention */

static void tell_retained(const struct db_rows *rows)
{
    const char *dropped = db_rows_text(rows, 0, 1);

    if ((dropped && strcmp(dropped, "[]") != 0) || db_rows_int(rows, 0, 2, 0) ||
        db_rows_int(rows, 0, 3, 0))
        log_event(LOG_INFO, "old history was removed", "EVENT", "retention", "DROPPED",
                  dropped ? dropped : "[]", "DELETED", db_rows_text(rows, 0, 2), "EXPIRED_HOSTS",
                  db_rows_text(rows, 0, 3));
}

static void on_retained(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct upkeep *u = user;

    u->retaining = false;
    if (status == 0)
        tell_retained(rows);
    else if (status != -ECANCELED)
        log_event(LOG_WARNING, "old history was not removed, trying again in an hour", "EVENT",
                  "retention", "WHY", err_text(e));
    again(u, &u->retain, status == 0 && db_rows_bool(rows, 0, 0) ? RETAIN_MORE : RETAIN_EVERY);
    free_when_idle(u);
}

static void on_retain(struct timer *t)
{
    struct upkeep *u = CONTAINER_OF(t, struct upkeep, retain);
    const char *params[] = {u->keep ? u->keep : "{}"};
    struct db_call c = {
        .sql = "SELECT (r ->> 'more')::bool, r ->> 'dropped', (r ->> 'deleted')::int8, (r ->> "
               "'expired')::int8"
               " FROM api.retain($1::jsonb) r",
        .params = params,
        .n_params = 1,
        .flags = DB_RETRY,
    };

    if (u->retaining)
        return;
    u->retaining = true;
    if (u->o.ask(u->o.user, &c, on_retained, u) < 0) {
        u->retaining = false;
        again(u, t, POLICY_EVERY);
    }
}

/* -------------------------------------------------------------------- policies */

/* at once: look for the next one. */
static void policy_end(struct upkeep *u, usec_t next)
{
    u->at_policy = false;
    again(u, &u->policy, next);
    free_when_idle(u);
}

static void on_told(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    (void)rows;
    if (status < 0 && status != -ECANCELED)
        log_event(LOG_WARNING, "the result of a policy was not written, it will be run again",
                  "EVENT", "policy", "WHY", err_text(e));
    policy_end(user, status < 0 ? POLICY_EVERY : 0);
}

static void on_rows(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct upkeep *u = user;
    const char *params[] = {u->id, u->run, status == 0 ? db_rows_text(rows, 0, 0) : NULL,
                            status < 0 ? err_text(e) : NULL};
    struct db_call c = {
        .sql = "SELECT api.policy_told($1::int4, $2::int8, $3::jsonb, $4)",
        .params = params,
        .n_params = ARRAY_LEN(params),
        .flags = DB_RETRY,
    };

    if (u->gone || status == -ECANCELED) {
        policy_end(u, POLICY_EVERY);
        return;
    }
    if (u->o.ask(u->o.user, &c, on_told, u) < 0)
        policy_end(u, POLICY_EVERY);
}

static void on_next(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct upkeep *u = user;
    const char *params[] = {db_rows_text(rows, 0, 2)};
    struct db_call c = {
        .sql = "SELECT ops.policy_rows($1, " POLICY_ROWS_MAX ")",
        .params = params,
        .n_params = 1,
    };

    if (status < 0 && status != -ECANCELED)
        log_event(LOG_WARNING, "policies cannot be run now, trying again", "EVENT", "policy", "WHY",
                  err_text(e));
    if (u->gone || status < 0 || !db_rows_count(rows) || !params[0]) {
        policy_end(u, POLICY_EVERY);
        return;
    }
    snprintf(u->id, sizeof u->id, "%s", db_rows_text(rows, 0, 0));
    snprintf(u->run, sizeof u->run, "%s", db_rows_text(rows, 0, 1));
    if (u->o.ask_policy(u->o.user, &c, on_rows, u) < 0)
        policy_end(u, POLICY_EVERY);
}

static void on_policy(struct timer *t)
{
    struct upkeep *u = CONTAINER_OF(t, struct upkeep, policy);
    struct db_call c = {.sql = "SELECT policy_id, run, query FROM api.policy_next()"};

    if (u->at_policy)
        return;
    u->at_policy = true;
    if (u->o.ask(u->o.user, &c, on_next, u) < 0)
        policy_end(u, POLICY_EVERY);
}

/* -------------------------------------------------------------------- life */

int upkeep_new(struct upkeep **ret, struct loop *l, const struct upkeep_opts *o)
{
    struct upkeep *u = calloc(1, sizeof *u);

    if (!u)
        return -ENOMEM;
    *u = (struct upkeep){.loop = l, .o = *o, .retain.fire = on_retain, .policy.fire = on_policy};
    *ret = u;
    return 0;
}

struct upkeep *upkeep_free(struct upkeep *u)
{
    if (!u)
        return NULL;
    upkeep_disable(u);
    u->gone = true;
    free_when_idle(u);
    return NULL;
}

void upkeep_config(struct upkeep *u, char *keep)
{
    free(u->keep);
    u->keep = keep;
    if (u->enabled && !u->retaining)
        again(u, &u->retain, 0);
}

void upkeep_enable(struct upkeep *u)
{
    if (u->enabled)
        return;
    u->enabled = true;
    if (!u->retaining)
        again(u, &u->retain, 0);
    if (!u->at_policy)
        again(u, &u->policy, 0);
}

void upkeep_disable(struct upkeep *u)
{
    u->enabled = false;
    timer_stop(u->loop, &u->retain);
    timer_stop(u->loop, &u->policy);
}
