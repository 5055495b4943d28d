/* Parts and the ends of visits on their way to the database, in order, one at a time.
 *
 * A part is kept until it is answered: a lost connection sends it again ((fence, part number) makes
 * that harmless), and when the server lacks facts or bodies it goes out again with them.  An end
 * that is asked for while the last part of its visit still waits travels with that part: one
 * transaction less.  A part that the database refuses is lost: the end says how many there were, so
 * that a visit that lacks one is never complete.  While the database takes nothing, and when too
 * much waits in memory, payloads go to the journal; the job stays here, in its place. */
#include "service/store/outbox.h"

#include "engine/base/log.h"
#include "service/store/decode.h"
#include "service/store/journal.h"
#include "service/store/marks.h"
#include "service/store/part.h"

#include <errno.h>
#include <string.h>

#define ROUNDS_MAX 4 /* facts are asked for, then bodies; hosts may lose their mark meanwhile */

struct outbox_job {
    TAILQ_ENTRY(outbox_job) entry;
    struct store *store;
    struct part *part;        /* NULL: in the journal alone */
    struct outbox_job *spare; /* of a part in the journal: its end, for when that cannot be read */
    bool journaled;
    uint64_t at;  /* there */
    size_t bytes; /* of the part, counted in store.bytes */
    int64_t fence;
    bool lone; /* the end of a visit by itself: a part without number and hosts */
    bool ends;
    unsigned rounds;
    char *want; /* bodies that the server asked for */
    store_apply_cb cb;
    store_cb end_cb;
    void *user, *end_user;
};

static struct part *part_free(struct part *p)
{
    if (p)
        part_done(p);
    free(p);
    return NULL;
}

static void job_free(struct outbox_job *j)
{
    if (j->spare)
        part_free(j->spare->part);
    free(j->spare);
    part_free(j->part);
    free(j->want);
    free(j);
}

static struct outbox_job *job_new(struct store *s, int64_t fence)
{
    struct outbox_job *j = calloc(1, sizeof *j);

    if (!j)
        return NULL;
    j->store = s;
    j->fence = fence;
    j->part = calloc(1, sizeof *j->part);
    if (j->part)
        return j;
    free(j);
    return NULL;
}

static void set_end(struct outbox_job *j, const struct coverage *c, store_cb cb, void *user)
{
    struct part *p = j->part;

    p->ends = true;
    p->end = (struct coverage){.probes = c->probes,
                               .retransmissions = c->retransmissions,
                               .loss = c->loss,
                               .rate_pps = c->rate_pps,
                               .drops = c->drops,
                               .complete = c->complete};
    j->ends = true;
    j->end_cb = cb;
    j->end_user = user;
}

/* The end of a visit by itself. */
static struct outbox_job *end_new(struct store *s, int64_t schedule, int64_t fence)
{
    struct outbox_job *j = job_new(s, fence);

    if (!j)
        return NULL;
    j->lone = true;
    j->part->schedule = schedule;
    j->part->fence = fence;
    j->part->last = -1;
    return j;
}

/* What is left of a part that is lost: its end, when it had one.  The visit lacks a part, it is
 * over and not complete. */
static struct outbox_job *end_of(const struct outbox_job *j)
{
    struct coverage c = j->part->end;
    struct outbox_job *end = j->part->ends ? end_new(j->store, j->part->schedule, j->fence) : NULL;

    if (!end)
        return NULL;
    c.complete = false;
    set_end(end, &c, j->end_cb, j->end_user);
    end->part->method = strdup(j->part->method);
    if (end->part->method)
        return end;
    job_free(end);
    return NULL;
}

/* ------------------------------------------------------------------ journal */

static void journal_complain(struct store *s, int r)
{
    if (s->journal_failed)
        return;
    s->journal_failed = true;
    log_event(LOG_WARNING, "findings cannot wait on disk, they wait in memory until that is full",
              "EVENT", "journal-full", "WHY", strerror(-r));
}

