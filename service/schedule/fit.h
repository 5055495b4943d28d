/* Whether all of a configuration can be told to scanner and script workers: messages are bounded,
 * and who cannot be told something is dropped as one that takes no orders.  Inside service/schedule
 * only. */
#pragma once

#include "service/schedule/generation.h"

/* -EINVAL: the sentence names zone and pass; -ENOMEM. */
int generation_fits(const struct generation *g, struct err *e) MUST_USE;
