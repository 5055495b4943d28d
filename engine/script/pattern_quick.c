/* The quick matcher: see pattern_quick.h.
 *
 * It goes back by recursion, once for each item, of which there are few.  Steps are counted as in
 * the other matcher; when they are used up in the middle of a match that is begun anew there, with
 * nothing left behind. */
#include "engine/script/pattern_quick.h"

#include "engine/script/pattern_one.h"

#include <string.h>

static inline bool has(const struct quick_set *set, char c)
{
    unsigned char u = (unsigned char)c;

    return set->bits[u / 64] >> u % 64 & 1;
}

/* ---- preparing ---- */

static void set_fill(struct quick_set *set, const char *item, const char *end)
{
    for (int c = 0; c < 256; c++)
        set->bits[c / 64] |= (uint64_t)is_one(c, item, end) << c % 64;
}

/* The end of the single-character item at p; NULL: not one, or malformed. */
static const char *one_end(const char *p, const char *end)
{
    if (*p == ESCAPE)
        return p + 1 < end && (p[1] < '0' || p[1] > '9') && p[1] != 'b' && p[1] != 'f' ? p + 2
                                                                                       : NULL;
    if (*p++ != '[')
        return p;
    if (p < end && *p == '^')
        p++;
    do { /* a ']' that comes first is one of the set */
        if (p < end && *p == ESCAPE)
            p++;
        p++;
    } while (p < end && *p != ']');
    return p < end ? p + 1 : NULL;
}

static int suffix_kind(const char *p, const char *end)
{
    switch (p < end ? *p : '\0') {
    case '?':
        return QUICK_OPTIONAL;
    case '*':
        return QUICK_MANY;
    case '+':
        return QUICK_SOME;
    case '-':
        return QUICK_LAZY;
    default:
        return QUICK_ONE;
    }
}

/* Captures that are open while the items are listed. */
struct listing {
    struct quick_pattern *q;
    int open[QUICK_ITEMS], n_open, n_captures;
};

/* Takes the item at p into the list; its end, or NULL. */
static const char *list_item(struct listing *l, const char *p, const char *end)
{
    struct quick_item *item = &l->q->items[l->q->n++];
    const char *after;

    *item = (struct quick_item){.kind = QUICK_END};
    if (*p == '$' && p + 1 == end)
        return end;
    if (*p == ')') {
        if (l->n_open == 0)
            return NULL;
        item->kind = QUICK_CLOSE;
        item->capture = l->open[--l->n_open];
        return p + 1;
    }
    if (*p == '(') {
        item->capture = l->n_captures++;
        item->kind = p + 1 < end && p[1] == ')' ? QUICK_POSITION : QUICK_OPEN;
        if (item->kind == QUICK_OPEN)
            l->open[l->n_open++] = item->capture;
        return p + (item->kind == QUICK_OPEN ? 1 : 2);
    }
    after = one_end(p, end);
    if (!after)
        return NULL;
    set_fill(&item->set, p, after);
    item->kind = suffix_kind(after, end);
    return after + (item->kind != QUICK_ONE);
}

/* What a match can begin with, if it cannot be empty. */
static void find_first(struct quick_pattern *q)
{
    memset(&q->first, 0, sizeof q->first);
    q->has_first = false;
    for (unsigned i = 0; i < q->n && !q->has_first; i++) {
        const struct quick_item *item = &q->items[i];

        if (item->kind == QUICK_END)
            return;
        for (int w = 0; w < 4; w++) /* of a bracket: nothing */
            q->first.bits[w] |= item->set.bits[w];
        q->has_first = item->kind == QUICK_ONE || item->kind == QUICK_SOME;
    }
}

static bool prepare(struct quick_pattern *q, const char *p, const char *end)
{
    struct listing l = {.q = q};

    q->n = 0;
    while (p && p < end && q->n < QUICK_ITEMS)
        p = list_item(&l, p, end);
    if (p != end || l.n_open > 0)
        return false;
    find_first(q);
    return true;
}

/* The pattern in its slot; NULL: there is another one, or it is none for this matcher. */
static const struct quick_pattern *look_up(const struct pattern_match *m)
{
    size_t len = (size_t)(m->pattern_end - m->pattern);
    uintptr_t at = (uintptr_t)m->pattern;
    struct quick_pattern *q = &m->cache->slots[(at >> 4 ^ at >> 11) % QUICK_SLOTS];

    if (q->len == len && memcmp(q->text, m->pattern, len) == 0) {
        q->patience = QUICK_PATIENCE;
        return q->usable ? q : NULL;
    }
    if (len > QUICK_TEXT || q->patience > 0) {
        q->patience -= q->patience > 0;
        return NULL;
    }
    memcpy(q->text, m->pattern, len);
    q->len = (uint8_t)len;
    q->patience = QUICK_PATIENCE;
    q->usable = prepare(q, m->pattern, m->pattern_end);
    return q->usable ? q : NULL;
}

