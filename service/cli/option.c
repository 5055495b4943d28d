/* Parsing by table.
 *
 * getopt_long_only() reads nmap's command lines, but it says "ambiguous" where nmap's users expect
 * an answer, suggests nothing and keeps its state in globals.  The order here: the whole word first
 * ("-sS", "--exclude"), then a letter with its value attached ("-p80"), then several letters in one
 * word ("-nvv"), so that no word can be read in two ways. */
#include "service/cli/option.h"

#include "engine/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    const struct option_set *set;
    char *const *argv; /* at the word that is being read */
    char *args;
    struct err *e;
};

int option_list_add(struct option_list *l, const char *value)
{
    const char **more = realloc(l->values, (l->n + 1) * sizeof *more);

    if (!more)
        return -ENOMEM;
    l->values = more;
    l->values[l->n++] = value;
    return 0;
}

void option_list_done(struct option_list *l)
{
    free(l->values);
    *l = (struct option_list){0};
}

void option_each(const struct option_set *s, bool (*fn)(void *user, const struct option *o),
                 void *user)
{
    for (size_t t = 0; t < OPTION_TABLES_MAX && s->tables[t]; t++)
        for (const struct option *o = s->tables[t]; o->help; o++)
            if (!fn(user, o))
                return;
}

static bool done_each(void *args, const struct option *o)
{
    if (o->type == OPTION_LIST)
        option_list_done((struct option_list *)(void *)((char *)args + o->at));
    return true;
}

void options_done(const struct option_set *s, void *args)
{
    option_each(s, done_each, args);
}

struct finding {
    const char *name;
    const struct option *option;
};

static bool find_each(void *user, const struct option *o)
{
    struct finding *f = user;

    if (o->type == OPTION_HEADING)
        return true;
    if (strcmp(o->name, f->name) == 0 || (o->also && strcmp(o->also, f->name) == 0))
        f->option = o;
    return !f->option;
}

const struct option *option_find(const struct option_set *s, const char *name)
{
    struct finding f = {.name = name};

    option_each(s, find_each, &f);
    return f.option;
}

/* A third of the word may be wrong; two letters that changed places count as two.  Of a dash and a
 * letter nothing is left when the letter is wrong. */
static unsigned distance_allowed(const char *word)
{
    size_t len = strlen(word);

    if (len < 4)
        return len > 2;
    return len < 6 ? 2 : len > 12 ? 4 : (unsigned)(len / 3);
}

struct nearest {
    const char *word;
    const char *best;
    unsigned distance; /* of best; words must be nearer than this */
};

static void nearest_try(struct nearest *n, const char *candidate)
{
    unsigned d = text_distance(n->word, candidate, n->distance);

    if (d < n->distance) {
        n->best = candidate;
        n->distance = d;
    }
}

static bool nearest_each(void *user, const struct option *o)
{
    if (o->type != OPTION_HEADING && !option_is_hidden(o)) {
        nearest_try(user, o->name);
        if (o->also)
            nearest_try(user, o->also);
    }
    return true;
}

const char *option_suggest(const struct option_set *s, const char *name)
{
    struct nearest n = {.word = name, .distance = distance_allowed(name) + 1};

    option_each(s, nearest_each, &n);
    return n.best;
}

const char *word_suggest(const char *const *words, const char *word)
{
    struct nearest n = {.word = word, .distance = distance_allowed(word) + 1};

    for (; *words; words++)
        nearest_try(&n, *words);
    return n.best;
}

static int set_number(const struct parser *p, const struct option *o, const char *value)
{
    unsigned *number = (unsigned *)(void *)(p->args + o->at);
    unsigned most = o->bits ? o->bits : 1000000000;
    char *end;
    unsigned long n = strtoul(value, &end, 10);

    if (*value < '0' || *value > '9' || *end || n < o->least || n > most)
        return err_set(p->e, -EINVAL, "%s %s: expected a whole number from %u to %u", o->name,
                       value, o->least, most);
    *number = (unsigned)n;
    return 0;
}

