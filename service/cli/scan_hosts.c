/* One host on its way through the run: found, named, scanned, scripted, written.
 *
 * Nothing waits for other hosts.  Names come by DNS while the ports are probed; only the host's own
 * output waits for its name, so that the JSON lines of a host follow its "host" record.  Lookups
 * are few at a time: a resolver is a shared thing. */
#include "service/cli/scan_run_priv.h"

#include "engine/loop/dns.h"
#include "engine/model/services.h"
#include "engine/scan/vendor.h"

#include <errno.h>
#include <string.h>

enum { NAMES_AT_A_TIME = 64 };

struct scan_host *scan_host_find(struct scan_run *run, const struct addr *a)
{
    struct addr_key key = addr_key(a);
    struct scan_host *h;

    HASH_FIND(hh, run->hosts, &key, sizeof key, h);
    return h;
}

static struct scan_host *host_free(struct scan_host *h)
{
    host_record_free(h->record);
    free(h);
    return NULL;
}

static void names_start(struct scan_run *run);

/* Memory is all that can fail while findings come; the host is then told as far as it is known. */
static void note_result(struct scan_run *run, int r)
{
    if (r < 0)
        run->partial = true;
}

/* The name of the port in the table, where nothing better is known. */
static struct port_finding with_name(const struct scan_run *run, struct port_finding p)
{
    if (!p.service.name) {
        p.service.name = services_name(run->plan.services, p.protocol, p.port);
        p.service.confidence = p.service.name ? 3 : 0;
    }
    return p;
}

static void tell_port(struct scan_run *run, const struct port_finding *p)
{
    struct port_finding named = with_name(run, *p);

    scan_outputs_port(&run->outputs, &named);
    scan_written(run);
}

static void tell_host(struct scan_run *run, struct scan_host *h)
{
    if (h->told)
        return;
    h->told = true;
    scan_outputs_host(&run->outputs, &run->info, &h->record->host);
    scan_written(run);
}

static void tell_open(struct scan_run *run, struct scan_host *h, const struct port_finding *p)
{
    tell_host(run, h);
    tell_port(run, p);
}

/* Tells the host, and the ports that came while its name was asked for. */
static void host_named(struct scan_run *run, struct scan_host *h)
{
    h->named = true;
    if (!h->record->open_only)
        tell_host(run, h);
    for (size_t i = 0; i < h->record->n_ports; i++) {
        struct port_finding p = host_record_port(h->record, &h->record->ports[i]);

        if (p.state == PORT_OPEN)
            tell_open(run, h, &p);
    }
    scan_host_next(run, h);
}

static void on_name(void *user, int status, const char *name)
{
    struct scan_host *h = user;
    struct scan_run *run = h->run;

    run->naming--;
    h->query = NULL;
    if (run->ended)
        return;
    if (status == 0)
        note_result(run, host_record_set_name(h->record, name));
    host_named(run, h);
    names_start(run);
}

static void names_start(struct scan_run *run)
{
    struct scan_host *h;

    while (run->naming < NAMES_AT_A_TIME && (h = TAILQ_FIRST(&run->to_name))) {
        TAILQ_REMOVE(&run->to_name, h, naming);
        if (!run->interrupted &&
            dns_reverse(run->dns, &h->record->host.address, on_name, h, &h->query) == 0)
            run->naming++;
        else
            host_named(run, h);
    }
}

static void write_down(struct scan_run *run, const struct host_finding *h)
{
    CLEANUP(host_record_freep) struct host_record *r = host_record_new(h);

    if (!r) {
        run->partial = true;
        return;
    }
    scan_outputs_host(&run->outputs, &run->info, h);
    scan_outputs_record(&run->outputs, &run->info, r);
    scan_written(run);
}

/* Who made the network card.  The table is large, and a scan beyond a router needs none. */
static const char *vendor_of(struct scan_run *run, const struct host_finding *f)
{
    if (!f->has_mac)
        return NULL;
    if (!run->vendors_tried) {
        struct err e = {0};

        run->vendors_tried = true;
        if (vendors_load(&run->vendors, VENDORS_DIR, &e) < 0 && run->args->verbose)
            scan_say(run, "no vendors of MAC addresses: %s", err_text(&e));
    }
    return run->vendors ? vendors_name(run->vendors, &f->mac) : NULL;
}

static void host_up(struct scan_run *run, const struct host_finding *finding)
{
    struct host_finding f = *finding;
    struct scan_host *h = calloc(1, sizeof *h);

    f.target = scan_plan_name_of(&run->plan, &f.address);
    f.vendor = f.vendor ? f.vendor : vendor_of(run, &f);
    if (f.reason == REASON_ND_RESPONSE && addr_set_contains(&run->echoed, &f.address))
        f.reason = REASON_ECHO_REPLY; /* the neighbour discovery was to verify that */
    if (h)
        h->record = host_record_new(&f);
    if (!h || !h->record) {
        free(h);
        run->partial = true;
        return;
    }
    h->run = run;
    h->key = addr_key(&f.address);
    h->record->started = loop_wall(run->loop);
    h->record->open_only = run->args->open_only && run->info.ports;
    HASH_ADD(hh, run->hosts, key, sizeof h->key, h);
    run->totals.hosts_up++;
    run->unscripted++;
    if (run->args->no_names) {
        host_named(run, h);
    } else {
        TAILQ_INSERT_TAIL(&run->to_name, h, naming);
        names_start(run);
    }
}

