/* The ways to the hosts of `muster scan --traceroute`: asked for when the ports of a host are
 * known, so that it can be asked in a way that it answers; scripts and outputs wait for it. Routers
 * are named like hosts, each once. */
#include "service/cli/scan_run_priv.h"

#include "engine/loop/dns.h"
#include "engine/packet/packet.h"
#include "engine/scan/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct hop_name {
    UT_hash_handle hh;
    struct addr_key key;
    struct scan_run *run;
    struct dns_query *query; /* NULL: it is settled */
    char *name;              /* NULL: it has none */
};

/* -------------------------------------------------------------------- names */

static struct hop_name *name_find(const struct scan_run *run, const struct addr *a)
{
    struct addr_key key = addr_key(a);
    struct hop_name *n;

    HASH_FIND(hh, run->hop_names, &key, sizeof key, n);
    return n;
}

/* The host itself has its name already; as a router of others it may still be asked for. */
static bool names_are_known(const struct scan_run *run, const struct scan_host *h)
{
    for (size_t i = 0; i < h->record->trace.n; i++) {
        const struct addr *a = &h->record->trace.v[i].address;
        const struct hop_name *n =
            addr_equal(a, &h->record->host.address) ? NULL : name_find(run, a);

        if (n && n->query)
            return false;
    }
    return true;
}

static const char *name_of(const struct scan_run *run, const struct scan_host *h,
                           const struct addr *a)
{
    const struct hop_name *n = name_find(run, a);

    if (addr_equal(a, &h->record->host.address))
        return h->record->host.hostname;
    return n ? n->name : NULL;
}

static void route_named(const struct scan_run *run, struct scan_host *h)
{
    struct hops *trace = &h->record->trace;

    for (size_t i = 0; i < trace->n; i++) {
        const char *name = name_of(run, h, &trace->v[i].address);

        trace->v[i].hostname = name && *name ? strdup(name) : NULL;
    }
    h->route = ROUTE_OVER;
}

static void on_name(void *user, int status, const char *name)
{
    struct hop_name *n = user;
    struct scan_run *run = n->run;
    struct scan_host *h, *next;

    n->query = NULL;
    if (run->ended)
        return;
    if (status == 0)
        n->name = strdup(name);
    for (h = TAILQ_FIRST(&run->routes_to_name); h; h = next) {
        next = TAILQ_NEXT(h, routing);
        if (names_are_known(run, h)) {
            TAILQ_REMOVE(&run->routes_to_name, h, routing);
            route_named(run, h);
            scan_host_next(run, h);
        }
    }
}

static void name_ask(struct scan_run *run, const struct addr *a)
{
    struct hop_name *n = name_find(run, a);

    if (n || a->family == ADDR_NONE || !(n = calloc(1, sizeof *n)))
        return;
    n->run = run;
    n->key = addr_key(a);
    HASH_ADD(hh, run->hop_names, key, sizeof n->key, n);
    if (dns_reverse(run->dns, a, on_name, n, &n->query) < 0)
        n->query = NULL;
}

/* True: nothing is to be waited for. */
static bool names_ask(struct scan_run *run, struct scan_host *h)
{
    const struct hops *trace = &h->record->trace;

    for (size_t i = 0; i < trace->n && !run->args->no_names && !run->interrupted; i++)
        if (!addr_equal(&trace->v[i].address, &h->record->host.address))
            name_ask(run, &trace->v[i].address);
    if (names_are_known(run, h)) {
        route_named(run, h);
        return true;
    }
    TAILQ_INSERT_TAIL(&run->routes_to_name, h, routing);
    return false;
}

/* -------------------------------------------------------------------- routes */

static int hops_keep(struct hops *ret, const struct path_hop *hops, size_t n)
{
    ret->v = calloc(n ? n : 1, sizeof *ret->v);
    if (!ret->v)
        return -ENOMEM;
    for (; ret->n < n; ret->n++)
        ret->v[ret->n] =
            (struct hop_finding){.address = hops[ret->n].addr, .rtt = hops[ret->n].rtt};
    return 0;
}

