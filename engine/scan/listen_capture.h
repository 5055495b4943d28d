/* Whole frames of an interface as they come, on the loop.
 *
 * Beside capture.h, which is made for the headers of replies: 256 bytes, taken apart.  A DHCP or
 * mDNS message is longer, and LLDP and CDP are not IP. */
#pragma once

#include "engine/base/err.h"
#include "engine/loop/loop.h"

struct listen_capture;

/* Ethernet frames that came in; bytes are valid during the call only.  Not cut up to 1,920 bytes.
 */
typedef void (*listen_frame_cb)(void *user, const uint8_t *frame, size_t len);

struct listen_capture_opts {
    const char *interface;
    const char *filter; /* libpcap expression, runs in the kernel */
    listen_frame_cb frame;
    void *user;
};

/* Active when it returns.  -ENODEV, -ENETDOWN, -EPERM, -EAFNOSUPPORT (not Ethernet), else -errno,
 * with the text set. */
int listen_capture_open(struct listen_capture **ret, struct loop *l,
                        const struct listen_capture_opts *o, struct err *e) MUST_USE;
/* Not inside the callback. */
struct listen_capture *listen_capture_close(struct listen_capture *c);
/* The interface went down or away: nothing comes any more. */
bool listen_capture_broken(const struct listen_capture *c);
/* Frames lost because the ring was full. */
uint64_t listen_capture_drops(struct listen_capture *c);
