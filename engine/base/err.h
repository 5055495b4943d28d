/* An error with its place: a negative errno for the program, one sentence for the person.
 *
 * A function that can fail for a reason worth telling takes `struct err *e` last.  NULL is allowed
 * and drops the text. The text names the place and what was expected; callers put their own place
 * in front with err_add(). */
#pragma once

#include "engine/base/cleanup.h"

#define ERR_TEXT_MAX 512

struct err {
    int code;                /* negative errno; 0: none */
    char text[ERR_TEXT_MAX]; /* always terminated; cut, never overrun */
};

/* Sets code and text.  Returns code, so that `return err_set(...)` reads well. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/* Puts "FMT: " in front of the text that is there.  Returns code. */
int err_add(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/* The text, or what errno says of the code where no text was set. */
const char *err_text(const struct err *e);
