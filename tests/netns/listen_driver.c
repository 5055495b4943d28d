/* Listens and prints what it hears as JSON lines, for tests and measurements in namespaces.
 *
 * listen_driver [--promiscuous] [--repeat SECONDS] [--rate N] [--table N] INTERFACE
 * Ends at SIGTERM with a line of its counters. */
#include "engine/scan/listen.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>

struct driver {
    struct loop *loop;
    struct listen *listen;
};

/* When it was told, by the clock that the senders of the test use too. */
static double realtime(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void on_sighting(void *user, const struct sighting *s)
{
    struct buf line = {0};

    (void)user;
    sighting_json(&line, s);
    printf("{\"told\":%.6f,\"sighting\":%s}\n", realtime(), line.data);
    buf_done(&line);
}

static void on_state(void *user, enum listen_state state, const char *why)
{
    struct buf line = {0};

    (void)user;
    buf_printf(&line, "{\"state\":\"%s\",\"why\":", state == LISTEN_UP ? "up" : "down");
    if (why)
        buf_printf(&line, "\"%s\"}", why);
    else
        buf_str(&line, "null}");
    puts(line.data);
    buf_done(&line);
}

static int on_term(sd_event_source *source, const struct signalfd_siginfo *info, void *user)
{
    struct driver *d = user;
    struct listen_stats s;

    (void)source;
    (void)info;
    listen_stats(d->listen, &s);
    printf("{\"frames\":%llu,\"bad\":%llu,\"told\":%llu,\"repeated\":%llu,\"limited\":%llu,"
           "\"evicted\":%llu,\"drops\":%llu}\n",
           (unsigned long long)s.frames, (unsigned long long)s.bad, (unsigned long long)s.told,
           (unsigned long long)s.repeated, (unsigned long long)s.limited,
           (unsigned long long)s.evicted, (unsigned long long)s.drops);
    loop_exit(d->loop, 0);
    return 0;
}

static void arguments(struct listen_opts *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--promiscuous"))
            o->mode = LISTEN_PROMISCUOUS;
        else if (!strcmp(argv[i], "--repeat") && i + 1 < argc)
            o->repeat = (usec_t)(strtod(argv[++i], NULL) * USEC_PER_SEC);
        else if (!strcmp(argv[i], "--rate") && i + 1 < argc)
            o->rate_max = strtod(argv[++i], NULL);
        else if (!strcmp(argv[i], "--table") && i + 1 < argc)
            o->table_max = strtoul(argv[++i], NULL, 10);
        else
            o->interface = argv[i];
    }
}

int main(int argc, char **argv)
{
    static const struct listen_sink sink = {on_sighting, on_state};
    struct listen_opts o = {0};
    struct driver d = {0};
    struct err e = {0};
    sigset_t set;

    setvbuf(stdout, NULL, _IOLBF, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    arguments(&o, argc, argv);
    if (!o.interface || loop_new(&d.loop, &e) < 0 ||
        sd_event_add_signal(loop_sd(d.loop), NULL, SIGTERM, on_term, &d) < 0 ||
        listen_start(&d.listen, d.loop, &o, &sink, &d, &e) < 0) {
        fprintf(stderr, "listen_driver: %s\n", o.interface ? err_text(&e) : "which interface?");
        return 2;
    }
    loop_run(d.loop);
    listen_stop(d.listen);
    loop_free(d.loop);
    return 0;
}
