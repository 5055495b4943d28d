/* libcurl's multi handle on the loop: its sockets in the nested epoll set, its one timer in our
 * heap.
 *
 * Rules of libcurl that shape this: the socket callback may come inside any call, for sockets of
 * its own making, and leave a removal out or send it after the close; so every socket has its entry
 * in a table by fd, and is dropped from the set in the close callback too. The timer callback only
 * arms.  Finished transfers are collected after every action; their users are told from a task, so
 * they may start or free whatever they like.  When an action fails, libcurl says nothing certain
 * about any transfer: all fail (to be tried again), and the multi handle is made anew. */
#include "service/alert/http_priv.h"

#include "engine/base/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define CONNECTIONS_MAX 64 /* idle ones kept */

static void collect(struct http *h)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(h->multi, &left))) {
        struct http_transfer *t = NULL;
        CURL *easy = m->easy_handle;
        CURLcode code = m->data.result;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&t);
        transfer_finish(t, code);
        curl_multi_remove_handle(h->multi, easy);
        t->added = false;
        TAILQ_REMOVE(&h->running, t, entry);
        TAILQ_INSERT_TAIL(&h->done, t, entry);
        loop_post(h->loop, &h->finish);
    }
}

static void action(struct http *h, curl_socket_t fd, int mask)
{
    int running;
    CURLMcode code = curl_multi_socket_action(h->multi, fd, mask, &running);

    collect(h);
    if (code != CURLM_OK) {
        log_debug("libcurl: %s", curl_multi_strerror(code));
        h->broken = true;
        loop_post(h->loop, &h->finish);
    }
}

static void on_ready(struct io *io, uint32_t events)
{
    struct http *h = CONTAINER_OF(io, struct http_socket, io)->http;
    int mask = 0;

    mask |= events & EPOLLIN ? CURL_CSELECT_IN : 0;
    mask |= events & EPOLLOUT ? CURL_CSELECT_OUT : 0;
    mask |= events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0;
    action(h, io->fd, mask);
}

