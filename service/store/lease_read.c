/* Reading leases and targets.  The rows come from our own functions, but a schema that is not what
 * this program thinks must end in an error, not in a crash. */
#include "service/store/lease_read.h"

#include "service/store/decode.h"

#include <errno.h>
#include <string.h>

/* An array that is broken must not look like "no scope": that would be a visit of the whole block.
 */
static int read_scope(struct addr_set *set, const char *array)
{
    CLEANUP(buf_done) struct buf item = {0};
    enum pg_array what;
    size_t pos = 0;
    struct addr a;
    int r;

    while ((what = pg_array_next(array, &pos, &item)) == PG_ARRAY_ITEM) {
        if (!item.data || pg_inet_parse(item.data, &a) < 0)
            return -EBADMSG;
        r = addr_set_add(set, &a, &a);
        if (r < 0)
            return r;
    }
    return what == PG_ARRAY_END ? 0 : -EBADMSG;
}

static int read_fields(struct store_lease *l, const struct db_rows *rows, size_t row)
{
    const char *zone = db_rows_text(rows, row, C_ZONE), *pass = db_rows_text(rows, row, C_PASS);
    const char *scope = db_rows_text(rows, row, C_SCOPE);
    int kind = store_kind_from(db_rows_text(rows, row, C_KIND));

    if (!zone || !pass || kind < 0 || strlen(zone) >= sizeof l->zone ||
        strlen(pass) >= sizeof l->pass)
        return -EBADMSG;
    l->schedule = db_rows_int(rows, row, C_SCHEDULE, 0);
    l->fence = db_rows_int(rows, row, C_FENCE, 0);
    l->kind = (enum store_kind)kind;
    memcpy(l->zone, zone, strlen(zone) + 1);
    memcpy(l->pass, pass, strlen(pass) + 1);
    db_rows_addr(rows, row, C_LO, &l->first);
    db_rows_addr(rows, row, C_HI, &l->last);
    if (l->first.family == ADDR_NONE || l->first.family != l->last.family ||
        addr_cmp(&l->first, &l->last) > 0)
        return -EBADMSG;
    return scope ? read_scope(&l->only, scope) : 0;
}

int lease_read(struct store_lease *l, const struct db_rows *rows, size_t row, usec_t now)
{
    int r;

    *l = (struct store_lease){.started = now};
    r = read_fields(l, rows, row);
    if (r < 0)
        store_lease_done(l);
    return r;
}

enum target_column {
    T_ADDR,
    T_REASON,
    T_TTL,
    T_VENDOR,
    T_MAC,
    T_HOSTNAME,
    T_SLOT,
    T_PORT_NAME,
    T_NAME,
    T_PRODUCT,
    T_VERSION,
    T_EXTRA,
    T_SERVICE_HOSTNAME,
    T_OS,
    T_DEVICE,
    T_TUNNEL,
    T_CPE
};

static void read_target(struct store_target *t, const struct db_rows *rows, size_t row,
                        const struct addr *a)
{
    const char *reason = db_rows_text(rows, row, T_REASON), *mac = db_rows_text(rows, row, T_MAC);

    *t = (struct store_target){
        .address = *a,
        .reason = reason ? reason_from(reason) : REASON_UNKNOWN,
        .ttl = (uint8_t)db_rows_int(rows, row, T_TTL, 0),
        .hostname = db_rows_text(rows, row, T_HOSTNAME),
        .vendor = db_rows_text(rows, row, T_VENDOR),
    };
    t->has_mac = mac && mac_parse(mac, &t->mac) == 0;
}

/* CPE names are read from the array into `words`, which holds them for the callback. */
static void read_cpe(struct service_info *s, const char *array, char **words)
{
    CLEANUP(buf_done) struct buf item = {0}, all = {0};
    size_t pos = 0, n = 0, at[SERVICE_CPE_MAX];

    while (array && n < SERVICE_CPE_MAX && pg_array_next(array, &pos, &item) == PG_ARRAY_ITEM) {
        at[n++] = all.len;
        buf_add(&all, item.data ? item.data : "", item.len + (item.data ? 1 : 0));
    }
    *words = n ? buf_take(&all) : NULL;
    for (size_t i = 0; *words && i < n; i++)
        s->cpe[i] = *words + at[i];
}

static void read_port(struct port_finding *p, const struct db_rows *rows, size_t row, char **words)
{
    uint32_t slot = (uint32_t)db_rows_int(rows, row, T_SLOT, 0);
    const char *probed = db_rows_text(rows, row, T_NAME),
               *product = db_rows_text(rows, row, T_PRODUCT);

    *p = (struct port_finding){
        .protocol = (enum protocol)(slot >> 16),
        .port = (uint16_t)slot,
        .state = PORT_OPEN,
        .reason = slot >> 16 == PROTOCOL_UDP ? REASON_UDP_RESPONSE : REASON_SYN_ACK,
        .ttl = (uint8_t)db_rows_int(rows, row, T_TTL, 0),
    };
    db_rows_addr(rows, row, T_ADDR, &p->address);
    p->service = (struct service_info){
        .name = probed ? probed : db_rows_text(rows, row, T_PORT_NAME),
        .product = product,
        .version = db_rows_text(rows, row, T_VERSION),
        .extra = db_rows_text(rows, row, T_EXTRA),
        .hostname = db_rows_text(rows, row, T_SERVICE_HOSTNAME),
        .os = db_rows_text(rows, row, T_OS),
        .device = db_rows_text(rows, row, T_DEVICE),
        .tunnel = db_rows_text(rows, row, T_TUNNEL),
        .method = probed || product ? SERVICE_PROBED : SERVICE_TABLE,
        .confidence = probed || product ? 10 : 3,
    };
    read_cpe(&p->service, db_rows_text(rows, row, T_CPE), words);
}

/* Rows are sorted by address: a host is a run of rows. */
static void read_row(struct targets *t, const struct db_rows *rows, size_t row)
{
    struct addr addr;

    db_rows_addr(rows, row, T_ADDR, &addr);
    if (!t->n_hosts || !addr_equal(&t->hosts[t->n_hosts - 1].address, &addr)) {
        read_target(&t->hosts[t->n_hosts], rows, row, &addr);
        t->hosts[t->n_hosts++].ports = &t->ports[t->n_ports];
    }
    if (db_rows_text(rows, row, T_SLOT)) {
        read_port(&t->ports[t->n_ports], rows, row, &t->words[t->n_ports]);
        t->n_ports++;
        t->hosts[t->n_hosts - 1].n_ports++;
    }
}

int targets_read(struct targets *ret, const struct db_rows *rows)
{
    size_t n = db_rows_count(rows);
    struct targets t = {
        .hosts = calloc(n + 1, sizeof *t.hosts),
        .ports = calloc(n + 1, sizeof *t.ports),
        .words = calloc(n + 1, sizeof *t.words),
    };

    if (!t.hosts || !t.ports || !t.words) {
        targets_done(&t);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++)
        read_row(&t, rows, i);
    *ret = t;
    return 0;
}

void targets_done(struct targets *t)
{
    for (size_t i = 0; i < t->n_ports; i++)
        free(t->words[i]);
    free(t->words);
    free(t->ports);
    free(t->hosts);
    *t = (struct targets){0};
}
