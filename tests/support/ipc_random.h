/* Random values for any message, by its table: for the codec's tests and for making the fuzz
 * corpus. */
#pragma once

#include "service/ipc/messages.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct ipc_random {
    uint64_t state;     /* not 0 */
    char pool[1 << 17]; /* where texts and bytes live */
    size_t used;
};

static inline uint64_t ipc_random_next(struct ipc_random *x)
{
    x->state ^= x->state << 13;
    x->state ^= x->state >> 7;
    x->state ^= x->state << 17;
    return x->state;
}

static inline char *ipc_random_bytes(struct ipc_random *x, size_t len, char low)
{
    char *at = x->pool + x->used;

    for (size_t i = 0; i < len; i++)
        at[i] = (char)(low + (char)(ipc_random_next(x) % 90));
    at[len] = 0;
    x->used += len + 1;
    return at;
}

static inline void ipc_random_addr(struct ipc_random *x, struct addr *a)
{
    static const uint8_t families[] = {ADDR_NONE, ADDR_V4, ADDR_V6};

    memset(a, 0, sizeof *a);
    a->family = families[ipc_random_next(x) % 3];
    for (size_t i = 0; a->family && i < addr_len(a); i++)
        a->b[i] = (uint8_t)ipc_random_next(x);
    a->scope = (uint32_t)(ipc_random_next(x) % 3);
}

static inline void ipc_random_field(struct ipc_random *x, const struct ipc_field *f, void *value)
{
    char *at = (char *)value + f->offset;
    uint64_t v = ipc_random_next(x);
    size_t len = v % ((f->max < 600 ? f->max : 600) + 1);
    double d = (double)v / 3;

    switch (f->kind) {
    case IPC_U8:
        memcpy(at, &v, 1);
        break;
    case IPC_U16:
        memcpy(at, &v, 2);
        break;
    case IPC_U32:
        memcpy(at, &v, 4);
        break;
    case IPC_U64:
        memcpy(at, &v, 8);
        break;
    case IPC_F64:
        memcpy(at, &d, sizeof d);
        break;
    case IPC_BOOL:
        *at = v & 1;
        break;
    case IPC_ENUM:
        *(unsigned *)(void *)at = (unsigned)(v % (f->max + 1));
        break;
    case IPC_ADDR:
        ipc_random_addr(x, (struct addr *)(void *)at);
        break;
    case IPC_MAC:
        memcpy(at, &v, sizeof(struct mac));
        break;
    case IPC_TEXT:
        *(const char **)(void *)at = v % 5 ? ipc_random_bytes(x, len, '!') : NULL;
        break;
    case IPC_BYTES:
        *(struct ipc_bytes *)(void *)at =
            (struct ipc_bytes){(uint8_t *)ipc_random_bytes(x, len, 0), len};
    }
}

static inline void ipc_random_value(struct ipc_random *x, const struct ipc_message *m,
                                    union ipc_any *value)
{
    memset(value, 0, sizeof *value);
    x->used = 0;
    for (size_t i = 0; i < m->n_fields; i++)
        ipc_random_field(x, &m->fields[i], value);
}
