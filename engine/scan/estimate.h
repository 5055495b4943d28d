/* What a scan will cost, before it starts. */
#pragma once

#include "engine/base/addrset.h"
#include "engine/base/time.h"
#include "engine/model/ports.h"
#include "engine/scan/pings.h"

struct estimate_opts {
    const struct addr_set *targets;
    unsigned sample;              /* as in scan_opts */
    struct ping_choice ping;      /* mask 0: nmap's default */
    const struct port_set *ports; /* NULL: hosts only */
    unsigned retries;
    double rate; /* probes per second */
};

/* Bounds: nobody is there, or everybody is and keeps silent on every port. */
struct estimate {
    uint64_t addresses, asked; /* asked: when nobody answers to the sample */
    uint64_t networks;         /* that are sampled; 0: all is asked */
    uint64_t probes_min, probes_max;
    usec_t time_min, time_max; /* USEC_INFINITY: centuries */
};

void scan_estimate(const struct estimate_opts *o, struct estimate *ret);
