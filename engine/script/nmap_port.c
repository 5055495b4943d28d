/* nmap: what a script may ask and say about ports (nse-contract 8).
 *
 * Changes go to the job's own record of the port, so that other scripts of the host see them, and
 * to the embedder (world.port_seen). */
#include "engine/script/host_priv.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#define TEXT_MAX  80
#define EXTRA_MAX 256
#define SHORT_MAX 32
#define CPE_MAX   32

static const char *const protocols[] = {"tcp", "udp", "sctp", NULL};
static const enum protocol protocol_values[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP};
static const char *const states[] = {"open",          "filtered",        "unfiltered", "closed",
                                     "open|filtered", "closed|filtered", NULL};
static const enum port_state state_values[] = {PORT_OPEN,          PORT_FILTERED,
                                               PORT_UNFILTERED,    PORT_CLOSED,
                                               PORT_OPEN_FILTERED, PORT_CLOSED_FILTERED};

/* ---- arguments ---- */

/* Leaves the value on the stack: a metamethod may have made it, and then nothing else holds it. */
static const char *push_string(lua_State *L, int t, const char *key)
{
    lua_getfield(L, t, key);
    return lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
}

/* By address, else by what the user typed, which may have been the address. */
static struct job_host *find_host(struct job *j, const char *ip, const char *name)
{
    struct job_host *jh = ip ? job_host_find(j, ip) : NULL;

    return jh || !name ? jh : job_host_find(j, name);
}

static struct job_host *check_host(lua_State *L, int index)
{
    struct run *r = run_of(L);
    struct job_host *jh = NULL;
    const char *ip, *name;

    luaL_checktype(L, index, LUA_TTABLE);
    ip = push_string(L, index, "ip");
    name = push_string(L, index, "targetname");
    if (!ip && !name)
        luaL_error(L, "host table does not have a 'ip' or 'targetname' field");
    if (r && r->jh && ip && strcmp(r->jh->ip, ip) == 0)
        jh = r->jh;
    else if (r && r->job)
        jh = find_host(r->job, ip, name);
    if (!jh)
        luaL_argerror(L, index, "host is not being processed right now");
    lua_pop(L, 2);
    return jh;
}

static enum protocol check_port_protocol(lua_State *L, int index)
{
    const char *name = NULL;

    if (lua_getfield(L, index, "protocol") == LUA_TSTRING || lua_isnumber(L, -1))
        name = lua_tostring(L, -1);
    if (!name)
        luaL_error(L, "port 'protocol' field must be a string");
    for (size_t i = 0; protocols[i]; i++)
        if (strcmp(name, protocols[i]) == 0) {
            lua_pop(L, 1);
            return protocol_values[i];
        }
    return (enum protocol)luaL_error(L,
                                     "port 'protocol' field must be \"udp\", \"sctp\" or \"tcp\"");
}

/* The port's record; NULL when that port was not scanned. */
static struct port_rec *check_port(lua_State *L, int index, struct job_host *jh)
{
    lua_Integer number;
    enum protocol protocol;

    luaL_checktype(L, index, LUA_TTABLE);
    lua_getfield(L, index, "number");
    if (!lua_isinteger(L, -1))
        luaL_error(L, "port 'number' field must be an integer");
    number = lua_tointeger(L, -1);
    lua_pop(L, 1);
    protocol = check_port_protocol(L, index);
    for (size_t i = 0; i < jh->n_ports; i++)
        if (jh->ports[i].protocol == protocol && jh->ports[i].port == number)
            return &jh->ports[i];
    return NULL;
}

static void tell(struct job_host *jh, const struct port_rec *p)
{
    struct job *j = jh->stage.job;
    const struct script_world *w = &j->host->world;
    struct port_finding f = port_rec_finding(p);

    f.address = jh->address;
    f.time = loop_wall(j->host->loop);
    if (w->port_seen)
        w->port_seen(w->user, j->id, &f);
}

/* ---- questions ---- */

static const struct port_rec *as_seen(lua_State *L, const struct port_rec *p)
{
    const struct run *r = run_of(L);

    return r && r->script && r->at != RUN_ACTION ? port_rec_for(r->script, p) : p;
}

