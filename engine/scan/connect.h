/* Probes by connect(2), for whom raw sockets are not allowed: many at a time, bounded, each closed
 * by RST so that no TIME_WAIT stays behind. */
#pragma once

#include "engine/loop/loop.h"
#include "engine/scan/probe.h"

struct connector;

typedef void (*connect_cb)(void *user, const struct probe_reply *r);

/* max: sockets at a time; fewer when the process may not have as many. */
int connector_new(struct connector **ret, struct loop *l, unsigned max, connect_cb cb,
                  void *user) MUST_USE;
/* No callback comes any more.  Not inside the callback. */
struct connector *connector_free(struct connector *c);

struct connect_probe {
    struct addr addr;
    uint16_t port;
    unsigned try;
    usec_t timeout; /* then the socket is given up; no callback */
};
bool connector_full(const struct connector *c);
/* 0: under way; the callback comes in a later turn, if an answer does.  -EAGAIN: no socket is free.
 * -ENETDOWN: this machine has no way there; nothing was sent. */
int connector_start(struct connector *c, const struct connect_probe *p);
