/* nmap.new_dnet(): sending raw frames and packets (nse-contract 12).
 *
 * Nothing here touches a device: frames go to the world below, which owns the raw socket and the
 * guard.  Where it has none, opening raises, as it does in nmap without privileges. */
#include "engine/script/l_util.h"
#include "engine/script/sched.h"

#include <errno.h>
#include <lauxlib.h>
#include <net/if.h>
#include <string.h>

#define DNET_TYPE "dnet"

struct dnet {
    bool ethernet, ip;
    char device[IF_NAMESIZE];
};

static struct dnet *check(lua_State *L)
{
    return luaL_checkudata(L, 1, DNET_TYPE);
}

static const struct script_world *world_of(lua_State *L)
{
    static const struct script_world none;
    const struct script_world *w = l_env(L)->world;

    return w ? w : &none;
}

static int push_true(lua_State *L)
{
    lua_pushboolean(L, 1);
    return 1;
}

static int push_sent(lua_State *L, int r)
{
    if (r >= 0)
        return push_true(L);
    lua_pushboolean(L, 0);
    lua_pushstring(L, r == -EPERM ? "the target is out of scope" : strerror(-r));
    return 2;
}

/* dnet:ethernet_open(device) -> true; raises when raw frames are not possible */
static int l_ethernet_open(lua_State *L)
{
    struct dnet *d = check(L);
    const char *device = luaL_checkstring(L, 2);

    if (!world_of(L)->raw_send || strlen(device) >= sizeof d->device || !if_nametoindex(device))
        return luaL_error(L, "can't open ethernet interface %s", device);
    memcpy(d->device, device, strlen(device) + 1);
    d->ethernet = true;
    return push_true(L);
}

/* dnet:ethernet_send(frame) -> true | false, reason */
static int l_ethernet_send(lua_State *L)
{
    struct dnet *d = check(L);
    size_t len;
    const char *frame = luaL_checklstring(L, 2, &len);
    const struct script_world *w = world_of(L);

    if (!d->ethernet)
        return luaL_error(L, "dnet ethernet interface is not open");
    return push_sent(L, w->raw_send(w->user, sthread_job(sched_current(L)), d->device, frame, len));
}

/* dnet:ethernet_close() -> true */
static int l_ethernet_close(lua_State *L)
{
    check(L)->ethernet = false;
    return push_true(L);
}

/* dnet:ip_open() -> true; raises when raw packets are not possible */
static int l_ip_open(lua_State *L)
{
    struct dnet *d = check(L);

    if (!world_of(L)->raw_send_ip)
        return luaL_error(L, "can't open a raw socket");
    d->ip = true;
    return push_true(L);
}

static bool is_packet(const char *packet, size_t len)
{
    int version = len > 0 ? (unsigned char)packet[0] >> 4 : 0;

    return (version == 4 && len >= 20) || (version == 6 && len >= 40);
}

/* dnet:ip_send(packet[, destination]) -> true | false, reason.  The packet's own destination
 * counts. */
static int l_ip_send(lua_State *L)
{
    struct dnet *d = check(L);
    size_t len;
    const char *packet = luaL_checklstring(L, 2, &len);
    const struct script_world *w = world_of(L);

    if (!d->ip)
        return luaL_error(L, "raw socket not open to send");
    if (!is_packet(packet, len))
        return luaL_error(L, "can't parse ip packet");
    return push_sent(L, w->raw_send_ip(w->user, sthread_job(sched_current(L)), packet, len));
}

/* dnet:ip_close() -> true | false, reason */
static int l_ip_close(lua_State *L)
{
    struct dnet *d = check(L);

    if (!d->ip) {
        lua_pushboolean(L, 0);
        lua_pushliteral(L, "raw socket already closed");
        return 2;
    }
    d->ip = false;
    return push_true(L);
}

/* new() -> dnet */
static int l_new(lua_State *L)
{
    struct dnet *d = lua_newuserdatauv(L, sizeof *d, 0);

    *d = (struct dnet){0};
    luaL_setmetatable(L, DNET_TYPE);
    return 1;
}

int l_dnet_open(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"ethernet_open", l_ethernet_open},
        {"ethernet_send", l_ethernet_send},
        {"ethernet_close", l_ethernet_close},
        {"ip_open", l_ip_open},
        {"ip_send", l_ip_send},
        {"ip_close", l_ip_close},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"new", l_new}, {NULL, NULL}};

    l_type(L, DNET_TYPE, methods);
    luaL_newlib(L, functions);
    return 1;
}
