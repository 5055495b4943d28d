/* Tables in their three forms. */
#include "service/cli/csv.h"
#include "service/cli/table.h"

#include "tests/support/main.h"

#include <string.h>
#include <time.h>

static const struct column columns[] = {
    {"name", "NAME", COLUMN_TEXT},    {"n", "N", COLUMN_NUMBER},
    {"state", "STATE", COLUMN_STATE}, {"up", NULL, COLUMN_BOOL},
    {"every", NULL, COLUMN_SPAN},     {"extra", NULL, COLUMN_JSON},
    {"since", "SINCE", COLUMN_TIME},  {"text", "TEXT", COLUMN_TEXT},
};

static void fill(struct table *t)
{
    *t = (struct table){.columns = columns, .n_columns = ARRAY_LEN(columns)};
    assert_int_equal(
        table_add(t, (const char *const[]){"m\xc3\xbcller", "7", "gone", "t", "90", "[1]",
                                           "2026-01-01 00:00:00.5+00", "one\ttwo\x1b[31m"}),
        0);
    assert_int_equal(table_add(t, (const char *const[]){"b", "12345", "present", "f", NULL, NULL,
                                                        NULL, "a long text that is cut"}),
                     0);
}

static const struct {
    const char *name;
    struct table_style style;
    const char *want;
} cases[] = {
    {"plain: tabs, no head, nothing cut",
     {.mode = TABLE_PLAIN, .width = 10},
     "m\xc3\xbcller\t7\tgone\t2026-01-01T00:00:00.500Z\tone\\x09two\\x1B[31m\n"
     "b\t12345\tpresent\t\ta long text that is cut\n"},
    {"json: every column, values of their kind",
     {.mode = TABLE_JSON},
     "{\"name\":\"m\xc3\xbcller\",\"n\":7,\"state\":\"gone\",\"up\":true,\"every\":90,\"extra\":[1]"
     ","
     "\"since\":\"2026-01-01T00:00:00.500Z\",\"text\":\"one\\ttwo\\u001b[31m\"}\n"
     "{\"name\":\"b\",\"n\":12345,\"state\":\"present\",\"up\":false,\"every\":null,"
     "\"extra\":null,\"since\":null,\"text\":\"a long text that is cut\"}\n"},
    {"csv: a head, every column but lists, text as on the screen",
     {.mode = TABLE_CSV},
     "name,n,state,up,every,since,text\r\n"
     "m\xc3\xbcller,7,gone,t,90,2026-01-01T00:00:00.500Z,one\\x09two\\x1B[31m\r\n"
     "b,12345,present,f,,,a long text that is cut\r\n"},
    {"terminal: aligned, numbers to the right, whole where there is room",
     {.mode = TABLE_TTY, .width = 68},
     "NAME        N  STATE    SINCE                TEXT\n"
     "m\xc3\xbcller      7  gone     2026-01-01 00:00:00  one\\x09two\\x1B[31m\n"
     "b       12345  present                       a long text that is cut\n"},
    {"terminal that is narrower: times are short",
     {.mode = TABLE_TTY, .width = 67, .now = 1767225600 * USEC_PER_SEC},
     "NAME        N  STATE    SINCE        TEXT\n"
     "m\xc3\xbcller      7  gone     01-01 00:00  one\\x09two\\x1B[31m\n"
     "b       12345  present               a long text that is cut\n"},
    {"terminal: the year of what is long ago",
     {.mode = TABLE_TTY, .width = 60, .now = 1798761600 * USEC_PER_SEC},
     "NAME        N  STATE    SINCE       TEXT\n"
     "m\xc3\xbcller      7  gone     2026-01-01  one\\x09two\\x1B[31m\n"
     "b       12345  present              a long text that is cut\n"},
    {"terminal: a last cell that does not fit stands below",
     {.mode = TABLE_TTY, .width = 56, .now = 1767225600 * USEC_PER_SEC},
     "NAME        N  STATE    SINCE        TEXT\n"
     "m\xc3\xbcller      7  gone     01-01 00:00  one\\x09two\\x1B[31m\n"
     "b       12345  present\n    a long text that is cut\n"},
    {"terminal that is hardly one: there it is cut",
     {.mode = TABLE_TTY, .width = 20, .now = 1767225600 * USEC_PER_SEC},
     "NAME        N  STATE    SINCE        TEXT\n"
     "m\xc3\xbcller      7  gone     01-01 00:00\n    one\\x09two\\x1B[\xe2\x80\xa6\n"
     "b       12345  present\n    a long text tha\xe2\x80\xa6\n"},
    {"terminal: colour for states and the head",
     {.mode = TABLE_TTY, .colour = true},
     "\x1b[1mNAME\x1b[0m        \x1b[1mN\x1b[0m  \x1b[1mSTATE\x1b[0m    \x1b[1mSINCE\x1b[0m"
     "                \x1b[1mTEXT\x1b[0m\n"
     "m\xc3\xbcller      7  \x1b[31mgone\x1b[0m     2026-01-01 00:00:00  one\\x09two\\x1B[31m\n"
     "b       12345  \x1b[32mpresent\x1b[0m                       a long text that is cut\n"},
};

static void forms_are_as_promised(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(table_done) struct table t;
        CLEANUP(buf_done) struct buf out = {0};

        fill(&t);
        table_write(&out, &t, &cases[i].style);
        assert_string_equal(out.data, cases[i].want);
    }
}

static void csv_quotes_and_escapes(void **state)
{
    static const struct {
        const char *in, *out;
    } fields[] = {
        {"plain", "plain"},
        {"a,b", "\"a,b\""},
        {"say \"x\",\x1b[31m", "\"say \"\"x\"\",\\x1B[31m\""},
        {"two\nlines\x07", "\"two\nlines\\x07\""},
        {"=cmd()", "\"'=cmd()\""},
        {"-\x1b[2J", "\"'-\\x1B[2J\""},
        {"", ""},
        {NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        CLEANUP(buf_done) struct buf out = {0};

        csv_text(&out, fields[i].in);
        assert_string_equal(out.data ? out.data : "", fields[i].out ? fields[i].out : "");
    }
}

static void times_of_the_database_are_read(void **state)
{
    (void)state;
    assert_int_equal(table_time("2026-01-01 00:00:00+00"), 1767225600 * USEC_PER_SEC);
    assert_int_equal(table_time("2026-01-01 00:00:00.25+00"), 1767225600250000);
    assert_int_equal(table_time("infinity"), 0);
    assert_int_equal(table_time(NULL), 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(forms_are_as_promised),
    cmocka_unit_test(csv_quotes_and_escapes),
    cmocka_unit_test(times_of_the_database_are_read),
};

TEST_MAIN(tests)
