/* Counts what the Lua state holds and refuses what would pass the ceiling.
 *
 * A refusal is an ordinary Lua error in whoever asked.  That alone is not enough: a script may
 * catch it with pcall and ask again for ever, so the scheduler is told (exhausted) and ends the
 * thread at its next instruction budget. */
#include "engine/script/memory.h"

#include <stdlib.h>

static void *refuse(struct lmem *m, const void *ptr, size_t size)
{
    bool again = m->failing && m->failed_ptr == ptr && m->failed_size == size;

    m->failing = !again;
    m->failed_ptr = ptr;
    m->failed_size = size;
    if (again && m->exhausted)
        m->exhausted(m->user);
    return NULL;
}

void *lmem_alloc(void *ud, void *ptr, size_t old_size, size_t new_size)
{
    struct lmem *m = ud;
    size_t held = ptr ? old_size : 0; /* old_size names a type when ptr is NULL */
    void *got;

    if (new_size == 0) {
        free(ptr);
        m->used -= held;
        return NULL;
    }
    if (m->limit && new_size > held && new_size - held > m->limit - m->used)
        return refuse(m, ptr, new_size);
    got = realloc(ptr, new_size);
    if (!got)
        return refuse(m, ptr, new_size);
    m->used += new_size - held;
    if (m->used > m->peak)
        m->peak = m->used;
    return got;
}
