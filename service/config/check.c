/* Holds a YAML tree against the libcyaml schema: unknown, repeated and missing keys, values of the
 * wrong type.
 *
 * The schema tables are plain data, so the same table that libcyaml loads by is walked here, and
 * each message can say what was expected and which known word is nearest.  After this check
 * cyaml_load_data() has nothing left to refuse. */
#include "service/config/document.h"

#include "engine/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#define PLACE_MAX 256
#define NEAR_MAX  3 /* edits up to which a word is taken for a slip of another */

struct walk {
    yaml_document_t *doc;
    struct problems *p;
};

static void check_value(const struct walk *w, const cyaml_schema_value_t *s,
                        const yaml_node_t *node, const char *place);

static const char *node_text(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

static size_t node_line(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

/* "key:" with nothing behind it. */
static bool node_is_empty(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           !*node_text(node);
}

static const char *node_kind(const yaml_node_t *node)
{
    return node->type == YAML_MAPPING_NODE    ? "a mapping"
           : node->type == YAML_SEQUENCE_NODE ? "a list"
           : node_is_empty(node)              ? "nothing"
                                              : node_text(node);
}

static void expected(const struct walk *w, const yaml_node_t *node, const char *place,
                     const char *what)
{
    problem_line(w->p, node_line(node), "%s: expected %s, found %s%.60s%s", place, what,
                 node->type == YAML_SCALAR_NODE && !node_is_empty(node) ? "'" : "", node_kind(node),
                 node->type == YAML_SCALAR_NODE && !node_is_empty(node) ? "'" : "");
}

/* The nearest of some words, collected one by one. */
struct nearest {
    const char *word;
    unsigned distance;
};

static void nearest_offer(struct nearest *n, const char *given, const char *word)
{
    unsigned d = text_distance(given, word, NEAR_MAX + 1);

    if (d <= NEAR_MAX && d < strlen(word) && (!n->word || d < n->distance))
        *n = (struct nearest){word, d};
}

static void unknown_key(const struct walk *w, const cyaml_schema_field_t *fields,
                        const yaml_node_t *key, const char *place)
{
    struct nearest near = {0};
    char known[200] = "";
    size_t n = 0;

    for (const cyaml_schema_field_t *f = fields; f->key; f++) {
        nearest_offer(&near, node_text(key), f->key);
        if (n < sizeof known)
            n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", n ? ", " : "", f->key);
    }
    if (near.word)
        problem_line(w->p, node_line(key), "unknown key '%.60s' in %s; did you mean '%s'?",
                     node_text(key), *place ? place : "the file", near.word);
    else
        problem_line(w->p, node_line(key), "unknown key '%.60s' in %s; known are %s",
                     node_text(key), *place ? place : "the file", known);
}

static const cyaml_schema_field_t *field_find(const cyaml_schema_field_t *fields, const char *key)
{
    for (const cyaml_schema_field_t *f = fields; f->key; f++)
        if (strcmp(f->key, key) == 0)
            return f;
    return NULL;
}

static bool key_came_before(const struct walk *w, const yaml_node_t *map,
                            const yaml_node_pair_t *until, const char *key)
{
    for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < until; pair++) {
        const yaml_node_t *k = yaml_document_get_node(w->doc, pair->key);

        if (k->type == YAML_SCALAR_NODE && strcmp(node_text(k), key) == 0)
            return true;
    }
    return false;
}

static void check_pair(const struct walk *w, const cyaml_schema_field_t *fields,
                       const yaml_node_t *map, const yaml_node_pair_t *pair, const char *place)
{
    const yaml_node_t *key = yaml_document_get_node(w->doc, pair->key);
    const cyaml_schema_field_t *f;
    char inner[PLACE_MAX];

    if (key->type != YAML_SCALAR_NODE) {
        expected(w, key, *place ? place : "the file", "a plain word as key");
        return;
    }
    f = field_find(fields, node_text(key));
    if (!f) {
        unknown_key(w, fields, key, place);
        return;
    }
    if (key_came_before(w, map, pair, f->key)) {
        problem_line(w->p, node_line(key), "key '%s' is given twice in %s", f->key,
                     *place ? place : "the file");
        return;
    }
    snprintf(inner, sizeof inner, "%s%s%s", place, *place ? "." : "", f->key);
    check_value(w, &f->value, yaml_document_get_node(w->doc, pair->value), inner);
}

static bool map_has(const struct walk *w, const yaml_node_t *map, const char *key)
{
    return key_came_before(w, map, map->data.mapping.pairs.top, key);
}

static void check_mapping(const struct walk *w, const cyaml_schema_field_t *fields,
                          const yaml_node_t *node, const char *place)
{
    if (node->type != YAML_MAPPING_NODE) {
        expected(w, node, *place ? place : "the file", "a mapping (key: value)");
        return;
    }
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++)
        check_pair(w, fields, node, pair, place);
    for (const cyaml_schema_field_t *f = fields; f->key; f++)
        if (!(f->value.flags & CYAML_FLAG_OPTIONAL) && !map_has(w, node, f->key))
            problem_line(w->p, node_line(node), "%s: the key '%s' is missing",
                         *place ? place : "the file", f->key);
}

