/* Selection: the grammar of nse-contract 3 over a small index; the vectors over nmap's own 604
 * scripts are in test_host.c. */
#include "engine/script/select.h"

#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

static const struct {
    const char *path;
    const char *categories[4];
} scripts[] = {
    {"/d/http-title.nse", {"default", "discovery", "safe"}},
    {"/d/http-brute.nse", {"brute", "intrusive"}},
    {"/d/ssl-cert.nse", {"Default", "safe", "discovery"}},
    {"/d/smb-vuln-x.nse", {"vuln", "intrusive"}},
    {"/d/allseeing.nse", {"safe"}},
};

static const struct {
    const char *rule, *want; /* first letters' mask of the scripts; NULL: -EINVAL */
} cases[] = {
    {"default", "10100"},
    {"DEFAULT", "10100"},
    {"not intrusive", "10101"},
    {"NOT Intrusive", "10101"},
    {"all", "11111"},
    {"true", "11111"},
    {"false", "00000"},
    {"*", "11111"},
    {"http-*", "11000"},
    {"HTTP-*", "00000"},
    {"http-t?tle", "00000"},
    {"http-title.nse", "10000"},
    {"http-title", "10000"},
    {"http-titl", "00000"},
    {"*-*-*", "00010"},
    {"*t*t*", "11000"},
    {"allseeing", "00001"},
    {"(http-* or ssl-*) and safe", "10100"},
    {"((http-title))", "10000"},
    {"default or safe and vuln", "10100"},
    {"not default and not vuln", "01001"},
    {"not not default", "10100"},
    {"default and not (http-* or smb-*)", "00100"},
    {"default and(safe)", "10100"},
    {"notdefault", "00000"},
    {"http-title and nosuch", "00000"},
    {"default or", NULL},
    {"default safe", NULL},
    {"(default", NULL},
    {"default)", NULL},
    {"()", NULL},
    {"not", NULL},
    {"", NULL},
};

static void setup_index(struct script_index *ix)
{
    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        size_t n = 0;

        while (n < 4 && scripts[i].categories[n])
            n++;
        assert_int_equal(index_add(ix, scripts[i].path, scripts[i].categories, n), 0);
    }
}

static void expressions_select_as_nmap_selects(void **state)
{
    struct script_index ix = {0};

    (void)state;
    setup_index(&ix);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t k = 0; k < ix.n; k++) {
            enum select_how how = SELECT_NONE;
            int r = select_match(&ix, &ix.entries[k], cases[i].rule, &how);

            if (r != (cases[i].want ? 0 : -EINVAL))
                fail_msg("'%s' gave %d", cases[i].rule, r);
            if (r == 0 && (how != SELECT_NONE) != (cases[i].want[k] == '1'))
                fail_msg("'%s' on %s: %d", cases[i].rule, ix.entries[k].name, how);
        }
    }
    index_done(&ix);
}

static void words_select_by_name_and_categories_do_not(void **state)
{
    struct script_index ix = {0};
    enum select_how how;

    (void)state;
    setup_index(&ix);
    assert_int_equal(select_match(&ix, &ix.entries[0], "http-*", &how), 0);
    assert_int_equal(how, SELECT_NAME);
    assert_int_equal(select_match(&ix, &ix.entries[0], "default", &how), 0);
    assert_int_equal(how, SELECT_CATEGORY);
    assert_int_equal(select_match(&ix, &ix.entries[0], "not brute", &how), 0);
    assert_int_equal(how, SELECT_CATEGORY);
    index_done(&ix);
}

static void nesting_has_an_end(void **state)
{
    struct script_index ix = {0};
    enum select_how how;
    char rule[1001];

    (void)state;
    setup_index(&ix);
    memset(rule, '(', 1000);
    rule[1000] = '\0';
    assert_int_equal(select_match(&ix, &ix.entries[0], rule, &how), -EINVAL);
    index_done(&ix);
}

static void lists_are_cut_at_commas_and_plus_forces(void **state)
{
    char list[] = " vuln ,safe,+http-title, + default , ,";
    struct select_rule rules[8];

    (void)state;
    assert_int_equal(select_split(list, rules, ARRAY_LEN(rules)), 4);
    assert_string_equal(rules[0].text, "vuln");
    assert_false(rules[0].forced);
    assert_string_equal(rules[2].text, "http-title");
    assert_true(rules[2].forced);
    assert_string_equal(rules[3].text, "default");
    assert_true(rules[3].forced);
}

static void the_first_of_two_names_wins(void **state)
{
    struct script_index ix = {0};

    (void)state;
    assert_int_equal(index_add(&ix, "/a/x.nse", NULL, 0), 0);
    assert_int_equal(index_add(&ix, "/b/x.nse", NULL, 0), 0);
    assert_int_equal(ix.n, 1);
    assert_string_equal(ix.entries[0].path, "/a/x.nse");
    index_done(&ix);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(expressions_select_as_nmap_selects),
    cmocka_unit_test(words_select_by_name_and_categories_do_not),
    cmocka_unit_test(nesting_has_an_end),
    cmocka_unit_test(lists_are_cut_at_commas_and_plus_forces),
    cmocka_unit_test(the_first_of_two_names_wins),
};

TEST_MAIN(tests)
