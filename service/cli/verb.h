/* The verbs of `muster` as one table: it drives the dispatch, the help texts, completion and the
 * check of the man page. */
#pragma once

#include "service/cli/option.h"

struct buf;
struct verb;

/* One call of a verb. */
struct verb_call {
    const struct verb *verb;
    void *args; /* of the verb's own type, filled from the options */
    struct option_list operands;
    const char *command; /* the whole command line, quoted */
    char *const *words;  /* of it, without program and verb */
};

struct verb {
    const char *name;     /* "scan"; two words for "config check" */
    const char *operands; /* "TARGET..."; "": none */
    size_t min_operands, max_operands;
    const char
        *group; /* heading in the list of verbs; the same as that of the verb before it, or new */
    const char *summary; /* one line */
    const char *more;    /* further sentences of the help text; may be NULL */
    struct option_set options;
    size_t args_size;
    void (*init)(void *args);        /* NULL: zeroes */
    int (*run)(struct verb_call *c); /* an exit code */
};

#define VERB_MANY ((size_t)-1)

/* Exit codes: as diff(1). */
enum { EXIT_NOTHING = 0, EXIT_CHANGES = 1, EXIT_ERROR = 2 };

extern const struct verb *const cli_verbs[]; /* NULL behind the last */

/* "muster: VERB: text" on stderr; EXIT_ERROR. */
int verb_fail(const struct verb_call *c, const struct err *e);

const char *cli_version(void);
/* "muster scan --script 'a b'". */
char *cli_quote(int argc, char *const *argv) MUST_USE;
int cli_main(int argc, char **argv);

void cli_help(struct buf *out);
void verb_help(struct buf *out, const struct verb *v);
/* The verbs of two words that begin with this one; false: there is none. */
bool cli_help_family(struct buf *out, const char *first);
/* A completion script for bash. */
void cli_completion_bash(struct buf *out);
