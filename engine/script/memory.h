/* The counting allocator of a Lua state: a ceiling for all scripts together. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct lmem {
    size_t used, peak; /* bytes */
    size_t limit;      /* 0: none */
    /* A request would pass the limit even after a full collection.  True: grant it all the same. */
    bool (*exhausted)(void *user, size_t more);
    void *user;
    /* Lua answers a failure with a collection and one more try of the same request: only the second
     * failure is real. */
    const void *failed_ptr;
    size_t failed_size;
    bool failing;
};

/* A lua_Alloc; ud is the struct lmem. */
void *lmem_alloc(void *ud, void *ptr, size_t old_size, size_t new_size);
