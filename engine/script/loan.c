/* The host and port tables that rules are asked with.
 *
 * Each thread has tables of its own (nse-contract 2), but most rules only look at them.  So what a
 * rule left as it was is lent to the next one, of whatever script.  A rule that says yes, waits,
 * fails, or writes into its tables keeps them. */
#include "engine/script/host_priv.h"
#include "engine/script/mark.h"

#include <lauxlib.h>
#include <stdlib.h>

#define PORTS_MAX 64 /* of a host: its other ports' tables are made for each rule */

struct loan {
    int ref;
    uint64_t mark;
};

struct loans {
    struct loan host, ports[];
};

static size_t n_lent(const struct job_host *jh)
{
    return jh->n_ports < PORTS_MAX ? jh->n_ports : PORTS_MAX;
}

static struct loans *loans_of(struct job_host *jh)
{
    size_t n = n_lent(jh);

    if (jh->loans)
        return jh->loans;
    jh->loans = calloc(1, sizeof *jh->loans + n * sizeof *jh->loans->ports);
    if (!jh->loans)
        return NULL;
    jh->loans->host.ref = LUA_NOREF;
    for (size_t i = 0; i < n; i++)
        jh->loans->ports[i].ref = LUA_NOREF;
    return jh->loans;
}

static struct loan *loan_of_host(const struct run *r)
{
    struct loans *l = loans_of(r->jh);

    return l ? &l->host : NULL;
}

/* NULL: not lent.  Scripts that come after others see what those changed. */
static struct loan *loan_of_port(const struct run *r)
{
    struct loans *l = r->port != SIZE_MAX ? loans_of(r->jh) : NULL;

    if (!l || r->port >= n_lent(r->jh) || (r->jh->ports[r->port].found && r->script->level > 1))
        return NULL;
    return &l->ports[r->port];
}

/* Goes on with an inner table, which it leaves on top if it is there. */
static uint64_t mark_inner(lua_State *L, uint64_t mark, const char *name)
{
    lua_pushstring(L, name);
    if (lua_rawget(L, -2) != LUA_TTABLE) {
        lua_pop(L, 1);
        return mark;
    }
    return mark_mix(mark, mark_table(L, -1));
}

/* Of a host or port table with the tables in it, but for host.registry, which is everybody's. */
static uint64_t mark_lent(lua_State *L, int index)
{
    int top = lua_gettop(L);
    uint64_t mark;

    lua_pushvalue(L, index);
    mark = mark_inner(L, mark_table(L, -1), "times");
    mark = mark_inner(L, mark, "version");
    mark = mark_inner(L, mark, "cpe");
    lua_settop(L, top);
    return mark;
}

static void lend(lua_State *L, struct loan *l)
{
    if (!l)
        return;
    l->mark = mark_lent(L, -1);
    lua_pushvalue(L, -1);
    l->ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void push_lent(lua_State *L, const struct loan *l)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, l->ref);
}

/* Which table was lent is remembered: once the rule has named the port's service, the port would
 * count as one that is not lent. */
void loans_push(lua_State *L, struct run *r)
{
    luaL_checkstack(L, 8, NULL);
    r->host_loan = loan_of_host(r);
    r->port_loan = loan_of_port(r);
    if (r->host_loan && r->host_loan->ref != LUA_NOREF) {
        push_lent(L, r->host_loan);
    } else {
        push_host(L, r->jh);
        lend(L, r->host_loan);
    }
    if (r->port == SIZE_MAX) {
        lua_pushnil(L);
    } else if (r->port_loan && r->port_loan->ref != LUA_NOREF) {
        push_lent(L, r->port_loan);
    } else {
        push_port(L, port_rec_for(r->script, &r->jh->ports[r->port]));
        lend(L, r->port_loan);
    }
}

static bool is_untouched(lua_State *L, const struct loan *l, int index)
{
    return !l || l->ref == LUA_NOREF || mark_lent(L, index) == l->mark;
}

bool loans_return(lua_State *L, struct run *r, int host)
{
    if (!is_untouched(L, r->host_loan, host) || !is_untouched(L, r->port_loan, host + 1))
        return false;
    r->host_loan = r->port_loan = NULL;
    return true;
}

static void drop(lua_State *L, struct loan *l)
{
    if (!l)
        return;
    luaL_unref(L, LUA_REGISTRYINDEX, l->ref);
    l->ref = LUA_NOREF;
}

void loans_keep(struct run *r)
{
    lua_State *L = r->host->sched->L;

    drop(L, r->host_loan);
    drop(L, r->port_loan);
    r->host_loan = r->port_loan = NULL;
}

void loans_free(lua_State *L, struct job_host *jh)
{
    for (size_t i = 0; jh->loans && i < n_lent(jh); i++)
        drop(L, &jh->loans->ports[i]);
    if (jh->loans)
        drop(L, &jh->loans->host);
    free(jh->loans);
    jh->loans = NULL;
}
