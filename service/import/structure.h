/* The structured output of a script, from the <elem> and <table> elements of nmap's XML to the JSON
 * that the script host makes of the same table: without keys a list, with keys an object, and the
 * list members of a mixed one by their numbers.  All values are texts: XML does not tell numbers.
 */
#pragma once

#include "engine/base/buf.h"

struct cJSON;

/* Tables in each other; the script host allows 100. */
#define STRUCTURE_DEPTH_MAX 104
/* Memory that one script's takes until it is text. */
#define STRUCTURE_BYTES_MAX ((size_t)64 << 20)

struct structure {
    struct {
        struct cJSON *table;
        unsigned listed; /* members without a key */
        bool keyed;
    } levels[STRUCTURE_DEPTH_MAX];
    unsigned depth; /* 0: nothing was told */
    size_t bytes;
};

/* key NULL: a member of a list.  -ENOMEM, -E2BIG: too deep, or too much. */
int structure_open(struct structure *s, const char *key) MUST_USE;
int structure_add(struct structure *s, const char *key, const char *text) MUST_USE;
/* The table that was opened last is complete. */
void structure_close(struct structure *s);

/* As JSON text (the caller's to free()); NULL: nothing was told.  -ENOMEM.  Empties it. */
int structure_take(struct structure *s, char **ret) MUST_USE;
void structure_done(struct structure *s);
