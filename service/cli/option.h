/* Options of a verb as one table: it drives parsing, --help, completion and the check of the man
 * page.
 *
 * Spelling is nmap's where nmap has the option: one dash before words of two letters ("-iL",
 * "-sS"), values attached to one letter ("-p80", "-T4"), scan letters in one word ("-sSC"),
 * counters repeated ("-vv", "-v3"), "--name=value" or
 * "--name value".  Abbreviated long names are not taken: a typing error gets a suggestion, not a
 * guess. */
#pragma once

#include "engine/base/err.h"
#include "engine/base/time.h"

#include <stdbool.h>
#include <stddef.h>

struct buf;

enum option_type {
    OPTION_HEADING, /* help is a heading of the help text; nothing else is set */
    OPTION_FLAG,    /* bool */
    OPTION_COUNT,   /* int: each one more, or the number attached */
    OPTION_BITS,    /* unsigned |= bits */
    OPTION_TEXT,    /* const char *: the last one wins */
    OPTION_LIST,    /* struct option_list: every one counts */
    OPTION_TWO,     /* const char *[2]: two values */
    OPTION_SPAN,    /* usec_t */
    OPTION_NUMBER,  /* unsigned, at most `bits` when that is set */
    OPTION_RATE,    /* double, > 0 */
    OPTION_HELP,    /* the dispatcher's: it shows the help text before anything is parsed */
    OPTION_SERVED,  /* nmap's users know it, and what it asks for is done anyway: taken without a
                     * word */
    OPTION_REFUSED, /* nmap's users know it, Muster does not do it: help says so */
};

struct option_list {
    const char **values;
    size_t n;
};

struct option {
    enum option_type type;
    const char *name; /* as it is typed, with its dashes */
    const char *also; /* a second spelling; may be NULL */
    const char *arg;  /* what to call the value; NULL: it takes none */
    size_t at;        /* offset in the verb's struct of arguments */
    unsigned bits;
    unsigned least;      /* OPTION_NUMBER */
    bool attached;       /* the value, if any, stands in the same word: "-PS22,80"; else it is "" */
    const char *choices; /* OPTION_TEXT: "text|json"; NULL: any */
    const char *help;    /* one sentence without a dot */
};

/* Tables end with an option without help. */
#define OPTION_END                                                                                 \
    {                                                                                              \
        .help = NULL                                                                               \
    }

#define OPTION_TABLES_MAX 3

struct option_set {
    const struct option *tables[OPTION_TABLES_MAX]; /* unused ones are NULL */
};

/* Neither help nor completion shows it. */
static inline bool option_is_hidden(const struct option *o)
{
    return o->type == OPTION_SERVED || o->type == OPTION_REFUSED;
}

/* Calls fn for each option (headings too) in the order of the tables; stops when fn returns false.
 */
void option_each(const struct option_set *s, bool (*fn)(void *user, const struct option *o),
                 void *user);
/* The option with this spelling, or NULL. */
const struct option *option_find(const struct option_set *s, const char *name);
/* The nearest spelling, or NULL when none is near enough to be meant. */
const char *option_suggest(const struct option_set *s, const char *name);
/* The same for plain words; the list ends with NULL. */
const char *word_suggest(const char *const *words, const char *word);

/* Fills *args; texts point into argv.  What is no option goes into *ret_operands
 * (option_list_done()).  -EINVAL names the option and what was expected; -ENOMEM. */
int options_parse(const struct option_set *s, char *const *argv, void *args,
                  struct option_list *ret_operands, struct err *e) MUST_USE;

int option_list_add(struct option_list *l, const char *value) MUST_USE; /* 0, -ENOMEM */
void option_list_done(struct option_list *l);
/* Frees every list that the tables describe in *args. */
void options_done(const struct option_set *s, void *args);

/* Two columns, 100 wide, with headings. */
void options_help(struct buf *out, const struct option_set *s);
