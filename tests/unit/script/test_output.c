/* Output of scripts: the observed vectors of nse-contract 6.4 and more of the same kind, in text,
 * screen, XML and JSON. */
#include "engine/script/output.h"

#include "tests/support/main.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

static const struct {
    const char *name, *source, *text, *xml, *json; /* xml, json NULL: not structured */
} cases[] = {
    {"nil", "nil", NULL, NULL, NULL},
    {"empty string", "''", "", NULL, NULL},
    {"empty table", "{}", "", "", "{}"},
    {"false", "false", "false", "false", "false"},
    {"true", "true", "true", "true", "true"},
    {"integer", "42", "42", "42", "42"},
    {"a third value is dropped", "42, nil, 3", "42", "42", "42"},
    {"float", "3.0", "3.0", "3.0", "3.0"},
    {"not a number", "1/0", "inf", "inf", "\"inf\""},
    {"list", "{'a', 'b', {'c', x = 1}}", "\n  a\n  b\n  \n    c\n    x: 1",
     "<elem>a</elem>\n<elem>b</elem>\n<table>\n<elem>c</elem>\n<elem "
     "key=\"x\">1</elem>\n</table>\n",
     "[\"a\",\"b\",{\"1\":\"c\",\"x\":1}]"},
    {"ordered", "ordered({'b', 1}, {'a', {1, 2}}, {'c', ordered({'z', 'z'}, {'y', 'y\\nline2'})})",
     "\n  b: 1\n  a: \n    1\n    2\n  c: \n    z: z\n    y: y\nline2",
     "<elem key=\"b\">1</elem>\n<table key=\"a\">\n<elem>1</elem>\n<elem>2</elem>\n</table>\n"
     "<table key=\"c\">\n<elem key=\"z\">z</elem>\n<elem key=\"y\">y&#xa;line2</elem>\n</table>\n",
     "{\"b\":1,\"a\":[1,2],\"c\":{\"z\":\"z\",\"y\":\"y\\nline2\"}}"},
    {"empty ordered", "ordered()", "", "", "{}"},
    {"string part", "{k = 'v'}, 'string part'", "string part", "<elem key=\"k\">v</elem>\n",
     "{\"k\":\"v\"}"},
    {"number as string part", "{k = 'v'}, 7", "7", "<elem key=\"k\">v</elem>\n", "{\"k\":\"v\"}"},
    {"only the second", "nil, 'only second'", "only second", NULL, NULL},
    {"false as second is none", "{'x'}, false", "\n  x", "<elem>x</elem>\n", "[\"x\"]"},
    {"two strings", "'x', 'y'", "y", "x", "\"x\""},
    {"empty second", "{k = 'v'}, ''", "\n  k: v", "<elem key=\"k\">v</elem>\n", "{\"k\":\"v\"}"},
    {"other keys are dropped",
     "{[1] = 'one', [2] = 2.5, [3] = 3.0, [5] = 'five', [true] = 't', [1.5] = 'f'}",
     "\n  one\n  2.5\n  3.0", "<elem>one</elem>\n<elem>2.5</elem>\n<elem>3.0</elem>\n",
     "[\"one\",2.5,3.0]"},
    {"__tostring", "setmetatable({1, 2, k = 3}, {__tostring = function() return 'TS' end})", "TS",
     "<elem>1</elem>\n<elem>2</elem>\n<elem key=\"k\">3</elem>\n", "{\"1\":1,\"2\":2,\"k\":3}"},
    {"nested __tostring",
     "{k = setmetatable({1}, {__tostring = function() return 'TS\\nline' end})}", "\n  k: TS\nline",
     "<table key=\"k\">\n<elem>1</elem>\n</table>\n", "{\"k\":[1]}"},
    {"empty nested table", "{{{}}}", "\n  \n    ", "<table>\n<table>\n</table>\n</table>\n",
     "[[{}]]"},
    {"markup and binary", "{['a<b>'] = 'c&d\"\\'\\t\\r\\n\\1\\xe9'}",
     "\n  a<b>: c&d\"'\t\r\n\x01\xe9",
     "<elem key=\"a&lt;b&gt;\">c&amp;d&quot;&apos;&#x9;&#xd;&#xa;\\x01\\xE9</elem>\n",
     "{\"a<b>\":\"c&d\\\"'\\t\\r\\n\\u0001\\\\xE9\"}"},
};

