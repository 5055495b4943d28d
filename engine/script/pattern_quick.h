/* Short patterns, prepared once and matched many times.
 *
 * Scripts call string.find by the thousand with the same few patterns, often for each byte of an
 * answer.  A prepared pattern is a list of items with the set of characters that each takes; the
 * search skips what no match begins with.  Whatever is longer, refers back, or is malformed is left
 * to the matcher that can stop (pattern.h), and so is a match that takes long: that one then begins
 * from the same place. */
#pragma once

#include "engine/script/pattern.h"

#include <stdbool.h>
#include <stdint.h>

#define QUICK_ITEMS    12
#define QUICK_TEXT     32 /* bytes of a pattern */
#define QUICK_SLOTS    128
#define QUICK_PATIENCE 32 /* calls for another pattern until a slot is given to that one */

struct quick_set {
    uint64_t bits[4];
};

struct quick_item {
    enum {
        QUICK_ONE,
        QUICK_OPTIONAL, /* ? */
        QUICK_MANY,     /* * */
        QUICK_SOME,     /* + */
        QUICK_LAZY,     /* - */
        QUICK_OPEN,     /* ( */
        QUICK_POSITION, /* () */
        QUICK_CLOSE,    /* ) */
        QUICK_END,      /* $ */
    } kind;
    int capture;
    struct quick_set set;
};

struct quick_pattern {
    char text[QUICK_TEXT];
    uint8_t len, patience;
    bool usable;
    bool has_first; /* each match begins with a character of `first` */
    unsigned n;
    struct quick_set first;
    struct quick_item items[QUICK_ITEMS];
};

/* Zeroed by its owner. */
struct pattern_cache {
    struct quick_pattern slots[QUICK_SLOTS];
};

/* pattern_search() with m->cache.  False: m is as it was, but for `from` and `steps`; it is for the
 * matcher that can stop. */
bool quick_search(struct pattern_match *m, enum pattern_result *ret);
