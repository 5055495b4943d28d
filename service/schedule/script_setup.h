/* What a script worker is set up for, and which scripts are left out because they kill workers.
 * Inside service/schedule only. */
#pragma once

#include "engine/base/buf.h"
#include "service/schedule/script_pool.h"

#define BLAMED_MAX 64

/* Zeroed: nobody is blamed. */
struct script_blame {
    struct {
        char script[IPC_NAME_MAX * 4];
        unsigned deaths;
    } list[BLAMED_MAX];
    size_t n;
};

/* A worker died while this script ran (NULL or "": not known).  Says it, once, when the script is
 * left out from now on. */
void script_blame_add(struct script_blame *b, const char *script);

/* The frame (MSG_SETUP, id: the zone) that sets a worker up for the pass.  -ENOMEM, -EMSGSIZE. */
int script_setup_encode(struct buf *out, const struct pool_order *o,
                        const struct script_blame *b) MUST_USE;
