/* What all visits have in common: the way of findings to the store, and the end.
 *
 * Parts go out when COLLECT_PART_HOSTS hosts are done, or FLUSH_AFTER after the first of them, so
 * that a finding is committed within a second of its host and a fast sweep still makes few
 * transactions.  The store calls back later; by then the visit may be gone, so callbacks of parts
 * find it by its fence. */
#include "service/schedule/visit.h"

#include "engine/base/log.h"
#include "service/schedule/names.h"

#include <errno.h>
#include <string.h>

#define FLUSH_AFTER (500 * USEC_PER_MSEC)
#define NAMES_WAIT  (200 * USEC_PER_MSEC) /* at the end of a visit, for names under way */
#define NAMES_LOOK  (10 * USEC_PER_MSEC)
#define NAMING_HOSTS                                                                               \
    (16 * COLLECT_PART_HOSTS) /* that wait for FLUSH_AFTER, so that names may come */
#define RETRY_AFTER                                                                                \
    USEC_PER_SEC /* when the store takes nothing; `drained` comes earlier as a rule */

static void visit_finish(struct visit *v);

static bool name_expected(void *user, const struct host_finding *h)
{
    struct visit *v = user;

    return names_expected(schedule_names(v->schedule), v->zone->resolver, &h->address);
}

/* The end waits for names under way, but not for long. */
static bool names_linger(struct visit *v)
{
    usec_t now = loop_now(schedule_loop(v->schedule));

    if (!v->naming || v->status < 0)
        return false;
    if (!v->names_until)
        v->names_until = now + NAMES_WAIT;
    return now < v->names_until && collect_any(v->collect, name_expected, v) &&
           timer_set(schedule_loop(v->schedule), &v->flush, NAMES_LOOK) == 0;
}

static void on_flush(struct timer *t)
{
    struct visit *v = CONTAINER_OF(t, struct visit, flush);

    if (v->state == VISIT_FLUSHING && names_linger(v))
        return;
    v->flush_now = true;
    visit_flush(v);
}

/* "192.0.2.0/24" where the block is a prefix, else "first-last". */
static void scope_text(struct visit *v)
{
    char first[ADDR_TEXT_MAX], last[ADDR_TEXT_MAX];
    struct prefix p = {.addr = v->lease.first, .len = (uint8_t)addr_bits(&v->lease.first)};
    struct addr end = prefix_last(&p);

    addr_format(&v->lease.first, first);
    while (p.len > 0 && addr_cmp(&end, &v->lease.last) < 0) {
        p.len--;
        end = prefix_last(&p);
    }
    if (addr_equal(&end, &v->lease.last) && prefix_contains(&p, &v->lease.first))
        snprintf(v->scope, sizeof v->scope, "%s/%u", first, p.len);
    else
        snprintf(v->scope, sizeof v->scope, "%s-%s", first, addr_format(&v->lease.last, last));
}

struct visit *visit_new(struct schedule *s, struct store_lease *from)
{
    struct visit *v = calloc(1, sizeof *v);

    if (!v)
        return NULL;
    v->collect = collect_new();
    if (!v->collect) {
        free(v);
        return NULL;
    }
    v->schedule = s;
    store_lease_move(&v->lease, from);
    v->flush.fire = on_flush;
    v->began = loop_now(schedule_loop(s));
    v->source = v->lease.kind == STORE_PRESENCE || v->lease.kind == STORE_PORTS ? &visit_scan
                                                                                : &visit_script;
    scope_text(v);
    return v;
}

struct visit *visit_free(struct visit *v)
{
    if (!v)
        return NULL;
    timer_stop(schedule_loop(v->schedule), &v->flush);
    timer_stop(schedule_loop(v->schedule), &v->wait);
    collect_free(v->collect);
    for (size_t i = 0; i < v->n_hosts; i++) {
        for (size_t j = 0; j < v->hosts[i].n_ports; j++)
            free(v->hosts[i].ports[j]);
        free(v->hosts[i].ports);
        free(v->hosts[i].target);
    }
    free(v->hosts);
    for (size_t i = 0; i < v->n_scripts; i++)
        free((char *)v->scripts[i]);
    free(v->scripts);
    free(v->ports);
    addr_set_done(&v->targets);
    addr_set_done(&v->sampled);
    store_lease_done(&v->lease);
    generation_unref(v->generation);
    free(v);
    return NULL;
}

