/* What a scan says on stderr: messages, and on a terminal a line of progress that makes room for
 * them.
 *
 * The line comes once a second; a pipe or a file gets none. */
#include "service/cli/scan_run_priv.h"

#include "service/cli/screen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#define PROGRESS_EVERY USEC_PER_SEC

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

static void show_progress(struct scan_run *run)
{
    struct scan_progress p = {0};
    double part = 0;

    if (!run->scan)
        return;
    scan_progress(run->scan, &p);
    if (p.probes_total)
        part = 100.0 * (double)p.probes_sent / (double)p.probes_total;
    else if (p.hosts_total)
        part = 100.0 * (double)p.hosts_done / (double)p.hosts_total;
    fprintf(stderr,
            "\r\x1b[K%.0f%%, %" PRIu64 " of %" PRIu64 " addresses, %" PRIu64 " up, %" PRIu64
            " ports open, %" PRIu64 " script runs",
            part > 100 ? 100 : part, p.hosts_done, p.hosts_total, run->totals.hosts_up,
            run->totals.ports_open, run->totals.scripts_run);
    run->progress_shown = true;
}

static void on_progress(struct timer *t)
{
    struct scan_run *run = CONTAINER_OF(t, struct scan_run, progress);

    show_progress(run);
    if (timer_set(run->loop, t, PROGRESS_EVERY) < 0)
        scan_progress_clear(run);
}

int scan_progress_start(struct scan_run *run, struct err *e)
{
    run->progress.fire = on_progress;
    if (!isatty(STDERR_FILENO))
        return 0;
    return timer_set(run->loop, &run->progress, PROGRESS_EVERY) < 0
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