static void check_sequence(const struct walk *w, const cyaml_schema_value_t *s,
                           const yaml_node_t *node, const char *place)
{
    size_t n;

    if (node->type != YAML_SEQUENCE_NODE) {
        expected(w, node, place, "a list ([a, b], or one '- item' a line)");
        return;
    }
    n = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (n < s->sequence.min || n > s->sequence.max) {
        problem_line(w->p, node_line(node),
                     "%s: expected %" PRIu32 " to %" PRIu32 " entries, found %zu", place,
                     s->sequence.min, s->sequence.max, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        char inner[PLACE_MAX];

        snprintf(inner, sizeof inner, "%.200s[%zu]", place, i);
        check_value(w, s->sequence.entry,
                    yaml_document_get_node(w->doc, node->data.sequence.items.start[i]), inner);
    }
}

static void check_word(const struct walk *w, const cyaml_schema_value_t *s, const yaml_node_t *node,
                       const char *place)
{
    struct nearest near = {0};
    char words[160] = "";
    size_t n = 0;

    if (node->type != YAML_SCALAR_NODE) {
        expected(w, node, place, "one word");
        return;
    }
    for (uint32_t i = 0; i < s->enumeration.count; i++) {
        const char *word = s->enumeration.strings[i].str;

        if (strcmp(word, node_text(node)) == 0)
            return;
        nearest_offer(&near, node_text(node), word);
        if (n < sizeof words)
            n += (size_t)snprintf(words + n, sizeof words - n, "%s%s", n ? ", " : "", word);
    }
    problem_line(w->p, node_line(node), "%s: '%.60s' is not one of %s%s%s%s", place,
                 node_text(node), words, near.word ? "; did you mean '" : "",
                 near.word ? near.word : "", near.word ? "'?" : "");
}

static void check_words(const struct walk *w, const cyaml_schema_value_t *s,
                        const yaml_node_t *node, const char *place)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        expected(w, node, place, "a list of words ([a, b])");
        return;
    }
    for (yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++)
        check_word(w, s, yaml_document_get_node(w->doc, *item), place);
}

static void check_number(const struct walk *w, const cyaml_schema_value_t *s,
                         const yaml_node_t *node, const char *place)
{
    uint64_t max = s->data_size < 8 ? (1ULL << (8 * s->data_size)) - 1 : UINT64_MAX;
    unsigned long long value;
    char what[64];
    char *end;

    snprintf(what, sizeof what, "a whole number from 0 to %" PRIu64, max);
    if (node->type != YAML_SCALAR_NODE || node_text(node)[0] < '0' || node_text(node)[0] > '9') {
        expected(w, node, place, what);
        return;
    }
    errno = 0;
    value = strtoull(node_text(node), &end, 10);
    if (*end || errno || value > max || (end - node_text(node) > 1 && *node_text(node) == '0'))
        expected(w, node, place, what);
}

static void check_bool(const struct walk *w, const yaml_node_t *node, const char *place)
{
    static const char *const words[] = {"true", "false", "yes", "no"};

    if (node->type == YAML_SCALAR_NODE)
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (strcasecmp(words[i], node_text(node)) == 0)
                return;
    expected(w, node, place, "true or false");
}

static void check_string(const struct walk *w, const cyaml_schema_value_t *s,
                         const yaml_node_t *node, const char *place)
{
    if (node->type != YAML_SCALAR_NODE) {
        expected(w, node, place, "a text");
        return;
    }
    if (memchr(node_text(node), 0, node->data.scalar.length))
        problem_line(w->p, node_line(node), "%s: a NUL character has no place in a text", place);
    else if (node->data.scalar.length < s->string.min)
        expected(w, node, place, "a text that is not empty");
    else if (node->data.scalar.length > s->string.max)
        problem_line(w->p, node_line(node), "%s: longer than %" PRIu32 " bytes", place,
                     s->string.max);
}

static void check_value(const struct walk *w, const cyaml_schema_value_t *s,
                        const yaml_node_t *node, const char *place)
{
    bool may_be_null = (s->flags & CYAML_FLAG_POINTER_NULL) == CYAML_FLAG_POINTER_NULL;

    if (may_be_null && node_is_empty(node))
        return;
    switch (s->type) {
    case CYAML_MAPPING:
        check_mapping(w, s->mapping.fields, node, place);
        break;
    case CYAML_SEQUENCE:
        check_sequence(w, s, node, place);
        break;
    case CYAML_ENUM:
        check_word(w, s, node, place);
        break;
    case CYAML_FLAGS:
        check_words(w, s, node, place);
        break;
    case CYAML_UINT:
        check_number(w, s, node, place);
        break;
    case CYAML_BOOL:
        check_bool(w, node, place);
        break;
    default:
        check_string(w, s, node, place);
    }
}

void document_check(const struct document *d, const cyaml_schema_value_t *schema,
                    struct problems *p)
{
    struct walk w = {.doc = document_yaml(d), .p = p};
    const yaml_node_t *root = yaml_document_get_root_node(w.doc);

    if (!root)
        problem_line(p, 1, "the file is empty; expected at least 'zones:'");
    else
        check_value(&w, schema, root, "");
}
