/* The life of one scan: plan, parts, run, end.
 *
 * The loop ends when the scanner, the scripts and the names are through; an interrupt (SIGINT,
 * SIGTERM) asks each of them to end and then takes the same way, so that what is known is written
 * whole and the XML is closed.  A second interrupt kills. */
#include "service/cli/scan_run.h"

#include "engine/loop/dns.h"
#include "engine/loop/guard.h"
#include "engine/scan/estimate.h"
#include "engine/scan/vendor.h"
#include "engine/script/host.h"
#include "service/cli/estimate_text.h"
#include "service/cli/scan_run_priv.h"
#include "service/cli/verb.h"
#include "service/privilege/privilege.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-event.h>

/* Up to so many (address, port) pairs the scanner tells every closed port; above it sums them up,
 * to hold memory down. */
#define TELL_CLOSED_MAX 4000000ULL

static void run_free(struct scan_run *run)
{
    for (size_t i = 0; i < ARRAY_LEN(run->signals); i++)
        sd_event_source_unref(run->signals[i]);
    run->scan = scan_free(run->scan);
    run->scripts = script_host_leave(run->scripts);
    scan_raw_close(run);
    run->dns = dns_free(run->dns);
    run->list = scan_list_free(run->list);
    scan_trace_close(run);
    run->guard = guard_free(run->guard);
    if (run->loop) {
        scan_more_done(run);
        timer_stop(run->loop, &run->progress);
        task_cancel(run->loop, &run->flush);
    }
    if (run->loop)
        timer_stop(run->loop, &run->keep);
    run->loop = loop_free(run->loop);
    scan_state_free(&run->state);
    run->vendors = vendors_free(run->vendors);
    scan_hosts_free(run);
    scan_phases_free(run);
    scan_plan_done(&run->plan);
    addr_set_done(&run->echoed);
    buf_done(&run->failed);
}

static int on_signal(sd_event_source *s, const struct signalfd_siginfo *si, void *user)
{
    struct scan_run *run = user;

    (void)s;
    if (run->interrupted)
        _exit(128 + (int)si->ssi_signo);
    run->interrupted = run->partial = true;
    scan_say(run, "interrupted; writing what is known (again to end at once)");
    if (run->scan)
        scan_stop(run->scan);
    if (run->scripts)
        script_job_cancel(run->scripts, SCAN_JOB);
    scan_hosts_interrupt(run);
    scan_list_interrupt(run);
    return 0;
}

static int signals_open(struct scan_run *run, struct err *e)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        sigaddset(&set, numbers[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        int r =
            sd_event_add_signal(loop_sd(run->loop), &run->signals[i], numbers[i], on_signal, run);

        if (r < 0)
            return err_set(e, r, "cannot watch for signals: %s", strerror(-r));
    }
    return 0;
}

static int guard_open(struct scan_run *run, struct err *e)
{
    struct guard_opts o = {
        .scope = &run->plan.scope,
        .excludes = &run->plan.excludes.addrs,
        .fragile_ports = guard_printer_ports,
        .n_fragile_ports = GUARD_PRINTER_PORTS,
        .rate = run->plan.max_rate,
    };
    const struct addr_set *groups = &run->plan.groups;
    int r = guard_new(&run->guard, run->loop, &o, e);

    for (size_t i = 0; i < groups->n && r == 0; i++)
        if (guard_scope_add(run->guard, &groups->ranges[i].first, &groups->ranges[i].last) < 0)
            r = err_set(e, -ENOMEM, "out of memory");
    return r;
}

/* SYN where the rights are there and nobody asked for connect(). */
static enum scan_method wanted_method(const struct scan_run *run)
{
    unsigned ways = run->args->ways;

    if (ways & WAY_HOSTS_ONLY || ((ways & WAY_UDP) && !(ways & (WAY_SYN | WAY_CONNECT))))
        return SCAN_HOSTS_ONLY;
    return run->privileged && !(run->args->ways & WAY_CONNECT) ? SCAN_SYN : SCAN_CONNECT;
}

static void tell_rights(struct scan_run *run)
{
    if (run->privileged || run->args->ways & (WAY_CONNECT | WAY_UDP | WAY_LIST))
        return;
    if (run->args->ways & WAY_SYN)
        run->partial = true;
    scan_say(run,
             "no right to raw sockets (CAP_NET_RAW): hosts and ports are found with connect()");
}

