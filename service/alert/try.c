/* A test of an endpoint goes the way of an alert: the same settings, rendering, signature, address
 * policy and judgement of the answer.  Only the queue and the records are missing. */
#include "service/alert/try.h"

#include "engine/base/random.h"
#include "engine/base/text.h"
#include "service/alert/alert_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define NAME_USEC (10 * USEC_PER_SEC)

struct trial {
    struct alert alert;
    struct endpoint endpoint;
    struct request request;
    struct buf signature;
    bool done;
    int name_status;
    struct alert_tried tried;
};

void alert_tried_done(struct alert_tried *t)
{
    free(t->request);
    free(t->answer);
    *t = (struct alert_tried){0};
}

static void trial_done(struct trial *t)
{
    struct alert *a = &t->alert;

    request_done(&t->request);
    buf_done(&t->signature);
    a->http = http_free(a->http);
    a->dns = dns_free(a->dns);
    if (a->loop) {
        endpoint_done(&t->endpoint);
        loop_turn(a->loop, 0); /* what was posted by the ends above */
        a->loop = loop_free(a->loop);
    }
    alert_tried_done(&t->tried);
}

static void on_addrs(void *user, int status, const struct addr *addrs, size_t n)
{
    struct trial *t = user;
    struct endpoint *ep = &t->endpoint;

    t->done = true;
    t->name_status = status;
    if (status < 0)
        return;
    ep->n_addrs = n < ENDPOINT_ADDRS ? n : ENDPOINT_ADDRS;
    memcpy(ep->addrs, addrs, ep->n_addrs * sizeof *addrs);
}

static void wait_for(struct trial *t, usec_t at_most)
{
    struct loop *l = t->alert.loop;
    usec_t end = loop_now(l) + at_most;

    while (!t->done && loop_now(l) < end)
        loop_turn(l, end - loop_now(l));
}

static void failed(struct trial *t, const char *outcome, const char *error)
{
    t->tried.outcome = outcome;
    snprintf(t->tried.error, sizeof t->tried.error, "%s", error);
}

/* Where it leads, and whether it may.  False: that is the outcome. */
static bool find(struct trial *t)
{
    struct endpoint *ep = &t->endpoint;
    char text[HTTP_ERROR_MAX], addr[ADDR_TEXT_MAX];

    if (ep->where.literal) {
        ep->addrs[ep->n_addrs++] = ep->where.addr;
    } else if (dns_lookup(t->alert.dns, ep->where.host, ADDR_NONE, on_addrs, t, NULL) == 0) {
        wait_for(t, NAME_USEC);
    }
    if (ep->n_addrs == 0) {
        failed(t, "transient",
               t->name_status == -ENOENT ? "the name has no address"
                                         : "the name cannot be resolved");
        return false;
    }
    for (size_t i = 0; i < ep->n_addrs; i++) {
        const char *why = reach_refusal(&ep->reach, &ep->addrs[i]);

        if (!why)
            continue;
        snprintf(text, sizeof text, "%s is refused: %s address", addr_format(&ep->addrs[i], addr),
                 why);
        failed(t, "endpoint", text);
        return false;
    }
    return true;
}

static void on_answer(void *user, const struct http_result *r)
{
    struct trial *t = user;
    struct alert_tried *got = &t->tried;
    struct kind_answer a = {r->answer.code, r->head, 0};
    const struct kind *k = &kinds[t->endpoint.kind.kind];
    enum outcome o = outcome_of(&r->answer);
    CLEANUP(buf_done) struct buf text = {0};

    t->done = true;
    if (r->answer.headers_done && k->judge)
        o = k->judge(o, &a);
    got->outcome = outcome_name(o);
    got->code = r->answer.headers_done ? r->answer.code : 0;
    got->ms = r->ms;
    snprintf(got->error, sizeof got->error, "%s", r->error);
    text_escape_utf8(&text, r->head, r->head_len);
    got->answer = buf_take(&text);
}

