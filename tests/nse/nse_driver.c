/* Runs scripts against one host whose open ports are given, and prints what nmap would print: the
 * way to compare the two.
 *
 *   nse_driver --datadir DIR --script EXPR [--script-args TEXT] [--script-args-file FILE]
 * [--script-timeout SECONDS]
 *              [--json] [--list] [-d] [-v] [--target ADDRESS] [--name NAME] PORT...
 *
 * Ports get the names of DATADIR/nmap-services (or nselib/data/services).  --list only loads, and
 * says what did. */
#include "engine/base/log.h"
#include "engine/loop/dns.h"
#include "engine/model/services.h"
#include "engine/script/host.h"
#include "engine/script/output.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS_MAX 1024
#define JOB       1

struct driver {
    struct loop *loop;
    struct script_host_opts o;
    const char *datadirs[8];
    const char *expression;
    bool json, list;
    struct script_target target;
    struct port_finding ports[PORTS_MAX];
    int failures;
    bool done;
};

static void on_result(void *user, uint64_t job, const struct script_result *r)
{
    struct driver *d = user;
    struct buf b = {0};

    if (d->json) {
        script_result_json(&b, r);
        buf_char(&b, '\n');
    } else {
        if (r->phase == SCRIPT_PORT)
            buf_printf(&b, "%u/%s ", r->port, protocol_name(r->protocol));
        buf_printf(&b, "%s %s %s%s%s\n", script_phase_name(r->phase), r->script,
                   script_outcome_name(r->outcome), r->reason ? ": " : "",
                   r->reason ? r->reason : "");
        if (r->output)
            output_screen(&b, r->script, r->output, r->output_len);
    }
    fwrite(b.data ? b.data : "", 1, b.len, stdout);
    fflush(stdout);
    buf_done(&b);
    if (job == 0)
        d->failures++;
}

static void on_port(void *user, uint64_t job, const struct port_finding *p)
{
    struct driver *d = user;
    struct buf b = {0};

    (void)job;
    if (!d->json)
        return;
    port_finding_json(&b, p);
    printf("%s\n", b.data ? b.data : "");
    buf_done(&b);
}

static void on_job_done(void *user, uint64_t job)
{
    struct driver *d = user;

    (void)job;
    d->done = true;
    loop_exit(d->loop, 0);
}

static void on_log(void *user, int pri, const char *script, const char *text)
{
    const struct driver *d = user;

    if (pri <= LOG_NOTICE || d->o.debugging || d->o.verbosity)
        fprintf(stderr, "NSE: %s%s%s\n", script, script[0] ? ": " : "", text);
}

static void list_one(void *user, const struct script_meta *m)
{
    (void)user;
    printf("%s\n", m->id);
}

static int parse_args(struct driver *d, int argc, char **argv)
{
    static const struct option options[] = {
        {"datadir", required_argument, NULL, 'D'},
        {"script", required_argument, NULL, 's'},
        {"script-args", required_argument, NULL, 'a'},
        {"script-args-file", required_argument, NULL, 'f'},
        {"script-timeout", required_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},
        {"list", no_argument, NULL, 'l'},
        {"target", required_argument, NULL, 'T'},
        {"name", required_argument, NULL, 'n'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "dv", options, NULL)) != -1)
        switch (c) {
        case 'D':
            d->datadirs[d->o.n_datadirs++] = optarg;
            break;
        case 's':
            d->expression = optarg;
            break;
        case 'a':
            d->o.args = optarg;
            break;
        case 'f':
            d->o.args_file = optarg;
            break;
        case 't':
            d->o.script_timeout = (usec_t)(strtod(optarg, NULL) * USEC_PER_SEC);
            break;
        case 'j':
            d->json = true;
            break;
        case 'l':
            d->list = true;
            break;
        case 'T':
            if (addr_parse(optarg, &d->target.address) < 0)
                return 2;
            break;
        case 'n':
            d->target.target_name = optarg;
            break;
        case 'd':
            d->o.debugging++;
            break;
        case 'v':
            d->o.verbosity++;
            break;
        default:
            return 2;
        }
    return d->expression && d->o.n_datadirs ? 0 : 2;
}

