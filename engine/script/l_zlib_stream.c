/* Module zlib for scripts: streams that write to a sink or read from a source.
 *
 * A sink is a function or an object with write(); a source a string, a function, or an object with
 * read() and perhaps peek() (so that it keeps what follows the compressed data).  They are called
 * from here and cannot yield.  Everything a stream refers to stands in the user values of its
 * userdata. */
#include "engine/script/l_util.h"
#include "engine/script/l_zlib.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#define ZSTREAM_TYPE   "muster.zlib.stream"
#define CHUNK          8192
#define INFLATED_LIMIT ((size_t)64 << 20) /* of one stream */

enum kind { CLOSED, DEFLATE, INFLATE };
enum value { PARTNER = 1, INPUT, DICTIONARY, VALUES = DICTIONARY }; /* user values */

struct zstream {
    z_stream z;
    enum kind kind;
    bool busy;  /* its sink runs, or ended in an error: then what was being compressed is gone */
    bool ended; /* nothing comes any more */
    bool peeks; /* the source keeps what was not used */
    size_t out_pos, out_len;
    char out[CHUNK]; /* inflated, not read yet */
};

static void zstream_end(struct zstream *s)
{
    if (s->kind == DEFLATE)
        deflateEnd(&s->z);
    else if (s->kind == INFLATE)
        inflateEnd(&s->z);
    s->kind = CLOSED;
}

static struct zstream *check(lua_State *L)
{
    struct zstream *s = luaL_checkudata(L, 1, ZSTREAM_TYPE);

    luaL_argcheck(L, s->kind != CLOSED && !s->busy, 1, "attempt to use invalid zlib stream");
    return s;
}

static struct zstream *check_kind(lua_State *L, enum kind kind)
{
    struct zstream *s = check(L);

    luaL_argcheck(L, s->kind == kind, 1, "attempt to use invalid zlib stream");
    return s;
}

static bool has_method(lua_State *L, int arg, const char *name)
{
    bool found;

    lua_getfield(L, arg, name);
    found = lua_isfunction(L, -1);
    lua_pop(L, 1);
    return found;
}

static void check_begun(lua_State *L, int r, const char *what)
{
    if (r == Z_MEM_ERROR)
        l_no_memory(L);
    else if (r != Z_OK)
        luaL_error(L, "call to %s failed", what);
}

static struct zstream *zstream_push(lua_State *L)
{
    struct zstream *s = lua_newuserdatauv(L, sizeof *s, VALUES);

    memset(s, 0, sizeof *s);
    luaL_setmetatable(L, ZSTREAM_TYPE);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, PARTNER);
    zlib_use_allocator(L, &s->z);
    return s;
}

/* ---- deflate ---- */

/* Hands what was compressed to the sink. */
static void drain(lua_State *L, struct zstream *s)
{
    size_t len = CHUNK - s->z.avail_out;

    if (len == 0)
        return;
    s->busy = true;
    lua_getiuservalue(L, 1, PARTNER);
    if (!lua_isfunction(L, -1)) {
        lua_getfield(L, -1, "write");
        lua_insert(L, -2);
        lua_pushlstring(L, s->out, len);
        lua_call(L, 2, 0);
    } else {
        lua_pushlstring(L, s->out, len);
        lua_call(L, 1, 0);
    }
    s->busy = false;
}

/* The sink may have closed the stream. */
static void run_deflate(lua_State *L, struct zstream *s, int flush)
{
    do {
        s->z.next_out = (Bytef *)s->out;
        s->z.avail_out = CHUNK;
        if (deflate(&s->z, flush) == Z_STREAM_ERROR) {
            zstream_end(s);
            luaL_error(L, "failed to compress");
        }
        drain(L, s);
    } while (s->kind == DEFLATE && s->z.avail_out == 0);
}

