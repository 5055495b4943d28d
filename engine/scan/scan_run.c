/* The running scan: takes probes from the sweep as fast as pacer, guard and kernel let it, and
 * feeds replies back.
 *
 * One timer drives the sending; a turn sends at most BUDGET probes so that replies are read in
 * between.  The probe that could not go out yet is kept, not given back: the sweep has counted it.
 */
#include "engine/loop/guard.h"
#include "engine/scan/scan_priv.h"

#include <errno.h>

#define BUDGET      256
#define DEVICE_WAIT (1 * USEC_PER_MSEC)
#define LOOK_EVERY  (200 * USEC_PER_MSEC) /* whether the interfaces are still there */
#define LATE        (20 * USEC_PER_MSEC)
#define TOGETHER    (1 * USEC_PER_MSEC) /* what comes due within it goes out in one call */
#define CATCH_UP    (2 * USEC_PER_MSEC)
#define SLOW_PERIOD (200 * USEC_PER_MSEC)
#define BLOCKED_MAX (20 * USEC_PER_MSEC)

/* Whether the pending probe may go: 0; -EPERM: never; -EAGAIN with the time to wait. */
static int allow(struct scan *s, usec_t now, usec_t *ret_wait)
{
    if (!s->guarded) {
        enum guard_kind kind = s->probe.kind == PROBE_CONNECT ? GUARD_CONNECT
                               : s->probe.kind == PROBE_UDP   ? GUARD_PAYLOAD
                                                              : GUARD_PROBE;
        int r = guard_check(s->guard, kind, &s->probe.addr, s->probe.port);

        if (r == -EAGAIN)
            *ret_wait = guard_wait(s->guard);
        if (r < 0)
            return r;
        s->guarded = true;
    }
    if (!s->paced && !pacer_take(&s->pacer, now)) {
        *ret_wait = pacer_wait(&s->pacer, now);
        return -EAGAIN;
    }
    s->paced = true;
    return 0;
}

/* connect(2) finds no way: it is broken, unless the plan has one nevertheless (a second try: it may
 * have come back just now).  Then rules for ports, protocols or users are against it, which is no
 * way that could be waited for: it is the answer for this port. */
static int hand_over_connect(struct scan *s)
{
    const struct connect_probe c = {s->probe.addr, s->probe.port, s->probe.try, s->probe.timeout};
    const struct probe_reply none = {.addr = c.addr,
                                     .kind = PROBE_CONNECT,
                                     .port = c.port,
                                     .try = c.try,
                                     .reason = REASON_NET_UNREACH};
    int r = connector_start(s->connector, &c);

    if (r != -ENETDOWN || !scan_has_way(s, &s->probe))
        return r;
    r = connector_start(s->connector, &c);
    if (r != -ENETDOWN)
        return r;
    sweep_answer(s->sweep, &none, loop_now(s->loop));
    return 0;
}

static int hand_over(struct scan *s)
{
    return s->probe.kind == PROBE_CONNECT ? hand_over_connect(s) : scan_send_raw(s, &s->probe);
}

/* Takes the next probe from the sweep.  False: there is none now. */
static bool take_probe(struct scan *s, usec_t now, usec_t *ret_wait)
{
    enum sweep_step step = sweep_next(s->sweep, now, &s->probe, ret_wait);

    if (step == SWEEP_DONE && !s->freed)
        scan_finish(s, 0);
    s->idle = step == SWEEP_WAIT;
    s->pending = step == SWEEP_PROBE;
    s->guarded = s->paced = false;
    s->taken = now;
    return s->pending;
}

/* One probe, if it may go.  False: the turn is over, with the time to wait. */
static bool send_one(struct scan *s, usec_t now, usec_t *ret_wait)
{
    int r;

    if (!s->pending && !take_probe(s, now, ret_wait))
        return false;
    r = allow(s, now, ret_wait);
    if (r == -EPERM) {
        s->pending = false;
        sweep_refuse(s->sweep, &s->probe);
        return true;
    }
    if (r < 0)
        return false;
    r = hand_over(s);
    if (r == -EAGAIN) {
        *ret_wait = DEVICE_WAIT;
        return false;
    }
    s->pending = false;
    if (now > s->taken)
        sweep_delayed(s->sweep, &s->probe, now - s->taken);
    if (r == -ENETDOWN)
        scan_way_broken(s);
    else if (r < 0)
        scan_finish(s, r);
    return r == 0;
}

