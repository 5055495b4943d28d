/* See script_setup.h. */
#include "service/schedule/script_setup.h"

#include "engine/base/log.h"

#include <errno.h>
#include <string.h>

/* The pass's expression within the grants, without the scripts that kill workers. */
static char *expression_of(const struct pool_order *o, const struct script_blame *b)
{
    const char *deadly[BLAMED_MAX];
    struct config_without without = {deadly, 0};
    char *expression;

    for (size_t i = 0; i < b->n; i++)
        if (b->list[i].deaths >= POOL_DEATHS)
            deadly[without.n++] = b->list[i].script;
    return config_script_expression(&expression, o->zone, o->pass, &without) < 0 ? NULL
                                                                                 : expression;
}

static char *args_of(const struct pool_order *o)
{
    const char *pass = o->pass->args, *all = o->generation->args;
    struct buf text = {0};

    buf_printf(&text, "%s%s%s", pass ? pass : "", pass && all ? "," : "", all ? all : "");
    return buf_take(&text);
}

static char *datadirs_of(const struct config_scripts *s)
{
    struct buf text = {0};

    for (uint32_t i = 0; i < s->n_datadirs; i++)
        buf_printf(&text, "%s%s", i ? "\n" : "", s->datadirs[i]);
    return buf_take(&text);
}

int script_setup_encode(struct buf *out, const struct pool_order *o, const struct script_blame *b)
{
    const struct config *c = o->generation->config;
    CLEANUP(freep) char *expression = expression_of(o, b);
    CLEANUP(freep) char *args = args_of(o);
    CLEANUP(freep) char *datadirs = datadirs_of(c->scripts);
    const struct ipc_setup m = {
        .datadirs = datadirs,
        .expression = expression,
        .args = args && *args ? args : NULL,
        .resolver = c->resolver,
        .interface = o->zone->interface,
        .script_timeout = o->pass->script_timeout,
        .memory = (uint64_t)c->scripts->memory_mib << 20,
        .max_threads = c->scripts->max_threads,
        .rate = generation_rate(o->generation, o->zone) / c->scripts->workers,
        .host_rate = (double)o->zone->host_rate / c->scripts->workers,
        .net_rate = (double)o->zone->net_rate / c->scripts->workers,
        .fragile = o->zone->fragile,
    };

    if (!expression || !args || !datadirs)
        return -ENOMEM;
    return ipc_encode(out, ipc_message_find(MSG_SETUP), generation_zone_id(o->generation, o->zone),
                      &m);
}

void script_blame_add(struct script_blame *b, const char *script)
{
    size_t i = 0;

    if (!script || !*script)
        return;
    while (i < b->n && strcmp(b->list[i].script, script) != 0)
        i++;
    if (i == BLAMED_MAX)
        return;
    if (i == b->n)
        snprintf(b->list[b->n++].script, sizeof b->list[i].script, "%s", script);
    if (++b->list[i].deaths == POOL_DEATHS)
        log_event(LOG_WARNING,
                  "a script killed its worker again, leaving it out until the next start", "EVENT",
                  "script-failed", "SCRIPT", script);
}
