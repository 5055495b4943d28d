/* The host and port tables that scripts see (nse-contract 7).  Each thread gets its own copies;
 * only host.registry is shared by all threads of a host. */
#include "engine/script/host_priv.h"

#include <errno.h>
#include <lauxlib.h>
#include <string.h>

static void set_string(lua_State *L, const char *key, const char *value)
{
    if (!value)
        return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

static void set_bytes(lua_State *L, const char *key, const void *bytes, size_t len)
{
    lua_pushlstring(L, bytes, len);
    lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, lua_Integer v)
{
    lua_pushinteger(L, v);
    lua_setfield(L, -2, key);
}

static void set_seconds(lua_State *L, const char *key, usec_t v)
{
    lua_pushnumber(L, (lua_Number)v / USEC_PER_SEC);
    lua_setfield(L, -2, key);
}

static void set_times(lua_State *L, const struct job_host *jh)
{
    lua_createtable(L, 0, 3);
    set_seconds(L, "srtt", jh->srtt);
    set_seconds(L, "rttvar", jh->rttvar);
    set_seconds(L, "timeout", jh->rtt_timeout);
    lua_setfield(L, -2, "times");
}

static void set_registry(lua_State *L, struct job_host *jh)
{
    if (jh->registry_ref == LUA_NOREF) {
        lua_newtable(L);
        jh->registry_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, jh->registry_ref);
    lua_setfield(L, -2, "registry");
}

/* A hop where nobody answered is an empty table. */
static void set_trace(lua_State *L, const struct hops *h)
{
    char ip[ADDR_TEXT_MAX];

    lua_createtable(L, (int)h->n, 0);
    for (size_t i = 0; i < h->n; i++) {
        lua_createtable(L, 0, 3);
        if (h->v[i].address.family != ADDR_NONE) {
            set_string(L, "ip", addr_format(&h->v[i].address, ip));
            set_string(L, "name", h->v[i].hostname);
            set_seconds(L, "srtt", h->v[i].rtt);
        }
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "traceroute");
}

void push_host(lua_State *L, struct job_host *jh)
{
    luaL_checkstack(L, 6, NULL);
    lua_createtable(L, 0, 16);
    set_string(L, "ip", jh->ip);
    set_string(L, "name", jh->hostname ? jh->hostname : "");
    set_string(L, "targetname", jh->target_name);
    set_bytes(L, "bin_ip", jh->address.b, addr_len(&jh->address));
    if (jh->source.family != ADDR_NONE)
        set_bytes(L, "bin_ip_src", jh->source.b, addr_len(&jh->source));
    if (jh->has_mac)
        set_bytes(L, "mac_addr", jh->mac.b, sizeof jh->mac.b);
    if (jh->has_next_hop_mac)
        set_bytes(L, "mac_addr_next_hop", jh->next_hop_mac.b, sizeof jh->next_hop_mac.b);
    if (jh->has_source_mac)
        set_bytes(L, "mac_addr_src", jh->source_mac.b, sizeof jh->source_mac.b);
    set_string(L, "interface", jh->interface);
    if (jh->mtu > 0)
        set_integer(L, "interface_mtu", jh->mtu);
    lua_pushboolean(L, jh->directly_connected);
    lua_setfield(L, -2, "directly_connected");
    set_string(L, "reason", reason_name(jh->reason));
    set_integer(L, "reason_ttl", jh->reason_ttl);
    set_times(L, jh);
    if (jh->trace.n)
        set_trace(L, &jh->trace);
    set_registry(L, jh);
}

static void set_cpe(lua_State *L, const struct port_rec *p)
{
    lua_createtable(L, (int)p->cpe.n, 0);
    for (size_t i = 0; i < p->cpe.n; i++) {
        lua_pushstring(L, p->cpe.v[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "cpe");
}

static void set_version(lua_State *L, const struct port_rec *p)
{
    lua_createtable(L, 0, 12);
    set_string(L, "name", p->name);
    lua_pushnumber(L, p->confidence);
    lua_setfield(L, -2, "name_confidence");
    set_string(L, "product", p->product);
    set_string(L, "version", p->version);
    set_string(L, "extrainfo", p->extra);
    set_string(L, "hostname", p->hostname);
    set_string(L, "ostype", p->os);
    set_string(L, "devicetype", p->device);
    set_string(L, "service_tunnel", p->tunnel ? p->tunnel : "none");
    set_string(L, "service_fp", p->fingerprint);
    set_string(L, "service_dtype", p->method == SERVICE_PROBED ? "probed" : "table");
    set_cpe(L, p);
    lua_setfield(L, -2, "version");
}

void push_port(lua_State *L, const struct port_rec *p)
{
    luaL_checkstack(L, 6, NULL);
    lua_createtable(L, 0, 8);
    set_integer(L, "number", p->port);
    set_string(L, "protocol", protocol_name(p->protocol));
    set_string(L, "service", p->name);
    set_string(L, "state", port_state_name(p->state));
    set_string(L, "reason", reason_name(p->reason));
    set_integer(L, "reason_ttl", p->ttl);
    set_version(L, p);
}

/* ---- records ---- */

static int dup_string(char **ret, const char *s)
{
    *ret = s ? strdup(s) : NULL;
    return s && !*ret ? -ENOMEM : 0;
}

int port_rec_init(struct port_rec *p, const struct port_finding *f)
{
    const struct service_info *s = &f->service;
    int r = 0;

    *p = (struct port_rec){.protocol = f->protocol,
                           .port = f->port,
                           .state = f->state,
                           .reason = f->reason,
                           .ttl = f->ttl,
                           .method = s->method,
                           .confidence = s->confidence ? s->confidence : 3};
    r |= dup_string(&p->first_name, s->name);
    r |= dup_string(&p->name, s->name);
    r |= dup_string(&p->product, s->product);
    r |= dup_string(&p->version, s->version);
    r |= dup_string(&p->extra, s->extra);
    r |= dup_string(&p->hostname, s->hostname);
    r |= dup_string(&p->os, s->os);
    r |= dup_string(&p->device, s->device);
    r |= dup_string(&p->tunnel, s->tunnel);
    p->cpe.v = calloc(SERVICE_CPE_MAX, sizeof *p->cpe.v);
    if (!p->cpe.v)
        return -ENOMEM;
    while (p->cpe.n < SERVICE_CPE_MAX && s->cpe[p->cpe.n]) {
        if (dup_string(&p->cpe.v[p->cpe.n], s->cpe[p->cpe.n]) < 0)
            return -ENOMEM;
        p->cpe.n++;
    }
    return r ? -ENOMEM : 0;
}

struct port_finding port_rec_finding(const struct port_rec *p)
{
    struct port_finding f = {
        .protocol = p->protocol,
        .port = p->port,
        .state = p->state,
        .reason = p->reason,
        .ttl = p->ttl,
        .service = {.name = p->name,
                    .product = p->product,
                    .version = p->version,
                    .extra = p->extra,
                    .hostname = p->hostname,
                    .os = p->os,
                    .device = p->device,
                    .tunnel = p->tunnel,
                    .method = p->method,
                    .confidence = (uint8_t)p->confidence},
    };

    for (size_t i = 0; i < p->cpe.n && i < SERVICE_CPE_MAX; i++)
        f.service.cpe[i] = p->cpe.v[i];
    return f;
}

int port_rec_keep(struct port_rec *p)
{
    struct port_finding f = port_rec_finding(p);
    struct port_rec *found;

    if (p->found)
        return 0;
    found = calloc(1, sizeof *found);
    if (!found)
        return -ENOMEM;
    if (port_rec_init(found, &f) < 0) {
        port_rec_done(found);
        free(found);
        return -ENOMEM;
    }
    p->found = found;
    return 0;
}

const struct port_rec *port_rec_for(const struct script *s, const struct port_rec *p)
{
    return s->level == 1 && p->found ? p->found : p;
}

void port_rec_done(struct port_rec *p)
{
    if (p->found)
        port_rec_done(p->found);
    free(p->found);
    free(p->first_name);
    free(p->name);
    free(p->product);
    free(p->version);
    free(p->extra);
    free(p->hostname);
    free(p->os);
    free(p->device);
    free(p->tunnel);
    free(p->fingerprint);
    strings_done(&p->cpe);
}

bool strings_has(const struct strings *s, const char *text)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->v[i], text) == 0)
            return true;
    return false;
}

int strings_add(struct strings *s, const char *text)
{
    char **grown = reallocarray(s->v, s->n + 1, sizeof *grown);

    if (!grown)
        return -ENOMEM;
    s->v = grown;
    s->v[s->n] = strdup(text);
    if (!s->v[s->n])
        return -ENOMEM;
    s->n++;
    return 0;
}

void strings_done(struct strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->v[i]);
    free(s->v);
    *s = (struct strings){0};
}
