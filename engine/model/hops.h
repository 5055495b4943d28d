/* The way to a host, hop by hop, as tracing its route found it. */
#pragma once

#include "engine/model/finding.h"

struct hop_finding {
    struct addr address; /* ADDR_NONE: nobody answered there */
    char *hostname;      /* NULL: not known */
    usec_t rtt;          /* 0: not measured */
};

/* A zeroed struct is empty.  Owns its hops. */
struct hops {
    enum protocol protocol; /* of the questions; 0: ICMP, or nothing was asked */
    uint16_t port;          /* 0: none */
    struct hop_finding *v;  /* from us on; the last is the host itself, when it answered */
    size_t n;
};

/* -ENOMEM: *ret is empty. */
int hops_copy(struct hops *ret, const struct hops *from) MUST_USE;
void hops_done(struct hops *h);
/* A JSON object, record "trace"; hops that did not answer are left out. */
void hops_json(struct buf *out, const struct addr *host, const struct hops *h);
