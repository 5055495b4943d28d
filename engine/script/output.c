/* Rendering of what an action returned.
 *
 * The text form walks tables the way nmap does: the ipairs part first, then string keys in the
 * order of pairs(), so that
 * __pairs, __index and __tostring of ordered tables take effect.  JSON and XML walk the same way
 * but do not ask __tostring. All of it runs inside the script's own coroutine: an endless
 * metamethod falls under the script's budget. */
#include "engine/script/output.h"
#include "engine/base/text.h"
#include "engine/model/finding.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#define DEPTH_MAX 100
#define ITEMS_MAX 1000000 /* an __index that answers for ever */

struct walk {
    lua_State *L;
    struct buf *out;
    int depth;
    unsigned items;
};

static void enter(struct walk *w)
{
    luaL_checkstack(w->L, 10, "script output nests too deep");
    if (++w->depth > DEPTH_MAX)
        luaL_error(w->L, "script output nests more than %d tables deep", DEPTH_MAX);
}

static void count_one(struct walk *w)
{
    if (++w->items > ITEMS_MAX || w->out->failed)
        luaL_error(w->L, "script output is larger than %d bytes", (int)OUTPUT_MAX);
}

static void leave(struct walk *w)
{
    w->depth--;
}

/* Calls item(w, key or NULL) with the value on top for each member: ipairs first, then string keys
 * by pairs(). */
typedef void (*item_fn)(struct walk *w, const char *key, size_t key_len, unsigned n);

static unsigned walk_array(struct walk *w, int t, item_fn item)
{
    unsigned n = 0;

    for (lua_Integer i = 1;; i++, n++) {
        if (lua_geti(w->L, t, i) == LUA_TNIL)
            break;
        count_one(w);
        item(w, NULL, 0, n);
        lua_pop(w->L, 1);
    }
    lua_pop(w->L, 1);
    return n;
}

/* for k, v in pairs(t): pushes the iterator triple. */
static void push_pairs(lua_State *L, int t)
{
    if (luaL_getmetafield(L, t, "__pairs") != LUA_TNIL) {
        lua_pushvalue(L, t);
        lua_call(L, 1, 3);
        return;
    }
    lua_getglobal(L, "next");
    lua_pushvalue(L, t);
    lua_pushnil(L);
}

static unsigned walk_keys(struct walk *w, int t, item_fn item, unsigned n)
{
    lua_State *L = w->L;

    push_pairs(L, t);
    for (;;) { /* f, s, control */
        lua_pushvalue(L, -3);
        lua_pushvalue(L, -3);
        lua_pushvalue(L, -3);
        lua_call(L, 2, 2);
        if (lua_isnil(L, -2))
            break;
        if (lua_type(L, -2) == LUA_TSTRING) {
            size_t len;
            const char *key = lua_tolstring(L, -2, &len);

            count_one(w);
            item(w, key, len, n++);
        }
        lua_pop(L, 1);
        lua_replace(L, -2);
    }
    lua_pop(L, 5);
    return n;
}

static void walk_members(struct walk *w, int t, item_fn item)
{
    t = lua_absindex(w->L, t);
    walk_keys(w, t, item, walk_array(w, t, item));
}

static void add_string(struct walk *w, int index)
{
    size_t len;
    const char *s = luaL_tolstring(w->L, index, &len);

    buf_add(w->out, s, len);
    lua_pop(w->L, 1);
}

/* ---- text ---- */

static void text_value(struct walk *w);

static void text_item(struct walk *w, const char *key, size_t key_len, unsigned n)
{
    (void)n;
    buf_char(w->out, '\n');
    for (int i = 0; i < w->depth; i++)
        buf_str(w->out, "  ");
    if (key) {
        buf_add(w->out, key, key_len);
        buf_str(w->out, ": ");
    }
    text_value(w);
}

static void text_value(struct walk *w)
{
    bool plain = !lua_istable(w->L, -1);

    if (!plain && luaL_getmetafield(w->L, -1, "__tostring") != LUA_TNIL) {
        lua_pop(w->L, 1);
        plain = true;
    }
    if (plain) {
        add_string(w, -1);
        return;
    }
    enter(w);
    walk_members(w, -1, text_item);
    leave(w);
}

/* ---- JSON ---- */

static void json_value(struct walk *w);

static void json_member(struct walk *w, const char *key, size_t key_len, unsigned n)
{
    char number[16];

    if (n > 0)
        buf_char(w->out, ',');
    if (key) {
        json_string(w->out, key, key_len);
    } else { /* list members of a table that has keys too */
        snprintf(number, sizeof number, "%u", n + 1);
        json_string(w->out, number, strlen(number));
    }
    buf_char(w->out, ':');
    json_value(w);
}

static void json_element(struct walk *w, const char *key, size_t key_len, unsigned n)
{
    (void)key;
    (void)key_len;
    if (n > 0)
        buf_char(w->out, ',');
    json_value(w);
}

static void count_item(struct walk *w, const char *key, size_t key_len, unsigned n)
{
    (void)w;
    (void)key;
    (void)key_len;
    (void)n;
}