static void on_timer(struct timer *t)
{
    action(CONTAINER_OF(t, struct http, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* Comes from inside libcurl: arm, and nothing else. */
static int on_curl_timer(CURLM *multi, long ms, void *user)
{
    struct http *h = user;

    (void)multi;
    if (ms < 0) {
        timer_stop(h->loop, &h->timer);
        return 0;
    }
    return timer_set(h->loop, &h->timer, (usec_t)ms * USEC_PER_MSEC) < 0 ? -1 : 0;
}

static struct http_socket *socket_of(struct http *h, curl_socket_t fd)
{
    size_t n = h->n_sockets ? h->n_sockets : 64;
    struct http_socket **grown;

    while (n <= (size_t)fd)
        n *= 2;
    if (n > h->n_sockets) {
        grown = reallocarray(h->sockets, n, sizeof *grown);
        if (!grown)
            return NULL;
        memset(grown + h->n_sockets, 0, (n - h->n_sockets) * sizeof(struct http_socket *));
        h->sockets = grown;
        h->n_sockets = n;
    }
    if (!h->sockets[fd])
        h->sockets[fd] = calloc(1, sizeof *h->sockets[fd]);
    return h->sockets[fd];
}

void http_socket_forget(struct http *h, curl_socket_t fd)
{
    if (fd >= 0 && (size_t)fd < h->n_sockets && h->sockets[fd])
        io_remove(h->loop, &h->sockets[fd]->io);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *assigned)
{
    struct http *h = user;
    struct http_socket *s;
    uint32_t events = 0;

    (void)easy, (void)assigned;
    if (what == CURL_POLL_REMOVE) {
        http_socket_forget(h, fd);
        return 0;
    }
    s = socket_of(h, fd);
    if (!s)
        return -1;
    s->http = h;
    s->io.fd = fd;
    s->io.ready = on_ready;
    events |= what & CURL_POLL_IN ? EPOLLIN : 0;
    events |= what & CURL_POLL_OUT ? EPOLLOUT : 0;
    return io_want(h->loop, &s->io, events) < 0 ? -1 : 0;
}

static int multi_open(struct http *h)
{
    h->multi = curl_multi_init();
    if (!h->multi)
        return -ENOMEM;
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
    curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
    return 0;
}

/* All that runs fails as a broken connection would, and a new multi handle takes over. */
static void rebuild(struct http *h)
{
    struct http_transfer *t;

    h->broken = false;
    while ((t = TAILQ_FIRST(&h->running))) {
        transfer_finish(t, CURLE_RECV_ERROR);
        curl_multi_remove_handle(h->multi, t->easy);
        t->added = false;
        TAILQ_REMOVE(&h->running, t, entry);
        TAILQ_INSERT_TAIL(&h->done, t, entry);
    }
    curl_multi_cleanup(h->multi);
    h->multi = NULL;
    timer_stop(h->loop, &h->timer);
    if (multi_open(h) < 0)
        log_debug("out of memory for a new multi handle");
}

static void on_finish(struct task *task)
{
    struct http *h = CONTAINER_OF(task, struct http, finish);
    struct http_transfer *t;

    if (h->broken)
        rebuild(h);
    t = TAILQ_FIRST(&h->done);
    if (!t)
        return;
    TAILQ_REMOVE(&h->done, t, entry);
    h->n_running--;
    if (!TAILQ_EMPTY(&h->done))
        loop_post(h->loop, &h->finish);
    t->cb(t->user, &t->result); /* h may be gone afterwards; t is ours */
    transfer_free(t);
}

/* With NOSIGNAL libcurl leaves that to us: a write to a connection that the peer has closed must be
 * an error and no more. */
static void ignore_sigpipe(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGPIPE, &ignore, NULL);
}

int http_new(struct http **ret, struct loop *l, struct err *e)
{
    CLEANUP(http_freep) struct http *h = NULL;

    ignore_sigpipe();
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(e, -ENOMEM, "libcurl does not start");
    h = calloc(1, sizeof *h);
    if (!h)
        return err_set(e, -ENOMEM, "out of memory");
    h->loop = l;
    h->timer.fire = on_timer;
    h->finish.run = on_finish;
    TAILQ_INIT(&h->running);
    TAILQ_INIT(&h->done);
    if (multi_open(h) < 0)
        return err_set(e, -ENOMEM, "out of memory");
    *ret = take(&h);
    return 0;
}

static void transfers_drop(struct http_transfers *list)
{
    struct http_transfer *t;

    while ((t = TAILQ_FIRST(list))) {
        TAILQ_REMOVE(list, t, entry);
        transfer_free(t);
    }
}

struct http *http_free(struct http *h)
{
    if (!h)
        return NULL;
    transfers_drop(&h->running);
    transfers_drop(&h->done);
    if (h->multi)
        curl_multi_cleanup(
            h->multi); /* closes idle connections: the close callback still needs h */
    timer_stop(h->loop, &h->timer);
    task_cancel(h->loop, &h->finish);
    for (size_t i = 0; i < h->n_sockets; i++) {
        if (h->sockets[i])
            io_remove(h->loop, &h->sockets[i]->io);
        free(h->sockets[i]);
    }
    free(h->sockets);
    free(h);
    return NULL;
}

void http_freep(struct http **h)
{
    *h = http_free(*h);
}

int http_send(struct http *h, const struct http_post *p, http_cb cb, void *user)
{
    struct http_transfer *t;
    int r;

    if (!h->multi && multi_open(h) < 0)
        return -ENOMEM;
    r = transfer_new(&t, h, p);
    if (r < 0)
        return r;
    t->cb = cb;
    t->user = user;
    if (curl_multi_add_handle(h->multi, t->easy) != CURLM_OK) {
        transfer_free(t);
        return -ENOMEM;
    }
    t->added = true;
    TAILQ_INSERT_TAIL(&h->running, t, entry);
    h->n_running++;
    return 0;
}

size_t http_running(const struct http *h)
{
    return h->n_running;
}
