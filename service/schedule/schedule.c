/* See schedule.h.  Two claimers, one for each kind of worker, so that neither waits behind the
 * other's backlog. */
#include "service/schedule/schedule.h"

#include "engine/base/log.h"
#include "service/schedule/claimer.h"
#include "service/schedule/fit.h"
#include "service/schedule/heard.h"
#include "service/schedule/names.h"
#include "service/schedule/visit.h"

#include <errno.h>
#include <string.h>
#include <uthash.h>

#define SCAN_VISITS    8 /* blocks that the scanner has at a time */
#define LEASE          (60 * USEC_PER_SEC)
#define KEEP_EVERY     (LEASE / 3)
#define LEASES_MAX     512
#define COMPLAINTS_MAX 1024

#define SCAN_KINDS   (1U << STORE_PRESENCE | 1U << STORE_PORTS)
#define SCRIPT_KINDS (1U << STORE_SERVICES | 1U << STORE_SCRIPTS)

/* A script that was complained of, so that it is said once and not for every block. */
struct complaint {
    UT_hash_handle hh;
    char script[256];
};

/* A claimer and where its answer belongs. */
struct claims {
    struct claimer claimer;
    struct schedule *schedule;
    unsigned kinds;
};

struct schedule {
    struct loop *loop;
    struct schedule_store store;
    struct generation *generation; /* NULL: none yet */
    struct scan_link *scanner;
    struct script_pool *pool;
    struct heard *heard;
    struct names *names;
    struct claims scans, scripts;
    TAILQ_HEAD(visit_list, visit) visits;
    unsigned n_visits;
    uint64_t n_done;
    struct timer keep;
    struct complaint *complaints;
    bool congested, stopping;
    bool keeping, keep_owed; /* a heartbeat is under way; and another was due meanwhile */
};

struct loop *schedule_loop(struct schedule *s)
{
    return s->loop;
}

const struct schedule_store *schedule_store(struct schedule *s)
{
    return &s->store;
}

struct scan_link *schedule_scan_link(struct schedule *s)
{
    return s->scanner;
}

struct script_pool *schedule_pool(struct schedule *s)
{
    return s->pool;
}

struct names *schedule_names(struct schedule *s)
{
    return s->names;
}

unsigned schedule_visits(const struct schedule *s)
{
    return s->n_visits;
}

/* -------------------------------------------------------------------- claims */

static struct claims *claims_of(struct schedule *s, enum store_kind kind)
{
    return 1U << kind & SCAN_KINDS ? &s->scans : &s->scripts;
}

static const struct config_pass *pass_find(const struct config_zone *z, const char *name)
{
    for (uint32_t i = 0; z && i < z->n_passes; i++)
        if (strcmp(z->passes[i].name, name) == 0)
            return &z->passes[i];
    return NULL;
}

/* Ends a lease that cannot be visited: the configuration has changed since it was claimed. */
static void lease_return(struct schedule *s, struct store_lease *l)
{
    const struct coverage nothing = {.scope = "", .method = "none", .complete = false};

    (void)s->store.finish(s->store.user, l, &nothing, NULL, NULL);
    store_lease_done(l);
}

/* True: a visit has begun. */
static bool lease_take(struct schedule *s, struct store_lease *l)
{
    const struct config_zone *z = config_zone_find(s->generation->config, l->zone);
    const struct config_pass *p = pass_find(z, l->pass);
    struct visit *v = p && !s->stopping ? visit_new(s, l) : NULL;

    if (!v) {
        lease_return(s, l);
        return false;
    }
    v->generation = generation_ref(s->generation);
    v->zone = z;
    v->pass = p;
    TAILQ_INSERT_TAIL(&s->visits, v, entry);
    s->n_visits++;
    return true;
}

static void on_claimed(void *user, int status, struct store_lease *leases, size_t n,
                       usec_t next_due)
{
    struct claims *c = user;
    struct schedule *s = c->schedule;
    struct visit *v = TAILQ_LAST(&s->visits, visit_list), *next;
    unsigned taken = 0;

    for (size_t i = 0; i < n && status == 0; i++)
        taken += lease_take(s, &leases[i]);
    claimer_answer(&c->claimer, status, taken, next_due);
    for (v = v ? TAILQ_NEXT(v, entry) : TAILQ_FIRST(&s->visits); v; v = next) {
        next = TAILQ_NEXT(v, entry); /* a visit that cannot begin may be over at once */
        visit_begin(v);
    }
}

static int claims_ask(struct claimer *claimer, unsigned n)
{
    struct claims *c = CONTAINER_OF(claimer, struct claims, claimer);
    struct schedule *s = c->schedule;
    const struct store_claim claim = {.n = n, .kinds = c->kinds, .lease = LEASE};

    return s->store.claim(s->store.user, &claim, on_claimed, c);
}

/* -------------------------------------------------------------------- leases */

struct visit *schedule_visit_find(struct schedule *s, int64_t fence)
{
    struct visit *v;

    TAILQ_FOREACH (v, &s->visits, entry)
        if (v->lease.fence == fence)
            return v;
    return NULL;
}

