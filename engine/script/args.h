/* Script arguments (--script-args, --script-args-file): text to the table nmap.registry.args. */
#pragma once

#include "engine/base/buf.h"
#include "engine/base/err.h"

#include <lua.h>

/* The text to parse: the file's contents (if args_file is not NULL), then the command line's, so
 * that the latter wins. -ENOENT, -EACCES ... (names the file). */
int args_text(struct buf *ret, const char *args, const char *args_file, struct err *e) MUST_USE;

/* Pushes the table.  0; -EINVAL with the place that was not understood, then nothing was pushed.
 * Raises on no memory. */
int args_push(lua_State *L, const char *text, size_t len, struct err *e) MUST_USE;
