/* Counts what the Lua state holds and refuses what would pass the ceiling.
 *
 * A refusal is an ordinary Lua error in whoever asked.  That alone is not enough: a script may
 * catch it with pcall and ask again for ever, so the scheduler is told (exhausted) and ends the
 * thread at its next instruction budget. */
#include "engine/script/memory.h"

#include <stdlib.h>

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

void *lmem_alloc(void *ud, void *ptr, size_t old_size, size_t new_size)
{
    struct lmem *m = ud;
    size_t held = ptr ? old_size : 0; /* old_size names a type when ptr is NULL */
    bool passes = m->limit && new_size > held && m->used + (new_size - held) > m->limit;
    void *got;

    if (new_size == 0) {
        free(ptr);
        m->used -= held;
        return NULL;
    }
    if (passes && !is_granted(m, ptr, new_size, new_size - held))
        return NULL;
    got = realloc(ptr, new_size);
    if (!got)
        return NULL;
    m->used += new_size - held;
    if (m->used > m->peak)
        m->peak = m->used;
    return got;
}
