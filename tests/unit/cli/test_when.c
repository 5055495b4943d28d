/* Times as people type them. */
#include "engine/base/err.h"
#include "service/cli/when.h"

#include "tests/support/main.h"

#include <errno.h>
#include <time.h>

/* 2026-03-29 12:00:00 in Berlin, a day on which the clock went from two to three. */
#define NOW (1774778400 * USEC_PER_SEC)

static const struct {
    const char *text, *want; /* NULL: refused */
} cases[] = {
    {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"},
    {"2026-01-01T00:00:00.250Z", "2026-01-01T00:00:00.250Z"},
    {"2026-01-01 00:00:00+00:00", "2026-01-01T00:00:00.000Z"},
    {"2026-01-01T00:00:00+01:00", "2025-12-31T23:00:00.000Z"},
    {"2026-01-01T00:00-0530", "2026-01-01T05:30:00.000Z"},
    {"2026-01-01 00:00+02", "2025-12-31T22:00:00.000Z"},
    {"2026-01-01 15:30:20", "2026-01-01T14:30:20.000Z"}, /* as a table on a terminal shows it */
    {"2026-01-01T15:30", "2026-01-01T14:30:00.000Z"},
    {"2026-07-01 15:30", "2026-07-01T13:30:00.000Z"},
    {"2026-01-01", "2025-12-31T23:00:00.000Z"},
    {"03-28 15:30", "2026-03-28T14:30:00.000Z"}, /* as a narrow one does */
    {"03-29 09:30", "2026-03-29T07:30:00.000Z"},
    {"11-30 15:30", "2025-11-30T14:30:00.000Z"},
    {"03-30", "2025-03-29T23:00:00.000Z"},
    {"13-30", NULL},
    {"1-30", NULL},
    {"11-300", NULL},
    {"15:30", "2026-03-29T13:30:00.000Z"},
    {"01:30", "2026-03-29T00:30:00.000Z"},
    {"today", "2026-03-28T23:00:00.000Z"},
    {"yesterday", "2026-03-27T23:00:00.000Z"},
    {"yesterday 15:30", "2026-03-28T14:30:00.000Z"},
    {"today 09:00:05", "2026-03-29T07:00:05.000Z"},
    {"now", "2026-03-29T10:00:00.000Z"},
    {"0s", "2026-03-29T10:00:00.000Z"},
    {"2h", "2026-03-29T08:00:00.000Z"},
    {"1h 30m", "2026-03-29T08:30:00.000Z"},
    {"", NULL},
    {"soon", NULL},
    {"tomorrows", NULL},
    {"todays", NULL},
    {"-5m", NULL},
    {"2026-13-01", NULL},
    {"2026-02-31", NULL},
    {"2026-02-31T00:00:00Z", NULL},
    {"2026-01-01T", "2025-12-31T23:00:00.000Z"},
    {"2026-01-01 25:00", NULL},
    {"2026-01-01 10:00 CET", NULL},
    {"2026-01-01T10:00:00+1", NULL},
    {"2026-01-01T10:00:00+01:", NULL},
    {"2026-01-01T10:00:00Zulu", NULL},
    {"2026-01-01-02", NULL},
    {"15:30Z", NULL},
    {"10:00:", NULL},
    {"1960-01-01T00:00:00Z", NULL},
};

static void times_are_read_as_they_are_typed(void **state)
{
    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1); /* Berlin's, without its file */
    tzset();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[TIME_TEXT_MAX];
        usec_t wall = 0;
        int r = when_parse(cases[i].text, NOW, &wall);

        if (!cases[i].want && r != -EINVAL)
            fail_msg("'%s' is %s", cases[i].text, time_format(wall, text));
        if (!cases[i].want)
            continue;
        if (r < 0)
            fail_msg("'%s' is refused", cases[i].text);
        assert_string_equal(time_format(wall, text), cases[i].want);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(times_are_read_as_they_are_typed),
};

TEST_MAIN(tests)
