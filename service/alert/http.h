/* HTTP POSTs by libcurl on the loop.  Never resolves a name, never follows a redirect, reads at
 * most a little of an answer. */
#pragma once

#include "engine/loop/loop.h"
#include "service/alert/reach.h"
#include "service/alert/retry.h"

#define HTTP_ANSWER_MAX (64 * 1024) /* bytes of an answer's body; then the connection is cut */
#define HTTP_HEAD_MAX   1024        /* bytes of it that are kept */
#define HTTP_ERROR_MAX  128

struct http;
struct http_transfer;

struct http_result {
    struct answer answer;
    char error[HTTP_ERROR_MAX]; /* "" when there is none; without the URL */
    char head[HTTP_HEAD_MAX + 1];
    size_t head_len;
    unsigned ms, connect_ms, first_byte_ms; /* in all; until connected; until the answer began */
    uint64_t bytes_out, bytes_in;
    unsigned connections; /* opened for it; 0: one was reused */
    struct addr remote;   /* family ADDR_NONE: never connected */
};

/* r lives during the call.  Not inside any call of this header. */
typedef void (*http_cb)(void *user, const struct http_result *r);

struct http_header {
    const char *name, *value;
};

/* How one endpoint is spoken to.  Texts are PEM; must outlive the transfers. */
struct http_trust {
    const char *ca;    /* trusted instead of the system's certificates; NULL: those */
    const char *cert;  /* shown to the receiver; NULL: none */
    const char *key;   /* of cert */
    const char *proxy; /* URL; then `where` and the addresses are the proxy's; NULL: none */
    bool http2;        /* where the receiver offers it */
};

struct http_post {
    const char *url;
    const struct reach_url *where; /* of the url */
    const struct addr *addrs; /* where its name leads; at least one unless the host is literal */
    size_t n_addrs;
    const struct reach
        *reach; /* asked again with the address of the socket; must outlive the transfer */
    const struct http_header *headers;
    size_t n_headers;
    const struct http_trust *trust;
    const char *body;
    size_t len;
    usec_t timeout;
};

int http_new(struct http **ret, struct loop *l, struct err *e) MUST_USE;
/* Cuts what runs, without callbacks. */
struct http *http_free(struct http *h);
void http_freep(struct http **h);

/* Everything of p but `reach` is copied.  0, -ENOMEM. */
int http_send(struct http *h, const struct http_post *p, http_cb cb, void *user) MUST_USE;
size_t http_running(const struct http *h);
