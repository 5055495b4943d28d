/* The script worker: loads the scripts of one pass at a time (MSG_SETUP) and runs them against the
 * hosts of its jobs.
 *
 * What it runs is foreign code, so it gives up the most: no capability, no file but the script
 * directories, no process, no Unix socket. Core sends a new set-up only when no job is left.  A
 * worker that dies is blamed on the script that ran (child_blame); a worker whose directories
 * change ends, because Landlock cannot be widened, and the monitor starts another. */
#include "service/role/worker.h"

#include "engine/base/log.h"
#include "engine/loop/dns.h"
#include "engine/loop/guard.h"
#include "engine/script/host.h"
#include "service/privilege/privilege.h"
#include "service/role/child.h"
#include "service/role/datadirs.h"
#include "service/role/teller.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <string.h>
#include <time.h>

#define JOBS_MAX    64
#define PORTS_MAX   65536
#define TOLD_MAX    1024        /* addresses that the scripts of a job may tell of */
#define QUEUE_LIMIT (64U << 20) /* bytes of findings that wait for the core */

struct worker_job {
    LIST_ENTRY(worker_job) entry;
    uint32_t id;
    struct script_target *target; /* the host whose ports are coming; NULL: none */
    struct port_finding **ports;
    size_t n_ports, cap_ports;
    struct addr_set told; /* addresses that scripts were told of */
    uint64_t n_told, n_foreign;
};

struct worker {
    struct child *child;
    struct loop *loop;
    struct teller teller; /* has the channel to the core */
    struct addr_set scope, excludes;
    struct datadirs datadirs; /* what Landlock allows */
    struct dns *dns;
    int resolver_fd; /* the system's resolv.conf, as it was handed over; -1: read by ourselves */
    struct guard *guard;
    struct script_host *host;
    bool newtargets; /* scripts may tell of addresses */
    LIST_HEAD(, worker_job) jobs;
    unsigned n_jobs;
};

static struct script_host *blamed; /* for the signal handler */

static const char *current_script(void)
{
    return blamed ? script_host_current(blamed) : "";
}

/* The core speaks badly, or memory is out: nothing sane can follow. */
static void worker_fail(void *user, const char *why)
{
    struct worker *w = user;

    log_event(LOG_ERR, "the core's orders cannot be followed, ending", "WHY", why);
    child_exit(w->child, EXIT_FAILURE);
}

static void on_ready(void *user)
{
    tell_ready(&((struct worker *)user)->teller);
}

/* -------------------------------------------------------------------- what the scripts say */

static void on_result(void *user, uint64_t job, const struct script_result *r)
{
    tell_result(&((struct worker *)user)->teller, (uint32_t)job, r);
}

static void on_port_seen(void *user, uint64_t job, const struct port_finding *p)
{
    tell(&((struct worker *)user)->teller, MSG_PORT_SEEN, (uint32_t)job, p);
}

static void on_host_done(void *user, uint64_t job, const struct addr *a)
{
    const struct ipc_host_done done = {.address = *a};

    tell_always(&((struct worker *)user)->teller, MSG_HOST_DONE, (uint32_t)job, &done);
}

static struct worker_job *job_find(struct worker *w, uint32_t id)
{
    struct worker_job *j;

    LIST_FOREACH (j, &w->jobs, entry)
        if (j->id == id)
            return j;
    return NULL;
}

static void target_drop(struct worker_job *j)
{
    for (size_t i = 0; i < j->n_ports; i++)
        free(j->ports[i]);
    free(j->ports);
    free(j->target);
    j->ports = NULL;
    j->target = NULL;
    j->n_ports = j->cap_ports = 0;
}

static void job_free(struct worker *w, struct worker_job *j)
{
    if (j->n_foreign)
        log_debug("scripts told of %llu addresses that are not of the zone, or too many",
                  (unsigned long long)j->n_foreign);
    target_drop(j);
    addr_set_done(&j->told);
    LIST_REMOVE(j, entry);
    w->n_jobs--;
    free(j);
}

/* nmap.add_targets: an address of the zone is a hint that the core looks into.  Networks and names
 * are none: nobody was seen there. */