/* stream:write(data, ...) -> true */
static int l_write(lua_State *L)
{
    struct zstream *s = check_kind(L, DEFLATE);
    int n = lua_gettop(L);

    for (int i = 2; i <= n && s->kind == DEFLATE; i++) {
        size_t len;
        const char *data = luaL_checklstring(L, i, &len);

        luaL_argcheck(L, len <= UINT_MAX, i, "too long");
        s->z.next_in = (Bytef *)data;
        s->z.avail_in = (uInt)len;
        run_deflate(L, s, Z_NO_FLUSH);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* stream:flush(["sync" | "full" | "finish"]) -> true */
static int l_flush(lua_State *L)
{
    static const char *const names[] = {"sync", "full", "finish", NULL};
    static const int values[] = {Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH};
    struct zstream *s = check_kind(L, DEFLATE);
    int flush = values[luaL_checkoption(L, 2, names[0], names)];

    run_deflate(L, s, flush);
    if (flush == Z_FINISH)
        zstream_end(s);
    lua_pushboolean(L, 1);
    return 1;
}

/* deflate(sink[, level[, method[, window bits[, memory level[, strategy[, dictionary]]]]]]) ->
 * stream */
static int l_deflate(lua_State *L)
{
    struct zstream *s;
    size_t len = 0;
    const char *dictionary;
    int level, method, bits, memory, strategy;

    lua_settop(L, 7);
    if (lua_istable(L, 1) || lua_isuserdata(L, 1))
        luaL_argcheck(L, has_method(L, 1, "write"), 1,
                      "output parameter does not provide :write function");
    else
        luaL_argcheck(L, lua_isfunction(L, 1), 1,
                      "output parameter must be a function, table or userdata value");
    level = (int)luaL_optinteger(L, 2, Z_DEFAULT_COMPRESSION);
    method = (int)luaL_optinteger(L, 3, Z_DEFLATED);
    bits = (int)luaL_optinteger(L, 4, MAX_WBITS);
    memory = (int)luaL_optinteger(L, 5, 8);
    strategy = (int)luaL_optinteger(L, 6, Z_DEFAULT_STRATEGY);
    dictionary = luaL_optlstring(L, 7, NULL, &len);
    luaL_argcheck(L, len <= UINT_MAX, 7, "too long");
    s = zstream_push(L);
    check_begun(L, deflateInit2(&s->z, level, method, bits, memory, strategy), "deflateInit2");
    s->kind = DEFLATE;
    if (dictionary && deflateSetDictionary(&s->z, (const Bytef *)dictionary, (uInt)len) != Z_OK)
        return luaL_error(L, "call to deflateSetDictionnary failed");
    return 1;
}

/* ---- inflate ---- */

/* Errors of the data say no place in the script. */
static void raise_plain(lua_State *L, const char *format, int code)
{
    lua_pushfstring(L, format, code);
    lua_error(L);
}

/* Calls the source's method (or the source itself), which leaves one value. */
static void call_source(lua_State *L, const char *method, lua_Integer n)
{
    if (lua_getiuservalue(L, 1, PARTNER) == LUA_TFUNCTION) {
        lua_pushinteger(L, n);
        lua_call(L, 1, 1);
        return;
    }
    lua_getfield(L, -1, method);
    lua_insert(L, -2);
    lua_pushinteger(L, n);
    lua_call(L, 2, 1);
}

/* The next bytes to inflate; none: the source is at its end.  A source that is a string gives
 * itself, once. */
static void next_input(lua_State *L, struct zstream *s)
{
    size_t len = 0;
    const char *data = NULL;

    if (lua_getiuservalue(L, 1, PARTNER) == LUA_TSTRING) {
        lua_pushnil(L);
        lua_setiuservalue(L, 1, PARTNER);
    } else if (!lua_isnil(L, -1)) {
        lua_pop(L, 1);
        call_source(L, s->peeks ? "peek" : "read", CHUNK);
    }
    if (lua_type(L, -1) == LUA_TSTRING)
        data = lua_tolstring(L, -1, &len);
    lua_setiuservalue(L, 1, INPUT); /* keeps data */
    s->z.next_in = (Bytef *)data;
    s->z.avail_in = len < UINT_MAX ? (uInt)len : UINT_MAX;
}

static void set_dictionary(lua_State *L, struct zstream *s)
{
    size_t len;
    const char *data;

    if (lua_getiuservalue(L, 1, DICTIONARY) != LUA_TSTRING)
        raise_plain(L, "no inflate dictionary provided", 0);
    data = lua_tolstring(L, -1, &len);
    if (inflateSetDictionary(&s->z, (const Bytef *)data, (uInt)len) != Z_OK)
        raise_plain(L, "call to inflateSetDictionnary failed", 0);
    lua_pop(L, 1);
}

/* One step: some input becomes output. */
static void inflate_step(lua_State *L, struct zstream *s)
{
    uInt before;
    bool at_end;
    int r;

    if (s->z.avail_in == 0)
        next_input(L, s);
    if (s->kind != INFLATE)
        luaL_error(L, "the stream was closed by its source");
    before = s->z.avail_in;
    at_end = before == 0;
    s->z.next_out = (Bytef *)s->out;
    s->z.avail_out = CHUNK;
    r = inflate(&s->z, Z_SYNC_FLUSH);
    if (r == Z_NEED_DICT) {
        set_dictionary(L, s);
    } else if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR) {
        zstream_end(s);
        if (r == Z_MEM_ERROR)
            l_no_memory(L);
        raise_plain(L, "failed to decompress [%d]", r);
    }
    s->out_pos = 0;
    s->out_len = CHUNK - s->z.avail_out;
    s->ended = r == Z_STREAM_END || (at_end && s->out_len == 0);
    if (s->peeks) {
        call_source(L, "read", (lua_Integer)(before - s->z.avail_in));
        lua_pop(L, 1);
        s->z.avail_in = 0;
    }
}

/* Whether there is output to read. */
static bool fill(lua_State *L, struct zstream *s)
{
    while (s->out_pos == s->out_len) {
        if (s->ended)
            return false;
        if (s->z.total_out > INFLATED_LIMIT) {
            zstream_end(s);
            luaL_error(L, "the stream inflates to more than %d MiB", (int)(INFLATED_LIMIT >> 20));
        }
        inflate_step(L, s);
    }
    return true;
}

/* Pushes a line without its end, or nil. */
static void read_line(lua_State *L, struct zstream *s)
{
    luaL_Buffer b;
    bool any = false, whole = false;

    luaL_buffinit(L, &b);
    while (!whole && fill(L, s)) {
        const char *from = s->out + s->out_pos;
        size_t n = s->out_len - s->out_pos;
        const char *end = memchr(from, '\n', n);

        any = true;
        whole = end != NULL;
        n = whole ? (size_t)(end - from) : n;
        luaL_addlstring(&b, from, n);
        s->out_pos += n + whole;
    }
    if (whole && luaL_bufflen(&b) > 0 && luaL_buffaddr(&b)[luaL_bufflen(&b) - 1] == '\r')
        luaL_buffsub(&b, 1);
    luaL_pushresult(&b);
    if (!any) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
}

/* Pushes up to n bytes; nil when there are none. */
static void read_bytes(lua_State *L, struct zstream *s, size_t n)
{
    luaL_Buffer b;
    bool any = false;

    luaL_buffinit(L, &b);
    while (fill(L, s)) {
        size_t part = s->out_len - s->out_pos;

        any = true;
        part = part < n ? part : n;
        luaL_addlstring(&b, s->out + s->out_pos, part);
        s->out_pos += part;
        n -= part;
        if (n == 0)
            break;
    }
    luaL_pushresult(&b);
    if (!any) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
}

/* Pushes all that is left, perhaps "". */
static void read_all(lua_State *L, struct zstream *s)
{
    read_bytes(L, s, SIZE_MAX);
    if (!lua_isnil(L, -1))
        return;
    lua_pop(L, 1);
    lua_pushliteral(L, "");
}

static void read_format(lua_State *L, struct zstream *s, int arg)
{
    const char *format;

    if (lua_type(L, arg) == LUA_TNUMBER) {
        lua_Integer n = luaL_checkinteger(L, arg);

        if (n < 0)
            read_all(L, s);
        else
            read_bytes(L, s, (size_t)n);
        return;
    }
    format = luaL_checkstring(L, arg);
    luaL_argcheck(L, format[0] == '*', arg, "invalid option");
    if (format[1] == 'l')
        read_line(L, s);
    else if (format[1] == 'a')
        read_all(L, s);
    else
        luaL_argerror(L, arg, "invalid format");
}

/* stream:read([n | "*l" | "*a"], ...) -> data for each, nil at the end */
static int l_read(lua_State *L)
{
    struct zstream *s = check_kind(L, INFLATE);
    int n = lua_gettop(L), got = 0;

    if (n == 1) {
        read_line(L, s);
        return 1;
    }
    luaL_checkstack(L, n + 4, "too many arguments");
    for (int i = 2; i <= n && (got == 0 || !lua_isnil(L, -1)); i++) {
        read_format(L, s, i);
        got++;
    }
    return got;
}

static int next_line(lua_State *L)
{
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(1));
    read_line(L, check_kind(L, INFLATE));
    return 1;
}

