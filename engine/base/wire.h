/* Cursors over foreign bytes (rbuf) and into a fixed frame (wbuf), both with sticky failure: read
 * or write a whole message, then check `bad` once.  A failed read gives zeros and NULL, never bytes
 * from outside.  Integers are in network order unless the name ends in "le". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rbuf {
    const uint8_t *data;
    size_t len;
    size_t pos;
    bool bad; /* a read went past the end */
};

static inline struct rbuf rbuf_of(const void *data, size_t len)
{
    return (struct rbuf){.data = data, .len = len};
}

static inline size_t rbuf_left(const struct rbuf *b)
{
    return b->bad ? 0 : b->len - b->pos;
}

/* The next n bytes, or NULL (then `bad` is set). */
const uint8_t *rbuf_bytes(struct rbuf *b, size_t n);
void rbuf_skip(struct rbuf *b, size_t n);
uint8_t rbuf_u8(struct rbuf *b);
uint16_t rbuf_u16(struct rbuf *b);
uint32_t rbuf_u32(struct rbuf *b);
uint64_t rbuf_u64(struct rbuf *b);
uint16_t rbuf_u16le(struct rbuf *b);
uint32_t rbuf_u32le(struct rbuf *b);

struct wbuf {
    uint8_t *data;
    size_t cap;
    size_t len;
    bool bad; /* a write did not fit; nothing of it was written */
};

static inline struct wbuf wbuf_of(void *data, size_t cap)
{
    return (struct wbuf){.data = data, .cap = cap};
}

/* n zeroed bytes to fill in, or NULL (then `bad` is set). */
uint8_t *wbuf_room(struct wbuf *b, size_t n);
void wbuf_bytes(struct wbuf *b, const void *data, size_t n);
void wbuf_u8(struct wbuf *b, uint8_t v);
void wbuf_u16(struct wbuf *b, uint16_t v);
void wbuf_u32(struct wbuf *b, uint32_t v);
void wbuf_u64(struct wbuf *b, uint64_t v);
/* Overwrites two bytes that were written before, such as a checksum or length. */
void wbuf_put_u16(struct wbuf *b, size_t at, uint16_t v);
