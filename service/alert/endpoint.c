/* One endpoint: what its answers mean for it and for the event, when it pauses, and what goes out
 * next.
 *
 * While it works, events that fail are put aside one by one (alert.open) and the next ones go on.
 * When it fails as a whole, by five failures in a row or an answer that no event could be the
 * reason of, no event is blamed: it pauses with backoff, and after each pause one event is sent as
 * a probe.  The first success ends that, and doubles what may be in flight until the usual number
 * is reached again. */
#include "engine/base/log.h"
#include "engine/base/random.h"
#include "service/alert/alert_priv.h"

#include <curl/curl.h>
#include <string.h>

#define FAILURES_MAX    5 /* transient, in a row: the endpoint, not the event */
#define MESSAGES_MAX    5 /* different events refused in a row: likewise */
#define ATTEMPTS_MAX    3 /* of an event that is refused */
#define SHRINK_MAX      3 /* times half of it, of one that is too large */
#define EVENT_AGE_MAX   (72 * 3600 * USEC_PER_SEC)
#define FAILING_AGE_MAX (5 * 86400 * USEC_PER_SEC)

static const char *const state_names[] = {"ok", "throttled", "failing", "quarantined", "disabled"};

const char *endpoint_state_name(enum endpoint_state s)
{
    return state_names[s];
}

enum endpoint_state endpoint_state_from(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(state_names); i++)
        if (name && strcmp(name, state_names[i]) == 0)
            return (enum endpoint_state)i;
    return EP_OK;
}

/* ---- what goes out next */

static bool take_token(struct endpoint *ep)
{
    usec_t now = loop_now(ep->alert->loop);

    ep->tokens += (double)(now - ep->filled) / (double)USEC_PER_SEC * ep->rate;
    if (ep->tokens > ep->burst)
        ep->tokens = ep->burst;
    ep->filled = now;
    if (ep->tokens < 1) {
        (void)!timer_set(ep->alert->loop, &ep->wake,
                         1 + (usec_t)((1 - ep->tokens) / ep->rate * (double)USEC_PER_SEC));
        return false;
    }
    ep->tokens -= 1;
    return true;
}

static bool may_send(struct endpoint *ep)
{
    usec_t now = loop_now(ep->alert->loop);

    if (!ep->held || ep->alert->stopping || ep->state == EP_DISABLED || TAILQ_EMPTY(&ep->ready))
        return false;
    if (ep->in_flight >= ep->limit || ep->unrecorded >= BATCH_ITEMS)
        return false;
    if (now < ep->open_until) {
        (void)!timer_set_at(ep->alert->loop, &ep->wake, ep->open_until);
        return false;
    }
    return true;
}

void endpoint_give_up(struct item *i, const char *reason)
{
    struct endpoint *ep = i->endpoint;

    i->reason = reason;
    ep->n_dead++;
    log_event(LOG_WARNING, "an event could not be delivered and is put aside (muster deliveries)",
              "ENDPOINT", ep->name, "EVENT_ID", i->id, "REASON", reason, "ERROR",
              i->error[0] ? i->error : NULL);
    window_finish(i, FATE_DEAD);
}

void endpoint_pump(struct endpoint *ep)
{
    while (may_send(ep)) {
        struct item *i = TAILQ_FIRST(&ep->ready);

        if (loop_now(ep->alert->loop) - i->born > EVENT_AGE_MAX) {
            endpoint_give_up(i, "expired");
            continue;
        }
        if (!send_ready(ep) || !take_token(ep))
            return;
        send_item(i);
    }
}

void endpoint_on_wake(struct timer *t)
{
    endpoint_pump(CONTAINER_OF(t, struct endpoint, wake));
}

/* ---- what answers mean */

static void set_state(struct endpoint *ep, enum endpoint_state s, const char *reason)
{
    bool changed = s != ep->state;

    ep->state = s;
    ep->state_dirty = true;
    snprintf(ep->reason, sizeof ep->reason, "%s", reason ? reason : "");
    if (!changed)
        return;
    if (s == EP_OK)
        log_event(LOG_NOTICE, "the endpoint takes alerts again", "ENDPOINT", ep->name);
    else if (s == EP_DISABLED)
        log_event(LOG_ERR,
                  "the endpoint is disabled, nothing is sent until it is enabled again or its "
                  "configuration changes",
                  "ENDPOINT", ep->name, "REASON", ep->reason);
    else
        log_event(LOG_WARNING, "the endpoint does not take alerts, they wait while it is probed",
                  "ENDPOINT", ep->name, "STATE", endpoint_state_name(s), "REASON", ep->reason);
}