/* stream:lines() -> iterator */
static int l_lines(lua_State *L)
{
    check_kind(L, INFLATE);
    lua_settop(L, 1);
    lua_pushcclosure(L, next_line, 1);
    return 1;
}

/* inflate(source[, window bits[, dictionary]]) -> stream.  Bits from 1 to 15: zlib or gzip, as the
 * data says. */
static int l_inflate(lua_State *L)
{
    lua_Integer bits;
    struct zstream *s;
    bool object;

    lua_settop(L, 3);
    object = lua_istable(L, 1) || lua_isuserdata(L, 1);
    if (lua_type(L, 1) == LUA_TNUMBER)
        lua_tostring(L, 1);
    if (object)
        luaL_argcheck(L, has_method(L, 1, "read"), 1,
                      "input parameter does not provide :read function");
    else
        luaL_argcheck(L, lua_isstring(L, 1) || lua_isfunction(L, 1), 1,
                      "input parameter must be a string, function, table or userdata value");
    bits = luaL_optinteger(L, 2, MAX_WBITS);
    if (!lua_isnil(L, 3))
        luaL_checkstring(L, 3);
    s = zstream_push(L);
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, -2, DICTIONARY);
    s->peeks = object && has_method(L, 1, "peek");
    check_begun(L, inflateInit2(&s->z, (int)(bits > 0 && bits <= MAX_WBITS ? bits + 32 : bits)),
                "inflateInit2");
    s->kind = INFLATE;
    return 1;
}