/* A table with list members alone is a list; any string key makes it an object. */
static void json_table(struct walk *w)
{
    int t = lua_absindex(w->L, -1);
    unsigned in_list, all;

    enter(w);
    in_list = walk_array(w, t, count_item);
    all = walk_keys(w, t, count_item, in_list);
    if (in_list > 0 && all == in_list) {
        buf_char(w->out, '[');
        walk_array(w, t, json_element);
        buf_char(w->out, ']');
    } else {
        buf_char(w->out, '{');
        walk_members(w, t, json_member);
        buf_char(w->out, '}');
    }
    leave(w);
}

static void json_number(struct walk *w)
{
    bool finite = lua_isinteger(w->L, -1) || isfinite(lua_tonumber(w->L, -1));

    if (!finite)
        buf_char(w->out, '"');
    add_string(w, -1);
    if (!finite)
        buf_char(w->out, '"');
}

static void json_text(struct walk *w)
{
    size_t len;
    const char *s = luaL_tolstring(w->L, -1, &len);

    json_string(w->out, s, len);
    lua_pop(w->L, 1);
}

static void json_value(struct walk *w)
{
    switch (lua_type(w->L, -1)) {
    case LUA_TTABLE:
        json_table(w);
        break;
    case LUA_TBOOLEAN:
        add_string(w, -1);
        break;
    case LUA_TNUMBER:
        json_number(w);
        break;
    default:
        json_text(w);
    }
}

/* ---- XML ---- */

static void xml_escape(struct buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if (strchr("&<>\"'", c) && c)
            buf_str(out, c == '&'   ? "&amp;"
                         : c == '<' ? "&lt;"
                         : c == '>' ? "&gt;"
                         : c == '"' ? "&quot;"
                                    : "&apos;");
        else if (c == '\t' || c == '\n' || c == '\r')
            buf_printf(out, "&#x%x;", c);
        else if (c < 0x20 || c > 0x7e)
            buf_printf(out, "\\x%02X", c);
        else
            buf_char(out, (char)c);
    }
}

static void xml_text(struct walk *w)
{
    size_t len;
    const char *s;

    if (lua_istable(w->L, -1))
        return;
    s = luaL_tolstring(w->L, -1, &len);
    xml_escape(w->out, s, len);
    lua_pop(w->L, 1);
}

static void xml_item(struct walk *w, const char *key, size_t key_len, unsigned n)
{
    const char *tag = lua_istable(w->L, -1) ? "table" : "elem";

    (void)n;
    buf_printf(w->out, "<%s", tag);
    if (key) {
        buf_str(w->out, " key=\"");
        xml_escape(w->out, key, key_len);
        buf_char(w->out, '"');
    }
    buf_char(w->out, '>');
    if (lua_istable(w->L, -1)) {
        buf_char(w->out, '\n');
        enter(w);
        walk_members(w, -1, xml_item);
        leave(w);
    } else {
        xml_text(w);
    }
    buf_printf(w->out, "</%s>\n", tag);
}

/* ---- the whole ---- */

void output_init(struct output *o)
{
    *o = (struct output){0};
    o->text.limit = o->json.limit = o->xml.limit = OUTPUT_MAX;
}

void output_done(struct output *o)
{
    buf_done(&o->text);
    buf_done(&o->json);
    buf_done(&o->xml);
}

static void render_structured(lua_State *L, struct output *o)
{
    struct walk json = {.L = L, .out = &o->json}, xml = {.L = L, .out = &o->xml};

    json_value(&json);
    if (lua_istable(L, -1))
        walk_members(&xml, -1, xml_item);
    else
        xml_text(&xml);
}

void output_render(lua_State *L, struct output *o, int r1, int r2)
{
    struct walk text = {.L = L, .out = &o->text};
    bool second = lua_toboolean(L, r2); /* false counts as absent */
    size_t len = 0;

    r1 = lua_absindex(L, r1);
    r2 = lua_absindex(L, r2);
    o->any = !lua_isnil(L, r1) || second;
    o->structured = !lua_isnil(L, r1) && (second || lua_type(L, r1) != LUA_TSTRING);
    if (second) {
        const char *s = luaL_tolstring(L, r2, &len);

        buf_add(&o->text, s, len);
        lua_pop(L, 1);
    }
    lua_pushvalue(L, r1);
    if (o->structured)
        render_structured(L, o);
    if (len == 0 && !lua_isnil(L, -1)) /* also for `table, ""`: as nmap 7.93 */
        text_value(&text);
    lua_pop(L, 1);
    if (o->text.failed || o->json.failed || o->xml.failed)
        luaL_error(L, "script output is larger than %d bytes", (int)OUTPUT_MAX);
}

void output_screen(struct buf *out, const char *id, const char *text, size_t len)
{
    const char *end = text + len;
    bool first = true;

    while (text < end) {
        const char *nl = memchr(text, '\n', (size_t)(end - text));
        const char *stop = nl ? nl : end;
        bool last = !nl || nl + 1 == end;

        buf_str(out, last ? "|_" : "| ");
        if (first)
            buf_printf(out, "%s: ", id);
        for (; text < stop; text++) {
            unsigned char c = (unsigned char)*text;

            if (c == '\t' || (c >= 0x20 && c < 0x7f))
                buf_char(out, *text);
            else
                buf_printf(out, "\\x%02X", c);
        }
        buf_char(out, '\n');
        first = false;
        text = nl ? nl + 1 : end;
    }
}
