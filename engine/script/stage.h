/* The stages of a job (struct stage): in which order the scripts of a stage start, and whether
 * there is room for them. */
#pragma once

#include "engine/script/host_priv.h"

/* What stage_start() came to: all that may start has, or the host, or the whole, is full. */
enum stage_started { STAGE_ALL, STAGE_HOST_FULL, STAGE_FULL };

/* Takes all the memory that the stage will need, so that beginning it later cannot fail.  0 or
 * -ENOMEM. */
int stage_init(struct stage *st, enum stage_kind kind, struct job *j) MUST_USE;
/* Frees it; what has not started never will. */
void stage_done(struct stage *st);
void stage_begin(struct stage *st);
bool stage_is_over(const struct stage *st);

/* Something may have become able to start: the next pump looks. */
void stage_wake(struct stage *st);
/* Starts what may, at most *budget, which is counted down. */
enum stage_started stage_start(struct stage *st, unsigned *budget);
/* Whether script i has come to its end: who waits for it may start. */
void stage_check(struct stage *st, size_t i);

/* Candidate n of a script in a stage: 0, or -ENOENT when there are no more, or 1 when this one is
 * passed over. */
int stage_candidate(const struct stage *st, const struct script *s, uint32_t n, enum rule *rule,
                    size_t *port);
