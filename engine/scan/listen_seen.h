/* Which sightings have been told already: a bounded memory, and a bounded rate of telling. */
#pragma once

#include "engine/base/err.h"
#include "engine/model/sighting.h"

struct seen;

struct seen_opts {
    size_t max;    /* subjects that are remembered; the one not heard for longest goes first */
    usec_t repeat; /* what is unchanged is told again after this */
    double rate;   /* sightings told per second at most, and at once */
};

enum seen_verdict {
    SEEN_TELL,   /* new, changed, or time to repeat it */
    SEEN_REPEAT, /* told not long ago */
    SEEN_LIMIT,  /* too many: not remembered either, so that its next frame is told */
};

/* 0, -ENOMEM, -EINVAL (max or rate is 0). */
int seen_new(struct seen **ret, const struct seen_opts *o, struct err *e) MUST_USE;
struct seen *seen_free(struct seen *s);
void seen_freep(struct seen **s);

/* `now` is monotonic. */
enum seen_verdict seen_check(struct seen *s, const struct sighting *what, usec_t now);
size_t seen_count(const struct seen *s);
uint64_t seen_evicted(const struct seen *s);
