/* What is told of a scan before it starts. */
#include "engine/scan/estimate.h"
#include "tests/support/main.h"

static void add(struct addr_set *s, const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(text, &p, NULL), 0);
    assert_int_equal(addr_set_add_prefix(s, &p), 0);
}

static void bounds(void **state)
{
    static struct port_set ports;
    static const struct {
        const char *name, *network;
        unsigned ping, sample, ports;
        uint64_t addresses, asked, networks, min, max;
    } cases[] = {
        {"hosts of a /16", "10.0.0.0/16", 0, 0, 0, 65536, 65536, 0, 65536 * 8, 65536 * 8},
        {"by ARP", "10.0.0.0/24", SCAN_PING_ARP, 0, 0, 256, 256, 0, 512, 512},
        {"ports", "10.0.0.0/24", SCAN_PING_ECHO, 0, 100, 256, 256, 0, 512, 256 + 256 * 200},
        {"-Pn", "10.0.0.0/24", SCAN_PING_NONE, 0, 100, 256, 256, 0, 25600, 51200},
        {"a sampled /8", "10.0.0.0/8", SCAN_PING_ECHO, 16, 0, 1 << 24, 65536 * 16, 65536,
         65536ULL * 32, 1 << 24},
        {"too small to be sampled", "10.0.0.0/27", SCAN_PING_ECHO, 16, 0, 32, 32, 0, 64, 64},
        {"IPv6", "2001:db8::/120", SCAN_PING_ECHO, 16, 0, 256, 256, 0, 512, 512},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr_set targets = {0};
        struct estimate_opts o = {.targets = &targets,
                                  .sample = cases[i].sample,
                                  .ping.mask = cases[i].ping,
                                  .ports = cases[i].ports ? &ports : NULL,
                                  .retries = 6,
                                  .rate = 1000};
        struct estimate e;

        ports = (struct port_set){0};
        for (unsigned p = 1; p <= cases[i].ports; p++)
            port_set_add(&ports, PROTOCOL_TCP, (uint16_t)p);
        add(&targets, cases[i].network);
        scan_estimate(&o, &e);
        addr_set_done(&targets);
        if (e.addresses != cases[i].addresses || e.asked != cases[i].asked ||
            e.networks != cases[i].networks || e.probes_min != cases[i].min ||
            e.probes_max != cases[i].max || e.time_min != cases[i].min * 1000)
            fail_msg("%s: %llu addresses, %llu asked, %llu networks, %llu to %llu probes",
                     cases[i].name, (unsigned long long)e.addresses, (unsigned long long)e.asked,
                     (unsigned long long)e.networks, (unsigned long long)e.probes_min,
                     (unsigned long long)e.probes_max);
    }
}

static void what_cannot_be_counted_is_infinite(void **state)
{
    struct addr_set targets = {0};
    const struct estimate_opts o = {.targets = &targets, .retries = 1, .rate = 1000};
    struct estimate e;

    (void)state;
    add(&targets, "2001:db8::/32");
    scan_estimate(&o, &e);
    addr_set_done(&targets);
    assert_true(e.probes_min == UINT64_MAX && e.time_max == USEC_INFINITY);
}

static const struct CMUnitTest estimates[] = {
    cmocka_unit_test(bounds),
    cmocka_unit_test(what_cannot_be_counted_is_infinite),
};

TEST_MAIN(estimates)
