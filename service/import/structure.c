/* A tree of cJSON, in which a list is an object until it is closed without a key: cJSON keeps both
 * as the same chain of members. */
#include "service/import/structure.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The outermost table is the script's own, which has no element. */
static int begin(struct structure *s)
{
    if (s->depth)
        return 0;
    s->levels[0].table = cJSON_CreateObject();
    s->levels[0].listed = 0;
    s->levels[0].keyed = false;
    s->bytes = 0;
    s->depth = s->levels[0].table != NULL;
    return s->depth ? 0 : -ENOMEM;
}

/* What an item takes is mostly cJSON's own. */
static int account(struct structure *s, const char *key, const char *text)
{
    s->bytes += 2 * sizeof(cJSON) + (key ? strlen(key) : 0) + strlen(text);
    return s->bytes > STRUCTURE_BYTES_MAX ? -E2BIG : 0;
}

/* Takes the item, also on failure. */
static int add(struct structure *s, const char *key, cJSON *item)
{
    unsigned top = s->depth - 1;
    char number[16];

    if (key)
        s->levels[top].keyed = true;
    else
        snprintf(number, sizeof number, "%u", ++s->levels[top].listed);
    if (item && cJSON_AddItemToObject(s->levels[top].table, key ? key : number, item))
        return 0;
    cJSON_Delete(item);
    return -ENOMEM;
}

int structure_open(struct structure *s, const char *key)
{
    cJSON *table;
    int r = begin(s);

    if (r < 0)
        return r;
    if (s->depth == STRUCTURE_DEPTH_MAX)
        return -E2BIG;
    r = account(s, key, "");
    if (r < 0)
        return r;
    table = cJSON_CreateObject();
    r = add(s, key, table);
    if (r < 0)
        return r;
    s->levels[s->depth].table = table;
    s->levels[s->depth].listed = 0;
    s->levels[s->depth].keyed = false;
    s->depth++;
    return 0;
}

int structure_add(struct structure *s, const char *key, const char *text)
{
    int r = begin(s);

    if (r == 0)
        r = account(s, key, text);
    return r < 0 ? r : add(s, key, cJSON_CreateString(text));
}

void structure_close(struct structure *s)
{
    unsigned top = s->depth - 1;

    if (s->levels[top].listed && !s->levels[top].keyed)
        s->levels[top].table->type = cJSON_Array;
    s->depth--;
}

int structure_take(struct structure *s, char **ret)
{
    cJSON *all = s->levels[0].table;
    int r = 0;

    *ret = NULL;
    if (!s->depth)
        return 0;
    while (s->depth)
        structure_close(s);
    *ret = cJSON_PrintUnformatted(all);
    if (!*ret)
        r = -ENOMEM;
    cJSON_Delete(all);
    s->levels[0].table = NULL;
    return r;
}

void structure_done(struct structure *s)
{
    if (s->depth)
        cJSON_Delete(s->levels[0].table);
    s->levels[0].table = NULL;
    s->depth = 0;
}
