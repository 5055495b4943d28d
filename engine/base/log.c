/* The stderr sink and the level filter.  See log.h for the contract. */
#include "engine/base/log.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 16

static void stderr_sink(int priority, const char *sentence, const struct log_field *fields,
                        size_t n_fields);

static struct {
    log_sink sink;
    const char *tag;
    int level;
} log_state = {stderr_sink, NULL, LOG_INFO};

void log_set_level(int priority)
{
    log_state.level = priority;
}

int log_level(void)
{
    return log_state.level;
}

void log_set_sink(log_sink sink)
{
    log_state.sink = sink ? sink : stderr_sink;
}

void log_set_tag(const char *tag)
{
    log_state.tag = tag;
}

static void stderr_sink(int priority, const char *sentence, const struct log_field *fields,
                        size_t n_fields)
{
    char line[2048];
    size_t n = 0;

    if (getenv("JOURNAL_STREAM"))
        n += (size_t)snprintf(line, sizeof line, "<%d>", priority);
    if (log_state.tag)
        n += (size_t)snprintf(line + n, sizeof line - n, "%s: ", log_state.tag);
    n += (size_t)snprintf(line + n, sizeof line - n, "%s", sentence);
    for (size_t i = 0; i < n_fields && n < sizeof line; i++) {
        size_t len;

        n += (size_t)snprintf(line + n, sizeof line - n, "%s", i ? " " : " [");
        for (len = 0; fields[i].key[len] && n < sizeof line - 1; len++)
            line[n++] = (char)tolower((unsigned char)fields[i].key[len]);
        if (n < sizeof line)
            n += (size_t)snprintf(line + n, sizeof line - n, "=%s%s", fields[i].value,
                                  i + 1 == n_fields ? "]" : "");
    }
    line[sizeof line - 1] = 0;
    fprintf(stderr, "%s\n", line);
}

void log_event_(int priority, const char *sentence, ...)
{
    struct log_field fields[FIELDS_MAX];
    const char *key;
    size_t n = 0;
    va_list ap;

    if (priority > log_state.level)
        return;
    va_start(ap, sentence);
    while (n < FIELDS_MAX && (key = va_arg(ap, const char *))) {
        const char *value = va_arg(ap, const char *);

        if (value)
            fields[n++] = (struct log_field){key, value};
    }
    va_end(ap);
    log_state.sink(priority, sentence, fields, n);
}

void log_debug(const char *fmt, ...)
{
    char line[1024];
    va_list ap;

    if (log_state.level < LOG_DEBUG)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    log_state.sink(LOG_DEBUG, line, NULL, 0);
}
