/* An asset by id, address, MAC address or name. */
#include "service/cli/asset_find.h"

#include "service/cli/filter.h"

#include "engine/base/addr.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* Who it may be, each found by one of its marks, as uuid[]: the names of a large inventory are not
 * put together to compare them. */
static const char maybe_sql[] =
    "SELECT COALESCE(array_agg(DISTINCT q.asset_id), '{}') FROM ("
    "SELECT $5::uuid AS asset_id"
    " UNION ALL SELECT h.asset_id FROM report.host h WHERE ($2::text IS NULL OR h.zone = $2)"
    " AND h.address = NULLIF($3, '')::inet"
    " UNION ALL SELECT h.asset_id FROM report.host h WHERE ($2::text IS NULL OR h.zone = $2)"
    " AND $3 = '' AND $4::text IS NULL"
    " AND lower($1) IN (lower(h.hostname), split_part(lower(h.hostname), '.', 1))"
    " UNION ALL SELECT h.asset_id FROM report.host h WHERE h.mac = $4"
    " UNION ALL SELECT k.asset_id FROM report.asset_key k WHERE k.key = $4"
    " UNION ALL SELECT n.asset_id FROM report.annotation n WHERE lower(n.label) = lower($1)) q"
    " WHERE q.asset_id IS NOT NULL";

/* In this order of trust. */
static const char find_sql[] =
    "SELECT a.asset_id FROM report.asset a WHERE a.asset_id = ANY($5::uuid[])"
    " AND ($2::text IS NULL OR a.zone = $2)"
    " AND (a.asset_id::text = lower($1) OR $4 = ANY(a.macs) OR $4 = ANY(a.macs_seen)"
    " OR lower(a.name) = lower($1) OR lower(a.hostname) = lower($1) OR lower(a.label) = lower($1)"
    " OR EXISTS (SELECT FROM unnest(a.addresses) x WHERE host(x) = $3))"
    " ORDER BY a.zone, a.first_seen";

/* Where that gives nothing: any host's name, or its first word, as people call machines. */
static const char find_host_sql[] =
    "SELECT a.asset_id FROM report.asset a WHERE ($2::text IS NULL OR a.zone = $2)"
    " AND a.asset_id IN (SELECT h.asset_id FROM report.host h WHERE lower($1) IN"
    " (lower(h.hostname), split_part(lower(h.hostname), '.', 1)))"
    " AND a.asset_id = ANY($3::uuid[]) ORDER BY a.zone, a.first_seen";

/* An address says where to look; for all else the whole zone is made as it was. */
static const char find_at_sql[] =
    "SELECT DISTINCT h.asset_id FROM report.host_at($4::timestamptz, $2, $3::inet) h"
    " WHERE $3 IS NOT NULL"
    " UNION SELECT a.asset_id FROM report.asset_at($4::timestamptz, $2, $5::uuid) a WHERE $3 IS "
    "NULL"
    " AND (a.asset_id::text = $1 OR $6 = ANY(a.macs)"
    " OR lower(a.name) = lower($1) OR lower(a.hostname) = lower($1) OR lower(a.label) = lower($1))";

static int find(struct cli_db *x, const char *sql, const char *const *params, size_t n_params,
                struct db_rows **ret, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *found = NULL;
    int r = cli_ask(x, sql, params, n_params, &found, e);

    if (r == 0 && !db_rows_count(found))
        return err_set(e, -ENOENT,
                       "no asset has the address, name, MAC address or id '%s' ('muster assets "
                       "--all' lists them)",
                       params[0]);
    if (r == 0)
        *ret = take(&found);
    return r;
}

static bool is_uuid(const char *text)
{
    for (size_t i = 0; i < 36; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? text[i] != '-'
                                                    : !isxdigit((unsigned char)text[i]))
            return false;
    return !text[36];
}

int asset_find(struct cli_db *x, const char *what, const char *zone, struct db_rows **ret,
               struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *maybe = NULL;
    char canonical[ADDR_TEXT_MAX] = "", mac[MAC_TEXT_MAX];
    const char *params[] = {what, zone, canonical, mac_text(what, mac) ? mac : NULL,
                            is_uuid(what) ? what : NULL};
    struct addr address;
    int r;

    if (addr_parse(what, &address) == 0)
        addr_format(&address, canonical);
    r = cli_ask(x, maybe_sql, params, ARRAY_LEN(params), &maybe, e);
    if (r < 0)
        return r;
    params[4] = db_rows_text(maybe, 0, 0);
    r = find(x, find_sql, params, ARRAY_LEN(params), ret, e);
    params[2] = params[4];
    return r == -ENOENT ? find(x, find_host_sql, params, 3, ret, e) : r;
}

int asset_find_at(struct cli_db *x, const char *what, const char *zone, const char *at,
                  struct db_rows **ret, struct err *e)
{
    char canonical[ADDR_TEXT_MAX] = "", mac[MAC_TEXT_MAX];
    struct addr address;
    bool is_addr = addr_parse(what, &address) == 0;
    const char *params[] = {what,
                            zone,
                            is_addr ? addr_format(&address, canonical) : NULL,
                            at,
                            is_uuid(what) ? what : NULL,
                            mac_text(what, mac) ? mac : NULL};

    return find(x, find_at_sql, params, ARRAY_LEN(params), ret, e);
}

int asset_find_one(struct cli_db *x, const char *what, const char *zone, char ret_id[40],
                   struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *found = NULL;
    int r = asset_find(x, what, zone, &found, e);

    if (r < 0)
        return r;
    if (db_rows_count(found) > 1)
        return err_set(e, -EEXIST,
                       "'%s' means %zu assets; name the zone with --zone, or give an id", what,
                       db_rows_count(found));
    snprintf(ret_id, 40, "%s", db_rows_text(found, 0, 0));
    return 0;
}
