/* Jobs: which script runs when, for whom.
 *
 * Each host of a job is a stage of its own and starts as soon as it is added; there is no barrier
 * between hosts.  Inside a stage a script waits only for the selected scripts that it depends on.
 * Threads are started by the pump, in later turns, and not more at a time than the limit: what has
 * not started costs nothing but its turn. */
#include "engine/script/host_priv.h"

#include <assert.h>
#include <errno.h>
#include <lauxlib.h>
#include <string.h>

#define STARTS_PER_TURN 256

static void pump_later(struct script_host *h)
{
    loop_post(h->loop, &h->pump);
}

/* ---- stages ---- */

static void stage_wake(struct stage *st)
{
    struct script_host *h = st->job->host;

    if (st->queued || !st->begun || st->n_open == 0)
        return;
    st->queued = true;
    TAILQ_INSERT_TAIL(&h->startable, st, entry);
    pump_later(h);
}

static void stage_done(struct stage *st)
{
    if (st->queued)
        TAILQ_REMOVE(&st->job->host->startable, st, entry);
    st->queued = false;
    free(st->progress);
    st->progress = NULL;
    st->n_open = 0;
}

static bool port_is_candidate(const struct port_rec *p)
{
    return p->state == PORT_OPEN || p->state == PORT_OPEN_FILTERED || p->state == PORT_UNFILTERED;
}

/* Candidate n of a script in a stage: 0, or -ENOENT when there are no more, or 1 when this one is
 * passed over. */
static int candidate(const struct stage *st, const struct script *s, uint32_t n, enum rule *rule,
                     size_t *port)
{
    bool host_rule = s->rules & RULE_BIT(RULE_HOST);

    *port = SIZE_MAX;
    if (st->kind != STAGE_HOST) {
        *rule = st->kind == STAGE_PRE ? RULE_PRE : RULE_POST;
        return n == 0 && (s->rules & RULE_BIT(*rule)) ? 0 : -ENOENT;
    }
    *rule = RULE_HOST;
    if (host_rule && n == 0)
        return 0;
    n -= host_rule;
    if (!(s->rules & RULE_BIT(RULE_PORT)) || n >= st->jh->n_ports)
        return -ENOENT;
    *rule = RULE_PORT;
    *port = n;
    return port_is_candidate(&st->jh->ports[n]) ? 0 : 1;
}

static bool may_start(const struct stage *st, const struct script *s)
{
    for (size_t i = 0; i < s->n_after; i++)
        if (!st->progress[s->after[i]].done)
            return false;
    return true;
}

static void check_done(struct stage *st, size_t i)
{
    struct progress *p = &st->progress[i];

    if (p->done || !p->started || p->live > 0)
        return;
    p->done = true;
    st->n_open--;
    if (st->job->host->scripts[i]->has_followers)
        stage_wake(st);
}

enum start { START_ALL, START_HOST_FULL, START_FULL };

/* Weak servers fall over when every script asks at once: each host has a limit of its own. */
static enum start room(const struct stage *st, unsigned budget)
{
    const struct script_host *h = st->job->host;

    if (budget == 0 || h->n_threads >= h->o.max_threads)
        return START_FULL;
    if (st->kind == STAGE_HOST && st->n_live >= h->o.max_threads_per_host)
        return START_HOST_FULL;
    return START_ALL;
}

/* Starts a script's candidates, as many as there is room for. */
static enum start start_script(struct stage *st, size_t i, unsigned *budget)
{
    struct script_host *h = st->job->host;
    struct progress *p = &st->progress[i];
    enum rule rule;
    size_t port;
    int r;

    while ((r = candidate(st, h->scripts[i], p->next, &rule, &port)) >= 0) {
        enum start s = r == 0 ? room(st, *budget) : START_ALL;

        if (s != START_ALL)
            return s;
        p->next++;
        if (r > 0)
            continue;
        (*budget)--;
        r = run_start(st, i, rule, port);
        if (r < 0 && h->world.log)
            h->world.log(h->world.user, LOG_WARNING, h->scripts[i]->id,
                         "out of memory, not started");
    }
    p->started = true;
    check_done(st, i);
    return START_ALL;
}

