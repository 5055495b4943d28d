/* The script host's world during `muster scan`: results go to the host they belong to and out.
 *
 * A script that does not load or fails is told on stderr in one line and makes the run partial; the
 * others go on. */
#include "service/cli/scan_run_priv.h"

#include "engine/base/text.h"
#include "engine/script/host.h"
#include "service/cli/screen.h"

#include <errno.h>
#include <string.h>

static bool says_failures(const struct scan_run *run)
{
    return run->args->debug > 0 || run->args->say_failures;
}

/* What follows the first line of a message: a traceback, or where a library was looked for. */
static void say_rest(const char *reason)
{
    for (const char *line = strchr(reason, '\n'); line; line = strchr(line + 1, '\n')) {
        CLEANUP(buf_done) struct buf text = {0};
        size_t indent = strspn(line + 1, "\t");

        text_escape_utf8(&text, line + 1 + indent, strcspn(line + 1 + indent, "\n"));
        if (text.len)
            fprintf(stderr, "%*s%s\n", (int)(2 + 2 * indent), "", text.data);
    }
}

/* One line; more of them to whoever wants to know. */
static void say_outcome(struct scan_run *run, const struct script_result *r)
{
    CLEANUP(buf_done) struct buf text = {0};
    const char *reason = r->reason ? r->reason : "";
    char address[ADDR_TEXT_MAX];

    screen_text(&text, r->script);
    if (r->address.family != ADDR_NONE)
        buf_printf(&text, " on %s", addr_format(&r->address, address));
    if (r->phase == SCRIPT_PORT && r->address.family != ADDR_NONE)
        buf_printf(&text, " %u/%s", r->port, protocol_name(r->protocol));
    scan_say(run, "script %s %s%s%.*s", text.data ? text.data : "?",
             r->outcome == SCRIPT_TIMEOUT ? "took too long and was ended" : "failed",
             *reason ? ": " : "", (int)strcspn(reason, "\n"), reason);
    if (says_failures(run))
        say_rest(reason);
}

static void keep_phase(struct scan_run *run, const struct script_result *r)
{
    size_t i = r->phase == SCRIPT_POST;
    struct record_script *more = realloc(run->phases[i], (run->n_phases[i] + 1) * sizeof *more);

    if (more)
        run->phases[i] = more;
    if (!more || record_script_copy(&more[run->n_phases[i]], r) < 0)
        run->partial = true;
    else
        run->n_phases[i]++;
}

static void keep_result(struct scan_run *run, const struct script_result *r)
{
    struct scan_host *h;

    if (r->phase == SCRIPT_PRE || r->phase == SCRIPT_POST) {
        keep_phase(run, r);
        return;
    }
    h = scan_host_find(run, &r->address);
    if (h && host_record_add_script(h->record, r) < 0)
        run->partial = true;
}

/* Job 0: a file that was selected and does not load.  The outputs have no heads yet; it is told
 * with the first results. */
static void load_result(struct scan_run *run, const struct script_result *r)
{
    keep_phase(run, r);
    if (r->outcome == SCRIPT_ERROR)
        say_outcome(run, r);
    else if (run->args->verbose)
        scan_say(run, "script %s left out: %s", r->script, r->reason ? r->reason : "");
}

static void on_result(void *user, uint64_t job, const struct script_result *r)
{
    struct scan_run *run = user;
    struct scan_host *h = scan_host_find(run, &r->address);

    if (r->outcome == SCRIPT_ERROR || r->outcome == SCRIPT_TIMEOUT)
        run->partial = true;
    if (job != SCAN_JOB) {
        load_result(run, r);
        return;
    }
    /* The output of one that raised an error says in its place that it did; one that is ended has
     * none. */
    if (r->outcome == SCRIPT_TIMEOUT ||
        (r->outcome == SCRIPT_ERROR && (!r->output || says_failures(run))))
        say_outcome(run, r);
    else if (r->outcome == SCRIPT_ERROR)
        scan_note_failed(run, r->script);
    if (r->outcome != SCRIPT_SKIPPED)
        run->totals.scripts_run++;
    if (!h || scan_host_list(run, h))
        scan_outputs_script(&run->outputs, r);
    scan_written(run);
    keep_result(run, r);
}

void scan_load_results(struct scan_run *run)
{
    for (size_t i = 0; i < run->n_phases[0]; i++)
        scan_outputs_script(&run->outputs, &run->phases[0][i].result);
}

static void on_port_seen(void *user, uint64_t job, const struct port_finding *p)
{
    struct scan_run *run = user;
    struct scan_host *h = scan_host_find(run, &p->address);

    (void)job;
    if (!h)
        return;
    if (host_record_update_port(h->record, p) < 0)
        run->partial = true;
    scan_outputs_port(&run->outputs, p);
    scan_written(run);
}

static void on_job_done(void *user, uint64_t job)
{
    struct scan_run *run = user;

    (void)job;
    run->job_over = true;
    scan_run_advance(run);
}

static void on_host_scripts_done(void *user, uint64_t job, const struct addr *a)
{
    struct scan_run *run = user;
    struct scan_host *h = scan_host_find(run, a);

    (void)job;
    run->scripting--;
    if (h)
        scan_host_finish(run, h);
    scan_run_advance(run);
}

/* Libraries write it in front themselves. */
static bool names_itself(const char *text, const char *script)
{
    return text[0] == '[' && strncmp(text + 1, script, strlen(script)) == 0;
}