/* Appends text with every occurrence of a secret masked. */
static void put_masked(struct buf *out, const char *text, const char *secret)
{
    size_t len = secret ? strlen(secret) : 0;
    const char *at;

    while (len && (at = strstr(text, secret))) {
        buf_add(out, text, (size_t)(at - text));
        buf_str(out, "***");
        text = at + len;
    }
    buf_str(out, text);
}

static char *describe(const struct trial *t, const char *id)
{
    const struct endpoint *ep = &t->endpoint;
    const struct request *r = &t->request;
    struct buf out = {0};

    buf_printf(&out, "POST %.*s... (the rest of the URL is not shown)\n",
               (int)(strcspn(strstr(ep->url, "://") + 3, "/?#") +
                     (size_t)(strstr(ep->url, "://") + 3 - ep->url)),
               ep->url);
    buf_printf(&out, "Content-Type: %s\nwebhook-id: %s\n", r->content_type, id);
    if (t->signature.len)
        buf_printf(&out, "webhook-signature: %s\n", t->signature.data);
    for (size_t i = 0; i < r->n_headers; i++) {
        buf_printf(&out, "%s: ", r->headers[i].name);
        put_masked(&out, r->headers[i].value, ep->token);
        buf_char(&out, '\n');
    }
    buf_char(&out, '\n');
    put_masked(&out, r->body.data ? r->body.data : "", ep->token);
    return buf_take(&out);
}

static int make(struct trial *t, const char *id)
{
    struct endpoint *ep = &t->endpoint;
    CLEANUP(buf_done) struct buf data = {0};
    char now[TIME_TEXT_MAX];
    struct render_event raw = {"endpoint.test", time_format(loop_wall(t->alert.loop), now), NULL,
                               0};
    struct message m;
    int r;

    buf_printf(
        &data,
        "{\"severity\":\"info\",\"state\":\"firing\",\"dedup_key\":\"endpoint/%s\",\"zone\":\"\","
        "\"subject\":{\"kind\":\"endpoint\",\"endpoint\":\"%s\"},\"summary\":\"a test of endpoint "
        "%s\",\"old\":null,\"new\":null,\"labels\":{},\"first_seen\":\"%s\","
        "\"more\":\"muster endpoint list\"}",
        ep->name, ep->name, ep->name, now);
    if (data.failed)
        return -ENOMEM;
    raw.data = data.data;
    raw.len = data.len;
    r = message_open(&m, id, &raw);
    if (r == 0)
        r = kind_render(&t->request, &ep->kind, &m, 0);
    message_done(&m);
    return r;
}

static int go(struct trial *t, struct err *e)
{
    char id[24];
    int r;

    snprintf(id, sizeof id, "test_%016" PRIx64, random_u64());
    r = make(t, id);
    if (r < 0)
        return err_set(e, r, "the message cannot be made");
    if (find(t)) {
        t->done = false;
        r = send_signed(
            &(struct sending){&t->endpoint, id, &t->request, on_answer, t, &t->signature});
        if (r < 0)
            return err_set(e, r, "out of memory");
        wait_for(t, t->endpoint.timeout + USEC_PER_SEC);
    }
    t->tried.request = describe(t, id);
    if (!t->tried.outcome)
        failed(t, "transient", "no answer in time");
    return t->tried.request ? 0 : err_set(e, -ENOMEM, "out of memory");
}

int alert_try(const struct alert_endpoint *o, const char *resolver, struct alert_tried *ret,
              struct err *e)
{
    CLEANUP(trial_done) struct trial t = {0};
    struct dns_opts dns = {.servers = resolver};
    int r = loop_new(&t.alert.loop, e);

    if (r == 0)
        r = endpoint_init(&t.endpoint, &t.alert, o, e);
    if (r == 0)
        r = dns_new(&t.alert.dns, t.alert.loop, &dns, e);
    if (r == 0)
        r = http_new(&t.alert.http, t.alert.loop, e);
    if (r == 0)
        r = go(&t, e);
    if (r < 0)
        return r;
    *ret = t.tried;
    t.tried = (struct alert_tried){0};
    return 0;
}
