/* What interrupts a running script: a timer of this thread's CPU time.
 *
 * Lua's count hook could do it alone, but while a hook is set Lua looks at it at each instruction,
 * which is a tenth of all the time that scripts take.  So the hook is set only when a tick finds a
 * script running: lua_sethook() may be called in a signal handler.  The timer costs nothing while
 * the thread waits.  What a script has used is counted in ticks, too: the clock of CPU time is a
 * system call each time.  Where there is no timer, the count hook is set from the start. */
#include "engine/script/sthread.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK_SIGNAL SIGVTALRM
#define TICK_NSEC   (SCHED_TICK_USEC * 1000)

static void on_tick(int signal, siginfo_t *info, void *context)
{
    struct sched *s = info->si_value.sival_ptr;

    (void)signal;
    (void)context;
    if (info->si_code != SI_TIMER || !s->current)
        return;
    s->burst_ticks += 1 + (unsigned)info->si_overrun;
    lua_sethook(s->running, sched_count_hook, LUA_MASKCOUNT, 1);
    if (s->stuck && s->burst_ticks >= SCHED_STUCK_USEC / SCHED_TICK_USEC)
        s->stuck(s->host, (usec_t)s->burst_ticks * SCHED_TICK_USEC);
}

static bool set_handler(void)
{
    struct sigaction action = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, TICK_SIGNAL);
    return sigaction(TICK_SIGNAL, &action, NULL) == 0 &&
           pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0;
}

void sched_tick_start(struct sched *s)
{
    struct itimerspec every = {{0, TICK_NSEC}, {0, TICK_NSEC}};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
                             .sigev_signo = TICK_SIGNAL,
                             .sigev_value.sival_ptr = s,
                             ._sigev_un._tid = gettid()};

    if (!set_handler() || timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &s->tick) < 0)
        return;
    s->ticks = timer_settime(s->tick, 0, &every, NULL) == 0;
    if (!s->ticks)
        timer_delete(s->tick);
}

void sched_tick_stop(struct sched *s)
{
    if (s->ticks)
        timer_delete(s->tick);
    s->ticks = false;
}
