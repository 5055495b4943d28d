/* musterd: the monitor, or with --role one of the processes that it starts. */
#include "engine/base/log.h"
#include "service/privilege/privilege.h"
#include "service/role/core.h"
#include "service/role/migrate_role.h"
#include "service/role/monitor.h"
#include "service/role/scanner.h"
#include "service/role/worker.h"

#include <getopt.h>
#include <string.h>

#ifndef MUSTER_VERSION
#define MUSTER_VERSION "0.1.0"
#endif
#define EXIT_WRONG_USAGE 64 /* sysexits */

#ifdef __SANITIZE_ADDRESS__
/* LeakSanitizer traces the process at its end, which is what the roles forbid (privilege.h).  Leaks
 * are found by the unit tests. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}
#endif

static const char usage[] =
    "Usage: musterd [--config FILE] [--foreground]\n"
    "Keeps the inventory of the networks that the configuration names; see musterd(8).\n"
    "\n"
    "  --config FILE  the configuration (default: $MUSTER_CONFIG, ./var/muster.yaml,\n"
    "                 /etc/muster/muster.yaml)\n"
    "  --foreground   log to stderr, also where stderr is the journal\n"
    "  --version      print the version\n"
    "  --help         print this\n"
    "\n"
    "SIGTERM and SIGINT end it, SIGHUP reads the configuration again.\n";

enum {
    OPT_CONFIG = 256,
    OPT_FOREGROUND,
    OPT_ROLE,
    OPT_INDEX,
    OPT_LEVEL,
    OPT_MEMORY,
    OPT_VERSION,
    OPT_HELP
};

static const struct option options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"foreground", no_argument, NULL, OPT_FOREGROUND},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {"role", required_argument, NULL, OPT_ROLE}, /* these are the monitor's */
    {"index", required_argument, NULL, OPT_INDEX},
    {"log-level", required_argument, NULL, OPT_LEVEL},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {NULL, 0, NULL, 0},
};

struct arguments {
    struct monitor_opts monitor;
    const char *role;
    uint64_t memory;
};

static int run_role(const struct arguments *a)
{
    if (strcmp(a->role, "core") == 0)
        return role_core();
    if (strcmp(a->role, "scanner") == 0)
        return role_scanner();
    if (strcmp(a->role, "script") == 0)
        return role_worker(a->memory);
    if (strcmp(a->role, "migrate") == 0 && a->monitor.config)
        return role_migrate(a->monitor.config);
    fprintf(stderr, "musterd: there is no role '%s'\n", a->role);
    return EXIT_WRONG_USAGE;
}

/* -1: go on; else the exit status. */
static int take_option(struct arguments *a, int option)
{
    switch (option) {
    case OPT_CONFIG:
        a->monitor.config = optarg;
        return -1;
    case OPT_FOREGROUND:
        a->monitor.foreground = true;
        unsetenv("JOURNAL_STREAM"); /* the roles inherit that */
        return -1;
    case OPT_ROLE:
        a->role = optarg;
        return -1;
    case OPT_LEVEL:
        log_set_level((int)strtol(optarg, NULL, 10));
        return -1;
    case OPT_MEMORY:
        a->memory = strtoull(optarg, NULL, 10);
        return -1;
    case OPT_INDEX:
        return -1;
    case OPT_VERSION:
        puts("musterd " MUSTER_VERSION);
        return EXIT_SUCCESS;
    case OPT_HELP:
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    default:
        fputs("Try 'musterd --help'.\n", stderr);
        return EXIT_WRONG_USAGE;
    }
}

int main(int argc, char **argv)
{
    struct arguments a = {0};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        int status = take_option(&a, option);

        if (status >= 0)
            return status;
    }
    if (optind < argc) {
        fprintf(stderr, "musterd: '%s' was not expected\nTry 'musterd --help'.\n", argv[optind]);
        return EXIT_WRONG_USAGE;
    }
    return a.role ? run_role(&a) : monitor_run(&a.monitor);
}
