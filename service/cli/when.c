/* Times as people type them: what stands in a table is copied into a command line, with or without
 * its zone, and "yesterday" is said more often than a date. */
#include "service/cli/when.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

static bool is_digits(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isdigit((unsigned char)p[i]))
            return false;
    return true;
}

/* "11-30", as narrow tables show it: the last one that there was. */
static bool month_read(const char **p, struct tm *tm)
{
    struct tm date = *tm;

    if (!is_digits(*p, 2) || (*p)[2] != '-' || !is_digits(*p + 3, 2) ||
        !strptime(*p, "%m-%d", &date))
        return false;
    if (date.tm_mon > tm->tm_mon || (date.tm_mon == tm->tm_mon && date.tm_mday > tm->tm_mday))
        date.tm_year--;
    *tm = date;
    *p += 5;
    return true;
}

/* The day: a date, "today" or "yesterday".  *p moves behind it, or stays where there is a clock
 * alone, which is today's. */
static void day_read(const char **p, struct tm *tm)
{
    static const struct {
        const char *word;
        int back;
    } words[] = {{"today", 0}, {"yesterday", 1}};
    struct tm date = *tm;
    const char *end = strptime(*p, "%Y-%m-%d", &date);

    if (end) {
        *tm = date;
        *p = end;
        return;
    }
    if (month_read(p, tm))
        return;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t len = strlen(words[i].word);

        if (strncmp(*p, words[i].word, len) == 0 && !isalnum((unsigned char)(*p)[len])) {
            tm->tm_mday -= words[i].back;
            *p += len;
            return;
        }
    }
}

/* "15:30", ":20" and a fraction if they are there. */
static int clock_read(const char **p, struct tm *tm, usec_t *ret_fraction)
{
    const char *end = isdigit((unsigned char)**p) ? strptime(*p, "%H:%M", tm) : NULL;
    usec_t digit = USEC_PER_SEC / 10;

    if (end && *end == ':')
        end = isdigit((unsigned char)end[1]) ? strptime(end, ":%S", tm) : NULL;
    if (!end)
        return -EINVAL;
    if (*end == '.')
        for (end++; isdigit((unsigned char)*end); end++, digit /= 10)
            *ret_fraction += digit * (usec_t)(*end - '0');
    *p = end;
    return 0;
}

/* "Z", "+01:00" or "-0530", and nothing behind it; *ret is seconds east. */
static int zone_read(const char *p, long *ret)
{
    int hours, minutes;

    *ret = 0;
    if (strcmp(p, "Z") == 0)
        return 0;
    if ((*p != '+' && *p != '-') || !is_digits(p + 1, 2))
        return -EINVAL;
    hours = (p[1] - '0') * 10 + p[2] - '0';
    *ret = *p == '-' ? -3600L * hours : 3600L * hours;
    p += p[3] == ':' ? 4 : 3;
    if (!*p && p[-1] != ':')
        return 0;
    if (!is_digits(p, 2) || p[2])
        return -EINVAL;
    minutes = (p[0] - '0') * 10 + p[1] - '0';
    *ret += *ret < 0 ? -60L * minutes : 60L * minutes;
    return 0;
}

/* What is left behind the day: nothing, a clock, a clock and a zone. */
static int rest_read(const char *p, struct tm *tm, bool has_day, usec_t *ret_wall)
{
    struct tm given;
    usec_t fraction = 0;
    long east = 0;
    bool local;
    time_t t;

    tm->tm_hour = tm->tm_min = tm->tm_sec = 0;
    if (has_day && (*p == 'T' || *p == ' '))
        p++;
    else if (has_day && *p)
        return -EINVAL;
    if ((*p || !has_day) && clock_read(&p, tm, &fraction) < 0)
        return -EINVAL;
    local = !*p;
    if (!local && (!has_day || zone_read(p, &east) < 0))
        return -EINVAL;
    given = *tm;
    t = local ? mktime(tm) : timegm(tm);
    if (t < 0 || (given.tm_mday > 0 && tm->tm_mday != given.tm_mday) || t < east)
        return -EINVAL; /* the 31st of February is no day */
    *ret_wall = (usec_t)(t - east) * USEC_PER_SEC + fraction;
    return 0;
}

int when_parse(const char *text, usec_t now, usec_t *ret_wall)
{
    time_t seconds = (time_t)(now / USEC_PER_SEC);
    const char *p = text;
    struct tm tm;
    usec_t span;

    if (strcmp(text, "now") == 0) {
        *ret_wall = now;
        return 0;
    }
    if (span_parse(text, &span) == 0) {
        *ret_wall = now > span ? now - span : 0;
        return 0;
    }
    localtime_r(&seconds, &tm);
    tm.tm_isdst = -1;
    day_read(&p, &tm);
    return rest_read(p, &tm, p != text, ret_wall);
}