/* nmap.get_port_state(host, port) -> port table or nil */
static int l_get_port_state(lua_State *L)
{
    struct job_host *jh = check_host(L, 1);
    const struct port_rec *p = check_port(L, 2, jh);

    lua_pushnil(L);
    if (p)
        push_port(L, as_seen(L, p));
    return 1;
}

/* The port of that protocol and state with the lowest number above `after`. */
static const struct port_rec *next_port(lua_State *L, const struct job_host *jh, lua_Integer after,
                                        enum protocol protocol, enum port_state state)
{
    const struct port_rec *best = NULL;

    for (size_t i = 0; i < jh->n_ports; i++) {
        const struct port_rec *p = as_seen(L, &jh->ports[i]);

        if (p->protocol == protocol && p->state == state && p->port > after &&
            (!best || p->port < best->port))
            best = p;
    }
    return best;
}

/* nmap.get_ports(host, previous port or nil, protocol, state) -> next port table or nil
 *
 * As observed on nmap 7.93, the protocol says where the first port comes from.  What follows is of
 * the previous one's protocol, whatever is asked for, and behind the last TCP port comes UDP. */
static int l_get_ports(lua_State *L)
{
    enum protocol protocol = protocol_values[luaL_checkoption(L, 3, NULL, protocols)];
    enum port_state state = state_values[luaL_checkoption(L, 4, NULL, states)];
    bool goes_on = !lua_isnil(L, 2);
    const struct port_rec *next;
    struct job_host *jh;
    lua_Integer after = -1;

    if (goes_on) {
        luaL_checktype(L, 2, LUA_TTABLE);
        protocol = check_port_protocol(L, 2);
        lua_getfield(L, 2, "number");
        after = luaL_optinteger(L, -1, -1);
    }
    jh = check_host(L, 1);
    next = next_port(L, jh, after, protocol, state);
    if (!next && goes_on && protocol == PROTOCOL_TCP)
        next = next_port(L, jh, -1, PROTOCOL_UDP, state);
    lua_pushnil(L);
    if (next)
        push_port(L, next);
    return 1;
}

/* ---- answers ---- */

static void keep_found(lua_State *L, struct port_rec *p)
{
    if (port_rec_keep(p) < 0)
        luaL_error(L, "not enough memory");
}

/* nmap.set_port_state(host, port, "open"|"closed") */
static int l_set_port_state(lua_State *L)
{
    static const char *const settable[] = {"open", "closed", NULL};
    static const enum port_state values[] = {PORT_OPEN, PORT_CLOSED};
    enum port_state state = values[luaL_checkoption(L, 3, NULL, settable)];
    struct job_host *jh = check_host(L, 1);
    struct port_rec *p = check_port(L, 2, jh);

    if (!p || p->state == state)
        return 0;
    keep_found(L, p);
    p->state = state;
    p->reason = REASON_SCRIPT_SET;
    p->ttl = 0;
    tell(jh, p);
    return 0;
}

/* A copy of the value on top, which it takes away; NULL: it is no string. */
static char *take_text(lua_State *L, size_t max)
{
    const char *s = lua_tostring(L, -1);
    char *copy = s ? strndup(s, max) : NULL;

    if (s && !copy)
        luaL_error(L, "not enough memory");
    lua_pop(L, 1);
    return copy;
}

static void make_printable(char *s)
{
    for (; s && *s; s++)
        if (!isprint((unsigned char)*s))
            *s = '.';
}

/* Stores version.KEY as it is; a missing field clears. */
static void store_raw(lua_State *L, int version, const char *key, char **field, size_t max)
{
    char *copy;

    lua_getfield(L, version, key);
    copy = take_text(L, max);
    free(*field);
    *field = copy;
}

/* The same, printable. */
static void store(lua_State *L, int version, const char *key, char **field, size_t max)
{
    store_raw(L, version, key, field, max);
    make_printable(*field);
}