static enum start stage_start(struct stage *st, unsigned *budget)
{
    struct script_host *h = st->job->host;
    enum start s = START_ALL;

    for (size_t i = st->first; s == START_ALL && i < h->n_scripts; i++) {
        if (!st->progress[i].started && may_start(st, h->scripts[i]))
            s = start_script(st, i, budget);
        while (st->first < h->n_scripts && st->progress[st->first].started)
            st->first++;
    }
    return s;
}

static int stage_begin(struct stage *st)
{
    struct script_host *h = st->job->host;

    st->progress = calloc(h->n_scripts + 1, sizeof *st->progress);
    if (!st->progress)
        return -ENOMEM;
    st->n_open = h->n_scripts;
    st->begun = true;
    stage_wake(st);
    return 0;
}

static bool stage_is_over(const struct stage *st)
{
    return st->begun && st->n_open == 0;
}

/* ---- hosts ---- */

static void host_free(struct job_host *jh)
{
    stage_done(&jh->stage);
    luaL_unref(jh->stage.job->host->sched->L, LUA_REGISTRYINDEX, jh->registry_ref);
    for (size_t i = 0; i < jh->n_ports; i++)
        port_rec_done(&jh->ports[i]);
    free(jh->ports);
    free(jh->target_name);
    free(jh->hostname);
    free(jh->interface);
    free(jh);
}

/* Living workers of it still name the host. */
static void host_drop(struct job_host *jh)
{
    if (!jh->over || jh->refs > 0)
        return;
    TAILQ_REMOVE(&jh->stage.job->hosts, jh, entry);
    host_free(jh);
}

static void host_over(struct job_host *jh)
{
    struct job *j = jh->stage.job;
    const struct script_world *w = &j->host->world;

    jh->over = true;
    stage_done(&jh->stage);
    if (w->host_done)
        w->host_done(w->user, j->id, &jh->address);
    host_drop(jh);
}

static char *dup_or_null(const char *s, bool *failed)
{
    char *copy = s ? strdup(s) : NULL;

    *failed |= s && !copy;
    return copy;
}

static int fill_host(struct job_host *jh, const struct script_target *t)
{
    bool failed = false;

    addr_format(&t->address, jh->ip);
    jh->address = t->address;
    jh->source = t->source;
    jh->target_name = dup_or_null(t->target_name, &failed);
    jh->hostname = dup_or_null(t->hostname, &failed);
    jh->interface = dup_or_null(t->interface, &failed);
    jh->mtu = t->interface ? interface_mtu(t->interface) : 0;
    jh->reason = t->reason;
    jh->reason_ttl = t->reason_ttl;
    jh->has_mac = t->has_mac;
    jh->mac = t->mac;
    jh->directly_connected = t->directly_connected;
    jh->srtt = t->srtt;
    jh->rttvar = t->rttvar;
    jh->rtt_timeout = t->rtt_timeout ? t->rtt_timeout : USEC_PER_SEC;
    jh->registry_ref = LUA_NOREF;
    jh->ports = calloc(t->n_ports + 1, sizeof *jh->ports);
    for (size_t i = 0; jh->ports && i < t->n_ports; i++, jh->n_ports++)
        failed |= port_rec_init(&jh->ports[i], &t->ports[i]) < 0;
    return failed || !jh->ports ? -ENOMEM : 0;
}

struct job_host *job_host_find(struct job *j, const char *ip, const char *target_name)
{
    struct job_host *jh;

    TAILQ_FOREACH (jh, &j->hosts, entry) {
        const char *want = ip ? ip : target_name, *have = ip ? jh->ip : jh->target_name;

        if (jh->stage.begun && want && have && strcmp(want, have) == 0)
            return jh;
    }
    return NULL;
}

/* ---- runs ---- */

