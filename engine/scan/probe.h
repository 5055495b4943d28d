/* One way of asking a target: a module builds the probe's frame and recognises the replies to it.
 *
 * Modules keep no state: a reply proves itself by its cookie.  What a reply means for host or port
 * is the sweep's business (sweep.h). */
#pragma once

#include "engine/base/wire.h"
#include "engine/model/finding.h"
#include "engine/packet/decode.h"
#include "engine/scan/cookie.h"

enum probe_kind {
    PROBE_NONE,
    PROBE_ARP,
    PROBE_ND,
    PROBE_ECHO,
    PROBE_ECHO6,
    PROBE_TIMESTAMP,
    PROBE_SYN,     /* a port's state; also a ping */
    PROBE_ACK,     /* a ping only */
    PROBE_UDP,     /* a port's state */
    PROBE_CONNECT, /* no module: connect.h */
    PROBE_KINDS
};

/* A sentinel's try number: a probe of what is known to answer, sent to measure loss. */
#define PROBE_TRY_SENTINEL COOKIE_TRY_MAX
#define PROBE_TRIES_MAX    COOKIE_TRY_MAX

struct payloads;

/* What all probes of a scan on one link share. */
struct probe_ctx {
    struct siphash_key key;
    uint16_t sport_base;             /* first of COOKIE_PORTS source ports */
    struct mac mac;                  /* ours; zero where frames have no Ethernet header */
    bool ether;                      /* frames begin with an Ethernet header */
    const struct payloads *payloads; /* what UDP ports are sent; NULL: nothing */
};

struct probe_target {
    struct addr addr;
    struct addr src;
    struct mac next_hop;
    uint16_t port;
    unsigned try;
    usec_t now;
};

enum verdict {
    VERDICT_NONE,   /* not a reply to this module's probes */
    VERDICT_ANSWER, /* the target itself answered */
    VERDICT_ERROR,  /* ICMP says why it cannot be reached */
};

struct probe_reply {
    struct addr addr; /* the target's */
    enum probe_kind kind;
    uint16_t port;
    enum reason reason;
    unsigned try;
    usec_t rtt; /* 0: not known */
    uint8_t ttl;
    bool has_mac;
    struct mac mac;
    bool from_target; /* an ICMP error that the target itself sent */
};

struct probe_module {
    const char *name;   /* unique; shown in logs */
    const char *filter; /* libpcap expression for the replies; "PORTS" stands for our port range */
    size_t frame_max;   /* bytes; build() writes no more */
    uint8_t family;     /* enum addr_family; ADDR_NONE: both */

    int (*build)(const struct probe_ctx *ctx, const struct probe_target *t, struct wbuf *frame);
    enum verdict (*match)(const struct probe_ctx *ctx, const struct packet *p, usec_t now,
                          struct probe_reply *ret);
};

/* Every module by its kind; NULL where a kind has none. */
const struct probe_module *probe_module(enum probe_kind kind);

/* The first module that knows the packet; VERDICT_NONE when no one does. */
enum verdict probe_match(const struct probe_ctx *ctx, const struct packet *p, usec_t now,
                         struct probe_reply *ret);

/* The libpcap expression for the replies to a set of modules (mask of 1 << kind). */
void probe_filter(struct buf *out, unsigned kinds, uint16_t sport_base);

/* For modules: what an ICMP error says, or REASON_UNKNOWN when it is no verdict on a target. */
enum reason probe_icmp_reason(const struct packet *p);

extern const struct probe_module probe_arp, probe_nd, probe_echo, probe_echo6, probe_timestamp,
    probe_syn, probe_ack, probe_udp;
