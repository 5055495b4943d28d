/* The checks of `muster doctor`: each adds one or more lines with a verdict and what to do. */
#pragma once

#include "service/cli/db.h"

enum verdict { VERDICT_OK, VERDICT_WARN, VERDICT_FAIL };

struct doctor {
    const struct db_args *args;
    struct cli_db db; /* config is set when it could be read */
    struct table findings;
    unsigned failures;
};

/* what: the finding; cure: what to do, NULL for none.  Both are copied. */
void doctor_add(struct doctor *d, enum verdict v, const char *check, const char *what,
                const char *cure);
void doctor_addf(struct doctor *d, enum verdict v, const char *check, const char *cure,
                 const char *fmt, ...) PRINTF(5, 6);

void doctor_database(struct doctor *d);  /* doctor_db.c; opens d->db.db */
void doctor_audit(struct doctor *d);     /* behind it */
void doctor_endpoints(struct doctor *d); /* doctor_net.c */
void doctor_scripts(struct doctor *d);   /* doctor_local.c, as the following */
void doctor_rights(struct doctor *d);
void doctor_clock(struct doctor *d);
void doctor_disk(struct doctor *d);
