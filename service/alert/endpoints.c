/* From the configuration to what the pipeline wants: texts that are kept elsewhere are read here.
 */
#include "service/alert/endpoints.h"

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