static void on_traced(void *user, const struct addr *a, const struct path_hop *hops, size_t n)
{
    struct scan_run *run = user;
    struct scan_host *h = scan_host_find(run, a);

    if (!h || run->ended)
        return;
    if (hops_keep(&h->record->trace, hops, n) < 0)
        run->partial = true;
    if (names_ask(run, h))
        scan_host_next(run, h);
}

static unsigned worth_of(const struct record_port *p)
{
    if (p->protocol == PROTOCOL_TCP)
        return p->state == PORT_OPEN ? 3 : p->state == PORT_CLOSED ? 2 : 0;
    return p->protocol == PROTOCOL_UDP && p->state == PORT_CLOSED;
}

/* Where the host is known to answer: an open port, a closed one, else whatever echo brings. */
static struct trace_target question_for(const struct host_record *r)
{
    struct trace_target t = {.addr = r->host.address, .protocol = IP_ICMP, .ttl = r->host.ttl};
    unsigned best = 0;

    for (size_t i = 0; i < r->n_ports; i++) {
        const struct record_port *p = &r->ports[i];

        if (worth_of(p) <= best)
            continue;
        best = worth_of(p);
        t.protocol = p->protocol == PROTOCOL_TCP ? IP_TCP : IP_UDP;
        t.port = p->port;
    }
    return t;
}

static void neighbour(struct scan_run *run, struct scan_host *h)
{
    struct path_hop only = {h->record->host.address, h->record->host.rtt};

    if (hops_keep(&h->record->trace, &only, 1) < 0)
        run->partial = true;
    (void)names_ask(run, h); /* its own is known */
}

static void route_start(struct scan_run *run, struct scan_host *h)
{
    struct trace_target t = question_for(h->record);
    struct hops *trace = &h->record->trace;
    struct err e = {0};
    int r = trace_add(run->tracer, &t, &e);

    h->route = r == TRACE_STARTED ? ROUTE_ASKED : ROUTE_OVER;
    if (r == TRACE_STARTED && t.protocol != IP_ICMP) {
        trace->protocol = t.protocol == IP_TCP ? PROTOCOL_TCP : PROTOCOL_UDP;
        trace->port = t.port;
    } else if (r == TRACE_NEIGHBOUR) {
        neighbour(run, h);
    } else if (r < 0) {
        scan_say(run, "no route is traced: %s", err_text(&e));
        run->partial = true;
    }
}

bool scan_trace_host(struct scan_run *run, struct scan_host *h)
{
    if (h->route == ROUTE_WANTED && (!run->tracer || run->interrupted))
        h->route = ROUTE_OVER;
    if (h->route == ROUTE_WANTED)
        route_start(run, h);
    return h->route == ROUTE_OVER;
}

void scan_trace_open(struct scan_run *run)
{
    struct err e = {0};

    if (!run->args->traceroute)
        return;
    if (!run->privileged)
        err_set(&e, -EPERM, "no right to raw sockets (CAP_NET_RAW)");
    else if (trace_open(&run->tracer, run->loop, run->guard, run->args->interface, on_traced, run,
                        &e) == 0)
        return;
    scan_say(run, "no route is traced: %s", err_text(&e));
    run->partial = true;
}

void scan_trace_interrupt(struct scan_run *run)
{
    struct hop_name *n, *next;

    if (run->tracer)
        trace_stop(run->tracer);
    HASH_ITER (hh, run->hop_names, n, next)
        if (n->query)
            dns_cancel(n->query);
}

void scan_trace_close(struct scan_run *run)
{
    struct hop_name *n, *next;

    run->tracer = trace_close(run->tracer);
    HASH_ITER (hh, run->hop_names, n, next) {
        HASH_DEL(run->hop_names, n);
        if (n->query)
            dns_cancel(n->query);
        free(n->name);
        free(n);
    }
}
