/* `muster script list` and `help`: the script host loads the files and tells what they say of
 * themselves. */
#include "service/cli/verb_script.h"

#include "engine/loop/loop.h"
#include "engine/script/host.h"
#include "service/cli/db_args.h"
#include "service/cli/scan_plan.h"
#include "service/cli/table.h"

#include <errno.h>
#include <string.h>

struct shelf {
    struct loop *loop;
    struct script_host *host;
    char **datadirs;
    size_t n_datadirs;
    unsigned n_bad; /* files that do not load */
    bool quiet;     /* they are not told */
};

static void shelf_done(struct shelf *s)
{
    s->host = script_host_free(s->host);
    s->loop = loop_free(s->loop);
    scan_datadirs_free(s->datadirs);
}

/* Files that do not load are told as results. */
static void on_result(void *user, uint64_t job, const struct script_result *r)
{
    CLEANUP(buf_done) struct buf line = {0};
    struct shelf *s = user;

    (void)job;
    if (r->outcome != SCRIPT_ERROR)
        return;
    s->n_bad++;
    if (s->quiet)
        return;
    screen_text(&line, r->script);
    buf_str(&line, ": ");
    screen_text(&line, r->reason);
    fprintf(stderr, "muster script: %s\n", line.data ? line.data : "");
}

static void on_log(void *user, int pri, const char *script, const char *text)
{
    (void)user, (void)pri, (void)script, (void)text;
}

static void on_nothing(void *user, uint64_t job)
{
    (void)user, (void)job;
}

static int shelf_open(struct shelf *s, const char *expression, const struct option_list *datadirs,
                      struct err *e)
{
    struct script_world world = {
        .user = s, .result = on_result, .job_done = on_nothing, .log = on_log};
    struct script_host_opts o = {.timing_level = 3, .version_intensity = 7, .family = ADDR_V4};
    size_t n;
    int r = scan_datadirs(&s->datadirs, &s->n_datadirs, datadirs, e);

    if (r == 0)
        r = loop_new(&s->loop, e);
    if (r < 0)
        return r;
    o.datadirs = (const char *const *)s->datadirs;
    o.n_datadirs = s->n_datadirs;
    r = script_host_new(&s->host, s->loop, NULL, NULL, &world, &o, e);
    return r < 0 ? r : script_host_select(s->host, expression, &n, e);
}

static void count_each(void *user, const struct script_meta *m)
{
    (void)m;
    ++*(unsigned *)user;
}

int script_count(struct script_count *ret, const char *expression,
                 const struct option_list *datadirs, struct err *e)
{
    CLEANUP(shelf_done) struct shelf s = {.quiet = true};
    unsigned n = 0;
    int r = shelf_open(&s, expression, datadirs, e);

    if (r < 0)
        return r;
    script_host_each(s.host, count_each, &n);
    *ret = (struct script_count){.good = n, .bad = s.n_bad};
    return 0;
}

static void add_word(struct buf *out, const char *word)
{
    buf_str(out, out->len ? " " : "");
    screen_text(out, word);
}

static void categories_text(struct buf *out, const struct script_meta *m)
{
    for (size_t i = 0; i < m->n_categories; i++)
        add_word(out, m->categories[i]);
}

static void rules_text(struct buf *out, const struct script_meta *m)
{
    if (m->prerule)
        add_word(out, "pre");
    if (m->hostrule)
        add_word(out, "host");
    if (m->portrule)
        add_word(out, "port");
    if (m->postrule)
        add_word(out, "post");
}

static const struct column list_columns[] = {
    {"script", "SCRIPT", COLUMN_TEXT},
    {"rules", "RULES", COLUMN_TEXT},
    {"categories", "CATEGORIES", COLUMN_TEXT},
    {"path", "PATH", COLUMN_TEXT},
};

static void list_each(void *user, const struct script_meta *m)
{
    CLEANUP(buf_done) struct buf rules = {0}, categories = {0};
    struct table *t = user;

    rules_text(&rules, m);
    categories_text(&categories, m);
    if (table_add(t, (const char *const[]){m->id, rules.data, categories.data, m->path}) < 0)
        fputs("muster script: out of memory\n", stderr);
}

int verb_script_list(struct verb_call *c)
{
    CLEANUP(shelf_done) struct shelf s = {0};
    CLEANUP(table_done)
    struct table t = {.columns = list_columns, .n_columns = ARRAY_LEN(list_columns)};
    CLEANUP(buf_done) struct buf out = {0};
    const struct db_args *a = c->args;
    struct table_style style = table_style_for(stdout, a->json);
    struct err e = {0};

    if (shelf_open(&s, c->operands.n ? c->operands.values[0] : "all", &a->datadirs, &e) < 0)
        return verb_fail(c, &e);
    script_host_each(s.host, list_each, &t);
    table_write(&out, &t, &style);
    fputs(out.data ? out.data : "", stdout);
    return s.n_bad ? EXIT_ERROR : EXIT_NOTHING;
}

/* Lines of a description, indented, without blank ones at the end. */
static void help_lines(struct buf *out, const char *text)
{
    size_t len = strlen(text);

    while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
        len--;
    for (size_t at = 0; at < len;) {
        size_t n = strcspn(text + at, "\n");
        CLEANUP(freep) char *line = strndup(text + at, at + n > len ? len - at : n);

        if (*text && n)
            buf_str(out, "  ");
        screen_text(out, line);
        buf_char(out, '\n');
        at += n + 1;
    }
}

static void help_each(void *user, const struct script_meta *m)
{
    struct buf *out = user;

    screen_text(out, m->id);
    buf_str(out, "\nCategories:");
    for (size_t i = 0; i < m->n_categories; i++) {
        buf_char(out, ' ');
        screen_text(out, m->categories[i]);
    }
    buf_str(out, "\n");
    screen_text(out, m->path);
    buf_char(out, '\n');
    if (m->description)
        help_lines(out, m->description);
    buf_char(out, '\n');
}

int script_help(struct verb_call *c, const char *expression, const struct option_list *datadirs)
{
    CLEANUP(shelf_done) struct shelf s = {0};
    CLEANUP(buf_done) struct buf out = {0};
    struct err e = {0};

    if (shelf_open(&s, expression, datadirs, &e) < 0)
        return verb_fail(c, &e);
    script_host_each(s.host, help_each, &out);
    fputs(out.data ? out.data : "", stdout);
    return s.n_bad ? EXIT_ERROR : EXIT_NOTHING;
}

int verb_script_help(struct verb_call *c)
{
    const struct db_args *a = c->args;

    return script_help(c, c->operands.values[0], &a->datadirs);
}
