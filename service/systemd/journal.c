/* Records to journald by sd_journal_sendv(3).
 *
 * MESSAGE is the sentence with the fields behind it, so that plain `journalctl` tells as much as
 * stderr would; the fields stand beside it under their own names, so that `journalctl
 * EVENT=worker-died` finds them. */
#define SD_JOURNAL_SUPPRESS_LOCATION /* of this file, which says nothing about the event */

#include "service/systemd/journal.h"

#include "engine/base/buf.h"
#include "engine/base/log.h"

#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>

#define FIELDS_MAX 24 /* log.c gives at most 16 */

static const char *journal_role;

static const struct {
    const char *event, *id;
} ids[] = {
    {"started", "5e0c7b0f0c1e4b4f9a52e8f6a1d3c001"},
    {"stopped", "5e0c7b0f0c1e4b4f9a52e8f6a1d3c002"},
    {"config-rejected", "5e0c7b0f0c1e4b4f9a52e8f6a1d3c003"},
    {"config-applied", "5e0c7b0f0c1e4b4f9a52e8f6a1d3c004"},
    {"database-down", "5e0c7b0f0c1e4b4f9a52e8f6a1d3c005"},
    {"database-up", "5e0c7b0f0c1e4b4f9a52e8f6a1d3c006"},
    {"worker-died", "5e0c7b0f0c1e4b4f9a52e8f6a1d3c007"},
    {"worker-hung", "5e0c7b0f0c1e4b4f9a52e8f6a1d3c008"},
    {"visit-failed", "5e0c7b0f0c1e4b4f9a52e8f6a1d3c009"},
    {"script-failed", "5e0c7b0f0c1e4b4f9a52e8f6a1d3c00a"},
};

const char *journal_message_id(const char *event)
{
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (strcmp(ids[i].event, event) == 0)
            return ids[i].id;
    return NULL;
}

struct entry {
    struct iovec iov[FIELDS_MAX];
    struct buf text; /* all values, one behind the other; NUL between */
    size_t starts[FIELDS_MAX], n;
};

static void entry_add(struct entry *e, const char *key, const char *value)
{
    if (e->n == FIELDS_MAX)
        return;
    e->starts[e->n++] = e->text.len;
    buf_printf(&e->text, "%s=%s", key, value);
    buf_char(&e->text, 0);
}

static void entry_add_message(struct entry *e, const char *sentence, const struct log_field *fields,
                              size_t n)
{
    e->starts[e->n++] = e->text.len;
    buf_printf(&e->text, "MESSAGE=%s", sentence);
    for (size_t i = 0; i < n; i++) {
        buf_str(&e->text, i ? " " : " [");
        for (const char *p = fields[i].key; *p; p++)
            buf_char(&e->text, (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p));
        buf_printf(&e->text, "=%s", fields[i].value);
    }
    if (n)
        buf_char(&e->text, ']');
    buf_char(&e->text, 0);
}

/* Pointers come last: the buffer moves while it grows. */
static void entry_send(struct entry *e)
{
    if (e->text.failed)
        return;
    for (size_t i = 0; i < e->n; i++) {
        char *start = e->text.data + e->starts[i];

        e->iov[i] = (struct iovec){start, strlen(start)};
    }
    sd_journal_sendv(e->iov, (int)e->n);
}

static void journal_sink(int priority, const char *sentence, const struct log_field *fields,
                         size_t n_fields)
{
    struct entry e = {0};
    char level[2] = {(char)('0' + priority), 0};

    entry_add_message(&e, sentence, fields, n_fields);
    entry_add(&e, "PRIORITY", level);
    entry_add(&e, "SYSLOG_IDENTIFIER", "musterd");
    entry_add(&e, "MUSTER_ROLE", journal_role);
    for (size_t i = 0; i < n_fields; i++) {
        entry_add(&e, fields[i].key, fields[i].value);
        if (strcmp(fields[i].key, "EVENT") == 0 && journal_message_id(fields[i].value))
            entry_add(&e, "MESSAGE_ID", journal_message_id(fields[i].value));
    }
    entry_send(&e);
    buf_done(&e.text);
}

/* systemd.exec(5): $JOURNAL_STREAM is "device:inode" of the stream that stdout or stderr is. */
bool journal_install(const char *role)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char here[64];
    struct stat st;

    if (!stream || fstat(STDERR_FILENO, &st) < 0)
        return false;
    snprintf(here, sizeof here, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    if (strcmp(here, stream) != 0)
        return false;
    journal_role = role;
    log_set_sink(journal_sink);
    return true;
}
