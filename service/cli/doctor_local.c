/* Doctor: this machine.  Rights, scripts, clock, disk. */
#include "service/cli/doctor.h"

#include "engine/scan/scan.h"
#include "service/cli/scan_plan.h"
#include "service/cli/verb_script.h"
#include "service/config/config.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#define DISK_LEAST (1024ULL * 1024 * 1024)

void doctor_rights(struct doctor *d)
{
    if (scan_privileged())
        doctor_add(d, VERDICT_OK, "rights", "raw sockets: SYN, ARP and ICMP probes are possible",
                   NULL);
    else
        doctor_add(d, VERDICT_WARN, "rights",
                   "no raw sockets here: scans use connect(), and see no MAC addresses",
                   "run as root, or give CAP_NET_RAW (the unit of musterd has it)");
}

/* The directories of the configuration, else Muster's own. */
static void directories(struct option_list *l, const struct config *c)
{
    for (uint32_t i = 0; c && i < c->scripts->n_datadirs; i++)
        if (option_list_add(l, c->scripts->datadirs[i]) < 0)
            return;
}

void doctor_scripts(struct doctor *d)
{
    CLEANUP(option_list_done) struct option_list given = {0};
    struct script_count n = {0};
    struct err e = {0};

    directories(&given, d->db.config);
    if (script_count(&n, "all", &given, &e) < 0) {
        doctor_add(d, VERDICT_FAIL, "scripts", err_text(&e),
                   "set scripts.datadirs in the configuration, or $MUSTER_DATADIR");
        return;
    }
    if (n.bad)
        doctor_addf(d, VERDICT_WARN, "scripts", "'muster script list' names them",
                    "%u scripts load, %u do not", n.good, n.bad);
    else
        doctor_addf(d, VERDICT_OK, "scripts", NULL, "%u scripts load", n.good);
}

void doctor_clock(struct doctor *d)
{
    struct timex t = {0};
    int state = adjtimex(&t);

    if (state < 0)
        doctor_addf(d, VERDICT_WARN, "clock", NULL, "the kernel does not say: %s", strerror(errno));
    else if (state == TIME_ERROR || t.status & STA_UNSYNC)
        doctor_add(d, VERDICT_WARN, "clock", "not synchronised",
                   "receivers refuse signatures that are minutes old: run systemd-timesyncd or "
                   "chrony");
    else
        doctor_add(d, VERDICT_OK, "clock", "synchronised", NULL);
}

/* The directory, or the nearest one above it that is there. */
static int stat_near(const char *path, struct statvfs *ret)
{
    CLEANUP(freep) char *near = strdup(path);
    char *slash;

    while (near && statvfs(near, ret) < 0) {
        slash = strrchr(near, '/');
        if (!slash || slash == near)
            return statvfs("/", ret) < 0 ? -errno : 0;
        *slash = '\0';
    }
    return near ? 0 : -ENOMEM;
}

void doctor_disk(struct doctor *d)
{
    const struct config *c = d->db.config;
    struct statvfs v;
    unsigned long long left;
    unsigned percent;

    if (!c)
        return;
    if (stat_near(c->state_directory, &v) < 0 || !v.f_blocks) {
        doctor_addf(d, VERDICT_WARN, "disk", NULL, "%s: cannot be looked at", c->state_directory);
        return;
    }
    left = (unsigned long long)v.f_bavail * v.f_frsize;
    percent = (unsigned)(100 * (unsigned long long)v.f_bavail / v.f_blocks);
    doctor_addf(d, left < DISK_LEAST || percent < 5 ? VERDICT_WARN : VERDICT_OK, "disk",
                left < DISK_LEAST || percent < 5 ? "make room: PostgreSQL stops when it is full"
                                                 : NULL,
                "%s: %llu MiB (%u%%) free", c->state_directory, left >> 20, percent);
}
