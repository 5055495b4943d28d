/* What a script returned, in the three forms that people and programs read (nse-contract 6). */
#pragma once

#include "engine/base/buf.h"

#include <lua.h>

#define OUTPUT_MAX ((size_t)4 << 20) /* bytes of each form */

struct output {
    struct buf text; /* as nmap prints it, raw bytes */
    struct buf json; /* structured output, if there is any */
    struct buf xml;  /* children of <script>; may be empty for an empty table */
    bool any;        /* false: the action returned nothing */
    bool structured; /* false: json and xml do not exist */
};

void output_init(struct output *o);
void output_done(struct output *o);

/* From the two values an action returned, at stack indexes r1 and r2.  May call metamethods; raises
 * what they raise, and when the output is too large. */
void output_render(lua_State *L, struct output *o, int r1, int r2);

/* Text of a result under "| id: ", one line each, the last with "|_" (6.2); for screens. Appends
 * nothing when the text is empty. */
void output_screen(struct buf *out, const char *id, const char *text, size_t len);
