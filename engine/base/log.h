/* Logging: one fixed sentence and named fields, so that both a person and `journalctl EVENT=x` can
 * read it.
 *
 * The engine logs at LOG_DEBUG only; the service logs each failure once, where it is handled.  By
 * default records go to stderr as "<N>sentence [key=value ...]" (the prefix only when stderr is the
 * journal); service/systemd puts a journal sink in place.  The sink is the one global of the code
 * base. */
#pragma once

#include <stddef.h>
#include <syslog.h> /* LOG_ERR ... LOG_DEBUG */

struct log_field {
    const char *key;   /* upper case, as the journal wants it */
    const char *value; /* UTF-8 or escaped; never a secret */
};

/* Receives every record at or above the level.  Must not log itself. */
typedef void (*log_sink)(int priority, const char *sentence, const struct log_field *fields,
                         size_t n_fields);

/* Records less important than `priority` are dropped (default LOG_INFO). */
void log_set_level(int priority);
int log_level(void);

/* NULL restores the stderr sink. */
void log_set_sink(log_sink sink);

/* A name in front of each stderr line, such as a role; NULL for none.  Not copied. */
void log_set_tag(const char *tag);

/* log_event(LOG_WARNING, "sentence", "KEY", value, "KEY2", value2): pairs of const char *; NULL
 * values are left out. */
#define log_event(priority, ...) log_event_(priority, __VA_ARGS__, (const char *)NULL)
void log_event_(int priority, const char *sentence, ...) __attribute__((sentinel));

/* For debug lines of the engine only. */
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
