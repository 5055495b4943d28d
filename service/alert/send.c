/* One attempt: where the name leads (our resolver, the policy), what is said (body, signature), and
 * off it goes. */
#include "service/alert/alert_priv.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#define ADDRS_USEC  (60 * USEC_PER_SEC) /* an address is believed for so long */
#define NO_MEM_USEC USEC_PER_SEC

static void leaves(struct item *i)
{
    struct endpoint *ep = i->endpoint;

    TAILQ_REMOVE(&ep->ready, i, queue);
    i->state = ITEM_SENDING;
    i->pauses = ep->pauses;
    ep->unsent--;
    ep->in_flight++;
}

/* An attempt that ended before it began, charged to the first event that waits. */
static void fail_first(struct endpoint *ep, int curl, bool denied, const char *error)
{
    struct http_result r = {.answer = {.curl = curl, .denied = denied}};
    struct item *i = TAILQ_FIRST(&ep->ready);

    if (!i)
        return;
    snprintf(r.error, sizeof r.error, "%s", error);
    leaves(i);
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

/* Headers of ours, then those of the kind. */
static int post(const struct sending *s, const char *timestamp)
{
    struct endpoint *ep = s->endpoint;
    const struct request *request = s->request;
    struct http_header headers[5 + REQUEST_HEADERS_MAX] = {
        {"Content-Type", request->content_type},
        {"User-Agent", "Muster"},
        {"webhook-id", s->id},
        {"webhook-timestamp", timestamp},
    };
    size_t n = 4;
    struct http_post p = {
        .url = request->url.len ? request->url.data : ep->url,
        .where = &ep->where,
        .addrs = ep->addrs,
        .n_addrs = ep->n_addrs,
        .reach = &ep->reach,
        .headers = headers,
        .trust = &ep->trust,
        .body = request->body.data,
        .len = request->body.len,
        .timeout = ep->timeout,
    };

    if (s->signature->len)
        headers[n++] = (struct http_header){"webhook-signature", s->signature->data};
    for (size_t k = 0; k < request->n_headers; k++)
        headers[n++] = (struct http_header){request->headers[k].name, request->headers[k].value};
    p.n_headers = n;
    return http_send(ep->alert->http, &p, s->cb, s->user);
}

int send_signed(const struct sending *s)
{
    struct endpoint *ep = s->endpoint;
    uint64_t seconds = loop_wall(ep->alert->loop) / USEC_PER_SEC;
    char timestamp[24];

    snprintf(timestamp, sizeof timestamp, "%" PRIu64, seconds);
    if (ep->keys.n) {
        struct sign_message m = {s->id, seconds, s->request->body.data, s->request->body.len};

        sign_header(s->signature, &ep->keys, &m);
    }
    return s->signature->failed ? -ENOMEM : post(s, timestamp);
}

/* What was sent can be told apart later without being kept. */
static void take_digest(struct item *i, const struct buf *body)
{
    unsigned char digest[EVP_MAX_MD_SIZE];

    if (!EVP_Digest(body->data, body->len, digest, NULL, EVP_sha256(), NULL))
        memset(digest, 0, sizeof digest);
    for (size_t k = 0; k < 32; k++)
        snprintf(i->digest + 2 * k, 3, "%02x", digest[k]);
}

/* The later one of our clock and the database's: either may be wrong, and what is open must not
 * have ended already. */
static usec_t wall_of(const struct alert *a)
{
    usec_t ours = loop_wall(a->loop);

    return a->clock_offset > 0 ? ours + (usec_t)a->clock_offset : ours;
}

/* The body of an item for its endpoint.  -EINVAL, -EMSGSIZE: never; -ENOMEM: not now. */
static int render(struct item *i, struct request *request)
{
    char observed[TIME_TEXT_MAX];
    struct render_event e = {i->type, time_format(i->observed, observed), i->data, i->data_len};
    struct message m;
    int r = message_open(&m, i->id, &e);

    m.now = wall_of(i->endpoint->alert);
    if (r == 0)
        r = kind_render(request, &i->endpoint->kind, &m, i->shrink);
    message_done(&m);
    return r;
}

void send_item(struct item *i)
{
    struct endpoint *ep = i->endpoint;
    CLEANUP(request_done) struct request request = {0};
    CLEANUP(buf_done) struct buf signature = {0};
    int r;

    leaves(i);
    r = render(i, &request);
    if (r == 0) {
        take_digest(i, &request.body);
        r = send_signed(&(struct sending){ep, i->id, &request, on_answer, i, &signature});
    }
    if (r == 0)
        return;
    ep->in_flight--;
    if (r == -EINVAL || r == -EMSGSIZE) {
        snprintf(i->error, sizeof i->error, "%s",
                 r == -EINVAL ? "the event cannot be read" : "cannot be made short enough");
        endpoint_give_up(i, "ours");
        return;
    }
    ep->open_until = loop_now(ep->alert->loop) + NO_MEM_USEC;
    window_requeue(i);
}
