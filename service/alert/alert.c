/* The pipeline as a whole: its parts, its settings, its end.
 *
 * The end of queries, lookups and transfers comes in a later turn than alert_free(), so the memory
 * goes last, from a task. */
#include "service/alert/alert_priv.h"

#include "engine/base/random.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#define POLL_USEC    (2 * USEC_PER_SEC)
#define PRUNE_FIRST  (60 * USEC_PER_SEC)
#define TIMEOUT_USEC (15 * USEC_PER_SEC)
#define BACKOFF_BASE (5 * USEC_PER_SEC)
#define BACKOFF_CAP  (3600 * USEC_PER_SEC)
#define TELL_USEC    (60 * USEC_PER_SEC)
#define REFUSED_USEC (600 * USEC_PER_SEC)

/* ---- making and unmaking */

static void secret_free(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

void endpoint_done(struct endpoint *ep)
{
    struct item *i;

    endpoint_lease_lost(ep);
    while ((i = TAILQ_FIRST(&ep->orphans))) {
        TAILQ_REMOVE(&ep->orphans, i, entry);
        item_free(i);
    }
    secret_free(ep->url);
    secret_free(ep->token);
    secret_free(ep->key);
    secret_free(ep->proxy);
    sign_keys_wipe(&ep->keys);
    template_free(ep->template);
    addr_set_done(&ep->reach.allow);
    reach_url_done(&ep->where);
    buf_done(&ep->attempts);
    buf_done(&ep->batch_text);
    buf_done(&ep->apart);
    free(ep->name);
    free(ep->topic);
    free(ep->content_type);
    free(ep->ca);
    free(ep->cert);
}

static void on_bury(struct task *t)
{
    struct alert *a = CONTAINER_OF(t, struct alert, bury);

    if (a->n_calls > 0) {
        loop_post(a->loop, t);
        return;
    }
    for (size_t i = 0; i < a->n_endpoints; i++)
        endpoint_done(&a->endpoints[i]);
    free(a->endpoints);
    free(a->holder);
    free(a->rules);
    free(a);
}

struct alert *alert_free(struct alert *a)
{
    if (!a || a->closing)
        return NULL;
    a->closing = a->stopping = true;
    timer_stop(a->loop, &a->poll_timer);
    timer_stop(a->loop, &a->take_timer);
    timer_stop(a->loop, &a->prune_timer);
    timer_stop(a->loop, &a->stop_timer);
    timer_stop(a->loop, &a->think_timer);
    for (size_t i = 0; i < a->n_endpoints; i++) {
        timer_stop(a->loop, &a->endpoints[i].flush);
        timer_stop(a->loop, &a->endpoints[i].wake);
        timer_stop(a->loop, &a->endpoints[i].again);
    }
    task_cancel(a->loop, &a->poke);
    task_cancel(a->loop, &a->stopped);
    a->http = http_free(a->http);
    a->dns = dns_free(a->dns);
    a->db = db_free(a->db);
    loop_post(a->loop, &a->bury);
    return NULL;
}

void alert_freep(struct alert **a)
{
    *a = alert_free(*a);
}

static int name_check(const char *name, struct err *e)
{
    if (!name || !name[0] || strlen(name) > 63 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") !=
            strlen(name))
        return err_set(e, -EINVAL,
                       "endpoint name: expected 1 to 63 of letters, digits, '-', '_' and '.'");
    return 0;
}

/* What is not as usual: an endpoint without any of it keeps the hash that it always had. */
static void hash_reach(struct buf *text, const struct alert_endpoint *o)
{
    char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];

    if (o->timeout && o->timeout != TIMEOUT_USEC)
        buf_printf(text, "\ntimeout %llu", (unsigned long long)o->timeout);
    if (o->plain_http)
        buf_str(text, "\nplain_http");
    if (o->http2)
        buf_str(text, "\nhttp2");
    for (size_t i = 0; o->allow && i < o->allow->n; i++)
        buf_printf(text, "\nallow %s %s", addr_format(&o->allow->ranges[i].first, first),
                   addr_format(&o->allow->ranges[i].last, last));
}

/* Tells whether the configuration is another one, and nothing about what is in it. */
static void hash_config(struct endpoint *ep, const struct alert_endpoint *o)
{
    const char *more[] = {o->kind ? config_kinds[o->kind].name : NULL,
                          o->token,
                          o->topic,
                          o->text,
                          o->content_type,
                          o->ca,
                          o->cert,
                          o->key,
                          o->proxy};
    unsigned char digest[EVP_MAX_MD_SIZE];
    CLEANUP(buf_done) struct buf text = {0};

    buf_printf(&text, "%s\n%s\n%d", o->url, o->secrets ? o->secrets : "", (int)o->reach);
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        if (more[i])
            buf_printf(&text, "\n%zu %s", i, more[i]);
    hash_reach(&text, o);
    if (text.failed || !EVP_Digest(text.data, text.len, digest, NULL, EVP_sha256(), NULL))
        memset(digest, 0, sizeof digest);
    for (size_t i = 0; i < 8; i++)
        snprintf(ep->hash + 2 * i, 3, "%02x", digest[i]);
    if (text.data)
        OPENSSL_cleanse(text.data, text.len);
}

