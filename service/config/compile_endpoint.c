/* Endpoints: where alerts go, and what each kind of receiver needs to know. */
#include "service/config/compile_priv.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX (300 * USEC_PER_SEC)

/* What service/alert would refuse when musterd starts, said here with its line.  NULL: nothing. */
static const char *url_place_fault(const char *url)
{
    const char *host = strstr(url, "://") + 3;
    size_t len = strcspn(host, "/?#");
    const char *bracket = *host == '[' ? memchr(host, ']', len) : NULL;
    const char *name_end = bracket ? bracket + 1 : host + strcspn(host, ":/?#");
    const char *port = name_end + 1;
    char *end;
    long n;

    for (size_t i = 0; i < len; i++)
        if ((unsigned char)host[i] <= ' ' || (unsigned char)host[i] >= 0x7f)
            return "the host name must be written in ASCII (xn--...)";
    if (name_end == host)
        return "there is no host in it; expected https://host/...";
    if (name_end == host + len || port == host + len)
        return NULL;
    n = strtol(port, &end, 10);
    if (*name_end != ':' || end != host + len || (n != 80 && n != 443 && (n < 1024 || n > 65535)))
        return "the port must be 80, 443, or from 1024 to 65535";
    return NULL;
}

static void compile_url(struct compile *k, const struct config_endpoint *ep, const char *place)
{
    char full[PLACE_MAX];
    const char *url = ep->url;
    const char *fault;

    compile_place(full, place, "url");
    if (strncmp(url, "file:", 5) == 0 || strncmp(url, "cred:", 5) == 0)
        compile_reference(k, full, url);
    else if (strncmp(url, "http://", 7) == 0 && !ep->plain_http)
        WRONG(k, full, "http:// sends in clear text; use https://, or say 'plain_http: true'");
    else if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
        WRONG(k, full, "expected https://..., or where the URL is kept: file:/path or cred:NAME");
    else if (strchr(url, '@') &&
             strcspn(strstr(url, "://") + 3, "@") < strcspn(strstr(url, "://") + 3, "/?#"))
        WRONG(k, full,
              "a user or password in the URL is not allowed; keep the whole URL as a "
              "secret: file:/path or cred:NAME");
    else if ((fault = url_place_fault(url)) || (fault = config_kind_url_fault(ep->kind, url)))
        WRONG(k, full, "%s", fault);
}

/* A key that this kind must have, may have, or knows nothing of. */
static void compile_need(struct compile *k, const struct config_endpoint *ep, const char *place,
                         const char *key, enum config_need need)
{
    const struct config_kind_facts *facts = &config_kinds[ep->kind];
    bool there = compile_has(k, place, key);
    char full[PLACE_MAX];

    compile_place(full, place, key);
    if (there && need == NEED_NOT)
        WRONG(k, full, "has no meaning for kind '%s'", facts->name);
    else if (!there && need == NEED_MUST && strcmp(key, "token") == 0)
        WRONG(k, place, "kind '%s' needs 'token': where its %s is kept (file:/path or cred:NAME)",
              facts->name, facts->token_is);
    else if (!there && need == NEED_MUST)
        WRONG(k, place, "kind '%s' needs '%s'", facts->name, key);
}

static void compile_needs(struct compile *k, const struct config_endpoint *ep, const char *place)
{
    const struct config_kind_facts *facts = &config_kinds[ep->kind];

    compile_need(k, ep, place, "secret", facts->secret);
    compile_need(k, ep, place, "token", facts->token);
    compile_need(k, ep, place, "topic", facts->topic);
    compile_need(k, ep, place, "template", facts->text);
    compile_need(k, ep, place, "content_type", facts->text ? NEED_MAY : NEED_NOT);
}

static void compile_template(struct compile *k, struct config_endpoint *ep, const char *place)
{
    char full[PLACE_MAX];
    struct err e = {0};

    compile_place(full, place, "template");
    if (ep->text && template_parse(&ep->template, ep->text, &e) < 0)
        WRONG(k, full, "%s", err_text(&e));
    compile_place(full, place, "content_type");
    if (ep->content_type && (!strchr(ep->content_type, '/') || strpbrk(ep->content_type, "\r\n")))
        WRONG(k, full, "'%.60s' is not a media type such as application/json", ep->content_type);
}

