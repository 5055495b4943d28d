/* Script selection: the expressions of --script (nse-contract 3) over an index of scripts. */
#pragma once

#include "engine/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct index_entry {
    char *name; /* base name without .nse */
    char *path;
    char **categories; /* lower case */
    size_t n_categories;
};

/* A zeroed struct is an empty index.  Entries keep the order in which they were added. */
struct script_index {
    struct index_entry *entries;
    size_t n, cap;
    const char **categories; /* each that an entry has, once; the strings are the entries' */
    size_t n_categories;
};

void index_done(struct script_index *ix);
/* Copies everything; a name that is there already is left as it is (the first data directory wins).
 * 0 or -ENOMEM. */
int index_add(struct script_index *ix, const char *path, const char *const *categories,
              size_t n_categories) MUST_USE;
/* "dir/http-title.nse" -> "http-title"; malloc'd, NULL on no memory. */
char *script_base_name(const char *path);

enum select_how { SELECT_NONE, SELECT_CATEGORY, SELECT_NAME };

/* Evaluates one rule (no comma, no "+") for one entry.  -EINVAL: not an expression. */
int select_match(const struct script_index *ix, const struct index_entry *entry, const char *rule,
                 enum select_how *ret) MUST_USE;

/* One part of a --script list. */
struct select_rule {
    const char *text; /* trimmed */
    bool forced;      /* had a leading "+" */
};

/* Cuts `list` (which it changes) at commas.  Returns the number of rules; at most cap are written.
 */
size_t select_split(char *list, struct select_rule *ret, size_t cap);
