/* Filters of listings.  What is typed is mostly copied from somewhere: a port as Muster's own
 * tables write it (22/tcp) or its changes do (tcp/22), a MAC address as a switch shows it. */
#include "service/cli/filter.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool mac_text(const char *text, char ret[MAC_TEXT_MAX])
{
    size_t len = strlen(text), digits = 0;
    bool dots = len == 14 && text[4] == '.' && text[9] == '.';
    char sep = len == 17 ? text[2] : 0;

    if (!dots && sep != ':' && sep != '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (dots ? i == 4 || i == 9 : i % 3 == 2) {
            if (text[i] != (dots ? '.' : sep))
                return false;
            continue;
        }
        if (!isxdigit((unsigned char)text[i]))
            return false;
        if (digits && digits % 2 == 0)
            ret[digits + digits / 2 - 1] = ':';
        ret[digits + digits / 2] = (char)tolower((unsigned char)text[i]);
        digits++;
    }
    ret[17] = '\0';
    return true;
}

/* Backslash, % and _ stand for themselves.  False: it does not fit, and a part of it would find
 * more. */
static bool filter_pattern(struct filter *f, const char *text)
{
    size_t n = 0;

    f->text[n++] = '%';
    for (; *text && n + 4 < sizeof f->text; text++) {
        if (strchr("\\%_", *text))
            f->text[n++] = '\\';
        f->text[n++] = *text;
    }
    f->text[n++] = '%';
    f->text[n] = '\0';
    f->pattern = f->text;
    return !*text;
}

static bool is_number(const char *text, size_t len)
{
    return len && strspn(text, "0123456789") == len;
}

static bool is_protocol(const char *text, size_t len)
{
    return len == 3 && (strncmp(text, "tcp", 3) == 0 || strncmp(text, "udp", 3) == 0);
}

/* "22", "22/tcp" and "tcp/22".  False: it does not look like a port. */
static bool filter_port(struct filter *f, const char *text)
{
    size_t first = strcspn(text, "/");
    const char *second = text[first] ? text + first + 1 : NULL;
    bool before = second && is_protocol(text, first) && is_number(second, strlen(second));
    const char *number = before ? second : text;

    if (!before && (!is_number(text, first) || (second && !is_protocol(second, strlen(second)))))
        return false;
    snprintf(f->text, sizeof f->text, "%.*s", (int)strcspn(number, "/"), number);
    f->port = f->text;
    if (second) {
        snprintf(f->word, sizeof f->word, "%.3s", before ? text : second);
        f->protocol = f->word;
    }
    return true;
}

int filter_make(struct filter *f, const char *text, struct err *e)
{
    char mac[MAC_TEXT_MAX];
    struct prefix p;
    struct addr a;
    long port;

    *f = (struct filter){0};
    if (!text)
        return 0;
    if (addr_parse(text, &a) == 0 || prefix_parse(text, &p, e) == 0) {
        f->network = text;
        return 0;
    }
    snprintf(f->text, sizeof f->text, "%.*s", (int)strcspn(text, "/"), text);
    if (strchr(text, '/') && addr_parse(f->text, &a) == 0)
        return -EINVAL;
    if (filter_port(f, text)) {
        port = strlen(f->port) < 6 ? strtol(f->port, NULL, 10) : 0;
        if (port >= 1 && port <= 65535)
            return 0;
        if (f->protocol)
            return err_set(e, -EINVAL, "'%.80s': expected a port from 1 to 65535", text);
        f->port = NULL; /* a number of something else */
    }
    if (!filter_pattern(f, mac_text(text, mac) ? mac : text))
        return err_set(e, -EINVAL, "'%.40s...': longer than a filter may be", text);
    return 0;
}
