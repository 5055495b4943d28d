/* An event, or a group of events, taken apart for those who show it to people.
 *
 * Single event: data as inv.tell() writes it (docs/alerts.md).  Group: data has `events`, an array
 * of such objects, and beside it the title, the counts and how many were left out. */
#pragma once

#include "engine/base/buf.h"
#include "engine/base/time.h"
#include "service/alert/render.h"
#include "service/config/template.h"

#include <cjson/cJSON.h>

enum severity {
    SEVERITY_DEBUG,
    SEVERITY_INFO,
    SEVERITY_WARNING,
    SEVERITY_HIGH,
    SEVERITY_CRITICAL,
    SEVERITY_MAX
};

struct message {
    const char *id; /* stable over every attempt */
    struct render_event raw;
    cJSON *tree;         /* of raw.data */
    const cJSON *events; /* NULL: a single event */
    size_t n_events;     /* that can be shown: 1 for a single one */
    size_t n_left_out;   /* that the group counts and does not hold */
    enum severity severity;
    bool resolved;
    usec_t now; /* wall clock as it is sent, set by the caller after message_open(); 0: not known */
};

/* -EINVAL: data is no JSON object (or there is no memory for it).  raw's texts are borrowed. */
int message_open(struct message *m, const char *id, const struct render_event *raw) MUST_USE;
void message_done(struct message *m);

/* The index-th event; for a single one its data. */
const cJSON *message_event(const struct message *m, size_t index);

/* A field as plain text of one line, safe to show (no characters that steer), at most `max`
 * characters; nothing where the message does not say.  event: one of message_event(), or NULL: of
 * the message as a whole. */
void message_field(struct buf *out, const struct message *m, const cJSON *event,
                   enum template_field field, size_t max);

/* What each event tells beside its summary: asset, where, old, new, since when, how sure,
 * evidence. */
struct message_fact {
    const char *label;
    enum template_field field;
};
extern const struct message_fact message_facts[];
extern const size_t message_n_facts;

/* All of it in one line: "tcp/8443 opened on 192.0.2.17; was ...; now ...; since ...". */
void message_line(struct buf *out, const struct message *m, const cJSON *event, size_t max);

/* "... and 12 more", for events beyond the first `shown`; nothing when there are none. */
void message_rest(struct buf *out, const struct message *m, size_t shown);

const char *message_severity_name(enum severity s);
/* A text of data, or "". */
const char *message_text(const cJSON *object, const char *key);
