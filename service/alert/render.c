/* Bodies of webhooks.
 *
 * Most strings of an event came from the network.  Whoever shows them (a chat, a mail, a terminal)
 * must not be led astray by what is in them, so they go out without characters that steer: C0 and
 * C1 controls, bidirectional marks, zero-width and tag characters.  Those become readable escapes,
 * which also keeps two strings apart that only look the same. The work is done on the JSON text
 * itself: no tree is built, key order and numbers stay as the database wrote them. */
#include "service/alert/render.h"

#include <ctype.h>
#include <string.h>

static const struct range {
    uint32_t first, last;
} unsafe[] = {
    {0x00, 0x08},       {0x0b, 0x1f},       {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},
    {0x115f, 0x1160},   {0x180e, 0x180e},   {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
    {0x3164, 0x3164},   {0xd800, 0xdfff},   {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb},
    {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

static bool is_unsafe(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_LEN(unsafe); i++)
        if (c >= unsafe[i].first && c <= unsafe[i].last)
            return true;
    return false;
}

static void put_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_char(out, (char)c);
    } else if (c < 0x800) {
        buf_char(out, (char)(0xc0 | c >> 6));
        buf_char(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_char(out, (char)(0xe0 | c >> 12));
        buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_char(out, (char)(0xf0 | c >> 18));
        buf_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

static void put_char(struct buf *out, uint32_t c)
{
    if (c == '\n')
        buf_str(out, "\\n");
    else if (c == '\t')
        buf_str(out, "\\t");
    else if (c == '"' || c == '\\')
        buf_printf(out, "\\%c", (char)c);
    else if (is_unsafe(c))
        buf_printf(out, c > 0xffff ? "\\\\U%08x" : "\\\\u%04x", c);
    else
        put_utf8(out, c);
}

/* One character of UTF-8; a byte that is none comes as a surrogate 0xDC80..0xDCFF, which is unsafe
 * and so becomes visible. */
static uint32_t take_utf8(const char **p, const char *end)
{
    const unsigned char *s = (const unsigned char *)*p;
    size_t left = (size_t)(end - *p);
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
               : s[0] >= 0xe0                ? 3
               : s[0] >= 0xc2                ? 2
                                             : 0;
    uint32_t c = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));

    if (s[0] >= 0xf5)
        n = 0;
    for (size_t i = 1; i < n; i++) {
        if (i >= left || (s[i] & 0xc0) != 0x80) {
            n = 0;
            break;
        }
        c = c << 6 | (s[i] & 0x3f);
    }
    if ((n == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
        (n == 4 && (c < 0x10000 || c > 0x10ffff)))
        n = 0;
    *p += n ? n : 1;
    return n ? c : 0xdc00u | s[0];
}

static bool take_hex(const char **p, const char *end, uint32_t *ret)
{
    uint32_t v = 0;

    if (end - *p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)(*p)[i];

        if (!isxdigit(c))
            return false;
        v = v << 4 | (uint32_t)(isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    *p += 4;
    *ret = v;
    return true;
}

/* Behind a backslash. */
static uint32_t take_escape(const char **p, const char *end)
{
    static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
    const char *at;
    uint32_t high, low;
    char c;

    if (*p == end)
        return '\\';
    c = *(*p)++;
    if (c != 'u') {
        at = strchr(names, c);
        return c && at ? (unsigned char)values[at - names] : (unsigned char)c;
    }
    if (!take_hex(p, end, &high))
        return 'u';
    if (high >= 0xd800 && high < 0xdc00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        const char *after = *p + 2;

        if (take_hex(&after, end, &low) && low >= 0xdc00 && low < 0xe000) {
            *p = after;
            return 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
        }
    }
    return high;
}

enum { QUOTED, BARE };

/* Writes one string; *p stands behind the opening quote (QUOTED: up to the closing one, escapes are
 * read). */
static void put_string(struct buf *out, const char **p, const char *end, int form)
{
    size_t n = 0;

    buf_char(out, '"');
    while (*p < end && !(form == QUOTED && **p == '"')) {
        uint32_t c;

        if (form == QUOTED && **p == '\\') {
            (*p)++;
            c = take_escape(p, end);
        } else {
            c = take_utf8(p, end);
        }
        if (n < RENDER_STRING_MAX)
            put_char(out, c);
        else if (n == RENDER_STRING_MAX)
            buf_str(out, "...");
        n++;
    }
    if (*p < end && form == QUOTED)
        (*p)++;
    buf_char(out, '"');
}

void render_json_safe(struct buf *out, const char *json, size_t len)
{
    const char *end = json + len;

    while (json < end) {
        char c = *json++;

        if (c == '"')
            put_string(out, &json, end, QUOTED);
        else
            buf_char(out, c);
    }
}

void render_string(struct buf *out, const char *text)
{
    put_string(out, &text, text + strlen(text), BARE);
}

void render_text(struct buf *out, const char *text, size_t max)
{
    const char *end = text + strlen(text);

    for (size_t n = 0; text < end; n++) {
        uint32_t c = take_utf8(&text, end);

        if (n == max) {
            buf_str(out, "...");
            return;
        }
        if (c == '\n' || c == '\t')
            buf_char(out, ' ');
        else if (is_unsafe(c))
            buf_printf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
        else
            put_utf8(out, c);
    }
}

void render_webhook(struct buf *out, const struct render_event *e)
{
    buf_str(out, "{\"type\":");
    render_string(out, e->type);
    buf_str(out, ",\"timestamp\":");
    render_string(out, e->timestamp);
    buf_str(out, ",\"data\":");
    render_json_safe(out, e->data, e->len);
    buf_char(out, '}');
}
