/* `muster config check`: every problem in one go, each with its line. */
#include "service/cli/verb_config.h"

#include "engine/base/buf.h"
#include "engine/scan/estimate.h"
#include "service/cli/db_args.h"
#include "service/cli/estimate_text.h"
#include "service/cli/screen.h"
#include "service/config/config.h"

#include <errno.h>
#include <string.h>

struct problem_count {
    unsigned n;
};

static void on_problem(void *user, const char *text)
{
    CLEANUP(buf_done) struct buf line = {0};
    struct problem_count *count = user;

    count->n++;
    screen_text(&line, text);
    fprintf(stderr, "%s\n", line.data ? line.data : "");
}

static int read_file(struct buf *out, const char *path, struct err *e)
{
    CLEANUP(fclosep) FILE *f = fopen(path, "re");
    char block[8192];
    size_t n;

    if (!f)
        return err_set(e, -errno, "%s: %s", path, strerror(errno));
    while ((n = fread(block, 1, sizeof block, f)) > 0)
        buf_add(out, block, n);
    if (ferror(f))
        return err_set(e, -EIO, "%s: cannot be read", path);
    buf_str(out, "");
    return out->failed ? err_set(e, -ENOMEM, "out of memory") : 0;
}

/* Whether a pass can be done in its interval at the zone's rate.  swept: of the zone. */
static void tell_pass(const struct config_zone *z, const struct addr_set *swept,
                      const struct config_pass *p)
{
    struct estimate_opts o = {
        .targets = swept,
        .sample = p->sample,
        .ping.mask = p->probes,
        .ports = p->kind == PASS_PORTS ? p->port_set : NULL,
        .retries = p->retries,
        .rate = z->rate,
    };
    CLEANUP(buf_done) struct buf text = {0};
    char every[TIME_TEXT_MAX];
    struct estimate e;

    if (p->kind > PASS_PORTS || !swept->n)
        return;
    if (port_few_parse(&o.ping.syn, p->syn_ports, NULL) < 0 ||
        port_few_parse(&o.ping.ack, p->ack_ports, NULL) < 0 ||
        port_few_parse(&o.ping.udp, p->udp_ports, NULL) < 0)
        return;
    estimate_write(&text, &o);
    scan_estimate(&o, &e);
    printf("zone %s, pass %s: %s; every %s%s\n", z->name, p->name, text.data ? text.data : "",
           span_format(p->interval, every),
           e.time_min > p->interval ? ", which is too often: it cannot be done in that time" : "");
}

static uint64_t tell_zone(const struct config_zone *z)
{
    CLEANUP(addr_set_done) struct addr_set swept = {0};
    size_t wide;

    if (addr_set_narrow(&swept, &z->scope) < 0)
        return 0;
    wide = z->scope.n - swept.n;
    for (uint32_t i = 0; i < z->n_passes; i++)
        tell_pass(z, &swept, &z->passes[i]);
    if (wide)
        printf("zone %s: %zu IPv6 network%s too large to be swept: the addresses that are heard "
               "there are looked at%s\n",
               z->name, wide, wide == 1 ? "" : "s",
               z->multicast ? ", and those that answer a multicast"
                            : " ('multicast: 5m' would ask for more)");
    return addr_set_count(&swept);
}

static void tell_good(const struct config *c)
{
    uint64_t addresses = 0;
    unsigned passes = 0;

    for (uint32_t i = 0; i < c->n_zones; i++) {
        addresses += tell_zone(&c->zones[i]);
        passes += c->zones[i].n_passes;
    }
    printf("%s: good: %u zone%s with %llu address%s, %u pass%s, %u endpoint%s\n", c->path,
           c->n_zones, c->n_zones == 1 ? "" : "s", (unsigned long long)addresses,
           addresses == 1 ? "" : "es", passes, passes == 1 ? "" : "es", c->n_endpoints,
           c->n_endpoints == 1 ? "" : "s");
}

int verb_config_check(struct verb_call *c)
{
    CLEANUP(config_freep) struct config *config = NULL;
    CLEANUP(buf_done) struct buf text = {0};
    CLEANUP(freep) char *path = NULL;
    const struct db_args *a = c->args;
    struct problem_count count = {0};
    struct err e = {0};
    const char *given = c->operands.n ? c->operands.values[0] : a->config;

    if (config_find_path(&path, given, &e) < 0 || read_file(&text, path, &e) < 0)
        return verb_fail(c, &e);
    if (config_load_data(&config, path, text.data, text.len, on_problem, &count, &e) < 0)
        return count.n ? EXIT_ERROR : verb_fail(c, &e);
    tell_good(config);
    return EXIT_NOTHING;
}
