/* The listing verbs: assets, services, passes.  Each is a query over the views of schema report and
 * a table of columns. */
#include "service/cli/db.h"
#include "service/cli/filter.h"
#include "service/cli/verb_db.h"

#include <string.h>

static int list_print(struct verb_call *c, struct cli_db *x, struct cli_listing *l, struct err *e)
{
    const struct db_args *a = c->args;
    const char *format = a->format ? a->format : "";

    l->csv = strcmp(format, "csv") == 0;
    return cli_list(x, l, a->json || strcmp(format, "json") == 0, e);
}

static int list(struct verb_call *c, struct cli_listing *l)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    struct err e = {0};

    if (cli_db_open(&x, c->args, CLI_DB_ONCE, &e) < 0 || list_print(c, &x, l, &e) < 0)
        return verb_fail(c, &e);
    return EXIT_NOTHING;
}

/* Zone, --all; of the filter: network, pattern, port, protocol; --at, or ids of assets. */
enum { LIST_PARAMS = 7 };

/* Assets at few addresses are found by these, each by its key: who is meant, as uuid[]; NULL: too
 * many, the whole list is quicker. */
static const char few_sql[] =
    "SELECT CASE WHEN count(*) <= 4096 THEN COALESCE(array_agg(q.asset_id), '{}') END"
    " FROM (SELECT DISTINCT h.asset_id FROM report.host h"
    " WHERE ($1::text IS NULL OR h.zone = $1) AND h.address <<= $2::inet LIMIT 4097) q";

static int ask_few(struct cli_db *x, const char **params, struct db_rows **ret, struct err *e)
{
    const char *few[] = {params[0], params[2]};
    int r = params[2] ? cli_ask(x, few_sql, few, ARRAY_LEN(few), ret, e) : 0;

    params[6] = *ret ? db_rows_text(*ret, 0, 0) : NULL;
    return r;
}

/* A listing with a filter, of now or of a time. */
static int list_filtered(struct verb_call *c, struct cli_listing *l, bool of_assets)
{
    CLEANUP(cli_db_done) struct cli_db x = {0};
    CLEANUP(db_rows_freep) struct db_rows *few = NULL;
    const struct db_args *a = c->args;
    const char *params[LIST_PARAMS] = {a->zone, a->all ? "t" : "f"};
    char at[TIME_TEXT_MAX] = "";
    struct err e = {0};
    struct filter f;

    if (filter_make(&f, c->operands.n ? c->operands.values[0] : NULL, &e) < 0 ||
        (a->at && cli_time(a->at, "--at", at, &e) < 0))
        return verb_fail(c, &e);
    params[2] = f.network;
    params[3] = f.pattern;
    params[4] = f.port;
    params[5] = f.protocol;
    params[6] = at;
    l->zone = a->zone;
    l->params = params;
    l->n_params = a->at || of_assets ? LIST_PARAMS : LIST_PARAMS - 1;
    if (cli_db_open(&x, a, CLI_DB_ONCE, &e) < 0 ||
        (of_assets && !a->at && ask_few(&x, params, &few, &e) < 0) || list_print(c, &x, l, &e) < 0)
        return verb_fail(c, &e);
    return EXIT_NOTHING;
}

static const struct column asset_columns[] = {
    {"zone", "ZONE", COLUMN_TEXT},
    {"name", "NAME", COLUMN_TEXT},
    {"state", "STATE", COLUMN_STATE},
    {"addresses_text", "ADDRESSES", COLUMN_TEXT},
    {"mac", "MAC", COLUMN_TEXT},
    {"open_ports", "PORTS", COLUMN_NUMBER},
    {"first_seen", "FIRST SEEN", COLUMN_TIME},
    {"last_seen", "LAST SEEN", COLUMN_TIME},
    {"vendor", "VENDOR", COLUMN_TEXT},
    {"asset_id", NULL, COLUMN_TEXT},
    {"hostname", NULL, COLUMN_TEXT},
    {"addresses", NULL, COLUMN_JSON},
    {"macs", NULL, COLUMN_JSON},
};

