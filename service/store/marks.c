/* A table of sets of four: a host falls into one set by its hash and, when the set is full,
 * displaces the entry that its own mark chooses.  A collision only costs a question of the
 * database. */
#include "service/store/marks.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 4

struct entry {
    uint64_t key; /* 0: empty */
    uint8_t mark[MARK_LEN];
};

struct marks {
    size_t n_sets; /* a power of two */
    struct entry *entries;
};

struct marks *marks_new(size_t n)
{
    struct marks *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    m->n_sets = 1;
    while (m->n_sets * WAYS < n)
        m->n_sets *= 2;
    m->entries = calloc(m->n_sets * WAYS, sizeof *m->entries); /* pages come as they are used */
    return m->entries ? m : marks_free(m);
}

struct marks *marks_free(struct marks *m)
{
    if (m)
        free(m->entries);
    free(m);
    return NULL;
}

/* FNV-1a, and a last mix so that the low bits depend on all. */
static uint64_t hash(uint64_t h, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * 0x100000001b3ULL;
    return h;
}

uint64_t marks_place(const char *zone, const char *pass)
{
    return hash(hash(0xcbf29ce484222325ULL, zone, strlen(zone) + 1), pass, strlen(pass));
}

static struct entry *set_of(const struct marks *m, uint64_t place, const struct addr *a,
                            uint64_t *ret_key)
{
    uint64_t h = hash(hash(place, &a->family, 1), a->b, addr_len(a));

    h ^= h >> 32;
    h *= 0x9e3779b97f4a7c15ULL;
    h ^= h >> 29;
    *ret_key = h | 1;
    return &m->entries[(h >> 1 & (m->n_sets - 1)) * WAYS];
}

bool marks_has(const struct marks *m, uint64_t place, const struct addr *a,
               const uint8_t mark[MARK_LEN])
{
    uint64_t key;
    const struct entry *set = set_of(m, place, a, &key);

    for (size_t i = 0; i < WAYS; i++)
        if (set[i].key == key)
            return memcmp(set[i].mark, mark, MARK_LEN) == 0;
    return false;
}

void marks_put(struct marks *m, uint64_t place, const struct addr *a, const uint8_t mark[MARK_LEN])
{
    uint64_t key;
    struct entry *set = set_of(m, place, a, &key), *at = &set[mark[0] % WAYS];

    for (size_t i = WAYS; i-- > 0;)
        if (set[i].key == key || (!set[i].key && at->key && at->key != key))
            at = &set[i];
    at->key = key;
    memcpy(at->mark, mark, MARK_LEN);
}
