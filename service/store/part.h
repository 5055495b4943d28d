/* A part as parameters of api.apply_part().  Pure: made from the caller's structs, nothing of them
 * is kept. */
#pragma once

#include "service/store/store_priv.h"

enum part_param {
    PART_SCHEDULE,
    PART_FENCE,
    PART_NUMBER,
    PART_AT,
    PART_METHOD,
    PART_H_ADDR,
    PART_H_STATE,
    PART_H_MAC,
    PART_H_REASON,
    PART_H_TTL,
    PART_H_VENDOR,
    PART_NAMES,
    PART_JUDGED,
    PART_F_ADDR,
    PART_F_SLOT,
    PART_F_ATTR,
    PART_F_VALUE,
    PART_U_ADDR,
    PART_U_SLOT,
    PART_U_ATTR,
    PART_B_VALUE,
    PART_B_KIND,
    PART_B_BODY,
    PART_N_SLOT,
    PART_N_NAME,
    PART_PARAMS
};

struct part {
    struct buf params[PART_PARAMS];
    struct value *values; /* the bodies, kept until the server has them */
    size_t n_values, cap_values;
    size_t bytes;
};
void part_done(struct part *p);

/* 0, -ENOMEM, -EINVAL: an address is told twice. */
int part_build(struct part *ret, const struct store *s, const struct store_lease *l,
               const struct store_part *in) MUST_USE;
/* Fills PART_B_* with the bodies that the server asks for: an array of digests.  -EBADMSG, -ENOMEM.
 */
int part_add_bodies(struct part *p, const char *want) MUST_USE;
