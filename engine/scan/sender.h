/* Sends raw frames in batches: Ethernet frames through a packet socket, or IP packets that the
 * kernel routes. */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/err.h"
#include "engine/base/wire.h"

struct sender;

enum sender_mode {
    SENDER_ETHER, /* frames with an Ethernet header */
    SENDER_IP,    /* packets from the IP header on: loopback, tunnels */
};

/* ifindex 0, with SENDER_IP only: whatever way the kernel has. */
int sender_open(struct sender **ret, enum sender_mode mode, int ifindex, struct err *e) MUST_USE;
struct sender *sender_close(struct sender *s);

/* Room for the next frame.  The batch must not be full. */
struct wbuf sender_frame(struct sender *s);
/* The frame in w is done; `to` is its destination. */
void sender_add(struct sender *s, const struct wbuf *w, const struct addr *to);
bool sender_full(const struct sender *s);

/* Hands the batch to the kernel.  0: all went; -EAGAIN: the device's queue is full, the rest waits
 * for another call; -ENETDOWN: the interface is gone. */
int sender_flush(struct sender *s);
/* Frames that the kernel refused one by one (a local firewall, no route). */
uint64_t sender_refused(const struct sender *s);
