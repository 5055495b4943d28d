/* The only place where foreign bytes are indexed.  See wire.h. */
#include "engine/base/wire.h"

#include <string.h>

const uint8_t *rbuf_bytes(struct rbuf *b, size_t n)
{
    const uint8_t *p;

    if (b->bad || n > b->len - b->pos) {
        b->bad = true;
        return NULL;
    }
    p = b->data + b->pos;
    b->pos += n;
    return p;
}

void rbuf_skip(struct rbuf *b, size_t n)
{
    rbuf_bytes(b, n);
}

static uint64_t read_be(struct rbuf *b, size_t n)
{
    const uint8_t *p = rbuf_bytes(b, n);
    uint64_t v = 0;

    for (size_t i = 0; p && i < n; i++)
        v = v << 8 | p[i];
    return v;
}

uint8_t rbuf_u8(struct rbuf *b)
{
    return (uint8_t)read_be(b, 1);
}

uint16_t rbuf_u16(struct rbuf *b)
{
    return (uint16_t)read_be(b, 2);
}

uint32_t rbuf_u32(struct rbuf *b)
{
    return (uint32_t)read_be(b, 4);
}

uint64_t rbuf_u64(struct rbuf *b)
{
    return read_be(b, 8);
}

uint16_t rbuf_u16le(struct rbuf *b)
{
    return __builtin_bswap16(rbuf_u16(b));
}

uint32_t rbuf_u32le(struct rbuf *b)
{
    return __builtin_bswap32(rbuf_u32(b));
}

uint8_t *wbuf_room(struct wbuf *b, size_t n)
{
    uint8_t *p;

    if (b->bad || n > b->cap - b->len) {
        b->bad = true;
        return NULL;
    }
    p = b->data + b->len;
    memset(p, 0, n);
    b->len += n;
    return p;
}

void wbuf_bytes(struct wbuf *b, const void *data, size_t n)
{
    uint8_t *p = wbuf_room(b, n);

    if (p && n)
        memcpy(p, data, n);
}

static void write_be(struct wbuf *b, uint64_t v, size_t n)
{
    uint8_t *p = wbuf_room(b, n);

    for (size_t i = n; p && i-- > 0; v >>= 8)
        p[i] = (uint8_t)v;
}

void wbuf_u8(struct wbuf *b, uint8_t v)
{
    write_be(b, v, 1);
}

void wbuf_u16(struct wbuf *b, uint16_t v)
{
    write_be(b, v, 2);
}

void wbuf_u32(struct wbuf *b, uint32_t v)
{
    write_be(b, v, 4);
}

void wbuf_u64(struct wbuf *b, uint64_t v)
{
    write_be(b, v, 8);
}

void wbuf_put_u16(struct wbuf *b, size_t at, uint16_t v)
{
    if (b->bad || at + 2 > b->len) {
        b->bad = true;
        return;
    }
    b->data[at] = (uint8_t)(v >> 8);
    b->data[at + 1] = (uint8_t)v;
}
