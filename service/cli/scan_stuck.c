/* Scripts are preempted inside Lua, not inside a C function of a library: a pattern of lpeg may go
 * on for longer than there are people.  Where scripts have a process of their own it is killed;
 * here they share it with the whole scan, so what is known is written and the process ends, also
 * when somebody asks it to while nobody is there to hear it.
 *
 * The way out is a jump from a signal handler.  What it interrupts may have been in the middle of
 * anything, of allocating memory, too: so the rest has its own time, and is only tried because all
 * would be lost without it. */
#include "service/cli/scan_run_priv.h"

#include "engine/script/host.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STUCK_USEC   (20 * USEC_PER_SEC) /* twice what a script may use */
#define LEAVE_WITHIN 10                  /* seconds */

/* Async-signal-safe.  Signals are read by the loop, which does not turn. */
static bool is_asked_to_end(void)
{
    sigset_t set;

    return sigpending(&set) == 0 &&
           (sigismember(&set, SIGINT) == 1 || sigismember(&set, SIGTERM) == 1);
}

/* No snprintf(3) in a signal handler. */
static void say_why(char *ret, size_t size, const char *script)
{
    static const char *const parts[] = {"script ", NULL, " does not come back out of a C function"};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        for (const char *c = parts[i] ? parts[i] : script; *c && n < size - 1; c++)
            ret[n++] = *c;
    ret[n] = '\0';
}

void scan_stuck(void *user, const char *script, usec_t cpu)
{
    struct scan_run *run = user;
    bool asked = is_asked_to_end();

    if (!run->stuck.armed || (!asked && cpu < STUCK_USEC))
        return;
    run->stuck.armed = false;
    say_why(run->stuck.why, sizeof run->stuck.why, script);
    siglongjmp(run->stuck.way_out, 1);
}

/* The signal's own action ends a process whose heap does not work any more. */
static void limit_the_rest(void)
{
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    alarm(LEAVE_WITHIN);
}

int scan_stuck_loop(struct scan_run *run)
{
    int r;

    if (sigsetjmp(run->stuck.way_out, 1)) {
        limit_the_rest();
        loop_abandon(run->loop);
        run->stuck.taken = run->partial = true;
        scan_say(run, "%s: writing what is known", run->stuck.why);
        return 0;
    }
    run->stuck.armed = true;
    r = loop_run(run->loop);
    run->stuck.armed = false;
    return r;
}

void scan_stuck_leave(const struct scan_run *run, int code)
{
    if (!run->stuck.taken)
        return;
    fflush(NULL);
    _exit(code);
}
