/* The events of an endpoint that are in memory: a bounded window behind its cursor, and retries
 * that are due.
 *
 * Order: events of one subject (dedup key) go one after the other.  One that fails and is put into
 * alert.open takes those behind it along as `held`, so the cursor can go on; the database makes the
 * next of them due when its turn has come.  An item stays in memory until its fate is committed, so
 * that a fetch that was under way meanwhile cannot overtake it. The cursor is the end of the
 * longest prefix of the log whose fates are recorded, or go into the same transaction. */
#include "engine/base/log.h"
#include "service/alert/alert_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct item *item_free(struct item *i)
{
    if (!i)
        return NULL;
    free(i->id);
    free(i->type);
    free(i->dedup);
    free(i->data);
    free(i);
    return NULL;
}

/* ---- subjects */

static struct subject *subject_get(struct endpoint *ep, const char *key)
{
    struct subject *s;
    size_t len = strlen(key);

    HASH_FIND(hh, ep->subjects, key, len, s);
    if (s)
        return s;
    s = calloc(1, sizeof *s + len + 1);
    if (!s)
        return NULL;
    memcpy(s->key, key, len);
    TAILQ_INIT(&s->items);
    HASH_ADD_KEYPTR(hh, ep->subjects, s->key, len, s);
    return s;
}

/* Takes an item out of its subject and returns the first one that stays.  It may leave from the
 * middle: what was fetched as `held` is recorded at once, while the first may wait for a pause. */
static struct item *subject_leave(struct item *i)
{
    struct endpoint *ep = i->endpoint;
    struct subject *s = i->subject;
    struct item *first;

    if (!s)
        return NULL;
    TAILQ_REMOVE(&s->items, i, line);
    i->subject = NULL;
    first = TAILQ_FIRST(&s->items);
    if (!first) {
        HASH_DELETE(hh, ep->subjects, s);
        free(s);
    }
    return first;
}

static bool goes_to_open(const struct item *i)
{
    return i->state >= ITEM_FINISHED && (i->fate == FATE_RETRY || i->fate == FATE_HELD);
}

/* ---- states */

static void make_ready(struct item *i)
{
    i->state = ITEM_READY;
    TAILQ_INSERT_TAIL(&i->endpoint->ready, i, queue);
}

/* At the tail: when an endpoint is probed, each probe is another event, so one that no receiver
 * would take blocks nothing.  Where order is strict, that is meant. */
void window_requeue(struct item *i)
{
    struct endpoint *ep = i->endpoint;

    ep->unsent++;
    i->state = ITEM_READY;
    if (ep->order == ORDER_STRICT || i->shrink)
        TAILQ_INSERT_HEAD(&ep->ready, i, queue);
    else
        TAILQ_INSERT_TAIL(&ep->ready, i, queue);
}

static void finish_one(struct item *i, enum item_fate fate)
{
    struct endpoint *ep = i->endpoint;

    if (i->state == ITEM_READY)
        TAILQ_REMOVE(&ep->ready, i, queue);
    if (i->state == ITEM_READY || i->state == ITEM_BLOCKED)
        ep->unsent--;
    i->state = ITEM_FINISHED;
    i->fate = fate;
    ep->unrecorded++;
    TAILQ_INSERT_TAIL(&ep->finished, i, queue);
}

/* Whoever stands behind it and has no fate yet is put aside with it. */
static void subject_hold(struct item *i)
{
    if (!i->subject)
        return;
    for (struct item *next = TAILQ_NEXT(i, line); next; next = TAILQ_NEXT(next, line))
        if (next->state == ITEM_BLOCKED)
            finish_one(next, FATE_HELD);
}

void window_finish(struct item *i, enum item_fate fate)
{
    finish_one(i, fate);
    if (fate == FATE_RETRY || fate == FATE_HELD)
        subject_hold(i);
    record_soon(i->endpoint);
}

static void item_drop(struct item *i)
{
    struct endpoint *ep = i->endpoint;

    ep->n_items--;
    ep->n_bytes -= i->data_len;
    if (i->live)
        TAILQ_REMOVE(&ep->live, i, entry);
    else
        TAILQ_REMOVE(&ep->due, i, entry);
    item_free(i);
}

/* Drops what the cursor may pass. */
static void trim(struct endpoint *ep)
{
    struct item *i;

    while ((i = TAILQ_FIRST(&ep->live)) && i->state == ITEM_RECORDED) {
        ep->cursor_xid = i->xid;
        ep->cursor_seq = i->seq;
        item_drop(i);
    }
}

