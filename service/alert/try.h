/* One message to an endpoint at once, without a database: `muster endpoint test`. */
#pragma once

#include "service/alert/alert.h"

struct alert_tried {
    char *request;       /* method, headers and body as sent; what is secret is masked */
    char *answer;        /* first bytes of the body, harmless to show */
    const char *outcome; /* "ok", "endpoint", ... as in report.attempt */
    long code;           /* HTTP status; 0: none */
    char error[160];     /* "" when there is none */
    unsigned ms;
};
void alert_tried_done(struct alert_tried *t);

/* Blocks for the time-out of the endpoint at most, and for that of a name before.  0: there is an
 * outcome, whatever it is.  -EINVAL: the endpoint's settings; -ENOMEM. */
int alert_try(const struct alert_endpoint *o, const char *resolver, struct alert_tried *ret,
              struct err *e) MUST_USE;