/* Sent before the endpoint began to pause. */
static bool is_late(const struct item *i)
{
    return i->pauses != i->endpoint->pauses;
}

/* Nothing for a while.  Siblings that were in flight fail of the same cause: they do not lengthen
 * the pause, unless told to, and wake nobody who is disabled. */
static void pause_for(const struct item *i, enum endpoint_state s, usec_t at_least,
                      const char *reason)
{
    struct endpoint *ep = i->endpoint;
    struct alert *a = ep->alert;
    usec_t now = loop_now(a->loop);
    usec_t until = now + at_least;

    if (ep->state == EP_DISABLED)
        return;
    if (!is_late(i) || ep->state == EP_OK) {
        usec_t delay = backoff_delay(&a->backoff, ep->strikes++, random_u64());

        ep->pauses++;
        until = now + (delay > at_least ? delay : at_least);
    }
    if (until > ep->open_until)
        ep->open_until = until;
    if (s != EP_THROTTLED && !ep->fail_since)
        ep->fail_since = now ? now : 1;
    if (s != EP_THROTTLED && now - ep->fail_since > FAILING_AGE_MAX) {
        s = EP_DISABLED;
        reason = "it failed for five days";
    }
    ep->limit = 1;
    ep->failures = ep->recent = ep->recent_bad = 0;
    set_state(ep, s, reason);
}

static void describe(const struct http_result *r, char *ret, size_t size)
{
    if (r->answer.headers_done)
        snprintf(ret, size, "HTTP %ld%s", r->answer.code,
                 r->answer.code >= 300 && r->answer.code < 400 ? ": redirects are not followed"
                                                               : "");
    else
        snprintf(ret, size, "%s", r->error[0] ? r->error : "no answer");
}

static void works(struct endpoint *ep)
{
    ep->failures = ep->message_run = 0;
    ep->limit = ep->limit * 2 < ep->concurrency ? ep->limit * 2 : ep->concurrency;
    if (ep->state == EP_OK)
        return;
    ep->recovered = true;
    ep->limit = ep->concurrency > 1 ? 2 : 1;
    ep->strikes = 0;
    ep->open_until = ep->fail_since = 0;
    set_state(ep, EP_OK, NULL);
}

/* spent: the receiver wants nothing more for so long. */
static void on_ok(struct item *i, usec_t spent)
{
    struct endpoint *ep = i->endpoint;
    usec_t until = spent ? loop_now(ep->alert->loop) + spent : 0;

    ep->n_delivered++;
    ep->ok_dirty = true;
    if (!is_late(i))
        works(ep);
    if (until > ep->open_until)
        ep->open_until = until;
    window_finish(i, FATE_DONE);
}

static void retry(struct item *i, const char *reason, usec_t delay)
{
    if (loop_now(i->endpoint->alert->loop) + delay - i->born > EVENT_AGE_MAX) {
        endpoint_give_up(i, "expired");
        return;
    }
    i->reason = reason;
    i->delay = delay;
    window_finish(i, FATE_RETRY);
}

/* More than half of the last ones, though never many in a row. */
static bool fails_mostly(const struct endpoint *ep)
{
    return ep->recent >= RATIO_ITEMS && 2 * ep->recent_bad > ep->recent;
}

static void count_recent(struct endpoint *ep, bool bad)
{
    if (ep->recent >= 2 * RATIO_ITEMS) {
        ep->recent /= 2;
        ep->recent_bad /= 2;
    }
    ep->recent++;
    ep->recent_bad += bad;
}

static void on_transient(struct item *i, const struct http_result *r)
{
    struct endpoint *ep = i->endpoint;
    usec_t wait = r->answer.has_retry_after ? r->answer.retry_after : 0;
    usec_t delay = backoff_delay(&ep->alert->backoff, i->attempts, random_u64());

    if (ep->state != EP_OK || ep->order == ORDER_STRICT || ++ep->failures >= FAILURES_MAX ||
        fails_mostly(ep)) {
        pause_for(i, EP_FAILING, wait, i->error);
        window_requeue(i);
        return;
    }
    i->attempts++;
    retry(i, "transient", delay > wait ? delay : wait);
}