/* ---- matching ---- */

static const char *match_at(struct pattern_match *m, const struct quick_pattern *q, unsigned i,
                            const char *s);

/* The characters from s on that the set has. */
static const char *run_of(struct pattern_match *m, const struct quick_set *set, const char *s)
{
    const char *from = s, *end = m->text_end - s > m->steps ? s + m->steps : m->text_end;

    while (s < end && has(set, *s))
        s++;
    m->steps -= s - from;
    return s;
}

static const char *match_greedy(struct pattern_match *m, const struct quick_pattern *q, unsigned i,
                                const char *least)
{
    const char *s = run_of(m, &q->items[i].set, least), *end = NULL;

    while (m->steps > 0 && !(end = match_at(m, q, i + 1, s)) && s > least)
        s--;
    return end;
}

static const char *match_lazy(struct pattern_match *m, const struct quick_pattern *q, unsigned i,
                              const char *s)
{
    const char *end = NULL;

    while (m->steps > 0 && !(end = match_at(m, q, i + 1, s)) && s < m->text_end &&
           has(&q->items[i].set, *s))
        s++;
    return end;
}

static const char *match_opened(struct pattern_match *m, const struct quick_pattern *q, unsigned i,
                                const char *s)
{
    ptrdiff_t len = q->items[i].kind == QUICK_OPEN ? CAPTURE_OPEN : CAPTURE_POSITION;

    m->captures[q->items[i].capture] = (struct capture){s, len};
    return match_at(m, q, i + 1, s);
}

static const char *match_closed(struct pattern_match *m, const struct quick_pattern *q, unsigned i,
                                const char *s)
{
    struct capture *c = &m->captures[q->items[i].capture];

    c->len = s - c->start;
    return match_at(m, q, i + 1, s);
}

/* The end of a match of the items from i on at s; NULL: none, or the steps are used up. */
static const char *match_at(struct pattern_match *m, const struct quick_pattern *q, unsigned i,
                            const char *s)
{
    const char *end;

    for (m->steps--; i < q->n; i++) {
        const struct quick_item *item = &q->items[i];
        bool takes = s < m->text_end && has(&item->set, *s);

        switch (item->kind) {
        case QUICK_ONE:
            if (!takes)
                return NULL;
            s++;
            break;
        case QUICK_OPTIONAL:
            end = takes ? match_at(m, q, i + 1, s + 1) : NULL;
            if (end || m->steps <= 0)
                return end;
            break;
        case QUICK_SOME:
            return takes ? match_greedy(m, q, i, s + 1) : NULL;
        case QUICK_MANY:
            return match_greedy(m, q, i, s);
        case QUICK_LAZY:
            return match_lazy(m, q, i, s);
        case QUICK_OPEN:
        case QUICK_POSITION:
            return match_opened(m, q, i, s);
        case QUICK_CLOSE:
            return match_closed(m, q, i, s);
        case QUICK_END:
            if (s != m->text_end)
                return NULL;
        }
    }
    return s;
}

static int count_captures(const struct quick_pattern *q)
{
    int n = 0;

    for (unsigned i = 0; i < q->n; i++)
        n += q->items[i].kind == QUICK_OPEN || q->items[i].kind == QUICK_POSITION;
    return n;
}

/* Goes to where a match can begin.  False: nowhere, or the steps are used up. */
static bool skip(struct pattern_match *m, const struct quick_pattern *q)
{
    const char *s = m->from, *end = m->text_end - s > m->steps ? s + m->steps : m->text_end;

    if (!q->has_first)
        return true;
    while (s < end && !has(&q->first, *s))
        s++;
    m->steps -= s - m->from;
    m->from = s;
    return s < end;
}

static enum pattern_result found(struct pattern_match *m, const struct quick_pattern *q,
                                 const char *end)
{
    m->s = end;
    m->n_captures = count_captures(q);
    return PATTERN_MATCHED;
}

bool quick_search(struct pattern_match *m, enum pattern_result *ret)
{
    const struct quick_pattern *q = look_up(m);

    if (!q)
        return false;
    for (;; m->from++) {
        const char *end;

        *ret = PATTERN_FAILED;
        if (!m->anchored && !skip(m, q)) {
            if (m->from < m->text_end)
                *ret = PATTERN_PAUSED;
            return true;
        }
        end = m->steps > 0 ? match_at(m, q, 0, m->from) : NULL;
        if (end && end != m->after) {
            *ret = found(m, q, end);
            return true;
        }
        if (m->steps <= 0)
            return false;
        if (m->anchored || m->from == m->text_end)
            return true;
    }
}
