/* Reads a template once, when the configuration is read, so that a slip in it is found there and
 * not when the first alert goes out. */
#include "service/config/template.h"

#include "engine/base/cleanup.h"
#include "engine/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 1000
#define NEAR_MAX  2

static const char *const field_names[FIELD_MAX] = {
    [FIELD_ASSET] = "asset", [FIELD_EVIDENCE] = "evidence",   [FIELD_HOST] = "host",
    [FIELD_ID] = "id",       [FIELD_MORE] = "more",           [FIELD_NEW] = "new",
    [FIELD_OLD] = "old",     [FIELD_SEVERITY] = "severity",   [FIELD_SINCE] = "since",
    [FIELD_STATE] = "state", [FIELD_SUBJECT] = "subject",     [FIELD_SUMMARY] = "summary",
    [FIELD_SURE] = "sure",   [FIELD_TIMESTAMP] = "timestamp", [FIELD_TITLE] = "title",
    [FIELD_TYPE] = "type",   [FIELD_ZONE] = "zone",
};

struct reader {
    struct template *t;
    bool in_events;
    struct err *e;
};

static unsigned line_of(const struct reader *r, const char *at)
{
    unsigned line = 1;

    for (const char *p = r->t->source; p < at; p++)
        line += *p == '\n';
    return line;
}

static int wrong(const struct reader *r, const char *at, const char *what)
{
    return err_set(r->e, -EINVAL, "line %u of the template: %s", line_of(r, at), what);
}

static int add_part(struct reader *r, struct template_part part)
{
    struct template *t = r->t;

    if (t->n == PARTS_MAX)
        return err_set(r->e, -EINVAL, "the template has more than %d parts", PARTS_MAX);
    if ((t->n & (t->n - 1)) == 0) {
        void *grown = reallocarray(t->parts, t->n ? 2 * t->n : 1, sizeof *t->parts);

        if (!grown)
            return err_set(r->e, -ENOMEM, "out of memory");
        t->parts = grown;
    }
    t->parts[t->n++] = part;
    return 0;
}

static int unknown_field(const struct reader *r, const char *at, const char *name, size_t len)
{
    char word[40];
    const char *near = NULL;
    unsigned best = NEAR_MAX + 1;

    snprintf(word, sizeof word, "%.*s", len < 32 ? (int)len : 32, name);
    for (size_t i = 0; i < FIELD_MAX; i++) {
        unsigned d = text_distance(word, field_names[i], best);

        if (d < best) {
            best = d;
            near = field_names[i];
        }
    }
    return err_set(r->e, -EINVAL, "line %u of the template: unknown field '%s'%s%s%s",
                   line_of(r, at), word,
                   near ? "; did you mean '"
                        : "; known are summary, title, "
                          "host, old, new and others (muster.yaml(5))",
                   near ? near : "", near ? "'?" : "");
}

/* What stands between the braces. */
static int read_tag(struct reader *r, const char *tag, size_t len)
{
    while (len > 0 && *tag == ' ')
        tag++, len--;
    while (len > 0 && tag[len - 1] == ' ')
        len--;
    if (len == 7 && memcmp(tag, "#events", 7) == 0) {
        if (r->in_events)
            return wrong(r, tag, "{{#events}} inside {{#events}}");
        r->in_events = true;
        return add_part(r, (struct template_part){.kind = PART_EVENTS});
    }
    if (len == 7 && memcmp(tag, "/events", 7) == 0) {
        if (!r->in_events)
            return wrong(r, tag, "{{/events}} without {{#events}}");
        r->in_events = false;
        return add_part(r, (struct template_part){.kind = PART_END});
    }
    for (size_t i = 0; i < FIELD_MAX; i++)
        if (strlen(field_names[i]) == len && memcmp(tag, field_names[i], len) == 0)
            return add_part(
                r, (struct template_part){.kind = PART_FIELD, .field = (enum template_field)i});
    return unknown_field(r, tag, tag, len);
}

static int read_parts(struct reader *r)
{
    const char *p = r->t->source;
    int n = 0;

    while (*p && n == 0) {
        const char *open = strstr(p, "{{");
        const char *close = open ? strstr(open, "}}") : NULL;
        size_t len = open ? (size_t)(open - p) : strlen(p);

        if (open && !close)
            return wrong(r, open, "'{{' without '}}'");
        if (len)
            n = add_part(r, (struct template_part){.kind = PART_TEXT, .text = p, .len = len});
        if (n == 0 && open)
            n = read_tag(r, open + 2, (size_t)(close - open) - 2);
        p = open ? close + 2 : p + len;
    }
    if (n == 0 && r->in_events)
        return wrong(r, p, "{{#events}} without {{/events}}");
    return n;
}

int template_parse(struct template **ret, const char *text, struct err *e)
{
    CLEANUP(template_freep) struct template *t = calloc(1, sizeof *t);
    struct reader r = {.t = t, .e = e};
    int n;

    if (t)
        t->source = strdup(text);
    if (!t || !t->source)
        return err_set(e, -ENOMEM, "out of memory");
    n = read_parts(&r);
    if (n < 0)
        return n;
    *ret = take(&t);
    return 0;
}

struct template *template_free(struct template *t)
{
    if (!t)
        return NULL;
    free(t->parts);
    free(t->source);
    free(t);
    return NULL;
}

void template_freep(struct template **t)
{
    *t = template_free(*t);
}
