/* See script_pool.h.
 *
 * What a worker is set up for is the encoded MSG_SETUP itself (with the zone): two jobs that would
 * send the same bytes share a worker.  The line is strict: when its head finds no worker, those
 * behind wait as well, so that workers run empty and one becomes free for it. */
#include "service/schedule/script_pool.h"

#include "engine/base/log.h"
#include "service/ipc/channel.h"
#include "service/schedule/script_setup.h"

#include <errno.h>
#include <string.h>
#include <sys/queue.h>

#define QUEUE_MARK                                                                                 \
    (1U << 20) /* bytes waiting for a worker from which on no more hosts are sent                  \
                */
#define SCRIPTS_MAX 4096
#define WORKERS_MAX 64

struct worker_link;

struct pool_job {
    TAILQ_ENTRY(pool_job) entry;
    struct script_pool *pool;
    uint32_t id, round; /* round: of worker_feed() */
    struct pool_order order;
    char *key;
    size_t key_len;
    struct worker_link *worker; /* NULL: waits in line, or its worker died */
    bool dead;
    int dead_status;
    char dead_script[IPC_NAME_MAX * 4], dead_why[160];
    struct buf output, data; /* pieces of the result that is coming */
};
TAILQ_HEAD(jobs, pool_job);

enum worker_state { WORKER_ABSENT, WORKER_IDLE, WORKER_SETTING_UP, WORKER_READY };

struct worker_link {
    struct script_pool *pool;
    uint32_t index;
    enum worker_state state;
    struct channel *channel;
    char *key; /* what it is set up for */
    size_t key_len;
    char **scripts;
    size_t n_scripts;
    struct jobs jobs;
    unsigned n_jobs;
    uint32_t round;
};

struct script_pool {
    struct loop *loop;
    struct script_pool_opts opts;
    struct worker_link *workers[WORKERS_MAX]; /* by index; NULL: never seen */
    struct jobs line;
    struct jobs dead; /* whose end is to be told */
    struct script_blame blamed;
    struct task assign, bury;
    uint32_t next_id;
    unsigned holds;
};

static void pool_assign(struct task *t);
static void pool_bury(struct task *t);

int script_pool_new(struct script_pool **ret, struct loop *l, const struct script_pool_opts *o)
{
    struct script_pool *p = calloc(1, sizeof *p);

    if (!p)
        return -ENOMEM;
    p->loop = l;
    p->opts = *o;
    p->assign.run = pool_assign;
    p->bury.run = pool_bury;
    TAILQ_INIT(&p->line);
    TAILQ_INIT(&p->dead);
    *ret = p;
    return 0;
}

static void job_free(struct pool_job *j)
{
    buf_done(&j->output);
    buf_done(&j->data);
    free(j->key);
    free(j);
}

static void jobs_free(struct jobs *jobs)
{
    struct pool_job *j;

    while ((j = TAILQ_FIRST(jobs))) {
        TAILQ_REMOVE(jobs, j, entry);
        job_free(j);
    }
}

static void scripts_drop(struct worker_link *w)
{
    for (size_t i = 0; i < w->n_scripts; i++)
        free(w->scripts[i]);
    free(w->scripts);
    free(w->key);
    w->scripts = NULL;
    w->key = NULL;
    w->n_scripts = 0;
}

struct script_pool *script_pool_free(struct script_pool *p)
{
    if (!p)
        return NULL;
    task_cancel(p->loop, &p->assign);
    task_cancel(p->loop, &p->bury);
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        struct worker_link *w = p->workers[i];

        if (!w)
            continue;
        channel_free(w->channel);
        jobs_free(&w->jobs);
        scripts_drop(w);
        free(w);
    }
    jobs_free(&p->line);
    jobs_free(&p->dead);
    free(p);
    return NULL;
}

/* -------------------------------------------------------------------- set-up */

static int job_key(struct pool_job *j)
{
    struct buf frame = {0};
    int r = script_setup_encode(&frame, &j->order, &j->pool->blamed);

    if (r < 0) {
        buf_done(&frame);
        return r;
    }
    j->key_len = frame.len;
    j->key = buf_take(&frame);
    return j->key ? 0 : -ENOMEM;
}

static bool set_up_for(const struct worker_link *w, const struct pool_job *j)
{
    return w->key && w->key_len == j->key_len && memcmp(w->key, j->key, j->key_len) == 0;
}

