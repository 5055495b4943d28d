/* What the monitor tells systemd (Type=notify): readiness, status, reload, watchdog.  Without
 * $NOTIFY_SOCKET all of it does nothing.
 *
 * systemd 252 has no Type=notify-reload; RELOADING=1 with MONOTONIC_USEC, then READY=1, is what
 * makes `systemctl reload` wait. */
#pragma once

#include "engine/base/time.h"

#include <stdbool.h>

void notify_ready(const char *status);
void notify_reloading(void);
void notify_stopping(const char *status);
/* One line for `systemctl status`; the same line twice is sent once. */
void notify_status(const char *status);
/* Start or stop takes longer: do not give up for another `by`. */
void notify_extend(usec_t by);
void notify_watchdog(void);
/* How often notify_watchdog() must come, halved for safety; 0: systemd does not watch. */
usec_t notify_watchdog_interval(void);
