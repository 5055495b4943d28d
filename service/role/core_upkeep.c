/* Upkeep of the database on the core's connections.
 *
 * The queries of policies are other people's, so they have a connection of their own with a short
 * statement timeout: a slow one holds up nothing but the next. */
#include "service/role/core_upkeep.h"

#include "service/config/config.h"

#include <errno.h>

#define POLICY_TIMEOUT (10 * USEC_PER_SEC)
#define VALUES_KEEP    (30 * 86400) /* seconds; of values that nothing refers to any more */

static int ask(void *user, const struct db_call *c, db_cb cb, void *cb_user)
{
    struct core_upkeep *u = user;

    return db_query(store_db(u->store), c, cb, cb_user);
}

static int ask_policy(void *user, const struct db_call *c, db_cb cb, void *cb_user)
{
    struct core_upkeep *u = user;
    const struct db_opts o = {
        .conninfo = u->conninfo,
        .application_name = "musterd policies",
        .statement_timeout = POLICY_TIMEOUT,
    };
    int r = u->reader ? 0 : db_open(&u->reader, u->loop, &o, NULL);

    return r < 0 ? r : db_query(u->reader, c, cb, cb_user);
}

int core_upkeep_open(struct core_upkeep *c, struct loop *l, struct store *store,
                     const char *conninfo)
{
    const struct upkeep_opts o = {.user = c, .ask = ask, .ask_policy = ask_policy};

    *c = (struct core_upkeep){.loop = l, .store = store, .conninfo = conninfo};
    return upkeep_new(&c->upkeep, l, &o);
}

static unsigned long long seconds(usec_t span)
{
    return span / USEC_PER_SEC;
}

static void keep_json(struct buf *out, const struct config_retention *r)
{
    buf_printf(out, "\"history\": %llu, \"scripts\": %llu, \"coverage\": %llu", seconds(r->history),
               seconds(r->scripts), seconds(r->coverage));
}

int core_upkeep_keep(char **ret, const struct config *config)
{
    CLEANUP(buf_done) struct buf json = {0};

    buf_char(&json, '{');
    keep_json(&json, config->retention);
    buf_printf(&json, ", \"absent\": %llu, \"values\": %d, \"zones\": {",
               seconds(config->retention->absent), VALUES_KEEP);
    for (uint32_t i = 0; i < config->n_zones; i++) {
        buf_printf(&json, "%s\"%s\": {", i ? ", " : "", config->zones[i].name);
        keep_json(&json, config->zones[i].retention);
        buf_char(&json, '}');
    }
    buf_str(&json, "}}");
    *ret = buf_take(&json);
    return *ret ? 0 : -ENOMEM;
}

void core_upkeep_done(struct core_upkeep *c)
{
    c->upkeep = upkeep_free(c->upkeep);
    c->reader = db_free(c->reader);
}
