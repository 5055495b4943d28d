/* Tables of text.  Cells are kept as the database gave them; each form converts them on the way
 * out. */
#include "service/cli/table.h"

#include "service/cli/csv.h"

#include "engine/base/text.h"
#include "engine/model/finding.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

enum { GAP = 2, WIDTH_LEAST = 8, INDENT = 4 };

/* Within this, a time is told without its year. */
#define YEAR_GOES (300 * 86400 * USEC_PER_SEC)

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

/* As ls(1) has it: "11-30 15:04", and "2025-11-30" of long ago. */
static void time_short(struct buf *out, usec_t wall, usec_t now)
{
    bool near = wall > now ? wall - now < YEAR_GOES : now - wall < YEAR_GOES;
    CLEANUP(buf_done) struct buf whole = {0};

    time_local(&whole, wall);
    if (whole.len == strlen("2026-01-01 00:00:00"))
        buf_add(out, whole.data + (near ? 5 : 0), near ? 11 : 10);
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

/* The keys as a head; then a row each, of which lists (COLUMN_JSON) are left out. */
static void write_csv(struct buf *out, const struct table *t)
{
    for (size_t r = 0; r <= t->n_rows; r++) {
        bool any = false;

        for (size_t c = 0; c < t->n_columns; c++) {
            const struct column *k = &t->columns[c];
            const char *cell = r ? t->cells[(r - 1) * t->n_columns + c] : k->key;
            CLEANUP(buf_done) struct buf time = {0};

            if (k->kind == COLUMN_JSON)
                continue;
            if (r && cell && k->kind == COLUMN_TIME)
                table_time_text(&time, cell, TABLE_CSV);
            buf_str(out, any ? "," : "");
            csv_text(out, time.data ? time.data : cell);
            any = true;
        }
        buf_str(out, "\r\n");
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

/* Puts a text into its column. */
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

/* The last cell: where it does not fit, on a line of its own, which ends where the terminal does.
 */
static void tty_last(struct tty_row *row, const char *text, const char *colour)
{
    size_t n = text_width(text), width = row->style->width;
    size_t room = width > row->column + WIDTH_LEAST ? width - row->column : WIDTH_LEAST;

    if (!n)
        return;
    if (width && n > room && width > room + INDENT) {
        buf_printf(row->out, "\n%*s", INDENT, "");
        row->pending = 0;
        room = width - INDENT;
    }
    if (!width || n <= room) {
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

/* A table on a terminal: how wide its columns are, and whether its times are short. */
struct tty_form {
    const struct table_style *style;
    size_t *widths;
    bool is_short;
};

static void tty_form_done(struct tty_form *f)
{
    free(f->widths);
}

static void form_text(const struct tty_form *f, struct buf *out, const struct column *c,
                      const char *cell)
{
    usec_t wall = f->is_short && c->kind == COLUMN_TIME ? table_time(cell) : 0;

    if (wall)
        time_short(out, wall, f->style->now);
    else
        cell_text(out, c, cell, TABLE_TTY);
}

static void form_measure(struct tty_form *f, const struct table *t)
{
    memset(f->widths, 0, t->n_columns * sizeof *f->widths);
    for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
        CLEANUP(buf_done) struct buf text = {0};
        size_t c = i % t->n_columns, n;

        if (t->columns[c].heading)
            form_text(f, &text, &t->columns[c], t->cells[i]);
        n = text_width(text.data);
        f->widths[c] = n > f->widths[c] ? n : f->widths[c];
    }
    for (size_t c = 0; c < t->n_columns; c++) {
        size_t n = text_width(t->columns[c].heading);

        f->widths[c] = f->widths[c] && n > f->widths[c] ? n : f->widths[c];
    }
}

static bool form_fits(const struct tty_form *f, const struct table *t)
{
    size_t sum = 0;

    for (size_t c = 0; c < t->n_columns; c++)
        sum += f->widths[c] ? f->widths[c] + GAP : 0;
    return !f->style->width || sum <= f->style->width + GAP;
}

static int tty_form_make(struct tty_form *f, const struct table *t, const struct table_style *s)
{
    *f = (struct tty_form){.style = s, .widths = calloc(t->n_columns, sizeof *f->widths)};
    if (!f->widths)
        return -ENOMEM;
    form_measure(f, t);
    f->is_short = !form_fits(f, t);
    if (f->is_short)
        form_measure(f, t);
    return 0;
}

/* cells NULL: the head. */
static void tty_line(struct buf *out, const struct table *t, char *const *cells,
                     const struct tty_form *f)
{
    struct tty_row row = {.out = out, .style = f->style};
    size_t last = last_shown(t, f->widths);

    for (size_t c = 0; c <= last; c++) {
        const struct column *k = &t->columns[c];
        CLEANUP(buf_done) struct buf text = {0};
        const char *colour = cells ? NULL : "1";

        if (!f->widths[c])
            continue;
        if (cells)
            form_text(f, &text, k, cells[c]);
        else
            buf_str(&text, k->heading);
        if (cells && k->kind == COLUMN_STATE && text.data)
            colour = state_colour(text.data);
        if (c == last && !is_right(k) && cells && k->kind != COLUMN_TIME)
            tty_last(&row, text.data ? text.data : "", colour);
        else
            tty_cell(&row, text.data ? text.data : "", f->widths[c], is_right(k), colour);
    }
    buf_char(out, '\n');
}

static void write_tty(struct buf *out, const struct table *t, const struct table_style *s)
{
    CLEANUP(tty_form_done) struct tty_form f;

    if (tty_form_make(&f, t, s) < 0) {
        out->failed = true;
        return;
    }
    if (!t->n_rows)
        return;
    tty_line(out, t, NULL, &f);
    for (size_t r = 0; r < t->n_rows; r++)
        tty_line(out, t, &t->cells[r * t->n_columns], &f);
}

void table_write(struct buf *out, const struct table *t, const struct table_style *s)
{
    if (s->mode == TABLE_JSON)
        write_json(out, t);
    else if (s->mode == TABLE_TTY)
        write_tty(out, t, s);
    else if (s->mode == TABLE_CSV)
        write_csv(out, t);
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
    s.now = (usec_t)time(NULL) * USEC_PER_SEC;
    return s;
}
