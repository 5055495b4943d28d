/* Rows of claims: what is a lease and what is refused. */
#include "service/store/db_priv.h"
#include "service/store/lease_read.h"
#include "tests/support/main.h"

#include <errno.h>
#include <string.h>

#define COLUMNS 8

static PGresult *row_of(const char *const cells[COLUMNS])
{
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[COLUMNS] = {{0}};

    for (int i = 0; i < COLUMNS; i++)
        columns[i].name = (char *)"c";
    assert_int_not_equal(PQsetResultAttrs(res, COLUMNS, columns), 0);
    for (int i = 0; i < COLUMNS; i++)
        PQsetvalue(res, 0, i, (char *)cells[i], cells[i] ? (int)strlen(cells[i]) : -1);
    return res;
}

static void leases_are_read_or_refused(void **state)
{
    static const char long_name[] =
        "0123456789012345678901234567890123456789012345678901234567890123";
    static const struct {
        const char *cells[COLUMNS];
        int want;
        uint64_t only;
    } cases[] = {
        {{"1", "2", "lab", "p", "ports", "10.0.0.0", "10.0.0.255", NULL}, 0, 0},
        {{"1", "2", "lab", "p", "scripts", "10.0.0.0/32", "10.0.0.255/32", "{10.0.0.1,10.0.0.9}"},
         0,
         2},
        {{"1", "2", "lab", "p", "ports", "10.0.0.0", "10.0.0.255", "{10.0.0.1,NULL}"}, -EBADMSG, 0},
        {{"1", "2", "lab", "p", "ports", "10.0.0.0", "10.0.0.255", "nonsense"}, -EBADMSG, 0},
        {{"1", "2", "lab", "p", "ports", "10.0.0.0", "10.0.0.255", "{10.0.0.0/24}"}, -EBADMSG, 0},
        {{"1", "2", "lab", "p", "ports", "10.0.0.9", "10.0.0.1", NULL}, -EBADMSG, 0},
        {{"1", "2", "lab", "p", "ports", "10.0.0.0", "::1", NULL}, -EBADMSG, 0},
        {{"1", "2", "lab", "p", "ports", NULL, NULL, NULL}, -EBADMSG, 0},
        {{"1", "2", "lab", "p", "dance", "10.0.0.0", "10.0.0.255", NULL}, -EBADMSG, 0},
        {{"1", "2", NULL, "p", "ports", "10.0.0.0", "10.0.0.255", NULL}, -EBADMSG, 0},
        {{"1", "2", long_name, "p", "ports", "10.0.0.0", "10.0.0.255", NULL}, -EBADMSG, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct db_rows rows = {.res = row_of(cases[i].cells)};
        struct store_lease l;

        assert_int_equal(lease_read(&l, &rows, 0, 5), cases[i].want);
        assert_int_equal(addr_set_count(&l.only), cases[i].only);
        store_lease_done(&l);
        PQclear(rows.res);
    }
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(leases_are_read_or_refused)};
TEST_MAIN(tests)