static void on_message(struct item *i)
{
    struct endpoint *ep = i->endpoint;
    static const unsigned steps[ATTEMPTS_MAX] = {0, 24,
                                                 96}; /* of the backoff's base: 2 and 8 minutes */

    if (i->code == 413 && i->shrink < SHRINK_MAX) { /* half of it may pass */
        i->shrink++;
        window_requeue(i);
        return;
    }
    if (i->seq != ep->message_seq)
        ep->message_run++;
    ep->message_seq = i->seq;
    if (ep->message_run >= MESSAGES_MAX || ep->state == EP_QUARANTINED) {
        pause_for(i, EP_QUARANTINED, 0, "it refuses every event: is the URL right?");
        window_requeue(i);
    } else if (++i->attempts >= ATTEMPTS_MAX) {
        endpoint_give_up(i, "message");
    } else if (ep->order == ORDER_STRICT) { /* nobody passes it */
        ep->open_until = loop_now(ep->alert->loop) + ep->alert->backoff.base * steps[i->attempts];
        window_requeue(i);
    } else {
        retry(i, "message", ep->alert->backoff.base * steps[i->attempts]);
    }
}

static void act_on(struct item *i, enum outcome o, const struct http_result *r)
{
    switch (o) {
    case OUTCOME_OK:
        on_ok(i, r->answer.spent);
        return;
    case OUTCOME_THROTTLED:
        pause_for(i, EP_THROTTLED, r->answer.has_retry_after ? r->answer.retry_after : 0, i->error);
        break;
    case OUTCOME_TRANSIENT:
        on_transient(i, r);
        return;
    case OUTCOME_ENDPOINT:
        pause_for(i, i->code == 410 ? EP_DISABLED : EP_QUARANTINED, 0, i->error);
        break;
    case OUTCOME_MESSAGE:
        on_message(i);
        return;
    case OUTCOME_OURS:
        endpoint_give_up(i, "ours");
        return;
    }
    window_requeue(i);
}

/* HTTP/2 of this libcurl fails with receivers that answer early; HTTP/1.1 never does. */
static void stop_http2(struct endpoint *ep)
{
    ep->trust.http2 = false;
    log_event(LOG_NOTICE,
              "HTTP/2 does not work with this endpoint, using HTTP/1.1 until the next "
              "start",
              "ENDPOINT", ep->name);
}

/* The status, and what the kind reads in the answer's text. */
static enum outcome judge(struct endpoint *ep, struct http_result *r)
{
    const struct kind *k = &kinds[ep->kind.kind];
    struct kind_answer a = {r->answer.code, r->head, 0};
    enum outcome o = outcome_of(&r->answer);

    if (ep->trust.http2 && (r->answer.curl == CURLE_HTTP2 || r->answer.curl == CURLE_HTTP2_STREAM))
        stop_http2(ep);
    if (!r->answer.headers_done || !k->judge)
        return o;
    o = k->judge(o, &a);
    if (a.pause > r->answer.retry_after) {
        r->answer.has_retry_after = true;
        r->answer.retry_after = a.pause;
    }
    return o;
}

void endpoint_answer(struct item *i, const struct http_result *r)
{
    struct endpoint *ep = i->endpoint;
    struct http_result judged = *r;
    enum outcome o = judge(ep, &judged);

    if (i->orphan) {
        TAILQ_REMOVE(&ep->orphans, i, entry);
        item_free(i);
        return;
    }
    ep->in_flight--;
    ep->n_failures += o != OUTCOME_OK;
    i->code = r->answer.headers_done ? r->answer.code : 0;
    describe(r, i->error, sizeof i->error);
    if (r->answer.curl && !r->answer.headers_done)
        ep->n_addrs = 0; /* look the name up again */
    count_recent(ep, o == OUTCOME_TRANSIENT);
    record_attempt(i, o, r);
    act_on(i, o, &judged);
    endpoint_pump(ep);
}

void endpoint_lease_lost(struct endpoint *ep)
{
    ep->held = false;
    ep->generation++;
    timer_stop(ep->alert->loop, &ep->flush);
    timer_stop(ep->alert->loop, &ep->wake);
    window_reset(ep);
    alert_check_stopped(ep->alert);
}
