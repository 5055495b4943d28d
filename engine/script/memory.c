/* Counts what the Lua state holds and refuses what would pass the ceiling.
 *
 * A refusal is an ordinary Lua error in whoever asked.  That alone is not enough: a script may
 * catch it with pcall and ask again for ever, so the scheduler is told (exhausted) and ends the
 * thread at its next instruction budget.
 *
 * Lua names the old size of a block with each call, so a pool needs no headers: small blocks come
 * from lists by size, carved out of slabs.  The C library's allocator took a fifth of all CPU time
 * of a worker with thousands of scripts, most of it in looking for a place. */
#include "engine/script/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The first slabs are small; a state that holds more than some of them gets slabs that fill a huge
 * page: its blocks lie all over its memory, and looking up pages took a good part of the time. */
#define SLAB_SIZE   ((size_t)64 << 10)
#define SLAB_HUGE   ((size_t)2 << 20)
#define SMALL_SLABS 16

struct lmem_slab {
    struct lmem_slab *next;
    _Alignas(max_align_t) char bytes[];
};

/* May this request pass the limit?  Remembers it: the same one coming again at once means that
 * collecting did not help. */
static bool is_granted(struct lmem *m, const void *ptr, size_t size, size_t more)
{
    bool again = m->failing && m->failed_ptr == ptr && m->failed_size == size;

    m->failing = !again;
    m->failed_ptr = ptr;
    m->failed_size = size;
    return again && m->exhausted && m->exhausted(m->user, more);
}

static size_t class_of(size_t size)
{
    return (size - 1) / LMEM_STEP;
}

static bool is_pooled(const struct lmem *m, size_t size)
{
    return m->pooled && size && size <= LMEM_SMALL;
}

static void give_back(struct lmem *m, void *ptr, size_t class)
{
    struct lmem_block *b = ptr;

    b->next = m->free_blocks[class];
    m->free_blocks[class] = b;
}

/* What is left of the old slab is no smaller a block than its size says: it joins the list of it.
 */
static bool slab_add(struct lmem *m)
{
    size_t left = (size_t)(m->fresh_end - m->fresh);
    size_t size = m->n_slabs < SMALL_SLABS ? SLAB_SIZE : SLAB_HUGE;
    struct lmem_slab *s = size == SLAB_HUGE ? aligned_alloc(size, size) : malloc(size);

    if (!s)
        return false;
    if (size == SLAB_HUGE)
        madvise(s, size, MADV_HUGEPAGE); /* as good as it gets */
    m->n_slabs++;
    if (left >= LMEM_STEP)
        give_back(m, m->fresh, class_of(left));
    s->next = m->slabs;
    m->slabs = s;
    m->fresh = s->bytes;
    m->fresh_end = (char *)s + size;
    return true;
}

static void *take_block(struct lmem *m, size_t class)
{
    struct lmem_block *b = m->free_blocks[class];
    size_t size = (class + 1) * LMEM_STEP;
    char *got;

    if (b) {
        m->free_blocks[class] = b->next;
        /* Blocks come back in the order of the collector's sweep, long after they were touched: the
         * wait for the next one is over by the time that it is asked for. */
        __builtin_prefetch(b->next, 1);
        return b;
    }
    if ((size_t)(m->fresh_end - m->fresh) < size && !slab_add(m))
        return NULL;
    got = m->fresh;
    m->fresh += size;
    return got;
}

static void release(struct lmem *m, void *ptr, size_t size)
{
    if (is_pooled(m, size))
        give_back(m, ptr, class_of(size));
    else
        free(ptr);
}

/* From or to the pool, or inside it. */
static void *move(struct lmem *m, void *ptr, size_t held, size_t size)
{
    void *got;

    if (is_pooled(m, held) && is_pooled(m, size) && class_of(held) == class_of(size))
        return ptr;
    got = is_pooled(m, size) ? take_block(m, class_of(size)) : malloc(size);
    if (!got)
        return NULL;
    if (held)
        memcpy(got, ptr, held < size ? held : size);
    if (ptr)
        release(m, ptr, held);
    return got;
}

void *lmem_alloc(void *ud, void *ptr, size_t old_size, size_t new_size)
{
    struct lmem *m = ud;
    size_t held = ptr ? old_size : 0; /* old_size names a type when ptr is NULL */
    bool passes = m->limit && new_size > held && m->used + (new_size - held) > m->limit;
    void *got;

    if (new_size == 0) {
        release(m, ptr, held);
        m->used -= held;
        return NULL;
    }
    if (passes && !is_granted(m, ptr, new_size, new_size - held))
        return NULL;
    if (is_pooled(m, held) || is_pooled(m, new_size))
        got = move(m, ptr, held, new_size);
    else
        got = realloc(ptr, new_size);
    if (!got)
        return NULL;
    m->used += new_size - held;
    if (m->used > m->peak)
        m->peak = m->used;
    return got;
}

void lmem_done(struct lmem *m)
{
    struct lmem_slab *s;

    while ((s = m->slabs)) {
        m->slabs = s->next;
        free(s);
    }
    memset(m->free_blocks, 0, sizeof m->free_blocks);
    m->fresh = m->fresh_end = NULL;
    m->n_slabs = 0;
}
