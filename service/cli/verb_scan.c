/* The verbs that run the engine in this process. */
#include "service/cli/verb_scan.h"

#include "service/cli/scan_args.h"
#include "service/cli/scan_run.h"
#include "service/cli/scan_state.h"
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

/* Under the command line that the file kept. */
static int resume(struct verb_call *c, const char *path)
{
    struct scan_begin begin = {.command = c->command};
    struct scan_state state;
    struct option_list targets = {0};
    struct scan_args a;
    struct err e = {0};
    int r = scan_state_load(&state, path, &e), code = EXIT_ERROR;

    if (r < 0)
        return verb_fail(c, &e);
    scan_args_init(&a);
    r = options_parse(&c->verb->options, state.args, &a, &targets, &e);
    if (r == 0)
        r = scan_args_check(&a, &targets, &e);
    a.appending = true;
    if (r < 0)
        verb_fail(c, (err_add(&e, r, "%s", path), &e));
    else {
        begin.resumed = &state;
        /* `a` points into the words, which go with the state */
        code = scan_run(&a, &targets, &begin);
    }
    options_done(&c->verb->options, &a);
    option_list_done(&targets);
    scan_state_free(&state);
    return code;
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
    if (a->resume)
        return resume(c, a->resume);
    return scan_run(a, &c->operands, &(struct scan_begin){c->command, c->words, NULL});
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
    a->say_failures = true;
    ignore_broken_pipes();
    if (a->state || a->resume)
        return verb_fail(c,
                         (err_set(&e, -EINVAL, "--state and --resume belong to muster scan"), &e));
    return scan_run(a, &targets, &(struct scan_begin){.command = c->command});
}
