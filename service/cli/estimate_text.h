/* The estimate of a scan in one sentence, for people. */
#pragma once

#include "engine/base/buf.h"
#include "engine/scan/estimate.h"

/* "65536 addresses: 524288 to 13107200 probes, 52s to 21m 50s at 10000 a second". */
void estimate_write(struct buf *out, const struct estimate_opts *o);
/* "3h 43m", "12s", "less than 1s". */
void estimate_span_write(struct buf *out, usec_t span);
