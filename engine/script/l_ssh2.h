/* Module libssh2 for scripts: what its files share.
 *
 * libssh2 gets no socket: its bytes go through two buffers that a driver fills and empties with the
 * script's own socket, so that guard, timeouts, slots and the trace are those of any connection.
 * Each function of the module is a step that is tried again until libssh2 does not ask for more. */
#pragma once

#include "engine/base/buf.h"

#include <libssh2.h>
#include <lua.h>
#include <stdbool.h>
#include <sys/queue.h>

struct sock;
struct ssh;
struct ssh_channel;

#define SSH_TYPE  "ssh2"
#define SSH_AGAIN (-1)

/* Pushes its results and returns their number; SSH_AGAIN: libssh2 wants the network; may raise. The
 * arguments stand at 1 and up each time. */
typedef int (*ssh_step)(lua_State *L, struct ssh *s);

struct ssh {
    LIBSSH2_SESSION *session; /* NULL: closed */
    struct sock *sock;        /* of the socket object in user value 1 */
    lua_State *main;          /* whose allocator libssh2 uses */
    struct buf in, out;
    bool ended; /* the peer sends no more */
    bool dead;  /* being freed: nothing is sent or waited for */
    ssh_step step;
    int top, n_results;

    size_t written;           /* of channel_write */
    LIBSSH2_CHANNEL *opening; /* of open_channel: the pty is next */
    bool sign_wanted;         /* of publickey_canauth: the server takes the key */
    lua_State *caller;        /* of keyboard-interactive: where the callback stands */
    LIST_HEAD(, ssh_channel) channels;
    LIST_HEAD(, ssh_block) blocks; /* all memory of the session */
};

/* What all sessions of a Lua state share. */
struct ssh_module {
    int fd; /* for libssh2, which sets options on the descriptor it is given: this one is nothing
               else */
    LIST_HEAD(, ssh_channel) channels;
};

struct ssh_channel {
    LIST_ENTRY(ssh_channel) entry, of_module;
    struct ssh *ssh;
    LIBSSH2_CHANNEL *channel;
};

struct ssh_module *ssh_module_of(lua_State *L);
struct ssh *ssh_check(lua_State *L); /* the open, unused session at 1; raises */
/* Runs the step to its end with the n_args arguments that stand on the stack.  Must be the tail
 * call. */
int ssh_drive(lua_State *L, struct ssh *s, int n_args, ssh_step step);
int ssh_raise(lua_State *L, struct ssh *s); /* with libssh2's last error */
/* For steps, with what libssh2 returned: true when it is to be tried again.  Raises when the
 * connection itself failed. */
bool ssh_again(lua_State *L, struct ssh *s, int rc);
void ssh_channel_drop(struct ssh_channel *c); /* forgets it; libssh2's part is freed elsewhere */

void *ssh_memory(struct ssh *s, size_t size); /* that libssh2 will free */

void ssh_add_auth(lua_State *L);
void ssh_add_channel(lua_State *L);
