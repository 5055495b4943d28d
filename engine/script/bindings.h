/* The C modules that scripts load beside the `nmap` table: openssl, zlib, lfs, lpeg, libssh2, and
 * the parts of `nmap` that do I/O (sockets, sleep, dnet).  The host calls bindings_init() once per
 * Lua state before any of the others; each luaopen_* can go to luaL_requiref().  All of them raise
 * a Lua error when memory runs out: call them protected. */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/time.h"
#include "engine/script/world.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct conn;
struct dns;
struct guard;
struct loop;
struct sthread;

enum path_use { PATH_READ, PATH_WRITE };

/* A limit of threads that hold connections, for whoever shares it; a thread has one place however
 * many it opens. */
TAILQ_HEAD(conn_queue, conn);
struct slots {
    unsigned n, max;
    struct conn_queue waiting; /* first come, first served */
};

void slots_init(struct slots *s, unsigned max);

/* What the bindings need of the host.  Copied by bindings_init(); what the pointers name must
 * outlive the Lua state. */
struct binding_env {
    struct loop *loop;
    struct guard *guard;              /* NULL: everything is allowed (tests) */
    struct dns *dns;                  /* NULL: numeric addresses only */
    const struct script_world *world; /* NULL, or members NULL: no raw frames, no log */
    enum addr_family (*family_of)(lua_State *L, void *user); /* for names; NULL: ADDR_V4 */
    unsigned max_threads;  /* threads that may hold sockets at a time; 0: 1000 */
    const char *interface; /* of what goes to groups; NULL: the routes tell */
    unsigned trace;        /* 1: --script-trace, one world.log() line per socket event */
    /* May a script read, or create and remove, this path?  NULL: no path may be touched.  Used by
     * lfs and by libssh2's key files. */
    bool (*path_allowed)(void *user, const char *path, enum path_use use);
    /* A limit that holds for the thread beside max_threads, and outlives it.  NULL, or gives NULL:
     * none. */
    struct slots *(*slots_of)(void *user, const struct sthread *t);
    void *user;
};

void bindings_init(lua_State *L, const struct binding_env *env);

int luaopen_openssl(lua_State *L);
int luaopen_zlib(lua_State *L);
int luaopen_lfs(lua_State *L);
int luaopen_libssh2(lua_State *L);
int luaopen_lpeg(lua_State *L); /* from liblua5.4-lpeg.a */

/* Pushes the table nmap.socket: new([proto[, af]]), sleep(s), parse_ssl_certificate(der),
 * get_stats().  nmap.new_socket is the same function as its `new`.  Returns 1. */
int l_socket_open(lua_State *L);
/* Pushes the table nmap.dnet: new().  nmap.new_dnet is the same function; get_interface_info is the
 * host's to add. */
int l_dnet_open(lua_State *L);

/* A frame that world.raw_open() was asked for: hand script_host_raw_frame() on to here.  Unknown
 * ids are dropped.  Runs no Lua. */
void bindings_raw_frame(lua_State *L, uint32_t id, const void *frame, size_t len, size_t wire_len,
                        usec_t wall);
