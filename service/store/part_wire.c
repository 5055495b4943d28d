/* A part as bytes, for the journal.  Integers in network order; texts with their length in front,
 * -1 for none. */
#include "service/store/part.h"

#include <errno.h>
#include <string.h>

#define NO_TEXT UINT32_MAX
/* More than any part has: what is beyond was not written by us. */
#define LIST_MAX (1U << 22)

static void put(struct buf *out, uint64_t v, size_t n)
{
    while (n-- > 0)
        buf_char(out, (char)(v >> 8 * n));
}

static void put_text(struct buf *out, const char *s)
{
    put(out, s ? strlen(s) : NO_TEXT, 4);
    if (s)
        buf_add(out, s, strlen(s));
}

static void put_real(struct buf *out, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    put(out, bits, 8);
}

static void put_host(struct buf *out, const struct part_host *h)
{
    put(out, h->addr.family, 1);
    buf_add(out, h->addr.b, sizeof h->addr.b);
    buf_char(out, h->state);
    put(out, h->marked | (unsigned)h->has_mac << 1, 1);
    put(out, h->reason, 1);
    put(out, h->ttl, 1);
    buf_add(out, h->mac.b, sizeof h->mac.b);
    buf_add(out, h->mark, sizeof h->mark);
    put_text(out, h->vendor);
}

void part_encode(struct buf *out, const struct part *p)
{
    put(out, (uint64_t)p->schedule, 8);
    put(out, (uint64_t)p->fence, 8);
    put(out, p->number, 4);
    put(out, p->at, 8);
    put(out, p->place, 8);
    put_text(out, p->method);
    put(out, p->n_hosts, 4);
    for (size_t i = 0; i < p->n_hosts; i++)
        put_host(out, &p->hosts[i]);
    put(out, p->n_names, 4);
    put(out, p->n_judged, 4);
    for (size_t i = 0; i < p->n_names; i++)
        put_text(out, p->names[i]);
    put(out, p->n_facts, 4);
    for (size_t i = 0; i < p->n_facts; i++) {
        put(out, p->facts[i].host, 4);
        put(out, (uint32_t)p->facts[i].slot, 4);
        put(out, (uint32_t)p->facts[i].attr, 4);
        put(out, p->facts[i].unsure | (unsigned)p->facts[i].absent << 1, 1);
        buf_add(out, p->facts[i].digest, VALUE_DIGEST_LEN);
    }
    put(out, p->n_values, 4);
    for (size_t i = 0; i < p->n_values; i++) {
        buf_char(out, (char)p->values[i].kind);
        buf_add(out, p->values[i].digest, VALUE_DIGEST_LEN);
        put_text(out, p->values[i].body);
    }
    put(out, p->n_ports, 4);
    for (size_t i = 0; i < p->n_ports; i++) {
        put(out, (uint32_t)p->ports[i].slot, 4);
        put_text(out, p->ports[i].name);
    }
    put(out, p->ends, 1);
    put(out, p->end.complete, 1);
    put(out, p->end.probes, 8);
    put(out, p->end.retransmissions, 8);
    put(out, p->end.drops, 8);
    put_real(out, p->end.loss);
    put_real(out, p->end.rate_pps);
    if (!p->number && p->last >= 0)
        put(out, (uint64_t)p->last, 4);
}

/* The caller's; NULL: none, or in->bad.  A NUL inside is no text of ours. */
static char *get_text(struct rbuf *in)
{
    uint32_t len = rbuf_u32(in);
    const uint8_t *at = in->bad || len == NO_TEXT ? NULL : rbuf_bytes(in, len);
    char *s;

    if (!at)
        return NULL;
    s = memchr(at, 0, len) ? NULL : strndup((const char *)at, len);
    if (!s)
        in->bad = true;
    return s;
}

static char *need_text(struct rbuf *in)
{
    char *s = get_text(in);

    if (!s)
        in->bad = true;
    return s;
}

static double get_real(struct rbuf *in)
{
    uint64_t bits = rbuf_u64(in);
    double v;

    memcpy(&v, &bits, sizeof v);
    return v;
}

static void get_bytes(struct rbuf *in, void *to, size_t n)
{
    const uint8_t *at = rbuf_bytes(in, n);

    if (at)
        memcpy(to, at, n);
}

/* A list of n, each of at least `least` bytes on the wire; NULL: not that many can follow. */
static void *get_list(struct rbuf *in, size_t *ret_n, size_t size, size_t least)
{
    uint32_t n = rbuf_u32(in);
    void *list;

    if (in->bad || n > LIST_MAX || (size_t)n * least > rbuf_left(in)) {
        in->bad = true;
        return NULL;
    }
    list = calloc(n + 1U, size);
    if (!list)
        in->bad = true;
    else
        *ret_n = n;
    return list;
}

