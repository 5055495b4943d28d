/* Outcomes on their way into the database: gathered for a moment, then one transaction for
 * attempts, exceptions, cursor and state of the endpoint (alert.record).  A batch has a number, so
 * sending it twice is harmless; it names the epoch of the lease, so that a process that was
 * replaced meanwhile writes nothing. */
#include "engine/base/log.h"
#include "engine/base/text.h"
#include "service/alert/alert_priv.h"
#include "service/alert/render.h"

#include <errno.h>
#include <inttypes.h>

#define AGAIN_USEC   USEC_PER_SEC
#define REFUSED_USEC (5 * USEC_PER_SEC)

static void put_text(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, ",\"%s\":", key);
    if (text && text[0])
        render_string(out, text);
    else
        buf_str(out, "null");
}

static void put_answer(struct buf *out, const struct http_result *r)
{
    CLEANUP(buf_done) struct buf head = {0};

    text_escape_utf8(&head, r->head, r->head_len);
    put_text(out, "answer", head.failed ? NULL : head.data);
}

void record_attempt(struct item *i, enum outcome o, const struct http_result *r)
{
    struct buf *out = &i->endpoint->attempts;
    char remote[ADDR_TEXT_MAX];

    i->endpoint->n_attempts++;
    buf_printf(out, "%s{\"seq\":%" PRId64 ",\"outcome\":\"%s\",\"curl\":%d", out->len ? "," : "",
               i->seq, outcome_name(o), r->answer.curl);
    if (r->answer.code && r->answer.headers_done)
        buf_printf(out, ",\"code\":%ld", r->answer.code);
    buf_printf(out, ",\"ms\":%u,\"bytes_out\":%" PRIu64 ",\"bytes_in\":%" PRIu64 ",\"new_conn\":%s",
               r->ms, r->bytes_out, r->bytes_in, r->connections ? "true" : "false");
    buf_printf(out, ",\"connect_ms\":%u,\"first_byte_ms\":%u", r->connect_ms, r->first_byte_ms);
    put_text(out, "digest", i->digest);
    put_text(out, "error", r->error);
    put_text(out, "remote", r->remote.family == ADDR_NONE ? NULL : addr_format(&r->remote, remote));
    put_answer(out, r);
    buf_char(out, '}');
    record_soon(i->endpoint);
}

static void put_open(struct buf *out, const struct item *i)
{
    static const char *const states[] = {"", "retry", "held", "dead"};

    buf_printf(out, "{\"seq\":%" PRId64 ",\"state\":\"%s\",\"attempts\":%u,\"delay\":%.3f", i->seq,
               states[i->fate], i->attempts, (double)i->delay / (double)USEC_PER_SEC);
    if (i->code)
        buf_printf(out, ",\"code\":%ld", i->code);
    put_text(out, "reason", i->reason);
    put_text(out, "dedup", i->dedup);
    put_text(out, "error", i->error);
    buf_char(out, '}');
}

/* Marks what goes into this batch, and writes it down. */
static void put_items(struct endpoint *ep, struct buf *out)
{
    CLEANUP(buf_done) struct buf done = {0};
    CLEANUP(buf_done) struct buf aside = {0};
    const struct item *crowding = ep->apart_due ? apart_crowding(ep) : NULL;
    struct item *i;
    unsigned n = 0;
    bool first = true;

    ep->batch_lazy = !ep->state_dirty;
    buf_str(out, ",\"open\":[");
    TAILQ_FOREACH (i, &ep->finished, queue) {
        if (!ep->apart_due && apart_waits(i))
            continue;
        if (n++ == BATCH_ITEMS)
            break;
        i->state = ITEM_RECORDING;
        if (apart_is_over(i, crowding))
            buf_printf(&aside, "%s%" PRId64, aside.len ? "," : "", i->seq);
        if (i->fate != FATE_DONE) {
            buf_str(out, first ? "" : ",");
            put_open(out, i);
            first = ep->batch_lazy = false;
        } else if (!i->live) {
            buf_printf(&done, "%s%" PRId64, done.len ? "," : "", i->seq);
        }
    }
    buf_printf(out, "],\"done\":[%s],\"aside\":[%s]", done.data ? done.data : "",
               aside.data ? aside.data : "");
    out->failed |= done.failed || aside.failed;
}

