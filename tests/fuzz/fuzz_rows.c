/* layer: store
 * Rows of claims and targets with any cells: a database that is not what this program thinks ends
 * in an error.  The input is cells, separated by newlines; an empty cell is NULL. */
#include "service/store/db_priv.h"
#include "service/store/lease_read.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS 17

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static PGresult *result_of(char *text)
{
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc columns[COLUMNS] = {{0}};
    char *cell;

    for (int i = 0; i < COLUMNS; i++)
        columns[i].name = (char *)"c";
    if (!res || !PQsetResultAttrs(res, COLUMNS, columns))
        abort();
    for (int i = 0; (cell = strsep(&text, "\n")); i++)
        if (!PQsetvalue(res, i / COLUMNS, i % COLUMNS, *cell ? cell : NULL,
                        *cell ? (int)strlen(cell) : -1))
            abort();
    return res;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct db_rows rows;
    struct targets t = {0};
    char *text = malloc(size + 1);

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = 0;
    rows.res = result_of(text);
    for (size_t i = 0; i < db_rows_count(&rows); i++) {
        struct store_lease l;

        if (lease_read(&l, &rows, i, 1) == 0) {
            if (strlen(l.zone) >= sizeof l.zone || l.first.family != l.last.family)
                abort();
            store_lease_done(&l);
        }
    }
    if (targets_read(&t, &rows) == 0) {
        size_t ports = 0;

        for (size_t i = 0; i < t.n_hosts; i++)
            ports += t.hosts[i].n_ports;
        if (ports != t.n_ports || t.n_hosts > db_rows_count(&rows))
            abort();
        targets_done(&t);
    }
    PQclear(rows.res);
    free(text);
    return 0;
}
