/* Captures what a libpcap filter lets through on one interface, on the loop. */
#pragma once

#include "engine/base/err.h"
#include "engine/loop/loop.h"
#include "engine/packet/decode.h"

struct capture;

struct capture_opts {
    const char *interface;
    const char *filter; /* libpcap expression */
    unsigned ring;      /* bytes; 0: the default */
};

/* A frame that could be decoded; p is valid during the call only. */
typedef void (*capture_cb)(void *user, const struct packet *p);

/* Active when it returns: replies to what is sent afterwards are not missed.  -errno with the text
 * set. */
int capture_open(struct capture **ret, struct loop *l, const struct capture_opts *o, capture_cb cb,
                 void *user, struct err *e) MUST_USE;
/* Not inside the callback. */
struct capture *capture_close(struct capture *c);
/* Reads what is in the ring now, without waiting for the loop.  False: there was more than one turn
 * may take. */
bool capture_drain(struct capture *c);
/* The interface went down or away: nothing comes any more. */
bool capture_broken(const struct capture *c);
/* Frames that were lost because the ring was full. */
uint64_t capture_drops(struct capture *c);

struct pcap;
/* For a handle of libpcap that is active: the frames that we send are no news. */
void capture_incoming_only(struct pcap *pcap);
