/* Time as microseconds.  This header has no clock: who needs the time gets it from the loop
 * (loop_now, loop_wall), so that tests can turn it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef uint64_t usec_t; /* a span, or a point on the monotonic clock (or since 1970-01-01 UTC where
                            named wall) */

#define USEC_PER_MSEC 1000ULL
#define USEC_PER_SEC  1000000ULL
#define USEC_INFINITY UINT64_MAX

#define TIME_TEXT_MAX 32

/* Writes a wall time as "2026-01-01T00:00:00.000Z" (RFC 3339, UTC, milliseconds).  Returns buf. */
const char *time_format(usec_t wall, char buf[TIME_TEXT_MAX]);

/* Reads RFC 3339 ("2026-01-01T00:00:00Z", fraction optional).  0 or -EINVAL. */
int time_parse(const char *text, usec_t *ret_wall);

/* Reads a span: number and unit us, ms, s, m, h, d, w; "1h30m" adds up; a bare number is seconds.
 * 0, -EINVAL, -ERANGE. */
int span_parse(const char *text, usec_t *ret);

/* Writes a span as a person says it: "250ms", "5s", "1h30m".  Returns buf. */
const char *span_format(usec_t span, char buf[TIME_TEXT_MAX]);
