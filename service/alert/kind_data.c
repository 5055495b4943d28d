/* Programs that read data: the generic webhook, CloudEvents, Splunk.  The data goes out as the
 * database wrote it, only with harmless strings; a group that is too large loses events from its
 * end, and `truncated` counts them. */
#include "service/alert/kind_priv.h"

#include <inttypes.h>
#include <string.h>

/* Of a group the first events; a single one loses what it was and is. */
static void shorten(struct request *r, cJSON *copy, const struct kind_call *c)
{
    const struct message *m = c->message;
    cJSON *events = cJSON_GetObjectItemCaseSensitive(copy, "events");

    cJSON_DeleteItemFromObjectCaseSensitive(copy, "truncated");
    if (!m->events) {
        cJSON_DeleteItemFromObjectCaseSensitive(copy, "old");
        cJSON_DeleteItemFromObjectCaseSensitive(copy, "new");
        put_bool(r, copy, "truncated", true);
        return;
    }
    while ((size_t)cJSON_GetArraySize(events) > c->events)
        cJSON_DeleteItemFromArray(events, cJSON_GetArraySize(events) - 1);
    put_number(r, copy, "truncated", (double)(m->n_left_out + m->n_events - c->events));
}

/* The data, as much of it as may be shown. */
static void put_data(struct request *r, struct buf *out, const struct kind_call *c)
{
    const struct message *m = c->message;
    CLEANUP(freep) char *text = NULL;
    cJSON *copy;

    if (m->events ? c->events >= m->n_events : c->chars == KIND_CHARS) {
        render_json_safe(out, m->raw.data, m->raw.len);
        return;
    }
    copy = cJSON_Duplicate(m->tree, true);
    shorten(r, copy, c);
    if (copy && !r->failed)
        text = cJSON_PrintUnformatted(copy);
    cJSON_Delete(copy);
    if (text)
        render_json_safe(out, text, strlen(text));
    else
        r->failed = true;
}

static void put_token(struct request *r, const struct kind_call *c)
{
    if (c->config->token)
        request_header(r, "Authorization", "Bearer %s", c->config->token);
}

void webhook_render(struct request *r, const struct kind_call *c)
{
    struct buf *out = &r->body;

    put_token(r, c);
    buf_str(out, "{\"type\":");
    render_string(out, c->message->raw.type);
    buf_str(out, ",\"timestamp\":");
    render_string(out, c->message->raw.timestamp);
    buf_str(out, ",\"data\":");
    put_data(r, out, c);
    buf_char(out, '}');
}

/* ---- CloudEvents 1.0 */

struct attribute {
    const char *name;
    struct buf value;
};

#define ATTRIBUTES 11

static void attributes_done(struct attribute (*a)[ATTRIBUTES])
{
    for (size_t i = 0; i < ATTRIBUTES; i++)
        buf_done(&(*a)[i].value);
}

/* The context of an event; names of extensions are lower case and without separators. */
static void attributes_of(struct attribute a[ATTRIBUTES], const struct message *m)
{
    static const char *const names[ATTRIBUTES] = {
        "specversion", "id",       "source",   "type",         "time",    "subject",
        "dataschema",  "severity", "dedupkey", "partitionkey", "sequence"};
    const char *zone = message_text(m->tree, "zone");
    const char *dedup = message_text(m->tree, "dedup_key");
    const cJSON *seq = cJSON_GetObjectItemCaseSensitive(m->tree, "seq");
    const cJSON *s = cJSON_GetObjectItemCaseSensitive(m->tree, "subject");
    const cJSON *port = cJSON_GetObjectItemCaseSensitive(s, "port");

    for (size_t i = 0; i < ATTRIBUTES; i++)
        a[i] = (struct attribute){.name = names[i]};
    buf_str(&a[0].value, "1.0");
    buf_str(&a[1].value, m->id);
    buf_printf(&a[2].value, "/muster%s%s", *zone ? "/" : "", zone);
    buf_printf(&a[3].value, "muster.%s.v1", m->raw.type);
    buf_str(&a[4].value, m->raw.timestamp);
    if (*message_text(s, "host")) {
        buf_printf(&a[5].value, "host/%s", message_text(s, "host"));
        if (cJSON_IsNumber(port))
            buf_printf(&a[5].value, "/%s/%d", message_text(s, "proto"), port->valueint);
        if (*message_text(s, "script"))
            buf_printf(&a[5].value, "/%s", message_text(s, "script"));
    }
    buf_printf(&a[6].value, "urn:muster:schema:%s:1", m->events ? "group" : "event");
    buf_str(&a[7].value, message_severity_name(m->severity));
    buf_str(&a[8].value, dedup);
    buf_str(&a[9].value, dedup);
    if (cJSON_IsNumber(seq))
        buf_printf(&a[10].value, "%020" PRId64, (int64_t)seq->valuedouble);
}

