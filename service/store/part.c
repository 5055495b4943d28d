/* Parts: findings become facts (address, slot, attribute) -> digest.
 *
 * Bodies stay here at first: the server knows most values already, asks for those it lacks, and
 * changes nothing until it has them.  Attributes of scripts travel as names: -k stands for the k-th
 * of PART_NAMES, whose first ones are what the visit runs.  A fact is sent once even when it was
 * found twice: the last finding counts. */
#include "service/store/part.h"

#include "engine/base/text.h"
#include "service/store/decode.h"

#include <errno.h>
#include <string.h>
#define HASH_FUNCTION HASH_SAX /* the default one makes clang warn of its fallthroughs */
#include <uthash.h>

enum { ATTR_MAC = 2, ATTR_HOSTNAME = 3, ATTR_PORT = 10, ATTR_SERVICE = 11 };

/* All of it is compared: no padding, zeroed. */
struct fact_key {
    uint8_t addr[16];
    int32_t family, slot, attr;
};

struct fact {
    struct fact_key key;
    uint8_t digest[VALUE_DIGEST_LEN];
    bool unsure; /* could not be judged */
    UT_hash_handle hh;
};

struct name {
    const char *text; /* borrowed */
    int number;
    UT_hash_handle hh;
};

struct builder {
    struct part *p;
    const struct store *store;
    const struct store_lease *lease;
    struct fact *facts;
    struct name *names;
    int n_names;
    bool failed;
};

/* What a port that is open has for a value: there is no other. */
static const uint8_t open_digest[VALUE_DIGEST_LEN] = {[VALUE_DIGEST_LEN - 1] = 1};

void part_done(struct part *p)
{
    for (size_t i = 0; i < PART_PARAMS; i++)
        buf_done(&p->params[i]);
    for (size_t i = 0; i < p->n_values; i++)
        value_done(&p->values[i]);
    free(p->values);
    *p = (struct part){0};
}

static void clean_text(struct buf *array, const char *s)
{
    CLEANUP(buf_done) struct buf clean = {0};

    if (!s) {
        pg_array_null(array);
        return;
    }
    text_escape_utf8(&clean, s, strlen(s));
    if (clean.failed)
        array->failed = true;
    pg_array_text(array, clean.data ? clean.data : "", clean.len);
}

static int32_t slot_of(enum protocol p, uint16_t port)
{
    return (int32_t)((unsigned)p << 16 | port);
}

/* Number of a script name: -1, -2 ... in the order of PART_NAMES.  0 on no memory. */
static int name_number(struct builder *b, const char *text)
{
    struct name *n;

    HASH_FIND_STR(b->names, text, n);
    if (n)
        return -n->number;
    n = calloc(1, sizeof *n);
    if (!n) {
        b->failed = true;
        return 0;
    }
    n->text = text;
    n->number = ++b->n_names;
    HASH_ADD_KEYPTR(hh, b->names, n->text, strlen(n->text), n);
    clean_text(&b->p->params[PART_NAMES], text);
    return -n->number;
}

static struct fact *fact_of(struct builder *b, const struct addr *a, int32_t slot, int attr)
{
    struct fact_key key;
    struct fact *f;

    memset(&key, 0, sizeof key);
    memcpy(key.addr, a->b, sizeof key.addr);
    key.family = a->family;
    key.slot = slot;
    key.attr = attr;
    HASH_FIND(hh, b->facts, &key, sizeof key, f);
    if (f)
        return f;
    f = calloc(1, sizeof *f);
    if (!f) {
        b->failed = true;
        return NULL;
    }
    f->key = key;
    HASH_ADD(hh, b->facts, key, sizeof f->key, f);
    return f;
}

/* Takes the value (also on failure). */
static void add_value(struct builder *b, struct fact *f, struct value *v)
{
    struct part *p = b->p;

    if (f && p->n_values == p->cap_values) {
        size_t cap = p->cap_values ? p->cap_values * 2 : 16;
        struct value *grown = realloc(p->values, cap * sizeof *grown);

        if (!grown) {
            b->failed = true;
            f = NULL;
        } else {
            p->values = grown;
            p->cap_values = cap;
        }
    }
    if (!f) {
        value_done(v);
        return;
    }
    memcpy(f->digest, v->digest, sizeof f->digest);
    f->unsure = false;
    p->bytes += strlen(v->body) + sizeof *v;
    p->values[p->n_values++] = *v;
}

static void add_text(struct builder *b, const struct addr *a, int attr, const char *text)
{
    struct value v;

    if (!text || !*text)
        return;
    if (value_of_text(&v, &b->store->key, text, strlen(text)) < 0)
        b->failed = true;
    else
        add_value(b, fact_of(b, a, 0, attr), &v);
}

