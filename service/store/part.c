/* Parts: findings become facts (host, slot, attribute) -> digest.
 *
 * Bodies stay here at first: the server knows most values already, asks for those it lacks, and
 * changes nothing until it has them.  Attributes of scripts travel as names: -k stands for the k-th
 * name, whose first ones are what the visit runs.  A fact is sent once even when it was found
 * twice: the last finding counts. */
#include "service/store/part.h"

#include "engine/base/text.h"
#include "service/store/marks.h"

#include <errno.h>
#include <string.h>
#define HASH_FUNCTION HASH_SAX /* the default one makes clang warn of its fallthroughs */
#include <uthash.h>

enum { ATTR_MAC = 2, ATTR_HOSTNAME = 3, ATTR_PORT = 10, ATTR_SERVICE = 11 };

struct name {
    char *text; /* the part's */
    int number;
    UT_hash_handle hh;
};

struct builder {
    struct part *p;
    const struct store *store;
    const struct store_lease *lease;
    uint32_t host; /* whose facts are added */
    struct name *names;
    const char *asked; /* the name that was last looked for, as it came; its number */
    int asked_number;
    bool failed;
};

/* What a port that is open has for a value: there is no other. */
static const uint8_t open_digest[VALUE_DIGEST_LEN] = {[VALUE_DIGEST_LEN - 1] = 1};

void part_done(struct part *p)
{
    for (size_t i = 0; i < p->n_hosts; i++)
        free(p->hosts[i].vendor);
    for (size_t i = 0; i < p->n_names; i++)
        free(p->names[i]);
    for (size_t i = 0; i < p->n_values; i++)
        value_done(&p->values[i]);
    for (size_t i = 0; i < p->n_ports; i++)
        free(p->ports[i].name);
    free(p->hosts);
    free(p->facts);
    free(p->names);
    free(p->values);
    free(p->ports);
    free(p->method);
    *p = (struct part){0};
}

/* The same as UTF-8 without control characters; NULL: no memory. */
static char *clean(struct builder *b, const char *s)
{
    CLEANUP(buf_done) struct buf text = {0};
    char *copy;

    text_escape_utf8(&text, s, strlen(s));
    copy = buf_take(&text);
    if (copy)
        b->p->bytes += strlen(copy);
    else
        b->failed = true;
    return copy;
}

/* Room for one more behind n, in powers of two.  False: no memory. */
static bool grow(void **list, size_t n, size_t size)
{
    void *grown;

    if (n & (n - 1) || (n && n < 16))
        return true;
    grown = realloc(*list, (n ? n * 2 : 16) * size);
    if (grown)
        *list = grown;
    return grown;
}

static int32_t slot_of(enum protocol p, uint16_t port)
{
    return (int32_t)((unsigned)p << 16 | port);
}

static struct name *name_add(struct builder *b, const char *text)
{
    struct part *p = b->p;
    struct name *n = calloc(1, sizeof *n);

    if (!n || !grow((void **)&p->names, p->n_names, sizeof *p->names) ||
        !(n->text = strdup(text))) {
        free(n);
        b->failed = true;
        return NULL;
    }
    p->names[p->n_names++] = n->text;
    n->number = (int)p->n_names;
    HASH_ADD_KEYPTR(hh, b->names, n->text, strlen(n->text), n);
    return n;
}

/* Mostly a name is asked for again and again, or is clean and there. */
static struct name *name_find(struct builder *b, const char *text)
{
    struct name *n = NULL;
    char *cleaned;

    HASH_FIND_STR(b->names, text, n);
    if (n)
        return n;
    cleaned = clean(b, text);

    if (cleaned)
        HASH_FIND_STR(b->names, cleaned, n);
    if (cleaned && !n)
        n = name_add(b, cleaned);
    free(cleaned);
    return n;
}

/* Number of a script name: -1, -2 ... in the order of the part's names.  0 on no memory. */
static int name_number(struct builder *b, const char *text)
{
    const struct name *n;

    if (b->asked && strcmp(b->asked, text) == 0)
        return b->asked_number;
    n = name_find(b, text);
    b->asked = n ? text : NULL;
    b->asked_number = n ? -n->number : 0;
    return b->asked_number;
}

/* A new fact: of several about the same, the last one will count.  It moves with the next. */
static struct part_fact *fact_of(struct builder *b, int32_t slot, int attr)
{
    struct part *p = b->p;
    struct part_fact *f;

    if (!grow((void **)&p->facts, p->n_facts, sizeof *p->facts)) {
        b->failed = true;
        return NULL;
    }
    f = &p->facts[p->n_facts];
    *f = (struct part_fact){
        .host = b->host, .slot = slot, .attr = attr, .order = (uint32_t)p->n_facts};
    p->n_facts++;
    return f;
}

