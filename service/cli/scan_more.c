/* Targets that scripts add (nmap.add_targets): scanned as the others are, in a further round when
 * the hosts before them are through.
 *
 * Only where the person said so with the script argument newtargets, which is also what the scripts
 * themselves ask for; what was excluded stays excluded, and a script does not make a sweep of the
 * world of a small scan. */
#include "service/cli/scan_run_priv.h"

#include "engine/loop/dns.h"
#include "engine/loop/guard.h"
#include "engine/scan/targets.h"
#include "engine/script/host.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define MORE_MAX 65536 /* addresses of all scripts together */

struct more_name {
    struct scan_run *run;
    char name[];
};

/* Leaves in *s what nobody has asked for yet and may be asked. */
static int only_new(struct scan_run *run, struct addr_set *s)
{
    CLEANUP(addr_set_done) struct addr_set groups = {0};
    int r = scan_groups_split(&groups, s);

    if (r == 0)
        r = addr_set_subtract(s, &run->plan.excludes.addrs);
    if (r == 0)
        r = addr_set_subtract(s, &run->plan.scope);
    return r == 0 ? addr_set_subtract(s, &run->more.waiting) : r;
}

static bool is_too_much(struct scan_run *run, uint64_t n)
{
    if (n <= MORE_MAX && run->more.n + n <= MORE_MAX)
        return false;
    if (!run->more.told)
        scan_say(run, "scripts add more than %d addresses: those beyond are not scanned", MORE_MAX);
    run->more.told = run->partial = true;
    return true;
}

/* Whether anything of it will be scanned. */
static bool take_new(struct scan_run *run, struct addr_set *s)
{
    uint64_t n;

    if (only_new(run, s) < 0) {
        run->partial = true;
        return false;
    }
    n = addr_set_count(s);
    if (n == 0 || is_too_much(run, n))
        return false;
    for (size_t i = 0; i < s->n; i++)
        if (addr_set_add(&run->more.waiting, &s->ranges[i].first, &s->ranges[i].last) < 0)
            run->partial = true;
    run->more.n += n;
    return true;
}

void scan_more_look(struct scan_run *run)
{
    loop_post(run->loop, &run->more.next);
}

static void on_addrs(void *user, int status, const struct addr *addrs, size_t n)
{
    CLEANUP(freep) struct more_name *m = user;
    CLEANUP(addr_set_done) struct addr_set one = {0};
    struct scan_run *run = m->run;

    run->more.lookups--;
    if (run->ended || run->interrupted)
        return;
    if (status < 0 || n == 0)
        scan_say(run, "cannot resolve '%s', which a script adds", m->name);
    else if (addr_set_add(&one, &addrs[0], &addrs[0]) < 0)
        run->partial = true;
    else if (take_new(run, &one) && scan_plan_name(&run->plan, &addrs[0], m->name) < 0)
        run->partial = true;
    scan_more_look(run);
}

static bool look_up(struct scan_run *run, const char *name)
{
    struct more_name *m = malloc(sizeof *m + strlen(name) + 1);

    if (!m)
        return false;
    m->run = run;
    memcpy(m->name, name, strlen(name) + 1);
    if (dns_lookup(run->dns, name, run->plan.family, on_addrs, m, NULL) < 0) {
        free(m);
        return false;
    }
    run->more.lookups++;
    return true;
}

/* As on the command line: address, range, network, name. */
static int parse(struct scan_run *run, struct scan_plan *p, const char *word, struct err *e)
{
    int r = target_list_add(&p->targets, word, e);

    if (r == 0)
        r = scan_plan_links(p, run->args->interface, e);
    if (r == 0 && p->targets.n_names && strchr(word, '/'))
        r = err_set(e, -EINVAL, "target '%s': expected an address for a network", word);
    return r;
}

size_t scan_more_add(struct scan_run *run, const char *word)
{
    struct scan_plan p = {0};
    struct err e = {0};
    bool taken = false;

    if (!run->more.granted || run->interrupted || run->job_finished)
        return 0;
    if (parse(run, &p, word, &e) < 0)
        scan_say(run, "a script adds targets: %s", err_text(&e));
    else
        taken = p.targets.n_names ? look_up(run, word) : take_new(run, &p.targets.addrs);
    target_list_done(&p.targets);
    return taken;
}

void scan_more_prerules_over(struct scan_run *run)
{
    run->more.prerules_over = true;
    if (run->more.granted)
        scan_more_look(run);
}

/* They belong to the scan from now on. */
static int adopt(struct scan_run *run, const struct addr_set *s)
{
    int r = 0;

    for (size_t i = 0; i < s->n && r == 0; i++) {
        r = addr_set_add(&run->plan.scope, &s->ranges[i].first, &s->ranges[i].last);
        if (r == 0)
            r = guard_scope_add(run->guard, &s->ranges[i].first, &s->ranges[i].last);
    }
    return r;
}

static int round_start(struct scan_run *run, struct err *e)
{
    CLEANUP(addr_set_done) struct addr_set targets = run->more.waiting;
    int r;

    run->more.waiting = (struct addr_set){0};
    r = adopt(run, &targets);
    if (r < 0)
        return err_set(e, r, "out of memory");
    if (run->args->verbose)
        scan_say(run, "%" PRIu64 " more from scripts", addr_set_count(&targets));
    run->n_unasked = run->n_cut = 0; /* of the round before, which has told them */
    run->scan = scan_free(run->scan);
    return scan_run_scanner(run, &targets, e);
}

/* What scripts ask of a host may not mix with what the scanner asks of the next ones: rounds, not a
 * stream, as it is with nmap's groups. */
static bool is_between_rounds(const struct scan_run *run)
{
    return run->scan_over && !run->unscripted && !run->scripting && !run->interrupted &&
           run->more.waiting.n;
}

static void on_next(struct task *t)
{
    struct scan_run *run = CONTAINER_OF(t, struct scan_run, more.next);
    struct err e = {0};

    if (is_between_rounds(run)) {
        run->scan_over = false;
        if (round_start(run, &e) < 0) {
            scan_say(run, "what scripts added cannot be scanned: %s", err_text(&e));
            run->scan_over = run->partial = true;
        }
    }
    scan_run_advance(run);
}

bool scan_more_may_come(struct scan_run *run)
{
    if (!run->more.granted || run->interrupted)
        return false;
    if (run->more.waiting.n && !run->scripting)
        scan_more_look(run);
    return run->more.waiting.n || run->more.lookups || run->scripting || !run->more.prerules_over;
}

void scan_more_open(struct scan_run *run)
{
    run->more.next.run = on_next;
    run->more.granted = script_host_has_arg(run->scripts, "newtargets");
}

void scan_more_done(struct scan_run *run)
{
    task_cancel(run->loop, &run->more.next);
    addr_set_done(&run->more.waiting);
}
