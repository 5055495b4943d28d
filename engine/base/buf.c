/* Growth by doubling, so that n appends cost O(n); see buf.h. */
#include "engine/base/buf.h"

#include <string.h>

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.limit = b->limit};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = 0;
}

char *buf_room(struct buf *b, size_t n)
{
    size_t need = b->len + n + 1;
    size_t cap = b->cap ? b->cap : 64;
    char *data;

    if (b->failed)
        return NULL;
    if (need < n || (b->limit && b->len + n > b->limit)) {
        b->failed = true;
        return NULL;
    }
    if (need <= b->cap)
        return b->data + b->len;
    while (cap < need)
        cap *= 2;
    data = realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return NULL;
    }
    b->data = data;
    b->cap = cap;
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    char *to = buf_room(b, len);

    if (!to)
        return;
    if (len)
        memcpy(to, data, len);
    b->len += len;
    b->data[b->len] = 0;
}

void buf_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
    if (b->failed || b->limit || b->len + 1 >= b->cap) {
        buf_add(b, &c, 1);
        return;
    }
    b->data[b->len++] = c;
    b->data[b->len] = 0;
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    size_t left = b->failed ? 0 : b->cap - b->len;
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(left ? b->data + b->len : NULL, left, fmt, again); /* mostly there is room */
    va_end(again);
    if (n < 0 || !buf_room(b, (size_t)n)) {
        b->failed = true;
        if (left)
            b->data[b->len] = 0;
        return;
    }
    if ((size_t)n >= left)
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_consume(struct buf *b, size_t n)
{
    if (n >= b->len) {
        b->len = 0;
    } else {
        memmove(b->data, b->data + n, b->len - n);
        b->len -= n;
    }
    if (b->data)
        b->data[b->len] = 0;
}

char *buf_take(struct buf *b)
{
    char *data;

    if (!b->failed && !b->data)
        buf_str(b, "");
    if (b->failed) {
        buf_done(b);
        return NULL;
    }
    data = b->data;
    *b = (struct buf){.limit = b->limit};
    return data;
}