/* We are too fast for ourselves: slower, and what this may have hidden is asked again. */
static void overload(struct scan *s, usec_t now)
{
    sweep_doubt(s->sweep, now);
    if (now - s->slowed < SLOW_PERIOD)
        return;
    s->slowed = now;
    pacer_overload(&s->pacer, now);
}

/* Frames that our own ring lost.  Looked for before anything is judged by its silence. */
static void check_drops(struct scan *s, usec_t now)
{
    uint64_t before = 0;

    for (size_t i = 0; i < s->n_links; i++)
        before += s->links[i].drops;
    if (scan_drops(s) > before)
        overload(s, now);
}

/* A device that takes nothing for long leaves probes unsent that count as sent. */
static void check_flush(struct scan *s, int r, usec_t now)
{
    if (r != -EAGAIN) {
        s->blocked = 0;
        return;
    }
    if (!s->blocked)
        s->blocked = now;
    if (now - s->blocked >= BLOCKED_MAX)
        overload(s, now);
}

static usec_t send_some(struct scan *s)
{
    usec_t now = loop_now(s->loop), wait = 0;
    int i = 0, r;

    while (i < BUDGET && !s->ended && !s->freed && send_one(s, now, &wait))
        i++;
    if (s->ended || s->freed)
        return 0;
    if (i == BUDGET)
        wait = 0;
    else if (s->idle && wait < TOGETHER)
        wait = TOGETHER;
    if (wait > LOOK_EVERY)
        wait = LOOK_EVERY;
    r = scan_flush(s);
    check_flush(s, r, now);
    if (r == -ENETDOWN)
        scan_way_broken(s);
    else if (r < 0 && wait < DEVICE_WAIT)
        wait = DEVICE_WAIT;
    return wait;
}

void scan_tick_after(struct scan *s, usec_t wait)
{
    if (s->ended || s->freed)
        return;
    s->due = loop_now(s->loop) + wait;
    if (timer_set(s->loop, &s->timer, wait) < 0)
        scan_finish(s, -ENOMEM);
}

/* Somebody held up the loop: replies may be there that came in time.  One turn for them before
 * anything is judged. */
static bool is_late(struct scan *s)
{
    bool late = loop_now(s->loop) > s->due + LATE;

    s->late = late && !s->late;
    return s->late;
}

void scan_tick(struct timer *t)
{
    struct scan *s = CONTAINER_OF(t, struct scan, timer);
    usec_t wait;
    int r;

    s->busy++;
    r = scan_drain(s);
    if (r < 0)
        scan_way_broken(s);
    wait = r == SCAN_MORE ? 0 : is_late(s) ? CATCH_UP : scan_follow_ways(s);
    if (wait == 0 && r != SCAN_MORE && !s->ended && !s->freed)
        wait = scan_resolve_gateways(s);
    check_drops(s, loop_now(s->loop));
    if (wait > 0)
        scan_flush(s);
    else if (r != SCAN_MORE && !s->ended && !s->freed)
        wait = send_some(s);
    scan_tick_after(s, wait);
    s->busy--;
}

/* The sweep waited for an answer, or for a socket to get free: this may be it. */
static void wake(struct scan *s)
{
    if (s->idle)
        scan_tick_after(s, 0);
    s->idle = false;
}

static void answer(struct scan *s, const struct probe_reply *r)
{
    if (!s->sweep || s->ended || s->freed)
        return;
    s->busy++;
    sweep_answer(s->sweep, r, loop_now(s->loop));
    wake(s);
    s->busy--;
}

void scan_on_packet(void *user, const struct packet *p)
{
    struct link *l = user;
    struct probe_reply r;

    if (probe_match(&l->ctx, p, loop_now(l->scan->loop), &r) == VERDICT_NONE)
        return;
    if (r.addr.family == ADDR_V6 && addr_is_link_local(&r.addr))
        r.addr.scope = (uint32_t)l->iface.index;
    if (r.has_mac)
        scan_gateway_answer(l->scan, l, &r);
    answer(l->scan, &r);
}

void scan_on_connect(void *user, const struct probe_reply *r)
{
    answer(user, r);
}
