/* Reading and writing of times and spans.  Pure: the clock itself is in engine/loop. */
#include "engine/base/time.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct unit {
    const char *name;
    usec_t usec;
} units[] = {
    {"w", 7 * 86400 * USEC_PER_SEC},
    {"d", 86400 * USEC_PER_SEC},
    {"h", 3600 * USEC_PER_SEC},
    {"ms", USEC_PER_MSEC},
    {"m", 60 * USEC_PER_SEC},
    {"s", USEC_PER_SEC},
    {"us", 1},
};

const char *time_format(usec_t wall, char buf[TIME_TEXT_MAX])
{
    time_t s = (time_t)(wall / USEC_PER_SEC);
    struct tm tm;
    size_t n;

    if (!gmtime_r(&s, &tm))
        memset(&tm, 0, sizeof tm);
    n = strftime(buf, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf + n, TIME_TEXT_MAX - n, ".%03uZ", (unsigned)(wall % USEC_PER_SEC / USEC_PER_MSEC));
    return buf;
}

int time_parse(const char *text, usec_t *ret_wall)
{
    struct tm tm = {0};
    const char *p = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    usec_t fraction = 0;
    usec_t digit = USEC_PER_SEC / 10;
    time_t s;

    if (!p)
        return -EINVAL;
    if (*p == '.') {
        for (p++; isdigit((unsigned char)*p); p++, digit /= 10)
            fraction += digit * (usec_t)(*p - '0');
    }
    if (strcmp(p, "Z") != 0 && strcmp(p, "+00:00") != 0)
        return -EINVAL;
    s = timegm(&tm);
    if (s < 0)
        return -EINVAL;
    *ret_wall = (usec_t)s * USEC_PER_SEC + fraction;
    return 0;
}

static const struct unit *unit_find(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i].name) == len && strncmp(units[i].name, name, len) == 0)
            return &units[i];
    return NULL;
}

/* One "NUMBER UNIT" of a span; *p moves behind it. */
static int span_term(const char **p, usec_t *ret)
{
    char *end;
    double value;
    size_t len = 0;
    const struct unit *u;

    if (!isdigit((unsigned char)**p))
        return -EINVAL;
    value = strtod(*p, &end);
    while (isalpha((unsigned char)end[len]))
        len++;
    u = len ? unit_find(end, len) : unit_find("s", 1);
    if (!u)
        return -EINVAL;
    value *= (double)u->usec;
    if (value > 1e17)
        return -ERANGE;
    *ret = (usec_t)value;
    *p = end + len;
    return 0;
}

int span_parse(const char *text, usec_t *ret)
{
    usec_t sum = 0;

    do {
        usec_t term = 0;
        int r = span_term(&text, &term);

        if (r < 0)
            return r;
        sum += term;
        while (*text == ' ')
            text++;
    } while (*text);
    *ret = sum;
    return 0;
}

const char *span_format(usec_t span, char buf[TIME_TEXT_MAX])
{
    static const struct unit steps[] = {
        {"d", 86400 * USEC_PER_SEC}, {"h", 3600 * USEC_PER_SEC}, {"m", 60 * USEC_PER_SEC},
        {"s", USEC_PER_SEC},         {"ms", USEC_PER_MSEC},      {"us", 1},
    };
    size_t n = 0;
    int parts = 0;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && parts < 2; i++) {
        usec_t count = span / steps[i].usec;

        if (!count)
            continue;
        n += (size_t)snprintf(buf + n, TIME_TEXT_MAX - n, "%llu%s", (unsigned long long)count,
                              steps[i].name);
        span -= count * steps[i].usec;
        parts++;
    }
    if (!parts)
        snprintf(buf, TIME_TEXT_MAX, "0s");
    return buf;
}
