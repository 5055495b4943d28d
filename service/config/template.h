/* Texts with fields: the body of an endpoint of kind `template`.
 *
 *   {{summary}}                       a field
 *   {{#events}} ... {{/events}}       once for each event of a group (once for a single event)
 *
 * No conditions, no code: what a message cannot say is empty. */
#pragma once

#include "engine/base/err.h"

#include <stddef.h>

enum template_field {
    FIELD_ASSET,
    FIELD_EVIDENCE,
    FIELD_HOST,
    FIELD_ID,
    FIELD_MORE,
    FIELD_NEW,
    FIELD_OLD,
    FIELD_SEVERITY,
    FIELD_SINCE,
    FIELD_STATE,
    FIELD_SUBJECT,
    FIELD_SUMMARY,
    FIELD_SURE,
    FIELD_TIMESTAMP,
    FIELD_TITLE,
    FIELD_TYPE,
    FIELD_ZONE,
    FIELD_MAX
};

enum template_part_kind { PART_TEXT, PART_FIELD, PART_EVENTS, PART_END };

struct template_part {
    enum template_part_kind kind;
    const char *text; /* PART_TEXT: into the source */
    size_t len;
    enum template_field field;
};

struct template
{
    char *source;
    struct template_part *parts;
    size_t n;
};

/* *ret is the caller's.  -EINVAL: e names the line of the text, and what was expected. */
int template_parse(struct template **ret, const char *text, struct err *e) MUST_USE;
struct template *template_free(struct template *t);
void template_freep(struct template **t);
