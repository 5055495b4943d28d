/* One file: months of the ledger are made, the blocks of its hosts are locked, then block after
 * block is told, at most 256 hosts at once. */
#include "service/store/import.h"

#include "service/store/decode.h"
#include "service/store/part.h"
#include "service/store/volatiles.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ASK_TIMEOUT (120 * USEC_PER_SEC)
#define PART_HOSTS  256
/* Sensors go on meanwhile; one that waits for us while we wait for it ends one of both. */
#define TRIES 5

struct store_import {
    struct db *db;
    struct store values; /* of it only what digests are made with */
    char zone_id[24];
    char *zone;
};

struct place {
    const struct store_host *host;
    int64_t block; /* 0: none */
};

static int ask(struct store_import *i, const char *sql, const char *const *params, size_t n,
               struct db_rows **ret, struct err *e)
{
    struct db_call c = {.sql = sql, .params = params, .n_params = n};

    return db_ask(i->db, &c, ASK_TIMEOUT, ret, e);
}

static int tell(struct store_import *i, const char *sql, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;

    return ask(i, sql, NULL, 0, &rows, e);
}

static int begin(struct store_import *i, const char *zone, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(db_rows_freep) struct db_rows *keys = NULL;
    const char *params[] = {zone}, *key;
    int r =
        ask(i, "SELECT zone_id, zone, digest_key FROM api.import_begin($1)", params, 1, &rows, e);

    if (r == 0)
        r = ask(i, VOLATILES_SQL, NULL, 0, &keys, e);
    if (r < 0)
        return r;
    volatiles_read(&i->values, keys);
    snprintf(i->zone_id, sizeof i->zone_id, "%" PRId64, db_rows_int(rows, 0, 0, 0));
    i->zone = strdup(db_rows_text(rows, 0, 1) ? db_rows_text(rows, 0, 1) : "");
    key = db_rows_text(rows, 0, 2);
    if (!i->zone)
        return err_set(e, -ENOMEM, "out of memory");
    if (!key || value_key_parse(key, &i->values.key) < 0)
        return err_set(e, -EIO, "the database has no key for digests");
    return 0;
}

int store_import_open(struct store_import **ret, struct db *d, const char *zone, struct err *e)
{
    CLEANUP(store_import_freep) struct store_import *i = calloc(1, sizeof *i);
    int r;

    if (!i)
        return err_set(e, -ENOMEM, "out of memory");
    i->db = d;
    r = begin(i, zone, e);
    if (r == 0)
        *ret = take(&i);
    return r;
}

struct store_import *store_import_free(struct store_import *i)
{
    if (!i)
        return NULL;
    volatiles_done(&i->values);
    explicit_bzero(&i->values.key, sizeof i->values.key);
    free(i->zone);
    free(i);
    return NULL;
}

void store_import_freep(struct store_import **i)
{
    *i = store_import_free(*i);
}

const char *store_import_zone(const struct store_import *i)
{
    return i->zone;
}

/* One part is of one time, and none says that something was there later than it was seen. */
static usec_t earliest(const struct store_host *hosts, size_t n)
{
    usec_t at = hosts[0].finding.time;

    for (size_t i = 1; i < n; i++)
        if (hosts[i].finding.time < at)
            at = hosts[i].finding.time;
    return at;
}

/* Runs before the transaction: it needs locks that stop everybody for a moment. */
static int make_room(struct store_import *i, const struct store_host *hosts, size_t n,
                     struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf times = {0};
    const char *params[1];
    char text[PG_TIME_MAX];
    usec_t day = 24 * 3600 * USEC_PER_SEC, last = 0;

    pg_array_open(&times);
    for (size_t k = 0; k < n; k++)
        if (!k || hosts[k].finding.time / day != last) {
            last = hosts[k].finding.time / day;
            pg_time_format(hosts[k].finding.time, text);
            pg_array_text(&times, text, strlen(text));
        }
    pg_array_close(&times);
    if (times.failed)
        return err_set(e, -ENOMEM, "out of memory");
    params[0] = times.data;
    return ask(i, "SELECT api.import_room($1)", params, 1, &rows, e);
}