/* ---- both ---- */

/* stream:close() -> true */
static int l_close(lua_State *L)
{
    struct zstream *s = luaL_checkudata(L, 1, ZSTREAM_TYPE);

    if (s->kind == DEFLATE && !s->busy) {
        s->z.avail_in = 0;
        run_deflate(L, s, Z_FINISH);
    }
    zstream_end(s);
    lua_pushboolean(L, 1);
    return 1;
}

/* stream:adler() -> checksum of the data */
static int l_adler(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)check(L)->z.adler);
    return 1;
}

static int zstream_gc(lua_State *L)
{
    zstream_end(luaL_checkudata(L, 1, ZSTREAM_TYPE));
    return 0;
}

static int zstream_tostring(lua_State *L)
{
    struct zstream *s = luaL_checkudata(L, 1, ZSTREAM_TYPE);

    if (s->kind == CLOSED)
        lua_pushliteral(L, "zlib stream (closed)");
    else
        lua_pushfstring(L, "zlib %s stream (%p)", s->kind == DEFLATE ? "deflate" : "inflate",
                        (void *)s);
    return 1;
}

void zlib_add_streams(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"write", l_write},   {"flush", l_flush},
        {"read", l_read},     {"lines", l_lines},
        {"close", l_close},   {"adler", l_adler},
        {"__gc", zstream_gc}, {"__tostring", zstream_tostring},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"deflate", l_deflate}, {"inflate", l_inflate}, {NULL, NULL}};

    l_type(L, ZSTREAM_TYPE, methods);
    luaL_setfuncs(L, functions, 0);
}
