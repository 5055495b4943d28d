/* Script arguments: the observed vectors of nse-contract 4, and what nmap 7.93 made of some more.
 */
#include "engine/script/args.h"

#include "tests/support/main.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

static const struct {
    const char *text, *want; /* as dump() below writes it; NULL: does not parse */
} cases[] = {
    {"", "{}"},
    {"a", "{[1]=a}"},
    {"a=b,c", "{[1]=c,[a]=b}"},
    {"a={1,2,{x=y}}", "{[a]={[1]=1,[2]=2,[3]={[x]=y}}}"},
    {"a=\"q,{}=\\\" z\"", "{[a]=q,{}=\" z}"},
    {"a=b c", "{[a]=b c}"},
    {"a=b\nc=d", "{[a]=b,[c]=d}"},
    {"a,,b", "{[1]=a,[2]=,[3]=b}"},
    {"a=", "{[a]=}"},
    {"=b", "{[]=b}"},
    {"a={}", "{[a]={[1]=}}"},
    {"a=b,", "{[1]=,[a]=b}"},
    {"\"k 1\"=v", "{[k 1]=v}"},
    {"a=1,a=2", "{[a]=2}"},
    {"a={b", NULL},
    {"a=b=c", NULL},
    {"a=\"b\"c", NULL},
    {"a={b}c", NULL},
    {"a=b},c", NULL},
    {" a = b , c = d ", "{[a]=b,[c]=d}"},
    {"{1}", "{[1]={[1]=1}}"},
    {"a={ {1} , 2 }", "{[a]={[1]={[1]=1},[2]=2}}"},
    {"a={ x = y , z }", "{[a]={[1]=z,[x]=y}}"},
    {"a='it\\'s'", "{[a]=it's}"},
    {"a=\"x\\ny\\\\z\"", "{[a]=x\\ny\\z}"},
    {"a=\"b", "{[a]=\"b}"},
    {"a=b\n\nc=d\n", "{[1]=,[a]=b,[c]=d}"},
    {"a={1\n2\n}", "{[a]={[1]=1,[2]=2,[3]=}}"},
    {"a=b\"c\"", "{[a]=b\"c\"}"},
    {",a", "{[1]=,[2]=a}"},
};

static const char dump[] =
    "local function dump(v) if type(v) ~= 'table' then assert(type(v) == 'string') return v end "
    "local t = {} "
    "for k, x in pairs(v) do t[#t + 1] = '[' .. k .. ']=' .. dump(x) end table.sort(t) "
    "return '{' .. table.concat(t, ',') .. '}' end return dump(...)";

static void texts_parse_as_nmap_parses_them(void **state)
{
    lua_State *L = luaL_newstate();

    (void)state;
    luaL_openlibs(L);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        int r;

        lua_settop(L, 0);
        assert_int_equal(luaL_loadstring(L, dump), LUA_OK);
        r = args_push(L, cases[i].text, strlen(cases[i].text), &e);
        if (!cases[i].want) {
            assert_int_equal(r, -EINVAL);
            assert_int_equal(lua_gettop(L), 1);
            assert_non_null(strstr(e.text, "did not parse at character"));
            continue;
        }
        assert_int_equal(r, 0);
        assert_int_equal(lua_pcall(L, 1, 1, 0), LUA_OK);
        assert_string_equal(lua_tostring(L, -1), cases[i].want);
    }
    lua_close(L);
}

static void a_brace_that_is_missing_is_named(void **state)
{
    static const char text[] = "a=1,b={c={d=2}";
    lua_State *L = luaL_newstate();
    struct err e = {0};

    (void)state;
    assert_int_equal(args_push(L, text, strlen(text), &e), -EINVAL);
    assert_string_equal(e.text, "script arguments did not parse at character 15: they end where a "
                                "'}' is missing");
    lua_close(L);
}

static void deep_nesting_is_an_error(void **state)
{
    lua_State *L = luaL_newstate();
    char text[1000];

    (void)state;
    memset(text, '{', sizeof text);
    assert_int_equal(args_push(L, text, sizeof text, NULL), -EINVAL);
    lua_close(L);
}

static void the_command_line_follows_the_file(void **state)
{
    char path[] = "args-XXXXXX";
    int fd = mkstemp(path);
    struct buf b = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(write(fd, "a=b,c=d,,", 9), 9);
    close(fd);
    assert_int_equal(args_text(&b, "a=x", path, &e), 0);
    assert_string_equal(b.data, "a=b,c=d,a=x");
    unlink(path);
    buf_clear(&b);
    assert_int_equal(args_text(&b, NULL, path, &e), -ENOENT);
    assert_non_null(strstr(e.text, path));
    buf_done(&b);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(texts_parse_as_nmap_parses_them),
    cmocka_unit_test(a_brace_that_is_missing_is_named),
    cmocka_unit_test(deep_nesting_is_an_error),
    cmocka_unit_test(the_command_line_follows_the_file),
};

TEST_MAIN(tests)
