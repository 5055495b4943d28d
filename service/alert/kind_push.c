/* Pushes to phones (ntfy, Gotify), and texts of the user's own making.  All of it is plain text:
 * neither reads markup then. */
#include "service/alert/kind_priv.h"

#include <string.h>
#include <strings.h>

static void put_title_and_text(struct request *r, cJSON *root, const struct kind_call *c)
{
    CLEANUP(buf_done) struct buf text = {0};

    put_field(r, root, "title", c, NULL, FIELD_TITLE, 250);
    plain_details(&text, c, 64 * 1024);
    r->failed |= text.failed;
    put_text(r, root, "message", text.data);
}

void ntfy_render(struct request *r, const struct kind_call *c)
{
    static const char *const tags[SEVERITY_MAX] = {"white_circle", "information_source", "warning",
                                                   "red_circle", "rotating_light"};
    cJSON *root = cJSON_CreateObject();

    put_text(r, root, "topic", c->config->topic);
    put_title_and_text(r, root, c);
    put_number(r, root, "priority", 1 + (double)c->message->severity);
    put_text(r, put_array(r, root, "tags"), NULL, tags[c->message->severity]);
    if (c->config->token)
        request_header(r, "Authorization", "Bearer %s", c->config->token);
    request_json(r, root);
}

void gotify_render(struct request *r, const struct kind_call *c)
{
    static const double priorities[SEVERITY_MAX] = {0, 2, 5, 8, 10};
    cJSON *root = cJSON_CreateObject();

    put_title_and_text(r, root, c);
    put_number(r, root, "priority", priorities[c->message->severity]);
    put_text(r, put_object(r, put_object(r, root, "extras"), "client::display"), "contentType",
             "text/plain");
    request_header(r, "X-Gotify-Key", "%s", c->config->token ? c->config->token : "");
    request_json(r, root);
}

/* ---- template */

/* What the text becomes in a template: a part of a JSON string where the template is JSON. */
static void put_value(struct buf *out, const struct buf *text, bool json)
{
    CLEANUP(buf_done) struct buf quoted = {0};

    out->failed |= text->failed;
    if (!text->len)
        return;
    if (!json) {
        buf_add(out, text->data, text->len);
        return;
    }
    render_string(&quoted, text->data);
    out->failed |= quoted.failed;
    if (quoted.len > 2)
        buf_add(out, quoted.data + 1, quoted.len - 2);
}

struct place {
    const struct kind_call *call;
    const struct template *t;
    bool json;
};

static void put_part(struct buf *out, const struct place *p, const struct template_part *part,
                     const cJSON *event)
{
    CLEANUP(buf_done) struct buf text = {0};

    if (part->kind == PART_TEXT)
        buf_add(out, part->text, part->len);
    if (part->kind != PART_FIELD)
        return;
    message_field(&text, p->call->message, event, part->field, p->call->chars);
    put_value(out, &text, p->json);
}

/* Once for each event; returns the end of the section. */
static size_t put_section(struct buf *out, const struct place *p, size_t begin)
{
    size_t end = begin;

    while (p->t->parts[end].kind != PART_END)
        end++;
    for (size_t k = 0; k < p->call->events; k++)
        for (size_t i = begin; i < end; i++)
            put_part(out, p, &p->t->parts[i], message_event(p->call->message, k));
    return end;
}

void template_render(struct request *r, const struct kind_call *c)
{
    const char *type = c->config->content_type;
    struct place p = {c, c->config->template, type && strstr(type, "json")};

    r->content_type = type ? type : "text/plain; charset=utf-8";
    if (c->config->token)
        request_header(r, "Authorization", "Bearer %s", c->config->token);
    for (size_t i = 0; p.t && i < p.t->n; i++) {
        if (p.t->parts[i].kind == PART_EVENTS)
            i = put_section(&r->body, &p, i + 1);
        else
            put_part(&r->body, &p, &p.t->parts[i], NULL);
    }
    if (!r->body.len)
        buf_str(&r->body, "");
}
