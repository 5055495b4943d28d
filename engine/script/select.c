/* The grammar, evaluated directly for one entry at a time (an index has hundreds of entries, an
 * expression a few words):
 *
 *   expr := conj "or" expr | conj      conj := value "and" conj | value
 *   value := "not" value | "(" expr ")" | "true" | "false" | CATEGORY | WORD
 *
 * Keywords and categories are case-insensitive and end before a blank, a parenthesis, a comma or
 * the end.  A word that is no category of the index is a pattern for names: case-sensitive, `*`
 * matches any run, everything else stands for itself. */
#include "engine/script/select.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#define DEPTH_MAX 64

struct eval {
    const struct script_index *ix;
    const struct index_entry *entry;
    const char *at;
    int depth;
    bool by_name; /* a word matched the entry's name */
    bool bad;
};

static bool eval_expr(struct eval *v);

static void skip_blanks(struct eval *v)
{
    while (isspace((unsigned char)*v->at))
        v->at++;
}

static bool ends_token(char c)
{
    return c == '\0' || c == '(' || c == ')' || c == ',' || isspace((unsigned char)c);
}

/* Consumes `word` if it stands here as a whole. */
static bool accept_word(struct eval *v, const char *word, size_t len)
{
    if (strncasecmp(v->at, word, len) != 0 || !ends_token(v->at[len]))
        return false;
    v->at += len;
    return true;
}

static bool accept(struct eval *v, const char *keyword)
{
    skip_blanks(v);
    return accept_word(v, keyword, strlen(keyword));
}

/* Is a category of any entry here?  Then sets *ret_has: has this entry got it? */
static bool accept_category(struct eval *v, bool *ret_has)
{
    const char *start = v->at;

    if (accept_word(v, "all", 3)) {
        *ret_has = true;
        return true;
    }
    for (size_t i = 0; i < v->ix->n_categories && v->at == start; i++)
        accept_word(v, v->ix->categories[i], strlen(v->ix->categories[i]));
    *ret_has = false;
    for (size_t k = 0; v->at > start && k < v->entry->n_categories; k++)
        if (strncasecmp(v->entry->categories[k], start, (size_t)(v->at - start)) == 0 &&
            v->entry->categories[k][v->at - start] == '\0')
            *ret_has = true;
    return v->at > start;
}

/* Glob with `*` alone, over bounded pattern; the last star is tried again further on. */
static bool glob(const char *p, const char *p_end, const char *s)
{
    const char *star = NULL, *retry = NULL;

    while (*s) {
        if (p < p_end && *p == '*') {
            star = ++p;
            retry = s;
        } else if (p < p_end && *p == *s) {
            p++;
            s++;
        } else if (star) {
            p = star;
            s = ++retry;
        } else {
            return false;
        }
    }
    while (p < p_end && *p == '*')
        p++;
    return p == p_end;
}

static bool eval_name(struct eval *v)
{
    const char *start = v->at, *end;
    bool hit;

    while (isgraph((unsigned char)*v->at) && *v->at != '(' && *v->at != ')')
        v->at++;
    if (v->at == start) {
        v->bad = true;
        return false;
    }
    end = v->at;
    if (end - start > 4 && strncmp(end - 4, ".nse", 4) == 0)
        end -= 4;
    hit = glob(start, end, v->entry->name);
    v->by_name |= hit;
    return hit;
}

static bool eval_value(struct eval *v)
{
    bool r;

    if (v->bad || ++v->depth > DEPTH_MAX) {
        v->bad = true;
        return false;
    }
    if (accept(v, "not")) {
        r = !eval_value(v);
    } else if (*v->at == '(') {
        v->at++;
        r = eval_expr(v);
        skip_blanks(v);
        if (*v->at == ')')
            v->at++;
        else
            v->bad = true;
    } else if (accept(v, "true")) {
        r = true;
    } else if (accept(v, "false")) {
        r = false;
    } else if (!accept_category(v, &r)) {
        r = eval_name(v);
    }
    v->depth--;
    return r;
}

static bool eval_conj(struct eval *v)
{
    bool r = eval_value(v);

    while (!v->bad && accept(v, "and"))
        r = eval_value(v) && r;
    return r;
}

