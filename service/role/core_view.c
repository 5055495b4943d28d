/* See core_view.h. */
#include "service/role/core_view.h"

#include <errno.h>
#include <string.h>

#define SECRETS_OF_ONE 6 /* texts of an endpoint that are kept elsewhere */

void endpoints_done(struct endpoints *eps)
{
    for (size_t i = 0; i < eps->n_secrets; i++) {
        explicit_bzero(eps->secrets[i], strlen(eps->secrets[i]));
        free(eps->secrets[i]);
    }
    free(eps->secrets);
    free(eps->list);
    *eps = (struct endpoints){0};
}

/* A text that may be a reference: what it refers to, or itself. */
static int endpoint_text(struct endpoints *eps, const char *text, const char **ret, struct err *e)
{
    char **secret = &eps->secrets[eps->n_secrets];
    int r;

    *ret = text;
    if (!text || (strncmp(text, "file:", 5) != 0 && strncmp(text, "cred:", 5) != 0))
        return 0;
    r = config_secret_read(secret, text, e);
    if (r < 0)
        return r;
    eps->n_secrets++;
    *ret = *secret;
    return 0;
}

/* A file of certificates. */
static int endpoint_file(struct endpoints *eps, const char *path, const char **ret, struct err *e)
{
    char **text = &eps->secrets[eps->n_secrets];
    size_t len;
    int r;

    if (!path)
        return 0;
    r = config_read_file(text, &len, path, e);
    if (r < 0)
        return r;
    eps->n_secrets++;
    *ret = *text;
    return strstr(*text, "-----BEGIN CERTIFICATE-----")
               ? 0
               : err_set(e, -EINVAL, "%s: expected certificates in PEM", path);
}

static int endpoint_fill(struct endpoints *eps, const struct config_endpoint *c, struct err *e)
{
    struct alert_endpoint *ep = &eps->list[eps->n++];
    int r;

    *ep = (struct alert_endpoint){
        .name = c->name,
        .kind = c->kind,
        .topic = c->topic,
        .content_type = c->content_type,
        .text = c->text,
        .http2 = c->http2,
        .order = c->order,
        .rate = c->rate,
        .burst = c->burst,
        .concurrency = c->concurrency,
        .timeout = c->timeout,
        .reach = c->policy == REACH_PUBLIC ? ALERT_REACH_PUBLIC : ALERT_REACH_LOCAL,
        .allow = &c->allowed,
        .plain_http = c->plain_http,
    };
    r = endpoint_text(eps, c->url, &ep->url, e);
    if (r == 0)
        r = endpoint_text(eps, c->secret, &ep->secrets, e);
    if (r == 0)
        r = endpoint_text(eps, c->token, &ep->token, e);
    if (r == 0)
        r = endpoint_text(eps, c->client_key, &ep->key, e);
    if (r == 0)
        r = endpoint_text(eps, c->proxy, &ep->proxy, e);
    if (r == 0)
        r = endpoint_file(eps, c->ca, &ep->ca, e);
    if (r == 0)
        r = endpoint_file(eps, c->client_cert, &ep->cert, e);
    return r < 0 ? err_add(e, r, "endpoint '%s'", c->name) : 0;
}

int endpoints_of(const struct config *c, struct endpoints *ret, struct err *e)
{
    int r = 0;

    ret->list = calloc(c->n_endpoints + 1, sizeof *ret->list);
    ret->secrets = calloc(SECRETS_OF_ONE * c->n_endpoints + 1, sizeof *ret->secrets);
    if (!ret->list || !ret->secrets)
        return err_set(e, -ENOMEM, "out of memory");
    for (uint32_t i = 0; i < c->n_endpoints && r == 0; i++)
        r = endpoint_fill(ret, &c->endpoints[i], e);
    return r;
}

void store_view_done(struct store_view *view)
{
    for (size_t i = 0; i < view->n; i++)
        free(view->passes[i]);
    free(view->passes);
    free(view->zones);
}

static enum store_kind kind_of(enum config_pass_kind k)
{
    static const enum store_kind kinds[PASS_KIND_MAX] = {STORE_PRESENCE, STORE_PORTS,
                                                         STORE_SERVICES, STORE_SCRIPTS};

    return kinds[k];
}

/* A pass that looks often also looks again sooner, unless the zone says when. */
static usec_t confirm_of(const struct config_zone *z, const struct config_pass *p)
{
    usec_t half = p->interval / 2;

    if (z->confirm->after_text || z->confirm->after < half)
        return z->confirm->after;
    return half > USEC_PER_SEC ? half : USEC_PER_SEC;
}

static bool zone_view(const struct config_zone *z, struct store_zone *zone,
                      struct store_pass **ret_passes)
{
    struct store_pass *passes = calloc(z->n_passes + 1, sizeof *passes);

    if (!passes)
        return false;
    for (uint32_t i = 0; i < z->n_passes; i++)
        passes[i] = (struct store_pass){
            .name = z->passes[i].name,
            .kind = kind_of(z->passes[i].kind),
            .every = z->passes[i].interval,
            .confirm = confirm_of(z, &z->passes[i]),
            .ports = z->passes[i].port_set,
            .misses = z->confirm->misses,
        };
    *zone = (struct store_zone){
        .name = z->name,
        .networks = &z->scope,
        .excludes = &z->excluded,
        .host_misses = z->confirm->host_misses,
        .passes = passes,
        .n_passes = z->n_passes,
    };
    *ret_passes = passes;
    return true;
}

int store_view_of(const struct config *c, struct store_view *ret)
{
    ret->zones = calloc(c->n_zones + 1, sizeof *ret->zones);
    ret->passes = calloc(c->n_zones + 1, sizeof *ret->passes);
    if (!ret->zones || !ret->passes)
        return -ENOMEM;
    for (; ret->n < c->n_zones; ret->n++)
        if (!zone_view(&c->zones[ret->n], &ret->zones[ret->n], &ret->passes[ret->n]))
            return -ENOMEM;
    return 0;
}
