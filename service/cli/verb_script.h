/* What scripts there are, without running one. */
#pragma once

#include "service/cli/verb.h"

/* Prints the descriptions of the scripts that an expression selects.  Exit code. */
int script_help(struct verb_call *c, const char *expression, const struct option_list *datadirs);

/* Loads them; files that do not load are counted, not told. */
struct script_count {
    unsigned good, bad;
};
int script_count(struct script_count *ret, const char *expression,
                 const struct option_list *datadirs, struct err *e) MUST_USE;

int verb_script_list(struct verb_call *c);
int verb_script_help(struct verb_call *c);
