/* Inside of struct store: keys that do not count when results of scripts are compared. */
#pragma once

#include "service/store/store_priv.h"

#define VOLATILES_SQL "SELECT script, keys FROM api.volatile_keys()"

void volatiles_done(struct store *s);
/* The rows of VOLATILES_SQL replace what was known. */
void volatiles_read(struct store *s, const struct db_rows *rows);
/* The database has muted so many keys by itself: when there are more than before, it says so and
 * asks for them. */
void volatiles_muted(struct store *s, int64_t n);
