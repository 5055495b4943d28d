/* Rows for people and programs: aligned columns on a terminal, fields between tabs in a pipe, JSON
 * lines with --json, CSV (RFC 4180, a head of keys, every column but lists) with --format csv.
 *
 * In a pipe there is no head and nothing is cut, so that cut(1) and wc(1) work; times are RFC 3339
 * in UTC there and in JSON, and local on a terminal. */
#pragma once

#include "engine/base/time.h"
#include "service/cli/screen.h"

#include <stdio.h>

enum table_mode { TABLE_PLAIN, TABLE_TTY, TABLE_JSON, TABLE_CSV };

enum column_kind {
    COLUMN_TEXT,
    COLUMN_NUMBER, /* text of a number: right-aligned; a number in JSON */
    COLUMN_BOOL,   /* "t" or "f" as PostgreSQL writes it; "yes" or nothing for people */
    COLUMN_TIME,   /* text of a timestamptz in UTC as PostgreSQL writes it */
    COLUMN_SPAN,   /* seconds as text of a number; "3m" for people */
    COLUMN_STATE,  /* a word that is coloured: open, gone, failed ... */
    COLUMN_JSON,   /* JSON text, goes into JSON as it is */
};

struct column {
    const char *key;     /* in JSON */
    const char *heading; /* on a terminal; NULL: only in JSON */
    enum column_kind kind;
};

struct table {
    const struct column *columns; /* borrowed */
    size_t n_columns;
    char **cells; /* row by row; NULL: no value */
    size_t n_rows, cap_rows;
};

void table_done(struct table *t);
/* Copies n_columns texts; NULL cells are allowed.  0, -ENOMEM. */
int table_add(struct table *t, const char *const *cells) MUST_USE;
/* width: of the terminal, 0 for any.  Where a row is wider, times lose their seconds and what goes
 * without saying beside now, and a last column that does not fit stands on a line of its own. */
struct table_style {
    enum table_mode mode;
    bool colour;
    size_t width;
    usec_t now; /* wall time; what is told about other times of about a year needs no year */
};
void table_write(struct buf *out, const struct table *t, const struct table_style *s);

/* How to write to this stream: asks whether it is a terminal, how wide, and whether NO_COLOR is
 * set. */
struct table_style table_style_for(FILE *f, bool json);
/* Wall time from PostgreSQL's text ("2026-01-01 00:00:00.5+00"); 0: not readable. */
usec_t table_time(const char *text);
/* Such a time as a table in this mode shows it; what is not readable as it is. */
void table_time_text(struct buf *out, const char *cell, enum table_mode mode);
