/* What a scan says on stderr: messages, and on a terminal a line of progress that makes room for
 * them.
 *
 * The line comes once a second; a pipe or a file gets lines when --stats-every asks for them. */
#include "service/cli/scan_run_priv.h"

#include "service/cli/estimate_text.h"
#include "service/cli/screen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#define PROGRESS_EVERY   USEC_PER_SEC
#define PART_TO_JUDGE    0.01 /* before that nothing can be said of the rest */
#define ELAPSED_TO_JUDGE (2 * USEC_PER_SEC)

void scan_progress_clear(struct scan_run *run)
{
    if (!run->progress_shown)
        return;
    fputs("\r\x1b[K", stderr);
    run->progress_shown = false;
}

void scan_say(struct scan_run *run, const char *fmt, ...)
{
    CLEANUP(buf_done) struct buf text = {0}, line = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    screen_text(&line, text.data);
    scan_progress_clear(run);
    fprintf(stderr, "muster scan: %s\n", line.data ? line.data : "");
}

void scan_progress_port(struct scan_run *run, const struct port_finding *p)
{
    char address[ADDR_TEXT_MAX];

    if (!run->args->verbose)
        return;
    scan_progress_clear(run);
    fprintf(stderr, "Discovered open port %u/%s on %s\n", p->port, protocol_name(p->protocol),
            addr_format(&p->address, address));
}

/* Behind the scanner only scripts are left, of which nobody knows how long they take. */
static double part_done(const struct scan_progress *p)
{
    double part = p->probes_total  ? (double)p->probes_sent / (double)p->probes_total
                  : p->hosts_total ? (double)p->hosts_done / (double)p->hosts_total
                                   : 0;

    return part > 1 ? 1 : part;
}

static void write_progress(struct buf *out, const struct scan_run *run)
{
    struct scan_progress p = {0};
    usec_t elapsed = loop_now(run->loop) - run->started;
    double part;

    scan_progress(run->scan, &p);
    part = part_done(&p);
    buf_printf(out,
               "%.0f%%, %" PRIu64 " of %" PRIu64 " addresses, %" PRIu64 " up, %" PRIu64
               " ports open, %" PRIu64 " script runs",
               100 * part, p.hosts_done, p.hosts_total, run->totals.hosts_up,
               run->totals.ports_open, run->totals.scripts_run);
    if (part < PART_TO_JUDGE || part >= 1 || elapsed < ELAPSED_TO_JUDGE)
        return;
    buf_str(out, ", about ");
    estimate_span_write(out, (usec_t)((double)elapsed * (1 - part) / part));
    buf_str(out, " left");
}

static void show_progress(struct scan_run *run)
{
    CLEANUP(buf_done) struct buf text = {0};

    if (!run->scan)
        return;
    write_progress(&text, run);
    if (text.failed)
        return;
    if (run->args->stats_every) {
        scan_say(run, "%s", text.data);
        return;
    }
    fprintf(stderr, "\r\x1b[K%s", text.data);
    run->progress_shown = true;
}

static usec_t progress_every(const struct scan_run *run)
{
    return run->args->stats_every ? run->args->stats_every : PROGRESS_EVERY;
}

static void on_progress(struct timer *t)
{
    struct scan_run *run = CONTAINER_OF(t, struct scan_run, progress);

    show_progress(run);
    if (timer_set(run->loop, t, progress_every(run)) < 0)
        scan_progress_clear(run);
}

int scan_progress_start(struct scan_run *run, struct err *e)
{
    run->progress.fire = on_progress;
    if (!isatty(STDERR_FILENO) && !run->args->stats_every)
        return 0;
    return timer_set(run->loop, &run->progress, progress_every(run)) < 0
               ? err_set(e, -ENOMEM, "out of memory")
               : 0;
}

static void on_flush(struct task *t)
{
    struct scan_run *run = CONTAINER_OF(t, struct scan_run, flush);

    scan_progress_clear(run);
    scan_outputs_flush(&run->outputs);
    if (run->outputs.failure)
        loop_exit(run->loop, run->outputs.failure);
}

void scan_written(struct scan_run *run)
{
    run->flush.run = on_flush;
    loop_post(run->loop, &run->flush);
}
