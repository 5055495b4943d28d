/* Marks: one digest for all that was asked of a host and all that was found, when it was told
 * completely.  They stay in the database: the text that is hashed must not change. */
#include "service/store/marks.h"
#include "service/store/part.h"

#include <errno.h>
#include <string.h>

struct marker {
    struct part *p;
    const struct store *store;
    int *ranks; /* of names by number: numbers differ from part to part, marks are over the names */
    struct buf text;
    struct part_fact *sorted;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What every mark of the part begins with: what was asked. */
static void put_head(struct marker *m, enum store_kind kind)
{
    struct part *p = m->p;
    char **sorted = calloc(p->n_judged + 1, sizeof *sorted);

    if (!sorted) {
        m->text.failed = true;
        return;
    }
    if (p->n_judged)
        memcpy(sorted, p->names, p->n_judged * sizeof *sorted);
    qsort(sorted, p->n_judged, sizeof *sorted, by_name);
    buf_printf(&m->text, "m%d", (int)kind);
    for (size_t i = 0; i < p->n_judged; i++)
        buf_add(&m->text, sorted[i], strlen(sorted[i]) + 1);
    buf_char(&m->text, '\n');
    free(sorted);
}

static int by_place_of_name(const void *a, const void *b)
{
    return by_name(*(char **const *)a, *(char **const *)b);
}

static int rank_names(struct marker *m)
{
    struct part *p = m->p;
    char ***sorted = calloc(p->n_names + 1, sizeof *sorted);

    m->ranks = calloc(p->n_names + 1, sizeof *m->ranks);
    if (!sorted || !m->ranks) {
        free(sorted);
        return -ENOMEM;
    }
    for (size_t i = 0; i < p->n_names; i++)
        sorted[i] = &p->names[i];
    qsort(sorted, p->n_names, sizeof *sorted, by_place_of_name);
    for (size_t i = 0; i < p->n_names; i++)
        m->ranks[sorted[i] - p->names] = (int)i;
    free(sorted);
    return 0;
}

static int by_meaning(const void *a, const void *b, void *user)
{
    const struct part_fact *x = a, *y = b;
    const int *ranks = user;

    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    if (x->attr >= 0 || y->attr >= 0)
        return (x->attr > y->attr) - (x->attr < y->attr);
    return ranks[-x->attr - 1] - ranks[-y->attr - 1];
}

/* The facts in that order: themselves, or m->sorted.  NULL: no memory, or none.  They are sent in
 * the other order, in which the server compares them (inv.as_told). */
static const struct part_fact *in_order_of_meaning(struct marker *m, const struct part_fact *f,
                                                   size_t n)
{
    size_t i = 1;

    while (i < n && by_meaning(&f[i - 1], &f[i], m->ranks) < 0)
        i++;
    if (i >= n)
        return f;
    free(m->sorted);
    m->sorted = malloc(n * sizeof *f);
    if (!m->sorted)
        return NULL;
    memcpy(m->sorted, f, n * sizeof *f);
    qsort_r(m->sorted, n, sizeof *f, by_meaning, m->ranks);
    return m->sorted;
}

/* As "%d", of which there are two a fact. */
static void put_int(struct buf *out, int32_t v)
{
    uint32_t left = v < 0 ? 0 - (uint32_t)v : (uint32_t)v;
    char digits[12], *at = digits + sizeof digits;

    do
        *--at = (char)('0' + left % 10);
    while ((left /= 10));
    if (v < 0)
        *--at = '-';
    buf_add(out, at, (size_t)(digits + sizeof digits - at));
}

static void put_fact(struct marker *m, const struct part_fact *f)
{
    put_int(&m->text, f->slot);
    buf_char(&m->text, ' ');
    if (f->attr < 0)
        buf_str(&m->text, m->p->names[-f->attr - 1]);
    put_int(&m->text, f->attr < 0 ? 0 : f->attr);
    buf_add(&m->text, f->digest, sizeof f->digest);
}

/* The n facts are those of one host, in any order. */
static int mark_host(struct marker *m, struct part_host *h, const struct part_fact *f, size_t n)
{
    if (h->state != 'u')
        return 0;
    f = in_order_of_meaning(m, f, n);
    if (!f && n)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (f[i].unsure)
            return 0;
        put_fact(m, &f[i]);
    }
    if (m->text.failed || value_mark(h->mark, &m->store->key, m->text.data, m->text.len) < 0)
        return -ENOMEM;
    h->marked = true;
    h->alone = m->store->marks && marks_has(m->store->marks, m->p->place, &h->addr, h->mark);
    return 0;
}

static int mark_hosts(struct marker *m)
{
    struct part *p = m->p;
    size_t head = m->text.len, at = 0;
    int r = m->text.failed ? -ENOMEM : 0;

    for (size_t i = 0; r == 0 && i < p->n_hosts; i++) {
        size_t from = at;

        while (at < p->n_facts && p->facts[at].host == i)
            at++;
        r = mark_host(m, &p->hosts[i], &p->facts[from], at - from);
        if (!m->text.failed)
            m->text.data[m->text.len = head] = 0;
    }
    return r;
}

int part_mark(struct part *p, const struct store *s, enum store_kind kind)
{
    struct marker m = {.p = p, .store = s};
    int r = rank_names(&m);

    if (r == 0) {
        put_head(&m, kind);
        r = mark_hosts(&m);
    }
    buf_done(&m.text);
    free(m.ranks);
    free(m.sorted);
    return r;
}
