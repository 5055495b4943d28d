/* A SOCK_SEQPACKET connection between two roles: typed messages, decoded whole, with credits.
 *
 * Credits: each side may send as many messages as the other granted (CHANNEL_WINDOW at the start);
 * a handled message is granted anew. While a side holds (channel_hold) it grants nothing: after at
 * most CHANNEL_WINDOW more messages the other side waits, so that a slow database slows the scanner
 * and does not fill the memory.  Reading goes on, because our own credit comes that way. Control
 * messages (IPC_FREE) cost none.  A message of an unknown type, on the wrong route, too short, too
 * long or with a stray descriptor ends the channel with -EBADMSG; it never harms the receiver.
 * Callbacks come from the loop, never inside a call. */
#pragma once

#include "engine/base/err.h"
#include "engine/loop/loop.h"
#include "service/ipc/messages.h"

struct channel;

#define CHANNEL_WINDOW 128U

struct channel_opts {
    const char *peer; /* name for messages; copied */
    int fd;           /* becomes the channel's own, also on failure */
    unsigned receive; /* mask of enum ipc_route */
    unsigned send;
    size_t queue_limit; /* bytes that may wait for credit or room; 0: 16 MiB */
    void *user;
    /* value: the struct of the type, with texts and bytes that live during the call only.  fd: -1,
     * or the descriptor of a type that carries one; take it by setting -1, else it is closed. */
    void (*message)(void *user, const struct ipc_message *m, uint32_t id,
                    const union ipc_any *value, int *fd);
    /* Once: the peer closed (0), spoke badly (-EBADMSG) or is out of reach.  The channel is dead,
     * but still to be freed. */
    void (*closed)(void *user, int status, const char *why);
    void (*ready)(void *user); /* the queue ran empty after something had to wait; may be NULL */
};

int channel_new(struct channel **ret, struct loop *l, const struct channel_opts *o,
                struct err *e) MUST_USE;
struct channel *
channel_free(struct channel *c); /* what waits is dropped; no callback comes any more */
void channel_freep(struct channel **c);

/* Queues or sends.  value: the struct of the type; NULL for types without fields.  0; -ENOBUFS: the
 * queue is full and nothing was taken; -EPIPE: dead; -EMSGSIZE, -EINVAL as ipc_encode(). */
int channel_send(struct channel *c, uint16_t type, uint32_t id, const void *value);
/* The same, however much waits: for what is small and bounded in number, and what the other side
 * waits for.  Not -ENOBUFS. */
int channel_send_always(struct channel *c, uint16_t type, uint32_t id, const void *value);
/* As channel_send() with a descriptor, which is duplicated. */
int channel_send_fd(struct channel *c, uint16_t type, uint32_t id, const void *value, int fd);

/* A set of addresses as MSG_SCOPE, in as many pieces as it needs. */
int channel_send_scope(struct channel *c, uint32_t id, enum ipc_scope which,
                       const struct addr_set *set);

/* Nothing waits and there is credit: the moment to send more.  Else `ready` will come. */
bool channel_idle(const struct channel *c);
size_t channel_waiting(const struct channel *c); /* bytes in the queue */

/* Grants nothing until channel_resume(); nests. */
void channel_hold(struct channel *c);
void channel_resume(struct channel *c);

/* Makes a connected pair, non-blocking and close-on-exec.  0 or negative errno. */
int channel_pair(int ret[2]);
