/* string.find, match, gmatch and gsub over the matcher that can stop (pattern.h); and functions
 * that make long strings, with a collection before memory ends.
 *
 * Every some thousand steps a call asks whether its script still may run.  If the burst is over it
 * copies its state from the C stack to a userdata and lets others have a turn; where it cannot
 * yield it goes on until the scheduler raises.  What the four give is what Lua 5.4's give.  gsub
 * calls a replacement function unyieldably, as Lua does: scripts must not come to rely on more. */
#include "engine/script/host_priv.h"
#include "engine/script/pattern_quick.h"

#include <ctype.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#define STEPS      20000 /* between two looks at the clock: about 100 us */
#define SUB_SMALL  512
#define SUB_REPL   3 /* gsub's replacement, its result so far: places on the stack */
#define SUB_BUFFER 5

enum search_kind { SEARCH_FIND, SEARCH_MATCH, SEARCH_NEXT, SEARCH_SUB };

/* A call of one of them. */
struct search {
    struct pattern_match m;
    enum search_kind kind;
    bool kept; /* in a userdata */
};

/* What an iterator keeps between its calls. */
struct iterator {
    const char *from, *after;
};

struct sub {
    struct search q;
    lua_Integer n, max;
    const char *copied; /* the text before it is in the result */
    char *big;          /* the userdata at SUB_BUFFER; NULL: it is in small */
    size_t len, size;
    char small[SUB_SMALL];
};

/* ---- captures ---- */

/* A capture's bytes; false: it is a position, pushed as a number. */
static bool capture_text(const struct search *q, int i, const char **text, size_t *len)
{
    const struct capture *c = &q->m.captures[i];

    if (i >= q->m.n_captures) {
        if (i > 0)
            luaL_error(q->m.L, "invalid capture index %%%d", i + 1);
        *text = q->m.from;
        *len = (size_t)(q->m.s - q->m.from);
        return true;
    }
    if (c->len == CAPTURE_OPEN)
        luaL_error(q->m.L, "unfinished capture");
    if (c->len == CAPTURE_POSITION) {
        lua_pushinteger(q->m.L, c->start - q->m.text + 1);
        return false;
    }
    *text = c->start;
    *len = (size_t)c->len;
    return true;
}

static void push_capture(const struct search *q, int i)
{
    const char *text;
    size_t len;

    if (capture_text(q, i, &text, &len))
        lua_pushlstring(q->m.L, text, len);
}

/* All captures; where there are none, the whole match if wanted. */
static int push_captures(const struct search *q, bool whole)
{
    int n = q->m.n_captures == 0 && whole ? 1 : q->m.n_captures;

    luaL_checkstack(q->m.L, n, "too many captures");
    for (int i = 0; i < n; i++)
        push_capture(q, i);
    return n;
}

/* ---- searching ---- */

/* The text is set already. */
static void search_init(struct search *q, enum search_kind kind, const char *pattern, size_t len)
{
    q->kind = kind;
    q->kept = false;
    pattern_set_pattern(&q->m, pattern, len,
                        kind == SEARCH_NEXT ? PATTERN_NO_ANCHOR : PATTERN_ANCHOR);
    q->m.cache = sched_of(q->m.L)->patterns;
    q->m.steps = STEPS;
}

/* PATTERN_PAUSED: the caller gives others a turn. */
static enum pattern_result search_run(struct search *q)
{
    enum pattern_result r;

    while ((r = pattern_search(&q->m)) == PATTERN_PAUSED) {
        q->m.steps = STEPS;
        if (sched_turn_is_over(q->m.L))
            break;
    }
    return r;
}

/* The state, of which q is the beginning, goes to a userdata that stays on the stack. */
static int search_pause(struct search *q, size_t size, lua_KFunction k)
{
    lua_State *L = q->m.L;

    if (!q->kept) {
        q->kept = true;
        q = memcpy(lua_newuserdatauv(L, size, 0), q, size);
    }
    return sched_give_turn(L, k, (lua_KContext)q);
}

static int push_found(struct search *q)
{
    lua_State *L = q->m.L;
    struct iterator *it;

    if (q->kind == SEARCH_FIND) {
        lua_pushinteger(L, q->m.from - q->m.text + 1);
        lua_pushinteger(L, q->m.s - q->m.text);
        return push_captures(q, false) + 2;
    }
    if (q->kind == SEARCH_NEXT) {
        it = lua_touserdata(L, lua_upvalueindex(3));
        it->from = it->after = q->m.s;
    }
    return push_captures(q, true);
}