static void on_host(void *user, const struct host_finding *f)
{
    struct scan_run *run = user;

    if (f->state == HOST_UP) {
        scan_account_up(run, &f->address);
        host_up(run, f);
    } else if (run->args->verbose)
        write_down(run, f);
}

static void on_port(void *user, const struct port_finding *p)
{
    struct scan_run *run = user;
    struct scan_host *h = scan_host_find(run, &p->address);

    if (!h)
        return;
    note_result(run, host_record_add_port(h->record, p));
    if (p->state != PORT_OPEN)
        return;
    run->totals.ports_open++;
    scan_progress_port(run, p);
    if (h->named)
        tell_open(run, h, p);
}

static void on_summary(void *user, const struct port_summary *s)
{
    struct scan_run *run = user;
    struct scan_host *h = scan_host_find(run, &s->address);

    if (h)
        note_result(run, host_record_add_summary(h->record, s));
}

static void on_host_done(void *user, const struct addr *a, bool conclusive)
{
    struct scan_run *run = user;
    struct scan_host *h = scan_host_find(run, a);

    if (!h) {
        if (conclusive)
            scan_account_done(run, a);
        run->n_unasked += !conclusive;
        return;
    }
    h->scanned = true;
    run->n_cut += !conclusive;
    if (!conclusive)
        h->record->timed_out = run->partial = true;
    scan_host_next(run, h);
}

void scan_host_next(struct scan_run *run, struct scan_host *h)
{
    struct err e = {0};

    if (!h->named || !h->scanned || h->scripted || !scan_trace_host(run, h))
        return;
    h->scripted = true;
    run->unscripted--;
    if (run->scripts && !run->interrupted) {
        host_record_sort(h->record);
        if (scan_scripts_add(run, h, &e) == 0) {
            run->scripting++;
            return;
        }
        scan_say(run, "%s", err_text(&e));
        run->partial = true;
    }
    scan_host_finish(run, h);
    scan_run_advance(run);
}

bool scan_host_list(struct scan_run *run, struct scan_host *h)
{
    if (h->record->open_only && !host_record_lists_any(h->record))
        return false;
    tell_host(run, h);
    return true;
}

/* The scanner did not get to it. */
static void host_cut_short(struct scan_run *run, struct scan_host *h)
{
    h->scanned = h->record->timed_out = run->partial = true;
    run->totals.hosts_probed++;
}

void scan_host_finish(struct scan_run *run, struct scan_host *h)
{
    if (!h->scanned)
        host_cut_short(run, h);
    h->record->ended = loop_wall(run->loop);
    scan_phase_write(run, SCRIPT_PRE);
    host_record_sort(h->record);
    if (scan_host_list(run, h))
        scan_outputs_record(&run->outputs, &run->info, h->record);
    scan_written(run);
    if (!h->record->timed_out && !run->interrupted)
        scan_account_done(run, &h->record->host.address);
    if (h->query)
        return; /* an answer is still to come: it is freed with the run */
    HASH_DEL(run->hosts, h);
    host_free(h);
}

void scan_hosts_free(struct scan_run *run)
{
    struct scan_host *h, *next;

    HASH_ITER (hh, run->hosts, h, next) {
        HASH_DEL(run->hosts, h);
        host_free(h);
    }
}

/* What the scanner did not get to: told as far as it is known, and counted as what it is. */
static void hosts_cut_short(struct scan_run *run)
{
    struct scan_host *h, *next;

    HASH_ITER (hh, run->hosts, h, next) {
        if (h->scanned)
            continue;
        host_cut_short(run, h);
        scan_host_next(run, h);
    }
}

void scan_hosts_interrupt(struct scan_run *run)
{
    struct scan_host *h, *next;

    names_start(run);
    HASH_ITER (hh, run->hosts, h, next)
        if (h->query)
            dns_cancel(h->query);
    scan_trace_interrupt(run);
}

static void on_scan_done(void *user, const struct coverage *c, int status)
{
    struct scan_run *run = user;

    run->totals.hosts_probed += c->asked;
    scan_outputs_coverage(&run->outputs, c);
    scan_written(run);
    run->scan_over = true;
    if (status < 0 && status != -ECANCELED)
        scan_say(run, "the scan ended early: %s",
                 scan_why(run->scan) ? scan_why(run->scan) : strerror(-status));
    if (status < 0 || !c->complete)
        run->partial = true;
    if (status == 0)
        scan_tell_undecided(run);
    hosts_cut_short(run);
    scan_run_advance(run);
}

const struct scan_sink scan_run_sink = {
    .host = on_host,
    .port = on_port,
    .summary = on_summary,
    .host_done = on_host_done,
    .done = on_scan_done,
};
