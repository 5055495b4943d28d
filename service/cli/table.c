/* Tables of text.  Cells are kept as the database gave them; each form converts them on the way
 * out. */
#include "service/cli/table.h"

#include "engine/base/text.h"
#include "engine/model/finding.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

enum { GAP = 2, WIDTH_LEAST = 8 };

void table_done(struct table *t)
{
    for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
        free(t->cells[i]);
    free(t->cells);
    t->cells = NULL;
    t->n_rows = t->cap_rows = 0;
}

static int table_grow(struct table *t)
{
    size_t cap = t->cap_rows ? 2 * t->cap_rows : 32;
    char **more;

    if (t->n_rows < t->cap_rows)
        return 0;
    more = realloc(t->cells, cap * t->n_columns * sizeof *more);
    if (!more)
        return -ENOMEM;
    t->cells = more;
    t->cap_rows = cap;
    return 0;
}

int table_add(struct table *t, const char *const *cells)
{
    char **row;

    if (table_grow(t) < 0)
        return -ENOMEM;
    row = &t->cells[t->n_rows * t->n_columns];
    for (size_t c = 0; c < t->n_columns; c++) {
        row[c] = cells[c] ? strdup(cells[c]) : NULL;
        if (cells[c] && !row[c]) {
            while (c > 0)
                free(row[--c]);
            return -ENOMEM;
        }
    }
    t->n_rows++;
    return 0;
}

usec_t table_time(const char *text)
{
    char rfc[64];
    usec_t wall;
    size_t n;

    if (!text || strlen(text) < 19 || strlen(text) > sizeof rfc - 8)
        return 0;
    n = strcspn(text + 19, "+-Z") + 19;
    snprintf(rfc, sizeof rfc, "%.*sZ", (int)n, text);
    rfc[10] = 'T';
    return time_parse(rfc, &wall) < 0 ? 0 : wall;
}

static void time_local(struct buf *out, usec_t wall)
{
    time_t t = (time_t)(wall / USEC_PER_SEC);
    char text[32];
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
    buf_str(out, text);
}

void table_time_text(struct buf *out, const char *cell, enum table_mode mode)
{
    char text[TIME_TEXT_MAX];
    usec_t wall = table_time(cell);

    if (!wall)
        screen_text(out, cell);
    else if (mode == TABLE_TTY)
        time_local(out, wall);
    else
        buf_str(out, time_format(wall, text));
}

static void cell_span(struct buf *out, const char *cell)
{
    char text[TIME_TEXT_MAX];
    double seconds = strtod(cell, NULL);

    buf_str(out, span_format(seconds > 0 ? (usec_t)(seconds * USEC_PER_SEC) : 0, text));
}

/* A cell as people read it. */
static void cell_text(struct buf *out, const struct column *c, const char *cell,
                      enum table_mode mode)
{
    if (!cell)
        return;
    switch (c->kind) {
    case COLUMN_BOOL:
        buf_str(out, cell[0] == 't' ? "yes" : "");
        break;
    case COLUMN_TIME:
        table_time_text(out, cell, mode);
        break;
    case COLUMN_SPAN:
        cell_span(out, cell);
        break;
    default:
        screen_text(out, cell);
    }
}

static void json_cell(struct buf *out, const struct column *c, const char *cell)
{
    CLEANUP(buf_done) struct buf time = {0};

    if (!cell) {
        buf_str(out, "null");
    } else if (c->kind == COLUMN_NUMBER || c->kind == COLUMN_SPAN || c->kind == COLUMN_JSON) {
        buf_str(out, cell);
    } else if (c->kind == COLUMN_BOOL) {
        buf_str(out, cell[0] == 't' ? "true" : "false");
    } else if (c->kind == COLUMN_TIME) {
        table_time_text(&time, cell, TABLE_JSON);
        json_string(out, time.data ? time.data : "", time.len);
    } else {
        json_string(out, cell, strlen(cell));
    }
}

static void write_json(struct buf *out, const struct table *t)
{
    for (size_t r = 0; r < t->n_rows; r++) {
        for (size_t c = 0; c < t->n_columns; c++) {
            buf_printf(out, "%s\"%s\":", c ? "," : "{", t->columns[c].key);
            json_cell(out, &t->columns[c], t->cells[r * t->n_columns + c]);
        }
        buf_str(out, "}\n");
    }
}

static void write_plain(struct buf *out, const struct table *t)
{
    for (size_t r = 0; r < t->n_rows; r++) {
        bool any = false;

        for (size_t c = 0; c < t->n_columns; c++) {
            if (!t->columns[c].heading)
                continue;
            buf_str(out, any ? "\t" : "");
            cell_text(out, &t->columns[c], t->cells[r * t->n_columns + c], TABLE_PLAIN);
            any = true;
        }
        buf_char(out, '\n');
    }
}