static bool eval_expr(struct eval *v)
{
    bool r = eval_conj(v);

    while (!v->bad && accept(v, "or"))
        r = eval_conj(v) || r;
    return r;
}

int select_match(const struct script_index *ix, const struct index_entry *entry, const char *rule,
                 enum select_how *ret)
{
    struct eval v = {.ix = ix, .entry = entry, .at = rule};
    bool hit = eval_expr(&v);

    skip_blanks(&v);
    if (v.bad || *v.at)
        return -EINVAL;
    *ret = !hit ? SELECT_NONE : v.by_name ? SELECT_NAME : SELECT_CATEGORY;
    return 0;
}

static char *trim(char *s)
{
    char *end;

    while (isspace((unsigned char)*s))
        s++;
    for (end = s + strlen(s); end > s && isspace((unsigned char)end[-1]);)
        *--end = '\0';
    return s;
}

size_t select_split(char *list, struct select_rule *ret, size_t cap)
{
    size_t n = 0;
    char *part;

    while ((part = strsep(&list, ","))) {
        struct select_rule rule = {.text = trim(part)};

        if (rule.text[0] == '+') {
            rule.forced = true;
            rule.text = trim(part + strcspn(part, "+") + 1);
        }
        if (rule.text[0] == '\0' && !rule.forced)
            continue;
        if (n < cap)
            ret[n] = rule;
        n++;
    }
    return n;
}

/* ---- the index ---- */

char *script_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t len = strlen(name);

    if (len > 4 && strcmp(name + len - 4, ".nse") == 0)
        len -= 4;
    return strndup(name, len);
}

static void entry_done(struct index_entry *x)
{
    for (size_t i = 0; i < x->n_categories; i++)
        free(x->categories[i]);
    free(x->categories);
    free(x->name);
    free(x->path);
}

void index_done(struct script_index *ix)
{
    for (size_t i = 0; i < ix->n; i++)
        entry_done(&ix->entries[i]);
    free(ix->entries);
    free(ix->categories);
    *ix = (struct script_index){0};
}

static int entry_init(struct index_entry *x, const char *path, const char *const *categories,
                      size_t n_categories)
{
    *x = (struct index_entry){.name = script_base_name(path), .path = strdup(path)};
    x->categories = calloc(n_categories + 1, sizeof *x->categories);
    if (!x->name || !x->path || !x->categories)
        return -ENOMEM;
    for (size_t i = 0; i < n_categories; i++) {
        char *c = strdup(categories[i]);

        if (!c)
            return -ENOMEM;
        for (char *p = c; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        x->categories[x->n_categories++] = c;
    }
    return 0;
}

static bool is_known(const struct script_index *ix, const char *category)
{
    for (size_t i = 0; i < ix->n_categories; i++)
        if (strcmp(ix->categories[i], category) == 0)
            return true;
    return false;
}

static int add_categories(struct script_index *ix, const struct index_entry *x)
{
    for (size_t i = 0; i < x->n_categories; i++) {
        const char **grown;

        if (is_known(ix, x->categories[i]))
            continue;
        grown = reallocarray(ix->categories, ix->n_categories + 1, sizeof *grown);
        if (!grown)
            return -ENOMEM;
        ix->categories = grown;
        ix->categories[ix->n_categories++] = x->categories[i];
    }
    return 0;
}

int index_add(struct script_index *ix, const char *path, const char *const *categories,
              size_t n_categories)
{
    struct index_entry x;
    int r;

    if (ix->n == ix->cap) {
        size_t cap = ix->cap ? ix->cap * 2 : 64;
        struct index_entry *grown = reallocarray(ix->entries, cap, sizeof *grown);

        if (!grown)
            return -ENOMEM;
        ix->entries = grown;
        ix->cap = cap;
    }
    r = entry_init(&x, path, categories, n_categories);
    for (size_t i = 0; r == 0 && i < ix->n; i++)
        if (strcmp(ix->entries[i].name, x.name) == 0)
            r = 1;
    if (r != 0) {
        entry_done(&x);
        return r < 0 ? r : 0;
    }
    ix->entries[ix->n++] = x; /* from here on the strings are kept, whatever fails */
    return add_categories(ix, &x);
}
