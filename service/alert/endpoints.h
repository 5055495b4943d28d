/* The endpoints of a configuration, ready for the pipeline. */
#pragma once

#include "service/alert/alert.h"
#include "service/config/config.h"

/* Endpoints with their secrets read; everything borrows from the configuration or is owned here. */
struct endpoints {
    struct alert_endpoint *list;
    char **secrets; /* urls and keys that were read, to be wiped */
    size_t n, n_secrets;
};
/* On failure too *ret is to be freed by endpoints_done().  The text of e names the endpoint. */
int endpoints_of(const struct config *c, struct endpoints *ret, struct err *e) MUST_USE;
void endpoints_done(struct endpoints *eps);
