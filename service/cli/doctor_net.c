/* Doctor: do the endpoints of alerts answer?
 *
 * The name is resolved and a TCP connection made; nothing is sent, because a request could be taken
 * for an alert.  URLs are secrets often enough: only host and port are shown. */
#include "service/cli/doctor.h"

#include "engine/loop/dns.h"
#include "engine/loop/stream.h"
#include "service/config/config.h"

#include <errno.h>
#include <string.h>

#define ANSWER_WITHIN (5 * USEC_PER_SEC)

struct reach {
    struct doctor *d;
    const struct config_endpoint *endpoint;
    struct loop *loop;
    struct dns *dns;
    struct stream *stream;
    char host[256];
    uint16_t port;
    int status; /* -EINPROGRESS while it runs */
};

static void reach_done(struct reach *r)
{
    r->stream = stream_free(r->stream);
    r->dns = dns_free(r->dns);
    r->loop = loop_free(r->loop);
}

/* "https://host:port/..." -> host and port. */
static int url_split(struct reach *r, const char *url)
{
    bool tls = strncmp(url, "https://", 8) == 0;
    const char *at = strstr(url, "://"), *end, *port;
    size_t len;

    if (!at)
        return -EINVAL;
    at += 3;
    len = strcspn(at, "/?#");
    end = at + len;
    if (memchr(at, '@', len))
        at = (const char *)memrchr(at, '@', len) + 1;
    port = at[0] == '[' ? memchr(at, ']', (size_t)(end - at)) : at;
    port = port ? memchr(port, ':', (size_t)(end - port)) : NULL;
    len = (size_t)((port ? port : end) - at);
    if (len == 0 || len >= sizeof r->host)
        return -EINVAL;
    if (at[0] == '[')
        snprintf(r->host, sizeof r->host, "%.*s", (int)len - 2, at + 1);
    else
        snprintf(r->host, sizeof r->host, "%.*s", (int)len, at);
    r->port = port ? (uint16_t)strtoul(port + 1, NULL, 10) : tls ? 443 : 80;
    return r->port ? 0 : -EINVAL;
}

static void on_connect(void *user, int status)
{
    struct reach *r = user;

    r->status = status;
}

static void on_addrs(void *user, int status, const struct addr *addrs, size_t n)
{
    struct reach *r = user;

    if (status == 0 && !n)
        status = -ENOENT;
    if (status == 0)
        status =
            stream_connect(r->stream, &addrs[0], r->port, NULL, 0, ANSWER_WITHIN, on_connect, r);
    if (status < 0)
        r->status = status;
}

static int reach_try(struct reach *r)
{
    int s = loop_new(&r->loop, NULL);

    if (s == 0)
        s = dns_new(&r->dns, r->loop, &(struct dns_opts){.servers = r->d->db.config->resolver},
                    NULL);
    if (s == 0)
        s = stream_new(&r->stream, r->loop, NULL);
    r->status = -EINPROGRESS;
    if (s == 0)
        s = dns_lookup(r->dns, r->host, ADDR_NONE, on_addrs, r, NULL);
    while (s == 0 && r->status == -EINPROGRESS) {
        int turned = loop_turn(r->loop, USEC_INFINITY);

        s = turned < 0 ? turned : 0;
    }
    return s < 0 ? s : r->status;
}

static int endpoint_url(const struct config_endpoint *p, char **ret, struct err *e)
{
    if (strncmp(p->url, "file:", 5) == 0 || strncmp(p->url, "cred:", 5) == 0)
        return config_secret_read(ret, p->url, e);
    *ret = strdup(p->url);
    return *ret ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static void check_endpoint(struct doctor *d, const struct config_endpoint *p)
{
    CLEANUP(reach_done) struct reach r = {.d = d, .endpoint = p};
    CLEANUP(freep) char *url = NULL;
    struct err e = {0};
    int status;

    if (endpoint_url(p, &url, &e) < 0) {
        doctor_addf(d, VERDICT_FAIL, "endpoint", "musterd reads it as its own user", "%s: %s",
                    p->name, err_text(&e));
        return;
    }
    if (url_split(&r, url) < 0) {
        doctor_addf(d, VERDICT_FAIL, "endpoint", "it should be http(s)://HOST[:PORT]/...",
                    "%s: the URL cannot be read", p->name);
        return;
    }
    status = reach_try(&r);
    if (status < 0)
        doctor_addf(d, VERDICT_FAIL, "endpoint",
                    status == -ENOENT ? "does the name resolve here?"
                                      : "is the receiver running, and is a firewall between?",
                    "%s: %s port %u does not answer: %s", p->name, r.host, r.port,
                    status == -ENOENT ? "no such name" : strerror(-status));
    else
        doctor_addf(d, VERDICT_OK, "endpoint", NULL, "%s: %s port %u answers", p->name, r.host,
                    r.port);
}

void doctor_endpoints(struct doctor *d)
{
    const struct config *c = d->db.config;

    for (uint32_t i = 0; c && i < c->n_endpoints; i++)
        check_endpoint(d, &c->endpoints[i]);
}
