/* Places in a migration's text. */
#include "service/store/migrate_files.h"
#include "tests/support/main.h"

static void positions_are_counted_in_characters(void **state)
{
    static const struct {
        const char *text;
        unsigned position, line;
    } cases[] = {
        {"SELECT", 1, 1},
        {"a\nb", 3, 2},
        {"a\nb", 2, 1},
        {"\n\nx", 3, 3},
        {"\xc3\xa4\xc3\xa4\nx", 4, 2},
        {"a\nb", 99, 2},
        {"", 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(migration_line(cases[i].text, cases[i].position), cases[i].line);
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(positions_are_counted_in_characters)};
TEST_MAIN(tests)
