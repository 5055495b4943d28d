/* A small ring.  Each sentinel rests between two turns, so that a network with one answering port
 * does not see it asked hundreds of times a second. */
#include "engine/scan/sentinel.h"

#define REST       (100 * USEC_PER_MSEC)
#define MISSES_MAX 8

void sentinels_learn(struct sentinels *s, const struct sentinel *one)
{
    size_t place = s->next_place;

    if (s->v[place].waiting)
        return;
    s->v[place] = *one;
    s->next_place = (place + 1) % SENTINELS_MAX;
    if (s->n < SENTINELS_MAX)
        s->n++;
}

/* Marks it as under way.  False: its pacer wants none now. */
static bool start(const struct sentinels *s, struct sentinel *v, usec_t now)
{
    v->pacer = v->net->own ? v->net->own : s->pacer;
    v->period = pacer_sentinel_sent(v->pacer, now);
    if (!v->period)
        return false;
    v->sent = now;
    v->waiting = true;
    return true;
}

const struct sentinel *sentinels_next(struct sentinels *s, const struct netloss_slot *net,
                                      usec_t now)
{
    for (size_t i = 0; i < s->n; i++) {
        struct sentinel *v = &s->v[(s->next_turn + i) % s->n];

        if (net ? v->net != net : v->net->own != NULL)
            continue;
        if (v->waiting || (v->sent && now - v->sent < REST) || !start(s, v, now))
            continue;
        s->next_turn = (s->next_turn + i + 1) % s->n;
        return v;
    }
    return NULL;
}

void sentinels_apart(struct sentinels *s, const struct netloss_slot *net, usec_t now)
{
    for (size_t i = 0; i < s->n; i++) {
        struct sentinel *v = &s->v[i];

        if (!v->waiting || v->net != net)
            continue;
        pacer_sentinel_void(v->pacer, v->period, now);
        v->waiting = false;
    }
    if (s->pacer)
        pacer_resume(s->pacer, now);
}

static void drop(struct sentinels *s, struct sentinel *v)
{
    *v = s->v[--s->n];
    s->v[s->n].waiting = false; /* nobody's any more: the next to be learned has that place */
    s->next_place = s->n % SENTINELS_MAX;
    s->next_turn = 0;
}

/* One that stays silent is gone, and measures nothing.  True: it was dropped. */
static bool over(struct sentinels *s, struct sentinel *v, enum pacer_outcome outcome, usec_t now)
{
    struct netloss_slot *net = v->net;

    v->waiting = false;
    v->misses = outcome == PACER_LOST ? v->misses + 1 : 0;
    pacer_sentinel_done(v->pacer, outcome, v->period, now);
    if (netloss_outcome(s->nets, net, outcome, now))
        sentinels_apart(s, net, now);
    if (v->misses < MISSES_MAX)
        return false;
    drop(s, v);
    return true;
}

static bool is_under_way(const struct sentinel *v, enum probe_kind kind, const struct addr *a,
                         uint16_t port)
{
    return v->waiting && v->kind == kind && v->port == port && addr_equal(&v->addr, a);
}

void sentinels_answer(struct sentinels *s, const struct probe_reply *r, usec_t now)
{
    for (size_t i = 0; i < s->n; i++) {
        if (!is_under_way(&s->v[i], r->kind, &r->addr, r->port))
            continue;
        over(s, &s->v[i], PACER_ANSWERED, now);
        return;
    }
}

/* A port may be there twice: then the one that had left waits longer as well. */
void sentinels_delayed(struct sentinels *s, enum probe_kind kind, const struct addr *a,
                       uint16_t port, usec_t delay)
{
    for (size_t i = 0; i < s->n; i++)
        if (is_under_way(&s->v[i], kind, a, port))
            s->v[i].sent += delay;
}

void sentinels_forget(struct sentinels *s, const struct addr *a, usec_t now)
{
    for (size_t i = 0; i < s->n;) {
        struct sentinel *v = &s->v[i];

        if (!addr_equal(&v->addr, a)) {
            i++;
            continue;
        }
        if (v->waiting)
            pacer_sentinel_void(v->pacer, v->period, now);
        drop(s, v);
    }
}

void sentinels_void(struct sentinels *s, usec_t now)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].waiting)
            pacer_sentinel_void(s->v[i].pacer, s->v[i].period, now);
        s->v[i].waiting = false;
    }
}

void sentinels_expire(struct sentinels *s, const struct rtt *all, struct rtt_bounds wait,
                      usec_t now)
{
    for (size_t i = 0; i < s->n;) {
        struct sentinel *v = &s->v[i];
        const struct rtt *own = netloss_rtt(v->net);
        bool late = v->waiting && now - v->sent >= rtt_timeout(own ? own : all, wait.min, wait.max);

        i += !late || !over(s, v, PACER_LOST, now);
    }
}
