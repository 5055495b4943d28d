/* The help text of a table of options. */
#include "engine/base/buf.h"
#include "service/cli/option.h"

#include <string.h>

enum { HELP_INDENT = 2, HELP_COLUMN = 30, HELP_WIDTH = 100 };

/* Appends text in lines of at most HELP_WIDTH; following lines start at HELP_COLUMN. */
static void help_wrap(struct buf *out, const char *text)
{
    size_t column = HELP_COLUMN;

    while (*text) {
        size_t word = strcspn(text, " ");

        if (column > HELP_COLUMN && column + 1 + word > HELP_WIDTH) {
            buf_printf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            buf_char(out, ' ');
            column++;
        }
        buf_add(out, text, word);
        column += word;
        text += word + strspn(text + word, " ");
    }
    buf_char(out, '\n');
}

static void help_option(struct buf *out, const struct option *o)
{
    size_t start = out->len, used;

    buf_printf(out, "%*s%s", HELP_INDENT, "", o->name);
    if (o->also)
        buf_printf(out, ", %s", o->also);
    if (o->arg)
        buf_printf(out, o->attached ? "[%s]" : " %s", o->arg);
    used = out->len - start;
    if (used + 2 > HELP_COLUMN) {
        buf_char(out, '\n');
        used = 0;
    }
    buf_printf(out, "%*s", (int)(HELP_COLUMN - used), "");
    help_wrap(out, o->help);
}

static bool help_each(void *user, const struct option *o)
{
    struct buf *out = user;

    if (o->type == OPTION_HEADING)
        buf_printf(out, "\n%s:\n", o->help);
    else if (!option_is_hidden(o))
        help_option(out, o);
    return true;
}

void options_help(struct buf *out, const struct option_set *s)
{
    option_each(s, help_each, out);
}