static void put_cursor(struct endpoint *ep, struct buf *out)
{
    uint64_t xid = ep->cursor_xid;
    int64_t seq = ep->cursor_seq;
    struct item *i;

    TAILQ_FOREACH (i, &ep->live, entry) {
        if (i->state != ITEM_RECORDING && i->state != ITEM_RECORDED)
            break;
        xid = i->xid;
        seq = i->seq;
    }
    buf_printf(out, ",\"cursor\":{\"xid\":\"%" PRIu64 "\",\"seq\":%" PRId64 "}", xid, seq);
    ep->cursor_dirty = false;
}

static void put_state(struct endpoint *ep, struct buf *out)
{
    usec_t now = loop_now(ep->alert->loop);
    usec_t pause = ep->open_until > now ? ep->open_until - now : 0;

    buf_printf(out, ",\"recovered\":%s,\"endpoint\":{\"ok\":%s", ep->recovered ? "true" : "false",
               ep->ok_dirty ? "true" : "false");
    if (ep->state_dirty) {
        buf_printf(out, ",\"state\":\"%s\",\"pause\":%.3f,\"strikes\":%u",
                   endpoint_state_name(ep->state), (double)pause / (double)USEC_PER_SEC,
                   ep->strikes);
        put_text(out, "reason", ep->reason);
    }
    buf_str(out, "}}");
    ep->recovered = ep->ok_dirty = ep->state_dirty = false;
}

static void on_recorded(struct call *c, int status, const struct db_rows *rows,
                        const struct err *e);

#define PARAMS "($1::int4, $2::int8, $3::int8, $4::interval, $5::jsonb)"
#define RECORD "alert.record" PARAMS

/* Sends what stands in batch_text; again, if it is not taken.
 *
 * The commit of successes alone is not waited for until it is on the disk: what a crash of the
 * database's machine takes back is sent again under the same ids, as after a crash of this process,
 * and the disk is what would bound the rate. */
static void batch_send(struct endpoint *ep)
{
    char id[24], epoch[24], batch[24];
    const char *params[] = {id, epoch, batch, LEASE_TEXT, ep->batch_text.data};
    struct db_call q = {
        .sql = ep->asunder      ? "SELECT * FROM alert.record_apart" PARAMS
               : ep->batch_lazy ? "SELECT set_config('synchronous_commit', 'off', true), " RECORD
                                : "SELECT " RECORD,
        .params = params,
        .n_params = ARRAY_LEN(params),
        .flags = ep->asunder ? 0 : DB_RETRY,
    };

    snprintf(id, sizeof id, "%" PRId64, ep->id);
    snprintf(epoch, sizeof epoch, "%" PRId64, ep->epoch);
    snprintf(batch, sizeof batch, "%" PRId64, ep->batch);
    if (alert_call(ep->alert, ep, &q, on_recorded) < 0)
        (void)!timer_set(ep->alert->loop, &ep->flush, AGAIN_USEC);
}

static void replaced(struct endpoint *ep)
{
    log_event(LOG_WARNING, "another process delivers for this endpoint now, standing by",
              "ENDPOINT", ep->name);
    endpoint_lease_lost(ep);
    alert_take_soon(ep->alert);
}

/* Refused message by message, too: it is no message's fault.  The lease is kept: a new one would
 * begin at the cursor and send again all that is in this batch. What is sent meanwhile is bounded
 * by BATCH_ITEMS. */
static void refused(struct endpoint *ep, const struct err *e)
{
    if (!ep->complained)
        log_event(LOG_ERR,
                  "the database refuses outcomes of deliveries, will try again every 5 seconds",
                  "ENDPOINT", ep->name, "ERROR", err_text(e));
    ep->complained = true;
    (void)!timer_set(ep->alert->loop, &ep->flush, REFUSED_USEC);
}