static int by_block(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    return addr_cmp(&x->host->finding.address, &y->host->finding.address);
}

/* Where each host lies, in the order in which the blocks are told. */
static int find_places(struct store_import *i, struct place *places, size_t n, struct err *e)
{
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    CLEANUP(buf_done) struct buf addresses = {0};
    const char *params[] = {i->zone_id, NULL};
    char text[ADDR_TEXT_MAX];
    int r;

    pg_array_open(&addresses);
    for (size_t k = 0; k < n; k++)
        pg_array_word(&addresses, store_addr_text(&places[k].host->finding.address, text));
    pg_array_close(&addresses);
    if (addresses.failed)
        return err_set(e, -ENOMEM, "out of memory");
    params[1] = addresses.data;
    r = ask(i, "SELECT block_id FROM api.import_blocks($1, $2)", params, 2, &rows, e);
    for (size_t k = 0; r == 0 && k < n; k++)
        places[k].block = db_rows_int(rows, k, 0, 0);
    if (r == 0)
        qsort(places, n, sizeof *places, by_block);
    return r;
}

/* All bodies: the inventory knows few of them yet. */
static int wanted(struct part *p, struct buf *want)
{
    char text[VALUE_DIGEST_TEXT];

    part_order_values(p);
    pg_array_open(want);
    for (size_t k = 0; k < p->n_values; k++)
        if (!k || memcmp(p->values[k].digest, p->values[k - 1].digest, VALUE_DIGEST_LEN) != 0) {
            value_digest_format(p->values[k].digest, text);
            pg_array_word(want, text);
        }
    pg_array_close(want);
    return want->failed ? -ENOMEM : 0;
}

static void count(struct store_import_counts *c, const struct db_rows *rows)
{
    unsigned *const to[] = {&c->new_hosts, &c->opened, &c->same, &c->differ, &c->older, &c->other};

    for (size_t k = 0; k < ARRAY_LEN(to); k++)
        *to[k] += (unsigned)db_rows_int(rows, 0, k, 0);
}

static int send_part(struct store_import *i, const char *block, const struct buf *b,
                     struct store_import_counts *c, struct err *e)
{
    static const enum part_param sent[] = {PART_AT,     PART_H_ADDR,   PART_H_MAC,   PART_H_REASON,
                                           PART_H_TTL,  PART_H_VENDOR, PART_NAMES,   PART_F_HOST,
                                           PART_F_SLOT, PART_F_ATTR,   PART_F_VALUE, PART_B_VALUE,
                                           PART_B_KIND, PART_B_BODY,   PART_N_SLOT,  PART_N_NAME};
    CLEANUP(db_rows_freep) struct db_rows *rows = NULL;
    const char *params[2 + ARRAY_LEN(sent)] = {i->zone_id, block};
    size_t lens[ARRAY_LEN(params)] = {0};
    struct db_call call = {
        .sql = "SELECT new_hosts, opened, same, differ, older, other FROM api.import_part("
               "$1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)",
        .params = params,
        .lens = lens,
        .n_params = ARRAY_LEN(params),
        .flags = DB_OFTEN,
    };
    int r;

    for (size_t k = 0; k < ARRAY_LEN(sent); k++) {
        params[2 + k] = b[sent[k]].data;
        if (part_param_is_binary(sent[k]))
            lens[2 + k] = b[sent[k]].len;
    }
    r = db_ask(i->db, &call, ASK_TIMEOUT, &rows, e);
    if (r == 0)
        count(c, rows);
    return r;
}

/* As a ports pass tells it, which is the one that says what is open. */
static int build(struct store_import *i, struct part *p, struct buf *params,
                 const struct store_host *hosts, size_t n)
{
    CLEANUP(buf_done) struct buf want = {0};
    struct store_lease lease = {.kind = STORE_PORTS};
    struct store_part in = {
        .method = "import", .observed = earliest(hosts, n), .hosts = hosts, .n_hosts = n};
    int r = part_build(p, &i->values, &lease, &in);

    if (r == 0)
        r = wanted(p, &want);
    return r == 0 ? part_params(p, want.data, params) : r;
}

