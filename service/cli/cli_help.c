/* Texts made from the table of verbs: the list of verbs, the help of one, completion for bash. */
#include "engine/base/buf.h"
#include "service/cli/verb.h"

#include <string.h>

enum { VERB_COLUMN = 34 };

static void usage_line(struct buf *out, const struct verb *v)
{
    buf_printf(out, "usage: muster %s [OPTION...]%s%s\n", v->name, v->operands[0] ? " " : "",
               v->operands);
}

static void verb_line(struct buf *out, const struct verb *v)
{
    size_t start = out->len;

    buf_printf(out, "  %s%s%s", v->name, v->operands[0] ? " " : "", v->operands);
    buf_printf(out, "%*s  %s\n",
               out->len - start < VERB_COLUMN ? (int)(VERB_COLUMN - (out->len - start)) : 0, "",
               v->summary);
}

bool cli_help_family(struct buf *out, const char *first)
{
    size_t len = strlen(first);
    bool any = false;

    for (const struct verb *const *each = cli_verbs; *each; each++) {
        if (strncmp((*each)->name, first, len) != 0 || (*each)->name[len] != ' ')
            continue;
        if (!any && out->len)
            buf_char(out, '\n');
        any = true;
        verb_line(out, *each);
    }
    if (any)
        buf_printf(out, "\nmuster help %s VERB tells more of each.\n", first);
    return any;
}

void verb_help(struct buf *out, const struct verb *v)
{
    usage_line(out, v);
    buf_printf(out, "\n%s.\n", v->summary);
    if (v->more)
        buf_printf(out, "%s\n", v->more);
    if (v->options.tables[0] && v->options.tables[0]->type != OPTION_HEADING)
        buf_char(out, '\n');
    options_help(out, &v->options);
    cli_help_family(out, v->name);
}

void cli_help(struct buf *out)
{
    const char *group = "";

    buf_str(out, "Muster: what is on my network, and what has changed?\n\n"
                 "usage: muster VERB [OPTION...] [ARGUMENT...]\n"
                 "       muster help VERB | --help | --version\n");
    for (const struct verb *const *each = cli_verbs; *each; each++) {
        if (strcmp((*each)->group, group) != 0)
            buf_printf(out, "\n%s:\n", (*each)->group);
        group = (*each)->group;
        verb_line(out, *each);
    }
    buf_str(out, "\nExit codes: 0 nothing to report, 1 changes found or done in part, 2 error.\n");
}

static bool completion_option(void *user, const struct option *o)
{
    struct buf *out = user;

    if (o->type == OPTION_HEADING || option_is_hidden(o))
        return true;
    buf_printf(out, " %s", o->name);
    if (o->also)
        buf_printf(out, " %s", o->also);
    return true;
}

static bool completion_choices(void *user, const struct option *o)
{
    struct buf *out = user;

    if (!o->choices)
        return true;
    buf_printf(out, "        %s) values='", o->name);
    for (const char *c = o->choices; *c; c++)
        buf_char(out, *c == '|' ? ' ' : *c);
    buf_str(out, "' ;;\n");
    return true;
}

static void completion_verb(struct buf *out, const struct verb *v)
{
    CLEANUP(buf_done) struct buf choices = {0};

    option_each(&v->options, completion_choices, &choices);
    buf_printf(out, "    '%s')\n      options='", v->name);
    option_each(&v->options, completion_option, out);
    if (choices.len)
        buf_printf(out, "'\n      case $previous in\n%s      esac ;;\n", choices.data);
    else
        buf_str(out, "' ;;\n");
    out->failed |= choices.failed;
}

/* First words, each once; or the second words behind `first`. */
static void completion_words(struct buf *out, const char *first)
{
    const char *last = "";
    size_t last_len = 0;

    for (const struct verb *const *v = cli_verbs; *v; v++) {
        const char *name = (*v)->name;
        size_t len = strcspn(name, " ");

        if (!first && (len != last_len || strncmp(name, last, len) != 0))
            buf_printf(out, " %.*s", (int)len, name);
        if (first && name[len] && strlen(first) == len && strncmp(name, first, len) == 0)
            buf_printf(out, " %s", name + len + 1);
        last = name;
        last_len = len;
    }
}

static void completion_second_words(struct buf *out)
{
    const char *last = "";

    for (const struct verb *const *v = cli_verbs; *v; v++) {
        CLEANUP(freep) char *first = strndup((*v)->name, strcspn((*v)->name, " "));

        if (!first || !strchr((*v)->name, ' ') ||
            (strncmp(last, first, strlen(first)) == 0 && last[strlen(first)] == ' '))
            continue;
        last = (*v)->name;
        buf_printf(out, "    %s) words='", first);
        completion_words(out, first);
        buf_str(out, "' ;;\n");
    }
}

void cli_completion_bash(struct buf *out)
{
    buf_str(out, "# Completion of muster for bash; written by `muster completion bash`.\n"
                 "_muster() {\n"
                 "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
                 "  local first=${COMP_WORDS[1]} words= options= values= verb\n"
                 "  verb=$first\n"
                 "  case $first in\n");
    completion_second_words(out);
    buf_str(out, "  esac\n"
                 "  [ -z \"$words\" ] || verb=\"$first ${COMP_WORDS[2]}\"\n"
                 "  if [ \"$COMP_CWORD\" = 1 ]; then\n"
                 "    words='");
    completion_words(out, NULL);
    buf_str(out, " help'\n"
                 "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                 "    return\n"
                 "  fi\n"
                 "  if [ \"$COMP_CWORD\" = 2 ] && [ -n \"$words\" ]; then\n"
                 "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                 "    return\n"
                 "  fi\n"
                 "  case $verb in\n");
    for (const struct verb *const *v = cli_verbs; *v; v++)
        completion_verb(out, *v);
    buf_str(out, "  esac\n"
                 "  if [ -n \"$values\" ]; then\n"
                 "    COMPREPLY=($(compgen -W \"$values\" -- \"$current\"))\n"
                 "  elif [[ $current == -* ]]; then\n"
                 "    COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
                 "  else\n"
                 "    COMPREPLY=($(compgen -f -- \"$current\"))\n"
                 "  fi\n"
                 "}\n"
                 "complete -o filenames -F _muster muster\n");
}
