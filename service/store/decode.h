/* PostgreSQL's text formats: what comes out of columns, what goes into parameters.  Pure. */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/buf.h"
#include "engine/base/time.h"

/* "2026-01-01 00:00:00.123456+00" (session time zone UTC).  -EINVAL for anything else, also
 * infinity and years before 1970. */
int pg_time_parse(const char *text, usec_t *ret_wall);
/* The reverse, with microseconds. */
#define PG_TIME_MAX 40
const char *pg_time_format(usec_t wall, char buf[PG_TIME_MAX]);

/* "192.0.2.1", "192.0.2.1/32", "2001:db8::1/128".  -EINVAL for networks and other text. */
int pg_inet_parse(const char *text, struct addr *ret);

/* One-dimensional array literals: "{a,"b \"c",NULL}".  *pos starts at 0. */
enum pg_array { PG_ARRAY_ITEM, PG_ARRAY_NULL, PG_ARRAY_END, PG_ARRAY_BAD };
/* The next item, unescaped, replaces what was in *item. */
enum pg_array pg_array_next(const char *text, size_t *pos, struct buf *item);

/* Building: pg_array_open, any number of items, pg_array_close.  Failure is buf.failed. */
void pg_array_open(struct buf *b);
void pg_array_close(struct buf *b);
void pg_array_text(struct buf *b, const char *s, size_t len); /* must be UTF-8 without NUL */
void pg_array_null(struct buf *b);
void pg_array_word(struct buf *b, const char *s); /* what needs no quotation marks */
void pg_array_plain(struct buf *b, const char *fmt, ...) PRINTF(2, 3); /* numbers, addresses */

/* The same in the binary format, for lists of thousands: array_recv() of the server.  All items are
 * of the type that it was opened with (an OID of pg_type). */
enum { PG_TYPE_INT4 = 23, PG_TYPE_UUID = 2950 };
void pg_binary_open(struct buf *b, uint32_t type);
void pg_binary_close(struct buf *b);
void pg_binary_int4(struct buf *b, int32_t v);
void pg_binary_uuid(struct buf *b, const uint8_t uuid[16]);
