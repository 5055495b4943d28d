/* `muster`: finds the verb, parses its options, runs it.
 *
 * Options that belong to every verb of the database (--config, --database, --json) may stand in
 * front of the verb too; they are moved behind it before anything is parsed, so that there is one
 * parser. */
#include "service/cli/verb.h"

#include "engine/base/buf.h"
#include "service/cli/screen.h"

#include <errno.h>
#include <string.h>

#ifndef MUSTER_VERSION
#define MUSTER_VERSION "0.1.0"
#endif

const char *cli_version(void)
{
    return MUSTER_VERSION;
}

static int fail(const char *text)
{
    fprintf(stderr, "muster: %s\n", text);
    return EXIT_ERROR;
}

/* Messages may come from libraries with line ends of their own, and quote what the network said. */
static void one_line(struct buf *out, const char *text)
{
    bool first = true;

    for (text += strspn(text, " \t\r\n"); *text; first = false) {
        CLEANUP(freep) char *line = strndup(text, strcspn(text, "\r\n"));

        buf_str(out, first ? "" : " ");
        screen_text(out, line);
        text += strcspn(text, "\r\n");
        text += strspn(text, " \t\r\n");
    }
}

int verb_fail(const struct verb_call *c, const struct err *e)
{
    CLEANUP(buf_done) struct buf line = {0};

    one_line(&line, err_text(e));
    fprintf(stderr, "muster %s: %s\n", c->verb->name, line.data ? line.data : "");
    return EXIT_ERROR;
}

static void quote_word(struct buf *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./:,=+@%*";

    if (*word && strspn(word, plain) == strlen(word)) {
        buf_str(out, word);
        return;
    }
    buf_char(out, '\'');
    for (; *word; word++)
        buf_str(out, *word == '\'' ? "'\\''" : (const char[2]){*word});
    buf_char(out, '\'');
}

char *cli_quote(int argc, char *const *argv)
{
    CLEANUP(buf_done) struct buf out = {0};

    buf_str(&out, "muster");
    for (int i = 1; i < argc; i++) {
        buf_char(&out, ' ');
        quote_word(&out, argv[i]);
    }
    return buf_take(&out);
}

/* The options that may stand in front of a verb, with whether they take a value. */
static const struct {
    const char *name;
    int values;
} early[] = {{"--config", 1}, {"--database", 1}, {"--json", 0}};

static int early_words(const char *word)
{
    size_t len = strcspn(word, "=");

    for (size_t i = 0; i < ARRAY_LEN(early); i++)
        if (strlen(early[i].name) == len && strncmp(word, early[i].name, len) == 0)
            return word[len] ? 1 : 1 + early[i].values;
    return 0;
}

/* Where the verb stands in argv; argc when there is none; negative: a word that may not stand in
 * front of it. */
static int verb_index(int argc, char **argv)
{
    int i = 1;

    while (i < argc && argv[i][0] == '-') {
        int words = early_words(argv[i]);

        if (!words)
            return -i;
        i += words;
    }
    return i < argc ? i : argc;
}

static const struct verb *verb_named(const char *first, const char *second)
{
    for (const struct verb *const *v = cli_verbs; *v; v++) {
        size_t len = strlen(first);

        if (strcmp((*v)->name, first) == 0)
            return *v;
        if (second && strncmp((*v)->name, first, len) == 0 && (*v)->name[len] == ' ' &&
            strcmp((*v)->name + len + 1, second) == 0)
            return *v;
    }
    return NULL;
}

/* Whether the verb's name has a second word. */
static int words_of(const struct verb *v)
{
    return strchr(v->name, ' ') ? 2 : 1;
}

/* "config" alone: says what may follow.  False when no verb begins so. */
static bool tell_second_words(const char *first, const char *second)
{
    CLEANUP(buf_done) struct buf text = {0};
    size_t len = strlen(first);

    for (const struct verb *const *v = cli_verbs; *v; v++)
        if (strncmp((*v)->name, first, len) == 0 && (*v)->name[len] == ' ')
            buf_printf(&text, "%s%s", text.len ? ", " : "", (*v)->name + len + 1);
    if (!text.len)
        return false;
    if (second && second[0] != '-')
        fprintf(stderr, "muster: '%s %s' is not known; '%s' is followed by %s\n", first, second,
                first, text.data);
    else
        fprintf(stderr, "muster: '%s' is followed by %s\n", first, text.data);
    return true;
}

static int unknown_verb(const char *first, const char *second)
{
    const char *names[64] = {NULL};
    const char *near;
    size_t n = 0;

    if (tell_second_words(first, second))
        return EXIT_ERROR;
    for (const struct verb *const *v = cli_verbs; *v && n + 1 < ARRAY_LEN(names); v++)
        names[n++] = (*v)->name;
    near = word_suggest(names, first);
    if (near)
        fprintf(stderr, "muster: '%s' is not a verb; did you mean '%s'?\n", first, near);
    else
        fprintf(stderr, "muster: '%s' is not a verb (muster help lists them)\n", first);
    return EXIT_ERROR;
}

