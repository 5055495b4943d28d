/* `muster export`: the hosts that are there, with their open ports and results of scripts, as
 * nmap's XML or as JSON lines.  The writers are those of `muster scan`.
 *
 * Three cursors of one transaction, each in the order of addresses, go side by side: an inventory
 * of any size passes through without being held.  A host's time is when it was last seen: whoever
 * imports the file knows how old its word is. */
#include "service/cli/db.h"
#include "service/cli/scan_writer.h"
#include "service/cli/structure_xml.h"
#include "service/cli/verb_db.h"

#include "service/store/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FLUSH_BYTES 65536
#define PATIENCE_MS "600000" /* a cursor sorts before its first row */

/* What the views hold now, and the functions of the same names held at $2. */
static const char *const sql[2][3] = {
    {"DECLARE hosts CURSOR FOR SELECT address, reason, mac, vendor, hostname, last_seen"
     " FROM report.host WHERE zone = $1 AND present_since IS NOT NULL ORDER BY address",
     "DECLARE ports CURSOR FOR SELECT address, protocol, port, service, product, version, extra,"
     " hostname, os, device, tunnel, method, cpe FROM report.service WHERE zone = $1"
     " ORDER BY address, protocol, port",
     "DECLARE scripts CURSOR FOR SELECT address, protocol, port, script, output, data::text"
     " FROM report.script_result WHERE zone = $1 ORDER BY address, protocol, port, script"},
    {"DECLARE hosts CURSOR FOR SELECT address, NULL, mac, vendor, hostname, last_seen"
     " FROM report.host_at($2::timestamptz, $1) WHERE present_since IS NOT NULL ORDER BY address",
     "DECLARE ports CURSOR FOR SELECT address, protocol, port, service, product, version, extra,"
     " hostname, os, device, tunnel, method, cpe FROM report.service_at($2::timestamptz, $1)"
     " ORDER BY address, protocol, port",
     "DECLARE scripts CURSOR FOR SELECT address, protocol, port, script, output, data::text"
     " FROM report.script_result_at($2::timestamptz, $1) ORDER BY address, protocol, port, script"},
};

struct cursor {
    const char *fetch;
    struct db_rows *rows;
    size_t row;
    bool ended;
    struct addr address; /* of the row; ADDR_NONE: there is none */
};

struct export
{
    struct cli_db db;
    const struct scan_form *form;
    struct cursor hosts, ports, scripts;
    struct scan_info info;
    struct scan_totals totals;
    struct buf out;
};

/* Reads on until there is a row, or no more. */
static int cursor_load(struct cli_db *x, struct cursor *c, struct err *e)
{
    int r = 0;

    while (r == 0 && !c->ended && c->row >= db_rows_count(c->rows)) {
        c->rows = db_rows_free(c->rows);
        c->row = 0;
        r = cli_ask_long(x, c->fetch, PATIENCE_MS, &c->rows, e);
        c->ended = r < 0 || !db_rows_count(c->rows);
    }
    c->address = (struct addr){0};
    if (r == 0 && !c->ended)
        db_rows_addr(c->rows, c->row, 0, &c->address);
    return r;
}

static int cursor_next(struct cli_db *x, struct cursor *c, struct err *e)
{
    c->row++;
    return cursor_load(x, c, e);
}

/* Whether the row is one of the host; rows of hosts that are not told are passed over. */
static int cursor_is_at(struct cli_db *x, struct cursor *c, const struct addr *host, struct err *e)
{
    int r = 0;

    while (r == 0 && c->address.family && addr_cmp(&c->address, host) < 0)
        r = cursor_next(x, c, e);
    return r < 0 ? r : c->address.family && addr_equal(&c->address, host);
}

static const char *cell(const struct cursor *c, size_t column)
{
    return db_rows_text(c->rows, c->row, column);
}

static struct host_finding host_of(const struct cursor *c)
{
    const char *reason = cell(c, 1), *mac = cell(c, 2);
    struct host_finding h = {.address = c->address,
                             .state = HOST_UP,
                             .reason = reason_from(reason ? reason : ""),
                             .vendor = cell(c, 3),
                             .hostname = cell(c, 4),
                             .time = db_rows_time(c->rows, c->row, 5)};

    h.has_mac = mac && mac_parse(mac, &h.mac) == 0;
    return h;
}