static int worker_set_up(struct worker_link *w, const struct pool_job *j)
{
    const struct config_zone *z = j->order.zone;
    struct ipc_header h;
    struct ipc_setup m;
    int r;

    scripts_drop(w);
    w->key = malloc(j->key_len);
    if (!w->key)
        return -ENOMEM;
    memcpy(w->key, j->key, j->key_len);
    w->key_len = j->key_len;
    w->state = WORKER_SETTING_UP;
    r = channel_send_scope(w->channel, 0, SCOPE_TARGETS, &z->scope);
    if (r == 0)
        r = channel_send_scope(w->channel, 0, SCOPE_EXCLUDES, &z->excluded);
    if (r == 0)
        r = ipc_decode_header(&h, (const uint8_t *)j->key, j->key_len);
    if (r == 0)
        r = ipc_decode(ipc_message_find(MSG_SETUP), &m, (const uint8_t *)j->key, j->key_len);
    return r < 0 ? r : channel_send(w->channel, MSG_SETUP, h.id, &m);
}

/* -------------------------------------------------------------------- jobs and workers */

static void job_feed(struct pool_job *j)
{
    if (j->worker->state == WORKER_READY)
        j->order.feed(j->order.user, (const char *const *)j->worker->scripts, j->worker->n_scripts);
}

/* Feeding may end or start jobs: the next one that had no turn is looked for anew each time. */
static void worker_feed(struct worker_link *w)
{
    uint32_t round = ++w->round;
    struct pool_job *j;

    do {
        TAILQ_FOREACH (j, &w->jobs, entry)
            if (j->round != round)
                break;
        if (j) {
            j->round = round;
            job_feed(j);
        }
    } while (j && w->state == WORKER_READY);
}

/* Moves a job to the dead; its end is told in the next turn. */
static void job_kill(struct pool_job *j, int status, const char *script, const char *why)
{
    struct script_pool *p = j->pool;

    if (j->worker) {
        TAILQ_REMOVE(&j->worker->jobs, j, entry);
        j->worker->n_jobs--;
        j->worker = NULL;
    } else
        TAILQ_REMOVE(&p->line, j, entry);
    j->dead = true;
    j->dead_status = status;
    snprintf(j->dead_script, sizeof j->dead_script, "%s", script ? script : "");
    snprintf(j->dead_why, sizeof j->dead_why, "%s", why);
    TAILQ_INSERT_TAIL(&p->dead, j, entry);
    loop_post(p->loop, &p->bury);
}

static void pool_bury(struct task *t)
{
    struct script_pool *p = CONTAINER_OF(t, struct script_pool, bury);
    struct pool_job *j;

    while ((j = TAILQ_FIRST(&p->dead))) {
        TAILQ_REMOVE(&p->dead, j, entry);
        j->order.failed(j->order.user, j->dead_status, *j->dead_script ? j->dead_script : NULL,
                        j->dead_why);
        job_free(j);
    }
}

/* A worker for the job: one that is set up for it and has room, else one without work. */
static struct worker_link *worker_for(struct script_pool *p, const struct pool_job *j)
{
    struct worker_link *idle = NULL, *best = NULL;

    for (size_t i = 0; i < WORKERS_MAX; i++) {
        struct worker_link *w = p->workers[i];

        if (!w || w->state == WORKER_ABSENT)
            continue;
        if (set_up_for(w, j) && w->n_jobs < POOL_JOBS && (!best || w->n_jobs < best->n_jobs))
            best = w;
        if (!w->n_jobs && w->state != WORKER_SETTING_UP && !idle)
            idle = w;
    }
    if (best && (!best->n_jobs || !idle))
        return best;
    return idle ? idle : best;
}

static void worker_failed(struct worker_link *w, int r)
{
    log_event(LOG_ERR, "a script worker takes no orders", "WHY", strerror(-r));
    script_pool_gone(w->pool, w->index, NULL, "it takes no orders");
}

static void job_assign(struct pool_job *j, struct worker_link *w)
{
    int r = 0;

    TAILQ_REMOVE(&j->pool->line, j, entry);
    if (j->order.urgent)
        TAILQ_INSERT_HEAD(&w->jobs, j, entry);
    else
        TAILQ_INSERT_TAIL(&w->jobs, j, entry);
    w->n_jobs++;
    j->worker = w;
    if (!set_up_for(w, j))
        r = worker_set_up(w, j);
    if (r == 0 && w->state == WORKER_READY) {
        r = channel_send(w->channel, MSG_JOB_START, j->id, NULL);
        if (r == 0)
            job_feed(j);
    }
    if (r < 0)
        worker_failed(w, r);
}

static void pool_assign(struct task *t)
{
    struct script_pool *p = CONTAINER_OF(t, struct script_pool, assign);
    struct pool_job *j;

    while ((j = TAILQ_FIRST(&p->line))) {
        struct worker_link *w = worker_for(p, j);

        if (!w)
            return;
        job_assign(j, w);
    }
}

