/* --script: from an expression to loaded scripts (nse-contract 3).
 *
 * Each part of the list is tried as an expression over the index; what matches nothing there is a
 * file or a directory.  One file that does not load is an outcome of its own and never the end of
 * the others. */
#include "engine/base/text.h"
#include "engine/script/host_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define RULES_MAX 256

static void report_load_failure(struct script_host *h, const char *id, int r, const struct err *e)
{
    struct script_result res = {.phase = SCRIPT_PRE,
                                .script = id,
                                .reason = err_text(e),
                                .outcome = r > 0 ? SCRIPT_SKIPPED : SCRIPT_ERROR};

    if (h->world.log)
        h->world.log(h->world.user, r > 0 ? LOG_INFO : LOG_WARNING, id, err_text(e));
    if (h->world.result)
        h->world.result(h->world.user, 0, &res);
}

static struct script *find_selected(struct script_host *h, const char *id)
{
    for (size_t i = 0; i < h->n_scripts; i++)
        if (strcmp(h->scripts[i]->id, id) == 0)
            return h->scripts[i];
    return NULL;
}

static int add_selected(struct script_host *h, struct script *s)
{
    struct script **grown = reallocarray(h->scripts, h->n_scripts + 1, sizeof *grown);

    if (!grown)
        return -ENOMEM;
    h->scripts = grown;
    h->scripts[h->n_scripts++] = s;
    return 0;
}

/* Loads one file that was selected.  One that does not load is told, once however many parts of the
 * expression select it, and left out: *ret stays NULL. */
static int load_selected(struct script_host *h, const char *id, const char *path,
                         struct script **ret, struct err *e)
{
    struct err why = {0};
    struct script *s;
    int r;

    if (strings_has(&h->failed, path))
        return 0;
    r = script_load(h, path, &s, &why);
    if (r != 0) {
        report_load_failure(h, id, r, &why);
        return strings_add(&h->failed, path) < 0 ? err_set(e, -ENOMEM, "out of memory") : 0;
    }
    if (add_selected(h, s) < 0) {
        script_free(h, s);
        return err_set(e, -ENOMEM, "out of memory");
    }
    *ret = s;
    return 0;
}

static int choose(struct script_host *h, const char *path, enum select_how how, bool forced,
                  struct err *e)
{
    CLEANUP(freep) char *id = script_base_name(path);
    struct script *s = id ? find_selected(h, id) : NULL;
    int r;

    if (!id)
        return err_set(e, -ENOMEM, "out of memory");
    if (s && strcmp(s->path, path) != 0)
        return err_set(e, -EEXIST, "duplicate script ID: '%s' (%s and %s)", id, s->path, path);
    r = s ? 0 : load_selected(h, id, path, &s, e);
    if (!s)
        return r;
    s->forced |= forced;
    s->by_name |= how == SELECT_NAME;
    return 0;
}

/* "./name" and "../name" are what lies here, not another of that name. */
static bool is_here(const char *name)
{
    return strncmp(name, "./", 2) == 0 || strncmp(name, "../", 3) == 0;
}

/* "name", "name.nse": below scripts/ of the data directories, then as given. */
static bool find_file(const struct script_host *h, const char *name, mode_t type,
                      char ret[SCRIPT_PATH_MAX])
{
    static const char *const endings[] = {"", ".nse"};
    struct stat st;
    char path[SCRIPT_PATH_MAX - 256];

    for (size_t i = 0; i < 2 && !is_here(name); i++) {
        snprintf(path, sizeof path, "scripts/%s%s", name, endings[i]);
        if (path_find(h, path, type, ret))
            return true;
    }
    for (size_t i = 0; i < 2; i++) {
        snprintf(ret, SCRIPT_PATH_MAX, "%s%s", name, endings[i]);
        if (stat(ret, &st) == 0 && (st.st_mode & S_IFMT) == type)
            return true;
    }
    return false;
}

static void nearer(const char *rule, const char *candidate, unsigned *distance, const char **best)
{
    unsigned d = text_distance(rule, candidate, *distance);

    if (d < *distance) {
        *distance = d;
        *best = candidate;
    }
}

/* How many letters of a word may be wrong; two that changed places count as two. */
static unsigned distance_allowed(size_t len)
{
    return len < 3 ? 0 : len < 4 ? 1 : len < 12 ? 2 : (unsigned)(len / 4);
}

