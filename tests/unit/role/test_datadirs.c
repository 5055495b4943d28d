/* Directories that come, go and are replaced behind the same names. */
#include "service/role/datadirs.h"

#include "tests/support/main.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[64], a[96], b[96], other[96], text[256];
static struct datadirs d;

static int setup(void **state)
{
    (void)state;
    snprintf(base, sizeof base, "/tmp/datadirs-test-XXXXXX");
    assert_non_null(mkdtemp(base));
    snprintf(a, sizeof a, "%s/a", base);
    snprintf(b, sizeof b, "%s/b", base);
    snprintf(other, sizeof other, "%s/other", base);
    snprintf(text, sizeof text, "%s\n\n%s", a, b);
    assert_int_equal(mkdir(a, 0700), 0);
    assert_int_equal(datadirs_keep(&d, text), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    datadirs_done(&d);
    rmdir(a);
    rmdir(b);
    return rmdir(base);
}

static void they_hold_while_nothing_changes(void **state)
{
    (void)state;
    assert_true(datadirs_hold(&d, text));
    assert_false(datadirs_hold(&d, a));
    datadirs_done(&d);
    assert_false(datadirs_hold(&d, text));
}

static void one_that_appears_is_a_change(void **state)
{
    (void)state;
    assert_int_equal(mkdir(b, 0700), 0);
    assert_false(datadirs_hold(&d, text));
}

static void one_that_is_replaced_is_a_change(void **state)
{
    (void)state;
    assert_int_equal(mkdir(other, 0700), 0);
    assert_int_equal(rmdir(a), 0);
    assert_int_equal(rename(other, a), 0);
    assert_false(datadirs_hold(&d, text));
}

static void the_text_is_cut_into_its_lines(void **state)
{
    const char *dirs[DATADIRS_MAX];

    (void)state;
    assert_int_equal(datadirs_split(text, dirs), 2);
    assert_string_equal(dirs[0], a);
    assert_string_equal(dirs[1], b);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(they_hold_while_nothing_changes, setup, teardown),
    cmocka_unit_test_setup_teardown(one_that_appears_is_a_change, setup, teardown),
    cmocka_unit_test_setup_teardown(one_that_is_replaced_is_a_change, setup, teardown),
    cmocka_unit_test_setup_teardown(the_text_is_cut_into_its_lines, setup, teardown),
};

TEST_MAIN(tests)