static size_t on_target_add(void *user, uint64_t job, const char *word)
{
    struct worker *w = user;
    struct worker_job *j = job_find(w, (uint32_t)job);
    struct ipc_told told;

    if (!w->newtargets || !j || addr_parse(word, &told.address) < 0)
        return 0;
    if (!guard_covers(w->guard, &told.address) || j->n_told == TOLD_MAX) {
        j->n_foreign++;
        return 0;
    }
    if (addr_set_contains(&j->told, &told.address) ||
        addr_set_add(&j->told, &told.address, &told.address) < 0)
        return 0;
    j->n_told++;
    return tell(&w->teller, MSG_TOLD, (uint32_t)job, &told) == 0;
}

static void on_job_done(void *user, uint64_t job)
{
    struct worker *w = user;
    struct worker_job *j = job_find(w, (uint32_t)job);

    tell_always(&w->teller, MSG_JOB_DONE, (uint32_t)job, NULL);
    if (j)
        job_free(w, j);
}

static void on_log(void *user, int priority, const char *script, const char *text)
{
    (void)user, (void)priority;
    log_debug("%s: %.200s", script ? script : "-", text);
}

/* -------------------------------------------------------------------- set-up */

/* Libraries read their settings while they still can. */
static void libraries_init(void)
{
    tzset();
    OPENSSL_init_ssl(0, NULL);
}

/* From now on only the data directories can be read.  What fails has changed nothing. */
static int restrict_files(const struct ipc_setup *m, struct err *e)
{
    CLEANUP(freep) char *copy = strdup(m->datadirs);
    const char *dirs[DATADIRS_MAX];
    int r;

    if (!copy)
        return err_set(e, -ENOMEM, "out of memory");
    r = privilege_read_only(dirs, datadirs_split(copy, dirs), e);
    if (r == -ENOTSUP)
        log_event(LOG_NOTICE, "the kernel has no Landlock, scripts are held by the unit's file "
                              "system protection alone");
    return r == -ENOTSUP ? 0 : r;
}

/* Only when all of it has succeeded is it done, and not tried again at the next set-up. */
static int narrow(struct worker *w, const struct ipc_setup *m, struct err *e)
{
    const struct dns_opts o = {.servers = m->resolver};
    int r;

    libraries_init();
    r = dns_new(&w->dns, w->loop, &o, e);
    if (r == 0 && datadirs_keep(&w->datadirs, m->datadirs) < 0)
        r = err_set(e, -ENOMEM, "out of memory");
    if (r == 0)
        r = restrict_files(m, e);
    if (r < 0) {
        datadirs_done(&w->datadirs);
        dns_freep(&w->dns);
    }
    return r;
}

static void host_drop(struct worker *w)
{
    while (LIST_FIRST(&w->jobs))
        job_free(w, LIST_FIRST(&w->jobs));
    blamed = NULL;
    w->host = script_host_free(w->host);
    w->guard = guard_free(w->guard);
}

static int host_open(struct worker *w, const struct ipc_setup *m, struct err *e)
{
    CLEANUP(freep) char *copy = strdup(m->datadirs);
    CLEANUP(freep) struct port_set *fragile = calloc(1, sizeof *fragile);
    const struct guard_opts guard = {
        .scope = &w->scope,
        .excludes = &w->excludes,
        .fragile_ports = guard_printer_ports,
        .n_fragile_ports = GUARD_PRINTER_PORTS,
        .more_fragile = fragile ? fragile->tcp : NULL,
        .rate = m->rate,
        .host_rate = m->host_rate,
        .net_rate = m->net_rate,
    };
    const struct script_world world = {
        .user = w,
        .result = on_result,
        .port_seen = on_port_seen,
        .target_add = on_target_add,
        .job_done = on_job_done,
        .host_done = on_host_done,
        .log = on_log,
    };
    const char *dirs[DATADIRS_MAX];
    struct script_host_opts o = {
        .datadirs = dirs,
        .args = m->args,
        .timing_level = 3,
        .version_intensity = 7,
        .family = w->scope.n && w->scope.ranges[0].first.family == ADDR_V6 ? ADDR_V6 : ADDR_V4,
        .interface = m->interface,
        .script_timeout = m->script_timeout,
        .memory_limit = m->memory,
        .max_threads = m->max_threads,
    };
    int r;

    if (!copy || !fragile)
        return err_set(e, -ENOMEM, "out of memory");
    if (m->fragile && port_set_parse(fragile, m->fragile, 1, NULL, e) < 0)
        return -EINVAL;
    o.n_datadirs = datadirs_split(copy, dirs);
    r = guard_new(&w->guard, w->loop, &guard, e);
    if (r < 0)
        return r;
    r = script_host_new(&w->host, w->loop, w->guard, w->dns, &world, &o, e);
    blamed = w->host;
    w->newtargets = r == 0 && script_host_has_arg(w->host, "newtargets");
    return r;
}

