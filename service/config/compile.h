/* From the texts that libcyaml loaded to values: spans, networks, ports; defaults; what must be
 * unique or fit together. */
#pragma once

#include "service/config/document.h"

/* Reports each problem to p; c is usable only when none was.  -ENOMEM. */
int compile_config(struct config *c, const struct document *d, struct problems *p) MUST_USE;
