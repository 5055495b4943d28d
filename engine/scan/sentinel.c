/* A small ring.  Each sentinel rests between two turns, so that a network with one answering port
 * does not see it asked hundreds of times a second. */
#include "engine/scan/sentinel.h"

#define REST (100 * USEC_PER_MSEC)

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

const struct sentinel *sentinels_next(struct sentinels *s, struct pacer *p, usec_t now)
{
    for (size_t i = 0; i < s->n; i++) {
        struct sentinel *v = &s->v[(s->next_turn + i) % s->n];

        if (v->waiting || (v->sent && now - v->sent < REST))
            continue;
        v->period = pacer_sentinel_sent(p, now);
        if (!v->period)
            return NULL;
        v->sent = now;
        v->waiting = true;
        s->next_turn = (s->next_turn + i + 1) % s->n;
        return v;
    }
    return NULL;
}

void sentinels_answer(struct sentinels *s, struct pacer *p, const struct probe_reply *r, usec_t now)
{
    for (size_t i = 0; i < s->n; i++) {
        struct sentinel *v = &s->v[i];

        if (!v->waiting || v->kind != r->kind || v->port != r->port ||
            !addr_equal(&v->addr, &r->addr))
            continue;
        v->waiting = false;
        if (s->loss)
            loss_add(s->loss, 0);
        pacer_sentinel_done(p, PACER_ANSWERED, v->period, now);
        return;
    }
}

void sentinels_forget(struct sentinels *s, struct pacer *p, const struct addr *a, usec_t now)
{
    for (size_t i = 0; i < s->n;) {
        struct sentinel *v = &s->v[i];

        if (!addr_equal(&v->addr, a)) {
            i++;
            continue;
        }
        if (v->waiting)
            pacer_sentinel_void(p, v->period, now);
        *v = s->v[--s->n];
    }
    s->next_place = s->n % SENTINELS_MAX;
    s->next_turn = 0;
}

void sentinels_void(struct sentinels *s, struct pacer *p, usec_t now)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].waiting)
            pacer_sentinel_void(p, s->v[i].period, now);
        s->v[i].waiting = false;
    }
}

void sentinels_expire(struct sentinels *s, struct pacer *p, usec_t timeout, usec_t now)
{
    for (size_t i = 0; i < s->n; i++) {
        struct sentinel *v = &s->v[i];

        if (!v->waiting || now - v->sent < timeout)
            continue;
        v->waiting = false;
        if (s->loss)
            loss_add_lost(s->loss);
        pacer_sentinel_done(p, PACER_LOST, v->period, now);
    }
}
