/* The one encoder and the one decoder of all messages, driven by their tables.
 *
 * Roles trust each other unequally: the core decodes what a script worker says that may be in
 * foreign hands.  So the decoder checks ranges, exact lengths and terminators, and publishes a
 * struct whole or not at all. */
#include "service/ipc/codec.h"

#include "engine/base/addr.h"
#include "engine/base/wire.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define TEXT_NULL UINT32_MAX
#define VALUE_MAX 1024 /* bytes of the largest struct */

static void put(struct buf *out, const void *data, size_t len)
{
    buf_add(out, data, len);
}

static void put_be(struct buf *out, uint64_t v, size_t n)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
    put(out, bytes, n);
}

static int put_addr(struct buf *out, const struct addr *a)
{
    if (a->family != ADDR_NONE && a->family != ADDR_V4 && a->family != ADDR_V6)
        return -EINVAL;
    put_be(out, a->family, 1);
    put(out, a->b, sizeof a->b);
    put_be(out, a->scope, 4);
    return 0;
}

static int put_text(struct buf *out, const char *s, uint32_t max)
{
    size_t len = s ? strlen(s) : 0;

    if (!s) {
        put_be(out, TEXT_NULL, 4);
        return 0;
    }
    if (len > max)
        return -EMSGSIZE;
    put_be(out, len, 4);
    put(out, s, len + 1);
    return 0;
}

static int put_bytes(struct buf *out, const struct ipc_bytes *b, uint32_t max)
{
    if (b->len > max)
        return -EMSGSIZE;
    put_be(out, b->len, 4);
    put(out, b->data, b->len);
    return 0;
}

static int put_double(struct buf *out, double v)
{
    uint64_t bits;

    if (!isfinite(v) || signbit(v))
        return -EINVAL;
    memcpy(&bits, &v, sizeof bits);
    put_be(out, bits, 8);
    return 0;
}

static int put_enum(struct buf *out, unsigned v, uint32_t max)
{
    if (v > max)
        return -EINVAL;
    put_be(out, v, 1);
    return 0;
}

static int put_field(struct buf *out, const struct ipc_field *f, const void *value)
{
    const void *at = (const char *)value + f->offset;

    switch (f->kind) {
    case IPC_U8:
        put_be(out, *(const uint8_t *)at, 1);
        return 0;
    case IPC_U16:
        put_be(out, *(const uint16_t *)at, 2);
        return 0;
    case IPC_U32:
        put_be(out, *(const uint32_t *)at, 4);
        return 0;
    case IPC_U64:
        put_be(out, *(const uint64_t *)at, 8);
        return 0;
    case IPC_F64:
        return put_double(out, *(const double *)at);
    case IPC_BOOL:
        put_be(out, *(const bool *)at, 1);
        return 0;
    case IPC_ENUM:
        return put_enum(out, *(const unsigned *)at, f->max);
    case IPC_ADDR:
        return put_addr(out, at);
    case IPC_MAC:
        put(out, at, sizeof(struct mac));
        return 0;
    case IPC_TEXT:
        return put_text(out, *(const char *const *)at, f->max);
    case IPC_BYTES:
        return put_bytes(out, at, f->max);
    }
    return -EINVAL;
}

int ipc_encode(struct buf *out, const struct ipc_message *m, uint32_t id, const void *value)
{
    size_t start = out->len;
    int r = 0;

    put_be(out, m->type, 2);
    put_be(out, IPC_VERSION, 2);
    put_be(out, id, 4);
    put_be(out, 0, 4); /* flags */
    put_be(out, 0, 4); /* reserved */
    for (size_t i = 0; i < m->n_fields && r == 0; i++)
        r = put_field(out, &m->fields[i], value);
    if (r == 0 && out->len - start > IPC_FRAME_MAX)
        r = -EMSGSIZE;
    if (out->failed)
        r = -ENOMEM;
    if (r < 0 && out->data) {
        out->len = start;
        out->data[start] = 0;
    }
    return r;
}

int ipc_decode_header(struct ipc_header *ret, const uint8_t *frame, size_t len)
{
    struct rbuf b = rbuf_of(frame, len);
    struct ipc_header h;
    uint16_t version;

    h.type = rbuf_u16(&b);
    version = rbuf_u16(&b);
    h.id = rbuf_u32(&b);
    h.flags = rbuf_u32(&b);
    if (rbuf_u32(&b) != 0 || b.bad || version != IPC_VERSION || h.flags != 0)
        return -EBADMSG;
    *ret = h;
    return 0;
}

static bool get_addr(struct rbuf *b, struct addr *ret)
{
    struct addr a = {.family = rbuf_u8(b)};
    const uint8_t *bytes = rbuf_bytes(b, sizeof a.b);
    size_t used;

    a.scope = rbuf_u32(b);
    if (!bytes || b->bad || (a.family != ADDR_NONE && a.family != ADDR_V4 && a.family != ADDR_V6))
        return false;
    used = a.family == ADDR_NONE ? 0 : addr_len(&a);
    memcpy(a.b, bytes, used);
    for (size_t i = used; i < sizeof a.b; i++)
        if (bytes[i])
            return false;
    *ret = a;
    return true;
}

