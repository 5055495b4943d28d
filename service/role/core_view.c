/* See core_view.h. */
#include "service/role/core_view.h"

#include <errno.h>
#include <string.h>

void store_view_done(struct store_view *view)
{
    for (size_t i = 0; i < view->n; i++)
        free(view->passes[i]);
    free(view->passes);
    free(view->zones);
}

static enum store_kind kind_of(enum config_pass_kind k)
{
    static const enum store_kind kinds[PASS_KIND_MAX] = {STORE_PRESENCE, STORE_PORTS,
                                                         STORE_SERVICES, STORE_SCRIPTS};

    return kinds[k];
}

/* A pass that looks often also looks again sooner, unless the zone says when. */
static usec_t confirm_of(const struct config_zone *z, const struct config_pass *p)
{
    usec_t half = p->interval / 2;

    if (z->confirm->after_text || z->confirm->after < half)
        return z->confirm->after;
    return half > USEC_PER_SEC ? half : USEC_PER_SEC;
}

static bool zone_view(const struct config_zone *z, struct store_zone *zone,
                      struct store_pass **ret_passes)
{
    struct store_pass *passes = calloc(z->n_passes + 1, sizeof *passes);

    if (!passes)
        return false;
    for (uint32_t i = 0; i < z->n_passes; i++)
        passes[i] = (struct store_pass){
            .name = z->passes[i].name,
            .kind = kind_of(z->passes[i].kind),
            .every = z->passes[i].interval,
            .confirm = confirm_of(z, &z->passes[i]),
            .ports = z->passes[i].port_set,
            .misses = z->confirm->misses,
        };
    *zone = (struct store_zone){
        .name = z->name,
        .networks = &z->scope,
        .excludes = &z->excluded,
        .host_misses = z->confirm->host_misses,
        .passes = passes,
        .n_passes = z->n_passes,
    };
    *ret_passes = passes;
    return true;
}

int store_view_of(const struct config *c, struct store_view *ret)
{
    ret->zones = calloc(c->n_zones + 1, sizeof *ret->zones);
    ret->passes = calloc(c->n_zones + 1, sizeof *ret->passes);
    if (!ret->zones || !ret->passes)
        return -ENOMEM;
    for (; ret->n < c->n_zones; ret->n++)
        if (!zone_view(&c->zones[ret->n], &ret->zones[ret->n], &ret->passes[ret->n]))
            return -ENOMEM;
    return 0;
}