void job_run_begun(struct run *r)
{
    LIST_INSERT_HEAD(&r->job->runs, r, entry);
    if (r->jh)
        r->jh->refs++;
    if (r->worker)
        return;
    r->stage->progress[r->script_index].live++;
    r->stage->n_live++;
    r->job->n_live++;
    r->host->n_threads++;
}

void job_run_ended(struct run *r)
{
    struct script_host *h = r->host;
    struct job *j = r->job;
    struct job_host *jh = r->jh;

    LIST_REMOVE(r, entry);
    if (!r->worker) {
        j->n_live--;
        h->n_threads--;
        r->stage->n_live--;
        if (r->stage->progress) { /* not cancelled */
            r->stage->progress[r->script_index].live--;
            check_done(r->stage, r->script_index);
            stage_wake(r->stage); /* it may have waited for room */
        }
    }
    output_done(&r->output);
    free(r);
    if (jh) {
        jh->refs--;
        host_drop(jh);
    }
    pump_later(h);
}

static void kill_runs(struct job *j, const char *reason)
{
    struct run *r, *next;

    for (r = LIST_FIRST(&j->runs); r; r = next) {
        next = LIST_NEXT(r, entry);
        r->end_reason = reason;
        sthread_kill(r->thread, STHREAD_KILLED);
    }
}

/* ---- jobs ---- */

static struct job *job_find(struct script_host *h, uint64_t id)
{
    struct job *j;

    TAILQ_FOREACH (j, &h->jobs, entry)
        if (j->id == id)
            return j;
    return NULL;
}

static void job_free(struct job *j)
{
    struct job_host *jh;

    kill_runs(j, NULL);
    stage_done(&j->pre);
    stage_done(&j->post);
    while ((jh = TAILQ_FIRST(&j->hosts))) {
        TAILQ_REMOVE(&j->hosts, jh, entry);
        host_free(jh);
    }
    luaL_unref(j->host->sched->L, LUA_REGISTRYINDEX, j->registry_ref);
    TAILQ_REMOVE(&j->host->jobs, j, entry);
    free(j);
}

void jobs_free(struct script_host *h)
{
    struct job *j;

    while ((j = TAILQ_FIRST(&h->jobs))) {
        j->cancelled = true;
        job_free(j);
    }
}

static void job_over(struct job *j)
{
    struct script_world w = j->host->world;
    uint64_t id = j->id;

    j->phase = JOB_OVER;
    job_free(j);
    if (w.job_done)
        w.job_done(w.user, id);
}

/* Hosts that wait behind the prerules begin; hosts whose scripts are through are told. */
static void advance_hosts(struct job *j)
{
    struct job_host *jh, *next;

    for (jh = TAILQ_FIRST(&j->hosts); jh; jh = next) {
        next = TAILQ_NEXT(jh, entry);
        if (!jh->stage.begun && stage_begin(&jh->stage) < 0)
            return;
        if (!jh->over && stage_is_over(&jh->stage))
            host_over(jh);
    }
}

static bool all_hosts_over(const struct job *j)
{
    const struct job_host *jh;

    TAILQ_FOREACH (jh, &j->hosts, entry)
        if (!jh->over)
            return false;
    return true;
}

/* Moves a job on as far as it goes.  May free it. */
static void advance(struct job *j)
{
    if (j->cancelled) {
        if (j->n_live == 0)
            job_over(j);
        return;
    }
    if (j->phase == JOB_PRE && stage_is_over(&j->pre))
        j->phase = JOB_HOSTS;
    if (j->phase == JOB_HOSTS)
        advance_hosts(j);
    if (j->phase == JOB_HOSTS && j->finish_wanted && all_hosts_over(j) &&
        stage_begin(&j->post) == 0)
        j->phase = JOB_POST;
    if (j->phase == JOB_POST && stage_is_over(&j->post))
        job_over(j); /* workers that are left are abandoned */
}