/* What was said of refused messages went with the connection: nothing of this batch counts as
 * recorded, and what is, the next lease sees.  */
static void start_over(struct endpoint *ep)
{
    log_event(LOG_WARNING,
              "the connection was lost while refused outcomes were told, starting over", "ENDPOINT",
              ep->name);
    endpoint_lease_lost(ep);
    alert_take_soon(ep->alert);
}

static void not_recorded(struct endpoint *ep, int status, const struct err *e)
{
    bool asunder = ep->asunder;

    ep->asunder = false;
    if (status == -EDOM)
        replaced(ep);
    else if (asunder && (status == -ECONNRESET || status == -ETIMEDOUT))
        start_over(ep);
    else if (status == -EAGAIN || status == -ECONNRESET || status == -ETIMEDOUT)
        (void)!timer_set(ep->alert->loop, &ep->flush, AGAIN_USEC);
    else if (asunder || status == -ESRCH) /* -ESRCH: not migrated yet */
        refused(ep, e);
    else {
        ep->asunder = true;
        batch_send(ep);
    }
}

static bool has_more(const struct endpoint *ep)
{
    const struct item *i;

    TAILQ_FOREACH (i, &ep->finished, queue)
        if (ep->apart_due || !apart_waits(i))
            return true;
    return ep->attempts.len || ep->state_dirty || (ep->apart_due && ep->apart.len);
}

static void on_recorded(struct call *c, int status, const struct db_rows *rows, const struct err *e)
{
    struct endpoint *ep = c->endpoint;

    if (!call_is_current(c))
        return;
    if (status < 0) {
        not_recorded(ep, status, e);
        return;
    }
    if (ep->asunder)
        apart_take(ep, rows);
    else if (!ep->apart_due && !timer_running(&ep->again))
        ep->complained = false;
    ep->recording = ep->asunder = false;
    buf_clear(&ep->batch_text);
    window_recorded(ep);
    if (has_more(ep))
        record_soon(ep);
    if (ep->replaying && TAILQ_EMPTY(&ep->due))
        replay_feed(ep);
    endpoint_pump(ep);
    alert_check_stopped(ep->alert);
}

/* Those that were refused before come along when it is their time. */
static void put_attempts(struct endpoint *ep, struct buf *out)
{
    bool again = ep->apart_due && ep->apart.len;

    buf_printf(out, "{\"attempts\":[%s%s%s]", again ? ep->apart.data : "",
               again && ep->attempts.len ? "," : "", ep->attempts.data ? ep->attempts.data : "");
    out->failed |= ep->attempts.failed;
    buf_clear(&ep->attempts);
    if (again)
        buf_clear(&ep->apart);
}

static void batch_begin(struct endpoint *ep)
{
    struct buf *out = &ep->batch_text;

    buf_clear(out);
    put_attempts(ep, out);
    put_items(ep, out);
    ep->apart_due = false;
    put_cursor(ep, out);
    put_state(ep, out);
    if (out->failed) { /* no memory: give the lease back, and begin again from what is recorded */
        log_event(LOG_ERR, "out of memory while recording deliveries, starting over", "ENDPOINT",
                  ep->name);
        endpoint_lease_lost(ep);
        return;
    }
    ep->recording = true;
    ep->batch++;
    batch_send(ep);
}

void record_on_flush(struct timer *t)
{
    struct endpoint *ep = CONTAINER_OF(t, struct endpoint, flush);

    if (!ep->held)
        return;
    if (ep->recording)
        batch_send(ep);
    else
        batch_begin(ep);
}

void record_soon(struct endpoint *ep)
{
    bool full = ep->unrecorded >= BATCH_ITEMS / 2; /* waiting would only hold up the next ones */

    if (ep->recording || (timer_running(&ep->flush) && !full))
        return;
    (void)!timer_set(ep->alert->loop, &ep->flush, full ? 0 : FLUSH_USEC);
}