int visit_keep_scope(struct visit *v)
{
    struct addr_set outside = {0};
    int r = 0;

    for (size_t i = 0; i < v->targets.n && r == 0; i++)
        r = addr_set_add(&outside, &v->targets.ranges[i].first, &v->targets.ranges[i].last);
    if (r == 0)
        r = addr_set_subtract(&outside, &v->zone->scope);
    if (r == 0)
        r = addr_set_subtract(&v->targets, &outside);
    addr_set_done(&outside);
    return r;
}

/* The addresses of the visit: the block, or those named in the lease, within what the zone may
 * touch.  A scan of a wide block has none yet. */
static int visit_scope(struct visit *v)
{
    const struct addr_range block = {v->lease.first, v->lease.last};
    int r = 0;

    v->wide = !v->lease.only.n && v->source == &visit_scan && addr_range_is_wide(&block);
    for (size_t i = 0; i < v->lease.only.n && r == 0; i++)
        r = addr_set_add(&v->targets, &v->lease.only.ranges[i].first,
                         &v->lease.only.ranges[i].last);
    if (!v->lease.only.n && !v->wide)
        r = addr_set_add(&v->targets, &block.first, &block.last);
    return r < 0 ? r : visit_keep_scope(v);
}

void visit_begin(struct visit *v)
{
    struct err e = {0};
    int r = visit_scope(v);

    if (r < 0) {
        visit_end(v, r, "out of memory");
        return;
    }
    v->expected = addr_set_count(&v->targets);
    r = v->source->begin(v, &e);
    if (r < 0)
        visit_end(v, r, err_text(&e));
}

static void visit_complain(const struct visit *v, const char *why)
{
    log_event(LOG_WARNING, "a visit was given up, it is due again after a pause", "EVENT",
              "visit-failed", "ZONE", v->lease.zone, "PASS", v->lease.pass, "SCOPE", v->scope,
              "WHY", why);
}

void visit_end(struct visit *v, int status, const char *why)
{
    if (v->state != VISIT_RUNNING)
        return;
    v->source->cancel(v);
    v->state = VISIT_FLUSHING;
    v->status = status;
    if (status < 0 && why && status != -ECANCELED)
        visit_complain(v, why);
    collect_end(v->collect);
    if (!names_linger(v))
        visit_flush(v);
}

void visit_name(struct visit *v, const struct addr *a)
{
    if (v->zone->no_names)
        return;
    v->naming = true;
    names_want(schedule_names(v->schedule), v->zone->resolver, a, v->zone->names_every);
}

/* What is known by now; what comes later is told by the next visit. */
static void names_tell(struct visit *v, struct store_host *hosts, size_t n)
{
    for (size_t i = 0; v->naming && i < n; i++)
        if (hosts[i].finding.state == HOST_UP && !hosts[i].finding.hostname)
            hosts[i].finding.hostname =
                names_of(schedule_names(v->schedule), v->zone->resolver, &hosts[i].finding.address);
}

/* So many hosts make a part. */
static size_t part_hosts(const struct visit *v)
{
    return v->naming ? NAMING_HOSTS : COLLECT_PART_HOSTS;
}

void visit_keep(struct visit *v, int r)
{
    if (r < 0 && r != -EALREADY)
        visit_end(v, r, strerror(-r));
}

void visit_progress(struct visit *v)
{
    if (collect_waiting(v->collect) >= part_hosts(v) || v->state != VISIT_RUNNING)
        visit_flush(v);
    else if (collect_waiting(v->collect) && !timer_running(&v->flush) &&
             timer_set(schedule_loop(v->schedule), &v->flush, FLUSH_AFTER) < 0)
        visit_flush(v);
}

