/* The grammar of script arguments (nse-contract 4):
 *
 *   table := "{" ws [ field ( hws ("," | "\n") ws field )* ] ws "}"      field := key hws "=" hws
 * value | value value := table | string         key := string         string := '"'...'"' |
 * "'"...'" | bare
 *
 * A bare string runs to the next newline, comma, brace or equals sign, without blanks at its ends,
 * and may be empty: `a,,b` has three members.  All leaves are strings.  The text is the inside of
 * the outermost table. */
#include "engine/script/args.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 64

struct parser {
    lua_State *L;
    const char *text, *end, *at;
    int depth;
};

static bool parse_fields(struct parser *p, bool outermost);

static void skip(struct parser *p, const char *blanks)
{
    while (p->at < p->end && strchr(blanks, *p->at) && *p->at)
        p->at++;
}

static bool accept_char(struct parser *p, char c)
{
    if (p->at == p->end || *p->at != c)
        return false;
    p->at++;
    return true;
}

/* A quoted string: a backslash escapes the quote and itself, other backslashes stay. */
static bool parse_quoted(struct parser *p)
{
    const char *start = p->at, quote = *start;
    luaL_Buffer b;

    luaL_buffinit(p->L, &b);
    for (p->at++; p->at < p->end && *p->at != quote; p->at++) {
        if (*p->at == '\\' && p->at + 1 < p->end && (p->at[1] == quote || p->at[1] == '\\'))
            p->at++;
        luaL_addchar(&b, *p->at);
    }
    luaL_pushresult(&b);
    if (accept_char(p, quote))
        return true;
    lua_pop(p->L, 1);
    p->at = start; /* no closing quote: an ordinary character */
    return false;
}

static void parse_bare(struct parser *p)
{
    const char *start = p->at, *end;

    while (p->at < p->end && (!strchr("\n,{}=", *p->at) || !*p->at))
        p->at++;
    for (end = p->at; end > start && strchr(" \t\r", end[-1]);)
        end--;
    lua_pushlstring(p->L, start, (size_t)(end - start));
}

static void parse_string(struct parser *p)
{
    bool quoted = p->at < p->end && (*p->at == '"' || *p->at == '\'');

    if (!quoted || !parse_quoted(p))
        parse_bare(p);
}

static bool parse_value(struct parser *p)
{
    if (!accept_char(p, '{')) {
        parse_string(p);
        return true;
    }
    if (++p->depth > DEPTH_MAX || !parse_fields(p, false))
        return false;
    p->depth--;
    return accept_char(p, '}');
}

/* Leaves the table on the stack below whatever is half done when it fails; the caller resets the
 * stack. */
static bool parse_field(struct parser *p)
{
    const char *start = p->at;

    parse_string(p);
    skip(p, " \t");
    if (accept_char(p, '=')) {
        skip(p, " \t");
        if (!parse_value(p))
            return false;
        lua_rawset(p->L, -3);
        return true;
    }
    lua_pop(p->L, 1);
    p->at = start;
    if (!parse_value(p))
        return false;
    lua_rawseti(p->L, -2, (lua_Integer)lua_rawlen(p->L, -2) + 1);
    return true;
}

static bool parse_fields(struct parser *p, bool outermost)
{
    luaL_checkstack(p->L, 8, "script arguments nest too deep");
    lua_newtable(p->L);
    skip(p, " \t\r\n");
    do {
        skip(p, " \t\r\n");
        if (!parse_field(p))
            return false;
        skip(p, " \t\r");
    } while (accept_char(p, ',') || accept_char(p, '\n'));
    skip(p, " \t\r\n");
    return !outermost || p->at == p->end;
}

int args_push(lua_State *L, const char *text, size_t len, struct err *e)
{
    struct parser p = {.L = L, .text = text, .end = text + len, .at = text};
    int top = lua_gettop(L);

    if (len == 0) {
        lua_newtable(L);
        return 0;
    }
    if (parse_fields(&p, true))
        return 0;
    lua_settop(L, top);
    if (p.at == p.end)
        return err_set(e, -EINVAL,
                       "script arguments did not parse at character %zu: they end where a '}' is "
                       "missing",
                       len + 1);
    return err_set(e, -EINVAL, "script arguments did not parse at character %zu: \"%.40s\"",
                   (size_t)(p.at - text) + 1, p.at);
}

static int read_file(struct buf *ret, const char *path, struct err *e)
{
    CLEANUP(fclosep) FILE *f = fopen(path, "re");
    char chunk[4096];
    size_t n;

    if (!f)
        return err_set(e, -errno, "open script arguments '%s': %s", path, strerror(errno));
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_add(ret, chunk, n);
    if (ferror(f))
        return err_set(e, -EIO, "read script arguments '%s'", path);
    return 0;
}

int args_text(struct buf *ret, const char *args, const char *args_file, struct err *e)
{
    int r = 0;

    if (args_file) {
        r = read_file(ret, args_file, e);
        while (ret->len > 0 && ret->data[ret->len - 1] == ',')
            ret->data[--ret->len] = '\0';
        buf_char(ret, ',');
    }
    buf_str(ret, args ? args : "");
    if (r == 0 && ret->failed)
        r = err_set(e, -ENOMEM, "out of memory");
    return r;
}
