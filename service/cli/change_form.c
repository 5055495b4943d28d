/* The four forms of a change.
 *
 * text: one line, the time first, so that a log of changes can be read and sorted.  ndiff: + and -
 * in front of the lines of a scan report, by host, as users of nmap's tool know it.  csv: RFC 4180
 * with a head.  json: one object a line. */
#include "service/cli/change_form.h"

#include "service/cli/csv.h"

#include "engine/model/finding.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { VALUE_MAX = 120 }; /* characters of a value in one line of text */

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

int change_form_from(const char *name)
{
    static const char *const names[] = {"text", "json", "csv", "ndiff"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -EINVAL;
}

static const char *what_colour(const struct change *c)
{
    if (same(c->what, "opened") || same(c->what, "appeared") || same(c->what, "returned"))
        return "32";
    return same(c->what, "closed") || same(c->what, "gone") ? "31" : "33";
}

/* Time to the second: local on a terminal, UTC elsewhere. */
static void text_time(struct buf *out, const struct change_writer *w, const char *at)
{
    char text[TIME_TEXT_MAX];
    usec_t wall = table_time(at);
    time_t t = (time_t)(wall / USEC_PER_SEC);
    bool local = w->style.mode == TABLE_TTY;
    struct tm tm;

    if (local)
        localtime_r(&t, &tm);
    else
        gmtime_r(&t, &tm);
    strftime(text, sizeof text, local ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%SZ", &tm);
    buf_str(out, text);
}

/* The first line of a value that says something, cut. */
static void text_value(struct buf *out, const char *value)
{
    CLEANUP(freep) char *line = NULL;
    size_t n;

    value += strspn(value, " \t\r\n");
    n = strcspn(value, "\n");
    while (n > 0 && strchr(" \t\r", value[n - 1]))
        n--;
    line = strndup(value, n > VALUE_MAX ? VALUE_MAX : n);
    screen_text(out, line);
    if (n > VALUE_MAX || value[n] == '\n' || (value[n] && strchr(value + n, '\n')))
        buf_str(out, " ...");
}

static void text_place(struct buf *out, const struct change_writer *w, const struct change *c)
{
    if (c->port)
        buf_printf(out, "%s/%s on ", c->protocol ? c->protocol : "tcp", c->port);
    screen_text(out, c->address);
    if (w->many_zones && c->zone) {
        buf_str(out, " in ");
        screen_text(out, c->zone);
    }
}

static bool says(const char *value)
{
    return value && value[strspn(value, " \t\r\n")];
}

static void text_values(struct buf *out, const struct change_writer *w, const struct change *c)
{
    bool both = says(c->old_value) && says(c->new_value);
    const char *one = says(c->new_value) ? c->new_value : c->old_value;

    if (same(c->kind, "port")) {
        buf_str(out, " (");
        screen_text(out, c->service ? c->service : "unknown");
        buf_char(out, ')');
    } else if (both && !same(c->what, "returned")) {
        buf_str(out, ": ");
        text_value(out, c->old_value);
        buf_str(out, " -> ");
        text_value(out, c->new_value);
    } else if (says(one)) {
        buf_str(out, ": ");
        text_value(out, one);
    }
    if (c->seen) {
        buf_str(out, ", last seen ");
        text_time(out, w, c->seen);
    }
}

static void write_text(struct buf *out, const struct change_writer *w, const struct change *c)
{
    const char *colour = w->style.colour ? what_colour(c) : NULL;
    bool by_name = c->name && (same(c->kind, "script") || same(c->kind, "policy"));

    text_time(out, w, c->at);
    buf_char(out, ' ');
    if (colour)
        buf_printf(out, "\x1b[%sm", colour);
    screen_text(out, by_name ? c->name : c->kind);
    buf_char(out, ' ');
    screen_text(out, c->what);
    if (colour)
        buf_str(out, "\x1b[0m");
    buf_str(out, "  ");
    text_place(out, w, c);
    text_values(out, w, c);
    buf_char(out, '\n');
}

struct field {
    const char *key, *value;
    enum column_kind kind;
};

enum { FIELD_OLD = 8, FIELD_NEW = 9, FIELDS = 12 };

static void change_fields(const struct change *c, struct field ret[FIELDS])
{
    const struct field fields[FIELDS] = {
        {"at", c->at, COLUMN_TIME},           {"zone", c->zone, COLUMN_TEXT},
        {"address", c->address, COLUMN_TEXT}, {"protocol", c->protocol, COLUMN_TEXT},
        {"port", c->port, COLUMN_NUMBER},     {"kind", c->kind, COLUMN_TEXT},
        {"name", c->name, COLUMN_TEXT},       {"what", c->what, COLUMN_TEXT},
        {"old", c->old_value, COLUMN_TEXT},   {"new", c->new_value, COLUMN_TEXT},
        {"service", c->service, COLUMN_TEXT}, {"last_seen", c->seen, COLUMN_TIME},
    };

    memcpy(ret, fields, sizeof fields);
}

static void write_json(struct buf *out, const struct change *c)
{
    struct column columns[FIELDS];
    struct field fields[FIELDS];
    const char *cells[FIELDS];
    struct table t = {.columns = columns, .n_columns = FIELDS};
    struct table_style style = {.mode = TABLE_JSON};

    change_fields(c, fields);
    for (size_t i = 0; i < FIELDS; i++) {
        columns[i] = (struct column){fields[i].key, NULL, fields[i].kind};
        cells[i] = fields[i].value;
        if (i == FIELD_OLD || i == FIELD_NEW) {
            columns[i].kind = COLUMN_JSON;
            cells[i] = i == FIELD_OLD ? c->old_json : c->new_json;
        }
    }
    if (table_add(&t, cells) < 0)
        out->failed = true;
    table_write(out, &t, &style);
    table_done(&t);
}

static void write_csv(struct buf *out, struct change_writer *w, const struct change *c)
{
    struct field fields[FIELDS];
    char time[TIME_TEXT_MAX];

    change_fields(c, fields);
    for (size_t i = 0; i < FIELDS && !w->head_written; i++)
        buf_printf(out, "%s%s", i ? "," : "", fields[i].key);
    buf_str(out, w->head_written ? "" : "\r\n");
    w->head_written = true;
    for (size_t i = 0; i < FIELDS; i++) {
        const char *value = fields[i].value;

        if (value && fields[i].kind == COLUMN_TIME && table_time(value))
            value = time_format(table_time(value), time);
        buf_str(out, i ? "," : "");
        csv_text(out, value);
    }
    buf_str(out, "\r\n");
}

/* One side of a change as a line of a report; nothing when that side was empty. */
static void ndiff_side(struct buf *out, char sign, const struct change *c, const char *value)
{
    if (same(c->kind, "port")) {
        buf_printf(out, "%c%s/%s open ", sign, c->port, c->protocol ? c->protocol : "tcp");
        screen_text(out, c->service ? c->service : "unknown");
    } else if (same(c->kind, "service")) {
        buf_printf(out, "%c%s/%s open ", sign, c->port, c->protocol ? c->protocol : "tcp");
        text_value(out, value);
    } else if (same(c->kind, "host")) {
        buf_printf(out, "%cDevice: ", sign);
        text_value(out, value);
    } else {
        buf_printf(out, "%c|_", sign);
        screen_text(out, c->name ? c->name : c->kind);
        if (c->port)
            buf_printf(out, " %s/%s", c->port, c->protocol ? c->protocol : "tcp");
        buf_str(out, ": ");
        text_value(out, value);
    }
    buf_char(out, '\n');
}

/* sign ' ': what came with a host or went with it stands under its head. */
static void ndiff_head(struct buf *out, struct change_writer *w, const struct change *c, char sign,
                       char side)
{
    char host[sizeof w->last_host];

    snprintf(host, sizeof host, "%c%s %s", sign, c->zone ? c->zone : "",
             c->address ? c->address : "");
    if (strcmp(host + 1, w->last_host[0] ? w->last_host + 1 : "") == 0 &&
        (w->last_host[0] == sign || (sign == ' ' && w->last_host[0] == side)))
        return;
    buf_str(out, w->last_host[0] ? "\n" : "");
    snprintf(w->last_host, sizeof w->last_host, "%s", host);
    buf_char(out, sign);
    screen_text(out, c->address);
    if (w->many_zones && c->zone) {
        buf_str(out, " in ");
        screen_text(out, c->zone);
    }
    buf_str(out, ":\n");
}

static void write_ndiff(struct buf *out, struct change_writer *w, const struct change *c)
{
    /* A port may go with its host or to another one, a detail with its port: by the values, then.
     */
    bool host = same(c->kind, "host");
    bool came = host ? same(c->what, "appeared") || same(c->what, "returned") : !c->old_json;
    bool went = host ? same(c->what, "gone") : !c->new_json;
    char sign = came ? '+' : '-';

    if (host && (came || went)) {
        ndiff_head(out, w, c, sign, sign);
        buf_printf(out, "%cHost is up.\n", sign);
        return;
    }
    ndiff_head(out, w, c, ' ', came && !went ? '+' : went && !came ? '-' : ' ');
    if (!came)
        ndiff_side(out, '-', c, c->old_value ? c->old_value : "");
    if (!went)
        ndiff_side(out, '+', c, c->new_value ? c->new_value : "");
}

void change_write(struct buf *out, struct change_writer *w, const struct change *c)
{
    switch (w->form) {
    case CHANGE_JSON:
        write_json(out, c);
        break;
    case CHANGE_CSV:
        write_csv(out, w, c);
        break;
    case CHANGE_NDIFF:
        write_ndiff(out, w, c);
        break;
    default:
        write_text(out, w, c);
    }
}
