/* Escaping and comparing of foreign text.  See text.h. */
#include "engine/base/text.h"

#include <string.h>

/* Length of the UTF-8 sequence at s (RFC 3629), 0 when there is none. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
    size_t n = s[0] < 0x80   ? 1
               : s[0] < 0xc2 ? 0
               : s[0] < 0xe0 ? 2
               : s[0] < 0xf0 ? 3
               : s[0] < 0xf5 ? 4
                             : 0;

    if (!n || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

bool text_is_utf8(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;

    for (size_t i = 0; i < len;) {
        size_t n = p[i] ? utf8_len(p + i, len - i) : 0;

        if (!n)
            return false;
        i += n;
    }
    return true;
}

void text_escape_binary(struct buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];

        if ((c >= 0x20 && c < 0x7f) || c == '\t' || c == '\r' || c == '\n')
            buf_char(out, s[i]);
        else
            buf_printf(out, "\\x%02X", c);
    }
}

#define EACH(byte) (0x0101010101010101ULL * (byte))

/* Non-zero when one of the eight bytes is 0. */
static uint64_t has_zero(uint64_t word)
{
    return (word - EACH(1)) & ~word & EACH(0x80);
}

/* Non-zero when one of the eight bytes is, or may be, none of text_plain_len(). */
static uint64_t has_special(uint64_t word)
{
    uint64_t low = (word - EACH(0x20)) & ~word; /* below a space, or behind such a byte */

    return ((word | low) & EACH(0x80)) | has_zero(word ^ EACH(0x7f)) | has_zero(word ^ EACH('"')) |
           has_zero(word ^ EACH('\\'));
}

size_t text_plain_len(const char *s, size_t left)
{
    size_t n = 0;
    uint64_t word;

    for (; left - n >= sizeof word; n += sizeof word) {
        memcpy(&word, s + n, sizeof word);
        if (has_special(word))
            break;
    }
    while (n < left && s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
        n++;
    return n;
}

/* How many bytes from here on stand for themselves: nearly always all. */
static size_t unescaped_len(const char *s, size_t left)
{
    size_t n = 0;

    do
        n += text_plain_len(s + n, left - n);
    while (n < left && s[n] && strchr("\"\\\t\n", s[n]) && ++n);
    return n;
}

void text_escape_utf8(struct buf *out, const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;

    for (size_t i = 0; i < len;) {
        size_t plain = unescaped_len(s + i, len - i), n;
        bool control;

        buf_add(out, s + i, plain);
        i += plain;
        if (i == len)
            return;
        n = utf8_len(p + i, len - i);
        control = n == 1 || (n == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0 /* C1 */);
        if (!n || control) {
            buf_printf(out, "\\x%02X", p[i]);
            i++;
        } else {
            buf_add(out, s + i, n);
            i += n;
        }
    }
}

unsigned text_distance(const char *a, const char *b, unsigned max)
{
    size_t la = strlen(a), lb = strlen(b);
    unsigned row[65];

    if (la > 64 || lb > 64)
        return max;
    for (size_t j = 0; j <= lb; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= la; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned up = row[j];
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);

            best = best < up + 1 ? best : up + 1;
            best = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
            row[j] = best;
            diagonal = up;
        }
    }
    return row[lb] < max ? row[lb] : max;
}
