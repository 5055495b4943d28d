/* Text for people: safe on a terminal, in columns, with colour where there is one. */
#pragma once

#include "engine/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends foreign text as one line: control characters, tabs and line ends too, become \xHH.  NULL:
 * nothing. */
void screen_text(struct buf *out, const char *s);
