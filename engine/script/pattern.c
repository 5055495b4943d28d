/* The matcher behind string.find and its kin: see pattern.h.
 *
 * The items of a pattern are walked once along each way, so the choices that are open never
 * outnumber the items, and the order in which they are tried is that of the recursion that the
 * manual's words amount to. */
#include "engine/script/pattern.h"

#include "engine/script/pattern_one.h"
#include "engine/script/pattern_quick.h"

#include <lauxlib.h>
#include <string.h>

/* ---- one character ---- */

/* Steps that one look at a character costs: a set may be as long as it likes. */
static inline ptrdiff_t cost(const char *item, const char *item_end)
{
    return *item == '[' ? item_end - item : 1;
}

static bool is_one_at(struct pattern_match *m, const char *s, const char *item,
                      const char *item_end)
{
    m->steps -= cost(item, item_end);
    return s < m->text_end && is_one((unsigned char)*s, item, item_end);
}

/* The first character from s on that is one (or is not), as far as the steps last. */
static const char *run_until(struct pattern_match *m, const char *s, const char *item,
                             const char *item_end, bool wanted)
{
    ptrdiff_t each = cost(item, item_end), most = m->steps / each + 1;
    const char *begin = s, *end = m->text_end - s > most ? s + most : m->text_end;

    if (*item == '.')
        s = wanted ? s : end;
    else
        while (s < end && is_one((unsigned char)*s, item, item_end) != wanted)
            s++;
    m->steps -= (s - begin) * each + 1;
    return s;
}

static const char *set_end(struct pattern_match *m, const char *p)
{
    if (*p == '^')
        p++;
    do {
        if (p == m->pattern_end)
            luaL_error(m->L, "malformed pattern (missing ']')");
        if (*p++ == ESCAPE && p < m->pattern_end)
            p++;
    } while (*p != ']');
    return p + 1;
}

/* The end of the single-character item at p. */
static const char *item_end(struct pattern_match *m, const char *p)
{
    const char *end;

    switch (*p++) {
    case ESCAPE:
        if (p == m->pattern_end)
            luaL_error(m->L, "malformed pattern (ends with '%%')");
        return p + 1;
    case '[':
        end = set_end(m, p);
        m->steps -= end - p;
        return end;
    default:
        return p;
    }
}

/* ---- choices ---- */

static struct pattern_choice *choose(struct pattern_match *m, int kind)
{
    struct pattern_choice *c;

    if (m->n_choices == PATTERN_DEPTH)
        luaL_error(m->L, "pattern too complex");
    c = &m->choices[m->n_choices++];
    c->kind = kind;
    c->at = m->s;
    return c;
}

static void choose_repeated(struct pattern_match *m, int kind, const char *end)
{
    struct pattern_choice *c = choose(m, kind);

    c->item = m->p;
    c->item_end = end;
    c->least = m->s;
    m->growing = kind == CHOICE_GREEDY;
}

/* Takes as many characters as there are.  False: the steps are used up. */
static bool grow(struct pattern_match *m)
{
    struct pattern_choice *c = &m->choices[m->n_choices - 1];

    c->at = run_until(m, c->at, c->item, c->item_end, false);
    if (m->steps <= 0)
        return false;
    m->growing = false;
    m->s = c->at;
    m->p = c->item_end + 1;
    return true;
}

/* Another way for the newest choice.  False: it has none. */
static bool retry(struct pattern_match *m, struct pattern_choice *c)
{
    switch (c->kind) {
    case CHOICE_OPENED:
        m->n_captures--;
        return false;
    case CHOICE_CLOSED:
        m->captures[c->capture].len = CAPTURE_OPEN;
        return false;
    case CHOICE_OPTIONAL:
        m->n_choices--;
        break;
    case CHOICE_GREEDY:
        if (c->at-- == c->least)
            return false;
        break;
    case CHOICE_LAZY:
        if (!is_one_at(m, c->at, c->item, c->item_end))
            return false;
        c->at++;
        break;
    }
    m->s = c->at;
    m->p = c->item_end + 1;
    return true;
}

static bool go_back(struct pattern_match *m)
{
    while (m->n_choices > 0) {
        m->steps--;
        if (retry(m, &m->choices[m->n_choices - 1]))
            return true;
        m->n_choices--;
    }
    return false;
}

/* ---- the items; false: does not match here ---- */

static bool open_capture(struct pattern_match *m)
{
    bool position = m->p[1] == ')';

    if (m->n_captures == PATTERN_CAPTURES)
        luaL_error(m->L, "too many captures");
    m->captures[m->n_captures].start = m->s;
    m->captures[m->n_captures].len = position ? CAPTURE_POSITION : CAPTURE_OPEN;
    m->n_captures++;
    choose(m, CHOICE_OPENED);
    m->p += position ? 2 : 1;
    return true;
}

static bool close_capture(struct pattern_match *m)
{
    int i = m->n_captures - 1;

    while (i >= 0 && m->captures[i].len != CAPTURE_OPEN)
        i--;
    if (i < 0)
        luaL_error(m->L, "invalid pattern capture");
    m->captures[i].len = m->s - m->captures[i].start;
    choose(m, CHOICE_CLOSED)->capture = i;
    m->p++;
    return true;
}

/* %b() */
static bool balanced(struct pattern_match *m)
{
    const char *p = m->p + 2, *s = m->s;
    size_t open = 1;

    if (p + 1 >= m->pattern_end)
        luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
    if (s == m->text_end || *s != *p)
        return false;
    while (open > 0 && ++s < m->text_end)
        open += *s == p[1] ? (size_t)-1 : *s == *p;
    m->steps -= s - m->s;
    if (open > 0)
        return false;
    m->s = s + 1;
    m->p += 4;
    return true;
}

