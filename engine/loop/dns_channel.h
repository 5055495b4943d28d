/* One channel of c-ares on the loop: its sockets, its timer, and the settings it was opened with.
 * Shared by dns.c and dns_channel.c; nothing else includes this. */
#pragma once

#include "engine/loop/dns.h"
#include "engine/loop/loop_priv.h"

#include <ares.h>

#define DNS_SOCKETS_MAX 16 /* c-ares uses one UDP and one TCP socket a server */

struct dns_channel;

struct dns_socket {
    struct io io;
    struct dns_channel *channel;
};

struct dns_channel {
    ares_channel ares;
    struct loop *loop;
    struct timer timer;
    unsigned queries;                           /* that c-ares will call back for */
    struct dns_socket sockets[DNS_SOCKETS_MAX]; /* fd -1: free */
};

/* -EINVAL: no servers; -ENOMEM, -EIO. */
int dns_channel_new(struct dns_channel **ret, struct loop *l, const struct dns_opts *o,
                    struct err *e) MUST_USE;
/* Ends the queries that still run, inside the call.  From the top of the loop only. */
struct dns_channel *dns_channel_free(struct dns_channel *c);
/* After every call into c-ares. */
void dns_channel_rearm(struct dns_channel *c);

/* The system's file of servers, to be told from what it becomes.  Zeroed: there was none. */
struct dns_conf {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

/* Whether it is there, can be read, and is not what is known. */
bool dns_conf_changed(const struct dns_opts *o, const struct dns_conf *known, struct dns_conf *ret);