static void endpoint_settings(struct endpoint *ep, const struct alert_endpoint *o)
{
    const struct kind *k = &kinds[o->kind];

    ep->timeout = o->timeout ? o->timeout : TIMEOUT_USEC;
    ep->rate = o->rate > 0 ? o->rate : k->rate;
    ep->burst = o->burst ? o->burst : o->rate > 0 ? 2 * o->rate : k->burst;
    if (ep->burst < 1)
        ep->burst = 1;
    ep->order = o->order == ORDER_DEFAULT ? k->order : o->order;
    ep->concurrency = ep->order == ORDER_STRICT ? 1
                      : o->concurrency          ? o->concurrency
                                                : k->concurrency;
    ep->limit = ep->concurrency;
    ep->reach.policy = o->reach;
    ep->filled = loop_now(ep->alert->loop);
    ep->tokens = ep->burst;
    ep->flush.fire = record_on_flush;
    ep->wake.fire = endpoint_on_wake;
    ep->again.fire = apart_on_again;
    TAILQ_INIT(&ep->live);
    TAILQ_INIT(&ep->due);
    TAILQ_INIT(&ep->ready);
    TAILQ_INIT(&ep->finished);
    TAILQ_INIT(&ep->orphans);
}

static bool text_copy(char **ret, const char *text)
{
    *ret = text ? strdup(text) : NULL;
    return *ret || !text;
}

/* Where the proxy is: its URL may hold a user and password. */
static int proxy_where(struct endpoint *ep, struct err *e)
{
    const char *scheme = strstr(ep->proxy, "://");
    const char *host = scheme ? strrchr(scheme, '@') : NULL;
    CLEANUP(buf_done) struct buf url = {0};
    int r;

    if (!scheme)
        return err_set(e, -EINVAL, "proxy: expected http://HOST:PORT");
    buf_printf(&url, "%.*s%s", (int)(scheme + 3 - ep->proxy), ep->proxy,
               host ? host + 1 : scheme + 3);
    if (url.failed)
        return err_set(e, -ENOMEM, "out of memory");
    reach_url_done(&ep->where);
    r = reach_url_parse(&ep->where, url.data, true, e);
    return r < 0 ? err_add(e, r, "proxy") : 0;
}

static int endpoint_texts(struct endpoint *ep, const struct alert_endpoint *o, struct err *e)
{
    int r = 0;

    if (!text_copy(&ep->name, o->name) || !text_copy(&ep->url, o->url) ||
        !text_copy(&ep->token, o->token) || !text_copy(&ep->topic, o->topic) ||
        !text_copy(&ep->content_type, o->content_type) || !text_copy(&ep->ca, o->ca) ||
        !text_copy(&ep->cert, o->cert) || !text_copy(&ep->key, o->key) ||
        !text_copy(&ep->proxy, o->proxy))
        return err_set(e, -ENOMEM, "out of memory");
    if (o->text)
        r = template_parse(&ep->template, o->text, e);
    if (r == 0 && ep->proxy)
        r = proxy_where(ep, e);
    ep->kind = (struct kind_config){o->kind,   ep->url,          ep->token,
                                    ep->topic, ep->content_type, ep->template};
    ep->trust = (struct http_trust){ep->ca, ep->cert, ep->key, ep->proxy, o->http2};
    return r;
}

int endpoint_init(struct endpoint *ep, struct alert *a, const struct alert_endpoint *o,
                  struct err *e)
{
    int r;

    ep->alert = a;
    endpoint_settings(ep, o);
    r = name_check(o->name, e);
    if (r == 0 && config_kind_url_fault(o->kind, o->url))
        r = err_set(e, -EINVAL, "url: %s", config_kind_url_fault(o->kind, o->url));
    if (r == 0 && endpoint_find(a, o->name))
        r = err_set(e, -EINVAL, "two endpoints of that name");
    if (r == 0)
        r = reach_url_parse(&ep->where, o->url, o->plain_http, e);
    if (r == 0 && o->secrets)
        r = sign_keys_parse(&ep->keys, o->secrets, e);
    if (r == 0)
        r = endpoint_texts(ep, o, e);
    if (r < 0)
        return err_add(e, r, "endpoint '%.63s'", o->name ? o->name : "");
    for (size_t i = 0; o->allow && i < o->allow->n; i++)
        if (addr_set_add(&ep->reach.allow, &o->allow->ranges[i].first, &o->allow->ranges[i].last) <
            0)
            return err_set(e, -ENOMEM, "out of memory");
    hash_config(ep, o);
    return 0;
}

