/* The counting allocator of a Lua state: a ceiling for all scripts together, and a pool for the
 * small blocks that scripts take and drop by the million. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define LMEM_STEP    16   /* sizes are rounded up to it */
#define LMEM_SMALL   2048 /* larger blocks are the C library's; the stack of a coroutine fits */
#define LMEM_CLASSES (LMEM_SMALL / LMEM_STEP)

struct lmem {
    size_t used, peak; /* bytes, as Lua asked for them */
    size_t limit;      /* 0: none */
    /* A request would pass the limit even after a full collection.  True: grant it all the same. */
    bool (*exhausted)(void *user, size_t more);
    void *user;
    /* Lua answers a failure with a collection and one more try of the same request: only the second
     * failure is real. */
    const void *failed_ptr;
    size_t failed_size;
    bool failing;
    /* Free blocks by size.  Slabs go back to the C library with the state only: a pool is as large
     * as the state once was. */
    bool pooled;
    struct lmem_block {
        struct lmem_block *next;
    } * free_blocks[LMEM_CLASSES];
    struct lmem_slab *slabs;
    unsigned n_slabs;
    char *fresh, *fresh_end; /* the part of the newest slab that was never handed out */
};

/* A lua_Alloc; ud is the struct lmem. */
void *lmem_alloc(void *ud, void *ptr, size_t old_size, size_t new_size);
/* After lua_close(): gives the slabs back. */
void lmem_done(struct lmem *m);