void cloudevents_render(struct request *r, const struct kind_call *c)
{
    CLEANUP(attributes_done) struct attribute a[ATTRIBUTES];
    struct buf *out = &r->body;

    attributes_of(a, c->message);
    put_token(r, c);
    r->content_type = "application/cloudevents+json; charset=utf-8";
    buf_char(out, '{');
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        r->failed |= a[i].value.failed;
        if (!a[i].value.len)
            continue;
        buf_printf(out, "\"%s\":", a[i].name);
        render_string(out, a[i].value.data);
        buf_char(out, ',');
    }
    buf_str(out, "\"datacontenttype\":\"application/json\",\"data\":");
    put_data(r, out, c);
    buf_char(out, '}');
}

/* Values of headers: space, '"', '%' and all but printable ASCII as %XX (HTTP binding, 3.1.3.2). */
static void percent(struct buf *out, const struct buf *text)
{
    for (size_t i = 0; i < text->len; i++) {
        unsigned char ch = (unsigned char)text->data[i];

        if (ch <= ' ' || ch >= 0x7f || ch == '"' || ch == '%')
            buf_printf(out, "%%%02X", ch);
        else
            buf_char(out, (char)ch);
    }
    out->failed |= text->failed;
}

void cloudevents_binary_render(struct request *r, const struct kind_call *c)
{
    static const char *const headers[ATTRIBUTES] = {"ce-specversion",  "ce-id",       "ce-source",
                                                    "ce-type",         "ce-time",     "ce-subject",
                                                    "ce-dataschema",   "ce-severity", "ce-dedupkey",
                                                    "ce-partitionkey", "ce-sequence"};
    CLEANUP(attributes_done) struct attribute a[ATTRIBUTES];

    attributes_of(a, c->message);
    put_token(r, c);
    for (size_t i = 0; i < ATTRIBUTES; i++) {
        CLEANUP(buf_done) struct buf value = {0};

        percent(&value, &a[i].value);
        r->failed |= value.failed;
        if (value.len)
            request_header(r, headers[i], "%s", value.data);
    }
    put_data(r, &r->body, c);
}

/* ---- Splunk's HTTP event collector */

void splunk_render(struct request *r, const struct kind_call *c)
{
    const struct message *m = c->message;
    const cJSON *s = cJSON_GetObjectItemCaseSensitive(m->tree, "subject");
    const char *host = message_text(s, "host");
    struct buf *out = &r->body;
    usec_t at = 0;

    request_header(r, "Authorization", "Splunk %s", c->config->token ? c->config->token : "");
    buf_char(out, '{');
    if (time_parse(m->raw.timestamp, &at) == 0)
        buf_printf(out, "\"time\":%llu.%03u,", (unsigned long long)(at / USEC_PER_SEC),
                   (unsigned)(at % USEC_PER_SEC / USEC_PER_MSEC));
    buf_str(out, "\"host\":");
    render_string(out, *host ? host : "muster");
    buf_str(out,
            ",\"source\":\"muster\",\"sourcetype\":\"muster:event\",\"fields\":{\"event_id\":");
    render_string(out, m->id);
    buf_str(out, ",\"severity\":");
    render_string(out, message_severity_name(m->severity));
    buf_str(out, ",\"type\":");
    render_string(out, m->raw.type);
    buf_str(out, "},\"event\":");
    put_data(r, out, c);
    buf_char(out, '}');
}
