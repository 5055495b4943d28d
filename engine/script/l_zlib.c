/* Module zlib for scripts: whole strings at once, and checksums.  Streams are in l_zlib_stream.c.
 *
 * What is decompressed comes from a peer: output is limited, and all of zlib's memory is the Lua
 * state's. */
#include "engine/script/l_zlib.h"

#include "engine/script/bindings.h"
#include "engine/script/l_util.h"

#include <lauxlib.h>
#include <limits.h>
#include <stdlib.h>

#define CHUNK              8192
#define DECOMPRESSED_LIMIT (10 << 20) /* bytes, where the script names none */

static voidpf z_alloc(voidpf opaque, uInt items, uInt size)
{
    return l_alloc(opaque, (size_t)items * size);
}

static void z_free(voidpf opaque, voidpf address)
{
    l_free(opaque, address);
}

void zlib_use_allocator(lua_State *L, z_stream *z)
{
    z->opaque = l_main(L);
    z->zalloc = z_alloc;
    z->zfree = z_free;
}

/* ---- whole strings ---- */

struct job {
    z_stream z;
    int (*end)(z_stream *z); /* NULL: not begun */
};

static void job_destroy(void *object)
{
    struct job *job = object;

    if (job->end)
        job->end(&job->z);
    free(job);
}

/* A stream in a box, over the string at `arg`. */
static struct job *job_push(lua_State *L, int arg)
{
    size_t len;
    const char *data = luaL_checklstring(L, arg, &len);
    struct l_box *box;
    struct job *job;

    luaL_argcheck(L, len <= UINT_MAX, arg, "too long");
    box = l_box_push(L, job_destroy);
    job = box->object = calloc(1, sizeof *job);
    if (!job)
        l_no_memory(L);
    zlib_use_allocator(L, &job->z);
    job->z.next_in = (Bytef *)data; /* zlib only reads there */
    job->z.avail_in = (uInt)len;
    return job;
}

/* compress(data[, level[, method[, window bits[, memory level[, strategy]]]]]) -> compressed, 1.0 |
 * nil, code */
static int l_compress(lua_State *L)
{
    struct job *job;
    luaL_Buffer b;
    int r;

    luaL_checkstring(L, 1);
    lua_settop(L, 6);
    job = job_push(L, 1);
    r = deflateInit2(&job->z, (int)luaL_optinteger(L, 2, Z_DEFAULT_COMPRESSION),
                     (int)luaL_optinteger(L, 3, Z_DEFLATED), (int)luaL_optinteger(L, 4, MAX_WBITS),
                     (int)luaL_optinteger(L, 5, 8), (int)luaL_optinteger(L, 6, Z_DEFAULT_STRATEGY));
    if (r == Z_MEM_ERROR)
        return l_no_memory(L);
    if (r != Z_OK) {
        lua_pushnil(L);
        lua_pushnumber(L, r);
        return 2;
    }
    job->end = deflateEnd;
    luaL_buffinit(L, &b);
    do {
        job->z.next_out = (Bytef *)luaL_prepbuffsize(&b, CHUNK);
        job->z.avail_out = CHUNK;
        r = deflate(&job->z, Z_FINISH);
        luaL_addsize(&b, CHUNK - job->z.avail_out);
    } while (r == Z_OK);
    luaL_pushresult(&b);
    lua_pushnumber(L, r);
    return 2;
}

/* decompress(data[, window bits[, limit]]) -> data; raises when it is none, or more than limit
 * bytes */
static int l_decompress(lua_State *L)
{
    int bits = (int)luaL_optinteger(L, 2, MAX_WBITS);
    lua_Integer limit = luaL_optinteger(L, 3, DECOMPRESSED_LIMIT);
    struct job *job = job_push(L, 1);
    luaL_Buffer b;
    int r;

    r = inflateInit2(&job->z, bits);
    if (r == Z_MEM_ERROR)
        return l_no_memory(L);
    if (r != Z_OK)
        return luaL_error(L, "failed to initialize zstream structures");
    job->end = inflateEnd;
    luaL_buffinit(L, &b);
    do {
        job->z.next_out = (Bytef *)luaL_prepbuffsize(&b, CHUNK);
        job->z.avail_out = CHUNK;
        r = inflate(&job->z, Z_NO_FLUSH);
        luaL_addsize(&b, CHUNK - job->z.avail_out);
    } while (r == Z_OK && job->z.total_out <= (uLong)limit);
    if (r == Z_MEM_ERROR)
        return l_no_memory(L);
    if (r != Z_STREAM_END || job->z.total_out > (uLong)limit)
        return luaL_error(L, "failed to process zlib stream");
    luaL_pushresult(&b);
    return 1;
}

/* ---- checksums ---- */

static int checksum(lua_State *L, uLong (*sum)(uLong, const Bytef *, uInt))
{
    size_t len;
    const char *data;
    uLong start;

    if (lua_isnone(L, 1)) {
        lua_pushnumber(L, (lua_Number)sum(0, NULL, 0));
        return 1;
    }
    start = (uLong)luaL_checknumber(L, 1);
    data = luaL_checklstring(L, 2, &len);
    luaL_argcheck(L, len <= UINT_MAX, 2, "too long");
    lua_pushnumber(L, (lua_Number)sum(start, (const Bytef *)data, (uInt)len));
    return 1;
}

/* adler32([start, data]) -> checksum */
static int l_adler32(lua_State *L)
{
    return checksum(L, adler32);
}

/* crc32([start, data]) -> checksum */
static int l_crc32(lua_State *L)
{
    return checksum(L, crc32);
}

static int l_version(lua_State *L)
{
    lua_pushstring(L, zlibVersion());
    return 1;
}

static const struct {
    const char *name;
    int value;
} constants[] = {
    {"NO_COMPRESSION", Z_NO_COMPRESSION},
    {"BEST_SPEED", Z_BEST_SPEED},
    {"BEST_COMPRESSION", Z_BEST_COMPRESSION},
    {"DEFAULT_COMPRESSION", Z_DEFAULT_COMPRESSION},
    {"FILTERED", Z_FILTERED},
    {"HUFFMAN_ONLY", Z_HUFFMAN_ONLY},
    {"RLE", Z_RLE},
    {"FIXED", Z_FIXED},
    {"DEFAULT_STRATEGY", Z_DEFAULT_STRATEGY},
    {"MINIMUM_MEMLEVEL", 1},
    {"MAXIMUM_MEMLEVEL", MAX_MEM_LEVEL},
    {"DEFAULT_MEMLEVEL", 8},
    {"MINIMUM_WINDOWBITS", 8},
    {"MAXIMUM_WINDOWBITS", MAX_WBITS},
    {"DEFAULT_WINDOWBITS", MAX_WBITS},
    {"GZIP_WINDOWBITS", 16},
    {"RAW_WINDOWBITS", -1},
};

int luaopen_zlib(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"compress", l_compress}, {"decompress", l_decompress}, {"adler32", l_adler32},
        {"crc32", l_crc32},       {"version", l_version},       {NULL, NULL},
    };

    luaL_newlib(L, functions);
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        lua_pushinteger(L, constants[i].value);
        lua_setfield(L, -2, constants[i].name);
    }
    lua_pushliteral(L, "zlib for scripts");
    lua_setfield(L, -2, "_DESCRIPTION");
    lua_pushstring(L, ZLIB_VERSION);
    lua_setfield(L, -2, "_VERSION");
    zlib_add_streams(L);
    return 1;
}
