/* The life of a script's thread around what it runs (body.c): start, outcome, end; and workers. */
#include "engine/script/host_priv.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#define WORKERS_MAX 1000                                               /* of one script at a time */
#define FAILED_TEXT "ERROR: Script execution failed (use -d to debug)" /* what nmap prints */

struct run *run_of(lua_State *L)
{
    const struct sthread *t = sched_current(L);

    return t ? t->user : NULL;
}

enum addr_family run_family(lua_State *L)
{
    const struct run *r = run_of(L);

    return r && r->jh ? (enum addr_family)r->jh->address.family : host_of(L)->o.family;
}

/* ---- the outcome ---- */

static enum script_phase phase_of(const struct run *r)
{
    static const enum script_phase phases[] = {SCRIPT_PRE, SCRIPT_HOST, SCRIPT_PORT, SCRIPT_POST};

    return phases[r->rule];
}

static struct script_result result_of(const struct run *r, enum script_outcome outcome,
                                      const char *reason)
{
    const struct port_rec *p = r->port != SIZE_MAX ? &r->jh->ports[r->port] : NULL;
    struct script_result res = {
        .phase = phase_of(r),
        .protocol = p ? p->protocol : 0,
        .port = p ? p->port : 0,
        .script = r->script->id,
        .outcome = outcome,
        .reason = reason,
        .elapsed = r->thread ? loop_now(r->host->loop) - r->thread->started : 0,
        .bytes_in = r->thread ? r->thread->bytes_in : 0,
        .bytes_out = r->thread ? r->thread->bytes_out : 0,
    };

    if (r->jh)
        res.address = r->jh->address;
    return res;
}

static void tell(const struct run *r, const struct script_result *res)
{
    const struct script_world *w = &r->host->world;

    if (w->result)
        w->result(w->user, r->job->id, res);
}

static void report(const struct run *r, enum script_outcome outcome, const char *reason)
{
    struct script_result res = result_of(r, outcome, reason);

    tell(r, &res);
}

static void report_output(const struct run *r)
{
    const struct output *o = &r->output;
    struct script_result res = result_of(r, o->any ? SCRIPT_OK : SCRIPT_NO_OUTPUT, NULL);

    if (o->any) {
        res.output = o->text.data ? o->text.data : "";
        res.output_len = o->text.len;
    }
    if (o->any && o->structured) {
        res.data = o->json.data;
        res.xml = o->xml.data ? o->xml.data : "";
    }
    tell(r, &res);
}

/* Errors that the script raised have an output; what the host ended has none (nse-contract 1.5,
 * 6.4). */
static void report_error(const struct run *r, const char *reason)
{
    struct script_result res = result_of(r, SCRIPT_ERROR, reason);

    if (r->host->o.debugging == 0) {
        res.output = FAILED_TEXT;
        res.output_len = sizeof FAILED_TEXT - 1;
    }
    tell(r, &res);
}

struct error_kind {
    struct sthread *thread;
    bool is_try;
};

/* Is the value on top what nmap.new_try raised, {errtype = "nmap.new_try"}?  Read without
 * metamethods. */
static bool is_try_error(lua_State *L)
{
    bool is;

    if (!lua_istable(L, -1))
        return false;
    lua_pushliteral(L, "errtype");
    lua_rawget(L, -2);
    is = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "nmap.new_try") == 0;
    lua_pop(L, 1);
    return is;
}

static int classify_error(lua_State *L)
{
    struct error_kind *k = lua_touserdata(L, 1);

    sthread_push_error(L, k->thread);
    k->is_try = is_try_error(L); /* a quiet end */
    return 0;
}

static void report_failure(struct run *r)
{
    struct error_kind k = {.thread = r->thread};
    CLEANUP(freep) char *text = NULL;

    (void)sched_protected(r->host->sched, classify_error, &k, NULL);
    if (k.is_try) {
        if (r->at == RUN_ACTION)
            report(r, SCRIPT_NO_OUTPUT, NULL);
        return;
    }
    text = sthread_error_text(r->thread, true);
    report_error(r, text ? text : "out of memory");
}

static void report_end(struct run *r, enum sthread_end how)
{
    switch (how) {
    case STHREAD_RETURNED:
        if (r->at == RUN_ACTION) /* else its rule was false */
            report_output(r);
        break;
    case STHREAD_FAILED:
        report_failure(r);
        break;
    case STHREAD_STRAYED:
        report(r, SCRIPT_ERROR, "yielded unexpectedly and cannot be resumed");
        break;
    case STHREAD_TIMED_OUT:
        report(r, SCRIPT_TIMEOUT, NULL);
        break;
    case STHREAD_EXHAUSTED:
        report(r, SCRIPT_ERROR, r->thread->doom);
        break;
    case STHREAD_KILLED:
        report(r, r->end_reason ? SCRIPT_ERROR : SCRIPT_SKIPPED,
               r->end_reason ? r->end_reason : "cancelled");
        break;
    }
}

void run_settled(struct run *r)
{
    loans_keep(r);
    job_run_settled(r);
}

static void script_waits(struct sthread *t)
{
    run_settled(t->user);
}

static void script_ended(struct sthread *t, enum sthread_end how)
{
    struct run *r = t->user;

    r->thread = t;
    report_end(r, how);
    r->thread = NULL;
    job_run_ended(r);
}

static struct run *run_new(struct job *j)
{
    struct run *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->host = j->host;
    r->job = j;
    r->port = SIZE_MAX;
    r->box_ref = LUA_NOREF;
    output_init(&r->output);
    return r;
}

