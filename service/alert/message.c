/* What a message says, field by field.
 *
 * Whatever an event does not hold is derived where that is honest (a first line from type and
 * summary), and left out where it is not. */
#include "service/alert/message.h"

#include <errno.h>
#include <string.h>

#define VALUE_DEPTH 4

static const char *const severity_names[SEVERITY_MAX] = {"debug", "info", "warning", "high",
                                                         "critical"};

const struct message_fact message_facts[] = {
    {"Asset", FIELD_ASSET},       {"Where", FIELD_SUBJECT}, {"Was", FIELD_OLD},
    {"Now", FIELD_NEW},           {"Since", FIELD_SINCE},   {"How sure", FIELD_SURE},
    {"Evidence", FIELD_EVIDENCE},
};
const size_t message_n_facts = ARRAY_LEN(message_facts);

const char *message_severity_name(enum severity s)
{
    return severity_names[s];
}

const char *message_text(const cJSON *object, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

    return text ? text : "";
}

static const cJSON *item(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static enum severity severity_of(const cJSON *object)
{
    const char *name = message_text(object, "severity");

    for (size_t i = 0; i < SEVERITY_MAX; i++)
        if (strcmp(severity_names[i], name) == 0)
            return (enum severity)i;
    return SEVERITY_INFO;
}

static bool is_blank(const char *text, const char *end)
{
    while (text < end && strchr(" \t\r\n", *text) && *text)
        text++;
    return text == end;
}

int message_open(struct message *m, const char *id, const struct render_event *raw)
{
    const cJSON *left, *incident;
    const char *end = NULL;

    *m = (struct message){.id = id, .raw = *raw, .n_events = 1};
    m->tree = cJSON_ParseWithLengthOpts(raw->data, raw->len, &end, false);
    if (!cJSON_IsObject(m->tree) || !is_blank(end, raw->data + raw->len)) {
        message_done(m);
        return -EINVAL;
    }
    m->severity = severity_of(m->tree);
    /* the end of one condition does not end an incident that has others */
    incident = item(m->tree, "incident");
    m->resolved = strcmp(message_text(cJSON_IsObject(incident) ? incident : m->tree, "state"),
                         "resolved") == 0;
    m->events = item(m->tree, "events");
    if (!cJSON_IsArray(m->events)) {
        m->events = NULL;
        return 0;
    }
    m->n_events = (size_t)cJSON_GetArraySize(m->events);
    left = item(m->tree, "truncated");
    if (cJSON_IsNumber(left) && left->valuedouble > 0 && left->valuedouble < 1e9)
        m->n_left_out = (size_t)left->valuedouble;
    return 0;
}

void message_done(struct message *m)
{
    cJSON_Delete(m->tree);
    m->tree = NULL;
    m->events = NULL;
}

const cJSON *message_event(const struct message *m, size_t index)
{
    return m->events ? cJSON_GetArrayItem(m->events, (int)index) : m->tree;
}

/* ---- values */

static void add_value(struct buf *out, const cJSON *v, unsigned depth);

/* {"service": "https", "tls": true} as "service https, tls true". */
static void add_members(struct buf *out, const cJSON *v, unsigned depth)
{
    const cJSON *child;
    bool first = true;

    cJSON_ArrayForEach (child, v) {
        if (cJSON_IsNull(child))
            continue;
        buf_str(out, first ? "" : ", ");
        first = false;
        if (child->string)
            buf_printf(out, "%s ", child->string);
        add_value(out, child, depth + 1);
    }
}

static void add_value(struct buf *out, const cJSON *v, unsigned depth)
{
    if (cJSON_IsString(v))
        buf_str(out, v->valuestring);
    else if (cJSON_IsBool(v))
        buf_str(out, cJSON_IsTrue(v) ? "true" : "false");
    else if (cJSON_IsNumber(v))
        buf_printf(out, "%.15g", v->valuedouble);
    else if ((cJSON_IsObject(v) || cJSON_IsArray(v)) && depth < VALUE_DEPTH)
        add_members(out, v, depth);
    else if (cJSON_IsObject(v) || cJSON_IsArray(v))
        buf_str(out, "...");
}

static void add_subject(struct buf *out, const cJSON *event)
{
    const cJSON *s = item(event, "subject");
    const cJSON *port = item(s, "port");
    const char *zone = message_text(event, "zone");

    buf_str(out, message_text(s, "host"));
    if (cJSON_IsNumber(port))
        buf_printf(out, " %s/%d", message_text(s, "proto"), port->valueint);
    if (*message_text(s, "script"))
        buf_printf(out, " %s", message_text(s, "script"));
    if (*zone)
        buf_printf(out, "%szone %s", out->len ? ", " : "", zone);
}

/* The asset as the inventory knows it, or the address. */
static void add_asset(struct buf *out, const cJSON *event)
{
    const cJSON *asset = item(event, "asset");
    const char *name = message_text(asset, "name");

    if (*name)
        buf_str(out, name);
    else if (asset && !cJSON_IsNull(asset))
        add_value(out, asset, 0);
    else
        buf_str(out, message_text(item(event, "subject"), "host"));
}

static bool type_ends_in(const char *type, const char *word)
{
    const char *dot = strrchr(type, '.');

    return dot && strcmp(dot + 1, word) == 0;
}

static bool is_gone(const char *type)
{
    return type_ends_in(type, "gone") || type_ends_in(type, "closed");
}

static const char *type_of(const struct message *m, const cJSON *event)
{
    const char *type = message_text(event, "type");

    return *type ? type : m->raw.type;
}

/* Sightings are certain; an absence is what is left after repeated looks (docs/alerts.md). */
static void add_sure(struct buf *out, const struct message *m, const cJSON *event)
{
    const cJSON *given = item(event, "confidence");

    if (given && !cJSON_IsNull(given))
        add_value(out, given, 0);
    else if (*message_text(item(event, "subject"), "host"))
        buf_str(out, is_gone(type_of(m, event)) ? "missed in repeated looks" : "seen directly");
}

static void add_more(struct buf *out, const struct message *m, const cJSON *event)
{
    const char *given = message_text(event, "more");
    const char *host = message_text(item(event, "subject"), "host");
    const char *from = message_text(item(m->tree, "window"), "from");

    if (*given)
        buf_str(out, given);
    else if (*host)
        buf_printf(out, "muster asset %s", host);
    else if (*from)
        buf_printf(out, "muster changes --since %s", from);
    else
        buf_str(out, "muster status");
}

static const char *since_of(const struct message *m, const cJSON *event)
{
    const char *since = message_text(event, "first_seen");

    if (!*since)
        since = message_text(item(event, "window"), "from");
    return *since ? since : m->raw.timestamp;
}

/* "1 new since ...: tcp/8443 opened on 192.0.2.17". */
static void add_title(struct buf *out, const struct message *m)
{
    static const char *const keys[] = {"first_line", "title"};
    const char *type = m->raw.type;
    const char *summary = message_text(m->tree, "summary");

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (*message_text(m->tree, keys[i])) {
            buf_str(out, message_text(m->tree, keys[i]));
            return;
        }
    if (m->events || !strchr(type, '.')) { /* not one event: its summary is the first line */
        buf_str(out, *summary ? summary : type);
        return;
    }
    buf_printf(out, "%s since %s: %s",
               is_gone(type)                                                     ? "1 gone"
               : type_ends_in(type, "changed") || type_ends_in(type, "replaced") ? "1 changed"
                                                                                 : "1 new",
               since_of(m, m->tree), *summary ? summary : type);
}

static const char *plain_field(const struct message *m, const cJSON *event,
                               enum template_field field)
{
    const char *id = message_text(event, "id");

    switch (field) {
    case FIELD_HOST:
        return message_text(item(event, "subject"), "host");
    case FIELD_ID:
        return *id ? id : m->id;
    case FIELD_SEVERITY:
        return severity_names[severity_of(event)];
    case FIELD_SINCE:
        return since_of(m, event);
    case FIELD_STATE:
        return *message_text(event, "state") ? message_text(event, "state") : "firing";
    case FIELD_SUMMARY:
        return *message_text(event, "summary") ? message_text(event, "summary") : type_of(m, event);
    case FIELD_TIMESTAMP:
        return m->raw.timestamp;
    case FIELD_TYPE:
        return type_of(m, event);
    case FIELD_ZONE:
        return message_text(event, "zone");
    default:
        return NULL;
    }
}

static void add_field(struct buf *out, const struct message *m, const cJSON *event,
                      enum template_field field)
{
    const char *plain = plain_field(m, event, field);

    if (plain)
        buf_str(out, plain);
    else if (field == FIELD_SUBJECT)
        add_subject(out, event);
    else if (field == FIELD_ASSET)
        add_asset(out, event);
    else if (field == FIELD_SURE)
        add_sure(out, m, event);
    else if (field == FIELD_MORE)
        add_more(out, m, event);
    else if (field == FIELD_TITLE)
        add_title(out, m);
    else if (field == FIELD_OLD || field == FIELD_NEW || field == FIELD_EVIDENCE)
        add_value(out,
                  item(event, field == FIELD_OLD   ? "old"
                              : field == FIELD_NEW ? "new"
                                                   : "evidence"),
                  0);
}

void message_field(struct buf *out, const struct message *m, const cJSON *event,
                   enum template_field field, size_t max)
{
    CLEANUP(buf_done) struct buf text = {0};

    add_field(&text, m, event ? event : m->tree, field);
    out->failed |= text.failed;
    if (text.len)
        render_text(out, text.data, max);
}

void message_line(struct buf *out, const struct message *m, const cJSON *event, size_t max)
{
    static const struct {
        const char *lead;
        enum template_field field;
    } parts[] = {
        {"; was ", FIELD_OLD}, {"; now ", FIELD_NEW},          {"; since ", FIELD_SINCE},
        {"; ", FIELD_SURE},    {"; seen by ", FIELD_EVIDENCE}, {"; asset ", FIELD_ASSET},
    };

    message_field(out, m, event, FIELD_SUMMARY, max);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        CLEANUP(buf_done) struct buf text = {0};

        message_field(&text, m, event, parts[i].field, max / 2);
        out->failed |= text.failed;
        if (text.len)
            buf_printf(out, "%s%s", parts[i].lead, text.data);
    }
}

void message_rest(struct buf *out, const struct message *m, size_t shown)
{
    size_t n = m->n_left_out + (m->n_events > shown ? m->n_events - shown : 0);

    if (n)
        buf_printf(out, "... and %zu more", n);
}
