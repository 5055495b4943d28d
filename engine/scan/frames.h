/* Raw frames and packets that scripts send and capture.
 *
 * What is sent passes the guard: its destination (of ARP: the address that is asked for) must be in
 * scope, TCP and UDP payloads keep off fragile ports, and the rates hold.  What cannot be judged is
 * refused: frames for no IP address, broken headers, later fragments.  Captures give what their
 * filter lets through, in both directions, wherever it is from: nothing is sent for it.  Needs
 * CAP_NET_RAW. */
#pragma once

#include "engine/base/err.h"
#include "engine/loop/guard.h"

struct frames;

#define FRAMES_CAPTURES_MAX 64

struct frames_capture {
    const char *device;
    const char *filter; /* libpcap expression */
    size_t snaplen;     /* bytes of each frame; 0: all */
    bool promiscuous;
};

/* data is valid during the call, which may close the capture. */
typedef void (*frames_cb)(void *user, uint32_t id, const void *data, size_t len, size_t wire_len,
                          usec_t wall);

int frames_new(struct frames **ret, struct loop *l, struct guard *g, frames_cb cb,
               void *user) MUST_USE;          /* -ENOMEM */
struct frames *frames_free(struct frames *f); /* not inside the callback */

/* An Ethernet frame.  -EPERM: the guard says no, or cannot say; -EAGAIN: its rate; -ENODEV; -errno
 * of the kernel. */
int frames_send(struct frames *f, const char *device, const void *frame, size_t len) MUST_USE;
/* A packet from its IP header on, which the kernel routes.  Likewise. */
int frames_send_ip(struct frames *f, const void *packet, size_t len) MUST_USE;

/* Frames come from the next turn of the loop on.  -EMFILE: FRAMES_CAPTURES_MAX are open; else as
 * libpcap says, with the text set. */
int frames_open(struct frames *f, const struct frames_capture *c, uint32_t *ret_id,
                struct err *e) MUST_USE;
void frames_close(struct frames *f, uint32_t id);