static int check_operands(const struct verb_call *c, struct err *e)
{
    const struct verb *v = c->verb;

    if (c->operands.n < v->min_operands)
        return err_set(e, -EINVAL, "expected %s (muster help %s)", v->operands, v->name);
    if (c->operands.n > v->max_operands)
        return err_set(e, -EINVAL, "unexpected '%s' (muster help %s)",
                       c->operands.values[v->max_operands], v->name);
    return 0;
}

static int verb_call(struct verb_call *c, char **words)
{
    struct err e = {0};
    int r = options_parse(&c->verb->options, words, c->args, &c->operands, &e);

    if (r == 0)
        r = check_operands(c, &e);
    return r < 0 ? verb_fail(c, &e) : c->verb->run(c);
}

static bool wants_help(char **words)
{
    for (; *words && strcmp(*words, "--") != 0; words++)
        if (strcmp(*words, "--help") == 0 || strcmp(*words, "-h") == 0)
            return true;
    return false;
}

static int show(void (*fn)(struct buf *out, const struct verb *v), const struct verb *v)
{
    CLEANUP(buf_done) struct buf out = {0};

    fn(&out, v);
    if (!out.failed)
        fputs(out.data, stdout);
    return out.failed ? fail("out of memory") : EXIT_NOTHING;
}

static int verb_start(const struct verb *v, char **words, const char *command)
{
    CLEANUP(freep) char *args = calloc(1, v->args_size + 1);
    struct verb_call c = {.verb = v, .args = args, .command = command, .words = words};
    int code;

    if (wants_help(words))
        return show(verb_help, v);
    if (!args)
        return fail("out of memory");
    if (v->init)
        v->init(args);
    code = verb_call(&c, words);
    options_done(&v->options, args);
    option_list_done(&c.operands);
    return code;
}

/* The words behind the verb, with those in front of it first. */
static char **verb_words(int argc, char **argv, int verb, int n_verb)
{
    char **words = calloc((size_t)argc + 1, sizeof *words);
    size_t n = 0;

    for (int i = 1; words && i < argc; i++)
        if (i < verb || i >= verb + n_verb)
            words[n++] = argv[i];
    return words;
}

static void help_all(struct buf *out, const struct verb *v)
{
    (void)v;
    cli_help(out);
}

static int no_verb(const char *word)
{
    if (word && (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)) {
        printf("Muster %s\n", cli_version());
        return EXIT_NOTHING;
    }
    if (word && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0))
        return show(help_all, NULL);
    if (word) {
        fprintf(stderr, "muster: unknown option '%s' in front of the verb (muster --help)\n", word);
        return EXIT_ERROR;
    }
    show(help_all, NULL);
    return EXIT_ERROR;
}

/* `muster policy --help` and `muster help policy`.  False: no verb begins so. */
static bool show_family(const char *first)
{
    CLEANUP(buf_done) struct buf out = {0};
    bool any = cli_help_family(&out, first);

    if (any && !out.failed)
        fputs(out.data, stdout);
    return any;
}

/* `muster help VERB`. */
static int help_verb(int argc, char **argv)
{
    const struct verb *v = argc > 2 ? verb_named(argv[2], argc > 3 ? argv[3] : NULL) : NULL;

    if (argc < 3)
        return show(help_all, NULL);
    if (!v && argc == 3 && show_family(argv[2]))
        return EXIT_NOTHING;
    return v ? show(verb_help, v) : unknown_verb(argv[2], argc > 3 ? argv[3] : NULL);
}

static int verb_run(int argc, char **argv)
{
    CLEANUP(freep) char *command = cli_quote(argc, argv);
    CLEANUP(freep) char **words = NULL;
    const struct verb *v;
    const char *second;
    int at = verb_index(argc, argv);

    if (at < 0 || at == argc)
        return no_verb(at < 0 ? argv[-at] : NULL);
    if (at == 1 && strcmp(argv[1], "help") == 0)
        return help_verb(argc, argv);
    second = at + 1 < argc ? argv[at + 1] : NULL;
    v = verb_named(argv[at], second);
    if (!v && second && (strcmp(second, "--help") == 0 || strcmp(second, "-h") == 0) &&
        show_family(argv[at]))
        return EXIT_NOTHING;
    if (!v)
        return unknown_verb(argv[at], second);
    words = verb_words(argc, argv, at, words_of(v));
    return words && command ? verb_start(v, words, command) : fail("out of memory");
}

/* What a full disk cut off must not look complete. */
int cli_main(int argc, char **argv)
{
    int status = verb_run(argc, argv);
    bool written = fflush(stdout) == 0 && !ferror(stdout);

    return written || status == EXIT_ERROR ? status : fail("the output could not be written");
}
