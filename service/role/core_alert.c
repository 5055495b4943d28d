/* See core_alert.h. */
#include "service/role/core_alert.h"

#include "service/alert/alert.h"
#include "service/alert/endpoints.h"

#include <errno.h>
#include <string.h>

#define STOP_WITHIN (2 * USEC_PER_SEC)

struct old_alert {
    LIST_ENTRY(old_alert) entry;
    struct alert *alert;
};

int core_alert_new(const struct core_alert *c, const struct config *config, struct alert **ret,
                   struct err *e)
{
    CLEANUP(endpoints_done) struct endpoints eps = {0};
    CLEANUP(freep) char *rules = NULL;
    int r = endpoints_of(config, &eps, e);

    if (r == 0 && config_rules(&rules, config) < 0)
        r = err_set(e, -ENOMEM, "out of memory");
    const struct alert_opts o = {
        .conninfo = c->conninfo,
        .holder = c->holder,
        .resolver = config->resolver,
        .endpoints = eps.list,
        .n_endpoints = eps.n,
        .rules = rules,
        .patient = c->now != NULL,
    };

    return r < 0 ? r : alert_new(ret, c->loop, &o, e);
}

static void old_free(struct old_alert *old)
{
    LIST_REMOVE(old, entry);
    alert_free(old->alert);
    free(old);
}

static void on_old_stopped(void *user, int status)
{
    (void)status;
    old_free(user);
}

/* Without memory the old one is cut: what it has in flight is sent again. */
void core_alert_replace(struct core_alert *c, struct alert *a)
{
    struct old_alert *old = c->now ? malloc(sizeof *old) : NULL;

    if (old) {
        *old = (struct old_alert){.alert = c->now};
        LIST_INSERT_HEAD(&c->old, old, entry);
        alert_stop(old->alert, STOP_WITHIN, on_old_stopped, old);
    } else
        alert_free(c->now);
    c->now = a;
}

void core_alert_poke(const struct core_alert *c)
{
    if (c->now)
        alert_poke(c->now);
}

static void on_stopped(void *user, int status)
{
    (void)status;
    ((struct core_alert *)user)->stopped = true;
}

void core_alert_stop(struct core_alert *c, usec_t within)
{
    c->stopped = !c->now;
    if (c->now)
        alert_stop(c->now, within < STOP_WITHIN ? within : STOP_WITHIN, on_stopped, c);
}

bool core_alert_is_over(const struct core_alert *c)
{
    return c->stopped && LIST_EMPTY(&c->old);
}

void core_alert_status(const struct core_alert *c, struct buf *out)
{
    struct alert_stats stats;
    unsigned bad = 0, n = 0;

    for (; c->now && alert_stats(c->now, n, &stats) == 0; n++)
        bad += strcmp(stats.state, "ok") != 0 && strcmp(stats.state, "standby") != 0;
    if (n)
        buf_printf(out, ", %u of %u endpoints ok", n - bad, n);
}

void core_alert_done(struct core_alert *c)
{
    while (!LIST_EMPTY(&c->old))
        old_free(LIST_FIRST(&c->old));
    alert_free(c->now);
    c->now = NULL;
}
