/* What http.c (the multi handle on the loop) and http_transfer.c (one request) share. */
#pragma once

#include "service/alert/http.h"

#include <curl/curl.h>

#define HTTP_DATE_MAX 64

struct http_socket {
    struct io io;
    struct http *http;
};

struct http_transfer {
    struct http *http;
    TAILQ_ENTRY(http_transfer) entry;
    CURL *easy;
    bool added; /* to the multi handle */
    struct curl_slist *headers, *resolve;
    const struct reach *reach;
    http_cb cb;
    void *user;
    struct http_result result;
    size_t body_len; /* of the answer, so far */
    char date[HTTP_DATE_MAX], retry_after[HTTP_DATE_MAX];
    char reset_after[HTTP_DATE_MAX], remaining[HTTP_DATE_MAX]; /* of a rate limit */
};
TAILQ_HEAD(http_transfers, http_transfer);

struct http {
    struct loop *loop;
    CURLM *multi;
    struct timer timer;
    struct task finish;           /* tells the users of what is done */
    bool broken;                  /* libcurl has lost track: the multi handle is made anew */
    struct http_socket **sockets; /* by fd */
    size_t n_sockets;
    struct http_transfers running, done;
    size_t n_running;
};

int transfer_new(struct http_transfer **ret, struct http *h, const struct http_post *p) MUST_USE;
struct http_transfer *transfer_free(struct http_transfer *t);
/* Fills in t->result after libcurl said so. */
void transfer_finish(struct http_transfer *t, CURLcode code);
void http_socket_forget(struct http *h, curl_socket_t fd);