int run_start(struct stage *st, size_t script_index, enum rule rule, size_t port)
{
    CLEANUP(freep) struct run *r = run_new(st->job);
    struct sthread_opts o = {.job = st->job->id,
                             .user = r,
                             .body = run_body,
                             .waits = script_waits,
                             .ended = script_ended};
    int err;

    if (!r)
        return -ENOMEM;
    r->stage = st;
    r->jh = st->jh;
    r->script_index = script_index;
    r->script = r->host->scripts[script_index];
    r->rule = rule;
    r->port = port;
    o.script = r->script->id;
    r->takes_more = rule == RULE_PORT && !r->script->forced;
    err = sthread_start(r->host->sched, &o, &r->thread);
    if (err < 0)
        return err;
    job_run_begun(take(&r));
    return 0;
}

/* ---- workers ---- */

/* The worker's error value goes into its box, where info() finds it; of a failed try its message.
 */
static int keep_error(lua_State *L)
{
    struct run *r = lua_touserdata(L, 1);

    lua_rawgeti(L, LUA_REGISTRYINDEX, r->box_ref);
    sthread_push_error(L, r->thread);
    if (is_try_error(L)) {
        lua_pushliteral(L, "message");
        lua_rawget(L, -2);
        lua_replace(L, -2);
    }
    lua_rawseti(L, -2, 1);
    return 0;
}

static int keep_text(lua_State *L)
{
    struct run *r = lua_touserdata(L, 1);

    lua_rawgeti(L, LUA_REGISTRYINDEX, r->box_ref);
    lua_pushstring(L, r->end_reason);
    lua_rawseti(L, -2, 1);
    return 0;
}

static void worker_ended(struct sthread *t, enum sthread_end how)
{
    struct run *r = t->user;

    r->thread = t;
    r->end_reason = how == STHREAD_STRAYED     ? "yielded unexpectedly and cannot be resumed"
                    : how == STHREAD_TIMED_OUT ? "timed out"
                    : how == STHREAD_EXHAUSTED ? t->doom
                    : how == STHREAD_KILLED    ? "killed"
                                               : NULL;
    if (how == STHREAD_FAILED)
        (void)sched_protected(t->sched, keep_error, r, NULL);
    else if (r->end_reason)
        (void)sched_protected(t->sched, keep_text, r, NULL);
    r->thread = NULL;
    luaL_unref(t->sched->L, LUA_REGISTRYINDEX, r->box_ref);
    job_run_ended(r);
}

static const char *status_of(lua_State *L, lua_State *co)
{
    lua_Debug ar;

    if (L == co)
        return "running";
    if (lua_status(co) == LUA_YIELD)
        return "suspended";
    if (lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar))
        return "normal";
    return lua_status(co) == LUA_OK && lua_gettop(co) > 0 ? "suspended" : "dead";
}

/* info() -> status, error value or nil; upvalues: coroutine, box */
static int l_info(lua_State *L)
{
    lua_pushstring(L, status_of(L, lua_tothread(L, lua_upvalueindex(1))));
    lua_rawgeti(L, lua_upvalueindex(2), 1);
    return 2;
}

/* A place in the crew of the parent, or NULL: there is no memory. */
static struct crew *crew_join(struct run *parent)
{
    struct crew *c = parent->crew;

    if (!c) {
        c = parent->crew = calloc(1, sizeof *c);
        if (!c)
            return NULL;
        c->refs = 1;
        c->cpu = parent->thread->cpu;
        parent->thread->crew_cpu = &c->cpu;
    }
    c->refs++;
    c->living++;
    return c;
}

static void crew_leave(struct run *r)
{
    struct crew *c = r->crew;

    if (!c)
        return;
    if (r->worker)
        c->living--;
    if (--c->refs == 0)
        free(c);
    r->crew = NULL;
}

void run_free(struct run *r)
{
    crew_leave(r);
    output_done(&r->output);
    free(r);
}

/* A worker's run; NULL: there is no memory. */
static struct run *worker_new(struct run *parent)
{
    struct run *w = run_new(parent->job);

    if (!w)
        return NULL;
    w->worker = true;
    w->crew = crew_join(parent);
    if (w->crew)
        return w;
    run_free(w);
    return NULL;
}

static void inherit(struct run *w, const struct run *parent)
{
    w->jh = parent->jh;
    w->port = parent->port;
    w->script = parent->script;
    w->rule = parent->rule;
    w->at = RUN_ACTION;
}

int run_start_worker(lua_State *L, int n)
{
    struct sthread *self = sched_current(L), *t;
    struct run *parent = self->user;
    struct sthread_opts o = {
        .script = self->script, .job = self->job, .started = self->started, .ended = worker_ended};
    struct run *w;
    int ref;

    if (parent->crew && parent->crew->living >= WORKERS_MAX)
        return luaL_error(L, "too many threads (%d)", WORKERS_MAX);
    lua_newtable(L); /* the box: stack becomes box, f, arguments */
    lua_pushvalue(L, -1);
    ref = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_insert(L, 1);
    w = worker_new(parent);
    o.user = w;
    o.crew_cpu = w ? &w->crew->cpu : NULL;
    if (!w || sthread_start_function(L, n, &o, &t) < 0) {
        if (w)
            run_free(w);
        luaL_unref(L, LUA_REGISTRYINDEX, ref);
        return luaL_error(L, "not enough memory");
    }
    inherit(w, parent);
    w->box_ref = ref;
    w->thread = t;
    job_run_begun(w);
    lua_pushthread(t->co);
    lua_xmove(t->co, L, 1);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    lua_pushcclosure(L, l_info, 2);
    return 2;
}
