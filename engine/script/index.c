/* The index of a data directory, and the order of the scripts that were selected.
 *
 * A script.db is believed when it is there (it is Lua text that calls Entry{filename=,
 * categories=}, run with nothing else in reach); otherwise every file is loaded once to learn its
 * categories.  Several data directories: the first that has a name wins. */
#include "engine/script/host_priv.h"

#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CATEGORIES_MAX 64

struct db {
    struct run run; /* first: what sched_current()->user is */
    struct script_host *host;
    const char *dir; /* DATADIR/scripts */
    struct buf text;
    char path[4096 + 16];
    char *error;
    bool loaded;
};

/* Entry{filename = "x.nse", categories = {"a", "b"}} */
static int l_entry(lua_State *L)
{
    struct db *db = lua_touserdata(L, lua_upvalueindex(1));
    const char *categories[CATEGORIES_MAX], *filename;
    size_t n = 0;
    char path[8192];

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "filename");
    filename = luaL_checkstring(L, -1);
    lua_getfield(L, 1, "categories");
    luaL_checktype(L, -1, LUA_TTABLE);
    luaL_checkstack(L, CATEGORIES_MAX, NULL);
    for (int t = lua_gettop(L); n < CATEGORIES_MAX; n++) {
        if (lua_rawgeti(L, t, (lua_Integer)n + 1) != LUA_TSTRING)
            break;
        categories[n] = lua_tostring(L, -1);
    }
    snprintf(path, sizeof path, "%s/%s", db->dir, filename);
    if (index_add(&db->host->index, path, categories, n) < 0)
        return luaL_error(L, "not enough memory");
    return 0;
}

static int db_body(lua_State *L)
{
    struct db *db = lua_touserdata(L, 1);

    lua_pushfstring(L, "@%s", db->path);
    if (luaL_loadbufferx(L, db->text.data ? db->text.data : "", db->text.len, lua_tostring(L, -1),
                         "t") != LUA_OK)
        return lua_error(L);
    lua_newtable(L);
    lua_pushlightuserdata(L, db);
    lua_pushcclosure(L, l_entry, 1);
    lua_setfield(L, -2, "Entry");
    lua_setupvalue(L, -2, 1);
    lua_call(L, 0, 0);
    return 0;
}

static void db_ended(struct sthread *t, enum sthread_end how)
{
    struct db *db = t->user;

    db->loaded = how == STHREAD_RETURNED;
    if (!db->loaded)
        db->error = t->doom ? strdup(t->doom) : sthread_error_text(t, false);
}

static int read_db(struct script_host *h, const char *dir, struct err *e)
{
    struct db db = {.run = {.host = h, .port = SIZE_MAX}, .host = h, .dir = dir};
    struct sthread_opts o = {
        .script = "script.db", .user = &db, .body = db_body, .ended = db_ended};
    int r;

    snprintf(db.path, sizeof db.path, "%s/script.db", dir);
    r = read_whole(db.path, &db.text, e);
    if (r == 0 && (sthread_run_now(h->sched, &o) < 0 || !db.loaded))
        r = err_set(e, -EINVAL, "%s", db.error ? db.error : "out of memory");
    buf_done(&db.text);
    free(db.error);
    return r;
}

static int add_by_loading(struct script_host *h, const char *path)
{
    struct script *s = NULL;
    int r;

    if (script_load(h, path, &s, NULL) != 0)
        return index_add(&h->index, path, NULL, 0); /* selecting it by name tells what is wrong */
    r = index_add(&h->index, path, (const char *const *)s->categories.v, s->categories.n);
    script_free(h, s);
    return r;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_script(const struct dirent *d)
{
    size_t len = strlen(d->d_name);

    return len > 4 && strcmp(d->d_name + len - 4, ".nse") == 0;
}

static int read_dir(struct script_host *h, const char *dir, struct err *e)
{
    struct dirent **list = NULL;
    int n = scandir(dir, &list, is_script, by_name), r = 0;
    char path[8192];

    if (n < 0)
        return errno == ENOENT ? 0 : err_set(e, -errno, "read '%s': %s", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name);
        if (r == 0)
            r = add_by_loading(h, path);
        free(list[i]);
    }
    free(list);
    return r < 0 ? err_set(e, r, "out of memory") : 0;
}

