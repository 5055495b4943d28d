/* How often each way of asking a host is tried, and what must be asked again.
 *
 * A dead host costs every try of every way, and dead hosts are most of a network.  But only hosts
 * that answer nothing else depend on one way: how many those are at most, is known from what found
 * the others, because a host that answers this way alone is found by it.  So the ways that find
 * many hosts are tried as often as the loss asks for, and those that hardly find any, twice. */
#include "engine/scan/sweep_priv.h"

/* What nothing was found by in n cases happens in fewer than 3 / n (the rule of three). */
#define PRIOR_FOUND 3.0
/* Of those who are found by one way, so many at most would not have answered another. */
#define OTHER_WAYS  0.2
#define SUSPECT_MAX 3
#define REPEATS_MAX 60

static unsigned tries_of(const struct sweep *s, const struct host *h, const struct ping_list *l,
                         unsigned way)
{
    unsigned max = s->o.max_retries < PROBE_TRIES_MAX ? s->o.max_retries + 1 : PROBE_TRIES_MAX;
    double by = (double)s->found_by[l->v[way].kind], share;

    if (l->n == 1)
        return sweep_tries(s, h);
    share = (by + PRIOR_FOUND) / ((double)s->found + PRIOR_FOUND);
    return loss_tries_for(netloss_of(&s->losses, h->net), share * OTHER_WAYS, max);
}

unsigned sweep_ping_stage(const struct sweep *s, const struct host *h, const struct ping_list *l,
                          unsigned stage)
{
    for (; stage < l->n * PROBE_TRIES_MAX; stage++)
        if (stage / l->n < tries_of(s, h, l, stage % l->n))
            return stage;
    return SWEEP_NO_STAGE;
}

void sweep_ping_found(struct sweep *s, enum probe_kind kind)
{
    s->found++;
    s->found_by[kind]++;
}

/* While its network is not told from the others for sure: a few passes more. */
static bool is_suspect(const struct sweep *s, struct host *h)
{
    if (h->suspected == SUSPECT_MAX || !netloss_is_suspect(&s->losses, h->net))
        return false;
    h->suspected++;
    return true;
}

bool sweep_must_repeat(const struct sweep *s, struct host *h)
{
    if (h->inconclusive)
        return false;
    if (is_suspect(s, h))
        return true;
    if (!s->doubted || s->doubted < h->began)
        return false;
    if (++h->repeats < REPEATS_MAX)
        return true;
    h->inconclusive = true;
    return false;
}

void sweep_doubt(struct sweep *s, usec_t now)
{
    s->doubted = now;
    if (s->o.pacer)
        sentinels_void(&s->sentinels, now);
}