static int push_none(const struct search *q)
{
    if (q->kind == SEARCH_NEXT)
        return 0;
    luaL_pushfail(q->m.L);
    return 1;
}

static int search_k(lua_State *L, int status, lua_KContext ctx);

static int search_go(struct search *q)
{
    switch (search_run(q)) {
    case PATTERN_PAUSED:
        return search_pause(q, sizeof *q, search_k);
    case PATTERN_MATCHED:
        return push_found(q);
    default:
        return push_none(q);
    }
}

static int search_k(lua_State *L, int status, lua_KContext ctx)
{
    (void)L;
    (void)status;
    return search_go((struct search *)ctx);
}

/* ---- find, match ---- */

/* The optional argument `init` as an offset; behind the end: len + 1. */
static size_t first_offset(lua_State *L, int index, size_t len)
{
    int is_integer;
    lua_Integer init = lua_tointegerx(L, index, &is_integer);

    if (!is_integer)
        init = luaL_optinteger(L, index, 1);
    if (init > 0)
        return (lua_Unsigned)init - 1 <= len ? (size_t)init - 1 : len + 1;
    return init < 0 && 0u - (lua_Unsigned)init <= len ? len - (size_t)(0u - (lua_Unsigned)init) : 0;
}

static bool is_special(const char *pattern, size_t len)
{
    static const bool special[256] = {
        ['^'] = true, ['$'] = true, ['*'] = true, ['+'] = true, ['?'] = true,
        ['.'] = true, ['('] = true, ['['] = true, ['%'] = true, ['-'] = true};

    for (size_t i = 0; i < len; i++)
        if (special[(unsigned char)pattern[i]])
            return true;
    return false;
}

static int find_plain(lua_State *L, size_t offset)
{
    size_t len, wanted_len;
    const char *text = lua_tolstring(L, 1, &len), *wanted = lua_tolstring(L, 2, &wanted_len);
    const char *at = memmem(text + offset, len - offset, wanted, wanted_len);

    if (!at) {
        luaL_pushfail(L);
        return 1;
    }
    lua_pushinteger(L, at - text + 1);
    lua_pushinteger(L, at - text + (lua_Integer)wanted_len);
    return 2;
}

static int search(lua_State *L, enum search_kind kind)
{
    size_t len, pattern_len, offset;
    struct search q;
    const char *text = luaL_checklstring(L, 1, &len),
               *pattern = luaL_checklstring(L, 2, &pattern_len);

    offset = first_offset(L, 3, len);
    if (offset > len) {
        luaL_pushfail(L);
        return 1;
    }
    if (kind == SEARCH_FIND && (lua_toboolean(L, 4) || !is_special(pattern, pattern_len)))
        return find_plain(L, offset);
    pattern_set(&q.m, L, text, len);
    search_init(&q, kind, pattern, pattern_len);
    q.m.from = text + offset;
    return search_go(&q);
}

/* string.find(s, pattern[, init[, plain]]) -> first, last, captures... | nil.  May yield. */
static int l_find(lua_State *L)
{
    return search(L, SEARCH_FIND);
}

/* string.match(s, pattern[, init]) -> captures... | nil.  May yield. */
static int l_match(lua_State *L)
{
    return search(L, SEARCH_MATCH);
}

/* ---- gmatch ---- */

/* Upvalues: text, pattern, struct iterator.  May yield. */
static int l_next(lua_State *L)
{
    const struct iterator *it = lua_touserdata(L, lua_upvalueindex(3));
    const char *text, *pattern;
    size_t len, pattern_len;
    struct search q;

    if (!it->from)
        return 0;
    text = lua_tolstring(L, lua_upvalueindex(1), &len);
    pattern = lua_tolstring(L, lua_upvalueindex(2), &pattern_len);
    pattern_set(&q.m, L, text, len);
    search_init(&q, SEARCH_NEXT, pattern, pattern_len);
    q.m.from = it->from;
    q.m.after = it->after;
    return search_go(&q);
}