int script_pool_submit(struct script_pool *p, const struct pool_order *o, struct pool_job **ret)
{
    struct pool_job *j = calloc(1, sizeof *j);
    int r;

    if (!j)
        return -ENOMEM;
    j->pool = p;
    j->id = ++p->next_id;
    j->order = *o;
    j->output.limit = IPC_OUTPUT_MAX + 1;
    j->data.limit = IPC_DATA_MAX + 1;
    r = job_key(j);
    if (r < 0) {
        job_free(j);
        return r;
    }
    if (o->urgent)
        TAILQ_INSERT_HEAD(&p->line, j, entry);
    else
        TAILQ_INSERT_TAIL(&p->line, j, entry);
    loop_post(p->loop, &p->assign);
    *ret = j;
    return 0;
}

static void job_remove(struct pool_job *j)
{
    struct script_pool *p = j->pool;

    if (j->worker) {
        TAILQ_REMOVE(&j->worker->jobs, j, entry);
        j->worker->n_jobs--;
        loop_post(p->loop, &p->assign);
    } else if (j->dead)
        TAILQ_REMOVE(&p->dead, j, entry);
    else
        TAILQ_REMOVE(&p->line, j, entry);
    job_free(j);
}

void pool_job_cancel(struct pool_job *j)
{
    if (j->worker && j->worker->state == WORKER_READY)
        (void)channel_send(j->worker->channel, MSG_JOB_CANCEL, j->id, NULL);
    job_remove(j);
}

bool pool_job_takes(const struct pool_job *j)
{
    return j->worker && j->worker->state == WORKER_READY &&
           channel_waiting(j->worker->channel) < QUEUE_MARK;
}

int pool_job_host(struct pool_job *j, const struct script_target *t)
{
    int r = j->worker ? channel_send(j->worker->channel, MSG_JOB_HOST, j->id, t) : -EPIPE;

    for (size_t i = 0; i < t->n_ports && r == 0; i++)
        r = channel_send(j->worker->channel, MSG_JOB_PORT, j->id, &t->ports[i]);
    return r < 0 ? r : channel_send(j->worker->channel, MSG_JOB_HOST_END, j->id, NULL);
}

void pool_job_finish(struct pool_job *j)
{
    if (j->worker)
        (void)channel_send(j->worker->channel, MSG_JOB_FINISH, j->id, NULL);
}

/* -------------------------------------------------------------------- what workers say */

static struct pool_job *job_find(struct worker_link *w, uint32_t id)
{
    struct pool_job *j;

    TAILQ_FOREACH (j, &w->jobs, entry)
        if (j->id == id)
            return j;
    return NULL;
}

static void on_selected(struct worker_link *w, const struct ipc_selected *m)
{
    char **scripts = w->n_scripts < SCRIPTS_MAX && m->script
                         ? reallocarray(w->scripts, w->n_scripts + 1, sizeof *scripts)
                         : NULL;

    if (!scripts)
        return;
    if (m->volatile_keys && w->pool->opts.declared)
        w->pool->opts.declared(w->pool->opts.user, m->script, m->volatile_keys);
    w->scripts = scripts;
    w->scripts[w->n_scripts] = strdup(m->script);
    if (w->scripts[w->n_scripts])
        w->n_scripts++;
}

/* The set-up holds: its jobs begin.  It does not: they end.  Either way the worker may be without
 * work, and for those in line there was none while it was set up. */
static void on_setup_done(struct worker_link *w, const struct ipc_setup_done *m)
{
    struct pool_job *j;
    int r = 0;

    if (w->state != WORKER_SETTING_UP)
        return;
    loop_post(w->pool->loop, &w->pool->assign);
    if (m->error) {
        w->state = WORKER_IDLE;
        scripts_drop(w);
        while ((j = TAILQ_FIRST(&w->jobs)))
            job_kill(j, ipc_status(m->error), NULL, m->text ?: "the scripts cannot be set up");
        return;
    }
    w->state = WORKER_READY;
    TAILQ_FOREACH (j, &w->jobs, entry)
        if (r == 0)
            r = channel_send(w->channel, MSG_JOB_START, j->id, NULL);
    if (r < 0) {
        worker_failed(w, r);
        return;
    }
    worker_feed(w);
}

static void on_piece(struct pool_job *j, const struct ipc_result_piece *m)
{
    struct buf *b = m->which == PIECE_OUTPUT ? &j->output : &j->data;

    buf_add(b, m->bytes.data, m->bytes.len);
}

/* What came of a result that the worker then left out is not all of it. */
static const char *whole_output(const struct buf *b, enum script_outcome outcome)
{
    return b->len && !b->failed && outcome != SCRIPT_SKIPPED ? b->data : NULL;
}