/* cpes: holds the texts. */
static void cpes_of(struct service_info *s, const char *array, struct buf cpes[SERVICE_CPE_MAX])
{
    size_t pos = 0;

    for (size_t i = 0; array && i < SERVICE_CPE_MAX; i++) {
        if (pg_array_next(array, &pos, &cpes[i]) != PG_ARRAY_ITEM)
            return;
        s->cpe[i] = cpes[i].data ? cpes[i].data : "";
    }
}

static struct port_finding port_of(const struct cursor *c, struct buf cpes[SERVICE_CPE_MAX])
{
    const char *protocol = cell(c, 1), *method = cell(c, 11);
    bool probed = method && strcmp(method, "probed") == 0;
    struct port_finding p = {
        .address = c->address,
        .protocol = protocol_from(protocol ? protocol : ""),
        .port = (uint16_t)db_rows_int(c->rows, c->row, 2, 0),
        .state = PORT_OPEN,
        .service = {.name = cell(c, 3),
                    .product = cell(c, 4),
                    .version = cell(c, 5),
                    .extra = cell(c, 6),
                    .hostname = cell(c, 7),
                    .os = cell(c, 8),
                    .device = cell(c, 9),
                    .tunnel = cell(c, 10),
                    .method = probed ? SERVICE_PROBED : SERVICE_TABLE,
                    .confidence = probed ? 10 : 3},
    };

    cpes_of(&p.service, cell(c, 12), cpes);
    return p;
}

static int tell_port(struct export *x, struct host_record *r)
{
    struct buf cpes[SERVICE_CPE_MAX] = {{0}};
    struct port_finding p = port_of(&x->ports, cpes);
    int e;

    p.time = r->host.time;
    if (x->form->port)
        x->form->port(&x->out, &p);
    e = host_record_add_port(r, &p);
    x->totals.ports_open++;
    for (size_t i = 0; i < SERVICE_CPE_MAX; i++)
        buf_done(&cpes[i]);
    return e;
}

static int tell_script(struct export *x, struct host_record *r)
{
    CLEANUP(buf_done) struct buf xml = {0};
    const struct cursor *c = &x->scripts;
    const char *protocol = cell(c, 1), *port = cell(c, 2), *output = cell(c, 4);
    struct script_result s = {
        .phase = port ? SCRIPT_PORT : SCRIPT_HOST,
        .address = c->address,
        .protocol = port ? protocol_from(protocol ? protocol : "") : 0,
        .port = (uint16_t)db_rows_int(c->rows, c->row, 2, 0),
        .script = cell(c, 3),
        .outcome = SCRIPT_OK,
        .output = output ? output : "",
        .data = cell(c, 5),
    };

    s.output_len = strlen(s.output);
    structure_xml(&xml, s.data);
    s.xml = xml.data;
    if (x->form->script)
        x->form->script(&x->out, &s);
    x->totals.scripts_run++;
    return xml.failed ? -ENOMEM : host_record_add_script(r, &s);
}

/* All rows of a host. */
static int tell_details(struct export *x, struct host_record *r, struct cursor *c,
                        int (*tell)(struct export *x, struct host_record *r), struct err *e)
{
    int there;

    while ((there = cursor_is_at(&x->db, c, &r->host.address, e)) > 0) {
        if (tell(x, r) < 0)
            return err_set(e, -ENOMEM, "out of memory");
        there = cursor_next(&x->db, c, e);
        if (there < 0)
            break;
    }
    return there;
}

static int tell_host(struct export *x, struct err *e)
{
    struct host_finding h = host_of(&x->hosts);
    CLEANUP(host_record_freep) struct host_record *r = host_record_new(&h);
    int n;

    if (!r)
        return err_set(e, -ENOMEM, "out of memory");
    r->started = r->ended = h.time;
    if (x->form->host)
        x->form->host(&x->out, &x->info, &h);
    n = tell_details(x, r, &x->ports, tell_port, e);
    if (n == 0)
        n = tell_details(x, r, &x->scripts, tell_script, e);
    if (n < 0)
        return n;
    host_record_sort(r);
    x->form->record(&x->out, &x->info, r);
    x->totals.hosts_up++;
    x->totals.hosts_probed++;
    if (x->out.failed)
        return err_set(e, -ENOMEM, "out of memory");
    if (x->out.len > FLUSH_BYTES)
        cli_print(&x->out);
    return 0;
}