void window_recorded(struct endpoint *ep)
{
    struct item *i, *after;

    for (i = TAILQ_FIRST(&ep->finished); i; i = after) {
        struct item *first;

        after = TAILQ_NEXT(i, queue);
        if (i->state != ITEM_RECORDING)
            continue;
        TAILQ_REMOVE(&ep->finished, i, queue);
        if (!i->apart)
            ep->taken = loop_now(ep->alert->loop);
        ep->unrecorded--;
        i->state = ITEM_RECORDED;
        HASH_DEL(ep->by_seq, i); /* alert.open may bring it again */
        first = subject_leave(i);
        if (first && first->state == ITEM_BLOCKED)
            make_ready(first);
        if (!i->live)
            item_drop(i);
    }
    trim(ep);
    if (ep->fetch_full && ep->n_items <= WINDOW_ITEMS / 2)
        window_fetch(ep);
}

/* ---- fetching */

static bool take_texts(struct item *i, const struct db_rows *rows, size_t row)
{
    const char *data = db_rows_text(rows, row, 11);

    snprintf(i->about, sizeof i->about, "%s", db_rows_text(rows, row, 6) ?: "");
    i->id = strdup(db_rows_text(rows, row, 3) ?: "");
    i->type = strdup(db_rows_text(rows, row, 4) ?: "");
    /* what goes one after the other: see ORDER_NONE and so on */
    i->dedup = strdup(db_rows_text(rows, row, i->endpoint->order == ORDER_SUBJECT ? 6 : 3) ?: "");
    i->data = strdup(data ?: "");
    i->data_len = data ? strlen(data) : 0;
    return i->id && i->type && i->dedup && i->data;
}

static struct item *item_of_row(struct endpoint *ep, const struct db_rows *rows, size_t row)
{
    struct item *i = calloc(1, sizeof *i);
    usec_t now = loop_now(ep->alert->loop);
    double age = strtod(db_rows_text(rows, row, 8) ?: "0", NULL) * (double)USEC_PER_SEC;

    if (!i)
        return NULL;
    i->endpoint = ep;
    if (!take_texts(i, rows, row))
        return item_free(i);
    i->live = db_rows_bool(rows, row, 0);
    i->seq = db_rows_int(rows, row, 1, 0);
    i->xid = strtoull(db_rows_text(rows, row, 2) ?: "0", NULL, 10);
    i->observed = db_rows_time(rows, row, 5);
    i->attempts = (unsigned)db_rows_int(rows, row, 7, 0);
    i->born = age > 0 ? now - (usec_t)age : now; /* may wrap below zero: only differences count */
    return i;
}

static void item_insert(struct endpoint *ep, struct item *i)
{
    ep->n_items++;
    ep->n_bytes += i->data_len;
    if (i->live)
        TAILQ_INSERT_TAIL(&ep->live, i, entry);
    else
        TAILQ_INSERT_TAIL(&ep->due, i, entry);
}

/* Lines an item up: ready, or behind the last one of its subject. */
static void item_enqueue(struct endpoint *ep, struct item *i, bool held)
{
    struct subject *s = subject_get(ep, i->dedup);
    struct item *ahead = s ? TAILQ_LAST(&s->items, items) : NULL;

    if (s) {
        i->subject = s;
        TAILQ_INSERT_TAIL(&s->items, i, line);
    }
    ep->unsent++;
    if (held || (ahead && goes_to_open(ahead))) {
        i->state = ITEM_BLOCKED;
        window_finish(i, FATE_HELD);
    } else if (ahead) {
        i->state = ITEM_BLOCKED;
    } else {
        make_ready(i);
    }
}

/* That an endpoint fails is for the others (alert.tell_endpoints). */
static bool is_about_itself(const struct item *i)
{
    static const char prefix[] = "endpoint/";

    return i->live && strncmp(i->about, prefix, strlen(prefix)) == 0 &&
           strcmp(i->about + strlen(prefix), i->endpoint->name) == 0;
}

/* 0, or -ENOMEM: then the place of the fetch stays before this row. */
static int take_row(struct endpoint *ep, const struct db_rows *rows, size_t row)
{
    int64_t seq = db_rows_int(rows, row, 1, 0);
    bool done = db_rows_bool(rows, row, 9);
    struct item *i = NULL;

    if (!done) /* one that is may be due as well: this row is its place in the log */
        HASH_FIND(hh, ep->by_seq, &seq, sizeof seq, i);
    if (i) /* due, and in memory already */
        return 0;
    i = item_of_row(ep, rows, row);
    if (!i)
        return -ENOMEM;
    item_insert(ep, i);
    if (i->live) {
        ep->fetch_xid = i->xid;
        ep->fetch_seq = i->seq;
    }
    if (done || is_about_itself(i)) { /* nothing to send: the cursor may pass */
        i->state = ITEM_RECORDED;
        ep->cursor_dirty = true;
        return 0;
    }
    HASH_ADD(hh, ep->by_seq, seq, sizeof i->seq, i);
    item_enqueue(ep, i, db_rows_bool(rows, row, 10));
    return 0;
}