int scan_run_scanner(struct scan_run *run, const struct addr_set *targets, struct err *e)
{
    uint64_t pairs = addr_set_count(targets);
    uint32_t ports = port_set_count(&run->plan.ports, PROTOCOL_TCP) +
                     port_set_count(&run->plan.ports, PROTOCOL_UDP);
    struct scan_opts o = {
        .targets = targets,
        .excludes = &run->plan.excludes.addrs,
        .ping = run->plan.ping,
        .method = wanted_method(run),
        .udp = run->args->ways & WAY_UDP,
        .payloads = run->plan.payloads,
        .ports = ports ? &run->plan.ports : NULL,
        .interface = run->args->interface,
        .max_rate = run->plan.max_rate,
        .min_rate = run->args->min_rate,
        .max_retries = run->plan.retries,
        .host_timeout = run->args->host_timeout,
        .sample = run->args->sample,
        .in_use = run->state.path ? &run->state.used : NULL,
        .report_down = run->args->verbose > 0,
        .report_closed = ports && pairs <= TELL_CLOSED_MAX / ports,
    };

    return scan_start(&run->scan, run->loop, run->guard, &o, &scan_run_sink, run, e);
}

static void info_fill(struct scan_run *run, const char *command)
{
    enum scan_method m = wanted_method(run);

    run->started = loop_now(run->loop);
    run->info = (struct scan_info){
        .version = cli_version(),
        .command = command,
        .start = loop_wall(run->loop),
        .method = m == SCAN_SYN       ? "syn"
                  : m == SCAN_CONNECT ? "connect"
                                      : NULL,
        .udp = run->args->ways & WAY_UDP,
        .ports = run->args->ways & WAY_HOSTS_ONLY ? NULL : &run->plan.ports,
        .names = run->plan.services,
        .verbose = run->args->verbose,
        .debug = run->args->debug,
        .reasons = run->args->reason || run->args->verbose > 1 || run->args->debug,
        .versions = run->args->ways & WAY_VERSION,
    };
}

static int run_open(struct scan_run *run, const struct option_list *targets,
                    const struct scan_begin *begin, struct err *e)
{
    int r = scan_plan_make(&run->plan, run->args, targets, e);

    if (r == 0)
        r = loop_new(&run->loop, e);
    if (r == 0)
        r = dns_new(&run->dns, run->loop, &(struct dns_opts){0}, e);
    if (r == 0)
        r = scan_plan_resolve(&run->plan, run->loop, run->dns, e);
    if (r == 0)
        r = scan_account_open(run, begin, e);
    if (r == 0 && run->args->multicast)
        r = scan_multicast(run, e);
    if (r == 0)
        r = guard_open(run, e);
    if (r == 0 && run->plan.untargeted)
        r = scan_untargeted_scope(run, e);
    return r;
}

/* They do nothing before the loop turns. */
static int parts_start(struct scan_run *run, struct err *e)
{
    int r;

    if (run->args->ways & WAY_LIST)
        return scan_list_start(run, e);
    scan_trace_open(run);
    if (run->plan.untargeted)
        return scan_untargeted_start(run, e);
    r = scan_scripts_start(run, e);
    if (r == 0)
        r = scan_run_scanner(run, &run->plan.scope, e);
    return r < 0 ? r : scan_account_start(run, e);
}

/* The outputs come last, so that no file is emptied for a scan that cannot start. */
static int run_start(struct scan_run *run, const char *command, struct err *e)
{
    int r;

    run->partial |= run->plan.n_unresolved > 0;
    run->privileged = scan_privileged();
    tell_rights(run);
    scan_tell_printers(run);
    info_fill(run, command);
    r = scan_scripts_load(run, e);
    if (r == 0)
        scan_tell_links(run);
    if (r == 0)
        r = signals_open(run, e);
    run->scan_over = !run->plan.scope.n;
    run->idle = run->scan_over && !run->plan.untargeted; /* no host has answered a multicast */
    if (r == 0 && !run->idle)
        r = parts_start(run, e);
    if (r == 0)
        r = scan_outputs_open(&run->outputs, run->args, run->info.start, e);
    if (r < 0)
        return r;
    run->begun = true;
    scan_outputs_begin(&run->outputs, &run->info);
    scan_load_results(run);
    scan_written(run);
    return run->idle ? 0 : scan_progress_start(run, e);
}

