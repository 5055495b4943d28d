/* Rooms where people talk: Slack, Mattermost, Teams, Discord.
 *
 * Text from the network must not become a mention, a link or markup there.  Each has its own way to
 * say so: Slack has text objects that are plain, Mattermost leaves code spans alone, a Teams
 * TextRun knows no markup, Discord allows no mention and takes backslashes. */
#include "service/alert/kind_priv.h"

#include <string.h>

#define HEADER_MAX      130  /* characters of a header of Slack, which takes 150 */
#define DESCRIPTION_MAX 1900 /* bytes of Discord's, which takes 4096, before it is escaped */

/* White, blue, a warning sign in colour, red, a light that turns: as characters, because the names
 * that Slack has for them would let text from the network name some as well. */
static const char *const icons[SEVERITY_MAX] = {"\xe2\x9a\xaa", "\xf0\x9f\x94\xb5",
                                                "\xe2\x9a\xa0\xef\xb8\x8f", "\xf0\x9f\x94\xb4",
                                                "\xf0\x9f\x9a\xa8"};
static const unsigned colours[SEVERITY_MAX] = {0x95a5a6, 0x3498db, 0xf1c40f, 0xe67e22, 0xe74c3c};
static const char *const shades[SEVERITY_MAX] = {"default", "accent", "warning", "attention",
                                                 "attention"};

/* ---- Slack */

static void slack_escape(struct buf *out, const struct buf *text)
{
    for (size_t i = 0; i < text->len; i++)
        switch (text->data[i]) {
        case '&':
            buf_str(out, "&amp;");
            break;
        case '<':
            buf_str(out, "&lt;");
            break;
        case '>':
            buf_str(out, "&gt;");
            break;
        default:
            buf_char(out, text->data[i]);
        }
    out->failed |= text->failed;
}

/* {"type": "plain_text", "text": ..., "emoji": false}: no markup, no mention, no link, no
 * :shortcode:, and nothing that must be escaped. */
static void slack_text(struct request *r, cJSON *parent, const char *key, struct buf *text,
                       size_t max)
{
    cJSON *o = put_object(r, parent, key);

    text_cut(text, max);
    r->failed |= text->failed;
    put_text(r, o, "type", "plain_text");
    put_text(r, o, "text", text->len ? text->data : "-");
    put_bool(r, o, "emoji", false);
}

static void slack_facts(struct request *r, cJSON *blocks, const struct kind_call *c)
{
    cJSON *section = put_object(r, blocks, NULL);
    cJSON *fields;

    put_text(r, section, "type", "section");
    fields = put_array(r, section, "fields");
    for (size_t i = 0; i < message_n_facts; i++) {
        CLEANUP(buf_done) struct buf value = {0}, text = {0};

        message_field(&value, c->message, NULL, message_facts[i].field, c->chars);
        if (!value.len)
            continue;
        buf_printf(&text, "%s: %s", message_facts[i].label, value.data);
        slack_text(r, fields, NULL, &text, 2000);
    }
}

static void slack_events(struct request *r, cJSON *blocks, const struct kind_call *c)
{
    for (size_t i = 0; i < c->events; i++) {
        CLEANUP(buf_done) struct buf line = {0};
        cJSON *section = put_object(r, blocks, NULL);

        put_text(r, section, "type", "section");
        message_line(&line, c->message, message_event(c->message, i), c->chars);
        slack_text(r, section, "text", &line, 3000);
    }
}

static void slack_more(struct request *r, cJSON *blocks, const struct kind_call *c)
{
    CLEANUP(buf_done) struct buf text = {0};
    cJSON *context = put_object(r, blocks, NULL);

    put_text(r, context, "type", "context");
    if (c->message->n_left_out || c->message->n_events > c->events) {
        message_rest(&text, c->message, c->events);
        buf_str(&text, ". ");
    }
    buf_printf(&text, "%s. More: ", message_severity_name(c->message->severity));
    message_field(&text, c->message, NULL, FIELD_MORE, c->chars);
    slack_text(r, put_array(r, context, "elements"), NULL, &text, 3000);
}

static void slack_header(struct request *r, cJSON *blocks, const struct kind_call *c)
{
    CLEANUP(buf_done) struct buf text = {0};
    cJSON *header = put_object(r, blocks, NULL);

    put_text(r, header, "type", "header");
    buf_printf(&text, "%s ", icons[c->message->severity]);
    message_field(&text, c->message, NULL, FIELD_TITLE, c->chars);
    slack_text(r, header, "text", &text, HEADER_MAX);
}