/* Letters, digits, '-' and '_', as ntfy takes them. */
static void compile_topic(struct compile *k, const struct config_endpoint *ep, const char *place)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    char full[PLACE_MAX];

    compile_place(full, place, "topic");
    if (ep->topic && (ep->topic[strspn(ep->topic, letters)] || strlen(ep->topic) > 64))
        WRONG(k, full, "expected 1 to 64 of letters, digits, '-' and '_'");
}

static void compile_rate(struct compile *k, struct config_endpoint *ep, const char *place)
{
    char full[PLACE_MAX];
    const char *text = ep->rate_text;
    size_t n;

    ep->burst = compile_number(k, place, "burst", ep->burst, (struct limits){1, 10000, 0});
    ep->concurrency =
        compile_number(k, place, "concurrency", ep->concurrency, (struct limits){1, 256, 0});
    if (!text)
        return;
    compile_place(full, place, "rate");
    n = strspn(text, "0123456789");
    if (n && text[n] == '.')
        n += 1 + strspn(text + n + 1, "0123456789");
    ep->rate = strtod(text, NULL);
    if (!n || text[n] || ep->rate < 0.001 || ep->rate > 100000)
        WRONG(k, full, "'%.40s': expected deliveries a second, 0.001 to 100000", text);
}

static void compile_trust(struct compile *k, struct config_endpoint *ep, const char *place)
{
    char full[PLACE_MAX];

    compile_path(k, &ep->ca);
    compile_path(k, &ep->client_cert);
    if (!ep->client_cert != !ep->client_key)
        WRONG(k, place, "'client_cert' and 'client_key' belong together; one is missing");
    compile_place(full, place, "client_key");
    if (ep->client_key)
        compile_reference(k, full, ep->client_key);
    compile_place(full, place, "proxy");
    if (!ep->proxy)
        return;
    if (strncmp(ep->proxy, "file:", 5) == 0 || strncmp(ep->proxy, "cred:", 5) == 0)
        compile_reference(k, full, ep->proxy);
    else if (strncmp(ep->proxy, "http://", 7) != 0 && strncmp(ep->proxy, "https://", 8) != 0)
        WRONG(k, full,
              "expected http://HOST:PORT or https://HOST:PORT, or where that is kept: "
              "file:/path or cred:NAME");
    else if (strchr(ep->proxy, '@'))
        WRONG(k, full,
              "a user or password does not stand in this file; keep the whole URL as a "
              "secret: file:/path or cred:NAME");
}

static void compile_endpoint(struct compile *k, struct config_endpoint *ep, const char *place)
{
    char full[PLACE_MAX];

    compile_name(k, place, "name", ep->name);
    compile_url(k, ep, place);
    compile_needs(k, ep, place);
    compile_place(full, place, "secret");
    if (ep->secret)
        compile_reference(k, full, ep->secret);
    compile_place(full, place, "token");
    if (ep->token)
        compile_reference(k, full, ep->token);
    compile_topic(k, ep, place);
    compile_template(k, ep, place);
    compile_rate(k, ep, place);
    compile_trust(k, ep, place);
    ep->timeout = compile_span(k, place, "timeout", ep->timeout_text,
                               (struct bounds){USEC_PER_SEC, TIMEOUT_MAX, 15 * USEC_PER_SEC});
    compile_place(full, place, "allow");
    compile_prefixes(k, full, ep->allow, ep->n_allow, &ep->allowed);
}

void compile_endpoints(struct compile *k)
{
    struct config *c = k->c;

    for (uint32_t i = 0; i < c->n_endpoints; i++) {
        char place[PLACE_MAX];

        snprintf(place, sizeof place, "endpoints[%u]", i);
        compile_endpoint(k, &c->endpoints[i], place);
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(c->endpoints[i].name, c->endpoints[j].name) == 0)
                WRONG(k, place, "there is an endpoint named '%.60s' already", c->endpoints[i].name);
    }
}
