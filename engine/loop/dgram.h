/* A UDP socket with deadlines; connected or not.  Callback rules as in stream.h.  ICMP
 * port-unreachable comes as -ECONNREFUSED on a connected socket. */
#pragma once

#include "engine/base/addr.h"
#include "engine/loop/loop.h"

struct dgram;
struct guard;

typedef void (*dgram_cb)(void *user, int status);
typedef void (*dgram_data_cb)(void *user, int status, const char *data, const struct addr *from,
                              uint16_t from_port);

int dgram_new(struct dgram **ret, struct loop *l, struct guard *g) MUST_USE;
struct dgram *dgram_free(struct dgram *d);
void dgram_freep(struct dgram **d);

/* Before anything else: the link that multicasts and broadcasts go out by, whatever the routes say.
 */
void dgram_set_link(struct dgram *d, int ifindex);
int dgram_bind(struct dgram *d, const struct addr *local,
               uint16_t port); /* before the first send; 0 or errno */
/* Fixes the peer; sends nothing.  0 or negative errno at once. */
int dgram_connect(struct dgram *d, const struct addr *to, uint16_t port);
int dgram_send(struct dgram *d, const void *data, size_t len, usec_t timeout, dgram_cb cb,
               void *user);
int dgram_sendto(struct dgram *d, const struct addr *to, uint16_t port, const void *data,
                 size_t len, usec_t timeout, dgram_cb cb, void *user);
/* One datagram, whole. */
int dgram_recv(struct dgram *d, usec_t timeout, dgram_data_cb cb, void *user);

int dgram_local(const struct dgram *d, struct addr *ret, uint16_t *ret_port);
int dgram_remote(const struct dgram *d, struct addr *ret,
                 uint16_t *ret_port); /* -ENOTCONN before dgram_connect */