static void keep_fails(void)
{
    log_event(LOG_ERR, "out of memory, leases will run out", "EVENT", "visit-failed");
}

static void on_kept(void *user, int status, const int64_t *lost, size_t n_lost)
{
    struct schedule *s = user;

    s->keeping = false;
    for (size_t i = 0; i < n_lost && status == 0; i++) {
        struct visit *v = schedule_visit_find(s, lost[i]);

        if (v && v->state != VISIT_FINISHING)
            visit_lose(v, "it was not renewed in time");
    }
    /* It names the visits of back then. */
    if (s->keep_owed && status != -ECANCELED && timer_set(s->loop, &s->keep, 0) < 0)
        keep_fails();
}

static void keep_send(struct schedule *s)
{
    int64_t fences[LEASES_MAX];
    struct store_keep keep = {.fences = fences, .lease = LEASE};
    struct visit *v;

    TAILQ_FOREACH (v, &s->visits, entry)
        if (keep.n < LEASES_MAX)
            fences[keep.n++] = v->lease.fence;
    if (keep.n) /* next time, if it fails */
        s->keeping = s->store.keep(s->store.user, &keep, on_kept, s) == 0;
}

/* One at a time: while the database is away they would pile up. */
static void on_keep(struct timer *t)
{
    struct schedule *s = CONTAINER_OF(t, struct schedule, keep);

    s->keep_owed = s->keeping;
    if (!s->keeping)
        keep_send(s);
    if (timer_set(s->loop, &s->keep, KEEP_EVERY) < 0)
        keep_fails();
}

static void visit_destroy(void *object)
{
    struct visit *v = object;

    if (v->asking)
        v->orphan = true; /* on_targets() frees it */
    else
        visit_free(v);
}

static void generation_forget(struct schedule *s, struct generation *g)
{
    if (g->refs == 1) /* the last reference is the caller's */
        scan_link_drop(s->scanner, g);
}

void schedule_visit_over(struct schedule *s, struct visit *v)
{
    TAILQ_REMOVE(&s->visits, v, entry);
    s->n_visits--;
    s->n_done++;
    generation_forget(s, v->generation);
    v->generation = generation_unref(v->generation);
    loop_post_free(s->loop, visit_destroy, v);
    claimer_release(&claims_of(s, v->lease.kind)->claimer);
}

/* -------------------------------------------------------------------- back-pressure, news */

void schedule_congested(struct schedule *s)
{
    if (s->congested)
        return;
    s->congested = true;
    scan_link_hold(s->scanner);
    script_pool_hold(s->pool);
}

void schedule_flowing(struct schedule *s)
{
    if (!s->congested)
        return;
    s->congested = false;
    scan_link_resume(s->scanner);
    script_pool_resume(s->pool);
}

void schedule_drained(struct schedule *s)
{
    struct visit *v, *next;

    schedule_flowing(s);
    for (v = TAILQ_FIRST(&s->visits); v; v = next) {
        next = TAILQ_NEXT(v, entry);
        visit_flush(v);
    }
}

void schedule_new_ports(struct schedule *s)
{
    claimer_poke(&s->scripts.claimer);
}

static void on_complaint(void *user, const char *script, const char *why)
{
    struct schedule *s = user;
    struct complaint *c = NULL;

    if (!script)
        return;
    HASH_FIND_STR(s->complaints, script, c);
    if (c || HASH_COUNT(s->complaints) >= COMPLAINTS_MAX)
        return;
    c = calloc(1, sizeof *c);
    if (c) {
        snprintf(c->script, sizeof c->script, "%s", script);
        HASH_ADD_STR(s->complaints, script, c);
    }
    log_event(LOG_WARNING, "a script does not load, the others go on", "EVENT", "script-failed",
              "SCRIPT", script, "WHY", why);
}

/* -------------------------------------------------------------------- what is heard */

static void on_heard_news(void *user)
{
    claimer_poke(&((struct schedule *)user)->scans.claimer);
}

/* Zones of a configuration that is not in force any more hear through the new one. */
static void on_sighting(void *user, uint32_t zone, struct sighting *h)
{
    struct schedule *s = user;
    const struct generation *g = s->generation;
    uint32_t index = g ? zone - g->first_zone : 0;

    if (g && !s->stopping && index < g->config->n_zones)
        heard_sighting(s->heard, &g->config->zones[index], h);
}

/* What the zone is now counts: the visit may have begun under an earlier configuration. */
void schedule_told(struct schedule *s, const struct config_zone *z, const struct addr *a)
{
    const struct config_zone *now =
        s->generation ? config_zone_find(s->generation->config, z->name) : NULL;

    if (now && !s->stopping)
        heard_told(s->heard, now, a);
}

static void on_listener(void *user, const struct ipc_listener *m)
{
    heard_listener(((struct schedule *)user)->heard, m);
}

static void on_listeners_gone(void *user)
{
    heard_no_listeners(((struct schedule *)user)->heard);
}

static void on_declared(void *user, const char *script, const char *keys)
{
    struct schedule *s = user;

    if (s->store.declare)
        s->store.declare(s->store.user, script, keys);
}