static void get_host(struct rbuf *in, struct part_host *h)
{
    uint8_t family = rbuf_u8(in), flags;

    h->addr.family = family;
    get_bytes(in, h->addr.b, sizeof h->addr.b);
    h->state = (char)rbuf_u8(in);
    flags = rbuf_u8(in);
    h->marked = flags & 1;
    h->has_mac = flags & 2;
    h->reason = rbuf_u8(in);
    h->ttl = rbuf_u8(in);
    get_bytes(in, h->mac.b, sizeof h->mac.b);
    get_bytes(in, h->mark, sizeof h->mark);
    h->vendor = get_text(in);
    if ((family != ADDR_V4 && family != ADDR_V6) || !h->state || !strchr("undb", h->state) ||
        h->reason >= REASON_MAX || flags > 3)
        in->bad = true;
}

static void get_facts(struct rbuf *in, struct part *p)
{
    p->facts = get_list(in, &p->n_facts, sizeof *p->facts, 13 + VALUE_DIGEST_LEN);
    for (size_t i = 0; !in->bad && i < p->n_facts; i++) {
        struct part_fact *f = &p->facts[i];
        uint8_t how;

        f->host = rbuf_u32(in);
        f->slot = (int32_t)rbuf_u32(in);
        f->attr = (int32_t)rbuf_u32(in);
        how = rbuf_u8(in);
        f->unsure = how & 1;
        f->absent = how & 2;
        get_bytes(in, f->digest, sizeof f->digest);
        if (how > 2 || f->host >= p->n_hosts || f->attr == INT32_MIN ||
            (f->attr < 0 && (size_t)-f->attr > p->n_names))
            in->bad = true;
    }
}

static void get_values(struct rbuf *in, struct part *p)
{
    p->values = get_list(in, &p->n_values, sizeof *p->values, 5 + VALUE_DIGEST_LEN);
    for (size_t i = 0; !in->bad && i < p->n_values; i++) {
        uint8_t kind = rbuf_u8(in);

        p->values[i].kind = (enum value_kind)kind;
        get_bytes(in, p->values[i].digest, VALUE_DIGEST_LEN);
        p->values[i].body = need_text(in);
        if (kind != VALUE_TEXT && kind != VALUE_SERVICE && kind != VALUE_SCRIPT)
            in->bad = true;
    }
}

static void get_end(struct rbuf *in, struct part *p)
{
    p->ends = rbuf_u8(in) != 0;
    p->end.complete = rbuf_u8(in) != 0;
    p->end.probes = rbuf_u64(in);
    p->end.retransmissions = rbuf_u64(in);
    p->end.drops = rbuf_u64(in);
    p->end.loss = get_real(in);
    p->end.rate_pps = get_real(in);
    /* Older versions did not write this. */
    p->last = p->number || in->bad || !rbuf_left(in) ? -1 : (int64_t)rbuf_u32(in);
}

static void get_lists(struct rbuf *in, struct part *p)
{
    p->hosts = get_list(in, &p->n_hosts, sizeof *p->hosts, 31 + VALUE_DIGEST_LEN);
    for (size_t i = 0; !in->bad && i < p->n_hosts; i++)
        get_host(in, &p->hosts[i]);
    p->names = get_list(in, &p->n_names, sizeof *p->names, 4);
    p->n_judged = rbuf_u32(in);
    for (size_t i = 0; !in->bad && i < p->n_names; i++)
        p->names[i] = need_text(in);
    if (p->n_judged > p->n_names)
        in->bad = true;
    get_facts(in, p);
    get_values(in, p);
    p->ports = get_list(in, &p->n_ports, sizeof *p->ports, 8);
    for (size_t i = 0; !in->bad && i < p->n_ports; i++) {
        p->ports[i].slot = (int32_t)rbuf_u32(in);
        p->ports[i].name = need_text(in);
    }
}

int part_decode(struct part *ret, struct rbuf *in)
{
    struct part p = {.bytes = sizeof p + in->len};

    p.schedule = (int64_t)rbuf_u64(in);
    p.fence = (int64_t)rbuf_u64(in);
    p.number = rbuf_u32(in);
    p.at = rbuf_u64(in);
    p.place = rbuf_u64(in);
    p.method = need_text(in);
    get_lists(in, &p);
    get_end(in, &p);
    if (in->bad || rbuf_left(in)) {
        part_done(&p);
        return -EBADMSG;
    }
    *ret = p;
    return 0;
}
