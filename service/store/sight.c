/* Sightings on their way to the database: one call for a batch.  Sent again when the connection
 * breaks, because the database takes one twice as once; in front of what waits, because a new
 * device is to be looked at now. */
#include "engine/base/log.h"
#include "engine/base/text.h"
#include "service/store/decode.h"
#include "service/store/store_priv.h"

#include <errno.h>
#include <string.h>

enum { S_ZONE, S_AT, S_ADDR, S_MAC, S_SOURCE, S_HELD, E_OF, E_KIND, E_KEY, S_PARAMS };

struct sight {
    store_sight_cb cb;
    void *user;
    size_t n;
    char verdicts[];
};

static void on_sighted(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct sight *w = user;

    memset(w->verdicts, SIGHT_KNOWN, w->n);
    for (size_t i = 0; status == 0 && i < db_rows_count(rows); i++) {
        int64_t n = db_rows_int(rows, i, 0, 0);
        const char *verdict = db_rows_text(rows, i, 1);

        if (n >= 1 && (uint64_t)n <= w->n && verdict)
            w->verdicts[n - 1] = *verdict;
    }
    w->cb(w->user, status, w->verdicts, w->n, e);
    free(w);
}

static void add_text(struct buf *array, const char *text)
{
    CLEANUP(buf_done) struct buf clean = {0};

    text_escape_utf8(&clean, text, strlen(text));
    if (clean.failed)
        array->failed = true;
    pg_array_text(array, clean.data ? clean.data : "", clean.len);
}

static void add_sighting(const struct store *s, struct buf p[S_PARAMS],
                         const struct store_sighting *w, size_t number)
{
    char addr[ADDR_TEXT_MAX], mac[MAC_TEXT_MAX], time[PG_TIME_MAX];
    usec_t at = (usec_t)((int64_t)w->time + s->clock_offset);

    add_text(&p[S_ZONE], w->zone);
    pg_time_format(at, time);
    pg_array_text(&p[S_AT], time, strlen(time));
    pg_array_plain(&p[S_ADDR], "%s",
                   w->address.family == ADDR_NONE ? "NULL" : store_addr_text(&w->address, addr));
    pg_array_plain(&p[S_MAC], "%s", w->has_mac ? mac_format(&w->mac, mac) : "NULL");
    add_text(&p[S_SOURCE], w->source);
    pg_array_plain(&p[S_HELD], "%s", w->held ? "t" : "f");
    for (size_t i = 0; i < w->n_said; i++) {
        pg_array_plain(&p[E_OF], "%zu", number);
        add_text(&p[E_KIND], w->said[i].kind);
        add_text(&p[E_KEY], w->said[i].key);
    }
}

int store_sight(struct store *s, const struct store_sighting *list, size_t n, store_sight_cb cb,
                void *user)
{
    struct buf p[S_PARAMS] = {0};
    const char *params[S_PARAMS];
    struct db_call c = {
        .sql = "SELECT n, verdict FROM api.sight($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        .params = params,
        .n_params = S_PARAMS,
        .flags = DB_RETRY | DB_FIRST,
    };
    struct sight *w = malloc(sizeof *w + n);
    bool failed = !w;
    int r = -ENOMEM;

    for (size_t i = 0; i < S_PARAMS; i++)
        pg_array_open(&p[i]);
    for (size_t i = 0; i < n; i++)
        add_sighting(s, p, &list[i], i + 1);
    for (size_t i = 0; i < S_PARAMS; i++) {
        pg_array_close(&p[i]);
        failed = failed || p[i].failed;
        params[i] = p[i].data;
    }
    if (!failed) {
        w->cb = cb;
        w->user = user;
        w->n = n;
        r = store_call(s, &c, on_sighted, w);
    }
    for (size_t i = 0; i < S_PARAMS; i++)
        buf_done(&p[i]);
    if (r < 0)
        free(w);
    return r;
}

static void on_listeners(void *user, int status, const struct db_rows *rows, const struct err *e)
{
    struct store *s = user;

    (void)rows;
    s->listening = false;
    if (status < 0 && status != -ECANCELED)
        log_debug("the state of the listeners was not stored: %s", err_text(e));
}

int store_listeners(struct store *s, const struct store_listener *list, size_t n)
{
    CLEANUP(buf_done) struct buf json = {0};
    char sensor[24];
    const char *params[] = {sensor, NULL};
    struct db_call c = {
        .sql = "SELECT api.listening($1, $2)", .params = params, .n_params = 2, .flags = DB_RETRY};
    int r;

    if (s->listening) /* while the database is away they would pile up */
        return -EBUSY;
    buf_char(&json, '[');
    for (size_t i = 0; i < n; i++) {
        const struct store_listener *l = &list[i];

        buf_printf(&json, "%s{\"interface\":", i ? "," : "");
        json_string(&json, l->interface, strlen(l->interface));
        buf_printf(&json,
                   ",\"up\":%s,\"promiscuous\":%s,\"frames\":%llu,\"bad\":%llu,\"told\":%llu,"
                   "\"limited\":%llu,\"drops\":%llu",
                   l->up ? "true" : "false", l->promiscuous ? "true" : "false",
                   (unsigned long long)l->frames, (unsigned long long)l->bad,
                   (unsigned long long)l->told, (unsigned long long)l->limited,
                   (unsigned long long)l->drops);
        if (l->why) {
            buf_str(&json, ",\"why\":");
            json_string(&json, l->why, strlen(l->why));
        }
        buf_char(&json, '}');
    }
    buf_char(&json, ']');
    if (json.failed)
        return -ENOMEM;
    snprintf(sensor, sizeof sensor, "%lld", (long long)s->sensor_id);
    params[1] = json.data;
    r = store_call(s, &c, on_listeners, s);
    s->listening = r == 0;
    return r;
}