static bool more_may_come(const struct script_host *h)
{
    const struct job *j;

    TAILQ_FOREACH (j, &h->jobs, entry)
        if (!j->finish_wanted && !j->cancelled)
            return true;
    return false;
}

/* Every thread waits for another one's signal or lock, and none will ever start that could give it.
 */
static void break_deadlock(struct script_host *h)
{
    struct job *j;

    if (h->n_sync == 0 || h->n_sync < h->sched->stats.live || !TAILQ_EMPTY(&h->startable) ||
        more_may_come(h))
        return;
    TAILQ_FOREACH (j, &h->jobs, entry)
        kill_runs(j, "deadlock: every thread waits for a mutex or condition variable");
}

static void start_some(struct script_host *h)
{
    unsigned budget = STARTS_PER_TURN;
    struct stage *st;

    while (budget > 0 && (st = TAILQ_FIRST(&h->startable))) {
        if (stage_start(st, &budget) == START_FULL)
            break; /* it stays the first */
        TAILQ_REMOVE(&h->startable, st, entry);
        st->queued = false;
        if (stage_is_over(st))
            pump_later(h);
    }
    if (budget == 0 && !TAILQ_EMPTY(&h->startable))
        pump_later(h);
}

void jobs_pump(struct task *pump)
{
    struct script_host *h = CONTAINER_OF(pump, struct script_host, pump);
    struct job *j, *next;

    for (j = TAILQ_FIRST(&h->jobs); j; j = next) {
        next = TAILQ_NEXT(j, entry);
        advance(j);
    }
    start_some(h);
    break_deadlock(h);
}

/* ---- the public face ---- */

int script_job_start(struct script_host *h, uint64_t id, struct err *e)
{
    struct job *j;

    if (job_find(h, id))
        return err_set(e, -EEXIST, "job %llu runs already", (unsigned long long)id);
    j = calloc(1, sizeof *j);
    if (!j)
        return err_set(e, -ENOMEM, "out of memory");
    j->host = h;
    j->id = id;
    j->registry_ref = LUA_NOREF;
    j->pre = (struct stage){.kind = STAGE_PRE, .job = j};
    j->post = (struct stage){.kind = STAGE_POST, .job = j};
    TAILQ_INIT(&j->hosts);
    LIST_INIT(&j->runs);
    TAILQ_INSERT_TAIL(&h->jobs, j, entry);
    if (stage_begin(&j->pre) < 0) {
        job_free(j);
        return err_set(e, -ENOMEM, "out of memory");
    }
    pump_later(h);
    return 0;
}

int script_job_add_host(struct script_host *h, uint64_t id, const struct script_target *t,
                        struct err *e)
{
    struct job *j = job_find(h, id);
    struct job_host *jh;

    if (!j || j->finish_wanted || j->cancelled)
        return err_set(e, -ENOENT, "job %llu takes no hosts", (unsigned long long)id);
    jh = calloc(1, sizeof *jh);
    if (!jh)
        return err_set(e, -ENOMEM, "out of memory");
    jh->stage = (struct stage){.kind = STAGE_HOST, .job = j, .jh = jh};
    if (fill_host(jh, t) < 0) {
        host_free(jh);
        return err_set(e, -ENOMEM, "out of memory");
    }
    TAILQ_INSERT_TAIL(&j->hosts, jh, entry);
    pump_later(h);
    return 0;
}

int script_job_finish(struct script_host *h, uint64_t id)
{
    struct job *j = job_find(h, id);

    if (!j)
        return -ENOENT;
    j->finish_wanted = true;
    pump_later(h);
    return 0;
}

void script_job_cancel(struct script_host *h, uint64_t id)
{
    struct job *j = job_find(h, id);
    struct job_host *jh;

    if (!j || j->cancelled)
        return;
    j->cancelled = true;
    stage_done(&j->pre);
    stage_done(&j->post);
    TAILQ_FOREACH (jh, &j->hosts, entry)
        stage_done(&jh->stage);
    kill_runs(j, NULL);
    pump_later(h);
}