/* string.gmatch(s, pattern[, init]) -> iterator.  '^' is no anchor here. */
static int l_gmatch(lua_State *L)
{
    size_t len, offset;
    const char *text = luaL_checklstring(L, 1, &len);
    struct iterator *it;

    luaL_checkstring(L, 2);
    offset = first_offset(L, 3, len);
    lua_settop(L, 2);
    it = lua_newuserdatauv(L, sizeof *it, 0);
    it->from = offset <= len ? text + offset : NULL;
    it->after = NULL;
    lua_pushcclosure(L, l_next, 3);
    return 1;
}

/* ---- gsub ---- */

static char *sub_data(struct sub *b)
{
    return b->big ? b->big : b->small;
}

static void sub_add(struct sub *b, const char *data, size_t len)
{
    lua_State *L = b->q.m.L;

    if (len > b->size - b->len) {
        size_t size = b->len + len + b->size;
        char *bigger = lua_newuserdatauv(L, size, 0);

        memcpy(bigger, sub_data(b), b->len);
        lua_replace(L, SUB_BUFFER);
        b->big = bigger;
        b->size = size;
    }
    memcpy(sub_data(b) + b->len, data, len);
    b->len += len;
}

/* The string or number on top, which goes. */
static void sub_add_top(struct sub *b)
{
    size_t len;
    const char *s = lua_tolstring(b->q.m.L, -1, &len);

    sub_add(b, s, len);
    lua_pop(b->q.m.L, 1);
}

/* "%1" and so on in a replacement string. */
static void add_reference(struct sub *b, char what)
{
    const char *text;
    size_t len;

    if (what == '%')
        sub_add(b, "%", 1);
    else if (what == '0')
        sub_add(b, b->q.m.from, (size_t)(b->q.m.s - b->q.m.from));
    else if (!isdigit((unsigned char)what))
        luaL_error(b->q.m.L, "invalid use of '%%' in replacement string");
    else if (capture_text(&b->q, what - '1', &text, &len))
        sub_add(b, text, len);
    else
        sub_add_top(b);
}

static void add_template(struct sub *b)
{
    size_t len;
    const char *p = lua_tolstring(b->q.m.L, SUB_REPL, &len), *end = p + len, *escape;

    while ((escape = memchr(p, '%', (size_t)(end - p)))) {
        sub_add(b, p, (size_t)(escape - p));
        add_reference(b, escape[1]);
        p = escape + 2;
    }
    sub_add(b, p, (size_t)(end - p));
}

/* Pushes what the function or table has for the match. */
static void push_replacement(const struct sub *b)
{
    lua_State *L = b->q.m.L;

    if (lua_type(L, SUB_REPL) == LUA_TFUNCTION) {
        lua_pushvalue(L, SUB_REPL);
        lua_call(L, push_captures(&b->q, true), 1);
    } else {
        push_capture(&b->q, 0);
        lua_gettable(L, SUB_REPL);
    }
}

static void replace(struct sub *b)
{
    lua_State *L = b->q.m.L;
    const struct search *q = &b->q;
    bool by_template = lua_isstring(L, SUB_REPL);

    if (!by_template) {
        push_replacement(b);
        if (!lua_toboolean(L, -1)) { /* it stays */
            lua_pop(L, 1);
            return;
        }
        if (!lua_isstring(L, -1))
            luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    }
    sub_add(b, b->copied, (size_t)(q->m.from - b->copied));
    if (by_template)
        add_template(b);
    else
        sub_add_top(b);
    b->copied = q->m.s;
}

static int push_substituted(struct sub *b)
{
    lua_State *L = b->q.m.L;

    if (b->copied == b->q.m.text && b->len == 0) {
        lua_pushvalue(L, 1);
    } else {
        sub_add(b, b->copied, (size_t)(b->q.m.text_end - b->copied));
        lua_pushlstring(L, sub_data(b), b->len);
    }
    lua_pushinteger(L, b->n);
    return 2;
}

static int sub_k(lua_State *L, int status, lua_KContext ctx);

static int sub_go(struct sub *b)
{
    struct search *q = &b->q;
    enum pattern_result r = PATTERN_MATCHED;

    while (b->n < b->max && (r = search_run(q)) == PATTERN_MATCHED) {
        b->n++;
        replace(b);
        if (q->m.anchored)
            break;
        pattern_next(&q->m);
    }
    if (r == PATTERN_PAUSED)
        return search_pause(q, sizeof *b, sub_k);
    return push_substituted(b);
}

