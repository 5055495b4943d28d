/* Module lfs for scripts: the part of LuaFileSystem that they use, inside the host's rules.
 *
 * Every path is put to the host first (path_allowed); what it does not grant fails as a file system
 * fails, with a reason. Links are resolved by the host's check, not here. */
#include "engine/script/l_util.h"

#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_TYPE "directory metatable"
#define DIR_MODE 0770

static bool allowed(lua_State *L, const char *path, enum path_use use)
{
    const struct binding_env *env = l_env(L);

    return env->path_allowed && env->path_allowed(env->user, path, use);
}

/* true | nil, reason, errno */
static int push_result(lua_State *L, int r)
{
    int error = errno;

    if (r == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, strerror(error));
    lua_pushinteger(L, error);
    return 3;
}

static int refuse(void)
{
    errno = EACCES;
    return -1;
}

/* mkdir(path) -> true | nil, reason */
static int l_mkdir(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);

    return push_result(L, allowed(L, path, PATH_WRITE) ? mkdir(path, DIR_MODE) : refuse());
}

/* rmdir(path) -> true | nil, reason */
static int l_rmdir(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);

    return push_result(L, allowed(L, path, PATH_WRITE) ? rmdir(path) : refuse());
}

/* link(old, new[, symbolic]) -> true | nil, reason, errno.  Both ends must be writable: a link is a
 * way to its target.  The target of a symbolic one must be absolute, since it would be read from
 * elsewhere than it was checked from. */
static int l_link(lua_State *L)
{
    const char *old_path = luaL_checkstring(L, 1);
    const char *new_path = luaL_checkstring(L, 2);
    bool symbolic = lua_toboolean(L, 3);

    if (!allowed(L, old_path, PATH_WRITE) || !allowed(L, new_path, PATH_WRITE) ||
        (symbolic && old_path[0] != '/'))
        return push_result(L, refuse());
    return push_result(L, symbolic ? symlink(old_path, new_path) : link(old_path, new_path));
}

/* get_path_separator() -> "/" */
static int l_separator(lua_State *L)
{
    lua_pushliteral(L, "/");
    return 1;
}

/* ---- directories ---- */

static void dir_end(DIR **d)
{
    if (*d)
        closedir(*d);
    *d = NULL;
}

/* directory:next(), and what the loop calls -> name | nil */
static int l_next(lua_State *L)
{
    DIR **d = luaL_checkudata(L, 1, DIR_TYPE);
    const struct dirent *entry;

    luaL_argcheck(L, *d, 1, "closed directory");
    entry = readdir(*d);
    if (entry) {
        lua_pushstring(L, entry->d_name);
        return 1;
    }
    dir_end(d);
    return 0;
}

static int dir_close(lua_State *L)
{
    dir_end(luaL_checkudata(L, 1, DIR_TYPE));
    return 0;
}

/* dir(path) -> iterator, directory.  Raises when it cannot be opened. */
static int l_dir(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    DIR **d;

    lua_pushcfunction(L, l_next);
    d = lua_newuserdatauv(L, sizeof *d, 0);
    *d = NULL;
    luaL_setmetatable(L, DIR_TYPE);
    if (allowed(L, path, PATH_READ))
        *d = opendir(path);
    else
        errno = EACCES;
    if (!*d)
        return luaL_error(L, "cannot open %s: %s", path, strerror(errno));
    return 2;
}

int luaopen_lfs(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"dir", l_dir},
        {"mkdir", l_mkdir},
        {"rmdir", l_rmdir},
        {"link", l_link},
        {"get_path_separator", l_separator},
        {NULL, NULL},
    };
    static const luaL_Reg methods[] = {
        {"next", l_next}, {"close", dir_close}, {"__gc", dir_close}, {NULL, NULL}};

    l_type(L, DIR_TYPE, methods);
    luaL_newlib(L, functions);
    return 1;
}
