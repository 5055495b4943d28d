/* Text that came from the network, made safe for a screen, a log, JSON or XML. */
#pragma once

#include "engine/base/buf.h"

/* True when the bytes are valid UTF-8 without NUL. */
bool text_is_utf8(const char *s, size_t len);

/* How many bytes from here on are printable ASCII without quotation marks and backslashes: what
 * JSON, SQL and a screen take as it is. */
size_t text_plain_len(const char *s, size_t left);

/* Appends s with every byte outside printable ASCII, tab, CR and LF written as \xHH (upper case).
 */
void text_escape_binary(struct buf *out, const char *s, size_t len);

/* Appends s as it is where it is valid UTF-8 without control characters but tab and LF, else bytes
 * as \xHH. */
void text_escape_utf8(struct buf *out, const char *s, size_t len);

/* Distance for "did you mean" (insertions, deletions, replacements), at most `max`. */
unsigned text_distance(const char *a, const char *b, unsigned max);