/* The script or category that was meant; NULL: none is near. */
static const char *suggest(const struct script_host *h, const char *rule)
{
    unsigned distance = distance_allowed(strlen(rule)) + 1;
    const char *best = NULL;

    for (size_t i = 0; i < h->index.n; i++)
        nearer(rule, h->index.entries[i].name, &distance, &best);
    for (size_t i = 0; i < h->index.n_categories; i++)
        nearer(rule, h->index.categories[i], &distance, &best);
    return best;
}

static int not_matched(const struct script_host *h, const char *rule, int code, struct err *e)
{
    const char *near = suggest(h, rule);

    return err_set(e, code, "'%s' did not match a category, filename, or directory%s%s%s", rule,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int is_script_name(const struct dirent *d)
{
    size_t len = strlen(d->d_name);

    return len > 4 && strcmp(d->d_name + len - 4, ".nse") == 0;
}

/* "dir/": all its scripts. */
static int choose_dir(struct script_host *h, const struct select_rule *rule, struct err *e)
{
    char dir[SCRIPT_PATH_MAX];
    struct dirent **list = NULL;
    int n, r = 0;

    if (!find_file(h, rule->text, S_IFDIR, dir))
        return not_matched(h, rule->text, -ENOENT, e);
    while (strlen(dir) > 1 && dir[strlen(dir) - 1] == '/')
        dir[strlen(dir) - 1] = '\0';
    n = scandir(dir, &list, is_script_name, alphasort);
    if (n < 0)
        return err_set(e, -errno, "read '%s': %s", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        CLEANUP(freep) char *path = NULL;

        if (asprintf(&path, "%s/%s", dir, list[i]->d_name) < 0)
            r = err_set(e, -ENOMEM, "out of memory");
        if (r == 0)
            r = choose(h, path, SELECT_CATEGORY, rule->forced, e);
        free(list[i]);
    }
    free(list);
    return r;
}

/* A rule that matched nothing in the index is a file or a directory. */
static int choose_file(struct script_host *h, const struct select_rule *rule, bool is_expression,
                       struct err *e)
{
    char path[SCRIPT_PATH_MAX];
    size_t len = strlen(rule->text);

    if (len > 0 && rule->text[len - 1] == '/')
        return choose_dir(h, rule, e);
    if (find_file(h, rule->text, S_IFREG, path))
        return choose(h, path, SELECT_NAME, rule->forced, e);
    if (find_file(h, rule->text, S_IFDIR, path))
        return err_set(e, -EINVAL, "directory '%s' found, but will not match without '/'",
                       rule->text);
    return not_matched(h, rule->text, is_expression ? -ENOENT : -EINVAL, e);
}

static int choose_matching(struct script_host *h, const struct select_rule *rule, struct err *e)
{
    bool is_expression = true, any = false;
    int r = 0;

    for (size_t i = 0; r == 0 && is_expression && i < h->index.n; i++) {
        enum select_how how = SELECT_NONE;

        is_expression = select_match(&h->index, &h->index.entries[i], rule->text, &how) == 0;
        if (how == SELECT_NONE)
            continue;
        any = true;
        r = choose(h, h->index.entries[i].path, how, rule->forced, e);
    }
    return r < 0 || any ? r : choose_file(h, rule, is_expression, e);
}

int script_host_select(struct script_host *h, const char *expression, size_t *ret_n, struct err *e)
{
    CLEANUP(freep) char *list = strdup(expression);
    struct select_rule rules[RULES_MAX];
    size_t n;
    int r;

    if (!TAILQ_EMPTY(&h->jobs))
        return err_set(e, -EBUSY, "scripts cannot be selected while jobs run");
    if (!list)
        return err_set(e, -ENOMEM, "out of memory");
    n = select_split(list, rules, RULES_MAX);
    if (n > RULES_MAX)
        return err_set(e, -EINVAL, "more than %d parts in a script expression", RULES_MAX);
    r = host_index(h, e);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = choose_matching(h, &rules[i], e);
    strings_done(&h->failed);
    if (r == 0)
        r = scripts_order(h, e);
    if (r == 0)
        *ret_n = h->n_scripts;
    return r;
}
