/* What an event looks like on the wire. */
#pragma once

#include "engine/base/buf.h"

#define RENDER_STRING_MAX 1024 /* characters of one string: the rest of it is "..." */

struct render_event {
    const char *type;      /* "port.opened" */
    const char *timestamp; /* RFC 3339, of the observation */
    const char *data;      /* JSON object */
    size_t len;            /* of data */
};

/* Appends {"type":..., "timestamp":..., "data":...}. */
void render_webhook(struct buf *out, const struct render_event *e);

/* Appends JSON whose strings may carry anything a peer has sent: control and bidirectional
 * characters and other invisible ones become visible escapes ("\\u202e" as text; newline and tab
 * stay), long strings are cut.  Structure and numbers are copied. */
void render_json_safe(struct buf *out, const char *json, size_t len);

/* Appends text as a JSON string, as safe. */
void render_string(struct buf *out, const char *text);

/* Appends text as one line of plain text, as safe: escapes are visible, newlines and tabs are
 * spaces; at most `max` characters, then "...". */
void render_text(struct buf *out, const char *text, size_t max);