/* Version 4 (RFC 9562, 5.4). */
static void uuid_make(char ret[37])
{
    uint8_t b[16];

    random_bytes(b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(ret, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

static int open_parts(struct alert *a, const struct alert_opts *o, struct err *e)
{
    struct dns_opts dns = {.servers = o->resolver};
    struct db_opts db = {.conninfo = o->conninfo,
                         .application_name = "muster alert",
                         .writes = true,
                         .user = a,
                         .state = alert_on_db_state,
                         .notify = alert_on_db_notify};
    int r = dns_new(&a->dns, a->loop, &dns, e);

    if (r == 0)
        r = http_new(&a->http, a->loop, e);
    if (r == 0)
        r = db_open(&a->db, a->loop, &db, e);
    if (r == 0 && (db_listen(a->db, "alert_event") < 0 || db_listen(a->db, "alert_notice") < 0))
        r = err_set(e, -ENOMEM, "out of memory");
    return r;
}

static int start_timers(struct alert *a)
{
    int r = timer_set(a->loop, &a->poll_timer, a->poll);

    if (r == 0)
        r = timer_set(a->loop, &a->take_timer, TAKE_USEC);
    if (r == 0)
        r = timer_set(a->loop, &a->prune_timer, PRUNE_FIRST);
    return r;
}

static void settings(struct alert *a, const struct alert_opts *o)
{
    a->backoff.base = o->backoff_base ? o->backoff_base : BACKOFF_BASE;
    a->backoff.cap = o->backoff_cap ? o->backoff_cap : BACKOFF_CAP;
    a->patient = o->patient;
    a->poll = o->poll ? o->poll : POLL_USEC;
    a->refused_for = o->refused_for ? o->refused_for : REFUSED_USEC;
    a->tell_after = o->tell_after ? o->tell_after : TELL_USEC;
    a->poll_timer.fire = alert_on_poll;
    a->take_timer.fire = alert_on_take;
    a->prune_timer.fire = alert_on_prune;
    a->stop_timer.fire = alert_on_stop_timer;
    a->think_timer.fire = rules_on_timer;
    a->poke.run = alert_on_poke;
    a->bury.run = on_bury;
    a->stopped.run = alert_on_stopped;
    uuid_make(a->instance);
}

int alert_new(struct alert **ret, struct loop *l, const struct alert_opts *o, struct err *e)
{
    struct alert *a = calloc(1, sizeof *a);
    int r = 0;

    if (!a)
        return err_set(e, -ENOMEM, "out of memory");
    a->loop = l;
    settings(a, o);
    a->holder = strdup(o->holder ? o->holder : "local");
    a->endpoints = calloc(o->n_endpoints ? o->n_endpoints : 1, sizeof *a->endpoints);
    if (o->rules && o->n_endpoints) /* who tells nobody has no say */
        a->rules = strdup(o->rules);
    if (!a->holder || !a->endpoints || (o->rules && o->n_endpoints && !a->rules))
        r = err_set(e, -ENOMEM, "out of memory");
    while (r == 0 && a->n_endpoints < o->n_endpoints) {
        r = endpoint_init(&a->endpoints[a->n_endpoints], a, &o->endpoints[a->n_endpoints], e);
        a->n_endpoints++;
    }
    if (r == 0)
        r = open_parts(a, o, e);
    if (r == 0 && start_timers(a) < 0)
        r = err_set(e, -ENOMEM, "out of memory");
    if (r < 0) {
        alert_free(a);
        return r;
    }
    *ret = a;
    return 0;
}

void alert_poke(struct alert *a)
{
    loop_post(a->loop, &a->poke);
}

/* ---- numbers */

int alert_stats(const struct alert *a, size_t index, struct alert_stats *ret)
{
    const struct endpoint *ep;

    if (index >= a->n_endpoints)
        return -ENOENT;
    ep = &a->endpoints[index];
    *ret = (struct alert_stats){.name = ep->name,
                                .state = ep->held ? endpoint_state_name(ep->state) : "standby",
                                .delivered = ep->n_delivered,
                                .attempts = ep->n_attempts,
                                .failures = ep->n_failures,
                                .dead = ep->n_dead,
                                .waiting = ep->unsent,
                                .in_flight = ep->in_flight};
    return 0;
}

bool alert_idle(const struct alert *a)
{
    if (a->poke.queued || a->thinking || a->rules || (a->n_endpoints > 0 && !a->taken_once))
        return false;
    for (size_t i = 0; i < a->n_endpoints; i++) {
        const struct endpoint *ep = &a->endpoints[i];

        if (ep->held &&
            (ep->fetching || ep->fetch_again || ep->unsent > 0 || !endpoint_is_quiet(ep)))
            return false;
    }
    return true;
}
