/* The YAML tree with its lines, from libyaml's composer.
 *
 * The composer resolves aliases and keeps a mark for each node; places are short texts
 * ("zones[0].name") that compile.c builds while it walks the structs, so that a message about a
 * value can name the line the value stands on. */
#include "service/config/document.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <yaml.h>

struct document {
    yaml_document_t yaml;
};

static void problem_report(struct problems *p, size_t line, const char *what)
{
    char text[ERR_TEXT_MAX];

    snprintf(text, sizeof text, "%.200s:%zu: %s", p->path, line, what);
    if (p->n++ == 0)
        err_set(p->e, -EINVAL, "%s", text);
    if (p->fn)
        p->fn(p->user, text);
}

void problem_line(struct problems *p, size_t line, const char *fmt, ...)
{
    char what[ERR_TEXT_MAX / 2];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    problem_report(p, line, what);
}

/* The value of a key in a mapping, or NULL. */
static yaml_node_t *mapping_get(yaml_document_t *doc, const yaml_node_t *map, const char *key,
                                size_t key_len)
{
    for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top;
         pair++) {
        const yaml_node_t *k = yaml_document_get_node(doc, pair->key);

        if (k && k->type == YAML_SCALAR_NODE && k->data.scalar.length == key_len &&
            memcmp(k->data.scalar.value, key, key_len) == 0)
            return yaml_document_get_node(doc, pair->value);
    }
    return NULL;
}

static yaml_node_t *sequence_get(yaml_document_t *doc, const yaml_node_t *seq, size_t index)
{
    yaml_node_item_t *items = seq->data.sequence.items.start;
    size_t n = (size_t)(seq->data.sequence.items.top - items);

    return index < n ? yaml_document_get_node(doc, items[index]) : NULL;
}

/* One step of a place: "key" or "[3]".  *place moves behind it. */
static yaml_node_t *node_step(yaml_document_t *doc, const yaml_node_t *at, const char **place)
{
    size_t len;

    if (**place == '[') {
        char *end;
        size_t index = strtoul(*place + 1, &end, 10);

        *place = *end == ']' ? end + 1 : end;
        return at->type == YAML_SEQUENCE_NODE ? sequence_get(doc, at, index) : NULL;
    }
    if (**place == '.')
        ++*place;
    len = strcspn(*place, ".[");
    *place += len;
    return at->type == YAML_MAPPING_NODE ? mapping_get(doc, at, *place - len, len) : NULL;
}

/* The node at a place; where it is missing, NULL and *ret_near is the last that was found on the
 * way. */
static const yaml_node_t *node_find(const struct document *d, const char *place,
                                    const yaml_node_t **ret_near)
{
    yaml_document_t *doc = (yaml_document_t *)&d->yaml; /* libyaml's getters are not const */
    const yaml_node_t *at = yaml_document_get_root_node(doc);

    *ret_near = at;
    while (at && *place) {
        at = node_step(doc, at, &place);
        if (at)
            *ret_near = at;
    }
    return at;
}

bool document_has(const struct document *d, const char *place)
{
    const yaml_node_t *near;

    return node_find(d, place, &near) != NULL;
}

void problem_at(struct problems *p, const struct document *d, const char *place, const char *fmt,
                ...)
{
    char what[ERR_TEXT_MAX / 2];
    const yaml_node_t *near;
    va_list ap;
    int n;

    node_find(d, place, &near);
    n = snprintf(what, sizeof what, "%s: ", place);
    va_start(ap, fmt);
    if (n >= 0 && (size_t)n < sizeof what)
        vsnprintf(what + n, sizeof what - (size_t)n, fmt, ap);
    va_end(ap);
    problem_report(p, near ? near->start_mark.line + 1 : 1, what);
}

int document_parse(struct document **ret, const char *data, size_t len, struct problems *p)
{
    CLEANUP(document_freep) struct document *d = calloc(1, sizeof *d);
    yaml_parser_t parser;
    int ok;

    if (!d || !yaml_parser_initialize(&parser)) {
        free(take(&d)); /* nothing in it yet that document_free() could release */
        return err_set(p->e, -ENOMEM, "out of memory");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)data, len);
    ok = yaml_parser_load(&parser, &d->yaml);
    if (!ok)
        problem_line(p, parser.problem_mark.line + 1, "not valid YAML: %s%s%s",
                     parser.problem ? parser.problem : "unreadable", parser.context ? ", " : "",
                     parser.context ? parser.context : "");
    yaml_parser_delete(&parser);
    if (!ok) {
        free(take(&d)); /* libyaml released the document itself */
        return -EINVAL;
    }
    *ret = take(&d);
    return 0;
}

struct document *document_free(struct document *d)
{
    if (d) {
        yaml_document_delete(&d->yaml);
        free(d);
    }
    return NULL;
}

void document_freep(struct document **d)
{
    document_free(*d);
}

yaml_document_t *document_yaml(const struct document *d)
{
    return (yaml_document_t *)&d->yaml;
}
