/* Jobs: which script runs when, for whom.
 *
 * Each host of a job is a stage of its own and starts as soon as it is added; there is no barrier
 * between hosts.  Inside a stage a script waits only for the selected scripts that it depends on.
 * Threads are started by the pump, in later turns, and not more at a time than the limit: what has
 * not started costs nothing but its turn. */
#include "engine/script/stage.h"

#include <assert.h>
#include <errno.h>
#include <lauxlib.h>
#include <string.h>

/* Few: who is connected is served before others begin, and where answers come at once only a
 * hundred scripts live at a time and their heap stays in the caches.  Where they do not, turns are
 * short, and the limit of threads is reached all the same in milliseconds. */
#define STARTS_PER_TURN 16

static void pump_later(struct script_host *h)
{
    loop_post(h->loop, &h->pump);
}

/* ---- hosts ---- */

static void host_free(struct job_host *jh)
{
    stage_done(&jh->stage);
    loans_free(jh->stage.job->host->sched->L, jh);
    luaL_unref(jh->stage.job->host->sched->L, LUA_REGISTRYINDEX, jh->registry_ref);
    for (size_t i = 0; i < jh->n_ports; i++)
        port_rec_done(&jh->ports[i]);
    free(jh->ports);
    hops_done(&jh->trace);
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
    j->n_open_hosts--;
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

/* Hosts come by the thousand through the same interface. */
static int mtu_of(struct script_host *h, const char *interface)
{
    usec_t now = loop_now(h->loop);

    if (now >= h->link.until || strcmp(h->link.name, interface) != 0) {
        snprintf(h->link.name, sizeof h->link.name, "%s", interface);
        h->link.mtu = interface_mtu(interface);
        h->link.until = now + USEC_PER_SEC;
    }
    return h->link.mtu;
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
    jh->mtu = t->interface ? mtu_of(jh->stage.job->host, t->interface) : 0;
    jh->reason = t->reason;
    jh->reason_ttl = t->reason_ttl;
    jh->has_mac = t->has_mac;
    jh->mac = t->mac;
    jh->has_source_mac = t->has_source_mac;
    jh->source_mac = t->source_mac;
    jh->has_next_hop_mac = t->has_next_hop_mac;
    jh->next_hop_mac = t->next_hop_mac;
    jh->directly_connected = t->directly_connected;
    jh->srtt = t->srtt;
    jh->rttvar = t->rttvar;
    jh->rtt_timeout = t->rtt_timeout ? t->rtt_timeout : USEC_PER_SEC;
    failed |= t->trace && hops_copy(&jh->trace, t->trace) < 0;
    jh->ports = calloc(t->n_ports + 1, sizeof *jh->ports);
    for (size_t i = 0; jh->ports && i < t->n_ports; i++, jh->n_ports++)
        failed |= port_rec_init(&jh->ports[i], &t->ports[i]) < 0;
    return failed || !jh->ports ? -ENOMEM : 0;
}

struct job_host *job_host_find(struct job *j, const char *name)
{
    struct job_host *jh;

    TAILQ_FOREACH (jh, &j->hosts, entry)
        if (jh->stage.begun &&
            (strcmp(name, jh->ip) == 0 || (jh->target_name && strcmp(name, jh->target_name) == 0)))
            return jh;
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
    r->stage->progress[r->script_index].taken = r->takes_more;
    r->stage->n_live++;
    r->job->n_live++;
    r->host->n_threads++;
}

void job_run_settled(struct run *r)
{
    if (!r->takes_more)
        return;
    r->takes_more = false;
    if (!r->stage->progress) /* cancelled */
        return;
    r->stage->progress[r->script_index].taken = false;
    stage_wake(r->stage);
}

bool job_run_has_next(const struct run *r)
{
    const struct stage *st = r->stage;
    struct progress *p = st->progress ? &st->progress[r->script_index] : NULL;
    int found = -ENOENT;
    enum rule rule;
    size_t port;

    while (p && (found = stage_candidate(st, r->script, p->next, &rule, &port)) > 0)
        p->next++;
    return found == 0;
}

bool job_run_next(struct run *r)
{
    struct progress *p;
    enum rule rule;

    if (!job_run_has_next(r))
        return false;
    p = &r->stage->progress[r->script_index];
    (void)stage_candidate(r->stage, r->script, p->next++, &rule, &r->port);
    r->thread->started = loop_now(r->host->loop);
    return true;
}

void job_run_ended(struct run *r)
{
    struct script_host *h = r->host;
    struct job *j = r->job;
    struct job_host *jh = r->jh;

    LIST_REMOVE(r, entry);
    run_settled(r);
    if (!r->worker) {
        j->n_live--;
        h->n_threads--;
        r->stage->n_live--;
        if (r->stage->progress) { /* not cancelled */
            r->stage->progress[r->script_index].live--;
            stage_check(r->stage, r->script_index);
            stage_wake(r->stage); /* it may have waited for room */
        }
    }
    run_free(r);
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
    struct job_host *jh;

    while ((jh = j->next_host)) {
        j->next_host = TAILQ_NEXT(jh, entry);
        stage_begin(&jh->stage);
    }
    while ((jh = TAILQ_FIRST(&j->through))) {
        TAILQ_REMOVE(&j->through, jh, through_entry);
        host_over(jh);
    }
}

/* Moves a job on as far as it goes.  May free it. */
static void advance(struct job *j)
{
    if (j->cancelled) {
        if (j->n_live == 0)
            job_over(j);
        return;
    }
    if (j->phase == JOB_PRE && stage_is_over(&j->pre)) {
        j->phase = JOB_HOSTS;
        if (j->host->world.prerules_over)
            j->host->world.prerules_over(j->host->world.user, j->id);
    }
    if (j->phase == JOB_HOSTS)
        advance_hosts(j);
    if (j->phase == JOB_HOSTS && j->finish_wanted && j->n_open_hosts == 0) {
        stage_begin(&j->post);
        j->phase = JOB_POST;
    }
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
        if (stage_start(st, &budget) == STAGE_FULL)
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
    TAILQ_INIT(&j->hosts);
    TAILQ_INIT(&j->through);
    LIST_INIT(&j->runs);
    TAILQ_INSERT_TAIL(&h->jobs, j, entry);
    if (stage_init(&j->pre, STAGE_PRE, j) < 0 || stage_init(&j->post, STAGE_POST, j) < 0) {
        job_free(j);
        return err_set(e, -ENOMEM, "out of memory");
    }
    stage_begin(&j->pre);
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
    jh->stage.jh = jh;
    slots_init(&jh->slots, h->o.max_sockets_per_host);
    jh->registry_ref = LUA_NOREF;
    if (stage_init(&jh->stage, STAGE_HOST, j) < 0 || fill_host(jh, t) < 0) {
        host_free(jh);
        return err_set(e, -ENOMEM, "out of memory");
    }
    TAILQ_INSERT_TAIL(&j->hosts, jh, entry);
    j->n_open_hosts++;
    if (!j->next_host)
        j->next_host = jh;
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
