/* The script host's life, selection, and what the embedder asks about it. */
#include "engine/script/host.h"

#include "engine/script/args.h"
#include "engine/script/bindings.h"
#include "engine/script/host_priv.h"

#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ---- options ---- */

static int set_dirs(struct script_host *h, const struct script_host_opts *o, struct err *e)
{
    char real[PATH_MAX];

    for (size_t i = 0; i < o->n_datadirs; i++) {
        if (!realpath(o->datadirs[i], real))
            return err_set(e, -errno, "data directory '%s': %s", o->datadirs[i], strerror(errno));
        if (strings_add(&h->datadirs, o->datadirs[i]) < 0 || strings_add(&h->roots, real) < 0)
            return err_set(e, -ENOMEM, "out of memory");
    }
    if (!o->scratch_dir)
        return 0;
    if (!realpath(o->scratch_dir, real))
        return err_set(e, -errno, "scratch directory '%s': %s", o->scratch_dir, strerror(errno));
    h->scratch = strdup(real);
    return h->scratch ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int check_args(lua_State *L)
{
    struct script_host *h = lua_touserdata(L, 1);
    struct err e = {0};

    if (args_push(L, h->args.data, h->args.len, &e) < 0)
        return luaL_error(L, "%s", e.text);
    return 0;
}

struct arg_query {
    struct script_host *host;
    const char *name;
    bool given;
};

static int query_arg(lua_State *L)
{
    struct arg_query *q = lua_touserdata(L, 1);
    struct err e = {0};

    lua_settop(L, 1);
    if (args_push(L, q->host->args.data, q->host->args.len, &e) < 0)
        return luaL_error(L, "%s", e.text);
    lua_pushstring(L, q->name);
    lua_rawget(L, 2);
    q->given = lua_toboolean(L, -1);
    for (lua_Integer i = 1; !q->given && lua_rawgeti(L, 2, i) != LUA_TNIL; i++)
        q->given = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), q->name) == 0;
    return 0;
}

bool script_host_has_arg(struct script_host *h, const char *name)
{
    struct arg_query q = {.host = h, .name = name};

    return sched_protected(h->sched, query_arg, &q, NULL) == 0 && q.given;
}

static int set_opts(struct script_host *h, const struct script_host_opts *o, struct err *e)
{
    int r = set_dirs(h, o, e);

    if (r == 0)
        r = args_text(&h->args, o->args, o->args_file, e);
    if (r < 0)
        return r;
    h->o = *o;
    h->o.datadirs = NULL; /* the caller's strings do not outlive the call */
    h->o.args = h->o.args_file = h->o.interface = h->o.scratch_dir = NULL;
    h->o.max_threads = o->max_threads ? o->max_threads : 1000;
    h->o.max_threads_per_host = o->max_threads_per_host ? o->max_threads_per_host : 100;
    h->o.max_sockets_per_host = o->max_sockets_per_host ? o->max_sockets_per_host : 20;
    h->o.family = o->family ? o->family : ADDR_V4;
    h->interface = o->interface ? strdup(o->interface) : NULL;
    return o->interface && !h->interface ? err_set(e, -ENOMEM, "out of memory") : 0;
}

/* ---- life ---- */

static void host_stuck(struct script_host *h, usec_t cpu)
{
    if (h->world.stuck)
        h->world.stuck(h->world.user, script_host_current(h), cpu);
}

int script_host_new(struct script_host **ret, struct loop *l, struct guard *g, struct dns *dns,
                    const struct script_world *w, const struct script_host_opts *o, struct err *e)
{
    CLEANUP(script_host_freep) struct script_host *h = calloc(1, sizeof *h);
    struct sched_opts so = {.host = h,
                            .shed = host_shed,
                            .stuck = host_stuck,
                            .cpu_limit = o->cpu_limit,
                            .script_timeout = o->script_timeout,
                            .memory_limit = o->memory_limit};
    int r;

    if (!h)
        return err_set(e, -ENOMEM, "out of memory");
    h->loop = l;
    h->guard = g;
    h->dns = dns;
    h->world = *w;
    h->registry_ref = LUA_NOREF;
    h->pump.run = jobs_pump;
    TAILQ_INIT(&h->jobs);
    TAILQ_INIT(&h->startable);
    r = set_opts(h, o, e);
    if (r == 0)
        r = sched_new(&h->sched, l, &so, e);
    if (r == 0)
        r = sched_protected(h->sched, check_args, h, e);
    if (r == 0)
        r = env_open(h, e);
    if (r < 0)
        return r;
    *ret = take(&h);
    return 0;
}

