/* When to try again, and what an answer means.  Pure: no clock, no state. */
#pragma once

#include "engine/base/err.h"
#include "engine/base/time.h"

#include <stdbool.h>

enum outcome {
    OUTCOME_OK,
    OUTCOME_THROTTLED, /* the endpoint pauses; costs the message nothing */
    OUTCOME_TRANSIENT, /* weather: again later */
    OUTCOME_ENDPOINT,  /* the endpoint is wrong, whatever is sent: one probe per backoff step */
    OUTCOME_MESSAGE,   /* this message is not wanted */
    OUTCOME_OURS,      /* we could not even make it */
};
const char *outcome_name(enum outcome o);

struct answer {
    int curl;          /* CURLcode; 0: none */
    long code;         /* HTTP status; 0: none came */
    bool headers_done; /* the whole head of the answer came: the status counts, whatever became of
                          the body */
    bool denied;       /* the address policy said no */
    bool has_retry_after;
    usec_t retry_after;
    usec_t spent; /* the receiver says that its budget is used up, for so long; 0: it does not */
};
enum outcome outcome_of(const struct answer *a);

#define RETRY_AFTER_MIN (1 * USEC_PER_SEC)
#define RETRY_AFTER_MAX (86400 * USEC_PER_SEC)

/* Value of Retry-After: seconds (decimals too) or an HTTP date, which counts from `date`, the
 * answer's own Date header (NULL: from `wall`), so that skew cancels.  *ret is clamped to
 * RETRY_AFTER_MIN .. MAX.  -EINVAL: neither. */
int retry_after_parse(const char *value, const char *date, usec_t wall, usec_t *ret);

/* floor + uniform(0, min(cap, base * 2^n)): full jitter.  `random` is any 64 random bits. */
struct backoff {
    usec_t base, cap;
};
#define BACKOFF_FLOOR(b) ((b)->base / 5)
usec_t backoff_delay(const struct backoff *b, unsigned n, uint64_t random);
