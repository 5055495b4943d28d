/* What the modules of kinds share: their entry points for the table in kind.c, and helpers. */
#pragma once

#include "service/alert/kind.h"

#define KIND_CHARS 1000 /* of one text, while all of a message fits */

/* kind_chat.c */
void slack_render(struct request *r, const struct kind_call *c);
void mattermost_render(struct request *r, const struct kind_call *c);
void teams_render(struct request *r, const struct kind_call *c);
void discord_render(struct request *r, const struct kind_call *c);
/* kind_push.c */
void ntfy_render(struct request *r, const struct kind_call *c);
void gotify_render(struct request *r, const struct kind_call *c);
void template_render(struct request *r, const struct kind_call *c);
/* kind_page.c */
void pagerduty_render(struct request *r, const struct kind_call *c);
void opsgenie_render(struct request *r, const struct kind_call *c);
void alertmanager_render(struct request *r, const struct kind_call *c);
/* kind_data.c */
void webhook_render(struct request *r, const struct kind_call *c);
void cloudevents_render(struct request *r, const struct kind_call *c);
void cloudevents_binary_render(struct request *r, const struct kind_call *c);
void splunk_render(struct request *r, const struct kind_call *c);
/* kind_answer.c: decoders of answers */
enum outcome chat_judge(enum outcome o, struct kind_answer *a);
enum outcome discord_judge(enum outcome o, struct kind_answer *a);
enum outcome teams_judge(enum outcome o, struct kind_answer *a);
enum outcome splunk_judge(enum outcome o, struct kind_answer *a);

/* Helpers of the above: members whose failure is remembered in r. */
cJSON *put_object(struct request *r, cJSON *parent, const char *key); /* key NULL: into an array */
cJSON *put_array(struct request *r, cJSON *parent, const char *key);
void put_text(struct request *r, cJSON *parent, const char *key, const char *text);
void put_number(struct request *r, cJSON *parent, const char *key, double number);
void put_bool(struct request *r, cJSON *parent, const char *key, bool value);
/* A field of the message (event NULL) or of an event as text, cut; left out when empty unless `key`
 * must be there. */
void put_field(struct request *r, cJSON *parent, const char *key, const struct kind_call *c,
               const cJSON *event, enum template_field field, size_t max);
/* Writes the tree as the body, and frees it. */
void request_json(struct request *r, cJSON *tree);
size_t smaller(size_t a, size_t b);
/* Cuts a text to n characters (of UTF-16, as most receivers count), with "..." when it was longer.
 */
void text_cut(struct buf *text, size_t n);
/* The details of a single event, or a line for each event of a group, one a line of plain text;
 * then what was left out, and where there is more. */
void plain_details(struct buf *out, const struct kind_call *c, size_t max);
/* The lines alone, in about `max` bytes; and how many are left out. */
void plain_events(struct buf *out, const struct kind_call *c, size_t max);