struct script_host *script_host_free(struct script_host *h)
{
    if (!h)
        return NULL;
    h->world.result = NULL; /* what ends now is told to nobody; captures are still closed */
    h->world.host_done = NULL;
    h->world.job_done = NULL;
    h->world.log = NULL;
    jobs_free(h);
    for (size_t i = 0; i < h->n_scripts; i++)
        script_free(NULL, h->scripts[i]);
    free(h->scripts);
    task_cancel(h->loop, &h->pump);
    h->sched = sched_free(h->sched);
    if (h->output)
        fclose(h->output);
    index_done(&h->index);
    strings_done(&h->datadirs);
    strings_done(&h->roots);
    buf_done(&h->args);
    free(h->interface);
    free(h->scratch);
    free(h);
    return NULL;
}

struct script_host *script_host_leave(struct script_host *h)
{
    if (h)
        h->sched->leaves = true;
    return script_host_free(h);
}

void script_host_freep(struct script_host **h)
{
    *h = script_host_free(*h);
}

/* ---- registries ---- */

static void new_registry(lua_State *L, struct script_host *h)
{
    struct err e = {0};

    lua_createtable(L, 0, 4);
    if (args_push(L, h->args.data, h->args.len, &e) < 0)
        luaL_error(L, "%s", e.text);
    lua_setfield(L, -2, "args");
}

void push_job_registry(lua_State *L, struct script_host *h, struct job *j)
{
    int *ref = j ? &j->registry_ref : &h->registry_ref;

    if (*ref == LUA_NOREF) {
        new_registry(L, h);
        *ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, *ref);
}

/* ---- what the embedder asks ---- */

void script_host_each(struct script_host *h, void (*fn)(void *user, const struct script_meta *m),
                      void *user)
{
    for (size_t i = 0; i < h->n_scripts; i++) {
        const struct script *s = h->scripts[i];
        struct script_meta m = {
            .id = s->id,
            .path = s->path,
            .description = s->description,
            .author = s->author,
            .license = s->license,
            .categories = (const char *const *)s->categories.v,
            .n_categories = s->categories.n,
            .volatile_keys = (const char *const *)s->volatile_keys.v,
            .n_volatile_keys = s->volatile_keys.n,
            .prerule = s->rules & RULE_BIT(RULE_PRE),
            .hostrule = s->rules & RULE_BIT(RULE_HOST),
            .portrule = s->rules & RULE_BIT(RULE_PORT),
            .postrule = s->rules & RULE_BIT(RULE_POST),
        };

        fn(user, &m);
    }
}

void script_host_raw_frame(struct script_host *h, uint32_t id, const void *frame, size_t len,
                           size_t wire_len, usec_t wall)
{
    bindings_raw_frame(h->sched->L, id, frame, len, wire_len, wall);
}

const char *script_host_current(const struct script_host *h)
{
    return h->sched->current_script;
}

void script_host_stats(const struct script_host *h, struct script_stats *ret)
{
    const struct sched *s = h->sched;
    const struct sthread *t;

    *ret = (struct script_stats){
        .threads_started = s->stats.started,
        .threads_live = s->stats.live,
        .preemptions = s->stats.preemptions,
        .memory_used = s->memory.used,
        .memory_peak = s->memory.peak,
    };
    TAILQ_FOREACH (t, &s->all, all)
        ret->threads_parked += t->op != NULL;
}
