/* Questions of the command line about incidents and decisions, and what people tell the rules.
 * Each blocks until the answer is there; for programs that do nothing else. */
#pragma once

#include "service/store/query.h"

/* Texts are the caller's.  Times are PostgreSQL's input ("2026-03-01 08:00", "tomorrow"). */
struct silence_words {
    const char *match; /* JSON, see config_match_json() */
    const char *author, *reason;
    const char *from;  /* NULL: now */
    const char *until; /* NULL: `span` after from */
    usec_t span;
    bool lasting;       /* more than 30 days is meant */
    const char *on_end; /* "summary", "still", "drop": see migrations/0081_sight.sql */
};
/* *ret is its number. */
int silence_add(struct db *d, const struct silence_words *w, int64_t *ret, struct err *e) MUST_USE;
/* -ENOENT: there is none of that number. */
int silence_end(struct db *d, const char *id, struct err *e) MUST_USE;

struct window_words {
    const char *match;
    const char *author, *reason;
    const char *days;  /* "{1,7}": 1 is Monday */
    const char *start; /* "02:00" */
    const char *zone;  /* "Europe/Berlin" */
    usec_t span;
    const char *until;  /* NULL: for ever */
    const char *on_end; /* as of silences, each time that it closes */
};
int window_add(struct db *d, const struct window_words *w, int64_t *ret, struct err *e) MUST_USE;
int window_end(struct db *d, const char *id, struct err *e) MUST_USE;

enum rules_list { RULES_SILENCES, RULES_WINDOWS, RULES_INCIDENTS };
/* all: also what is over.  *ret is the caller's. */
int rules_list(struct db *d, enum rules_list what, bool all, struct db_rows **ret,
               struct err *e) MUST_USE;

/* The way of an alert or an incident: rows of (at, step, detail).  about: "alert", "incident".
 * -ENOENT, -EINVAL. */
int rules_why(struct db *d, const char *about, const char *what, struct db_rows **ret,
              struct err *e) MUST_USE;
