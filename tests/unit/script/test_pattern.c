/* string.find, match, gmatch and gsub of scripts: the same as Lua's own, also when they stop at
 * each step; and who matches for long lets others have their turns. */
#include "engine/script/host_priv.h"
#include "engine/script/pattern_quick.h"

#include "fixture.h"

#include <lauxlib.h>
#include <lualib.h>

#define ROUNDS 10000

/* first, last | nothing: paused after so many steps, and each time gone on with elsewhere. */
static int find_stepped(lua_State *L, struct pattern_cache *cache, ptrdiff_t steps)
{
    struct pattern_match m[2];
    unsigned now = 0;
    enum pattern_result r;

    pattern_init(&m[0], L, 1, 2, PATTERN_ANCHOR);
    m[0].cache = cache;
    do {
        m[now].steps = steps;
        r = pattern_search(&m[now]);
        memcpy(&m[!now], &m[now], sizeof m[now]);
        memset(&m[now], 0xa5, sizeof m[now]);
        now = !now;
    } while (r == PATTERN_PAUSED);
    if (r == PATTERN_FAILED)
        return 0;
    lua_pushinteger(L, m[now].from - m[now].text + 1);
    lua_pushinteger(L, m[now].s - m[now].text);
    return 2;
}

/* stepped(s, pattern, steps) -> first, last | nil: as find, but paused as often as can be, by the
 * matcher that can stop (steps is 0), or by the quick one as long as the steps last. */
static int l_stepped(lua_State *L)
{
    lua_Integer steps = luaL_checkinteger(L, 3);
    struct pattern_cache *cache = NULL;

    if (steps == 0)
        return find_stepped(L, NULL, 1);
    cache = lua_newuserdatauv(L, sizeof *cache, 0);
    memset(cache, 0, sizeof *cache);
    return find_stepped(L, cache, steps);
}

/* Pushes a copy of the table `string`. */
static void push_stock(lua_State *L)
{
    lua_newtable(L);
    lua_getglobal(L, LUA_STRLIBNAME);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -2);
        lua_settable(L, -6);
    }
    lua_pop(L, 1);
}

static void random_calls_give_what_lua_gives(void **state)
{
    struct sched_opts o = {0};
    struct sched *s;
    lua_State *L;

    (void)state;
    assert_int_equal(sched_new(&s, fx->loop, &o, NULL), 0);
    L = s->L;
    luaL_openlibs(L);
    assert_int_equal(luaL_loadfile(L, MUSTER_SOURCE_DIR "/tests/unit/script/pattern.lua"), LUA_OK);
    push_stock(L);
    string_open(L);
    lua_pushinteger(L, ROUNDS);
    lua_pushinteger(L, (lua_Integer)time(NULL));
    lua_pushcfunction(L, l_stepped);
    if (lua_pcall(L, 4, 0, 0) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
    sched_free(s);
}

/* Each takes some tens of millions of steps: results come in the order of the ends. */
static void who_matches_for_long_gives_others_their_turns(void **state)
{
    static const char *const long_ones[][2] = {
        {"find", "return table.concat({text:find(pattern)}, ' ')"},
        {"match", "return (text:match('()' .. pattern)) .. ' 402'"},
        {"gmatch", "for at in text:gmatch('()' .. pattern) do return at .. ' 402' end"},
        {"gsub", "return #text:gsub(pattern, 'xyz') .. ' 402'"},
        {"coroutine", "return coroutine.wrap(function() local ok, at = pcall(text.find, text, "
                      "pattern) return at .. ' 402' end)()"},
    };
    char body[512];

    (void)state;
    fx->o.cpu_limit = 60 * USEC_PER_SEC;
    for (size_t i = 0; i < ARRAY_LEN(long_ones); i++) {
        snprintf(body, sizeof body,
                 "local text, pattern = ('a'):rep(400) .. 'Xb', '[^X]-[^X]-b' %s", long_ones[i][1]);
        fx_script(long_ones[i][0], "prerule", body);
    }
    fx_script("short", "prerule", "return 'short'");
    fx_run("*", NULL, 0);
    assert_string_equal(fx->results[0].script, "short");
    fx_expect("find", SCRIPT_OK, "402 402");
    fx_expect("match", SCRIPT_OK, "402 402");
    fx_expect("gmatch", SCRIPT_OK, "402 402");
    fx_expect("gsub", SCRIPT_OK, "404 402");
    fx_expect("coroutine", SCRIPT_OK, "402 402");
}

/* There it cannot let others have a turn, and has less time. */
static void a_match_inside_a_replacement_ends_at_the_hard_limit(void **state)
{
    (void)state;
    fx->o.cpu_limit = 60 * USEC_PER_SEC;
    fx_script("inside", "prerule",
              "string.gsub('a', 'a', function() return ('a'):rep(1 << 16):find('.-.-.-b') end)");
    fx_run("*", NULL, 0);
    fx_expect("inside", SCRIPT_ERROR, "where it cannot be interrupted");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(random_calls_give_what_lua_gives, fx_setup, fx_teardown),
    cmocka_unit_test_setup_teardown(who_matches_for_long_gives_others_their_turns, fx_setup,
                                    fx_teardown),
    cmocka_unit_test_setup_teardown(a_match_inside_a_replacement_ends_at_the_hard_limit, fx_setup,
                                    fx_teardown),
};

TEST_MAIN(tests)
