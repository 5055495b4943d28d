/* Keeping account of a scan in a file (--state), and going on with one (--resume).
 *
 * A host counts as done when its output is written: outputs are flushed before the account is
 * saved, so that what the file says is done is in them. */
#include "service/cli/scan_run_priv.h"

#include <errno.h>
#include <string.h>

#define KEEP_EVERY (2 * USEC_PER_SEC)

int scan_account_open(struct scan_run *run, const struct scan_begin *begin, struct err *e)
{
    if (begin->resumed) {
        run->state = *begin->resumed;
        *begin->resumed = (struct scan_state){0};
        addr_set_done(&run->plan.scope);
        if (scan_state_rest(&run->state, &run->plan.scope) < 0)
            return err_set(e, -ENOMEM, "out of memory");
        return 0;
    }
    if (!run->args->state)
        return 0;
    return scan_state_new(&run->state, run->args->state, begin->words, &run->plan.scope, e);
}

bool scan_account_is_over(const struct scan_run *run)
{
    return run->state.path && run->state.n_done == run->state.total;
}

static void save(struct scan_run *run)
{
    struct err e = {0};

    scan_outputs_flush(&run->outputs);
    if (run->outputs.failure)
        return; /* the account before this one is true */
    if (scan_state_save(&run->state, &e) == 0)
        return;
    scan_say(run, "%s", err_text(&e));
    run->partial = true;
}

static void on_keep(struct timer *t)
{
    struct scan_run *run = CONTAINER_OF(t, struct scan_run, keep);

    save(run);
    if (timer_set(run->loop, t, KEEP_EVERY) < 0)
        scan_say(run, "out of memory: no account is kept any more");
}

/* The first account is kept at once: a path that cannot be written shows before the first packet.
 */
int scan_account_start(struct scan_run *run, struct err *e)
{
    int r;

    if (!run->state.path)
        return 0;
    r = scan_state_save(&run->state, e);
    if (r < 0)
        return r;
    run->keep.fire = on_keep;
    return timer_set(run->loop, &run->keep, KEEP_EVERY) < 0 ? err_set(e, -ENOMEM, "out of memory")
                                                            : 0;
}

void scan_account_up(struct scan_run *run, const struct addr *a)
{
    if (run->state.path && run->args->sample && scan_state_note_used(&run->state, a) < 0)
        run->partial = true;
}

void scan_account_done(struct scan_run *run, const struct addr *a)
{
    if (run->state.path)
        scan_state_note_done(&run->state, a);
}

void scan_account_close(struct scan_run *run)
{
    if (!run->state.path)
        return;
    timer_stop(run->loop, &run->keep);
    save(run);
    if (run->interrupted || run->stuck.taken)
        scan_say(run, "%llu of %llu addresses are done; go on with: muster scan --resume %s",
                 (unsigned long long)run->state.n_done, (unsigned long long)run->state.total,
                 run->state.path);
}
