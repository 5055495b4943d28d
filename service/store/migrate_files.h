/* The files of a migration directory. */
#pragma once

#include "engine/base/err.h"

#include <stddef.h>

struct migration {
    int version;
    char *name; /* "0001_inventory.sql" */
    char *text;
    size_t len;
};

struct migrations {
    struct migration *list; /* by version */
    size_t n;
};
void migrations_done(struct migrations *m);

/* Reads all of them.  -EBADMSG: a name that is not NNNN_name.sql, two of one number, text that is
 * not UTF-8 or empty; -ENOENT: no directory, or none in it. */
int migrations_read(struct migrations *ret, const char *dir, struct err *e) MUST_USE;

/* Line of the n-th character (from 1, as PostgreSQL counts: characters, not bytes). */
unsigned migration_line(const char *text, unsigned position);
