/* See netloss.h.  The pacer of a network that is set apart begins at half the rate that went there
 * when it lost: the pacer itself finds out whether that helps, and goes back to the old rate when
 * the loss is the network's own. */
#include "engine/scan/netloss.h"

#include <stdlib.h>
#include <string.h>

#define RTT_SAMPLES 8
#define RATE_PERIOD (250 * USEC_PER_MSEC)
#define LOST_MIN    3     /* before a network is judged */
#define REST_MIN    24    /* and of the others */
#define BEARABLE    0.02  /* beyond what the others lose, as in the pacer */
#define SUSPECT     2.0   /* times what the others lose */
#define FULL_MIN    100.0 /* probes per second, the floor of pacers: fewer fill no narrow place */
#define DEVIATIONS  16.0  /* four standard deviations, squared: of many networks one is unlucky */
#define MEMORY      48    /* outcomes; older ones count half */
#define BURST       4     /* turns that may follow each other at once after a silence */

void netloss_init(struct netloss *n, double max_rate, uint64_t seed)
{
    memset(n, 0, sizeof *n);
    n->max_rate = max_rate;
    n->key = (struct siphash_key){seed, 0x6e65746c6f7373ULL};
}

void netloss_done(struct netloss *n)
{
    for (size_t i = 0; i < NETLOSS_SLOTS; i++)
        free(n->v[i].own);
}

struct netloss_slot *netloss_slot(struct netloss *n, const struct addr *a)
{
    return &n->v[siphash(&n->key, a->b, a->family == ADDR_V6 ? 8 : 3) % NETLOSS_SLOTS];
}

static void count(struct netloss_slot *s, usec_t now)
{
    usec_t age = now - s->since;

    if (age >= RATE_PERIOD) {
        s->rate = s->since && age < 4 * RATE_PERIOD ? (double)s->sent * USEC_PER_SEC / (double)age
                                                    : (double)s->sent;
        s->since = now;
        s->sent = 0;
    }
    s->sent++;
}

usec_t netloss_turn(struct netloss_slot *s, usec_t now)
{
    usec_t interval, saved, turn;

    count(s, now);
    if (!s->own)
        return now;
    (void)pacer_wait(s->own, now); /* its time goes on */
    interval = (usec_t)((double)USEC_PER_SEC / s->own->rate);
    saved = (BURST - 1) * interval;
    if (s->next + saved < now)
        s->next = now - saved;
    turn = s->next > now ? s->next : now;
    s->next += interval;
    return turn;
}

void netloss_rtt_add(struct netloss_slot *s, usec_t rtt)
{
    rtt_add(&s->rtt, rtt);
    s->n_rtt += s->n_rtt < RTT_SAMPLES;
}

const struct rtt *netloss_rtt(const struct netloss_slot *s)
{
    return s->n_rtt >= RTT_SAMPLES ? &s->rtt : NULL;
}

const struct loss *netloss_of(const struct netloss *n, const struct netloss_slot *s)
{
    return s->own ? &s->loss : &n->all;
}

double netloss_measured(const struct netloss *n)
{
    struct loss sum = n->all;

    for (size_t i = 0; n->n_apart && i < NETLOSS_SLOTS; i++)
        if (n->v[i].own) {
            sum.answered += n->v[i].loss.answered;
            sum.lost += n->v[i].loss.lost;
        }
    return loss_measured(&sum);
}

static double total(const struct loss *l)
{
    return (double)l->lost + (double)l->answered;
}

static void subtract(struct loss *from, const struct loss *what)
{
    from->lost -= what->lost < from->lost ? what->lost : from->lost;
    from->answered -= what->answered < from->answered ? what->answered : from->answered;
}

/* More is lost there than with the others, by more than chance. */
static bool is_worse(const struct netloss *n, const struct netloss_slot *s)
{
    struct loss rest = n->judged;
    double expected, beyond;

    subtract(&rest, &s->judged);
    if (s->judged.lost < LOST_MIN || total(&rest) < REST_MIN)
        return false;
    expected = total(&s->judged) * (1.2 * (double)rest.lost / total(&rest) + BEARABLE);
    beyond = (double)s->judged.lost - expected;
    return beyond > expected && beyond * beyond > DEVIATIONS * expected;
}

/* Probes per second that went there of late. */
static double busiest(const struct netloss_slot *s)
{
    double now = (double)s->sent * USEC_PER_SEC / RATE_PERIOD;

    return now > s->rate ? now : s->rate;
}

bool netloss_is_suspect(const struct netloss *n, const struct netloss_slot *s)
{
    struct loss rest = n->all;

    if (s->own || !s->loss.lost || busiest(s) < FULL_MIN)
        return false;
    subtract(&rest, &s->loss);
    if (total(&rest) < REST_MIN)
        return false;
    return (double)s->loss.lost > SUSPECT * total(&s->loss) * (double)rest.lost / total(&rest);
}

static bool set_apart(struct netloss *n, struct netloss_slot *s, usec_t now)
{
    double loss = (double)s->judged.lost / total(&s->judged);

    if (n->n_apart == NETLOSS_APART || n->max_rate <= 0 || !(s->own = malloc(sizeof *s->own)))
        return false;
    n->n_apart++;
    pacer_init_after_loss(s->own, n->max_rate, s->rate, loss, now);
    subtract(&n->all, &s->loss);
    subtract(&n->judged, &s->judged);
    s->next = now;
    return true;
}

/* What was long ago counts less, so that a network that has become bad is noticed. */
static void forget(struct netloss *n, struct netloss_slot *s)
{
    struct loss old = {s->judged.answered / 2, s->judged.lost / 2};

    if (total(&s->judged) < MEMORY)
        return;
    subtract(&n->judged, &old);
    subtract(&s->judged, &old);
}

void netloss_answered(struct netloss *n, struct netloss_slot *s, unsigned try)
{
    loss_add(&s->loss, try);
    if (!s->own)
        loss_add(&n->all, try);
}

bool netloss_outcome(struct netloss *n, struct netloss_slot *s, enum pacer_outcome outcome,
                     usec_t now)
{
    bool lost = outcome == PACER_LOST;

    if (!lost)
        netloss_answered(n, s, 0);
    else
        loss_add_lost(&s->loss);
    if (s->own)
        return false;
    n->all.lost += lost;
    s->judged.lost += lost;
    n->judged.lost += lost;
    s->judged.answered += !lost;
    n->judged.answered += !lost;
    if (lost && is_worse(n, s))
        return set_apart(n, s, now);
    forget(n, s);
    return false;
}
