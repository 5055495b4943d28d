/* Keys that do not count: declared by scripts, set by people, or learned by the database.  All of
 * them live there (inv.attr); this is the copy with which digests are made. */
#include "service/store/volatiles.h"

#include "engine/base/log.h"
#include "service/store/decode.h"

#include <string.h>

void volatiles_done(struct store *s)
{
    for (size_t i = 0; i < s->n_volatiles; i++) {
        for (size_t j = 0; j < s->volatiles[i].n; j++)
            free(s->volatiles[i].keys[j]);
        free(s->volatiles[i].keys);
        free(s->volatiles[i].script);
    }
    free(s->volatiles);
    s->volatiles = NULL;
    s->n_volatiles = 0;
}

/* Appends the items of an array literal.  False on no memory. */
static bool volatile_keys(struct store_volatile *v, const char *array)
{
    CLEANUP(buf_done) struct buf item = {0};
    size_t pos = 0;

    while (pg_array_next(array, &pos, &item) == PG_ARRAY_ITEM) {
        char **grown = realloc(v->keys, (v->n + 1) * sizeof *grown);

        if (!grown)
            return false;
        v->keys = grown;
        v->keys[v->n] = strdup(item.data ? item.data : "");
        if (!v->keys[v->n])
            return false;
        v->n++;
    }
    return true;
}

void volatiles_read(struct store *s, const struct db_rows *rows)
{
    size_t n = db_rows_count(rows);

    volatiles_done(s);
    s->volatiles = calloc(n ? n : 1, sizeof *s->volatiles);
    for (size_t i = 0; s->volatiles && i < n; i++) {
        const char *script = db_rows_text(rows, i, 0), *keys = db_rows_text(rows, i, 1);

        s->volatiles[i].script = strdup(script ? script : "");
        s->n_volatiles = i + 1;
        if (!s->volatiles[i].script || !volatile_keys(&s->volatiles[i], keys ? keys : "{}"))
            break;
    }
}

const struct store_volatile *store_volatile_of(const struct store *s, const char *script)
{
    for (size_t i = 0; i < s->n_volatiles; i++)
        if (strcmp(s->volatiles[i].script, script) == 0)
            return &s->volatiles[i];
    return NULL;
}

static void on_read_again(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    (void)e;
    if (status == 0)
        volatiles_read(user, rows);
}

static void read_again(struct store *s)
{
    struct db_call c = {.sql = VOLATILES_SQL, .flags = DB_RETRY};

    if (db_query(s->db, &c, on_read_again, s) < 0)
        log_debug("store: volatile keys were not read again");
}

void volatiles_muted(struct store *s, int64_t n)
{
    if (s->n_muted >= 0 && n > s->n_muted) {
        log_event(LOG_NOTICE,
                  "keys of script results changed in nearly every pass, they are not compared from "
                  "now on: see 'muster report run muted_key'",
                  "EVENT", "key-muted");
        read_again(s);
    }
    s->n_muted = n;
}

static bool has_key(const struct store_volatile *v, const char *key, size_t len)
{
    for (size_t i = 0; v && i < v->n; i++)
        if (strlen(v->keys[i]) == len && memcmp(v->keys[i], key, len) == 0)
            return true;
    return false;
}

static void on_declared(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    (void)e;
    if (status == 0 && db_rows_bool(rows, 0, 0))
        read_again(user);
}

void store_declare(struct store *s, const char *script, const char *keys)
{
    CLEANUP(buf_done) struct buf array = {0};
    const struct store_volatile *known = store_volatile_of(s, script);
    const char *params[] = {script, NULL};
    struct db_call c = {.sql = "SELECT api.declare_volatile($1, $2)",
                        .params = params,
                        .n_params = 2,
                        .flags = DB_RETRY};
    size_t unknown = 0;

    pg_array_open(&array);
    for (const char *at = keys; *at;) {
        size_t len = strcspn(at, "\n");

        unknown += len && !has_key(known, at, len);
        if (len)
            pg_array_text(&array, at, len);
        at += len + (at[len] == '\n');
    }
    pg_array_close(&array);
    params[1] = array.data;
    if (unknown && !array.failed && store_call(s, &c, on_declared, s) < 0)
        log_debug("store: declared keys were left out");
}
