/* What a scan has done, in a file, so that another can go on where it stopped.
 *
 *   # muster scan state 1: go on with `muster scan --resume FILE`
 *   arg WORD           the command line, one word each, %-escaped
 *   scope FIRST-LAST   what was to be scanned, names resolved and excludes taken away
 *   used FIRST-LAST    networks in which somebody answered
 *   done HEX           a bit for each address of the scope, in order, 256 to a line
 *
 * The file is replaced whole, never written in part. */
#pragma once

#include "engine/base/addrset.h"
#include "engine/base/err.h"
#include "engine/base/time.h"

struct scan_state {
    const char *path; /* of the file; not owned */
    char **args;      /* owned; NULL behind the last */
    size_t n_args;
    struct addr_set scope, used;
    uint64_t total, n_done;
    uint8_t *done; /* a bit per address of the scope */
    usec_t saved;  /* monotonic */
};
#define SCAN_STATE_ADDRESSES_MAX (1ULL << 28)

/* A new one for a scope, with the words of the command line behind "scan".  -EINVAL: too large a
 * scope. */
int scan_state_new(struct scan_state *s, const char *path, char *const *args,
                   const struct addr_set *scope, struct err *e) MUST_USE;
/* -EINVAL names file and line. */
int scan_state_load(struct scan_state *s, const char *path, struct err *e) MUST_USE;
void scan_state_free(struct scan_state *s);

void scan_state_note_done(struct scan_state *s, const struct addr *a);
int scan_state_note_used(struct scan_state *s, const struct addr *a) MUST_USE;
/* What is left to do.  -ENOMEM. */
int scan_state_rest(const struct scan_state *s, struct addr_set *ret) MUST_USE;
/* errno of the file system, with a sentence. */
int scan_state_save(struct scan_state *s, struct err *e) MUST_USE;
