/* sd_notify(3) with the few words that we use.  The environment stays as it is: children are
 * started with a cleaned one, so that only the monitor speaks (NotifyAccess=main). */
#include "service/systemd/notify.h"

#include "engine/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define STATUS_MAX 1500

static char said[STATUS_MAX]; /* the last status: systemd keeps it, so it need not hear it again */

/* On one line and in UTF-8, whatever words of a database are in it: each further line would be an
 * order to systemd, and it ignores a status of other bytes. */
static bool remember(const char *status)
{
    CLEANUP(buf_done) struct buf clean = {0};
    char line[STATUS_MAX];

    text_escape_utf8(&clean, status, strlen(status));
    snprintf(line, sizeof line, "%s", clean.data ? clean.data : "");
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < ' ')
            *p = ' ';
    if (strcmp(line, said) == 0)
        return false;
    memcpy(said, line, sizeof said);
    return true;
}

void notify_ready(const char *status)
{
    remember(status);
    sd_notifyf(0, "READY=1\nSTATUS=%s", said);
}

void notify_reloading(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
               (uint64_t)(now.tv_sec * 1000000 + now.tv_nsec / 1000));
}

void notify_stopping(const char *status)
{
    remember(status);
    sd_notifyf(0, "STOPPING=1\nSTATUS=%s", said);
}

void notify_status(const char *status)
{
    if (remember(status))
        sd_notifyf(0, "STATUS=%s", said);
}

void notify_extend(usec_t by)
{
    sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRIu64, by);
}

void notify_watchdog(void)
{
    sd_notify(0, "WATCHDOG=1");
}

usec_t notify_watchdog_interval(void)
{
    uint64_t usec = 0;

    return sd_watchdog_enabled(0, &usec) > 0 ? usec / 2 : 0;
}