/* %f[set] */
static bool frontier(struct pattern_match *m)
{
    const char *set = m->p + 2, *end;
    int before = m->s == m->text ? 0 : (unsigned char)m->s[-1];

    if (*set != '[')
        luaL_error(m->L, "missing '[' after '%%f' in pattern");
    end = item_end(m, set);
    m->p = end;
    return !in_set(before, set, end - 1) && in_set((unsigned char)*m->s, set, end - 1);
}

/* %1 */
static bool captured_again(struct pattern_match *m)
{
    int i = m->p[1] - '1';
    ptrdiff_t len;

    if (i < 0 || i >= m->n_captures || m->captures[i].len == CAPTURE_OPEN)
        luaL_error(m->L, "invalid capture index %%%d", i + 1);
    len = m->captures[i].len;
    if (len < 0 || m->text_end - m->s < len) /* a position's text is never there */
        return false;
    m->steps -= len;
    if (memcmp(m->captures[i].start, m->s, (size_t)len) != 0)
        return false;
    m->s += len;
    m->p += 2;
    return true;
}

static bool character(struct pattern_match *m)
{
    const char *end = item_end(m, m->p);

    if (!is_one_at(m, m->s, m->p, end)) {
        m->p = end + 1;
        return *end == '*' || *end == '?' || *end == '-';
    }
    switch (*end) {
    case '?':
        choose_repeated(m, CHOICE_OPTIONAL, end);
        m->s++;
        m->p = end + 1;
        break;
    case '+':
        m->s++;
        /* fall through */
    case '*':
        choose_repeated(m, CHOICE_GREEDY, end);
        break;
    case '-':
        choose_repeated(m, CHOICE_LAZY, end);
        m->p = end + 1;
        break;
    default:
        m->s++;
        m->p = end;
    }
    return true;
}

static bool escaped(struct pattern_match *m)
{
    char what = m->p[1];

    if (what == 'b')
        return balanced(m);
    if (what == 'f')
        return frontier(m);
    return what >= '0' && what <= '9' ? captured_again(m) : character(m);
}

static bool match_item(struct pattern_match *m)
{
    switch (*m->p) {
    case '(':
        return open_capture(m);
    case ')':
        return close_capture(m);
    case '$':
        if (m->p + 1 != m->pattern_end)
            return character(m);
        m->p++;
        return m->s == m->text_end;
    case ESCAPE:
        return escaped(m);
    default:
        return character(m);
    }
}

static enum pattern_result run(struct pattern_match *m)
{
    for (;;) {
        if (m->growing && !grow(m))
            return PATTERN_PAUSED;
        if (m->p == m->pattern_end)
            return PATTERN_MATCHED;
        if (!match_item(m) && !go_back(m))
            return PATTERN_FAILED;
        if (m->steps <= 0)
            return PATTERN_PAUSED;
    }
}

/* ---- searching ---- */

/* A single-character item in front, also of the first capture, that has to be there once. */
static void find_first(struct pattern_match *m)
{
    const char *p = m->pattern, *end;

    m->prepared = true;
    m->first = NULL;
    if (m->anchored)
        return;
    if (*p == '(')
        p++;
    if (p == m->pattern_end || strchr("()$", *p) || (*p == ESCAPE && strchr("bf0123456789", p[1])))
        return;
    end = item_end(m, p);
    if (*end == '*' || *end == '?' || *end == '-')
        return;
    m->first = p;
    m->first_end = end;
}

void pattern_init(struct pattern_match *m, lua_State *L, int text_index, int pattern_index,
                  enum pattern_anchor a)
{
    size_t len, pattern_len;
    const char *text = lua_tolstring(L, text_index, &len),
               *pattern = lua_tolstring(L, pattern_index, &pattern_len);

    pattern_set(m, L, text, len);
    pattern_set_pattern(m, pattern, pattern_len, a);
}

void pattern_set(struct pattern_match *m, lua_State *L, const char *text, size_t len)
{
    m->L = L;
    m->text = m->from = text;
    m->text_end = text + len;
    m->after = NULL;
    m->begun = false;
    m->prepared = false;
    m->cache = NULL;
    m->steps = 0;
}

void pattern_set_pattern(struct pattern_match *m, const char *pattern, size_t len,
                         enum pattern_anchor a)
{
    m->pattern = pattern;
    m->pattern_end = pattern + len;
    m->anchored = a == PATTERN_ANCHOR && *m->pattern == '^';
    m->pattern += m->anchored;
}

void pattern_next(struct pattern_match *m)
{
    m->from = m->after = m->s;
    m->begun = false;
}

/* False: the steps are used up. */
static bool begin(struct pattern_match *m)
{
    if (!m->prepared) /* not before: a malformed pattern is one only when it is tried */
        find_first(m);
    if (m->first)
        m->from = run_until(m, m->from, m->first, m->first_end, true);
    m->s = m->from;
    m->p = m->pattern;
    m->growing = false;
    m->n_captures = 0;
    m->n_choices = 0;
    m->begun = m->steps > 0;
    return m->begun;
}

enum pattern_result pattern_search(struct pattern_match *m)
{
    enum pattern_result r;

    if (m->cache && quick_search(m, &r))
        return r;
    m->cache = NULL;
    while (m->begun || begin(m)) {
        r = run(m);
        if (r == PATTERN_PAUSED || (r == PATTERN_MATCHED && m->s != m->after))
            return r;
        if (m->anchored || m->from == m->text_end)
            return PATTERN_FAILED;
        m->from++;
        m->begun = false;
    }
    return PATTERN_PAUSED;
}
