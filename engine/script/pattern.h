/* Lua's patterns (manual 6.4.1), matched so that the caller can stop in the middle.
 *
 * Lua's own matcher runs to its end inside one C call: a pattern like ".-.-.-x" over an answer of
 * 64 KiB, which a peer chose, holds the whole worker for hours, and no hook of Lua's can reach it.
 * This one counts its steps, keeps what it may have to go back to in an array instead of on the C
 * stack, and returns when the steps are used up.  It gives the same matches, captures and errors as
 * Lua 5.4's, with the same limits. */
#pragma once

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#define PATTERN_CAPTURES 32  /* as LUA_MAXCAPTURES */
#define PATTERN_DEPTH    199 /* choices that may be open at a time: Lua's "pattern too complex" */

#define CAPTURE_OPEN     ((ptrdiff_t)-1)
#define CAPTURE_POSITION ((ptrdiff_t)-2)

enum pattern_result { PATTERN_FAILED, PATTERN_MATCHED, PATTERN_PAUSED };

struct capture {
    const char *start;
    ptrdiff_t len; /* bytes, or CAPTURE_* */
};

/* What matching goes back to when the rest of the pattern fails. */
struct pattern_choice {
    enum {
        CHOICE_OPTIONAL, /* go on at `at` without the item */
        CHOICE_GREEDY,   /* give back one of the characters from `least` to `at` */
        CHOICE_LAZY,     /* take one more at `at` */
        CHOICE_OPENED,   /* no choice: forget the newest capture */
        CHOICE_CLOSED,   /* no choice: captures[capture] is open again */
    } kind;
    int capture;
    const char *item, *item_end; /* in the pattern, without its suffix */
    const char *least, *at;      /* in the text */
};

/* Holds pointers into the text and the pattern, and none into itself: may be copied while paused.
 * Both are Lua strings that the caller keeps: a NUL stands behind them. */
struct pattern_match {
    lua_State *L; /* a malformed pattern raises here */
    const char *text, *text_end, *pattern, *pattern_end;
    struct pattern_cache *cache;   /* of quick patterns, see there; NULL: none, or no longer */
    const char *first, *first_end; /* the item that each match begins with; NULL: it is not so */
    bool prepared;                 /* first is known */
    bool anchored;                 /* matches at `from` only */
    const char *from;              /* where the match starts, or is tried next */
    const char *after; /* the last match's end: an empty one there does not count; or NULL */
    ptrdiff_t steps;   /* left until it pauses; the caller's to fill up */
    bool begun;        /* the match at `from` */
    bool growing;      /* paused while the newest choice, a greedy one, takes characters */
    const char *s, *p; /* where it is; after PATTERN_MATCHED s is the end of the match */
    int n_captures;
    unsigned n_choices;
    struct capture captures[PATTERN_CAPTURES];
    struct pattern_choice choices[PATTERN_DEPTH];
};

enum pattern_anchor { PATTERN_ANCHOR, PATTERN_NO_ANCHOR }; /* what a '^' in front is */

/* The text and the pattern are strings at these indexes of L. */
void pattern_init(struct pattern_match *m, lua_State *L, int text_index, int pattern_index,
                  enum pattern_anchor a);
/* The same in two steps, for who has them already. */
void pattern_set(struct pattern_match *m, lua_State *L, const char *text, size_t len);
void pattern_set_pattern(struct pattern_match *m, const char *pattern, size_t len,
                         enum pattern_anchor a);
/* Looks for a match at m->from or behind it until that is decided, or m->steps are used up: then
 * call it again. */
enum pattern_result pattern_search(struct pattern_match *m);
/* The search goes on behind the match that was found. */
void pattern_next(struct pattern_match *m);
