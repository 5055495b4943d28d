/* A set of addresses as sorted ranges that neither overlap nor touch. */
#pragma once

#include "engine/base/addr.h"

struct addr_range {
    struct addr first, last; /* both inside; one family */
};

/* A zeroed struct is the empty set. */
struct addr_set {
    struct addr_range *ranges;
    size_t n, cap;
};

void addr_set_done(struct addr_set *s);
int addr_set_add(struct addr_set *s, const struct addr *first,
                 const struct addr *last) MUST_USE; /* 0, -ENOMEM, -EINVAL */
int addr_set_add_prefix(struct addr_set *s, const struct prefix *p) MUST_USE;
/* Takes away what lies in `from`.  0, -ENOMEM (then *s is unchanged). */
int addr_set_subtract(struct addr_set *s, const struct addr_set *from) MUST_USE;
bool addr_set_contains(const struct addr_set *s, const struct addr *a);
/* Whether one of the addresses is in the network.  A link counts where both name one. */
bool addr_set_overlaps(const struct addr_set *s, const struct prefix *p);

/* An IPv6 network with more addresses than this is not asked address by address: what lives there
 * is learnt otherwise. */
#define ADDR_SWEEP_MAX (1U << 24)
bool addr_range_is_wide(const struct addr_range *r);
/* The ranges that are not wide.  *ret is empty before.  0, -ENOMEM. */
int addr_set_narrow(struct addr_set *ret, const struct addr_set *s) MUST_USE;
uint64_t addr_set_count(const struct addr_set *s); /* UINT64_MAX when it does not fit */
/* All addresses in order, one at each call; a zeroed walk begins.  False: that was all.  The set
 * stays as it is meanwhile. */
struct addr_walk {
    size_t range;
    uint64_t at;
};
bool addr_set_next(const struct addr_set *s, struct addr_walk *w, struct addr *ret);
/* The n-th address in order, by a look at each range before it.  False when n >= count. */
bool addr_set_nth(const struct addr_set *s, uint64_t n, struct addr *ret);