/* The MAC address of a host need not be a key of its asset: phones make up their own. */
#define ASSETS_SQL(source, macs, hosts, services)                                                  \
    "SELECT a.zone, a.name, a.state,"                                                              \
    " array_to_string(ARRAY(SELECT host(x) FROM unnest(a.addresses) x), ' ')," macs                \
    ", a.open_ports, a.first_seen, a.last_seen, a.vendor, a.asset_id, a.hostname,"                 \
    " to_json(ARRAY(SELECT host(x) FROM unnest(a.addresses) x)), COALESCE(to_json(a.macs), '[]')"  \
    " FROM " source                                                                                \
    " WHERE ($1::text IS NULL OR a.zone = $1) AND ($2::bool OR a.state <> 'absent')"               \
    " AND ($3::inet IS NULL OR EXISTS (SELECT FROM unnest(a.addresses) x WHERE x <<= $3::inet))"   \
    " AND ($4::text IS NULL OR concat_ws(' ', a.name, a.hostname, a.vendor, a.label,"              \
    " a.note, array_to_string(a.macs, ' '), array_to_string(ARRAY(SELECT host(x) FROM"             \
    " unnest(a.addresses) x), ' ')) ILIKE $4"                                                      \
    " OR ($4 LIKE '%:%' AND a.asset_id IN (SELECT h.asset_id FROM " hosts                          \
    " WHERE h.mac ILIKE $4))"                                                                      \
    " OR EXISTS (SELECT FROM report.annotation n"                                                  \
    " WHERE n.asset_id = a.asset_id AND concat_ws(' ', n.owner, array_to_string(n.tags, ' '))"     \
    " ILIKE $4)) AND ($5::text IS NULL OR $6::text IS NOT NULL OR a.name ILIKE '%' || $5 || '%')"  \
    " AND ($6::text IS NULL OR a.asset_id IN (SELECT s.asset_id FROM " services                    \
    " WHERE s.protocol = $6 AND s.port = $5::int4))"                                               \
    " ORDER BY a.zone, (SELECT min(x) FROM unnest(a.addresses) x)"

static const char assets_sql[] =
    ASSETS_SQL("(SELECT * FROM report.asset a WHERE $7::uuid[] IS NULL OR a.asset_id ="
               " ANY($7::uuid[])) a",
               "COALESCE(array_to_string(a.macs, ' '), array_to_string(a.macs_seen, ' '))",
               "report.host h", "report.service s");
static const char assets_at_sql[] = ASSETS_SQL(
    "report.asset_at($7::timestamptz, $1) a",
    "COALESCE(array_to_string(a.macs, ' '), (SELECT string_agg(k.key, ' ' ORDER BY k.key)"
    " FROM report.asset_key k WHERE k.asset_id = a.asset_id AND k.kind = 'random-mac'"
    " AND k.since <= $7::timestamptz AND COALESCE(k.until, 'infinity') > $7::timestamptz))",
    "report.host_at($7::timestamptz, $1) h", "report.service_at($7::timestamptz, $1) s");

int verb_assets(struct verb_call *c)
{
    const struct db_args *a = c->args;
    struct cli_listing l = {
        .sql = a->at ? assets_at_sql : assets_sql,
        .columns = asset_columns,
        .n_columns = ARRAY_LEN(asset_columns),
        .nothing = "no assets",
    };

    return list_filtered(c, &l, true);
}

static const struct column service_columns[] = {
    {"zone", "ZONE", COLUMN_TEXT},
    {"address", "ADDRESS", COLUMN_TEXT},
    {"place", "PORT", COLUMN_TEXT},
    {"state", "STATE", COLUMN_STATE},
    {"service", "SERVICE", COLUMN_TEXT},
    {"first_seen", "FIRST SEEN", COLUMN_TIME},
    {"last_seen", "LAST SEEN", COLUMN_TIME},
    {"banner", "PRODUCT", COLUMN_TEXT},
    {"protocol", NULL, COLUMN_TEXT},
    {"port", NULL, COLUMN_NUMBER},
    {"product", NULL, COLUMN_TEXT},
    {"version", NULL, COLUMN_TEXT},
    {"extra", NULL, COLUMN_TEXT},
    {"tunnel", NULL, COLUMN_TEXT},
    {"cpe", NULL, COLUMN_JSON},
    {"method", NULL, COLUMN_TEXT},
    {"misses", NULL, COLUMN_NUMBER},
    {"asset_id", NULL, COLUMN_TEXT},
};

enum { SERVICE_NAME = 4, SERVICE_PROTOCOL = 8, SERVICE_PORT = 9 };

