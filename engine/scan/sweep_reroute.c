/* The ways have changed under a sweep: every host under way gets its new one, and is asked again
 * what is still open. */
#include "engine/scan/sweep_priv.h"

#include <string.h>

/* What was sent the old way, or while there was none, proves nothing by its silence.  Answers stay
 * answers. */
static void ask_again(struct sweep *s, struct host *h)
{
    h->pass = h->believed = 0;
    h->cursor = 0;
    h->began = 0;
    h->news = h->checked = h->resting = h->granted = false;
    if (h->stage == HOST_PARKED)
        return;
    if (h->stage == HOST_PORTS)
        hostpace_init(&h->pace, h->pace.base);
    hosts_set_ready(&s->hosts, h);
}

static void reroute(struct sweep *s, struct host *h, usec_t lost)
{
    const struct hop *before = h->hop;

    h->hop = plan_find(s->o.plan, &h->addr);
    h->admitted += lost;
    if (h->hop->kind == HOP_UNREACHABLE) {
        h->inconclusive = true;
        sweep_host_end(s, h);
        return;
    }
    if (h->hop->kind != before->kind || h->hop->ifindex != before->ifindex)
        h->has_mac = h->hop->kind == HOP_ONLINK && h->has_mac && h->hop->ifindex == before->ifindex;
    ask_again(s, h);
}

void sweep_reroute(struct sweep *s, const struct sweep_probe *pending, usec_t lost, usec_t now)
{
    sentinels_void(&s->sentinels, now);
    s->sentinels = (struct sentinels){.nets = &s->losses, .pacer = s->o.pacer};
    s->counts.probes -= pending != NULL;
    for (size_t i = 0; i < s->hosts.table_size; i++) {
        for (struct host *h = s->hosts.table[i], *next; h; h = next) {
            next = h->next;
            reroute(s, h, lost);
        }
    }
}
