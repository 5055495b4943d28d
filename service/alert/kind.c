/* The table of kinds, and the fitting of messages to their limits.
 *
 * Limits are below those of the receivers (docs/alerts.md), because some count what they make of a
 * request and not its bytes. */
#include "service/alert/kind_priv.h"

#include <errno.h>
#include <string.h>

#define CHARS_LAST 16
#define KIB        1024

const struct kind kinds[KIND_MAX] = {
    [KIND_WEBHOOK] = {256 * KIB, 1000, 10, 20, 4, ORDER_SUBJECT, webhook_render, NULL},
    [KIND_CLOUDEVENTS] = {256 * KIB, 1000, 10, 20, 4, ORDER_SUBJECT, cloudevents_render, NULL},
    [KIND_CLOUDEVENTS_BINARY] = {256 * KIB, 1000, 10, 20, 4, ORDER_SUBJECT,
                                 cloudevents_binary_render, NULL},
    [KIND_SLACK] = {10000, 40, 1, 1, 1, ORDER_SUBJECT, slack_render, chat_judge},
    [KIND_MATTERMOST] = {15000, 60, 5, 5, 1, ORDER_SUBJECT, mattermost_render, chat_judge},
    [KIND_TEAMS] = {20000, 40, 1, 2, 1, ORDER_SUBJECT, teams_render, teams_judge},
    [KIND_DISCORD] = {6000, 25, 0.5, 3, 1, ORDER_SUBJECT, discord_render, discord_judge},
    [KIND_NTFY] = {4000, 20, 0.2, 10, 1, ORDER_SUBJECT, ntfy_render, NULL},
    [KIND_GOTIFY] = {64 * KIB, 100, 5, 10, 1, ORDER_SUBJECT, gotify_render, NULL},
    [KIND_PAGERDUTY] = {400 * KIB, 200, 2, 20, 2, ORDER_SUBJECT, pagerduty_render, NULL},
    [KIND_OPSGENIE] = {25000, 100, 2, 10, 2, ORDER_SUBJECT, opsgenie_render, NULL},
    [KIND_ALERTMANAGER] = {1024 * KIB, 1000, 5, 10, 2, ORDER_SUBJECT, alertmanager_render, NULL},
    [KIND_SPLUNK] = {512 * KIB, 1000, 10, 20, 2, ORDER_NONE, splunk_render, splunk_judge},
    [KIND_TEMPLATE] = {64 * KIB, 100, 10, 20, 4, ORDER_SUBJECT, template_render, NULL},
};

void request_done(struct request *r)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        explicit_bzero(r->headers[i].value,
                       strlen(r->headers[i].value)); /* tokens are among them */
        free(r->headers[i].value);
    }
    if (r->url.data)
        explicit_bzero(r->url.data, r->url.len);
    if (r->body.data)
        explicit_bzero(r->body.data, r->body.len); /* PagerDuty has its key there */
    buf_done(&r->body);
    buf_done(&r->url);
    *r = (struct request){0};
}

void request_header(struct request *r, const char *name, const char *fmt, ...)
{
    struct buf value = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&value, fmt, ap);
    va_end(ap);
    if (value.failed || r->n_headers == REQUEST_HEADERS_MAX) {
        r->failed = true;
        buf_done(&value);
        return;
    }
    r->headers[r->n_headers].value = buf_take(&value);
    if (!r->headers[r->n_headers].value)
        r->failed = true;
    else
        r->headers[r->n_headers++].name = name;
}

int kind_render(struct request *r, const struct kind_config *config, const struct message *m,
                unsigned shrink)
{
    const struct kind *k = &kinds[config->kind];
    struct kind_call c = {m, config, smaller(m->n_events, k->events), KIND_CHARS};

    for (;;) {
        request_done(r);
        r->content_type = "application/json";
        k->render(r, &c);
        if (r->failed || r->body.failed || r->url.failed)
            return -ENOMEM;
        if (r->body.len <= k->limit >> shrink)
            return 0;
        if (c.events > 1)
            c.events = c.events * 3 / 4;
        else if (c.chars > CHARS_LAST)
            c.chars /= 2;
        else
            return -EMSGSIZE;
    }
}