static const char *service_fill(struct cli_db *x, const struct db_rows *r, size_t row,
                                size_t column)
{
    if (column != SERVICE_NAME)
        return db_rows_text(r, row, column);
    return cli_port_name(x, db_rows_text(r, row, SERVICE_PROTOCOL),
                         db_rows_text(r, row, SERVICE_PORT));
}

#define SERVICES_SQL(source, misses, hosts)                                                        \
    "SELECT s.zone, host(s.address), s.port || '/' || s.protocol, s.state,"                        \
    " concat(s.tunnel || '/', s.service), s.first_seen, s.last_seen,"                              \
    " concat_ws(' ', s.product, s.version, '(' || s.extra || ')'), s.protocol, s.port,"            \
    " s.product, s.version, s.extra, s.tunnel, to_json(s.cpe), s.method, " misses ", s.asset_id"   \
    " FROM " source                                                                                \
    " WHERE ($1::text IS NULL OR s.zone = $1) AND ($2::bool OR s.state <> 'dormant')"              \
    " AND ($3::inet IS NULL OR s.address <<= $3::inet)"                                            \
    " AND ($4::text IS NULL OR concat_ws(' ', s.service, s.product, s.version, s.extra,"           \
    " s.hostname, host(s.address)) ILIKE $4"                                                       \
    " OR s.asset_id IN (SELECT h.asset_id FROM " hosts " WHERE concat_ws(' ', h.hostname, h.mac)"  \
    " ILIKE $4)"                                                                                   \
    " OR s.asset_id IN (SELECT n.asset_id FROM report.annotation n WHERE n.label ILIKE $4))"       \
    " AND ($5::int4 IS NULL OR s.port = $5::int4) AND ($6::text IS NULL OR s.protocol = $6)"       \
    " ORDER BY s.zone, s.address, s.protocol, s.port"

static const char services_sql[] = SERVICES_SQL("report.service s", "s.misses", "report.host h");
/* One address is found by key, without the rest of its zone. */
static const char services_at_sql[] =
    SERVICES_SQL("report.service_at($7::timestamptz, $1,"
                 " CASE WHEN $3::inet = host($3::inet)::inet THEN $3::inet END) s",
                 "NULL", "report.host_at($7::timestamptz, $1) h");

int verb_services(struct verb_call *c)
{
    const struct db_args *a = c->args;
    struct cli_listing l = {
        .sql = a->at ? services_at_sql : services_sql,
        .columns = service_columns,
        .n_columns = ARRAY_LEN(service_columns),
        .nothing = "no open ports",
        .fill = service_fill,
    };

    return list_filtered(c, &l, false);
}

static const struct column pass_columns[] = {
    {"zone", "ZONE", COLUMN_TEXT},         {"pass", "PASS", COLUMN_TEXT},
    {"kind", "KIND", COLUMN_TEXT},         {"every", "EVERY", COLUMN_SPAN},
    {"blocks", "BLOCKS", COLUMN_NUMBER},   {"visited", "VISITED", COLUMN_NUMBER},
    {"running", "RUNNING", COLUMN_NUMBER}, {"late", "LATE", COLUMN_NUMBER},
    {"doubts", "DOUBTS", COLUMN_NUMBER},   {"oldest", "OLDEST LOOK", COLUMN_TIME},
    {"next", "NEXT", COLUMN_TIME},
};

int verb_passes(struct verb_call *c)
{
    const struct db_args *a = c->args;
    const char *params[] = {a->zone};
    struct cli_listing l = {
        .sql = "SELECT zone, pass, kind, extract(epoch FROM every)::float8, count(*),"
               " count(last_at), count(*) FILTER (WHERE running),"
               " count(*) FILTER (WHERE wanted_at < now() - every AND NOT running), sum(doubts),"
               " CASE WHEN count(*) = count(last_at) THEN min(last_at) END, min(due_at)"
               " FROM report.coverage WHERE ($1::text IS NULL OR zone = $1)"
               " GROUP BY zone, pass, kind, every ORDER BY zone, pass",
        .params = params,
        .n_params = 1,
        .columns = pass_columns,
        .n_columns = ARRAY_LEN(pass_columns),
        .nothing = "no passes: musterd has not taken over its configuration yet",
        .zone = a->zone,
    };

    return list(c, &l);
}