/* The payload also, or instead, goes to disk. */
static void job_spill(struct outbox_job *j)
{
    struct store *s = j->store;
    CLEANUP(buf_done) struct buf bytes = {0};
    int r;

    if (!s->journal || j->journaled)
        return;
    part_encode(&bytes, j->part);
    r = bytes.failed ? -ENOMEM : journal_add(s->journal, &s->owner, bytes.data, bytes.len, &j->at);
    if (r < 0) {
        journal_complain(s, r);
        return;
    }
    j->journaled = true;
    if (j == s->flight || j->lone)
        return; /* in use, freed with the job; or small */
    j->spare = end_of(j);
    j->part = part_free(j->part);
    s->bytes -= j->bytes;
    j->bytes = 0;
}

void outbox_spill(struct store *s)
{
    struct outbox_job *j;

    if (s->flight)
        job_spill(s->flight);
    TAILQ_FOREACH (j, &s->outbox, entry)
        job_spill(j);
}

/* -EBADMSG, -errno: what was written there is not there. */
static int job_load(struct outbox_job *j)
{
    CLEANUP(buf_done) struct buf bytes = {0};
    struct rbuf in;
    uint64_t at = j->at;
    int r;

    if (j->part)
        return 0;
    r = journal_get(j->store->journal, &at, &bytes);
    if (r < 0)
        return r;
    j->part = calloc(1, sizeof *j->part);
    if (!j->part)
        return -ENOMEM;
    in = rbuf_of(bytes.data, bytes.len);
    r = part_decode(j->part, &in);
    if (r < 0)
        j->part = part_free(j->part);
    return r;
}

/* ------------------------------------------------------------------ answers */

static void left(struct store *s, size_t bytes)
{
    s->bytes -= bytes;
    s->jobs--;
    /* While the store closes, jobs end unwritten: the next process goes on with what is there. */
    if (!s->jobs && !s->closing && s->journal && journal_owner(s->journal) &&
        journal_clear(s->journal) == 0)
        s->journal_failed = false;
    if (s->told_full && s->bytes < s->opts.queue_limit / 2) {
        s->told_full = false;
        if (s->opts.drained)
            s->opts.drained(s->opts.user);
    }
}

static void tell_end(struct outbox_job *j, int status, const struct err *e)
{
    struct err own = {0};

    if (status == -ESTALE)
        err_set(&own, status, "the lease of the visit was lost");
    else if (status < 0)
        err_set(&own, status, "%s", e && e->text[0] ? e->text : strerror(-status));
    e = &own;
    if (j->end_cb)
        j->end_cb(j->end_user, status, e);
}

static void job_end(struct outbox_job *j, int status, const struct store_applied *a,
                    const struct err *e)
{
    static const struct store_applied nothing;
    struct store *s = j->store;
    size_t bytes = j->bytes;

    if (s->flight == j)
        s->flight = NULL;
    if (s->replaying) {
        s->replay_done += status == 0;
        s->replay_refused += status < 0 && status != -ECANCELED;
    }
    if (status != -ECANCELED)
        loop_post(s->loop, &s->pump);
    if (!j->lone && j->cb)
        j->cb(j->user, status, a ? a : &nothing);
    if (j->ends)
        tell_end(j, status, e);
    job_free(j);
    left(s, bytes);
}

static void remember(struct outbox_job *j)
{
    struct store *s = j->store;

    for (size_t i = 0; s->marks && i < j->part->n_hosts; i++)
        if (j->part->hosts[i].marked)
            marks_put(s->marks, j->part->place, &j->part->hosts[i].addr, j->part->hosts[i].mark);
}

static void job_applied(struct outbox_job *j, const struct db_rows *rows)
{
    struct store_applied a = {
        .opened = (unsigned)db_rows_int(rows, 0, 3, 0),
        .altered = (unsigned)db_rows_int(rows, 0, 4, 0),
        .closed = (unsigned)db_rows_int(rows, 0, 5, 0),
        .events = (unsigned)db_rows_int(rows, 0, 6, 0),
    };
    struct addr *list = NULL;
    int r = part_addresses(db_rows_text(rows, 0, 7), &list, &a.n_new_ports);

    a.new_ports = list;
    remember(j);
    if (a.events)
        store_news(j->store, a.events);
    job_end(j, r, &a, NULL);
    free(list);
}

static int job_send(struct outbox_job *j);

