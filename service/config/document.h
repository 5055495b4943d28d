/* A YAML file as a tree that knows its lines: checked against the schema before libcyaml fills
 * structs from it, because libcyaml's own messages name neither the file nor what was expected, and
 * it takes any word for a boolean. */
#pragma once

#include "engine/base/err.h"
#include "service/config/config.h"
#include "service/config/schema.h"

#include <stdbool.h>
#include <stddef.h>

struct document;

/* Collects what is wrong with a file: the first goes into e, each to fn. */
struct problems {
    const char *path;
    config_problem_fn fn; /* may be NULL */
    void *user;
    struct err *e;
    unsigned n;
};

/* -EINVAL where the text is not YAML (then reported to p), -ENOMEM. */
int document_parse(struct document **ret, const char *data, size_t len,
                   struct problems *p) MUST_USE;
struct document *document_free(struct document *d);
void document_freep(struct document **d);

/* Reports unknown and repeated keys, missing ones, and values of a wrong type. */
void document_check(const struct document *d, const cyaml_schema_value_t *schema,
                    struct problems *p);

/* The tree itself, for the check. */
struct yaml_document_s *document_yaml(const struct document *d);

/* Whether there is a value at a place such as "zones[0].passes[2].retries". */
bool document_has(const struct document *d, const char *place);

/* Reports "FILE:LINE: PLACE: TEXT", with the line of that place or of the nearest thing around it.
 */
void problem_at(struct problems *p, const struct document *d, const char *place, const char *fmt,
                ...) PRINTF(4, 5);
/* The same where the line is known. */
void problem_line(struct problems *p, size_t line, const char *fmt, ...) PRINTF(3, 4);
