/* What the server answers to a part, beyond its verdict: lists in PostgreSQL's text format.  It is
 * our own server, yet of a version that may be another: a number that no host of the part has is
 * refused. */
#include "service/store/decode.h"
#include "service/store/part.h"

#include <errno.h>
#include <stdlib.h>

int part_addresses(const char *array, struct addr **ret, size_t *ret_n)
{
    CLEANUP(buf_done) struct buf item = {0};
    size_t pos = 0, n = 0, cap = 0;
    struct addr *list = NULL;

    while (array && pg_array_next(array, &pos, &item) == PG_ARRAY_ITEM) {
        if (n == cap) {
            struct addr *grown = realloc(list, (cap = cap ? cap * 2 : 16) * sizeof *list);

            if (!grown) {
                free(list);
                return -ENOMEM;
            }
            list = grown;
        }
        if (item.data && pg_inet_parse(item.data, &list[n]) == 0)
            n++;
    }
    *ret = list;
    *ret_n = n;
    return 0;
}

int part_need_facts(struct part *p, const char *array)
{
    CLEANUP(buf_done) struct buf item = {0};
    enum pg_array what;
    size_t pos = 0;

    while ((what = pg_array_next(array, &pos, &item)) == PG_ARRAY_ITEM) {
        unsigned long n = strtoul(item.data ? item.data : "", NULL, 10);

        if (n < 1 || n > p->n_hosts)
            return -EBADMSG;
        p->hosts[n - 1].alone = false;
    }
    return what == PG_ARRAY_END ? 0 : -EBADMSG;
}