static void on_result(struct worker_link *w, struct pool_job *j, const struct script_result *m)
{
    struct script_result r = *m;

    if (r.address.family == ADDR_NONE && r.outcome == SCRIPT_ERROR && w->pool->opts.complaint)
        w->pool->opts.complaint(w->pool->opts.user, r.script, r.reason);
    if (!j)
        return;
    r.output = whole_output(&j->output, m->outcome);
    r.output_len = r.output ? j->output.len : 0;
    r.data = whole_output(&j->data, m->outcome);
    r.xml = NULL;
    if (r.address.family != ADDR_NONE && r.script)
        j->order.result(j->order.user, &r);
    buf_clear(&j->output);
    buf_clear(&j->data);
}

static void on_job_message(struct pool_job *j, const struct ipc_message *m,
                           const union ipc_any *value)
{
    const struct pool_order o = j->order; /* which may outlive the job */

    switch (m->type) {
    case MSG_RESULT_PIECE:
        on_piece(j, &value->piece);
        break;
    case MSG_PORT_SEEN:
        o.port_seen(o.user, &value->port);
        break;
    case MSG_TOLD:
        o.told(o.user, &value->told.address);
        break;
    case MSG_HOST_DONE:
        o.host_done(o.user, &value->host_done.address);
        break;
    case MSG_JOB_DONE:
        job_remove(j);
        o.done(o.user);
        break;
    default:
        break;
    }
}

static void on_message(void *user, const struct ipc_message *m, uint32_t id,
                       const union ipc_any *value, int *fd)
{
    struct worker_link *w = user;
    struct pool_job *j = job_find(w, id);

    (void)fd;
    if (m->type == MSG_SELECTED)
        on_selected(w, &value->selected);
    else if (m->type == MSG_SETUP_DONE)
        on_setup_done(w, &value->setup_done);
    else if (m->type == MSG_RESULT)
        on_result(w, j, &value->result);
    else if (j) /* else it was cancelled meanwhile */
        on_job_message(j, m, value);
}

static void on_ready(void *user)
{
    worker_feed(user);
}

/* -------------------------------------------------------------------- life and death */

void script_pool_gone(struct script_pool *p, uint32_t index, const char *script, const char *why)
{
    struct worker_link *w = index < WORKERS_MAX ? p->workers[index] : NULL;
    struct pool_job *j;

    script_blame_add(&p->blamed, script);
    if (!w || w->state == WORKER_ABSENT)
        return;
    w->state = WORKER_ABSENT;
    w->channel = channel_free(w->channel);
    scripts_drop(w);
    while ((j = TAILQ_FIRST(&w->jobs)))
        job_kill(j, -ECONNRESET, script, why);
}

/* The monitor tells the blame after this: until then the jobs wait for it. */
static void on_closed(void *user, int status, const char *why)
{
    struct worker_link *w = user;

    if (status < 0) {
        log_event(LOG_ERR, "a script worker speaks badly, dropping it", "WHY", why);
        script_pool_gone(w->pool, w->index, NULL, why);
    }
}

static struct worker_link *worker_link_of(struct script_pool *p, uint32_t index)
{
    struct worker_link *w = p->workers[index];

    if (w)
        return w;
    w = calloc(1, sizeof *w);
    if (w) {
        w->pool = p;
        w->index = index;
        TAILQ_INIT(&w->jobs);
        p->workers[index] = w;
    }
    return w;
}

int script_pool_peer(struct script_pool *p, uint32_t index, int fd, struct err *e)
{
    struct worker_link *w = index < WORKERS_MAX ? worker_link_of(p, index) : NULL;
    const struct channel_opts o = {
        .peer = "script worker",
        .fd = fd,
        .receive = ROUTE_FROM_SCRIPT,
        .send = ROUTE_TO_SCRIPT,
        .user = w,
        .message = on_message,
        .closed = on_closed,
        .ready = on_ready,
    };
    int r;

    if (!w) {
        close(fd);
        return err_set(e, -ENOMEM, "no room for another script worker");
    }
    script_pool_gone(p, index, NULL, "another took its place");
    r = channel_new(&w->channel, p->loop, &o, e);
    if (r < 0)
        return r;
    w->state = WORKER_IDLE;
    if (p->holds)
        channel_hold(w->channel);
    loop_post(p->loop, &p->assign);
    return 0;
}

void script_pool_hold(struct script_pool *p)
{
    if (p->holds++)
        return;
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (p->workers[i] && p->workers[i]->channel)
            channel_hold(p->workers[i]->channel);
}

void script_pool_resume(struct script_pool *p)
{
    if (--p->holds)
        return;
    for (size_t i = 0; i < WORKERS_MAX; i++)
        if (p->workers[i] && p->workers[i]->channel)
            channel_resume(p->workers[i]->channel);
}