static struct services *load_services(const struct driver *d)
{
    static const char *const files[] = {"nmap-services", "nselib/data/services"};
    struct services *s = NULL;
    char path[4096];

    for (size_t i = 0; i < ARRAY_LEN(files) * d->o.n_datadirs; i++) {
        snprintf(path, sizeof path, "%s/%s", d->datadirs[i / ARRAY_LEN(files)],
                 files[i % ARRAY_LEN(files)]);
        if (services_load(&s, path, NULL) == 0)
            return s;
    }
    return NULL;
}

static void set_ports(struct driver *d, const struct services *names, int n, char **texts)
{
    for (int i = 0; i < n && d->target.n_ports < PORTS_MAX; i++) {
        struct port_finding *p = &d->ports[d->target.n_ports++];

        *p = (struct port_finding){.address = d->target.address,
                                   .protocol = PROTOCOL_TCP,
                                   .state = PORT_OPEN,
                                   .reason = REASON_SYN_ACK,
                                   .ttl = 64};
        if (texts[i][0] == 'U')
            p->protocol = PROTOCOL_UDP;
        p->port = (uint16_t)strtoul(texts[i] + (texts[i][0] == 'U'), NULL, 10);
        p->service.name = services_name(names, p->protocol, p->port);
        p->service.confidence = 3;
    }
    d->target.ports = d->ports;
}

static int run(struct driver *d, struct script_host *h, struct err *e)
{
    size_t n;
    int r = script_host_select(h, d->expression, &n, e);

    if (r < 0)
        return r;
    if (d->list) {
        script_host_each(h, list_one, NULL);
        return 0;
    }
    r = script_job_start(h, JOB, e);
    if (r == 0)
        r = script_job_add_host(h, JOB, &d->target, e);
    if (r == 0)
        r = script_job_finish(h, JOB);
    return r < 0 ? r : loop_run(d->loop);
}

int main(int argc, char **argv)
{
    static struct driver d;
    CLEANUP(loop_freep) struct loop *loop = NULL;
    CLEANUP(dns_freep) struct dns *dns = NULL;
    CLEANUP(script_host_freep) struct script_host *h = NULL;
    CLEANUP(services_freep) struct services *names = NULL;
    struct script_world world = {.user = &d,
                                 .result = on_result,
                                 .port_seen = on_port,
                                 .job_done = on_job_done,
                                 .log = on_log};
    struct err e = {0};
    int r;

    d.o = (struct script_host_opts){.timing_level = 3, .version_intensity = 7};
    d.o.datadirs = d.datadirs;
    d.target = (struct script_target){.reason = REASON_LOCALHOST,
                                      .directly_connected = true,
                                      .interface = "lo",
                                      .srtt = 50,
                                      .rttvar = 5000,
                                      .rtt_timeout = 100 * USEC_PER_MSEC};
    addr_parse("127.0.0.1", &d.target.address);
    if (parse_args(&d, argc, argv) != 0) {
        fprintf(stderr, "usage: nse_driver --datadir DIR --script EXPR [OPTION...] PORT...\n");
        return 2;
    }
    d.target.source = d.target.address;
    names = load_services(&d);
    set_ports(&d, names, argc - optind, argv + optind);
    r = loop_new(&loop, &e);
    d.loop = loop;
    if (r == 0)
        r = dns_new(&dns, loop, &(struct dns_opts){0}, &e);
    if (r == 0)
        r = script_host_new(&h, loop, NULL, dns, &world, &d.o, &e);
    if (r == 0)
        r = run(&d, h, &e);
    if (r < 0)
        fprintf(stderr, "nse_driver: %s\n", err_text(&e));
    return r < 0 ? 2 : d.failures > 0;
}
