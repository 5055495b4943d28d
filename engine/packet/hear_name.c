/* Names of DNS kind.  Each jump must lead to before the place where the present run of labels
 * began, so a name ends after finitely many steps whatever the message says; the length limit of
 * RFC 1035 bounds the labels, and no honest sender needs more than a few jumps. */
#include "engine/packet/hear_name.h"

#include <string.h>
#include <strings.h>

enum { LABEL_MAX = 63, JUMPS_MAX = 16 };

static bool add_label(struct hear_name *n, struct rbuf *at, uint8_t len)
{
    const uint8_t *p = rbuf_bytes(at, len);
    size_t dot = n->len ? 1 : 0;

    /* The text is two bytes shorter than the name on the wire: its first length, and the root. */
    if (!p || n->len + dot + len > HEAR_NAME_MAX - 2)
        return false;
    if (dot)
        n->text[n->len++] = '.';
    else
        n->first_len = len;
    memcpy(n->text + n->len, p, len);
    n->len += len;
    return true;
}

/* Moves `at` to where the pointer leads, *start becoming the bound of the next one. */
static bool jump(struct rbuf *at, uint8_t high, size_t *start)
{
    size_t to = (size_t)(high & LABEL_MAX) << 8 | rbuf_u8(at);

    if (at->bad || to >= *start)
        return false;
    *start = at->pos = to;
    return true;
}

bool hear_name_read(struct rbuf *b, struct hear_name *ret)
{
    struct hear_name n = {0};
    struct rbuf at = *b;
    size_t start = b->pos, end = 0;
    unsigned jumps = 0;
    bool ok = !b->bad;

    while (ok && (rbuf_left(&at) || end)) {
        uint8_t len = rbuf_u8(&at);

        if (at.bad || len == 0)
            break;
        if (len > LABEL_MAX && !end)
            end = at.pos + 1;
        if (len >= 0xc0)
            ok = ++jumps <= JUMPS_MAX && jump(&at, len, &start);
        else
            ok = len <= LABEL_MAX && add_label(&n, &at, len);
    }
    if (!ok || at.bad) {
        b->bad = true;
        return false;
    }
    b->pos = end ? end : at.pos;
    n.text[n.len] = '\0';
    *ret = n;
    return true;
}

bool hear_name_ends(const struct hear_name *n, const char *suffix)
{
    size_t len = strlen(suffix);

    return n->len > len && !strncasecmp(n->text + n->len - len, suffix, len);
}
