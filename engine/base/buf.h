/* A growing byte buffer with sticky failure: append as much as needed, check once.
 *
 * A zeroed struct is an empty buffer.  `data` is always terminated by a NUL that `len` does not
 * count (NULL while nothing was appended).  After an allocation failed, or a limit was passed,
 * `failed` is set and further appends do nothing. */
#pragma once

#include "engine/base/cleanup.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
    size_t limit; /* bytes; 0: none.  Set it where a peer can make the buffer grow. */
    bool failed;
};

void buf_done(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory; clears `failed` */

void buf_add(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);

/* Room for n more bytes behind len, or NULL.  Write there, then raise len. */
char *buf_room(struct buf *b, size_t n);

/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);

/* The text as the caller's own (free()); the buffer is empty afterwards.  NULL if it failed; "" if
 * nothing was added. */
char *buf_take(struct buf *b) MUST_USE;
