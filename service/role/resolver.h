/* The system's resolv.conf, looked at now and then for those that cannot: script workers are
 * confined, and keep the name servers that were there when they began unless they are told. */
#pragma once

#include "engine/loop/loop.h"

#define RESOLVER_LOOK (5 * USEC_PER_SEC)

struct resolver {
    struct loop *loop;
    const char *path;
    void *user;
    /* What it has become, in a sealed memfd that is closed after the call. */
    void (*changed)(void *user, int fd);
    struct timer timer;
    char *known; /* its bytes; NULL: it could not be read yet */
    size_t known_len;
};

/* What is there now is known.  -ENOMEM. */
int resolver_watch(struct resolver *r) MUST_USE;
void resolver_done(struct resolver *r); /* also of a zeroed one */