static void add_service(struct builder *b, const struct port_finding *p, int32_t slot)
{
    struct value v;

    if (p->service.method != SERVICE_PROBED || (!p->service.name && !p->service.product))
        return;
    if (value_of_service(&v, &b->store->key, &p->service) < 0)
        b->failed = true;
    else
        add_value(b, fact_of(b, &p->address, slot, ATTR_SERVICE), &v);
}

static void add_port(struct builder *b, const struct addr *a, const struct port_finding *in)
{
    struct port_finding p = *in;
    int32_t slot = slot_of(p.protocol, p.port);

    p.address = *a;
    if (p.state != PORT_OPEN)
        return;
    /* Only a ports pass says what is open: a script that opens a port would have it closed by the
     * next pass. */
    if (b->lease->kind == STORE_PORTS) {
        struct fact *f = fact_of(b, a, slot, ATTR_PORT);

        if (f)
            memcpy(f->digest, open_digest, sizeof f->digest);
        if (p.service.name && p.service.method == SERVICE_TABLE) {
            pg_array_plain(&b->p->params[PART_N_SLOT], "%d", slot);
            clean_text(&b->p->params[PART_N_NAME], p.service.name);
        }
    }
    add_service(b, &p, slot);
}

static bool has_something(const struct script_result *r)
{
    return r->data || (r->output && r->output_len);
}

static void add_result(struct builder *b, const struct addr *a, const struct script_result *r)
{
    const struct store_volatile *known;
    struct value_volatile v = {0};
    struct value value;
    int32_t slot;
    struct fact *f;

    if (r->phase != SCRIPT_HOST && r->phase != SCRIPT_PORT)
        return;
    slot = r->phase == SCRIPT_PORT ? slot_of(r->protocol, r->port) : 0;
    if (r->outcome == SCRIPT_NO_OUTPUT || (r->outcome == SCRIPT_OK && !has_something(r)))
        return; /* conclusive: there is nothing */
    f = fact_of(b, a, slot, name_number(b, r->script));
    if (!f)
        return;
    if (r->outcome != SCRIPT_OK) {
        f->unsure = true;
        return;
    }
    known = store_volatile_of(b->store, r->script);
    if (known)
        v = (struct value_volatile){.keys = (const char *const *)known->keys, .n = known->n};
    if (value_of_script(&value, &b->store->key, r, &v) < 0)
        b->failed = true;
    else
        add_value(b, f, &value);
}

static char state_of(const struct builder *b, const struct store_host *h)
{
    bool looks = b->lease->kind == STORE_PRESENCE || b->lease->kind == STORE_PORTS;

    if (looks && h->finding.state == HOST_DOWN)
        return 'd';
    if (looks && h->finding.state != HOST_UP)
        return 'b';
    return h->unsure ? 'n' : 'u';
}

static void add_host(struct builder *b, const struct store_host *h)
{
    const struct host_finding *f = &h->finding;
    struct buf *params = b->p->params;
    char text[ADDR_TEXT_MAX], mac[MAC_TEXT_MAX];
    char state = state_of(b, h);

    pg_array_plain(&params[PART_H_ADDR], "%s", store_addr_text(&f->address, text));
    pg_array_plain(&params[PART_H_STATE], "%c", state);
    pg_array_plain(&params[PART_H_MAC], "%s", f->has_mac ? mac_format(&f->mac, mac) : "NULL");
    clean_text(&params[PART_H_REASON], reason_name(f->reason));
    pg_array_plain(&params[PART_H_TTL], "%u", f->ttl);
    clean_text(&params[PART_H_VENDOR], f->vendor);
    if (state == 'd' || state == 'b')
        return;
    if (f->has_mac)
        add_text(b, &f->address, ATTR_MAC, mac_format(&f->mac, mac));
    add_text(b, &f->address, ATTR_HOSTNAME, f->hostname);
    for (size_t i = 0; i < h->n_ports; i++)
        add_port(b, &f->address, &h->ports[i]);
    for (size_t i = 0; i < h->n_results; i++)
        add_result(b, &f->address, &h->results[i]);
}

/* Facts leave the table for the arrays. */
static void write_facts(struct builder *b)
{
    struct buf *params = b->p->params;
    struct fact *f, *next;

    HASH_ITER (hh, b->facts, f, next) {
        struct addr a = addr_from_bytes((enum addr_family)f->key.family, f->key.addr);
        char text[ADDR_TEXT_MAX], digest[VALUE_DIGEST_TEXT];

        pg_array_plain(&params[f->unsure ? PART_U_ADDR : PART_F_ADDR], "%s",
                       store_addr_text(&a, text));
        pg_array_plain(&params[f->unsure ? PART_U_SLOT : PART_F_SLOT], "%d", f->key.slot);
        pg_array_plain(&params[f->unsure ? PART_U_ATTR : PART_F_ATTR], "%d", f->key.attr);
        if (!f->unsure) {
            value_digest_format(f->digest, digest);
            pg_array_plain(&params[PART_F_VALUE], "%s", digest);
        }
        HASH_DEL(b->facts, f);
        free(f);
    }
}