/* ordered({k, v}, ...): a table whose pairs() keeps the order, as stdnse.output_table does */
static const char prelude[] =
    "function ordered(...) local items = {...} local t = {} for _, kv in ipairs(items) do t[kv[1]] "
    "= kv[2] end "
    "return setmetatable(t, {__pairs = function() local i = 0 return function() i = i + 1 "
    "if items[i] then return items[i][1], items[i][2] end end end}) end";

static lua_State *state_new(void)
{
    lua_State *L = luaL_newstate();

    luaL_openlibs(L);
    assert_int_equal(luaL_dostring(L, prelude), LUA_OK);
    return L;
}

static int call_render(lua_State *L)
{
    output_render(L, lua_touserdata(L, 1), 2, 3);
    return 0;
}

/* The Lua status of rendering `return SOURCE`. */
static int render(lua_State *L, const char *source, struct output *o)
{
    output_init(o);
    lua_settop(L, 0);
    lua_pushcfunction(L, call_render);
    lua_pushlightuserdata(L, o);
    lua_pushfstring(L, "return %s", source);
    assert_int_equal(luaL_loadstring(L, lua_tostring(L, -1)), LUA_OK);
    lua_remove(L, -2);
    lua_call(L, 0, 2);
    return lua_pcall(L, 3, 0, 0);
}

static const char *text_of(const struct buf *b)
{
    return b->data ? b->data : "";
}

static void values_render_as_nmap_renders_them(void **state)
{
    lua_State *L = state_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct output o;

        if (render(L, cases[i].source, &o) != LUA_OK)
            fail_msg("%s: %s", cases[i].name, lua_tostring(L, -1));
        if (o.any != (cases[i].text != NULL) || o.structured != (cases[i].xml != NULL))
            fail_msg("%s: any %d structured %d", cases[i].name, o.any, o.structured);
        if (cases[i].text)
            assert_string_equal(text_of(&o.text), cases[i].text);
        if (cases[i].xml) {
            assert_string_equal(text_of(&o.xml), cases[i].xml);
            assert_string_equal(text_of(&o.json), cases[i].json);
        }
        output_done(&o);
    }
    lua_close(L);
}

static void output_without_end_is_an_error(void **state)
{
    static const char *const sources[] = {
        "(function() local t = {} t[1] = t return t end)()",
        "('x'):rep(5000000)",
        "setmetatable({}, {__index = function() return 'again' end})",
        "setmetatable({}, {__tostring = function() error('no') end})",
    };
    lua_State *L = state_new();
    struct output o;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        if (render(L, sources[i], &o) == LUA_OK)
            fail_msg("%s rendered", sources[i]);
        output_done(&o);
    }
    lua_close(L);
}

static const struct {
    const char *text, *screen;
} screens[] = {
    {"", ""},
    {"one", "|_x: one\n"},
    {"multi\nline\n", "| x: multi\n|_line\n"},
    {"\n  a\n  b", "| x: \n|   a\n|_  b\n"},
    {"bin\x01\x80\xff<&>\"'", "|_x: bin\\x01\\x80\\xFF<&>\"'\n"},
    {"tab\there\rcr\n\n\nend\n\n", "| x: tab\there\\x0Dcr\n| \n| \n| end\n|_\n"},
    {"\n", "|_x: \n"},
};

static void the_screen_form_marks_first_and_last_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(screens); i++) {
        struct buf b = {0};

        output_screen(&b, "x", screens[i].text, strlen(screens[i].text));
        assert_string_equal(text_of(&b), screens[i].screen);
        buf_done(&b);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(values_render_as_nmap_renders_them),
    cmocka_unit_test(output_without_end_is_an_error),
    cmocka_unit_test(the_screen_form_marks_first_and_last_line),
};

TEST_MAIN(tests)
