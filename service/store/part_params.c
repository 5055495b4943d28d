/* A part as parameters of api.apply_visit(), in PostgreSQL's text formats; what is told of facts in
 * its binary one. */
#include "service/store/decode.h"
#include "service/store/part.h"

#include <errno.h>
#include <string.h>

void part_params_done(struct buf params[PART_PARAMS])
{
    for (size_t i = 0; i < PART_PARAMS; i++)
        buf_done(&params[i]);
}

static void put_text(struct buf *array, const char *s)
{
    if (s)
        pg_array_text(array, s, strlen(s));
    else
        pg_array_null(array);
}

static void put_host(struct buf *params, const struct part_host *h)
{
    char text[ADDR_TEXT_MAX], mac[MAC_TEXT_MAX], mark[VALUE_DIGEST_TEXT];
    char state[] = {h->alone ? 'm' : h->state, 0};

    pg_array_word(&params[PART_H_ADDR], store_addr_text(&h->addr, text));
    pg_array_word(&params[PART_H_STATE], state);
    if (h->marked)
        value_digest_format(h->mark, mark);
    pg_array_word(&params[PART_H_MARK], h->marked ? mark : "NULL");
    pg_array_word(&params[PART_H_MAC], h->has_mac ? mac_format(&h->mac, mac) : "NULL");
    put_text(&params[PART_H_REASON], reason_name((enum reason)h->reason));
    pg_array_plain(&params[PART_H_TTL], "%u", h->ttl);
    put_text(&params[PART_H_VENDOR], h->vendor);
}

static void put_fact(struct buf *params, const struct part *p, const struct part_fact *f)
{
    bool bare = f->unsure || f->absent; /* the attribute tells which (inv.edges) */

    if (p->hosts[f->host].alone)
        return;
    if (bare) {
        pg_array_plain(&params[PART_U_HOST], "%u", f->host + 1);
        pg_array_plain(&params[PART_U_SLOT], "%d", f->slot);
        pg_array_plain(&params[PART_U_ATTR], "%d", f->attr);
        return;
    }
    pg_binary_int4(&params[PART_F_HOST], (int32_t)f->host + 1);
    pg_binary_int4(&params[PART_F_SLOT], f->slot);
    pg_binary_int4(&params[PART_F_ATTR], f->attr);
    pg_binary_uuid(&params[PART_F_VALUE], f->digest);
}

bool part_param_is_binary(size_t param)
{
    return param >= PART_F_HOST && param <= PART_F_VALUE;
}

static void put_end(struct buf *params, const struct coverage *c)
{
    buf_str(&params[PART_E_COMPLETE], c->complete ? "t" : "f");
    buf_printf(&params[PART_E_PROBES], "%llu", (unsigned long long)c->probes);
    buf_printf(&params[PART_E_RETRANSMISSIONS], "%llu", (unsigned long long)c->retransmissions);
    buf_printf(&params[PART_E_DROPS], "%llu", (unsigned long long)c->drops);
    buf_printf(&params[PART_E_LOSS], "%.6g", c->loss);
    buf_printf(&params[PART_E_RATE], "%.6g", c->rate_pps);
}

static void put_scalars(struct buf *params, const struct part *p)
{
    char text[PG_TIME_MAX];

    buf_printf(&params[PART_SCHEDULE], "%lld", (long long)p->schedule);
    buf_printf(&params[PART_FENCE], "%lld", (long long)p->fence);
    if (p->number)
        buf_printf(&params[PART_NUMBER], "%u", p->number);
    else if (p->last >= 0)
        buf_printf(&params[PART_NUMBER], "%lld", (long long)p->last);
    buf_str(&params[PART_AT], pg_time_format(p->at, text));
    buf_str(&params[PART_METHOD], p->method);
    buf_printf(&params[PART_JUDGED], "%zu", p->n_judged);
    if (p->ends)
        put_end(params, &p->end);
}

static int by_digest(const void *key, const void *value)
{
    return memcmp(key, ((const struct value *)value)->digest, VALUE_DIGEST_LEN);
}

static int put_body(struct buf *params, const struct part *p, const char *digest)
{
    uint8_t key[VALUE_DIGEST_LEN];
    const struct value *v;

    if (value_digest_parse(digest, key) < 0)
        return -EBADMSG;
    v = p->n_values ? bsearch(key, p->values, p->n_values, sizeof *p->values, by_digest) : NULL;
    if (!v)
        return -EBADMSG;
    pg_array_word(&params[PART_B_VALUE], digest);
    pg_array_plain(&params[PART_B_KIND], "%c", v->kind);
    put_text(&params[PART_B_BODY], v->body);
    return 0;
}

static int put_bodies(struct buf *params, const struct part *p, const char *want)
{
    CLEANUP(buf_done) struct buf digest = {0};
    enum pg_array what;
    size_t pos = 0;

    while ((what = pg_array_next(want, &pos, &digest)) == PG_ARRAY_ITEM) {
        int r = put_body(params, p, digest.data ? digest.data : "");

        if (r < 0)
            return r;
    }
    return what == PG_ARRAY_END ? 0 : -EBADMSG;
}

static bool is_array(size_t param)
{
    return param >= PART_H_ADDR && param <= PART_N_NAME && param != PART_JUDGED;
}

static void open_param(struct buf *b, size_t param)
{
    *b = (struct buf){0};
    if (part_param_is_binary(param))
        pg_binary_open(b, param == PART_F_VALUE ? PG_TYPE_UUID : PG_TYPE_INT4);
    else if (is_array(param))
        pg_array_open(b);
}

static void close_param(struct buf *b, size_t param)
{
    if (part_param_is_binary(param))
        pg_binary_close(b);
    else if (is_array(param))
        pg_array_close(b);
}

int part_params(const struct part *p, const char *want, struct buf params[PART_PARAMS])
{
    int r = 0;

    for (size_t i = 0; i < PART_PARAMS; i++)
        open_param(&params[i], i);
    put_scalars(params, p);
    for (size_t i = 0; i < p->n_hosts; i++)
        put_host(params, &p->hosts[i]);
    for (size_t i = 0; i < p->n_names; i++)
        put_text(&params[PART_NAMES], p->names[i]);
    for (size_t i = 0; i < p->n_facts; i++)
        put_fact(params, p, &p->facts[i]);
    for (size_t i = 0; i < p->n_ports; i++) {
        pg_array_plain(&params[PART_N_SLOT], "%d", p->ports[i].slot);
        put_text(&params[PART_N_NAME], p->ports[i].name);
    }
    if (want)
        r = put_bodies(params, p, want);
    for (size_t i = 0; i < PART_PARAMS; i++) {
        close_param(&params[i], i);
        if (params[i].failed)
            r = -ENOMEM;
    }
    return r;
}
