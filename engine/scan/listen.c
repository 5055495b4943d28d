/* A listener: the interface's memberships (listen_link), the frames (listen_capture), the decoders
 * (engine/packet/hear_frame), the memory of what was told (listen_seen), and the timer that watches
 * over the interface.
 *
 * The timer looks once a second whether the interface is still the one we opened: libpcap tells of
 * one that goes down only with the next frame, and never that another one has taken the name. */
#include "engine/scan/listen.h"

#include "engine/packet/hear_frame.h"
#include "engine/scan/listen_capture.h"
#include "engine/scan/listen_link.h"
#include "engine/scan/listen_seen.h"
#include "engine/scan/listen_sighting.h"

#include <errno.h>
#include <string.h>

#define REPEAT_DEFAULT (600 * USEC_PER_SEC)
#define TABLE_DEFAULT  8192
#define RATE_DEFAULT   200.0
#define WATCH_EVERY    USEC_PER_SEC
#define BACKOFF_MIN    (250 * USEC_PER_MSEC)
#define BACKOFF_MAX    (5 * USEC_PER_SEC)

struct listen {
    struct loop *loop;
    struct listen_sink sink;
    void *user;
    enum listen_link_mode mode;
    char *interface;
    struct listen_link link;
    struct listen_capture *capture; /* NULL: down */
    struct seen *seen;
    struct timer watch; /* up: looks after the interface; down: tries again */
    usec_t backoff;
    bool told_state;
    enum listen_state state; /* as told last */
    struct listen_stats stats;
};

static void on_frame(void *user, const uint8_t *frame, size_t len)
{
    struct listen *l = user;
    struct hear_evidence e;
    struct sighting s;
    int r = hear_frame(&e, frame, len);

    l->stats.frames++;
    l->stats.bad += r == -EBADMSG;
    if (r < 0)
        return;
    listen_sighting(&s, &e);
    s.interface = l->interface;
    s.time = loop_wall(l->loop);
    switch (seen_check(l->seen, &s, loop_now(l->loop))) {
    case SEEN_TELL:
        l->stats.told++;
        l->sink.sighting(l->user, &s);
        break;
    case SEEN_REPEAT:
        l->stats.repeated++;
        break;
    case SEEN_LIMIT:
        l->stats.limited++;
        break;
    }
}

static void close_capture(struct listen *l)
{
    if (l->capture)
        l->stats.drops += listen_capture_drops(l->capture);
    l->capture = listen_capture_close(l->capture);
    listen_link_close(&l->link);
}

static int open_capture(struct listen *l, struct err *e)
{
    struct listen_capture_opts o = {l->interface, hear_filter, on_frame, l};
    int r = listen_link_open(&l->link, l->interface, l->mode, e);

    if (r >= 0)
        r = listen_capture_open(&l->capture, l->loop, &o, e);
    if (r < 0)
        close_capture(l);
    return r;
}

static void tell_state(struct listen *l, enum listen_state state, const char *why)
{
    if (l->told_state && l->state == state)
        return;
    l->told_state = true;
    l->state = state;
    l->sink.state(l->user, state, why);
}

static void wait_again(struct listen *l, usec_t after)
{
    /* The timer has had its place in the heap before: setting it again cannot fail. */
    if (timer_set(l->loop, &l->watch, after) < 0)
        abort();
}

static void try_open(struct listen *l)
{
    struct err e = {0};

    if (open_capture(l, &e) < 0) {
        wait_again(l, l->backoff);
        l->backoff = l->backoff * 2 > BACKOFF_MAX ? BACKOFF_MAX : l->backoff * 2;
        tell_state(l, LISTEN_DOWN, err_text(&e));
        return;
    }
    l->backoff = BACKOFF_MIN;
    wait_again(l, WATCH_EVERY);
    tell_state(l, LISTEN_UP, NULL);
}

static void on_watch(struct timer *t)
{
    struct listen *l = CONTAINER_OF(t, struct listen, watch);
    const char *fault = NULL;

    if (!l->capture) {
        try_open(l);
        return;
    }
    fault = listen_link_fault(&l->link);
    if (!fault && listen_capture_broken(l->capture))
        fault = "the interface gives no more frames";
    if (!fault) {
        wait_again(l, WATCH_EVERY);
        tell_state(l, LISTEN_UP, NULL);
        return;
    }
    close_capture(l);
    wait_again(l, BACKOFF_MIN);
    tell_state(l, LISTEN_DOWN, fault);
}

static void stopp(struct listen **l)
{
    *l = listen_stop(*l);
}

struct listen *listen_stop(struct listen *l)
{
    if (!l)
        return NULL;
    timer_stop(l->loop, &l->watch);
    close_capture(l);
    seen_free(l->seen);
    free(l->interface);
    free(l);
    return NULL;
}

static int listen_new(struct listen **ret, struct loop *loop, const struct listen_opts *o,
                      struct err *e)
{
    struct seen_opts seen = {o->table_max ? o->table_max : TABLE_DEFAULT,
                             o->repeat ? o->repeat : REPEAT_DEFAULT,
                             o->rate_max > 0 ? o->rate_max : RATE_DEFAULT};
    CLEANUP(stopp) struct listen *l = calloc(1, sizeof *l);
    int r;

    if (!l)
        return err_set(e, -ENOMEM, "out of memory");
    l->loop = loop;
    l->link.fd = -1;
    l->watch.fire = on_watch;
    l->backoff = BACKOFF_MIN;
    l->mode = o->mode == LISTEN_PROMISCUOUS ? LISTEN_LINK_PROMISCUOUS : LISTEN_LINK_GROUPS;
    l->interface = strdup(o->interface);
    if (!l->interface)
        return err_set(e, -ENOMEM, "out of memory");
    r = seen_new(&l->seen, &seen, e);
    if (r < 0)
        return r;
    *ret = take(&l);
    return 0;
}

int listen_start(struct listen **ret, struct loop *loop, const struct listen_opts *o,
                 const struct listen_sink *sink, void *user, struct err *e)
{
    CLEANUP(stopp) struct listen *l = NULL;
    int r = listen_new(&l, loop, o, e);

    if (r < 0)
        return r;
    l->sink = *sink;
    l->user = user;
    r = open_capture(l, e);
    if (r < 0 && r != -ENODEV && r != -ENETDOWN && r != -ENXIO)
        return r;
    /* The first state is told from the loop, whichever it is. */
    r = timer_set(loop, &l->watch, 0);
    if (r < 0)
        return err_set(e, r, "out of memory");
    *ret = take(&l);
    return 0;
}

void listen_stats(struct listen *l, struct listen_stats *ret)
{
    *ret = l->stats;
    ret->evicted = seen_evicted(l->seen);
    if (l->capture)
        ret->drops += listen_capture_drops(l->capture);
}