/* Takes the value (also on failure). */
static void add_value(struct builder *b, struct part_fact *f, struct value *v)
{
    struct part *p = b->p;

    if (f && !grow((void **)&p->values, p->n_values, sizeof *p->values)) {
        b->failed = true;
        f = NULL;
    }
    if (!f) {
        value_done(v);
        return;
    }
    memcpy(f->digest, v->digest, sizeof f->digest);
    p->bytes += strlen(v->body) + sizeof *v;
    p->values[p->n_values++] = *v;
}

static void add_text(struct builder *b, int attr, const char *text)
{
    struct value v;

    if (!text || !*text)
        return;
    if (value_of_text(&v, &b->store->key, text, strlen(text)) < 0)
        b->failed = true;
    else
        add_value(b, fact_of(b, 0, attr), &v);
}

/* A name that was asked for and is not there is told as such, without a digest. */
static void add_hostname(struct builder *b, const char *name)
{
    struct part_fact *f;

    if (!name || *name) {
        add_text(b, ATTR_HOSTNAME, name);
        return;
    }
    f = fact_of(b, 0, ATTR_HOSTNAME);
    if (f)
        f->absent = true;
}

static void add_service(struct builder *b, const struct port_finding *p, int32_t slot)
{
    struct value v;

    if (p->service.method != SERVICE_PROBED || (!p->service.name && !p->service.product))
        return;
    if (value_of_service(&v, &b->store->key, &p->service) < 0)
        b->failed = true;
    else
        add_value(b, fact_of(b, slot, ATTR_SERVICE), &v);
}

static void add_port_name(struct builder *b, int32_t slot, const char *name)
{
    struct part *p = b->p;

    for (size_t i = 0; i < p->n_ports; i++)
        if (p->ports[i].slot == slot)
            return;
    if (!grow((void **)&p->ports, p->n_ports, sizeof *p->ports)) {
        b->failed = true;
        return;
    }
    p->ports[p->n_ports] = (struct part_port){slot, clean(b, name)};
    p->n_ports += p->ports[p->n_ports].name != NULL;
}

static void add_port(struct builder *b, const struct port_finding *p)
{
    int32_t slot = slot_of(p->protocol, p->port);

    if (p->state != PORT_OPEN)
        return;
    /* Only a ports pass says what is open: a script that opens a port would have it closed by the
     * next pass. */
    if (b->lease->kind == STORE_PORTS) {
        struct part_fact *f = fact_of(b, slot, ATTR_PORT);

        if (f)
            memcpy(f->digest, open_digest, sizeof f->digest);
        if (p->service.name && p->service.method == SERVICE_TABLE)
            add_port_name(b, slot, p->service.name);
    }
    add_service(b, p, slot);
}

static bool has_something(const struct script_result *r)
{
    return r->data || (r->output && r->output_len);
}