static void on_log(void *user, int pri, const char *script, const char *text)
{
    CLEANUP(buf_done) struct buf line = {0};
    struct scan_run *run = user;

    (void)pri;
    if (!run->begun) /* while scripts are loaded their results say the same */
        return;
    text_escape_utf8(&line, text, strlen(text));
    scan_progress_clear(run);
    if (script && *script && !names_itself(text, script))
        fprintf(stderr, "NSE: [%s] %s\n", script, line.data ? line.data : "");
    else
        fprintf(stderr, "NSE: %s\n", line.data ? line.data : "");
}

static size_t on_target_add(void *user, uint64_t job, const char *name)
{
    (void)job;
    return scan_more_add(user, name);
}

static void on_prerules_over(void *user, uint64_t job)
{
    (void)job;
    scan_more_prerules_over(user);
}

static const struct script_world world_functions = {
    .result = on_result,
    .port_seen = on_port_seen,
    .target_add = on_target_add,
    .prerules_over = on_prerules_over,
    .job_done = on_job_done,
    .host_done = on_host_scripts_done,
    .stuck = scan_stuck,
    .log = on_log,
};

static int host_new(struct scan_run *run, struct err *e)
{
    struct script_world world = world_functions;
    const struct scan_args *a = run->args;
    struct script_host_opts o = {
        .datadirs = (const char *const *)run->plan.datadirs,
        .n_datadirs = run->plan.n_datadirs,
        .args = run->plan.script_args,
        .args_file = a->script_args_file,
        .verbosity = a->verbose + a->debug, /* as with nmap, -d says more, too */
        .debugging = a->debug,
        .timing_level = run->plan.timing,
        .version_intensity = scan_args_intensity(a),
        .version_first = a->ways & WAY_VERSION,
        .family = run->plan.family,
        .interface = a->interface,
        .privileged = run->privileged,
        .script_timeout = a->script_timeout,
        .trace = a->script_trace,
        .scratch_dir = a->script_scratch,
    };
    int r = scan_raw_open(run, &world, e);

    if (r < 0)
        return r;
    world.user = run;
    r = script_host_new(&run->scripts, run->loop, run->guard, run->dns, &world, &o, e);
    if (r == 0)
        scan_more_open(run);
    return r;
}

int scan_scripts_load(struct scan_run *run, struct err *e)
{
    size_t n = 0;
    int r;

    if (!run->plan.scripts)
        return 0;
    r = host_new(run, e);
    if (r < 0)
        return r;
    r = script_host_select(run->scripts, run->plan.scripts, &n, e);
    return r < 0 ? err_add(e, r, "--script %s", run->plan.scripts) : 0;
}

int scan_scripts_start(struct scan_run *run, struct err *e)
{
    return run->scripts ? script_job_start(run->scripts, SCAN_JOB, e) : 0;
}

static struct port_finding *ports_of(const struct host_record *r)
{
    struct port_finding *p = calloc(r->n_ports + 1, sizeof *p);

    for (size_t i = 0; p && i < r->n_ports; i++)
        p[i] = host_record_port(r, &r->ports[i]);
    return p;
}

static void name_services(const struct scan_run *run, const struct host_record *r,
                          struct port_finding *p)
{
    for (size_t i = 0; i < r->n_ports; i++) {
        if (!p[i].service.name)
            p[i].service.name = scan_service_name(&run->info, r, &r->ports[i]);
        if (!p[i].service.confidence)
            p[i].service.confidence = 3;
    }
}

int scan_scripts_add(struct scan_run *run, struct scan_host *h, struct err *e)
{
    const struct host_finding *f = &h->record->host;
    CLEANUP(freep) struct port_finding *ports = ports_of(h->record);
    struct script_target t = {
        .address = f->address,
        .target_name = f->target,
        .hostname = f->hostname,
        .reason = f->reason,
        .reason_ttl = f->ttl,
        .has_mac = f->has_mac,
        .mac = f->mac,
        .directly_connected = f->has_mac || addr_is_loopback(&f->address),
        .interface = run->args->interface,
        .srtt = f->rtt,
        .rttvar = f->rtt / 2,
        .rtt_timeout = 3 * f->rtt > 100 * USEC_PER_MSEC ? 3 * f->rtt : 100 * USEC_PER_MSEC,
        .trace = &h->record->trace,
        .ports = ports,
        .n_ports = h->record->n_ports,
    };

    char interface[16];

    if (!ports)
        return err_set(e, -ENOMEM, "out of memory");
    scan_raw_way(run, &t, interface);
    name_services(run, h->record, ports);
    return script_job_add_host(run->scripts, SCAN_JOB, &t, e);
}

void scan_phase_write(struct scan_run *run, enum script_phase phase)
{
    size_t i = phase == SCRIPT_POST;

    record_scripts_sort(run->phases[i], run->n_phases[i]);
    scan_outputs_phase(&run->outputs, phase, run->phases[i], run->n_phases[i]);
    while (run->n_phases[i] > 0)
        record_script_done(&run->phases[i][--run->n_phases[i]]);
}

void scan_phases_free(struct scan_run *run)
{
    for (size_t i = 0; i < ARRAY_LEN(run->phases); i++) {
        while (run->n_phases[i] > 0)
            record_script_done(&run->phases[i][--run->n_phases[i]]);
        free(run->phases[i]);
        run->phases[i] = NULL;
    }
}
