/* The data directories of a script worker.  What Landlock lets it read is directories and not
 * names: one that appears later, or takes another's place, stays shut. */
#pragma once

#include "engine/base/cleanup.h"

#include <stdbool.h>
#include <sys/types.h>

#define DATADIRS_MAX 32

struct datadirs {
    char *text; /* one a line; NULL: not known yet */
    struct {
        dev_t device;
        ino_t inode; /* 0: it was not there */
    } seen[DATADIRS_MAX];
};

/* Remembers them as they are now.  -ENOMEM. */
int datadirs_keep(struct datadirs *d, const char *text) MUST_USE;
/* The same names, and each the same directory as then? */
bool datadirs_hold(const struct datadirs *d, const char *text);
void datadirs_done(struct datadirs *d);

/* Cuts the lines apart; ret points into the text. */
size_t datadirs_split(char *text, const char *ret[DATADIRS_MAX]);