/* Every string of the table, whatever its key; numbers count as strings. */
static void store_cpe(lua_State *L, int version, struct strings *cpe)
{
    lua_getfield(L, version, "cpe");
    if (!lua_isnil(L, -1) && !lua_istable(L, -1))
        luaL_error(L, "port.version 'cpe' field must be a table");
    strings_done(cpe);
    cpe->v = calloc(CPE_MAX, sizeof *cpe->v);
    if (!cpe->v)
        luaL_error(L, "not enough memory");
    lua_pushnil(L);
    while (lua_istable(L, -2) && cpe->n < CPE_MAX && lua_next(L, -2)) {
        cpe->v[cpe->n] = take_text(L, TEXT_MAX);
        make_printable(cpe->v[cpe->n]);
        cpe->n += cpe->v[cpe->n] != NULL;
    }
    lua_settop(L, version);
}

/* "ssl", or NULL: none */
static const char *check_tunnel(lua_State *L, int version)
{
    const char *tunnel;
    bool none;

    lua_getfield(L, version, "service_tunnel");
    tunnel = lua_tostring(L, -1);
    none = !tunnel || strcmp(tunnel, "none") == 0;
    if (!none && strcmp(tunnel, "ssl") != 0)
        luaL_argerror(L, 2, "invalid value for port.version.service_tunnel");
    lua_pop(L, 1);
    return none ? NULL : "ssl";
}

static void store_fields(lua_State *L, int version, struct port_rec *p)
{
    store(L, version, "name", &p->name, TEXT_MAX);
    store(L, version, "product", &p->product, TEXT_MAX);
    store(L, version, "version", &p->version, TEXT_MAX);
    store(L, version, "extrainfo", &p->extra, EXTRA_MAX);
    store(L, version, "hostname", &p->hostname, TEXT_MAX);
    store(L, version, "ostype", &p->os, SHORT_MAX);
    store(L, version, "devicetype", &p->device, SHORT_MAX);
}

static void set_copy(lua_State *L, char **field, const char *value)
{
    char *copy = value ? strdup(value) : NULL;

    if (value && !copy)
        luaL_error(L, "not enough memory");
    free(*field);
    *field = copy;
}

enum version_state { HARDMATCHED, SOFTMATCHED, NOMATCH, TCPWRAPPED, INCOMPLETE };

/* What a service is called that the script gave no name: what was recognised has none, what was not
 * keeps that of the services table. */
static void set_missing_name(lua_State *L, struct port_rec *p, enum version_state state)
{
    if (p->name || state <= SOFTMATCHED)
        return;
    set_copy(L, &p->name, state == TCPWRAPPED ? "tcpwrapped" : p->first_name);
}

/* nmap.set_port_version(host, port[, state]) */
static int l_set_port_version(lua_State *L)
{
    static const char *const names[] = {"hardmatched", "softmatched", "nomatch",
                                        "tcpwrapped",  "incomplete",  NULL};
    enum version_state state = (enum version_state)luaL_checkoption(L, 3, "hardmatched", names);
    struct job_host *jh = check_host(L, 1);
    struct port_rec *p = check_port(L, 2, jh);
    const char *tunnel;

    lua_settop(L, 3);
    if (!p)
        return 0;
    if (lua_getfield(L, 2, "version") != LUA_TTABLE)
        return luaL_error(L, "port 'version' field must be a table");
    tunnel = check_tunnel(L, 4);
    keep_found(L, p);
    store_cpe(L, 4, &p->cpe);
    store_fields(L, 4, p);
    set_missing_name(L, p, state);
    set_copy(L, &p->tunnel, tunnel);
    if (state == HARDMATCHED)
        set_copy(L, &p->fingerprint, NULL);
    else
        store_raw(L, 4, "service_fp", &p->fingerprint, SIZE_MAX);
    p->confidence = state == TCPWRAPPED ? 8 : state <= SOFTMATCHED ? 10 : 3;
    p->method = p->confidence == 3 ? SERVICE_TABLE : SERVICE_PROBED;
    tell(jh, p);
    return 0;
}

static const luaL_Reg functions[] = {
    {"get_port_state", l_get_port_state},
    {"get_ports", l_get_ports},
    {"set_port_state", l_set_port_state},
    {"set_port_version", l_set_port_version},
    {NULL, NULL},
};

void nmap_port_register(lua_State *L)
{
    luaL_setfuncs(L, functions, 0);
}
