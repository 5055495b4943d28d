/* Which asset a person means. */
#pragma once

#include "service/cli/db.h"

/* Ids of the assets with this id, address, MAC address or name, else of those with a host whose
 * name begins with this word ("web" of web.example), never by another part; zone may be NULL.
 * -ENOENT: none, with a sentence. */
int asset_find(struct cli_db *x, const char *what, const char *zone, struct db_rows **ret,
               struct err *e) MUST_USE;
/* Those that it meant at a time (RFC 3339). */
int asset_find_at(struct cli_db *x, const char *what, const char *zone, const char *at,
                  struct db_rows **ret, struct err *e) MUST_USE;
/* The one that is meant; -EEXIST when there are several. */
int asset_find_one(struct cli_db *x, const char *what, const char *zone, char ret_id[40],
                   struct err *e) MUST_USE;
