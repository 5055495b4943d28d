/* Domain names as they stand in messages: labels, and compression (RFC 1035 3.1, 4.1.4). */
#pragma once

#include "engine/base/wire.h"

#define HEAR_NAME_MAX 255 /* bytes on the wire, and so of the text */

/* Labels as they are, joined by dots; a dot may also stand inside a label. */
struct hear_name {
    size_t len;
    size_t first_len; /* of the first label */
    char text[HEAR_NAME_MAX + 1];
};

/* Reads a name that starts at the cursor.  Compression pointers count from b->data and must lead
 * backwards.  A name that ends with the buffer needs no root label (RFC 4704 4.2: partial names).
 * False, with `bad` set and *ret unchanged, when it is cut, too long or runs in circles. */
bool hear_name_read(struct rbuf *b, struct hear_name *ret);

/* Whether the text ends in `suffix`, upper or lower case, with at least one byte before it. */
bool hear_name_ends(const struct hear_name *n, const char *suffix);
