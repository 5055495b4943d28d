/* One field of comma-separated values (RFC 4180). */
#pragma once

struct buf;

/* Quoted where it has to be; NULL is an empty field.  Control characters are escaped as on the
 * screen (but for tabs and ends of lines in quoted text), and text that a spreadsheet would take
 * for a formula gets an apostrophe in front: it is from the network. */
void csv_text(struct buf *out, const char *value);