static usec_t wall(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (usec_t)now.tv_sec * USEC_PER_SEC + (usec_t)now.tv_nsec / 1000;
}

static int tell_all(struct export *x, struct err *e)
{
    int r = 0;

    x->info.start = wall();
    if (x->form->begin)
        x->form->begin(&x->out, &x->info);
    while (r == 0 && x->hosts.address.family) {
        r = tell_host(x, e);
        if (r == 0)
            r = cursor_next(&x->db, &x->hosts, e);
    }
    if (r < 0)
        return r;
    x->totals.end = wall();
    x->totals.elapsed = x->totals.end - x->info.start;
    x->form->end(&x->out, &x->info, &x->totals);
    cli_print(&x->out);
    return 0;
}

/* nmap's form has no place for zones: two hosts of one address would be one. */
static int only_zone(struct cli_db *x, struct buf *zone, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    int r = cli_ask(x,
                    "SELECT count(DISTINCT zone), string_agg(DISTINCT zone, ', ')"
                    " FROM report.host",
                    NULL, 0, &rows, e);

    if (r < 0)
        return r;
    if (db_rows_int(rows, 0, 0, 0) > 1)
        return err_set(e, -EINVAL, "hosts are in several zones, say which one with --zone: %.300s",
                       db_rows_text(rows, 0, 1));
    buf_str(zone, db_rows_text(rows, 0, 1) ? db_rows_text(rows, 0, 1) : "");
    return zone->failed ? err_set(e, -ENOMEM, "out of memory") : 0;
}

static int find_zone(struct cli_db *x, const char *zone, struct buf *ret, struct err *e)
{
    if (!zone)
        return only_zone(x, ret, e);
    buf_str(ret, zone);
    return ret->failed ? err_set(e, -ENOMEM, "out of memory") : cli_zone_check(x, zone, e);
}

static int open_cursors(struct export *x, const char *zone, const char *at, struct err *e)
{
    struct cursor *const all[] = {&x->hosts, &x->ports, &x->scripts};
    const char *params[] = {zone, at};
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_LEN(all); i++) {
        CLEANUP(db_rows_freep) struct db_rows *rows = NULL;

        r = cli_ask(&x->db, sql[at != NULL][i], params, at ? 2 : 1, &rows, e);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_LEN(all); i++)
        r = cursor_load(&x->db, all[i], e);
    return r;
}

/* For the head of the file.  Not as it was typed: with --database there may be a password. */
static void put_command(struct buf *out, const struct db_args *a)
{
    buf_str(out, "muster export");
    if (a->zone)
        buf_printf(out, " --zone %s", a->zone);
    if (a->at)
        buf_printf(out, " --at %s", a->at);
}

static int export(struct export *x, const struct db_args *a, struct err *e)
{
    CLEANUP(buf_done) struct buf zone = {0};
    CLEANUP(buf_done) struct buf command = {0};
    char at[TIME_TEXT_MAX];
    int r = a->at ? cli_time(a->at, "--at", at, e) : 0;

    if (r == 0)
        r = cli_db_open(&x->db, a, CLI_DB_ONCE, e);
    if (r == 0)
        r = find_zone(&x->db, a->zone, &zone, e);
    if (r == 0)
        r = cli_begin_as_reader(&x->db, e);
    if (r == 0)
        r = open_cursors(x, zone.data, a->at ? at : NULL, e);
    put_command(&command, a);
    x->info.command = command.data;
    return r == 0 ? tell_all(x, e) : r;
}

int verb_export(struct verb_call *c)
{
    static const struct port_set none;
    const struct db_args *a = c->args;
    struct export x = {
        .form = a->json ? &scan_form_json : &scan_form_xml,
        .hosts.fetch = "FETCH 1000 FROM hosts",
        .ports.fetch = "FETCH 2000 FROM ports",
        .scripts.fetch = "FETCH 500 FROM scripts",
        .info = {.version = cli_version(), .ports = &none, .finished = true},
    };
    struct err e = {0};
    int r = export(&x, a, &e);

    db_rows_free(x.hosts.rows);
    db_rows_free(x.ports.rows);
    db_rows_free(x.scripts.rows);
    buf_done(&x.out);
    cli_db_done(&x.db);
    return r < 0 ? verb_fail(c, &e) : EXIT_NOTHING;
}
