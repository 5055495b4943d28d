/* Those who wake somebody up: PagerDuty, Opsgenie, Alertmanager.  All three know an alert by a key
 * of ours, which opposite edges of one condition share, and close it when what was told is over. */
#include "service/alert/kind_priv.h"

#include <string.h>

/* The key of the alert at the receiver: the incident, or the condition. */
static const char *dedup_of(const struct message *m)
{
    const char *incident =
        message_text(cJSON_GetObjectItemCaseSensitive(m->tree, "incident"), "id");
    const char *key = message_text(m->tree, "dedup_key");

    return *incident ? incident : *key ? key : m->id;
}

/* An event as itself that has ended before anything was told of its incident: nothing is open at
 * the receiver that it could close, so it is news like any other. */
static bool is_news(const struct message *m)
{
    return m->resolved && !*message_text(m->tree, "kind") &&
           cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(m->tree, "incident"));
}

static bool closes(const struct message *m)
{
    return m->resolved && !is_news(m);
}

/* Details as an object: what each fact says, and a line for each event of a group. */
static void put_details(struct request *r, cJSON *o, const struct kind_call *c)
{
    const struct message *m = c->message;
    CLEANUP(buf_done) struct buf rest = {0};
    cJSON *lines;

    put_text(r, o, "event", m->id);
    put_field(r, o, "more", c, NULL, FIELD_MORE, 1000);
    for (size_t i = 0; !m->events && i < message_n_facts; i++)
        put_field(r, o, message_facts[i].label, c, NULL, message_facts[i].field, 1000);
    if (!m->events)
        return;
    lines = put_array(r, o, "events");
    for (size_t i = 0; i < c->events; i++) {
        CLEANUP(buf_done) struct buf line = {0};

        message_line(&line, m, message_event(m, i), c->chars);
        r->failed |= line.failed;
        put_text(r, lines, NULL, line.data);
    }
    message_rest(&rest, m, c->events);
    if (rest.len)
        put_text(r, lines, NULL, rest.data);
}

/* ---- PagerDuty events v2 */

static void pagerduty_payload(struct request *r, cJSON *payload, const struct kind_call *c)
{
    static const char *const severities[SEVERITY_MAX] = {"info", "info", "warning", "error",
                                                         "critical"};
    const struct message *m = c->message;
    const cJSON *subject = cJSON_GetObjectItemCaseSensitive(m->tree, "subject");
    const char *host = message_text(subject, "host");

    put_field(r, payload, "summary", c, NULL, FIELD_TITLE, 1024);
    put_text(r, payload, "source", *host ? host : "muster");
    put_text(r, payload, "severity", severities[m->severity]);
    put_text(r, payload, "timestamp", m->raw.timestamp);
    put_field(r, payload, "component", c, NULL, FIELD_SUBJECT, 255);
    put_field(r, payload, "group", c, NULL, FIELD_ZONE, 255);
    put_text(r, payload, "class", m->raw.type);
    put_details(r, put_object(r, payload, "custom_details"), c);
}

void pagerduty_render(struct request *r, const struct kind_call *c)
{
    cJSON *root = cJSON_CreateObject();
    CLEANUP(buf_done) struct buf key = {0};

    render_text(&key, dedup_of(c->message), 250);
    put_text(r, root, "routing_key", c->config->token);
    put_text(r, root, "event_action", closes(c->message) ? "resolve" : "trigger");
    put_text(r, root, "dedup_key", key.data);
    put_text(r, root, "client", "Muster");
    pagerduty_payload(r, put_object(r, root, "payload"), c);
    r->failed |= key.failed;
    request_json(r, root);
}

/* ---- Opsgenie */

static void opsgenie_tags(struct request *r, cJSON *tags, const struct kind_call *c)
{
    put_field(r, tags, NULL, c, NULL, FIELD_TYPE, 50);
    put_field(r, tags, NULL, c, NULL, FIELD_SEVERITY, 50);
    put_field(r, tags, NULL, c, NULL, FIELD_ZONE, 50);
}

static void opsgenie_open(struct request *r, cJSON *root, const struct kind_call *c)
{
    static const char *const priorities[SEVERITY_MAX] = {"P5", "P4", "P3", "P2", "P1"};
    CLEANUP(buf_done) struct buf text = {0}, alias = {0};
    cJSON *details;

    put_field(r, root, "message", c, NULL, FIELD_TITLE, 130);
    render_text(&alias, dedup_of(c->message), 500);
    put_text(r, root, "alias", alias.data);
    plain_details(&text, c, 14000);
    text_cut(&text, 15000);
    put_text(r, root, "description", text.data);
    opsgenie_tags(r, put_array(r, root, "tags"), c);
    details = put_object(r, root, "details"); /* 8000 characters in all: little goes here */
    put_text(r, details, "event", c->message->id);
    put_field(r, details, "since", c, NULL, FIELD_SINCE, 100);
    put_field(r, details, "more", c, NULL, FIELD_MORE, 500);
    put_field(r, root, "entity", c, NULL, FIELD_SUBJECT, 512);
    put_text(r, root, "source", "muster");
    put_text(r, root, "priority", priorities[c->message->severity]);
    r->failed |= text.failed || alias.failed;
}