/* Characters, not bytes: the text is UTF-8 or escaped. */
static size_t text_width(const char *s)
{
    size_t n = 0;

    for (; s && *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* The first `width` characters. */
static size_t text_prefix(const char *s, size_t width)
{
    size_t i = 0;

    for (size_t n = 0; s[i]; i++) {
        n += ((unsigned char)s[i] & 0xc0) != 0x80;
        if (n > width)
            break;
    }
    return i;
}

static const char *state_colour(const char *state)
{
    static const struct {
        const char *word, *colour;
    } colours[] = {
        {"present", "32"}, {"open", "32"},    {"opened", "32"},    {"appeared", "32"},
        {"ok", "32"},      {"new", "32"},     {"delivered", "32"}, {"returned", "32"},
        {"gone", "31"},    {"closed", "31"},  {"failed", "31"},    {"FAIL", "31"},
        {"dead", "31"},    {"absent", "31"},  {"changed", "33"},   {"unknown", "33"},
        {"warn", "33"},    {"pending", "33"}, {"retry", "33"},     {"aborted", "33"},
    };

    for (size_t i = 0; i < ARRAY_LEN(colours); i++)
        if (strcmp(state, colours[i].word) == 0)
            return colours[i].colour;
    return NULL;
}

struct tty_row {
    struct buf *out;
    const struct table_style *style;
    size_t pending; /* blanks before the next text */
    size_t column;  /* characters in the line so far, blanks that are pending included */
};

static void tty_text(struct tty_row *row, const char *text, size_t len, const char *colour)
{
    buf_printf(row->out, "%*s", (int)row->pending, "");
    row->pending = 0;
    if (colour && row->style->colour)
        buf_printf(row->out, "\x1b[%sm%.*s\x1b[0m", colour, (int)len, text);
    else
        buf_add(row->out, text, len);
}

/* Puts a text into its column.  The last is cut where the terminal ends. */
static void tty_cell(struct tty_row *row, const char *text, size_t width, bool right,
                     const char *colour)
{
    size_t n = text_width(text);

    if (right && n < width)
        row->pending += width - n;
    if (n)
        tty_text(row, text, strlen(text), colour);
    if (!right && n < width)
        row->pending += width - n;
    row->pending += GAP;
    row->column += width + GAP;
}

static void tty_last(struct tty_row *row, const char *text, const char *colour)
{
    size_t n = text_width(text), room = SIZE_MAX;

    if (row->style->width)
        room = row->style->width > row->column + WIDTH_LEAST ? row->style->width - row->column
                                                             : WIDTH_LEAST;
    if (!n)
        return;
    if (n <= room) {
        tty_text(row, text, strlen(text), colour);
    } else {
        tty_text(row, text, text_prefix(text, room - 1), colour);
        buf_str(row->out, "\xe2\x80\xa6");
    }
}

static bool is_right(const struct column *c)
{
    return c->kind == COLUMN_NUMBER || c->kind == COLUMN_SPAN;
}

/* Columns of which no row has anything are left out; their width is 0. */
static size_t last_shown(const struct table *t, const size_t *widths)
{
    size_t last = 0;

    for (size_t c = 0; c < t->n_columns; c++)
        if (widths[c])
            last = c;
    return last;
}

static size_t *tty_widths(const struct table *t)
{
    size_t *width = calloc(t->n_columns, sizeof *width);

    for (size_t i = 0; width && i < t->n_rows * t->n_columns; i++) {
        CLEANUP(buf_done) struct buf text = {0};
        size_t c = i % t->n_columns, n;

        if (t->columns[c].heading)
            cell_text(&text, &t->columns[c], t->cells[i], TABLE_TTY);
        n = text_width(text.data);
        width[c] = n > width[c] ? n : width[c];
    }
    for (size_t c = 0; width && c < t->n_columns; c++) {
        size_t n = text_width(t->columns[c].heading);

        width[c] = width[c] && n > width[c] ? n : width[c];
    }
    return width;
}

/* cells NULL: the head. */
static void tty_line(struct buf *out, const struct table *t, char *const *cells,
                     const size_t *widths, const struct table_style *s)
{
    struct tty_row row = {.out = out, .style = s};
    size_t last = last_shown(t, widths);

    for (size_t c = 0; c <= last; c++) {
        const struct column *k = &t->columns[c];
        CLEANUP(buf_done) struct buf text = {0};
        const char *colour = cells ? NULL : "1";

        if (!widths[c])
            continue;
        if (cells)
            cell_text(&text, k, cells[c], TABLE_TTY);
        else
            buf_str(&text, k->heading);
        if (cells && k->kind == COLUMN_STATE && text.data)
            colour = state_colour(text.data);
        if (c == last && !is_right(k))
            tty_last(&row, text.data ? text.data : "", colour);
        else
            tty_cell(&row, text.data ? text.data : "", widths[c], is_right(k), colour);
    }
    buf_char(out, '\n');
}

static void write_tty(struct buf *out, const struct table *t, const struct table_style *s)
{
    CLEANUP(freep) size_t *widths = tty_widths(t);

    if (!widths) {
        out->failed = true;
        return;
    }
    if (!t->n_rows)
        return;
    tty_line(out, t, NULL, widths, s);
    for (size_t r = 0; r < t->n_rows; r++)
        tty_line(out, t, &t->cells[r * t->n_columns], widths, s);
}

void table_write(struct buf *out, const struct table *t, const struct table_style *s)
{
    if (s->mode == TABLE_JSON)
        write_json(out, t);
    else if (s->mode == TABLE_TTY)
        write_tty(out, t, s);
    else
        write_plain(out, t);
}

struct table_style table_style_for(FILE *f, bool json)
{
    struct table_style s = {.mode = TABLE_PLAIN};
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    struct winsize w;

    if (json)
        s.mode = TABLE_JSON;
    else if (isatty(fileno(f)))
        s.mode = TABLE_TTY;
    if (s.mode != TABLE_TTY)
        return s;
    s.colour = !(no_color && *no_color) && !(term && strcmp(term, "dumb") == 0);
    if (ioctl(fileno(f), TIOCGWINSZ, &w) == 0)
        s.width = w.ws_col;
    return s;
}