static void say_selected(void *user, const struct script_meta *meta)
{
    CLEANUP(buf_done) struct buf keys = {.limit = IPC_LIST_MAX};
    struct ipc_selected selected = {.script = meta->id};

    for (size_t i = 0; i < meta->n_volatile_keys; i++)
        buf_printf(&keys, "%s%s", i ? "\n" : "", meta->volatile_keys[i]);
    if (!keys.failed)
        selected.volatile_keys = keys.data;
    tell(&((struct worker *)user)->teller, MSG_SELECTED, 0, &selected);
}

static void on_setup(struct worker *w, uint32_t id, const struct ipc_setup *m)
{
    struct ipc_setup_done done = {0};
    struct err e = {0};
    size_t n = 0;
    int r = 0;

    if (!m->datadirs || !m->expression) {
        worker_fail(w, "a set-up without scripts");
        return;
    }
    host_drop(w);
    if (!w->datadirs.text)
        r = narrow(w, m, &e);
    else if (!datadirs_hold(&w->datadirs, m->datadirs)) {
        log_event(LOG_INFO, "the script directories have changed, ending to be started anew");
        child_exit(w->child, EXIT_SUCCESS);
        return;
    }
    if (r == 0)
        r = host_open(w, m, &e);
    if (r == 0)
        r = script_host_select(w->host, m->expression, &n, &e);
    if (r == 0)
        script_host_each(w->host, say_selected, w);
    addr_set_done(&w->scope);
    addr_set_done(&w->excludes);
    done.error = (uint32_t)-r;
    done.selected = (uint32_t)n;
    done.text = r < 0 ? err_text(&e) : NULL;
    tell_always(&w->teller, MSG_SETUP_DONE, id, &done);
}

static void on_scope(struct worker *w, const struct ipc_scope_msg *m)
{
    struct addr_set *set = m->which == SCOPE_TARGETS ? &w->scope : &w->excludes;

    if (ipc_ranges_get(set, &m->ranges) < 0)
        worker_fail(w, "a scope cannot be read");
}

/* -------------------------------------------------------------------- jobs */

static void on_job_start(struct worker *w, uint32_t id)
{
    struct worker_job *j;
    struct err e = {0};

    if (!w->host || w->n_jobs == JOBS_MAX || job_find(w, id)) {
        worker_fail(w, "a job without set-up, twice, or too many");
        return;
    }
    j = calloc(1, sizeof *j);
    if (!j || script_job_start(w->host, id, &e) < 0) {
        free(j);
        worker_fail(w, j ? err_text(&e) : "out of memory");
        return;
    }
    j->id = id;
    LIST_INSERT_HEAD(&w->jobs, j, entry);
    w->n_jobs++;
}

static void on_job_host(struct worker *w, uint32_t id, const struct script_target *t)
{
    struct worker_job *j = job_find(w, id);

    if (!j)
        return; /* cancelled meanwhile */
    target_drop(j);
    j->target = ipc_dup(ipc_message_find(MSG_JOB_HOST), t);
    if (!j->target)
        worker_fail(w, "out of memory");
}

static void on_job_port(struct worker *w, uint32_t id, const struct port_finding *p)
{
    struct worker_job *j = job_find(w, id);

    if (!j || !j->target)
        return;
    if (j->n_ports == j->cap_ports) {
        size_t cap = j->cap_ports ? 2 * j->cap_ports : 16;
        struct port_finding **ports =
            cap <= PORTS_MAX ? reallocarray(j->ports, cap, sizeof *ports) : NULL;

        if (!ports) {
            worker_fail(w, "too many ports");
            return;
        }
        j->ports = ports;
        j->cap_ports = cap;
    }
    j->ports[j->n_ports] = ipc_dup(ipc_message_find(MSG_JOB_PORT), p);
    if (j->ports[j->n_ports])
        j->n_ports++;
    else
        worker_fail(w, "out of memory");
}

static int host_add(struct worker *w, struct worker_job *j, struct err *e)
{
    CLEANUP(freep) struct port_finding *ports = calloc(j->n_ports + 1, sizeof *ports);

    if (!ports)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < j->n_ports; i++)
        ports[i] = *j->ports[i];
    j->target->ports = ports;
    j->target->n_ports = j->n_ports;
    return script_job_add_host(w->host, j->id, j->target, e);
}

