/* PostgreSQL's text formats.  Columns are read as text: the volumes are small, and text is the one
 * format that can be read in a log.  The server is trusted, but a wrong column must not crash us.
 */
#include "service/store/decode.h"

#include "engine/base/text.h"

#include <errno.h>
#include <string.h>

int pg_time_parse(const char *text, usec_t *ret_wall)
{
    char copy[PG_TIME_MAX];
    size_t len = strlen(text);

    if (len < 22 || len + 1 >= sizeof copy || text[10] != ' ' || strcmp(text + len - 3, "+00") != 0)
        return -EINVAL;
    memcpy(copy, text, len + 1);
    copy[10] = 'T';
    copy[len - 3] = 'Z';
    copy[len - 2] = 0;
    return time_parse(copy, ret_wall);
}

const char *pg_time_format(usec_t wall, char buf[PG_TIME_MAX])
{
    char text[TIME_TEXT_MAX];

    time_format(wall, text); /* "2026-01-01T00:00:00.000Z" */
    snprintf(buf, PG_TIME_MAX, "%.19s.%06u+00", text, (unsigned)(wall % USEC_PER_SEC));
    return buf;
}

int pg_inet_parse(const char *text, struct addr *ret)
{
    char copy[ADDR_TEXT_MAX];
    struct addr a;
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);

    if (len >= sizeof copy)
        return -EINVAL;
    memcpy(copy, text, len);
    copy[len] = 0;
    if (addr_parse(copy, &a) < 0)
        return -EINVAL;
    if (slash && strcmp(slash, a.family == ADDR_V4 ? "/32" : "/128") != 0)
        return -EINVAL;
    *ret = a;
    return 0;
}

/* A quoted item; *pos stands behind the opening quote. */
static enum pg_array quoted(const char *text, size_t *pos, struct buf *item)
{
    for (size_t i = *pos; text[i]; i++) {
        if (text[i] == '"') {
            *pos = i + 1;
            return PG_ARRAY_ITEM;
        }
        if (text[i] == '\\' && !text[++i])
            break;
        buf_char(item, text[i]);
    }
    return PG_ARRAY_BAD;
}

static enum pg_array bare(const char *text, size_t *pos, struct buf *item)
{
    size_t len = strcspn(text + *pos, ",{}\"\\");
    const char *at = text + *pos;

    *pos += len;
    if (!len || (text[*pos] != ',' && text[*pos] != '}'))
        return PG_ARRAY_BAD;
    if (len == 4 && strncmp(at, "NULL", 4) == 0)
        return PG_ARRAY_NULL;
    buf_add(item, at, len);
    return PG_ARRAY_ITEM;
}

enum pg_array pg_array_next(const char *text, size_t *pos, struct buf *item)
{
    bool first = *pos == 0;

    buf_clear(item);
    if (first) {
        if (text[0] != '{')
            return PG_ARRAY_BAD;
        *pos = 1;
    }
    if (text[*pos] == '}')
        return text[*pos + 1] ? PG_ARRAY_BAD : PG_ARRAY_END;
    if (!first) {
        if (text[*pos] != ',')
            return PG_ARRAY_BAD;
        (*pos)++;
    }
    if (text[*pos] == '"') {
        (*pos)++;
        return quoted(text, pos, item);
    }
    return bare(text, pos, item);
}

void pg_array_open(struct buf *b)
{
    buf_char(b, '{');
}

void pg_array_close(struct buf *b)
{
    buf_char(b, '}');
}

static void separate(struct buf *b)
{
    if (b->len && b->data[b->len - 1] != '{')
        buf_char(b, ',');
}

void pg_array_text(struct buf *b, const char *s, size_t len)
{
    separate(b);
    buf_char(b, '"');
    for (size_t i = 0, plain; i < len; i += plain ? plain : 1) {
        plain = text_plain_len(s + i, len - i);
        if (s[i] == '"' || s[i] == '\\')
            buf_char(b, '\\');
        buf_add(b, s + i, plain ? plain : 1);
    }
    buf_char(b, '"');
}

void pg_array_null(struct buf *b)
{
    separate(b);
    buf_str(b, "NULL");
}

void pg_array_word(struct buf *b, const char *s)
{
    separate(b);
    buf_str(b, s);
}

void pg_array_plain(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    separate(b);
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

/* Dimensions (1; 0 when there is nothing), whether there are NULLs, the type of the items; then of
 * the one dimension how many there are, and the number of the first. */
enum { BINARY_EMPTY = 12, BINARY_HEAD = 20 };

static void put32(uint8_t *to, uint32_t v)
{
    to[0] = (uint8_t)(v >> 24);
    to[1] = (uint8_t)(v >> 16);
    to[2] = (uint8_t)(v >> 8);
    to[3] = (uint8_t)v;
}

void pg_binary_open(struct buf *b, uint32_t type)
{
    uint8_t head[BINARY_HEAD] = {0};

    put32(head, 1);
    put32(head + 8, type);
    put32(head + 16, 1);
    buf_add(b, head, sizeof head);
}

void pg_binary_close(struct buf *b)
{
    size_t item;
    uint8_t *data = (uint8_t *)b->data;

    if (b->failed)
        return;
    if (b->len == BINARY_HEAD) {
        put32(data, 0);
        b->len = BINARY_EMPTY;
        return;
    }
    item = 4 + ((size_t)data[BINARY_HEAD + 2] << 8 | data[BINARY_HEAD + 3]); /* all are as long */
    put32(data + 12, (uint32_t)((b->len - BINARY_HEAD) / item));
}

void pg_binary_int4(struct buf *b, int32_t v)
{
    uint8_t item[8];

    put32(item, 4);
    put32(item + 4, (uint32_t)v);
    buf_add(b, item, sizeof item);
}

void pg_binary_uuid(struct buf *b, const uint8_t uuid[16])
{
    uint8_t item[20];

    put32(item, 16);
    memcpy(item + 4, uuid, 16);
    buf_add(b, item, sizeof item);
}
