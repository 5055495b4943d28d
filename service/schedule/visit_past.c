/* What a visit is told of the past of its block before it scans, and what it then covers.
 *
 * A block of which a sample is asked: where somebody is, all of it is asked; addresses that were in
 * use are part of the sample.  A block that is too wide to be swept: the addresses in use, and
 * those that were, or were heard of late, are all that can be asked; the visit is one of the whole
 * block nevertheless, because whoever moves in is heard. */
#include "service/schedule/visit.h"

#include <errno.h>
#include <string.h>

/* For the neighbours to be heard (they are asked by multicast at the start) before a wide block
 * counts as looked at for the first time. */
#define WIDE_WAIT (10 * USEC_PER_SEC)

static void on_sampled(void *user, int status, const struct err *e)
{
    struct visit *v = user;

    v->asking = false;
    if (v->orphan)
        visit_free(v);
    else if (status == -ESTALE)
        visit_lose(v, "somebody else has it");
    else
        visit_end(v, status, status < 0 && e ? err_text(e) : NULL);
}

int visit_tell_sample(struct visit *v)
{
    const struct schedule_store *store = schedule_store(v->schedule);
    struct addr_walk walk = {0};
    struct addr a;
    int r = 0;

    while (r == 0 && addr_set_next(&v->targets, &walk, &a))
        if (collect_is_done(v->collect, &a))
            r = addr_set_add(&v->sampled, &a, &a);
    v->expected = addr_set_count(&v->sampled);
    if (r == 0)
        r = store->sampled(store->user, &v->lease, &v->sampled, on_sampled, v);
    v->asking = r == 0;
    return r;
}

static int add_set(struct addr_set *to, const struct addr_set *from)
{
    int r = 0;

    for (size_t i = 0; i < from->n && r == 0; i++)
        r = addr_set_add(to, &from->ranges[i].first, &from->ranges[i].last);
    return r;
}

static int sample_go(struct visit *v, const struct addr_set *present, const struct addr_set *former)
{
    int r;

    if (present->n)
        v->order.start.sample = 0;
    r = add_set(&v->order.known, former);
    return r < 0 ? r : visit_scan_go(v);
}

static void on_waited(struct timer *t)
{
    struct visit *v = CONTAINER_OF(t, struct visit, wait);
    struct err e = {0};
    int r = visit_ask_past(v, &e);

    if (r < 0)
        visit_end(v, r, err_text(&e));
}

static int wide_go(struct visit *v, const struct addr_set *present, const struct addr_set *former,
                   bool looked)
{
    int r;

    if (!looked && !v->waited) {
        v->waited = true;
        return timer_set(schedule_loop(v->schedule), &v->wait, WIDE_WAIT);
    }
    r = add_set(&v->targets, present);
    if (r == 0)
        r = add_set(&v->targets, former);
    if (r == 0)
        r = visit_keep_scope(v);
    if (r == 0)
        r = visit_scan_targets(v);
    if (r < 0)
        return r;
    v->expected = addr_set_count(&v->targets);
    if (v->expected)
        return visit_scan_go(v);
    visit_end(v, 0, NULL);
    return 0;
}

static void on_past(void *user, int status, const struct addr_set *present,
                    const struct addr_set *former, bool looked)
{
    struct visit *v = user;

    v->asking = false;
    if (v->orphan) {
        visit_free(v);
        return;
    }
    if (v->state != VISIT_RUNNING)
        return;
    if (status == 0)
        status = v->wide ? wide_go(v, present, former, looked) : sample_go(v, present, former);
    if (status < 0)
        visit_end(v, status, "the past of the block is not known");
}

int visit_ask_past(struct visit *v, struct err *e)
{
    const struct schedule_store *store = schedule_store(v->schedule);
    int r = store->past(store->user, &v->lease, on_past, v);

    if (r < 0)
        return err_set(e, r, "the store does not tell the past: %s", strerror(-r));
    v->wait.fire = on_waited;
    v->asking = true;
    return 0;
}