void visit_lose(struct visit *v, const char *why)
{
    if (v->lost)
        return;
    v->lost = true;
    log_event(LOG_NOTICE, "a visit is dropped, its lease is lost", "ZONE", v->lease.zone, "PASS",
              v->lease.pass, "SCOPE", v->scope, "WHY", why);
    visit_end(v, -ESTALE, NULL);
}

/* The store said why.  A visit whose end is under way already is not complete either: the end says
 * how many parts there were. */
static void visit_lacks_part(struct visit *v, int status)
{
    static const char why[] = "the database refused a part";

    if (v->state == VISIT_RUNNING)
        visit_end(v, status, why);
    else if (!v->status)
        visit_complain(v, why);
    v->status = v->status ? v->status : status;
}

/* What a part's callback needs of a visit that may be gone by then. */
struct applied {
    struct schedule *schedule;
    int64_t fence;
};

static void on_applied(void *user, int status, const struct store_applied *a)
{
    struct applied *token = user;
    struct schedule *s = token->schedule;
    struct visit *v = schedule_visit_find(s, token->fence);

    free(token);
    if (status == 0 && a && a->n_new_ports)
        schedule_new_ports(s);
    if (status == 0 || status == -ECANCELED || !v)
        return;
    if (status == -ESTALE)
        visit_lose(v, "somebody else has it");
    else
        visit_lacks_part(v, status);
}

/* Hands one part over.  0: none left; 1: done; negative: the store takes none. */
static int visit_apply(struct visit *v)
{
    struct store_part part = {
        .method = v->method,
        .scripts = v->scripts,
        .n_scripts = v->n_scripts,
    };
    struct store_host *hosts;
    struct applied *token;
    int r;

    part.n_hosts = collect_part(v->collect, &hosts);
    if (!part.n_hosts)
        return 0;
    part.hosts = hosts;
    names_tell(v, hosts, part.n_hosts);
    token = malloc(sizeof *token);
    if (!token)
        return -ENOMEM;
    *token = (struct applied){v->schedule, v->lease.fence};
    r = schedule_store(v->schedule)
            ->apply(schedule_store(v->schedule)->user, &v->lease, &part, on_applied, token);
    if (r < 0) {
        free(token);
        return r;
    }
    collect_drop_part(v->collect);
    schedule_flowing(v->schedule);
    return 1;
}

void visit_flush(struct visit *v)
{
    int r = 1;

    if (v->state == VISIT_FINISHING)
        return;
    while (r > 0 && !v->lost &&
           (v->state == VISIT_FLUSHING || v->flush_now ||
            collect_waiting(v->collect) >= part_hosts(v)))
        r = visit_apply(v);
    if (r < 0) {
        schedule_congested(v->schedule);
        if (timer_set(schedule_loop(v->schedule), &v->flush, RETRY_AFTER) < 0)
            log_event(LOG_ERR, "out of memory, findings wait for the database");
        return;
    }
    timer_stop(schedule_loop(v->schedule), &v->flush);
    v->flush_now = false;
    if (v->state == VISIT_FLUSHING)
        visit_finish(v);
    else
        visit_progress(v);
}

static void on_finished(void *user, int status, const struct err *e)
{
    struct visit *v = user;

    if (status < 0 && status != -ECANCELED && status != -ESTALE)
        log_event(LOG_ERR, "the end of a visit was not recorded", "ZONE", v->lease.zone, "PASS",
                  v->lease.pass, "WHY", e ? err_text(e) : strerror(-status));
    schedule_visit_over(v->schedule, v);
}

static void visit_finish(struct visit *v)
{
    struct coverage c = v->coverage;
    int r;

    v->state = VISIT_FINISHING;
    c.scope = v->scope;
    c.method = v->method;
    c.ports = v->ports;
    c.elapsed = loop_now(schedule_loop(v->schedule)) - v->began;
    c.complete = v->status == 0 && collect_told(v->collect) >= v->expected;
    r = v->lost ? -ESTALE
                : schedule_store(v->schedule)
                      ->finish(schedule_store(v->schedule)->user, &v->lease, &c, on_finished, v);
    if (r < 0) /* no callback comes; the lease ends by time */
        schedule_visit_over(v->schedule, v);
}