static int import_part(struct store_import *i, const struct place *places, size_t n,
                       struct store_import_counts *c, struct err *e)
{
    struct store_host hosts[PART_HOSTS];
    struct buf params[PART_PARAMS] = {0};
    struct part p = {0};
    char block[24];
    int r;

    for (size_t k = 0; k < n; k++) {
        hosts[k] = *places[k].host;
        hosts[k].unsure = true; /* what a file does not tell is no miss */
    }
    snprintf(block, sizeof block, "%" PRId64, places[0].block);
    r = build(i, &p, params, hosts, n);
    if (r < 0)
        err_set(e, r, r == -ENOMEM ? "out of memory" : "an address is told twice");
    else
        r = send_part(i, block, params, c, e);
    part_params_done(params);
    part_done(&p);
    return r;
}

static size_t part_end(const struct place *places, size_t at, size_t n)
{
    size_t end = at + 1;

    while (end < n && end - at < PART_HOSTS && places[end].block == places[at].block)
        end++;
    return end;
}

/* After 4, 8, 16 ... parts the server counts what they have written: its plans are made for it. */
static int settle(struct store_import *i, unsigned parts, struct err *e)
{
    if (parts < 4 || (parts & (parts - 1)))
        return 0;
    return tell(i, "SELECT api.import_settle()", e);
}

static int import_places(struct store_import *i, struct place *places, size_t n,
                         struct store_import_counts *c, struct err *e)
{
    int r = find_places(i, places, n, e);
    unsigned parts = 0;
    size_t at = 0;

    if (r < 0)
        return r;
    for (; at < n && !places[at].block; at++)
        if (!c->outside++)
            c->first_outside = places[at].host->finding.address;
    c->hosts = (unsigned)(n - at);
    for (size_t end; r == 0 && at < n; at = end) {
        end = part_end(places, at, n);
        r = import_part(i, places + at, end - at, c, e);
        if (r == 0 && c->opened)
            r = settle(i, ++parts, e);
    }
    return r;
}

static int none_inside(const struct store_import *i, const struct store_import_counts *c,
                       struct err *e)
{
    char text[ADDR_TEXT_MAX];

    return err_set(e, -ENOENT,
                   "no network of zone %s holds its host%s %s%s; is it another zone? (--zone)",
                   i->zone, c->outside == 1 ? "" : "s", addr_format(&c->first_outside, text),
                   c->outside == 1 ? "" : " ...");
}

static int import_once(struct store_import *i, struct place *places, size_t n,
                       struct store_import_counts *c, struct err *e)
{
    struct err ignored = {0};
    int r = tell(i, "BEGIN", e);

    if (r < 0)
        return r;
    *c = (struct store_import_counts){0};
    r = import_places(i, places, n, c, e);
    if (r == 0 && c->outside && !c->hosts)
        r = none_inside(i, c, e);
    if (r == 0)
        return tell(i, "COMMIT", e);
    if (tell(i, "ROLLBACK", &ignored) < 0)
        return r; /* the connection is gone, and the transaction with it */
    return r;
}

int store_import(struct store_import *i, const struct store_host *hosts, size_t n,
                 struct store_import_counts *ret, struct err *e)
{
    CLEANUP(freep) struct place *places = calloc(n + 1, sizeof *places);
    struct store_import_counts c = {0};
    int r = places ? 0 : err_set(e, -ENOMEM, "out of memory");

    for (size_t k = 0; r == 0 && k < n; k++)
        places[k].host = &hosts[k];
    if (r == 0 && n)
        r = make_room(i, hosts, n, e);
    for (int tries = 0; r == 0 && n; tries++) {
        r = import_once(i, places, n, &c, e);
        if (r != -EAGAIN || tries + 1 == TRIES)
            break;
        r = 0;
    }
    if (r == 0)
        *ret = c;
    return r;
}
