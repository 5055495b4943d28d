/* Module lfs: directories, and that nothing is touched which the host does not allow. */
#include "bind_support.h"

static char root[64];

/* Reads below root; writes below root/w. */
static bool path_allowed(void *user, const char *path, enum path_use use)
{
    char writable[80];

    (void)user;
    snprintf(writable, sizeof writable, "%s/w", root);
    if (strstr(path, ".."))
        return false;
    return strncmp(path, use == PATH_WRITE ? writable : root,
                   strlen(use == PATH_WRITE ? writable : root)) == 0;
}

static int open_state(void **state)
{
    static struct bind_state s;
    static const struct binding_env env = {.path_allowed = path_allowed};

    snprintf(root, sizeof root, "/tmp/muster-lfs-XXXXXX");
    assert_non_null(mkdtemp(root));
    bind_open(&s, &env);
    bind_module(&s, "lfs", luaopen_lfs);
    lua_pushstring(s.L, root);
    lua_setglobal(s.L, "root");
    bind_run(&s, "helpers",
             "function same(a, b) if a ~= b then error(('%q is not %q'):format(tostring(a), "
             "tostring(b)), 2) end end");
    *state = &s;
    return 0;
}

static int close_state(void **state)
{
    bind_close(*state);
    return rmdir(root);
}

static void directories_are_made_listed_and_removed(void **state)
{
    bind_run(
        *state, "directories",
        "local w = root .. '/w'\n"
        "same(lfs.mkdir(w), true) same(lfs.mkdir(w .. '/a'), true)\n"
        "local ok, why = lfs.mkdir(w) same(ok, nil) same(why, 'File exists')\n"
        "local names = {} for n in lfs.dir(w) do names[#names + 1] = n end table.sort(names)\n"
        "same(table.concat(names, ' '), '. .. a')\n"
        "local it, d = lfs.dir(w) same(type(d:next()), 'string') same(type(it(d)), 'string') "
        "d:close() d:close()\n"
        "assert(not pcall(d.next, d))\n"
        "same(lfs.link(w .. '/a', w .. '/l', true), true) same(os.remove(w .. '/l'), true)\n"
        "local f = io.open(w .. '/f', 'w') f:close()\n"
        "same(lfs.link(w .. '/f', w .. '/g'), true) same(os.remove(w .. '/f'), true) "
        "same(os.remove(w .. '/g'), true)\n"
        "same(lfs.rmdir(w .. '/a'), true) same(lfs.rmdir(w), true)\n"
        "ok, why = pcall(lfs.dir, w) same(ok, false) assert(why:find('cannot open', 1, true))\n"
        "same(lfs.get_path_separator(), '/')\n");
}

static void what_is_not_allowed_is_not_touched(void **state)
{
    bind_run(*state, "refused",
             "for _, f in ipairs{lfs.mkdir, lfs.rmdir} do\n"
             "  for _, p in ipairs{'/etc/x', root .. '/x', root .. '/w/../../x', ''} do\n"
             "    local ok, why, errno = f(p) same(ok, nil) same(why, 'Permission denied') "
             "same(errno, 13)\n"
             "  end\n"
             "end\n"
             "assert(not pcall(lfs.dir, '/etc'))\n"
             "same(lfs.link('/etc/passwd', root .. '/w'), nil) same(lfs.link(root .. '/w', "
             "'/tmp/x', true), nil)\n"
             "same(lfs.link('w', root .. '/w/l', true), nil)\n");
}

static void no_memory_is_an_error_in_the_script(void **state)
{
    bind_run_starved(*state, "dir", "for n in lfs.dir(root) do assert(n) end lfs.mkdir('/etc/x')");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(directories_are_made_listed_and_removed, open_state,
                                    close_state),
    cmocka_unit_test_setup_teardown(what_is_not_allowed_is_not_touched, open_state, close_state),
    cmocka_unit_test_setup_teardown(no_memory_is_an_error_in_the_script, open_state, close_state),
};

TEST_MAIN(tests)