static bool get_text(struct rbuf *b, const char **ret, uint32_t max)
{
    uint32_t len = rbuf_u32(b);
    const uint8_t *bytes;

    if (len == TEXT_NULL) {
        *ret = NULL;
        return !b->bad;
    }
    if (len > max)
        return false;
    bytes = rbuf_bytes(b, (size_t)len + 1);
    if (!bytes || memchr(bytes, 0, (size_t)len + 1) != bytes + len)
        return false;
    *ret = (const char *)bytes;
    return true;
}

static bool get_bytes(struct rbuf *b, struct ipc_bytes *ret, uint32_t max)
{
    uint32_t len = rbuf_u32(b);

    if (len > max)
        return false;
    ret->data = rbuf_bytes(b, len);
    ret->len = len;
    return ret->data != NULL;
}

static bool get_double(struct rbuf *b, double *ret)
{
    uint64_t bits = rbuf_u64(b);

    memcpy(ret, &bits, sizeof *ret);
    return isfinite(*ret) && !signbit(*ret);
}

static bool get_mac(struct rbuf *b, struct mac *ret)
{
    const uint8_t *bytes = rbuf_bytes(b, sizeof *ret);

    if (bytes)
        memcpy(ret, bytes, sizeof *ret);
    return bytes != NULL;
}

static bool get_small(struct rbuf *b, unsigned max, unsigned *ret)
{
    *ret = rbuf_u8(b);
    return *ret <= max;
}

static bool get_bool(struct rbuf *b, bool *ret)
{
    unsigned v;

    if (!get_small(b, 1, &v))
        return false;
    *ret = v;
    return true;
}

static bool get_field(struct rbuf *b, const struct ipc_field *f, void *value)
{
    void *at = (char *)value + f->offset;

    switch (f->kind) {
    case IPC_U8:
        *(uint8_t *)at = rbuf_u8(b);
        return true;
    case IPC_U16:
        *(uint16_t *)at = rbuf_u16(b);
        return true;
    case IPC_U32:
        *(uint32_t *)at = rbuf_u32(b);
        return true;
    case IPC_U64:
        *(uint64_t *)at = rbuf_u64(b);
        return true;
    case IPC_F64:
        return get_double(b, at);
    case IPC_BOOL:
        return get_bool(b, at);
    case IPC_ENUM:
        return get_small(b, f->max, at);
    case IPC_ADDR:
        return get_addr(b, at);
    case IPC_MAC:
        return get_mac(b, at);
    case IPC_TEXT:
        return get_text(b, at, f->max);
    case IPC_BYTES:
        return get_bytes(b, at, f->max);
    }
    return false;
}

int ipc_decode(const struct ipc_message *m, void *value, const uint8_t *frame, size_t len)
{
    struct rbuf b = rbuf_of(frame, len);
    union {
        max_align_t align;
        char bytes[VALUE_MAX];
    } got = {0};

    if (m->size > sizeof got)
        return -EBADMSG;
    rbuf_skip(&b, IPC_HEADER);
    for (size_t i = 0; i < m->n_fields; i++)
        if (!get_field(&b, &m->fields[i], &got) || b.bad)
            return -EBADMSG;
    if (rbuf_left(&b) != 0)
        return -EBADMSG;
    memcpy(value, &got, m->size);
    return 0;
}

/* How much a field needs outside the struct. */
static size_t outside(const struct ipc_field *f, const void *value)
{
    const void *at = (const char *)value + f->offset;

    if (f->kind == IPC_TEXT)
        return *(const char *const *)at ? strlen(*(const char *const *)at) + 1 : 0;
    return f->kind == IPC_BYTES ? ((const struct ipc_bytes *)at)->len : 0;
}

/* Points the field of a copy to `room`, where its content goes. */
static void move_outside(const struct ipc_field *f, void *copy, char *room, size_t len)
{
    void *at = (char *)copy + f->offset;

    if (f->kind == IPC_TEXT && *(const char **)at) {
        memcpy(room, *(const char **)at, len);
        *(const char **)at = room;
    } else if (f->kind == IPC_BYTES) {
        struct ipc_bytes *b = at;

        if (len)
            memcpy(room, b->data, len);
        b->data = (const uint8_t *)room;
    }
}

size_t ipc_outside(const struct ipc_message *m, const void *value)
{
    size_t size = 0;

    for (size_t i = 0; i < m->n_fields; i++)
        size += outside(&m->fields[i], value);
    return size;
}

void *ipc_dup(const struct ipc_message *m, const void *value)
{
    size_t size = m->size + ipc_outside(m, value);
    char *copy, *room;

    copy = malloc(size ? size : 1);
    if (!copy)
        return NULL;
    memcpy(copy, value, m->size);
    room = copy + m->size;
    for (size_t i = 0; i < m->n_fields; i++) {
        size_t len = outside(&m->fields[i], value);

        move_outside(&m->fields[i], copy, room, len);
        room += len;
    }
    return copy;
}
