/* One attempt: where the name leads (our resolver, the policy), what is said (body, signature), and
 * off it goes. */
#include "service/alert/alert_priv.h"
#include "service/alert/render.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define ADDRS_USEC  (60 * USEC_PER_SEC) /* an address is believed for so long */
#define NO_MEM_USEC USEC_PER_SEC

/* An attempt that ended before it began, charged to the first event that waits. */
static void fail_first(struct endpoint *ep, int curl, bool denied, const char *error)
{
    struct http_result r = {.answer = {.curl = curl, .denied = denied}};
    struct item *i = TAILQ_FIRST(&ep->ready);

    if (!i)
        return;
    snprintf(r.error, sizeof r.error, "%s", error);
    TAILQ_REMOVE(&ep->ready, i, queue);
    i->state = ITEM_SENDING;
    ep->unsent--;
    ep->in_flight++;
    endpoint_answer(i, &r);
}

static bool addresses_pass(struct endpoint *ep)
{
    char text[HTTP_ERROR_MAX], addr[ADDR_TEXT_MAX];

    for (size_t i = 0; i < ep->n_addrs; i++) {
        const char *why = reach_refusal(&ep->reach, &ep->addrs[i]);

        if (!why)
            continue;
        snprintf(text, sizeof text, "%s is refused: %s address", addr_format(&ep->addrs[i], addr),
                 why);
        ep->n_addrs = 0;
        fail_first(ep, CURLE_COULDNT_CONNECT, true, text);
        return false;
    }
    return true;
}

static void on_addrs(void *user, int status, const struct addr *addrs, size_t n)
{
    struct endpoint *ep = user;

    ep->resolving = false;
    if (ep->alert->closing)
        return;
    if (status < 0) {
        fail_first(ep, CURLE_COULDNT_RESOLVE_HOST, false,
                   status == -ENOENT      ? "the name has no address"
                   : status == -ETIMEDOUT ? "no DNS server answers"
                                          : "the name cannot be resolved");
        endpoint_pump(ep);
        return;
    }
    ep->n_addrs = n < ENDPOINT_ADDRS ? n : ENDPOINT_ADDRS;
    memcpy(ep->addrs, addrs, ep->n_addrs * sizeof *addrs);
    ep->addrs_until = loop_now(ep->alert->loop) + ADDRS_USEC;
    if (addresses_pass(ep))
        endpoint_pump(ep);
}

bool send_ready(struct endpoint *ep)
{
    usec_t now = loop_now(ep->alert->loop);

    if (ep->resolving)
        return false;
    if (ep->where.literal && ep->n_addrs == 0) {
        ep->addrs[ep->n_addrs++] = ep->where.addr;
        return addresses_pass(ep);
    }
    if (ep->where.literal || (ep->n_addrs > 0 && now < ep->addrs_until))
        return true;
    ep->n_addrs = 0;
    ep->resolving = dns_lookup(ep->alert->dns, ep->where.host, ADDR_NONE, on_addrs, ep, NULL) == 0;
    if (!ep->resolving)
        (void)!timer_set(ep->alert->loop, &ep->wake, NO_MEM_USEC);
    return false;
}

static void on_answer(void *user, const struct http_result *r)
{
    endpoint_answer(user, r);
}

static int post(struct item *i, const struct buf *body, const struct buf *signature,
                const char *timestamp)
{
    struct endpoint *ep = i->endpoint;
    const struct http_header headers[] = {
        {"Content-Type", "application/json"},
        {"User-Agent", "Muster"},
        {"webhook-id", i->id},
        {"webhook-timestamp", timestamp},
        {"webhook-signature", signature->data},
    };
    struct http_post p = {
        .url = ep->url,
        .where = &ep->where,
        .addrs = ep->addrs,
        .n_addrs = ep->n_addrs,
        .reach = &ep->reach,
        .headers = headers,
        .n_headers = ARRAY_LEN(headers) - (ep->keys.n ? 0 : 1),
        .body = body->data,
        .len = body->len,
        .timeout = ep->timeout,
    };

    if (body->failed || signature->failed)
        return -ENOMEM;
    return http_send(ep->alert->http, &p, on_answer, i);
}

void send_item(struct item *i)
{
    struct endpoint *ep = i->endpoint;
    uint64_t seconds = loop_wall(ep->alert->loop) / USEC_PER_SEC;
    CLEANUP(buf_done) struct buf body = {0};
    CLEANUP(buf_done) struct buf signature = {0};
    char observed[TIME_TEXT_MAX], timestamp[24];
    struct render_event e = {i->type, time_format(i->observed, observed), i->data, i->data_len};

    TAILQ_REMOVE(&ep->ready, i, queue);
    i->state = ITEM_SENDING;
    ep->unsent--;
    ep->in_flight++;
    render_webhook(&body, &e);
    snprintf(timestamp, sizeof timestamp, "%" PRIu64, seconds);
    if (ep->keys.n && !body.failed) {
        struct sign_message m = {i->id, seconds, body.data, body.len};

        sign_header(&signature, &ep->keys, &m);
    }
    if (post(i, &body, &signature, timestamp) == 0)
        return;
    ep->in_flight--;
    ep->open_until = loop_now(ep->alert->loop) + NO_MEM_USEC;
    window_requeue(i);
}
