/* The patterns of nselib/ and scripts/ on texts that a peer may choose: slow_patterns.lua. */
#include "engine/script/pattern.h"

#include "tests/support/main.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

/* steps(text, pattern, name, limit) -> steps of string[name], all its matches counted; nil when
 * they are more than limit */
static int l_steps(lua_State *L)
{
    lua_Integer limit = luaL_checkinteger(L, 4);
    const char *name = luaL_checkstring(L, 3);
    bool all = name[0] == 'g'; /* gmatch, gsub */
    struct pattern_match m;
    enum pattern_result r;

    pattern_init(&m, L, 1, 2, strcmp(name, "gmatch") == 0 ? PATTERN_NO_ANCHOR : PATTERN_ANCHOR);
    m.steps = (ptrdiff_t)limit;
    while ((r = pattern_search(&m)) == PATTERN_MATCHED && all && !m.anchored)
        pattern_next(&m);
    if (r == PATTERN_PAUSED)
        return 0;
    lua_pushinteger(L, limit - (lua_Integer)m.steps);
    return 1;
}

static void no_pattern_of_ours_takes_long_on_a_long_run(void **state)
{
    lua_State *L = luaL_newstate();

    (void)state;
    luaL_openlibs(L);
    assert_int_equal(luaL_loadfile(L, MUSTER_SOURCE_DIR "/tests/unit/script/slow_patterns.lua"),
                     LUA_OK);
    lua_pushliteral(L, MUSTER_SOURCE_DIR);
    lua_pushcfunction(L, l_steps);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    lua_close(L);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(no_pattern_of_ours_takes_long_on_a_long_run),
};

TEST_MAIN(tests)