static int set_rate(const struct parser *p, const struct option *o, const char *value)
{
    double *rate = (double *)(void *)(p->args + o->at);
    char *end;
    double n = strtod(value, &end);

    if (end == value || *end || !(n > 0) || n > 1e9)
        return err_set(p->e, -EINVAL, "%s %s: expected a number above 0 (packets per second)",
                       o->name, value);
    *rate = n;
    return 0;
}

static int set_span(const struct parser *p, const struct option *o, const char *value)
{
    if (span_parse(value, (usec_t *)(void *)(p->args + o->at)) < 0)
        return err_set(p->e, -EINVAL,
                       "%s %s: expected a time span such as 500ms, 30 (seconds), 5m or 1h30m",
                       o->name, value);
    return 0;
}

static bool choice_has(const char *choices, const char *value)
{
    size_t len = strlen(value);

    for (const char *c = choices; c; c = strchr(c, '|') ? strchr(c, '|') + 1 : NULL)
        if (len && strncmp(c, value, len) == 0 && (c[len] == '|' || c[len] == '\0'))
            return true;
    return false;
}

static int set_text(const struct parser *p, const struct option *o, const char *value)
{
    if (o->choices && !choice_has(o->choices, value))
        return err_set(p->e, -EINVAL, "%s %s: expected one of %s", o->name, value, o->choices);
    *(const char **)(void *)(p->args + o->at) = value;
    return 0;
}

static int set_count(const struct parser *p, const struct option *o, const char *value)
{
    int *count = (int *)(void *)(p->args + o->at);

    if (!value)
        *count += 1;
    else if (value[0] >= '0' && value[0] <= '9' && !value[1])
        *count = value[0] - '0';
    else
        return err_set(p->e, -EINVAL, "%s%s: expected a level from 0 to 9 behind %s", o->name,
                       value, o->name);
    return 0;
}

/* Takes the option; value is NULL for those without. */
static int option_set_value(const struct parser *p, const struct option *o, const char *value)
{
    char *at = p->args + o->at;

    switch (o->type) {
    case OPTION_FLAG:
        *(bool *)(void *)at = true;
        return 0;
    case OPTION_COUNT:
        return set_count(p, o, value);
    case OPTION_BITS:
        *(unsigned *)(void *)at |= o->bits;
        return 0;
    case OPTION_TEXT:
        return set_text(p, o, value);
    case OPTION_LIST:
        return option_list_add((struct option_list *)(void *)at, value);
    case OPTION_SPAN:
        return set_span(p, o, value);
    case OPTION_NUMBER:
        return set_number(p, o, value);
    case OPTION_RATE:
        return set_rate(p, o, value);
    case OPTION_HELP:
    case OPTION_SERVED:
        return 0;
    case OPTION_REFUSED:
        return err_set(p->e, -EINVAL, "%s: %s", o->name, o->help);
    default:
        return -EINVAL;
    }
}

/* The value is the next word; argv moves on to it. */
static int take_next(struct parser *p, const struct option *o, const char **ret)
{
    if (!p->argv[1])
        return err_set(p->e, -EINVAL, "%s needs a value: %s %s", o->name, o->name, o->arg);
    *ret = *++p->argv;
    return 0;
}

static int take_two(struct parser *p, const struct option *o, const char *attached)
{
    const char **values = (const char **)(void *)(p->args + o->at);

    values[0] = attached;
    for (size_t i = attached ? 1 : 0; i < 2; i++) {
        if (!p->argv[1])
            return err_set(p->e, -EINVAL, "%s needs two values: %s %s", o->name, o->name, o->arg);
        values[i] = *++p->argv;
    }
    return 0;
}