int host_index(struct script_host *h, struct err *e)
{
    char dir[4096], db[4096 + 16];
    int r = 0;

    for (size_t i = 0; r == 0 && !h->index_built && i < h->datadirs.n; i++) {
        snprintf(dir, sizeof dir, "%s/scripts", h->datadirs.v[i]);
        snprintf(db, sizeof db, "%s/script.db", dir);
        r = access(db, R_OK) == 0 ? read_db(h, dir, e) : read_dir(h, dir, e);
    }
    h->index_built = r == 0;
    return r;
}

/* ---- order ---- */

static struct script *find_script(const struct script_host *h, const char *id)
{
    for (size_t i = 0; i < h->n_scripts; i++)
        if (strcmp(h->scripts[i]->id, id) == 0)
            return h->scripts[i];
    return NULL;
}

#define LEVEL_COMPUTING UINT_MAX

/* The script, and what it depends on. */
static void mark_early(struct script_host *h, struct script *s)
{
    if (s->early)
        return;
    s->early = true;
    for (size_t i = 0; i < s->dependencies.n; i++) {
        struct script *d = find_script(h, s->dependencies.v[i]);

        if (d)
            mark_early(h, d);
    }
}

static void mark_all(struct script_host *h)
{
    for (size_t i = 0; i < h->n_scripts; i++) {
        h->scripts[i]->level = 0;
        h->scripts[i]->has_followers = h->scripts[i]->early = false;
    }
    for (size_t i = 0; h->o.version_first && i < h->n_scripts; i++)
        if (strings_has(&h->scripts[i]->categories, "version"))
            mark_early(h, h->scripts[i]);
}

/* Dependencies are weak: what was not selected does not count. */
static bool waits_for(const struct script *s, const struct script *d)
{
    return (d->early && !s->early) || strings_has(&s->dependencies, d->id);
}

/* Level: one more than the highest of those that it waits for. */
static int set_level(struct script_host *h, struct script *s, struct err *e)
{
    unsigned level = 1;

    if (s->level == LEVEL_COMPUTING)
        return err_set(e, -ELOOP, "circular dependency: %s", s->id);
    if (s->level)
        return 0;
    s->level = LEVEL_COMPUTING;
    for (size_t i = 0; i < h->n_scripts; i++) {
        struct script *d = h->scripts[i];
        int r = waits_for(s, d) ? set_level(h, d, e) : 1;

        if (r < 0)
            return e && e->code == -ELOOP ? err_add(e, r, "dependencies of %s", s->id) : r;
        if (r == 0 && d->level >= level)
            level = d->level + 1;
    }
    s->level = level;
    return 0;
}

static int cmp_script(const void *a, const void *b)
{
    const struct script *x = *(struct script *const *)a, *y = *(struct script *const *)b;

    if (x->level != y->level)
        return x->level < y->level ? -1 : 1;
    return strcmp(x->id, y->id);
}

static int set_after(struct script_host *h, struct script *s)
{
    free(s->after);
    s->n_after = 0;
    s->after = calloc(h->n_scripts, sizeof *s->after);
    if (!s->after)
        return -ENOMEM;
    for (size_t k = 0; k < h->n_scripts; k++)
        if (waits_for(s, h->scripts[k])) {
            s->after[s->n_after++] = k;
            h->scripts[k]->has_followers = true;
        }
    return 0;
}

int scripts_order(struct script_host *h, struct err *e)
{
    int r = 0;

    mark_all(h);
    for (size_t i = 0; r == 0 && i < h->n_scripts; i++)
        r = set_level(h, h->scripts[i], e);
    if (r < 0)
        return r;
    if (h->n_scripts > 0)
        qsort(h->scripts, h->n_scripts, sizeof *h->scripts, cmp_script);
    for (size_t i = 0; r == 0 && i < h->n_scripts; i++)
        r = set_after(h, h->scripts[i]);
    return r < 0 ? err_set(e, r, "out of memory") : 0;
}