static void add_result(struct builder *b, const struct script_result *r)
{
    const struct store_volatile *known;
    struct value_volatile v = {0};
    struct value value;
    struct part_fact *f;

    if (r->phase != SCRIPT_HOST && r->phase != SCRIPT_PORT)
        return;
    if (r->outcome == SCRIPT_NO_OUTPUT || (r->outcome == SCRIPT_OK && !has_something(r)))
        return; /* conclusive: there is nothing */
    f = fact_of(b, r->phase == SCRIPT_PORT ? slot_of(r->protocol, r->port) : 0,
                name_number(b, r->script));
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

/* A script that ended early may have known what runs there: told before what was found, which then
 * counts instead. */
static void add_doubt(struct builder *b, const struct script_result *r)
{
    struct part_fact *f;

    if (b->lease->kind != STORE_SERVICES || r->phase != SCRIPT_PORT || r->outcome == SCRIPT_OK ||
        r->outcome == SCRIPT_NO_OUTPUT || r->outcome == SCRIPT_SKIPPED)
        return;
    f = fact_of(b, slot_of(r->protocol, r->port), ATTR_SERVICE);
    if (f)
        f->unsure = true;
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
    struct part_host *to = &b->p->hosts[b->p->n_hosts];
    char mac[MAC_TEXT_MAX];

    *to = (struct part_host){.addr = f->address,
                             .state = state_of(b, h),
                             .has_mac = f->has_mac,
                             .reason = (uint8_t)f->reason,
                             .ttl = f->ttl,
                             .mac = f->mac,
                             .vendor = f->vendor ? clean(b, f->vendor) : NULL};
    b->host = (uint32_t)b->p->n_hosts++;
    if (to->state == 'd' || to->state == 'b')
        return;
    if (f->has_mac)
        add_text(b, ATTR_MAC, mac_format(&f->mac, mac));
    add_hostname(b, f->hostname);
    for (size_t i = 0; i < h->n_results; i++)
        add_doubt(b, &h->results[i]);
    for (size_t i = 0; i < h->n_ports; i++)
        add_port(b, &h->ports[i]);
    for (size_t i = 0; i < h->n_results; i++)
        add_result(b, &h->results[i]);
}

static int by_place(const struct part_fact *x, const struct part_fact *y)
{
    if (x->host != y->host)
        return x->host < y->host ? -1 : 1;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return (x->attr > y->attr) - (x->attr < y->attr);
}

static int by_place_and_order(const void *a, const void *b)
{
    const struct part_fact *x = a, *y = b;
    int r = by_place(x, y);

    return r ? r : (x->order > y->order) - (x->order < y->order);
}

/* By host, slot and attribute, each once. */
static void order_facts(struct part *p)
{
    size_t n = 0;
    bool ordered = true;

    for (size_t i = 1; ordered && i < p->n_facts; i++)
        ordered = by_place(&p->facts[i - 1], &p->facts[i]) < 0;
    if (!ordered)
        qsort(p->facts, p->n_facts, sizeof *p->facts, by_place_and_order);
    for (size_t i = 0; !ordered && i < p->n_facts; i++)
        if (i + 1 == p->n_facts || by_place(&p->facts[i], &p->facts[i + 1]) != 0)
            p->facts[n++] = p->facts[i];
    if (!ordered)
        p->n_facts = n;
    p->bytes += p->n_facts * sizeof *p->facts + p->n_hosts * sizeof *p->hosts;
}

static int by_digest(const void *a, const void *b)
{
    return memcmp(((const struct value *)a)->digest, ((const struct value *)b)->digest,
                  VALUE_DIGEST_LEN);
}

void part_order_values(struct part *p)
{
    if (p->n_values)
        qsort(p->values, p->n_values, sizeof *p->values, by_digest);
}

static int by_address(const void *a, const void *b)
{
    const struct store_host *const *x = a, *const *y = b;

    return addr_cmp(&(*x)->finding.address, &(*y)->finding.address);
}

/* The hosts by address, as the server compares their marks; *ret is the caller's.  -EINVAL: an
 * address is told twice, it would be up and down at once. */
static int hosts_in_order(const struct store_part *in, const struct store_host ***ret)
{
    const struct store_host **all = calloc(in->n_hosts + 1, sizeof *all);
    int r = 0;

    if (!all)
        return -ENOMEM;
    for (size_t i = 0; i < in->n_hosts; i++)
        all[i] = &in->hosts[i];
    qsort(all, in->n_hosts, sizeof *all, by_address);
    for (size_t i = 1; r == 0 && i < in->n_hosts; i++)
        if (addr_equal(&all[i - 1]->finding.address, &all[i]->finding.address))
            r = -EINVAL;
    if (r == 0)
        *ret = all;
    else
        free(all);
    return r;
}

static void forget_names(struct builder *b)
{
    struct name *n, *next;

    HASH_ITER (hh, b->names, n, next) {
        HASH_DEL(b->names, n);
        free(n);
    }
}

static void head(struct builder *b, const struct store_part *in)
{
    usec_t at = in->observed ? in->observed : loop_wall(b->store->loop);
    struct part *p = b->p;

    p->schedule = b->lease->schedule;
    p->fence = b->lease->fence;
    p->number = b->lease->part + 1;
    p->at = (usec_t)((int64_t)at + b->store->clock_offset);
    p->method = clean(b, in->method ? in->method : "unknown");
    p->place = marks_place(b->lease->zone, b->lease->pass);
    for (size_t i = 0; i < in->n_scripts; i++)
        name_number(b, in->scripts[i]);
    p->n_judged = p->n_names;
    p->hosts = calloc(in->n_hosts + 1, sizeof *p->hosts);
    b->failed |= !p->hosts;
}

int part_build(struct part *ret, const struct store *s, const struct store_lease *l,
               const struct store_part *in)
{
    struct builder b = {.p = ret, .store = s, .lease = l};
    const struct store_host **hosts = NULL;
    int r = hosts_in_order(in, &hosts);

    if (r < 0)
        return r;
    *ret = (struct part){.bytes = sizeof *ret};
    head(&b, in);
    for (size_t i = 0; ret->hosts && i < in->n_hosts; i++)
        add_host(&b, hosts[i]);
    free(hosts);
    forget_names(&b);
    order_facts(ret);
    if (!b.failed && part_mark(ret, s, l->kind) == 0)
        return 0;
    part_done(ret);
    return -ENOMEM;
}