void scan_run_advance(struct scan_run *run)
{
    if (!run->scan_over || run->unscripted)
        return;
    if (run->scripts && !run->job_finished && scan_more_may_come(run))
        return;
    if (run->scripts && !run->job_finished) {
        run->job_finished = true;
        if (script_job_finish(run->scripts, SCAN_JOB) < 0)
            run->job_over = true;
    }
    if (!run->scripts || run->job_over)
        loop_exit(run->loop, 0);
}

/* What a scanner that did not get to its end has not told. */
static void count_probed(struct scan_run *run)
{
    struct scan_progress p = {0};

    if (!run->scan || run->scan_over)
        return;
    scan_progress(run->scan, &p);
    run->totals.hosts_probed += p.hosts_done;
}

static void run_end(struct scan_run *run, const char *failure)
{
    struct scan_host *h, *next;

    run->ended = true;
    count_probed(run);
    HASH_ITER (hh, run->hosts, h, next)
        scan_host_finish(run, h);
    scan_phase_write(run, SCRIPT_PRE);
    scan_phase_write(run, SCRIPT_POST);
    run->totals.end = loop_wall(run->loop);
    run->totals.elapsed = loop_now(run->loop) - run->started;
    run->totals.failure = failure            ? failure
                          : run->stuck.taken ? run->stuck.why
                          : run->interrupted ? "interrupted"
                                             : NULL;
    scan_progress_clear(run);
    scan_outputs_end(&run->outputs, &run->info, &run->totals);
    if (!failure)
        scan_tell_end(run);
}

static int run_fail(struct scan_run *run, const struct err *e)
{
    scan_say(run, "%s", err_text(e));
    return SCAN_FAILED;
}

/* What it would cost. */
static int tell_estimate(const struct scan_run *run)
{
    const struct scan_plan *p = &run->plan;
    const struct estimate_opts o = {
        .targets = &p->scope,
        .sample = run->args->sample,
        .ping = p->ping,
        .ports = run->args->ways & WAY_HOSTS_ONLY ? NULL : &p->ports,
        .retries = p->retries,
        .rate = p->max_rate > 0                           ? p->max_rate
                : run->args->min_rate > SCAN_RATE_DEFAULT ? run->args->min_rate
                                                          : SCAN_RATE_DEFAULT,
    };
    CLEANUP(buf_done) struct buf text = {0};

    estimate_write(&text, &o);
    if (text.failed)
        return SCAN_FAILED;
    printf("%s\n", text.data);
    return SCAN_DONE;
}

int scan_run(const struct scan_args *a, const struct option_list *targets,
             const struct scan_begin *begin)
{
    CLEANUP(run_free) struct scan_run run = {.args = a};
    struct err e = {0};
    int r;

    TAILQ_INIT(&run.to_name);
    TAILQ_INIT(&run.routes_to_name);
    privilege_raise_files(); /* scripts and connect() scans hold many sockets */
    r = run_open(&run, targets, begin, &e);
    if (r == 0 && a->estimate)
        return tell_estimate(&run);
    if (r == 0 && scan_account_is_over(&run)) {
        scan_say(&run, "%s: nothing is left, that scan was completed", run.state.path);
        return SCAN_DONE;
    }
    if (r == 0)
        r = run_start(&run, begin->command, &e);
    if (r == 0 && !run.idle) {
        r = scan_stuck_loop(&run);
        if (r < 0 && !run.outputs.failure)
            err_set(&e, r, "the event loop failed: %s", strerror(-r));
    }
    if (run.begun)
        scan_account_close(&run);
    if (run.begun)
        run_end(&run, run.outputs.failure ? "an output could not be written"
                      : r < 0             ? err_text(&e)
                                          : NULL);
    if (scan_outputs_close(&run.outputs, &e) < 0)
        r = -EIO;
    r = r < 0 ? run_fail(&run, &e) : run.partial ? SCAN_IN_PART : SCAN_DONE;
    scan_stuck_leave(&run, r);
    return r;
}
