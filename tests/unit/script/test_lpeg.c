/* lpeg is linked in, with all that scripts use of it. */
#include "bind_support.h"

static int open_state(void **state)
{
    static struct bind_state s;

    bind_open(&s, NULL);
    bind_module(&s, "lpeg", luaopen_lpeg);
    *state = &s;
    return 0;
}

static int close_state(void **state)
{
    bind_close(*state);
    return 0;
}

static void patterns_match_and_capture(void **state)
{
    bind_run(
        *state, "lpeg",
        "local P, S, R, V, C, Ct, Cc, Cg, Cf, Cs, Cmt, Cb, Cp, Carg = lpeg.P, lpeg.S, lpeg.R, "
        "lpeg.V, lpeg.C, lpeg.Ct,\n"
        "  lpeg.Cc, lpeg.Cg, lpeg.Cf, lpeg.Cs, lpeg.Cmt, lpeg.Cb, lpeg.Cp, lpeg.Carg\n"
        "local num = C(R'09'^1) / tonumber\n"
        "local sum = Cf(num * (S'+' * num)^0, function(a, b) return a + b end)\n"
        "assert(sum:match('1+2+39') == 42)\n"
        "local list = P{'list', list = Ct(V'item' * (',' * V'item')^0), item = C((1 - S',')^1)}\n"
        "assert(table.concat(list:match('a,b,c'), '|') == 'a|b|c')\n"
        "assert(Cs((P'x' / 'y' + 1)^0):match('axb') == 'ayb')\n"
        "local t = Ct(Cg(Cc'v', 'k')):match('') assert(t.k == 'v')\n"
        "assert(Cmt(P(1), function(s, i) return i end):match('a') == 2)\n"
        "assert((Cg(P'a', 'n') * Cb'n'):match('a') == 'a') assert(Cp():match('') == 1)\n"
        "assert(Carg(1):match('', 1, 'x') == 'x') assert(lpeg.type(P'a') == 'pattern')\n"
        "assert(lpeg.locale().alpha:match('a') == 2 and #lpeg.version() > 0)\n");
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(patterns_match_and_capture, open_state, close_state),
};

TEST_MAIN(tests)
