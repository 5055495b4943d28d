/* The verbs that run the engine in this process. */
#include "service/cli/verb_scan.h"

#include "service/cli/scan_args.h"
#include "service/cli/scan_run.h"
#include "service/cli/verb_script.h"

#include <errno.h>
#include <signal.h>

void verb_scan_init(void *args)
{
    scan_args_init(args);
}

/* A pipe that closes must not end the process in the middle of an XML file. */
static void ignore_broken_pipes(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGPIPE, &ignore, NULL);
}

int verb_scan(struct verb_call *c)
{
    const struct scan_args *a = c->args;
    struct err e = {0};

    if (scan_args_check(a, &c->operands, &e) < 0)
        return verb_fail(c, &e);
    if (a->script_help)
        return script_help(c, a->script_help, &a->datadirs);
    ignore_broken_pipes();
    return scan_run(a, &c->operands, c->command);
}

int verb_script_run(struct verb_call *c)
{
    struct scan_args *a = c->args;
    struct option_list targets = {.values = c->operands.values + 1, .n = c->operands.n - 1};
    struct err e = {0};

    if (option_list_add(&a->scripts, c->operands.values[0]) < 0)
        return verb_fail(c, (err_set(&e, -ENOMEM, "out of memory"), &e));
    if (scan_args_check(a, &targets, &e) < 0)
        return verb_fail(c, &e);
    ignore_broken_pipes();
    return scan_run(a, &targets, c->command);
}
