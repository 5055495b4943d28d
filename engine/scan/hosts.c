/* A chained hash table under a random key (targets may be chosen by whom we scan), a heap
 * and a tail queue. */
#include "engine/scan/hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hosts_init(struct hosts *hs, size_t max)
{
    size_t size = 16;

    while (size < max)
        size *= 2;
    *hs = (struct hosts){.table_size = size, .max = max};
    hs->table = calloc(size, sizeof(struct host *));
    hs->heap = calloc(max + 1, sizeof *hs->heap);
    if (!hs->table || !hs->heap) {
        hosts_done(hs);
        return -ENOMEM;
    }
    random_bytes(&hs->key, sizeof hs->key);
    TAILQ_INIT(&hs->ready);
    return 0;
}

void hosts_done(struct hosts *hs)
{
    for (size_t i = 0; hs->table && i < hs->table_size; i++) {
        for (struct host *h = hs->table[i], *next; h; h = next) {
            next = h->next;
            free(h->ports);
            free(h);
        }
    }
    free(hs->table);
    free(hs->heap);
    *hs = (struct hosts){0};
}

static struct host **chain(const struct hosts *hs, const struct addr *a)
{
    return &hs->table[siphash(&hs->key, a->b, sizeof a->b) & (hs->table_size - 1)];
}

struct host *hosts_find(const struct hosts *hs, const struct addr *a)
{
    for (struct host *h = *chain(hs, a); h; h = h->next)
        if (addr_equal(&h->addr, a))
            return h;
    return NULL;
}

struct host *hosts_add(struct hosts *hs, const struct addr *a)
{
    struct host **head = chain(hs, a);
    struct host *h = hs->n < hs->max ? calloc(1, sizeof *h) : NULL;

    if (!h)
        return NULL;
    h->addr = *a;
    h->next = *head;
    *head = h;
    hs->n++;
    return h;
}

void hosts_remove(struct hosts *hs, struct host *h)
{
    struct host **link = chain(hs, &h->addr);

    hosts_unqueue(hs, h);
    while (*link != h)
        link = &(*link)->next;
    *link = h->next;
    hs->n--;
    free(h->ports);
    free(h);
}

/* The heap: slots from 1; four children each, which lie side by side, so that a host moves half as
 * often as with two: each move writes into the host. */
#define CHILDREN 4

static size_t parent_of(size_t slot)
{
    return (slot - 2) / CHILDREN + 1;
}

static size_t first_child_of(size_t slot)
{
    return (slot - 1) * CHILDREN + 2;
}

static void put(struct hosts *hs, size_t slot, struct heap_slot s)
{
    hs->heap[slot] = s;
    s.host->heap_slot = slot;
}

static size_t rise(struct hosts *hs, size_t slot, struct heap_slot s)
{
    for (size_t up; slot > 1 && hs->heap[up = parent_of(slot)].due > s.due; slot = up)
        put(hs, slot, hs->heap[up]);
    put(hs, slot, s);
    return slot;
}

static void sink(struct hosts *hs, size_t slot, struct heap_slot s)
{
    for (size_t child; (child = first_child_of(slot)) <= hs->n_heap; slot = child) {
        size_t last = child + CHILDREN - 1 < hs->n_heap ? child + CHILDREN - 1 : hs->n_heap;

        for (size_t i = child + 1; i <= last; i++)
            if (hs->heap[i].due < hs->heap[child].due)
                child = i;
        if (hs->heap[child].due >= s.due)
            break;
        put(hs, slot, hs->heap[child]);
    }
    put(hs, slot, s);
}

static void heap_remove(struct hosts *hs, struct host *h)
{
    size_t slot = h->heap_slot;
    struct heap_slot last = hs->heap[hs->n_heap--];

    h->heap_slot = 0;
    if (last.host != h && rise(hs, slot, last) == slot)
        sink(hs, slot, last);
}

void hosts_unqueue(struct hosts *hs, struct host *h)
{
    if (h->heap_slot)
        heap_remove(hs, h);
    if (h->queued) {
        TAILQ_REMOVE(&hs->ready, h, entry);
        hs->n_ready--;
        h->queued = false;
    }
}

void hosts_set_ready(struct hosts *hs, struct host *h)
{
    hosts_unqueue(hs, h);
    TAILQ_INSERT_TAIL(&hs->ready, h, entry);
    hs->n_ready++;
    h->queued = true;
}

void hosts_set_due(struct hosts *hs, struct host *h, usec_t due)
{
    hosts_unqueue(hs, h);
    h->due = due;
    rise(hs, ++hs->n_heap, (struct heap_slot){due, h});
}

struct host *hosts_first_due(const struct hosts *hs)
{
    return hs->n_heap ? hs->heap[1].host : NULL;
}