/* POST .../v2/alerts/ALIAS/close?identifierType=alias */
static void opsgenie_close(struct request *r, cJSON *root, const struct kind_call *c)
{
    buf_printf(&r->url, "%s/", c->config->url);
    for (const char *p = dedup_of(c->message); *p; p++)
        buf_printf(&r->url,
                   (*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z')
                       ? "%c"
                       : "%%%02X",
                   (unsigned char)*p);
    buf_str(&r->url, "/close?identifierType=alias");
    put_text(r, root, "source", "muster");
    put_field(r, root, "note", c, NULL, FIELD_TITLE, 5000);
}

void opsgenie_render(struct request *r, const struct kind_call *c)
{
    cJSON *root = cJSON_CreateObject();

    request_header(r, "Authorization", "GenieKey %s", c->config->token ? c->config->token : "");
    if (closes(c->message))
        opsgenie_close(r, root, c);
    else
        opsgenie_open(r, root, c);
    request_json(r, root);
}

/* ---- Alertmanager: POST /api/v2/alerts */

/* Labels are the identity there, so they are the same for both edges of a condition: nothing that
 * changes is among them. */
static void alertmanager_labels(struct request *r, cJSON *labels, const struct kind_call *c,
                                const cJSON *event)
{
    const char *dedup = message_text(event, "dedup_key");
    const char *kind = message_text(cJSON_GetObjectItemCaseSensitive(event, "subject"), "kind");
    char name[80];

    snprintf(name, sizeof name, "Muster%s%.60s", *kind ? "_" : "", kind);
    put_text(r, labels, "alertname", name);
    put_field(r, labels, "instance", c, event, FIELD_HOST, 255);
    put_field(r, labels, "subject", c, event, FIELD_SUBJECT, 500);
    put_field(r, labels, "zone", c, event, FIELD_ZONE, 255);
    put_text(r, labels, "muster_key", *dedup ? dedup : c->message->id);
}

static void alertmanager_notes(struct request *r, cJSON *notes, const struct kind_call *c,
                               const cJSON *event)
{
    static const struct {
        const char *key;
        enum template_field field;
    } fields[] = {
        {"summary", FIELD_SUMMARY}, {"type", FIELD_TYPE},   {"severity", FIELD_SEVERITY},
        {"was", FIELD_OLD},         {"now", FIELD_NEW},     {"since", FIELD_SINCE},
        {"sure", FIELD_SURE},       {"asset", FIELD_ASSET}, {"evidence", FIELD_EVIDENCE},
        {"more", FIELD_MORE},       {"event", FIELD_ID},    {"title", FIELD_TITLE},
    };

    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        put_field(r, notes, fields[i].key, c, fields[i].field == FIELD_MORE ? NULL : event,
                  fields[i].field, 4000);
}

/* Without an end the receiver would close it after minutes of silence, and an event is told once:
 * what is not resolved ends after a day, counted from now where it comes late. */
#define OPEN_USEC (86400 * USEC_PER_SEC)

static void put_times(struct request *r, cJSON *alert, const struct kind_call *c,
                      const cJSON *event)
{
    const char *start = c->message->raw.timestamp;
    bool resolved = strcmp(message_text(event, "state"), "resolved") == 0 && !is_news(c->message);
    char end[TIME_TEXT_MAX];
    usec_t at;

    put_text(r, alert, "startsAt", start);
    if (resolved)
        put_text(r, alert, "endsAt", start);
    else if (time_parse(start, &at) == 0)
        put_text(r, alert, "endsAt",
                 time_format((at > c->message->now ? at : c->message->now) + OPEN_USEC, end));
}

void alertmanager_render(struct request *r, const struct kind_call *c)
{
    cJSON *root = cJSON_CreateArray();

    for (size_t i = 0; i < c->events; i++) {
        const cJSON *event = message_event(c->message, i);
        cJSON *alert = put_object(r, root, NULL), *notes;
        CLEANUP(buf_done) struct buf rest = {0};

        alertmanager_labels(r, put_object(r, alert, "labels"), c, event);
        notes = put_object(r, alert, "annotations");
        alertmanager_notes(r, notes, c, event);
        if (i == 0)
            message_rest(&rest, c->message, c->events);
        if (rest.len)
            put_text(r, notes, "left_out", rest.data);
        put_times(r, alert, c, event);
    }
    if (c->config->token)
        request_header(r, "Authorization", "Bearer %s", c->config->token);
    request_json(r, root);
}