/* What notifications show; there <...> would be a mention or a link, markup or not. */
static void slack_fallback(struct request *r, cJSON *root, const struct kind_call *c)
{
    CLEANUP(buf_done) struct buf title = {0}, text = {0};

    message_field(&title, c->message, NULL, FIELD_TITLE, c->chars);
    slack_escape(&text, &title);
    r->failed |= text.failed;
    put_text(r, root, "text", text.data);
    put_bool(r, root, "mrkdwn", false);
    put_text(r, root, "parse", "none");
}

void slack_render(struct request *r, const struct kind_call *c)
{
    cJSON *root = cJSON_CreateObject(), *blocks;

    slack_fallback(r, root, c);
    put_bool(r, root, "unfurl_links", false);
    put_bool(r, root, "unfurl_media", false);
    blocks = put_array(r, root, "blocks");
    slack_header(r, blocks, c);
    if (c->message->events)
        slack_events(r, blocks, c);
    else
        slack_facts(r, blocks, c);
    slack_more(r, blocks, c);
    request_json(r, root);
}

/* ---- Mattermost */

/* As code: nothing in there is a mention, a link or markup. */
static void code_span(struct buf *out, const struct buf *text)
{
    buf_char(out, '`');
    for (size_t i = 0; i < text->len; i++)
        buf_char(out, text->data[i] == '`' ? '\'' : text->data[i]);
    buf_char(out, '`');
    out->failed |= text->failed;
}

static void code_field(struct buf *out, const struct kind_call *c, enum template_field field,
                       const char *before, const char *after)
{
    CLEANUP(buf_done) struct buf text = {0};

    message_field(&text, c->message, NULL, field, c->chars);
    out->failed |= text.failed;
    if (!text.len)
        return;
    buf_str(out, before);
    code_span(out, &text);
    buf_str(out, after);
}

static void mattermost_text(struct buf *out, const struct kind_call *c)
{
    const struct message *m = c->message;

    code_field(out, c, FIELD_TITLE, "**", "**\n");
    for (size_t i = 0; !m->events && i < message_n_facts; i++) {
        char label[40];

        snprintf(label, sizeof label, "- %s: ", message_facts[i].label);
        code_field(out, c, message_facts[i].field, label, "\n");
    }
    for (size_t i = 0; m->events && i < c->events; i++) {
        CLEANUP(buf_done) struct buf line = {0};

        message_line(&line, m, message_event(m, i), c->chars);
        buf_str(out, "- ");
        code_span(out, &line);
        buf_char(out, '\n');
    }
    if (m->n_left_out || m->n_events > c->events) {
        message_rest(out, m, c->events);
        buf_char(out, '\n');
    }
    code_field(out, c, FIELD_MORE, "More: ", "\n");
}

void mattermost_render(struct request *r, const struct kind_call *c)
{
    cJSON *root = cJSON_CreateObject();
    CLEANUP(buf_done) struct buf text = {0};

    mattermost_text(&text, c);
    r->failed |= text.failed;
    put_text(r, root, "text", text.data);
    if (c->message->severity >= SEVERITY_HIGH)
        put_text(r, put_object(r, root, "priority"), "priority",
                 c->message->severity == SEVERITY_CRITICAL ? "urgent" : "important");
    request_json(r, root);
}

/* ---- Teams */

static void text_run(struct request *r, cJSON *inlines, const char *text, bool bold)
{
    cJSON *run = put_object(r, inlines, NULL);

    put_text(r, run, "type", "TextRun");
    put_text(r, run, "text", text);
    if (bold)
        put_text(r, run, "weight", "Bolder");
}

static void rich_line(struct request *r, cJSON *body, const char *label, const struct buf *text)
{
    cJSON *block = put_object(r, body, NULL), *inlines;

    put_text(r, block, "type", "RichTextBlock");
    inlines = put_array(r, block, "inlines");
    if (label)
        text_run(r, inlines, label, true);
    text_run(r, inlines, text->len ? text->data : "-", false);
    r->failed |= text->failed;
}

static void teams_title(struct request *r, cJSON *body, const struct kind_call *c)
{
    CLEANUP(buf_done) struct buf text = {0};
    cJSON *block = put_object(r, body, NULL), *run;

    message_field(&text, c->message, NULL, FIELD_TITLE, c->chars);
    r->failed |= text.failed;
    put_text(r, block, "type", "RichTextBlock");
    run = put_object(r, put_array(r, block, "inlines"), NULL);
    put_text(r, run, "type", "TextRun");
    put_text(r, run, "text", text.data);
    put_text(r, run, "size", "Medium");
    put_text(r, run, "weight", "Bolder");
    put_text(r, run, "color", shades[c->message->severity]);
}

