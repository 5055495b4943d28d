/* Visits of the kinds services and scripts: the present hosts of the block with their open ports,
 * from the store, are given to a script worker a few at a time.
 *
 * The worker may die under a script.  Hosts that were done stay done; the others are asked again,
 * by a job that leaves out scripts which have killed a worker twice (script_pool.c).  So a deadly
 * script costs its own result and some time, and never the pass. */
#include "service/schedule/visit.h"

#include "engine/base/log.h"

#include <errno.h>
#include <string.h>

#define IN_FLIGHT_MAX 64   /* hosts of a job that a worker has at a time */
#define TOLD_MAX      1024 /* addresses that a visit takes from scripts: a worker keeps that, too */

static struct visit_host *host_find(struct visit *v, const struct addr *a)
{
    for (size_t i = 0; i < v->n_hosts; i++)
        if (addr_equal(&v->hosts[i].target->address, a))
            return &v->hosts[i];
    return NULL;
}

/* A script says something about a host only between its start and its end. */
static bool host_expects(struct visit *v, const struct addr *a)
{
    const struct visit_host *h = host_find(v, a);

    return h && h->sent && !h->done;
}

static int host_send(struct visit *v, struct visit_host *h)
{
    CLEANUP(freep) struct port_finding *ports = calloc(h->n_ports + 1, sizeof *ports);
    const struct host_finding up = {
        .address = h->target->address,
        .state = HOST_UP,
        .reason = h->target->reason,
    };
    struct script_target t = *h->target;
    int r;

    if (!ports)
        return -ENOMEM;
    for (size_t i = 0; i < h->n_ports; i++)
        ports[i] = *h->ports[i];
    t.ports = ports;
    t.n_ports = h->n_ports;
    r = pool_job_host(v->job, &t);
    if (r < 0)
        return r;
    h->sent = true;
    v->in_flight++;
    return collect_host(v->collect, &up);
}

static void feed_hosts(struct visit *v)
{
    while (v->next < v->n_hosts && v->in_flight < IN_FLIGHT_MAX && pool_job_takes(v->job)) {
        struct visit_host *h = &v->hosts[v->next++];
        int r = h->done ? 0 : host_send(v, h);

        if (r == -EPIPE)
            return; /* the worker is dead: `failed` follows */
        if (r < 0) {
            visit_end(v, r, strerror(-r));
            return;
        }
    }
    if (v->next == v->n_hosts && !v->in_flight)
        pool_job_finish(v->job);
}

static int scripts_keep(struct visit *v, const char *const *scripts, size_t n)
{
    if (v->scripts)
        return 0;
    v->scripts = calloc(n + 1, sizeof *v->scripts);
    if (!v->scripts)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        v->scripts[i] = strdup(scripts[i]);
        if (!v->scripts[i])
            return -ENOMEM;
        v->n_scripts++;
    }
    return 0;
}

static void on_feed(void *user, const char *const *scripts, size_t n)
{
    struct visit *v = user;

    if (scripts_keep(v, scripts, n) < 0)
        visit_end(v, -ENOMEM, "out of memory");
    else
        feed_hosts(v);
}

static void on_result(void *user, const struct script_result *r)
{
    struct visit *v = user;

    if (host_expects(v, &r->address))
        visit_keep(v, collect_result(v->collect, r));
}

static void on_port_seen(void *user, const struct port_finding *p)
{
    struct visit *v = user;

    if (host_expects(v, &p->address))
        visit_keep(v, collect_port(v->collect, p));
}

static void on_told(void *user, const struct addr *a)
{
    struct visit *v = user;

    if (v->n_told++ < TOLD_MAX)
        schedule_told(v->schedule, v->zone, a);
}

static void on_host_done(void *user, const struct addr *a)
{
    struct visit *v = user;
    struct visit_host *h = host_find(v, a);
    int r;

    if (!h || !h->sent || h->done)
        return;
    h->done = true;
    v->in_flight--;
    r = collect_done(v->collect, a, COLLECT_SURE);
    visit_keep(v, r);
    if (v->state != VISIT_RUNNING)
        return;
    visit_progress(v);
    if (v->state == VISIT_RUNNING)
        feed_hosts(v);
}

static void on_done(void *user)
{
    struct visit *v = user;
    bool all = true;

    v->job = NULL;
    for (size_t i = 0; i < v->n_hosts; i++)
        all = all && v->hosts[i].done;
    visit_end(v, all ? 0 : -EIO, all ? NULL : "the worker left hosts out");
}

static int job_submit(struct visit *v);