/* A whole word that names an option; attached is what stood behind '=' or NULL. */
static int take_option(struct parser *p, const struct option *o, const char *attached)
{
    const char *value = attached;
    int r;

    if (o->type == OPTION_REFUSED)
        return option_set_value(p, o, NULL);
    if (attached && !o->arg)
        return err_set(p->e, -EINVAL, "%s takes no value", o->name);
    if (o->type == OPTION_TWO)
        return take_two(p, o, attached);
    if (o->attached && !attached)
        value = "";
    else if (o->arg && !attached) {
        r = take_next(p, o, &value);
        if (r < 0)
            return r;
    }
    return option_set_value(p, o, value);
}

static int unknown_option(const struct parser *p, const char *word)
{
    CLEANUP(freep) char *name = strndup(word, strcspn(word, "="));
    const char *near = name ? option_suggest(p->set, name) : NULL;

    if (near)
        return err_set(p->e, -EINVAL, "unknown option '%s'; did you mean '%s'?", word, near);
    return err_set(p->e, -EINVAL, "unknown option '%s'", word);
}

static int take_long(struct parser *p, const char *word)
{
    const char *equals = strchr(word, '=');
    CLEANUP(freep) char *name = equals ? strndup(word, (size_t)(equals - word)) : strdup(word);
    const struct option *o;

    if (!name)
        return -ENOMEM;
    o = option_find(p->set, name);
    return o ? take_option(p, o, equals ? equals + 1 : NULL) : unknown_option(p, name);
}

static const struct option *find_letters(const struct parser *p, const char *letters, size_t n)
{
    char name[4] = "-";

    memcpy(name + 1, letters, n);
    return option_find(p->set, name);
}

/* "-sSC" is "-sS -sC": each letter behind the s names one way of scanning.  NULL when the word is
 * not of that kind. */
static const struct option *scan_letter(const struct parser *p, char letter)
{
    return find_letters(p, (const char[2]){'s', letter}, 2);
}

static bool is_scan_word(const struct parser *p, const char *word)
{
    if (word[1] != 's' || !word[2])
        return false;
    for (const char *c = word + 2; *c; c++)
        if (!scan_letter(p, *c))
            return false;
    return true;
}

/* Letters in one word; one that takes a value has the rest of the word as its value, or the next
 * word. */
static int take_letters(struct parser *p, const char *word)
{
    const struct option *o;
    int r;

    for (const char *c = word + 1; *c; c++) {
        o = find_letters(p, c, 1);
        if (!o)
            return unknown_option(p, word);
        if (o->arg)
            return take_option(p, o, c[1] ? c + 1 : NULL);
        if (o->type == OPTION_COUNT && c[1] >= '0' && c[1] <= '9')
            return option_set_value(p, o, c + 1);
        r = option_set_value(p, o, NULL);
        if (r < 0)
            return r;
    }
    return 0;
}

static int take_short(struct parser *p, const char *word)
{
    const struct option *o = option_find(p->set, word);
    int r = 0;

    if (o)
        return take_option(p, o, NULL);
    o = find_letters(p, word + 1, strnlen(word + 1, 2));
    if (o && o->attached)
        return take_option(p, o, word + 3);
    if (!is_scan_word(p, word))
        return take_letters(p, word);
    for (const char *c = word + 2; *c && r == 0; c++)
        r = option_set_value(p, scan_letter(p, *c), NULL);
    return r;
}

int options_parse(const struct option_set *s, char *const *argv, void *args,
                  struct option_list *ret_operands, struct err *e)
{
    struct parser p = {.set = s, .argv = argv, .args = args, .e = e};
    bool only_operands = false;
    int r = 0;

    for (; *p.argv && r == 0; p.argv++) {
        const char *word = *p.argv;

        if (only_operands || word[0] != '-' || !word[1])
            r = option_list_add(ret_operands, word);
        else if (strcmp(word, "--") == 0)
            only_operands = true;
        else if (word[1] == '-')
            r = take_long(&p, word);
        else
            r = take_short(&p, word);
    }
    return r == -ENOMEM ? err_set(e, r, "out of memory") : r;
}
