/* What files tell, into the inventory: for the command line, asked synchronously.
 *
 * A file's hosts become parts as a visit's do (part.h), and api.import_part() has
 * api.apply_visit() write what nobody has looked at since: see migrations/0215_import.sql for what
 * that is.  One transaction a file; a deadlock with a sensor begins it anew. */
#pragma once

#include "service/store/store.h"

struct store_import;

/* zone NULL: the only one.  -EDOM: there is no such zone, or none, or several; as db_ask(). */
int store_import_open(struct store_import **ret, struct db *d, const char *zone,
                      struct err *e) MUST_USE;
struct store_import *store_import_free(struct store_import *i);
void store_import_freep(struct store_import **i);
const char *store_import_zone(const struct store_import *i);

struct store_import_counts {
    unsigned hosts;        /* that lie in a network of the zone */
    unsigned outside;      /* that do not: left out */
    unsigned new_hosts;    /* of which the inventory knew nothing, or that had gone before */
    unsigned opened;       /* facts */
    unsigned same, differ; /* facts that it holds, with that value or with another, which stays */
    unsigned older;        /* hosts of which it knows what is as new as the file */
    unsigned other;        /* hosts whose address another MAC address has */
    struct addr first_outside;
};

/* hosts: each address once, finding.time set: when it was seen.  All of it, or nothing.  -ENOENT:
 * none of them lies in a network of the zone. */
int store_import(struct store_import *i, const struct store_host *hosts, size_t n,
                 struct store_import_counts *ret, struct err *e) MUST_USE;
