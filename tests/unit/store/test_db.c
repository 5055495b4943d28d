/* A connection without a server: what is refused, what is told, that every query calls back once.
 * The rest is in tests/pg. */
#include "service/store/query.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

struct seen {
    int answers, status, downs;
    char why[256];
};

static void on_answer(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct seen *s = user;

    assert_int_equal(db_rows_count(rows), 0);
    assert_true(err_text(e)[0] != 0);
    s->answers++;
    s->status = status;
}

static void on_state(void *user, enum db_state state, const char *why)
{
    struct seen *s = user;

    if (state == DB_DOWN) {
        s->downs++;
        snprintf(s->why, sizeof s->why, "%s", why);
    }
}

static void connection_strings_are_checked(void **state)
{
    static const struct {
        const char *text;
        bool names;
        const char *want; /* NULL: fine; else part of the sentence */
    } cases[] = {
        {"host=/run/postgresql dbname=x", false, NULL},
        {"host=192.0.2.1", false, NULL},
        {"host=db.example.org hostaddr=192.0.2.1", false, NULL},
        {"postgresql://[2001:db8::1]/x", false, NULL},
        {"", false, NULL},
        {"host=db.example.org", true, NULL},
        {"host=db.example.org", false, "hostaddr"},
        {"postgresql://db.example.org/x", false, "hostaddr"},
        {"nonsense=1", false, "nonsense"},
        {"host=", false, NULL},
        {"=", false, "database: "},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = {0};
        int r = db_conninfo_check(cases[i].text, cases[i].names, &e);

        assert_int_equal(r, cases[i].want ? -EINVAL : 0);
        if (cases[i].want)
            assert_non_null(strstr(e.text, cases[i].want));
    }
}

static void query_waits_for_a_connection_and_is_cancelled_with_it(void **state)
{
    struct seen seen = {0};
    struct db_opts o = {.conninfo = "host=/nonexistent", .user = &seen, .state = on_state};
    struct db_call c = {.sql = "SELECT 1"};
    struct loop *l;
    struct db *d;

    (void)state;
    assert_int_equal(loop_new(&l, NULL), 0);
    assert_int_equal(db_open(&d, l, &o, NULL), 0);
    assert_int_equal(db_query(d, &c, on_answer, &seen), 0);
    for (int i = 0; i < 100 && !seen.downs; i++)
        loop_turn(l, 10 * USEC_PER_MSEC);
    assert_non_null(strstr(seen.why, "/nonexistent/.s.PGSQL.5432"));
    assert_null(strchr(seen.why, '\n'));
    assert_int_equal(seen.answers, 0);
    assert_int_equal(db_waiting(d), 1);
    assert_false(db_is_ready(d));
    d = db_free(d);
    assert_int_equal(seen.answers, 0);
    loop_turn(l, 0);
    assert_int_equal(seen.answers, 1);
    assert_int_equal(seen.status, -ECANCELED);
    loop_free(l);
}

static void command_line_does_not_wait_for_ever(void **state)
{
    struct seen seen = {0};
    struct db_opts o = {
        .conninfo = "host=/nonexistent", .user = &seen, .state = on_state, .no_reconnect = true};
    struct db_call c = {.sql = "SELECT 1"};
    struct db_rows *rows = NULL;
    struct err e = {0};
    struct loop *l;
    struct db *d;

    (void)state;
    assert_int_equal(loop_new(&l, NULL), 0);
    assert_int_equal(db_open(&d, l, &o, NULL), 0);
    assert_int_equal(db_ask(d, &c, 5 * USEC_PER_SEC, &rows, &e), -ECONNREFUSED);
    assert_non_null(strstr(e.text, "/nonexistent"));
    assert_int_equal(db_ask(d, &c, 5 * USEC_PER_SEC, &rows, &e), -ECONNREFUSED);
    assert_int_equal(seen.downs, 1);
    db_free(d);
    loop_turn(l, 0);
    loop_free(l);
}

static void full_queue_is_refused(void **state)
{
    struct seen seen = {0};
    struct db_opts o = {.conninfo = "host=/nonexistent", .queue_limit = 200};
    struct db_call c = {
        .sql = "SELECT 'a query of some length, so that two of them are too much for this queue'"};
    struct loop *l;
    struct db *d;
    int n = 0;

    (void)state;
    assert_int_equal(loop_new(&l, NULL), 0);
    assert_int_equal(db_open(&d, l, &o, NULL), 0);
    while (n < 10 && db_query(d, &c, on_answer, &seen) == 0)
        n++;
    assert_in_range(n, 1, 3);
    db_free(d);
    loop_turn(l, 0);
    assert_int_equal(seen.answers, n);
    loop_free(l);
}

static void rows_that_are_not_there_read_as_null(void **state)
{
    struct addr a;

    (void)state;
    assert_null(db_rows_text(NULL, 0, 0));
    assert_int_equal(db_rows_int(NULL, 3, 3, -7), -7);
    assert_int_equal(db_rows_time(NULL, 0, 0), 0);
    assert_false(db_rows_bool(NULL, 0, 0));
    db_rows_addr(NULL, 0, 0, &a);
    assert_int_equal(a.family, ADDR_NONE);
    assert_int_equal(db_rows_affected(NULL), 0);
    assert_null(db_rows_name(NULL, 0));
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(connection_strings_are_checked),
    cmocka_unit_test(query_waits_for_a_connection_and_is_cancelled_with_it),
    cmocka_unit_test(command_line_does_not_wait_for_ever),
    cmocka_unit_test(full_queue_is_refused),
    cmocka_unit_test(rows_that_are_not_there_read_as_null),
};
TEST_MAIN(tests)