static void teams_body(struct request *r, cJSON *body, const struct kind_call *c)
{
    const struct message *m = c->message;
    CLEANUP(buf_done) struct buf rest = {0};

    teams_title(r, body, c);
    for (size_t i = 0; !m->events && i < message_n_facts; i++) {
        CLEANUP(buf_done) struct buf value = {0};
        char label[40];

        message_field(&value, m, NULL, message_facts[i].field, c->chars);
        snprintf(label, sizeof label, "%s: ", message_facts[i].label);
        if (value.len)
            rich_line(r, body, label, &value);
    }
    for (size_t i = 0; m->events && i < c->events; i++) {
        CLEANUP(buf_done) struct buf line = {0};

        message_line(&line, m, message_event(m, i), c->chars);
        rich_line(r, body, NULL, &line);
    }
    message_rest(&rest, m, c->events);
    if (rest.len)
        rich_line(r, body, NULL, &rest);
    buf_clear(&rest);
    message_field(&rest, m, NULL, FIELD_MORE, c->chars);
    rich_line(r, body, "More: ", &rest);
}

void teams_render(struct request *r, const struct kind_call *c)
{
    cJSON *root = cJSON_CreateObject(), *attachment, *card;

    put_text(r, root, "type", "message");
    attachment = put_object(r, put_array(r, root, "attachments"), NULL);
    put_text(r, attachment, "contentType", "application/vnd.microsoft.card.adaptive");
    if (!cJSON_AddNullToObject(attachment, "contentUrl"))
        r->failed = true;
    card = put_object(r, attachment, "content");
    put_text(r, card, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
    put_text(r, card, "type", "AdaptiveCard");
    put_text(r, card, "version", "1.4");
    put_text(r, put_object(r, card, "msteams"), "width", "Full");
    teams_body(r, put_array(r, card, "body"), c);
    request_json(r, root);
}

/* ---- Discord */

/* A backslash before all that its markdown reads; one in "://" keeps links from being made. */
static void discord_escape(struct buf *out, const struct buf *text)
{
    for (size_t i = 0; i < text->len; i++) {
        char ch = text->data[i];

        if (strchr("\\*_~|>#[]()`<@-", ch) || (ch == ':' && i + 1 < text->len))
            buf_char(out, '\\');
        buf_char(out, ch);
    }
    out->failed |= text->failed;
}

static void discord_text(struct request *r, cJSON *o, const char *key, struct buf *text, size_t max)
{
    CLEANUP(buf_done) struct buf escaped = {0};

    text_cut(text, max / 2);
    discord_escape(&escaped, text);
    r->failed |= escaped.failed;
    put_text(r, o, key, escaped.len ? escaped.data : "-");
}

static void discord_field(struct request *r, cJSON *fields, const char *name, struct buf *value)
{
    cJSON *field = put_object(r, fields, NULL);

    put_text(r, field, "name", name);
    discord_text(r, field, "value", value, 1024);
    put_bool(r, field, "inline", false);
}

static void discord_embed(struct request *r, cJSON *embed, const struct kind_call *c)
{
    const struct message *m = c->message;
    cJSON *fields;
    CLEANUP(buf_done) struct buf lines = {0}, more = {0};

    put_number(r, embed, "color", colours[m->severity]);
    if (m->events) {
        plain_events(&lines, c, DESCRIPTION_MAX);
        discord_text(r, embed, "description", &lines, 4096);
    }
    fields = put_array(r, embed, "fields");
    for (size_t i = 0; !m->events && i < message_n_facts; i++) {
        CLEANUP(buf_done) struct buf value = {0};

        message_field(&value, m, NULL, message_facts[i].field, c->chars);
        if (value.len)
            discord_field(r, fields, message_facts[i].label, &value);
    }
    message_field(&more, m, NULL, FIELD_MORE, c->chars);
    discord_field(r, fields, "More", &more);
}

void discord_render(struct request *r, const struct kind_call *c)
{
    cJSON *root = cJSON_CreateObject(), *mentions;
    CLEANUP(buf_done) struct buf title = {0};

    message_field(&title, c->message, NULL, FIELD_TITLE, c->chars);
    discord_text(r, root, "content", &title, 2000);
    discord_embed(r, put_object(r, put_array(r, root, "embeds"), NULL), c);
    mentions = put_object(r, root, "allowed_mentions");
    put_array(r, mentions, "parse");
    if (!strchr(c->config->url, '?')) /* then it says what became of the message */
        buf_printf(&r->url, "%s?wait=true", c->config->url);
    request_json(r, root);
}