/* ---- helpers */

size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static cJSON *put(struct request *r, cJSON *parent, const char *key, cJSON *child)
{
    if (!child ||
        (key ? !cJSON_AddItemToObject(parent, key, child) : !cJSON_AddItemToArray(parent, child))) {
        cJSON_Delete(child);
        r->failed = true;
        return NULL;
    }
    return child;
}

cJSON *put_object(struct request *r, cJSON *parent, const char *key)
{
    return put(r, parent, key, cJSON_CreateObject());
}

cJSON *put_array(struct request *r, cJSON *parent, const char *key)
{
    return put(r, parent, key, cJSON_CreateArray());
}

void put_text(struct request *r, cJSON *parent, const char *key, const char *text)
{
    put(r, parent, key, cJSON_CreateString(text ? text : ""));
}

void put_number(struct request *r, cJSON *parent, const char *key, double number)
{
    put(r, parent, key, cJSON_CreateNumber(number));
}

void put_bool(struct request *r, cJSON *parent, const char *key, bool value)
{
    put(r, parent, key, cJSON_CreateBool(value));
}

void put_field(struct request *r, cJSON *parent, const char *key, const struct kind_call *c,
               const cJSON *event, enum template_field field, size_t max)
{
    CLEANUP(buf_done) struct buf text = {0};

    message_field(&text, c->message, event, field, c->chars);
    text_cut(&text, max);
    r->failed |= text.failed;
    if (text.len)
        put_text(r, parent, key, text.data);
}

void request_json(struct request *r, cJSON *tree)
{
    char *text = tree && !r->failed ? cJSON_PrintUnformatted(tree) : NULL;

    cJSON_Delete(tree);
    if (!text) {
        r->failed = true;
        return;
    }
    buf_str(&r->body, text);
    cJSON_free(text);
}

void text_cut(struct buf *text, size_t n)
{
    size_t units = 0, room = 0, i = 0;

    while (i < text->len && units <= n) {
        unsigned char c = (unsigned char)text->data[i];
        size_t bytes = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

        units += bytes == 4 ? 2 : 1;
        if (units + 3 <= n)
            room = i + bytes;
        i += bytes;
    }
    if (units <= n)
        return;
    text->len = room;
    text->data[room] = '\0';
    buf_str(text, "...");
}

static void plain_facts(struct buf *out, const struct kind_call *c)
{
    for (size_t i = 0; i < message_n_facts; i++) {
        CLEANUP(buf_done) struct buf text = {0};

        message_field(&text, c->message, NULL, message_facts[i].field, c->chars);
        out->failed |= text.failed;
        if (text.len)
            buf_printf(out, "%s: %s\n", message_facts[i].label, text.data);
    }
}

void plain_events(struct buf *out, const struct kind_call *c, size_t max)
{
    const struct message *m = c->message;
    size_t i;

    for (i = 0; i < c->events; i++) {
        CLEANUP(buf_done) struct buf line = {0};

        message_line(&line, m, message_event(m, i), c->chars);
        if (i && out->len + line.len > max)
            break;
        buf_printf(out, "- %s\n", line.len ? line.data : "");
        out->failed |= line.failed;
    }
    message_rest(out, m, i);
}

void plain_details(struct buf *out, const struct kind_call *c, size_t max)
{
    const struct message *m = c->message;

    if (m->events)
        plain_events(out, c, max);
    else
        plain_facts(out, c);
    if (out->len && out->data[out->len - 1] != '\n')
        buf_char(out, '\n');
    buf_str(out, "More: ");
    message_field(out, m, NULL, FIELD_MORE, c->chars);
}