static int sub_k(lua_State *L, int status, lua_KContext ctx)
{
    (void)L;
    (void)status;
    return sub_go((struct sub *)ctx);
}

/* string.gsub(s, pattern, repl[, n]) -> s, count.  May yield, but not inside repl. */
static int l_gsub(lua_State *L)
{
    size_t len, pattern_len;
    const char *text = luaL_checklstring(L, 1, &len),
               *pattern = luaL_checklstring(L, 2, &pattern_len);
    int type;
    struct sub b;

    type = lua_type(L, SUB_REPL);
    b.max = luaL_optinteger(L, 4, (lua_Integer)len + 1);
    luaL_argexpected(L,
                     type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
                         type == LUA_TTABLE,
                     SUB_REPL, "string/function/table");
    lua_settop(L, SUB_BUFFER);
    pattern_set(&b.q.m, L, text, len);
    search_init(&b.q, SEARCH_SUB, pattern, pattern_len);
    b.copied = b.q.m.text;
    b.n = 0;
    b.big = NULL;
    b.len = 0;
    b.size = sizeof b.small;
    return sub_go(&b);
}

/* ---- long results ---- */

/* The buffers of Lua's libraries come from the allocator itself, and Lua does not collect for them
 * as it does for its own blocks: near the ceiling a string is refused although garbage would make
 * room for it.  A buffer may be twice as long as the string that is made of it. */
static void make_room(lua_State *L, size_t len)
{
    const struct lmem *m = &sched_of(L)->memory;

    if (m->limit && len < m->limit && m->used + 3 * len > m->limit)
        lua_gc(L, LUA_GCCOLLECT);
}

/* The function that is wrapped: it runs in the wrapper's place, so that its errors name it. */
static int go_on(lua_State *L)
{
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* string.rep(s, n[, sep]) -> s */
static int l_rep(lua_State *L)
{
    lua_Integer n = lua_tointeger(L, 2);
    size_t len = 0, sep_len = 0;

    lua_tolstring(L, 1, &len);
    if (lua_isstring(L, 3))
        lua_tolstring(L, 3, &sep_len);
    if (n > 0 && len + sep_len < SIZE_MAX / 4 / (size_t)n)
        make_room(L, (size_t)n * (len + sep_len));
    return go_on(L);
}

/* string.upper(s), lower, reverse -> s */
static int l_same_length(lua_State *L)
{
    size_t len = 0;

    lua_tolstring(L, 1, &len);
    make_room(L, len);
    return go_on(L);
}

/* The bytes of a list's strings and of `sep_len` between them. */
static size_t list_len(lua_State *L, size_t sep_len)
{
    size_t n = lua_rawlen(L, 1), len = n * sep_len;

    for (size_t i = 1; i <= n; i++) {
        if (lua_rawgeti(L, 1, (lua_Integer)i) == LUA_TSTRING)
            len += lua_rawlen(L, -1);
        lua_pop(L, 1);
    }
    return len;
}

/* table.concat(list[, sep[, i[, j]]]) -> s */
static int l_concat(lua_State *L)
{
    const struct lmem *m = &sched_of(L)->memory;
    size_t sep_len = lua_type(L, 2) == LUA_TSTRING ? lua_rawlen(L, 2) : 0;

    if (lua_istable(L, 1) && m->used > m->limit / 4)
        make_room(L, list_len(L, sep_len));
    return go_on(L);
}

/* Puts a wrapper around a function of the library on top. */
static void wrap(lua_State *L, const char *name, lua_CFunction wrapper)
{
    lua_getfield(L, -1, name);
    lua_pushcclosure(L, wrapper, 1);
    lua_setfield(L, -2, name);
}

void string_open(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"find", l_find}, {"match", l_match}, {"gmatch", l_gmatch}, {"gsub", l_gsub}, {NULL, NULL}};
    struct sched *s = sched_of(L);

    s->patterns = calloc(1, sizeof *s->patterns);
    if (!s->patterns)
        luaL_error(L, "not enough memory");
    lua_getglobal(L, LUA_STRLIBNAME);
    luaL_setfuncs(L, functions, 0);
    wrap(L, "rep", l_rep);
    wrap(L, "upper", l_same_length);
    wrap(L, "lower", l_same_length);
    wrap(L, "reverse", l_same_length);
    lua_getglobal(L, LUA_TABLIBNAME);
    wrap(L, "concat", l_concat);
    lua_pop(L, 2);
}