/* Away, or busy: that is said elsewhere.  Else nothing is delivered, and nobody would know why. */
static void not_read(struct endpoint *ep, int status, const struct err *e)
{
    if (status == -ECONNRESET || status == -ETIMEDOUT || status == -EAGAIN || ep->fetch_complained)
        return;
    ep->fetch_complained = true;
    log_event(LOG_ERR, "what is to be delivered cannot be read from the database, trying again",
              "ENDPOINT", ep->name, "ERROR", err_text(e));
}

static void on_rows(struct call *c, int status, const struct db_rows *rows, const struct err *e)
{
    struct endpoint *ep = c->endpoint;
    uint64_t xid = ep->fetch_xid;
    int64_t seq = ep->fetch_seq;

    if (!call_is_current(c))
        return;
    ep->fetching = false;
    if (status < 0) {
        not_read(ep, status, e); /* the next poll asks again */
        return;
    }
    ep->fetch_complained = false;
    for (size_t i = 0; i < db_rows_count(rows); i++)
        if (take_row(ep, rows, i) < 0)
            break;
    /* perhaps: until a fetch brings nothing new */
    ep->fetch_more = ep->fetch_xid != xid || ep->fetch_seq != seq;
    trim(ep);
    if (ep->cursor_dirty)
        record_soon(ep);
    endpoint_pump(ep);
    if (ep->fetch_again || ep->fetch_more)
        window_fetch(ep);
}

void window_fetch(struct endpoint *ep)
{
    char id[24], xid[24], seq[24], limit[24];
    const char *params[] = {id, xid, seq, limit};
    struct db_call q = {
        .sql = "SELECT * FROM alert.fetch($1::int4, $2::xid8, $3::int8, $4::int4, 1048576, 100)",
        .params = params,
        .n_params = ARRAY_LEN(params),
        .flags = DB_RETRY};

    if (!ep->held || ep->alert->stopping || ep->state == EP_DISABLED)
        return;
    if (ep->fetching) {
        ep->fetch_again = true;
        return;
    }
    ep->fetch_again = false;
    snprintf(id, sizeof id, "%" PRId64, ep->id);
    snprintf(xid, sizeof xid, "%" PRIu64, ep->fetch_xid);
    snprintf(seq, sizeof seq, "%" PRId64, ep->fetch_seq);
    ep->fetch_full = ep->n_items + FETCH_ITEMS > WINDOW_ITEMS || ep->n_bytes > WINDOW_BYTES;
    snprintf(limit, sizeof limit, "%d", ep->fetch_full ? 0 : FETCH_ITEMS);
    if (alert_call(ep->alert, ep, &q, on_rows) == 0)
        ep->fetching = true;
}

/* ---- the end of a lease */

static void items_clear(struct items *list)
{
    struct item *i;

    while ((i = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, i, entry);
        if (i->state == ITEM_SENDING) { /* its answer still comes */
            i->orphan = true;
            TAILQ_INSERT_TAIL(&i->endpoint->orphans, i, entry);
        } else {
            item_free(i);
        }
    }
}

void window_reset(struct endpoint *ep)
{
    struct subject *s, *next;

    HASH_CLEAR(hh, ep->by_seq);
    HASH_ITER (hh, ep->subjects, s, next) {
        HASH_DELETE(hh, ep->subjects, s);
        free(s);
    }
    TAILQ_INIT(&ep->ready);
    TAILQ_INIT(&ep->finished);
    items_clear(&ep->live);
    items_clear(&ep->due);
    ep->n_items = ep->n_bytes = 0;
    ep->unsent = ep->in_flight = ep->unrecorded = 0;
    ep->replaying = ep->feeding = false;
    ep->fetching = ep->fetch_again = ep->fetch_more = ep->fetch_full = false;
    buf_clear(&ep->attempts);
    buf_clear(&ep->batch_text);
    apart_reset(ep);
    ep->recording = ep->complained = false;
    ep->state_dirty = ep->ok_dirty = ep->recovered = ep->cursor_dirty = false;
}