/* A host that the script host does not take is told as done: its results are missing, and nothing
 * is concluded from that. */
static void on_job_host_end(struct worker *w, uint32_t id)
{
    struct worker_job *j = job_find(w, id);
    struct err e = {0};

    if (!j || !j->target)
        return;
    if (host_add(w, j, &e) < 0) {
        log_event(LOG_WARNING, "scripts cannot start on a host, leaving it out", "WHY",
                  err_text(&e));
        on_host_done(w, id, &j->target->address);
    }
    target_drop(j);
}

static void on_job_end(struct worker *w, const struct ipc_message *m, uint32_t id)
{
    if (!job_find(w, id))
        return;
    if (m->type == MSG_JOB_CANCEL)
        script_job_cancel(w->host, id);
    script_job_finish(w->host, id);
}

static void on_message(void *user, const struct ipc_message *m, uint32_t id,
                       const union ipc_any *value, int *fd)
{
    struct worker *w = user;

    (void)fd;
    switch (m->type) {
    case MSG_SCOPE:
        on_scope(w, &value->scope);
        break;
    case MSG_SETUP:
        on_setup(w, id, &value->setup);
        break;
    case MSG_JOB_START:
        on_job_start(w, id);
        break;
    case MSG_JOB_HOST:
        on_job_host(w, id, &value->target);
        break;
    case MSG_JOB_PORT:
        on_job_port(w, id, &value->port);
        break;
    case MSG_JOB_HOST_END:
        on_job_host_end(w, id);
        break;
    case MSG_JOB_FINISH:
    case MSG_JOB_CANCEL:
        on_job_end(w, m, id);
        break;
    default:
        break;
    }
}

static void on_closed(void *user, int status, const char *why)
{
    struct worker *w = user;

    if (status < 0)
        log_event(LOG_ERR, "the core speaks badly, ending", "WHY", why);
    child_exit(w->child, status < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void on_peer(void *user, const struct ipc_peer_msg *p, int *fd)
{
    struct worker *w = user;
    const struct channel_opts o = {
        .peer = "core",
        .fd = *fd,
        .receive = ROUTE_TO_SCRIPT,
        .send = ROUTE_FROM_SCRIPT,
        .queue_limit = QUEUE_LIMIT,
        .user = w,
        .message = on_message,
        .closed = on_closed,
        .ready = on_ready,
    };
    struct err e = {0};

    *fd = -1;
    if (p->role != PEER_CORE || w->teller.core)
        close(o.fd);
    else if (channel_new(&w->teller.core, w->loop, &o, &e) < 0)
        worker_fail(w, err_text(&e));
}

/* The file itself cannot be read any more; before the first set-up it will be. */
static void on_resolver(void *user, int *fd)
{
    struct worker *w = user;
    char path[32];

    if (!w->dns)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", *fd);
    if (dns_set_conf(w->dns, path) < 0) {
        worker_fail(w, "out of memory");
        return;
    }
    if (w->resolver_fd >= 0)
        close(w->resolver_fd);
    w->resolver_fd = *fd;
    *fd = -1;
}

static void on_shutdown(void *user, usec_t within)
{
    (void)within;
    child_exit(((struct worker *)user)->child, EXIT_SUCCESS);
}

static void worker_done(struct worker *w)
{
    host_drop(w);
    dns_free(w->dns);
    addr_set_done(&w->scope);
    addr_set_done(&w->excludes);
    channel_free(w->teller.core);
    datadirs_done(&w->datadirs);
    if (w->resolver_fd >= 0)
        close(w->resolver_fd);
    child_free(w->child);
}

int role_worker(uint64_t memory)
{
    struct worker w = {.teller = {.user = &w, .failed = worker_fail}, .resolver_fd = -1};
    const struct child_handlers h = {
        .user = &w, .peer = on_peer, .resolver = on_resolver, .shutdown = on_shutdown};
    const struct privilege_opts drop = {.role = PRIVILEGE_SCRIPT, .memory = memory};
    struct err e = {0};
    int r = child_open(&w.child, "script", &h, &e);

    if (r == 0) {
        w.loop = child_loop(w.child);
        child_blame(current_script);
        privilege_raise_files();
        r = privilege_drop(&drop, &e);
    }
    if (r == 0) {
        child_ready(w.child);
        r = loop_run(w.loop);
    } else
        log_event(LOG_ERR, "the script worker cannot start", "WHY", err_text(&e));
    worker_done(&w);
    return r < 0 ? EXIT_FAILURE : r;
}