/* Hosts that were under way begin anew. */
static int job_again(struct visit *v)
{
    for (size_t i = 0; i < v->n_hosts; i++) {
        if (v->hosts[i].done)
            continue;
        v->hosts[i].sent = false;
        collect_forget(v->collect, &v->hosts[i].target->address);
    }
    v->next = v->in_flight = 0;
    return job_submit(v);
}

/* One death may be bad luck, and a second one makes the pool leave the script out; the third run is
 * without it. */
static void on_failed(void *user, int status, const char *script, const char *why)
{
    struct visit *v = user;
    char text[256];

    v->job = NULL;
    if (status == -ECONNRESET && v->deaths++ < POOL_DEATHS && job_again(v) == 0)
        return;
    snprintf(text, sizeof text, "%.150s%s%.60s", why, script ? ", while it ran " : "",
             script ? script : "");
    visit_end(v, status, text);
}

static int job_submit(struct visit *v)
{
    const struct pool_order o = {
        .generation = v->generation,
        .zone = v->zone,
        .pass = v->pass,
        .urgent = v->lease.only.n > 0,
        .user = v,
        .feed = on_feed,
        .result = on_result,
        .port_seen = on_port_seen,
        .told = on_told,
        .host_done = on_host_done,
        .done = on_done,
        .failed = on_failed,
    };

    return script_pool_submit(schedule_pool(v->schedule), &o, &v->job);
}

/* What runs there is what a visit of services is to find out: scripts that were told would leave it
 * at that, and it would count as not found.  The name stays, as rules ask for it. */
static struct port_finding port_to_probe(const struct port_finding *known)
{
    struct port_finding p = *known;

    p.service = (struct service_info){
        .name = known->service.name, .method = SERVICE_TABLE, .confidence = 3};
    return p;
}

static int host_keep(const struct visit *v, struct visit_host *h, const struct store_target *t)
{
    const struct script_target target = {
        .address = t->address,
        .hostname = t->hostname,
        .reason = t->reason,
        .reason_ttl = t->ttl,
        .has_mac = t->has_mac,
        .mac = t->mac,
        .directly_connected = t->has_mac,
    };

    h->target = ipc_dup(ipc_message_find(MSG_JOB_HOST), &target);
    h->ports = calloc(t->n_ports + 1, sizeof *h->ports);
    if (!h->target || !h->ports)
        return -ENOMEM;
    for (size_t i = 0; i < t->n_ports; i++) {
        struct port_finding p =
            v->lease.kind == STORE_SERVICES ? port_to_probe(&t->ports[i]) : t->ports[i];

        h->ports[i] = ipc_dup(ipc_message_find(MSG_JOB_PORT), &p);
        if (!h->ports[i])
            return -ENOMEM;
        h->n_ports++;
    }
    return 0;
}

static int hosts_keep(struct visit *v, const struct store_target *hosts, size_t n)
{
    int r = 0;

    v->hosts = calloc(n + 1, sizeof *v->hosts);
    if (!v->hosts)
        return -ENOMEM;
    for (size_t i = 0; i < n && r == 0; i++) {
        if (!addr_set_contains(&v->targets, &hosts[i].address))
            continue;
        r = host_keep(v, &v->hosts[v->n_hosts++], &hosts[i]);
    }
    v->expected = v->n_hosts;
    return r;
}

static void on_targets(void *user, int status, const struct store_target *hosts, size_t n)
{
    struct visit *v = user;

    v->asking = false;
    if (v->orphan) {
        visit_free(v);
        return;
    }
    if (v->state != VISIT_RUNNING)
        return;
    if (status == -ESTALE) {
        visit_lose(v, "somebody else has it");
        return;
    }
    if (status == 0)
        status = hosts_keep(v, hosts, n);
    if (status == 0 && v->n_hosts)
        status = job_submit(v);
    if (status < 0 || !v->n_hosts)
        visit_end(v, status, status < 0 ? "the hosts of the block are not known" : NULL);
}

static int script_begin(struct visit *v, struct err *e)
{
    const struct schedule_store *store = schedule_store(v->schedule);
    int r;

    snprintf(v->method, sizeof v->method, "script");
    r = store->targets(store->user, &v->lease, on_targets, v);
    if (r < 0)
        return err_set(e, r, "the store does not tell the hosts: %s", strerror(-r));
    v->asking = true;
    return 0;
}

static void script_cancel(struct visit *v)
{
    if (v->job)
        pool_job_cancel(v->job);
    v->job = NULL;
}

const struct visit_source visit_script = {script_begin, script_cancel};
