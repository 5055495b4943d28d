/* Rows of api.claim() and api.targets() as structs.  Pure. */
#pragma once

#include "service/store/store.h"

/* Columns of the claim: what lease_read() expects, and the time until the next row is due. */
enum claim_column { C_SCHEDULE, C_FENCE, C_ZONE, C_PASS, C_KIND, C_LO, C_HI, C_SCOPE, C_NEXT };

/* -EBADMSG: not a lease; then *l holds nothing.  now: wall. */
int lease_read(struct store_lease *l, const struct db_rows *rows, size_t row, usec_t now) MUST_USE;

struct targets {
    struct store_target *hosts;
    size_t n_hosts;
    struct port_finding *ports; /* of all hosts */
    size_t n_ports;
    char **words; /* by port: what is not text of the rows themselves */
};
/* Strings belong to the rows, but for those in words.  0, -ENOMEM. */
int targets_read(struct targets *ret, const struct db_rows *rows) MUST_USE;
void targets_done(struct targets *t);