static int job_again(struct outbox_job *j, const char *want, const char *need)
{
    int r = want && need ? part_need_facts(j->part, need) : -EBADMSG;

    if (r < 0 || ++j->rounds > ROUNDS_MAX)
        return r < 0 ? r : -EBADMSG;
    free(j->want);
    j->want = strdup(want);
    part_order_values(j->part);
    return j->want ? job_send(j) : -ENOMEM;
}

static void send_first(struct store *s);

static void lost_complain(struct outbox_job *j, int status, const struct err *e)
{
    struct store *s = j->store;

    if (s->refused == j->fence)
        return; /* and without it none of the later ones is taken */
    s->refused = j->fence;
    log_event(LOG_WARNING,
              j->part
                  ? "the database does not take findings, their visit is made again"
                  : "findings that waited on disk cannot be read back, their visit is made again",
              "EVENT", "part-refused", "WHY", e && e->text[0] ? e->text : strerror(-status));
}

/* The part is lost.  An end that travelled with it goes by itself now: a visit that lacks a part
 * is over, but not complete. */
static void job_refused(struct outbox_job *j, int status, const struct err *e)
{
    struct outbox_job *end = NULL;

    if (status != -ESTALE && status != -ECANCELED) {
        lost_complain(j, status, e);
        end = j->part ? end_of(j) : take(&j->spare);
    }
    if (end) {
        j->ends = false;
        TAILQ_INSERT_HEAD(&j->store->outbox, end, entry);
        j->store->jobs++;
    }
    job_end(j, status, NULL, e);
}

static void part_answered(struct outbox_job *j, int status, const struct db_rows *rows,
                          const struct err *e)
{
    const char *verdict = db_rows_text(rows, 0, 0);
    struct store_applied duplicate = {.duplicate = true};
    char v = verdict ? *verdict : 0;
    int r = -EBADMSG;

    if (status == 0 && v == 'd') {
        job_end(j, 0, &duplicate, NULL);
    } else if (status == 0 && v == 'a') {
        job_applied(j, rows);
    } else {
        if (status == -EAGAIN) /* deadlock with somebody else's statement: nothing was done */
            r = job_send(j);
        else if (status < 0)
            r = status;
        else if (v == 'w')
            r = job_again(j, db_rows_text(rows, 0, 1), db_rows_text(rows, 0, 2));
        else if (v == 's')
            r = -ESTALE;
        if (r < 0)
            job_refused(j, r, e);
    }
}

/* The next one goes out at once: else the database would wait for what this turn does besides. */
static void on_applied(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct outbox_job *j = user;
    struct store *s = j->store;

    part_answered(j, status, rows, e);
    send_first(s);
}

static void on_finished(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct outbox_job *j = user;
    struct store *s = j->store;
    const char *verdict = db_rows_text(rows, 0, 0);

    if (status == 0 && verdict && *verdict == 's')
        status = -ESTALE;
    job_end(j, status, NULL, e);
    send_first(s);
}

/* ------------------------------------------------------------------ sending */

static int job_send(struct outbox_job *j)
{
    struct buf params[PART_PARAMS];
    int r = job_load(j);

    if (r < 0)
        return r;
    r = part_params(j->part, j->want, params);
    if (r == 0)
        r = j->lone ? part_send_end(j->store->db, params, on_finished, j)
                    : part_send(j->store->db, params, j->rounds ? DB_FIRST : 0, on_applied, j);
    part_params_done(params);
    return r;
}

static void replay_over(struct store *s)
{
    log_event(LOG_NOTICE, "findings of an earlier process that waited on disk were written",
              "EVENT", "journal-replayed");
    if (s->replay_refused)
        log_event(LOG_NOTICE, "some of them came too late: their visits are made again", "EVENT",
                  "journal-refused");
    s->replaying = false;
    store_hello(s);
}

static void send_first(struct store *s)
{
    struct outbox_job *j = TAILQ_FIRST(&s->outbox);
    int r;

    if (s->flight || !(s->ready || s->replaying) || s->closing)
        return;
    if (!j) {
        if (s->replaying)
            replay_over(s);
        return;
    }
    TAILQ_REMOVE(&s->outbox, j, entry);
    s->flight = j;
    r = job_send(j);
    if (r < 0)
        job_refused(j, r, NULL);
}

static void on_pump(struct task *t)
{
    send_first(CONTAINER_OF(t, struct store, pump));
}

