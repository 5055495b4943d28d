/* Arithmetic only: nothing is asked of the kernel, so that it can be told anywhere, and at once. */
#include "engine/scan/estimate.h"

#include <string.h>

#define PINGS_DEFAULT 4 /* echo, SYN, ACK, timestamp */
#define TRIES_SILENT  2 /* at least, where nothing is lost */

static unsigned ping_count(const struct ping_choice *c)
{
    const struct port_few *lists[] = {&c->syn, &c->ack, &c->udp};
    const unsigned bits[] = {SCAN_PING_SYN, SCAN_PING_ACK, SCAN_PING_UDP};
    unsigned n = !!(c->mask & SCAN_PING_ECHO) + !!(c->mask & SCAN_PING_TIMESTAMP) +
                 2 * !!(c->mask & SCAN_PING_CONNECT);

    if (c->mask & SCAN_PING_NONE)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(bits); i++)
        if (c->mask & bits[i])
            n += lists[i]->n ? lists[i]->n : 1;
    if (c->mask & (SCAN_PING_ARP | SCAN_PING_LINK) && n == 0)
        return 1;
    return n ? n : PINGS_DEFAULT;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static usec_t duration(uint64_t probes, double rate)
{
    double usec = rate > 0 ? (double)probes / rate * USEC_PER_SEC : 0;

    return usec < 1e17 ? (usec_t)usec : USEC_INFINITY;
}

/* How much of a range of IPv4 addresses is asked at first, a /24 at a time. */
static void sample_range(const struct addr_range *r, unsigned sample, struct estimate *e)
{
    uint64_t left = addr_distance(&r->first, &r->last) + 1;
    uint64_t here = 256U - r->first.b[3];

    while (left) {
        uint64_t n = left < here ? left : here;

        if (n > 2 * sample && here == 256 && left >= 256) { /* whole ones at once */
            uint64_t nets = left / 256;

            e->networks += nets;
            e->asked += nets * sample;
            left -= nets * 256;
            continue;
        }
        e->networks += n > 2 * sample;
        e->asked += n > 2 * sample ? sample : n;
        left -= n;
        here = 256;
    }
}

void scan_estimate(const struct estimate_opts *o, struct estimate *ret)
{
    unsigned tries = o->retries ? TRIES_SILENT : 1, pings = ping_count(&o->ping);
    uint64_t ports = 0, silent, loud;

    *ret = (struct estimate){.addresses = addr_set_count(o->targets)};
    for (size_t i = 0; i < o->targets->n && o->sample; i++) {
        const struct addr_range *r = &o->targets->ranges[i];

        if (r->first.family == ADDR_V4)
            sample_range(r, o->sample, ret);
        else
            ret->asked = plus(ret->asked, plus(addr_distance(&r->first, &r->last), 1));
    }
    if (!o->sample)
        ret->asked = ret->addresses;
    if (o->ports)
        ports = port_set_count(o->ports, PROTOCOL_TCP) + port_set_count(o->ports, PROTOCOL_UDP);
    silent = times(ret->asked, (uint64_t)pings * tries);
    loud = plus(times(ret->addresses, pings ? 1 : 0), times(ret->addresses, times(ports, tries)));
    /* without pings every address counts as there, and each is asked for its ports */
    ret->probes_min = pings ? silent : times(ret->asked, ports);
    ret->probes_max = loud > ret->probes_min ? loud : ret->probes_min;
    ret->time_min = duration(ret->probes_min, o->rate);
    ret->time_max = duration(ret->probes_max, o->rate);
}
