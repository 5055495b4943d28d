/* Module libssh2 for scripts: channels.
 *
 * A channel is a light userdata to scripts: a bare pointer that they may keep for too long, or take
 * from elsewhere.  So each one is looked up among those that live before it is used. */
#include "engine/script/l_ssh2.h"

#include "engine/script/l_util.h"

#include <lauxlib.h>

#define READ_CHUNK 8192
#define PTY_TERM   "vanilla"

static struct ssh_channel *check_channel(lua_State *L, const struct ssh *s, int arg)
{
    const void *p = lua_touserdata(L, arg);
    struct ssh_channel *c;

    LIST_FOREACH (c, &s->channels, entry)
        if (c == p)
            return c;
    luaL_argerror(L, arg, "not an open channel of this session");
    return NULL;
}

/* ---- opening and closing ---- */

/* A pty is asked for unless the second argument says no; a server that refuses it still gives the
 * channel. */
static int step_open(lua_State *L, struct ssh *s)
{
    struct ssh_channel *c;
    int rc;

    if (!s->opening)
        s->opening = libssh2_channel_open_session(s->session);
    if (!s->opening)
        return ssh_again(L, s, libssh2_session_last_errno(s->session)) ? SSH_AGAIN
                                                                       : ssh_raise(L, s);
    if (!lua_toboolean(L, 2)) {
        rc = libssh2_channel_request_pty(s->opening, PTY_TERM);
        if (ssh_again(L, s, rc))
            return SSH_AGAIN;
    }
    c = l_alloc(s->main, sizeof *c);
    if (!c)
        return l_no_memory(L);
    *c = (struct ssh_channel){.ssh = s, .channel = s->opening};
    s->opening = NULL;
    LIST_INSERT_HEAD(&s->channels, c, entry);
    LIST_INSERT_HEAD(&ssh_module_of(L)->channels, c, of_module);
    lua_pushlightuserdata(L, c);
    return 1;
}

/* open_channel(session[, no pty]) -> channel.  Yields; raises. */
static int l_open(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    lua_settop(L, 2);
    return ssh_drive(L, s, 2, step_open);
}

static int step_close(lua_State *L, struct ssh *s)
{
    struct ssh_channel *c = check_channel(L, s, 2);

    if (ssh_again(L, s, libssh2_channel_free(c->channel)))
        return SSH_AGAIN;
    ssh_channel_drop(c);
    return 0;
}

/* channel_close(session, channel).  Yields. */
static int l_close(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    check_channel(L, s, 2);
    lua_settop(L, 2);
    return ssh_drive(L, s, 2, step_close);
}

/* ---- requests ---- */

static int done_or_raise(lua_State *L, struct ssh *s, int rc)
{
    if (ssh_again(L, s, rc))
        return SSH_AGAIN;
    return rc == 0 ? 0 : ssh_raise(L, s);
}

static int step_exec(lua_State *L, struct ssh *s)
{
    size_t len;
    const char *command = lua_tolstring(L, 3, &len);

    return done_or_raise(L, s,
                         libssh2_channel_process_startup(check_channel(L, s, 2)->channel, "exec", 4,
                                                         command, (unsigned)len));
}

/* channel_exec(session, channel, command).  Yields; raises. */
static int l_exec(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    check_channel(L, s, 2);
    luaL_checkstring(L, 3);
    luaL_argcheck(L, lua_rawlen(L, 3) < 32000, 3, "command too long");
    lua_settop(L, 3);
    return ssh_drive(L, s, 3, step_exec);
}

static int step_shell(lua_State *L, struct ssh *s)
{
    return done_or_raise(
        L, s,
        libssh2_channel_process_startup(check_channel(L, s, 2)->channel, "shell", 5, NULL, 0));
}

/* channel_shell(session, channel).  Yields; raises. */
static int l_shell(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    check_channel(L, s, 2);
    lua_settop(L, 2);
    return ssh_drive(L, s, 2, step_shell);
}

static int step_pty(lua_State *L, struct ssh *s)
{
    return done_or_raise(
        L, s, libssh2_channel_request_pty(check_channel(L, s, 2)->channel, lua_tostring(L, 3)));
}