static void drop_names(struct builder *b)
{
    struct name *n, *next;

    HASH_ITER (hh, b->names, n, next) {
        HASH_DEL(b->names, n);
        free(n);
    }
}

static int by_address(const void *a, const void *b)
{
    return addr_cmp(a, b);
}

/* An address that is told twice would be up and down at once. */
static int check_once(const struct store_part *in)
{
    struct addr *all = calloc(in->n_hosts ? in->n_hosts : 1, sizeof *all);
    int r = 0;

    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < in->n_hosts; i++)
        all[i] = in->hosts[i].finding.address;
    qsort(all, in->n_hosts, sizeof *all, by_address);
    for (size_t i = 1; r == 0 && i < in->n_hosts; i++)
        if (addr_equal(&all[i - 1], &all[i]))
            r = -EINVAL;
    free(all);
    return r;
}

static void write_scalars(struct builder *b, const struct store_part *in)
{
    struct buf *params = b->p->params;
    usec_t at = in->observed ? in->observed : loop_wall(b->store->loop);
    char text[PG_TIME_MAX];

    buf_printf(&params[PART_SCHEDULE], "%lld", (long long)b->lease->schedule);
    buf_printf(&params[PART_FENCE], "%lld", (long long)b->lease->fence);
    buf_printf(&params[PART_NUMBER], "%u", b->lease->part + 1);
    buf_str(&params[PART_AT], pg_time_format((usec_t)((int64_t)at + b->store->clock_offset), text));
    buf_str(&params[PART_METHOD], in->method ? in->method : "unknown");
    buf_printf(&params[PART_JUDGED], "%zu", in->n_scripts);
}

static bool is_array(size_t param)
{
    return param >= PART_H_ADDR && param != PART_JUDGED;
}

int part_build(struct part *ret, const struct store *s, const struct store_lease *l,
               const struct store_part *in)
{
    struct builder b = {.p = ret, .store = s, .lease = l};
    int r = check_once(in);

    if (r < 0)
        return r;
    *ret = (struct part){0};
    for (size_t i = 0; i < PART_PARAMS; i++)
        if (is_array(i))
            pg_array_open(&ret->params[i]);
    for (size_t i = 0; i < in->n_scripts; i++)
        name_number(&b, in->scripts[i]);
    for (size_t i = 0; i < in->n_hosts; i++)
        add_host(&b, &in->hosts[i]);
    write_facts(&b);
    drop_names(&b);
    write_scalars(&b, in);
    for (size_t i = 0; i < PART_PARAMS; i++) {
        if (is_array(i))
            pg_array_close(&ret->params[i]);
        b.failed |= ret->params[i].failed;
        ret->bytes += ret->params[i].len;
    }
    if (b.failed) {
        part_done(ret);
        return -ENOMEM;
    }
    return 0;
}

static int by_digest(const void *a, const void *b)
{
    return memcmp(((const struct value *)a)->digest, ((const struct value *)b)->digest,
                  VALUE_DIGEST_LEN);
}

static int add_body(struct part *p, const char *digest)
{
    struct value key = {0};
    const struct value *v;

    if (value_digest_parse(digest, key.digest) < 0)
        return -EBADMSG;
    v = bsearch(&key, p->values, p->n_values, sizeof *p->values, by_digest);
    if (!v)
        return -EBADMSG;
    pg_array_plain(&p->params[PART_B_VALUE], "%s", digest);
    pg_array_plain(&p->params[PART_B_KIND], "%c", v->kind);
    pg_array_text(&p->params[PART_B_BODY], v->body, strlen(v->body));
    return 0;
}

int part_add_bodies(struct part *p, const char *want)
{
    CLEANUP(buf_done) struct buf digest = {0};
    enum pg_array what;
    size_t pos = 0;
    int r = 0;

    if (p->n_values)
        qsort(p->values, p->n_values, sizeof *p->values, by_digest);
    for (size_t i = PART_B_VALUE; i <= PART_B_BODY; i++) {
        buf_clear(&p->params[i]);
        pg_array_open(&p->params[i]);
    }
    while (r == 0 && (what = pg_array_next(want, &pos, &digest)) == PG_ARRAY_ITEM)
        r = add_body(p, digest.data ? digest.data : "");
    if (r == 0 && what != PG_ARRAY_END)
        r = -EBADMSG;
    for (size_t i = PART_B_VALUE; i <= PART_B_BODY; i++) {
        pg_array_close(&p->params[i]);
        if (p->params[i].failed)
            r = -ENOMEM;
    }
    return r;
}
