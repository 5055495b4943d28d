/* What one item of a pattern says of one character: shared by the matcher that can stop and the
 * quick one, so that they cannot differ. */
#pragma once

#include <ctype.h>
#include <stdbool.h>

#define ESCAPE '%'

static inline bool in_class(int c, int class)
{
    int in;

    switch (class | ('a' - 'A')) {
    case 'a':
        in = isalpha(c);
        break;
    case 'c':
        in = iscntrl(c);
        break;
    case 'd':
        in = isdigit(c);
        break;
    case 'g':
        in = isgraph(c);
        break;
    case 'l':
        in = islower(c);
        break;
    case 'p':
        in = ispunct(c);
        break;
    case 's':
        in = isspace(c);
        break;
    case 'u':
        in = isupper(c);
        break;
    case 'w':
        in = isalnum(c);
        break;
    case 'x':
        in = isxdigit(c);
        break;
    case 'z': /* of Lua 5.1; 5.4 still knows it */
        in = c == 0;
        break;
    default:
        return class == c;
    }
    return class >= 'a' ? in : !in;
}

/* p: the set's '[', last: its ']'. */
static inline bool in_set(int c, const char *p, const char *last)
{
    bool found = p[1] != '^';

    if (!found)
        p++;
    while (++p < last) {
        unsigned char first = (unsigned char)*p;

        if (first == ESCAPE) {
            if (in_class(c, (unsigned char)*++p))
                return found;
        } else if (p[1] == '-' && p + 2 < last) {
            p += 2;
            if (first <= c && c <= (unsigned char)*p)
                return found;
        } else if (first == c) {
            return found;
        }
    }
    return !found;
}

static inline bool is_one(int c, const char *item, const char *item_end)
{
    switch (*item) {
    case '.':
        return true;
    case ESCAPE:
        return in_class(c, (unsigned char)item[1]);
    case '[':
        return in_set(c, item, item_end - 1);
    default:
        return (unsigned char)*item == c;
    }
}
