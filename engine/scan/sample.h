/* The order in which a scan visits its targets when large networks are only sampled.
 *
 * Of each IPv4 /24 a few addresses are asked: those in use before, likely gateways, some others.
 * As soon as one of them answers, the whole /24 is.  What is no /24 (small pieces, IPv6) is visited
 * whole.  Pure: indexes into a plan, no clock. */
#pragma once

#include "engine/base/addrset.h"
#include "engine/scan/plan.h"

struct sample;

struct sample_opts {
    const struct plan *plan;      /* kept by the caller; addresses in ascending order */
    unsigned per_net;             /* of each /24, 1 to SAMPLE_MAX */
    const struct addr_set *known; /* in use before: they come first; copied; may be NULL */
    uint64_t seed;
    const struct addr_set *in_use; /* networks that hold one of these are visited whole; used only
                                      during sample_new(); may be NULL */
};
#define SAMPLE_MAX 128

/* 0, -ENOMEM, -EOVERFLOW: more networks than it holds (SAMPLE_NETS_MAX). */
#define SAMPLE_NETS_MAX (1U << 21)
int sample_new(struct sample **ret, const struct sample_opts *o) MUST_USE;
struct sample *sample_free(struct sample *s);
void sample_freep(struct sample **s);

/* The number, in the plan, of the next address to visit.  False: there is none, unless a network is
 * escalated. */
bool sample_next(struct sample *s, uint64_t *ret);
bool sample_has_next(const struct sample *s);
/* Somebody answers at this address: its network is visited whole. */
void sample_escalate(struct sample *s, const struct addr *a);
/* Addresses that are visited, as far as is known now. */
uint64_t sample_total(const struct sample *s);
/* Networks that have not been escalated. */
uint64_t sample_networks(const struct sample *s);
