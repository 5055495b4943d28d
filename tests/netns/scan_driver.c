/* Runs one scan and prints its findings as JSON lines: the scanner alone, for tests and
 * measurements in namespaces.
 *
 * scan_driver [-sn|-sS|-sT] [-Pn] [-p PORTS] [-q] [--exclude T] [--max-rate N] [--min-rate N]
 * [--max-retries N]
 *             [--host-timeout S] [--way-timeout S] [--seed N] [--guard-rate N] [-iL FILE] TARGET...
 * -q leaves out closed and filtered ports and hosts that are down. */
#include "engine/loop/guard.h"
#include "engine/scan/scan.h"
#include "engine/scan/targets.h"
#include "engine/scan/vendor.h"

#include <stdlib.h>
#include <string.h>

struct driver {
    struct loop *loop;
    struct scan *scan;
    struct target_list targets, excludes;
    struct port_set ports;
    struct scan_opts o;
    double guard_rate;
    uint64_t hosts_up, ports_open;
    int status;
};

static void die(const struct err *e)
{
    fprintf(stderr, "scan_driver: %s\n", err_text(e));
    exit(2);
}

static void print(struct buf *line)
{
    puts(line->data);
    buf_done(line);
}

static void on_host(void *user, const struct host_finding *h)
{
    struct driver *d = user;
    struct buf line = {0};

    d->hosts_up += h->state == HOST_UP;
    host_finding_json(&line, h);
    print(&line);
}

static void on_port(void *user, const struct port_finding *p)
{
    struct driver *d = user;
    struct buf line = {0};

    d->ports_open += p->state == PORT_OPEN;
    port_finding_json(&line, p);
    print(&line);
}

static void on_summary(void *user, const struct port_summary *s)
{
    char text[ADDR_TEXT_MAX];

    (void)user;
    printf("{\"record\":\"rest\",\"address\":\"%s\",\"state\":\"%s\",\"reason\":\"%s\",\"count\":%"
           "u}\n",
           addr_format(&s->address, text), port_state_name(s->state), reason_name(s->reason),
           s->count);
}

static void on_host_done(void *user, const struct addr *a, bool conclusive)
{
    char text[ADDR_TEXT_MAX];
    struct driver *d = user;

    if (d->o.report_closed)
        printf("{\"record\":\"done\",\"address\":\"%s\",\"conclusive\":%s}\n", addr_format(a, text),
               conclusive ? "true" : "false");
}

static void on_done(void *user, const struct coverage *c, int status)
{
    struct driver *d = user;
    struct buf line = {0};

    coverage_json(&line, c);
    print(&line);
    printf("{\"record\":\"summary\",\"hosts_up\":%llu,\"ports_open\":%llu,\"elapsed_ms\":%llu,"
           "\"status\":%d}\n",
           (unsigned long long)d->hosts_up, (unsigned long long)d->ports_open,
           (unsigned long long)(c->elapsed / USEC_PER_MSEC), status);
    d->status = status;
    d->scan = scan_free(d->scan);
    loop_exit(d->loop, 0);
}

static const char *next(int argc, char **argv, int *i)
{
    if (*i + 1 >= argc) {
        fprintf(stderr, "scan_driver: %s needs a value\n", argv[*i]);
        exit(2);
    }
    return argv[++*i];
}

static bool option_number(struct driver *d, const char *name, int argc, char **argv, int *i)
{
    if (!strcmp(name, "--max-rate"))
        d->o.max_rate = atof(next(argc, argv, i));
    else if (!strcmp(name, "--min-rate"))
        d->o.min_rate = atof(next(argc, argv, i));
    else if (!strcmp(name, "--max-retries"))
        d->o.max_retries = (unsigned)atoi(next(argc, argv, i));
    else if (!strcmp(name, "--host-timeout"))
        d->o.host_timeout = (usec_t)(atof(next(argc, argv, i)) * USEC_PER_SEC);
    else if (!strcmp(name, "--way-timeout"))
        d->o.way_timeout = (usec_t)(atof(next(argc, argv, i)) * USEC_PER_SEC);
    else if (!strcmp(name, "--ring"))
        d->o.ring = (unsigned)atoi(next(argc, argv, i));
    else if (!strcmp(name, "--seed"))
        d->o.seed = strtoull(next(argc, argv, i), NULL, 0);
    else if (!strcmp(name, "--guard-rate"))
        d->guard_rate = atof(next(argc, argv, i));
    else
        return false;
    return true;
}

static void argument(struct driver *d, int argc, char **argv, int *i)
{
    const char *a = argv[*i];
    struct err e = {0};
    int r = 0;

    if (!strcmp(a, "-sn"))
        d->o.method = SCAN_HOSTS_ONLY;
    else if (!strcmp(a, "-sS"))
        d->o.method = SCAN_SYN;
    else if (!strcmp(a, "-sT"))
        d->o.method = SCAN_CONNECT;
    else if (!strcmp(a, "-Pn"))
        d->o.ping.mask = SCAN_PING_NONE;
    else if (!strcmp(a, "--unprivileged"))
        d->o.ping.mask = SCAN_PING_CONNECT;
    else if (!strcmp(a, "-q"))
        d->o.report_closed = d->o.report_down = false;
    else if (!strcmp(a, "-p"))
        r = port_set_parse(&d->ports, next(argc, argv, i), 1, NULL, &e);
    else if (!strcmp(a, "-iL"))
        r = target_list_add_file(&d->targets, next(argc, argv, i), &e);
    else if (!strcmp(a, "--exclude"))
        r = target_list_add(&d->excludes, next(argc, argv, i), &e);
    else if (!strcmp(a, "-e"))
        d->o.interface = next(argc, argv, i);
    else if (!option_number(d, a, argc, argv, i))
        r = target_list_add(&d->targets, a, &e);
    if (r < 0)
        die(&e);
}

int main(int argc, char **argv)
{
    static const struct scan_sink sink = {on_host, on_port, on_summary, on_host_done, on_done};
    struct driver d = {
        .o = {.method = SCAN_SYN, .report_closed = true, .report_down = true, .max_retries = 6}};
    struct vendors *vendors = NULL;
    struct guard *guard = NULL;
    struct err e = {0};

    for (int i = 1; i < argc; i++)
        argument(&d, argc, argv, &i);
    d.o.targets = &d.targets.addrs;
    d.o.excludes = &d.excludes.addrs;
    d.o.ports = d.o.method == SCAN_HOSTS_ONLY ? NULL : &d.ports;
    if (vendors_load(&vendors, VENDORS_DIR, NULL) == 0)
        d.o.vendors = vendors;
    if (loop_new(&d.loop, &e) < 0)
        die(&e);
    if (d.guard_rate > 0 &&
        guard_new(&guard, d.loop,
                  &(struct guard_opts){.scope = d.o.targets, .rate = d.guard_rate, .burst = 1},
                  &e) < 0)
        die(&e);
    if (scan_start(&d.scan, d.loop, guard, &d.o, &sink, &d, &e) < 0)
        die(&e);
    loop_run(d.loop);
    scan_free(d.scan);
    guard_free(guard);
    loop_free(d.loop);
    vendors_free(vendors);
    target_list_done(&d.targets);
    target_list_done(&d.excludes);
    return d.status < 0;
}
