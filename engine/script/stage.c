/* Stages: what of one host, or before or after all hosts, may start now. */
#include "engine/script/stage.h"

#include <errno.h>
#include <stdlib.h>

void stage_wake(struct stage *st)
{
    struct script_host *h = st->job->host;

    if (st->queued || !st->begun || st->n_open == 0)
        return;
    st->queued = true;
    TAILQ_INSERT_TAIL(&h->startable, st, entry);
    loop_post(h->loop, &h->pump);
}

void stage_done(struct stage *st)
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

int stage_candidate(const struct stage *st, const struct script *s, uint32_t n, enum rule *rule,
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
    return port_is_candidate(port_rec_for(s, &st->jh->ports[n])) ? 0 : 1;
}

static bool may_start(const struct stage *st, const struct script *s)
{
    for (size_t i = 0; i < s->n_after; i++)
        if (!st->progress[s->after[i]].done)
            return false;
    return true;
}

/* A stage of a host that has come to its end: the next pump tells. */
static void stage_through(struct stage *st)
{
    struct job_host *jh = st->jh;

    if (!jh || jh->is_through || !st->begun || st->n_open > 0)
        return;
    jh->is_through = true;
    TAILQ_INSERT_TAIL(&st->job->through, jh, through_entry);
}

void stage_check(struct stage *st, size_t i)
{
    struct progress *p = &st->progress[i];

    if (p->done || !p->started || p->live > 0)
        return;
    p->done = true;
    st->n_open--;
    stage_through(st);
    if (st->job->host->scripts[i]->has_followers)
        stage_wake(st);
}

/* Weak servers fall over when every script asks at once: each host has a limit of its own. */
static enum stage_started room(const struct stage *st, unsigned budget)
{
    const struct script_host *h = st->job->host;

    if (budget == 0 || h->n_threads >= h->o.max_threads)
        return STAGE_FULL;
    if (st->kind == STAGE_HOST && st->n_live >= h->o.max_threads_per_host)
        return STAGE_HOST_FULL;
    return STAGE_ALL;
}

static void start_run(struct stage *st, size_t i, enum rule rule, size_t port, unsigned *budget)
{
    const struct script_host *h = st->job->host;

    st->progress[i].next++;
    (*budget)--;
    if (run_start(st, i, rule, port) < 0 && h->world.log)
        h->world.log(h->world.user, LOG_WARNING, h->scripts[i]->id, "out of memory, not started");
}

/* Starts a script's candidates, as many as there is room for. */
static enum stage_started start_script(struct stage *st, size_t i, unsigned *budget)
{
    struct script_host *h = st->job->host;
    struct progress *p = &st->progress[i];
    enum rule rule;
    size_t port;
    int r;

    while (!p->taken && (r = stage_candidate(st, h->scripts[i], p->next, &rule, &port)) >= 0) {
        enum stage_started s = r == 0 ? room(st, *budget) : STAGE_ALL;

        if (s != STAGE_ALL)
            return s;
        if (r == 0)
            start_run(st, i, rule, port, budget);
        else
            p->next++;
    }
    if (p->taken)
        return STAGE_ALL;
    p->started = true;
    stage_check(st, i);
    return STAGE_ALL;
}

/* What looks at the host as a whole starts before all that looks at its ports: some tell what is
 * known of them, and under nmap nobody has named a service when they run. */
static enum stage_started start_host_rules(struct stage *st, unsigned *budget)
{
    const struct script_host *h = st->job->host;

    for (; st->kind == STAGE_HOST && st->first_host < h->n_scripts; st->first_host++) {
        size_t i = st->first_host;
        enum stage_started s;

        if (!(h->scripts[i]->rules & RULE_BIT(RULE_HOST)) || st->progress[i].next > 0 ||
            !may_start(st, h->scripts[i]))
            continue;
        s = room(st, *budget);
        if (s != STAGE_ALL)
            return s;
        start_run(st, i, RULE_HOST, SIZE_MAX, budget);
    }
    return STAGE_ALL;
}

enum stage_started stage_start(struct stage *st, unsigned *budget)
{
    struct script_host *h = st->job->host;
    enum stage_started s = start_host_rules(st, budget);

    for (size_t i = st->first; s == STAGE_ALL && i < h->n_scripts; i++) {
        if (!st->progress[i].started && may_start(st, h->scripts[i]))
            s = start_script(st, i, budget);
        while (st->first < h->n_scripts && st->progress[st->first].started)
            st->first++;
    }
    if (st->first == h->n_scripts && st->jh)
        loans_free(h->sched->L, st->jh); /* no rule will be asked again */
    return s;
}

int stage_init(struct stage *st, enum stage_kind kind, struct job *j)
{
    size_t n = j->host->n_scripts;

    st->kind = kind;
    st->job = j;
    st->n_open = n;
    st->progress = calloc(n + 1, sizeof *st->progress);
    return st->progress ? 0 : -ENOMEM;
}

void stage_begin(struct stage *st)
{
    st->begun = true;
    stage_through(st); /* without scripts it is at its end */
    stage_wake(st);
}

bool stage_is_over(const struct stage *st)
{
    return st->begun && st->n_open == 0;
}
