/* Compiler attributes that every layer uses, and the hand-over of owned pointers. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn)        __attribute__((cleanup(fn)))
#define MUST_USE           __attribute__((warn_unused_result))
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define UNUSED             __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The object that embeds a member, from the member's address. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Hands an owned pointer on: gives the value and leaves NULL behind, so that its CLEANUP does
 * nothing. */
#define take(pp)                                                                                   \
    __extension__({                                                                                \
        __typeof__(*(pp)) take_value_ = *(pp);                                                     \
        *(pp) = NULL;                                                                              \
        take_value_;                                                                               \
    })

/* Cleanup functions for locals: `CLEANUP(freep) char *s = NULL;`.  All accept what is not there. */
static inline void freep(void *p)
{
    free(*(void **)p);
}

static inline void fclosep(FILE **f)
{
    if (*f)
        fclose(*f);
}

static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