static void complaints_drop(struct schedule *s)
{
    struct complaint *c, *next;

    HASH_ITER (hh, s->complaints, c, next) {
        HASH_DEL(s->complaints, c);
        free(c);
    }
}

/* -------------------------------------------------------------------- life */

static void claims_init(struct claims *c, struct schedule *s, unsigned kinds, unsigned capacity)
{
    c->schedule = s;
    c->kinds = kinds;
    claimer_init(&c->claimer, s->loop, capacity, claims_ask);
}

int schedule_new(struct schedule **ret, struct loop *l, const struct schedule_store *store)
{
    struct schedule *s = calloc(1, sizeof *s);
    const struct scan_link_ears ears = {s, on_sighting, on_listener, on_listeners_gone};
    struct heard_opts heard = {.user = s, .news = on_heard_news};
    const struct script_pool_opts o = {
        .user = s, .complaint = on_complaint, .declared = on_declared};

    if (!s)
        return -ENOMEM;
    s->loop = l;
    s->store = *store;
    heard.store = &s->store;
    s->keep.fire = on_keep;
    TAILQ_INIT(&s->visits);
    claims_init(&s->scans, s, SCAN_KINDS, SCAN_VISITS);
    claims_init(&s->scripts, s, SCRIPT_KINDS, POOL_JOBS);
    if (heard_new(&s->heard, l, &heard) < 0 || scan_link_new(&s->scanner, l, &ears) < 0 ||
        script_pool_new(&s->pool, l, &o) < 0 || names_new(&s->names, l) < 0 ||
        timer_set(l, &s->keep, KEEP_EVERY) < 0) {
        schedule_free(s);
        return -ENOMEM;
    }
    *ret = s;
    return 0;
}

void schedule_deafen(struct schedule *s)
{
    heard_close(s->heard);
}

struct schedule *schedule_free(struct schedule *s)
{
    struct visit *v;

    if (!s)
        return NULL;
    claimer_stop(&s->scans.claimer);
    claimer_stop(&s->scripts.claimer);
    timer_stop(s->loop, &s->keep);
    while ((v = TAILQ_FIRST(&s->visits))) {
        TAILQ_REMOVE(&s->visits, v, entry);
        v->source->cancel(v);
        visit_free(v);
    }
    script_pool_free(s->pool);
    scan_link_free(s->scanner);
    heard_free(s->heard);
    names_free(s->names);
    generation_unref(s->generation);
    complaints_drop(s);
    free(s);
    return NULL;
}

int schedule_config(struct schedule *s, struct config *c, struct err *e)
{
    struct generation *g = NULL, *old = s->generation;
    int r = generation_new(&g, c, e);

    if (r < 0)
        return r;
    r = generation_fits(g, e);
    if (r == 0 && scan_link_add(s->scanner, g) < 0)
        r = err_set(e, -ENOMEM, "out of memory");
    if (r < 0) {
        generation_unref(g);
        return r;
    }
    s->generation = g;
    if (old) {
        generation_forget(s, old);
        generation_unref(old);
    }
    complaints_drop(s);
    claimer_resize(&s->scripts.claimer, POOL_JOBS * g->config->scripts->workers);
    return 0;
}

const struct config *schedule_config_now(const struct schedule *s)
{
    return s->generation ? s->generation->config : NULL;
}

void schedule_enable(struct schedule *s)
{
    if (s->stopping || !s->generation)
        return;
    claimer_enable(&s->scans.claimer);
    claimer_enable(&s->scripts.claimer);
    schedule_drained(s);
}

void schedule_disable(struct schedule *s)
{
    claimer_disable(&s->scans.claimer);
    claimer_disable(&s->scripts.claimer);
}

int schedule_scanner(struct schedule *s, int fd, struct err *e)
{
    return scan_link_peer(s->scanner, fd, e);
}

int schedule_worker(struct schedule *s, uint32_t index, int fd, struct err *e)
{
    return script_pool_peer(s->pool, index, fd, e);
}

void schedule_scanner_gone(struct schedule *s, const char *why)
{
    scan_link_gone(s->scanner, why);
}

void schedule_worker_gone(struct schedule *s, uint32_t index, const char *script, const char *why)
{
    script_pool_gone(s->pool, index, script, why);
}

void schedule_stop(struct schedule *s)
{
    struct visit *v, *next;

    s->stopping = true;
    schedule_disable(s);
    for (v = TAILQ_FIRST(&s->visits); v; v = next) {
        next = TAILQ_NEXT(v, entry);
        visit_end(v, -ECANCELED, NULL);
    }
}

void schedule_status(const struct schedule *s, struct buf *out)
{
    const struct config *c = schedule_config_now(s);

    buf_printf(out, "%u zone%s, %u visit%s under way, %llu done", c ? c->n_zones : 0,
               c && c->n_zones == 1 ? "" : "s", s->n_visits, s->n_visits == 1 ? "" : "s",
               (unsigned long long)s->n_done);
    heard_status(s->heard, out);
    if (s->congested)
        buf_str(out, ", waiting for the database");
}