/* channel_request_pty_ex(session, channel, terminal type).  Yields; raises. */
static int l_pty(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    check_channel(L, s, 2);
    luaL_checkstring(L, 3);
    luaL_argcheck(L, lua_rawlen(L, 3) < 200, 3, "terminal type too long");
    lua_settop(L, 3);
    return ssh_drive(L, s, 3, step_pty);
}

/* ---- data ---- */

static int read_stream(lua_State *L, struct ssh *s, int stream)
{
    char data[READ_CHUNK];
    ssize_t n = libssh2_channel_read_ex(check_channel(L, s, 2)->channel, stream, data, sizeof data);

    if (ssh_again(L, s, (int)n))
        return SSH_AGAIN;
    if (n < 0)
        return ssh_raise(L, s);
    if (n == 0)
        lua_pushnil(L);
    else
        lua_pushlstring(L, data, (size_t)n);
    return 1;
}

static int step_read(lua_State *L, struct ssh *s)
{
    return read_stream(L, s, 0);
}

static int step_read_stderr(lua_State *L, struct ssh *s)
{
    return read_stream(L, s, SSH_EXTENDED_DATA_STDERR);
}

static int start_read(lua_State *L, ssh_step step)
{
    struct ssh *s = ssh_check(L);

    check_channel(L, s, 2);
    lua_settop(L, 2);
    return ssh_drive(L, s, 2, step);
}

/* channel_read(session, channel) -> data | nil at the end.  Yields; raises. */
static int l_read(lua_State *L)
{
    return start_read(L, step_read);
}

/* channel_read_stderr(session, channel) -> data | nil at the end.  Yields; raises. */
static int l_read_stderr(lua_State *L)
{
    return start_read(L, step_read_stderr);
}

static int step_write(lua_State *L, struct ssh *s)
{
    size_t len;
    const char *data = lua_tolstring(L, 3, &len);
    struct ssh_channel *c = check_channel(L, s, 2);

    while (s->written < len) {
        ssize_t n = libssh2_channel_write(c->channel, data + s->written, len - s->written);

        if (ssh_again(L, s, (int)n))
            return SSH_AGAIN;
        if (n < 0)
            return ssh_raise(L, s);
        s->written += (size_t)n;
    }
    lua_pushinteger(L, (lua_Integer)len);
    return 1;
}

/* channel_write(session, channel, data) -> bytes.  Yields; raises. */
static int l_write(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    check_channel(L, s, 2);
    luaL_checkstring(L, 3);
    lua_settop(L, 3);
    return ssh_drive(L, s, 3, step_write);
}

static int step_send_eof(lua_State *L, struct ssh *s)
{
    return done_or_raise(L, s, libssh2_channel_send_eof(check_channel(L, s, 2)->channel));
}

/* channel_send_eof(session, channel).  Yields; raises. */
static int l_send_eof(lua_State *L)
{
    struct ssh *s = ssh_check(L);

    check_channel(L, s, 2);
    lua_settop(L, 2);
    return ssh_drive(L, s, 2, step_send_eof);
}

/* channel_eof(channel) -> boolean */
static int l_eof(lua_State *L)
{
    const void *p = lua_touserdata(L, 1);
    struct ssh_channel *c;

    LIST_FOREACH (c, &ssh_module_of(L)->channels, of_module)
        if (c == p)
            break;
    luaL_argcheck(L, c, 1, "not an open channel");
    lua_pushboolean(L, libssh2_channel_eof(c->channel));
    return 1;
}

void ssh_add_channel(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"open_channel", l_open},
        {"channel_close", l_close},
        {"channel_exec", l_exec},
        {"channel_shell", l_shell},
        {"channel_request_pty_ex", l_pty},
        {"channel_read", l_read},
        {"channel_read_stderr", l_read_stderr},
        {"channel_write", l_write},
        {"channel_send_eof", l_send_eof},
        {"channel_eof", l_eof},
        {NULL, NULL},
    };

    luaL_setfuncs(L, functions, 0);
}
