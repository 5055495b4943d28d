/* Times as people type them, and as Muster's own tables show them. */
#pragma once

#include "engine/base/time.h"

/* What when_parse() takes, for messages. */
#define WHEN_EXPECTED                                                                              \
    "a time such as 2026-01-01T00:00:00Z, '2026-01-01 15:30', 2026-01-01, 15:30, yesterday or "    \
    "now, or how long ago, such as 2h"

/* A span is so long before `now` (a wall time).  A day, or a time without "Z" or "+01:00" behind
 * it, is meant in the zone of this process (TZ); a day alone is its midnight.  0, -EINVAL. */
int when_parse(const char *text, usec_t now, usec_t *ret_wall);