/* ------------------------------------------------------------------ what comes in */

static void job_push(struct outbox_job *j)
{
    struct store *s = j->store;

    TAILQ_INSERT_TAIL(&s->outbox, j, entry);
    s->jobs++;
    s->bytes += j->bytes;
    if (s->down || s->bytes > s->opts.queue_limit)
        job_spill(j);
    loop_post(s->loop, &s->pump);
}

static bool full(const struct store *s)
{
    return s->bytes >= s->opts.queue_limit;
}

int store_apply(struct store *s, struct store_lease *l, const struct store_part *p,
                store_apply_cb cb, void *user)
{
    struct outbox_job *j;
    int r;

    if (!s->ready)
        return -ENOTCONN;
    if (full(s))
        outbox_spill(s);
    if (full(s)) {
        s->told_full = true;
        return -EAGAIN;
    }
    j = job_new(s, l->fence);
    if (!j)
        return -ENOMEM;
    j->cb = cb;
    j->user = user;
    r = part_build(j->part, s, l, p);
    if (r < 0) {
        job_free(j);
        return r;
    }
    j->bytes = j->part->bytes;
    l->part++;
    job_push(j);
    return 0;
}

/* The last part of the visit, while it waits in memory. */
static struct outbox_job *waiting_part(struct store *s, int64_t fence)
{
    struct outbox_job *j, *last = NULL;

    TAILQ_FOREACH (j, &s->outbox, entry)
        if (j->fence == fence)
            last = j;
    return last && last->part && !last->journaled && !last->lone ? last : NULL;
}

int store_finish(struct store *s, const struct store_lease *l, const struct coverage *c,
                 store_cb cb, void *user)
{
    struct outbox_job *j;

    if (!s->ready)
        return -ENOTCONN;
    j = waiting_part(s, l->fence);
    if (j) {
        set_end(j, c, cb, user);
        return 0;
    }
    j = end_new(s, l->schedule, l->fence);
    if (!j)
        return -ENOMEM;
    j->part->last = l->part;
    j->part->method = strdup(c->method ? c->method : "unknown");
    if (!j->part->method) {
        job_free(j);
        return -ENOMEM;
    }
    set_end(j, c, cb, user);
    job_push(j);
    return 0;
}

/* ------------------------------------------------------------------ life */

/* *p is taken over, and kept where it is an end by itself. */
static int replay_one(struct store *s, uint64_t at, struct part *p)
{
    struct outbox_job *j = job_new(s, p->fence);

    if (!j) {
        part_done(p);
        return -ENOMEM;
    }
    *j->part = *p;
    j->journaled = true;
    j->at = at;
    j->lone = !p->number;
    j->ends = p->ends;
    if (!j->lone) {
        j->spare = end_of(j);
        j->part = part_free(j->part);
    }
    TAILQ_INSERT_TAIL(&s->outbox, j, entry);
    s->jobs++;
    return 0;
}

int outbox_replay(struct store *s)
{
    CLEANUP(buf_done) struct buf bytes = {0};
    uint64_t at = 0, start = 0;
    int r = 0;

    while (r == 0) {
        struct part p;
        struct rbuf in;

        start = at;
        r = journal_get(s->journal, &at, &bytes);
        if (r < 0)
            break;
        in = rbuf_of(bytes.data, bytes.len);
        if (part_decode(&p, &in) < 0)
            continue; /* of another version: its visit is made again */
        r = replay_one(s, start, &p);
    }
    if (r != -ENOENT)
        return r;
    s->replaying = true;
    loop_post(s->loop, &s->pump);
    return 0;
}

void outbox_open(struct store *s)
{
    TAILQ_INIT(&s->outbox);
    s->pump.run = on_pump;
}

void outbox_close(struct store *s)
{
    if (s->ready || s->replaying)
        outbox_spill(s);
    s->closing = true;
    task_cancel(s->loop, &s->pump);
}

void outbox_done(struct store *s)
{
    struct outbox_job *j;

    while ((j = TAILQ_FIRST(&s->outbox))) {
        TAILQ_REMOVE(&s->outbox, j, entry);
        s->replaying = false;
        job_end(j, -ECANCELED, NULL, NULL);
    }
}
