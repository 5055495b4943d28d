/* The configuration as the database wants it: networks cut into blocks, ports as ranges, all of it
 * as one JSON document.  Pure. */
#include "service/store/store_priv.h"

#include <errno.h>
#include <string.h>

#define BLOCK 256 /* addresses */

const char *store_addr_text(const struct addr *a, char buf[ADDR_TEXT_MAX])
{
    struct addr plain = *a;

    plain.scope = 0;
    return addr_format(&plain, buf);
}

/* The last address of the block that the range begins in; all of a range that is not swept. */
static struct addr end_of_block(const struct addr *first, const struct addr *last)
{
    struct addr end = *first;

    if (addr_range_is_wide(&(struct addr_range){*first, *last}))
        return *last;
    end.b[addr_len(first) - 1] = BLOCK - 1;
    return end;
}

int store_blocks(const struct addr_set *set, size_t limit,
                 void (*fn)(void *user, const struct addr *first, const struct addr *last),
                 void *user)
{
    size_t n = 0;

    for (size_t i = 0; i < set->n; i++) {
        struct addr first = set->ranges[i].first;

        for (;;) {
            struct addr end = end_of_block(&first, &set->ranges[i].last);
            bool over = addr_cmp(&end, &set->ranges[i].last) >= 0;

            if (++n > limit)
                return -E2BIG;
            fn(user, &first, over ? &set->ranges[i].last : &end);
            if (over)
                break;
            first = addr_add(&end, 1);
        }
    }
    return 0;
}

static void slots_of(struct buf *out, const struct port_set *ports, enum protocol p, bool *first)
{
    for (uint32_t port = 0; port < 65536; port++) {
        uint32_t last = port;

        if (!port_set_has(ports, p, (uint16_t)port))
            continue;
        while (last < 65535 && port_set_has(ports, p, (uint16_t)(last + 1)))
            last++;
        buf_printf(out, "%s[%u,%u]", *first ? "" : ",", (unsigned)p << 16 | port,
                   (unsigned)p << 16 | last);
        *first = false;
        port = last;
    }
}

void store_slots(struct buf *out, const struct port_set *ports)
{
    bool first = true;

    buf_char(out, '{');
    if (ports) {
        slots_of(out, ports, PROTOCOL_TCP, &first);
        slots_of(out, ports, PROTOCOL_UDP, &first);
    }
    buf_char(out, '}');
}

static void on_block(void *user, const struct addr *first, const struct addr *last)
{
    struct buf *out = user;
    char a[ADDR_TEXT_MAX], b[ADDR_TEXT_MAX];

    buf_printf(out, "%s[\"%s\",\"%s\"]", out->data[out->len - 1] == '[' ? "" : ",",
               store_addr_text(first, a), store_addr_text(last, b));
}

/* As many as a zone has whose addresses a sweep can visit: each range may begin and end within a
 * block, and each that is not swept is one. */
static size_t most_blocks(const struct addr_set *set)
{
    return ADDR_SWEEP_MAX / BLOCK + 2 * set->n;
}

static int zone_blocks(struct buf *out, const struct store_zone *z, struct err *e)
{
    struct addr_set set = {0};
    int r = 0;

    for (size_t i = 0; r == 0 && i < z->networks->n; i++)
        r = addr_set_add(&set, &z->networks->ranges[i].first, &z->networks->ranges[i].last);
    if (r == 0 && z->excludes)
        r = addr_set_subtract(&set, z->excludes);
    if (r == 0)
        r = store_blocks(&set, most_blocks(&set), on_block, out);
    if (r == -E2BIG)
        err_set(e, r,
                "zone %s: the networks are too large: more than %zu blocks of at most %d addresses",
                z->name, most_blocks(&set), BLOCK);
    addr_set_done(&set);
    return r;
}

static void pass_json(struct buf *out, const struct store_pass *p)
{
    usec_t confirm = p->confirm ? p->confirm : 30 * USEC_PER_SEC;

    if (confirm > p->every)
        confirm = p->every;
    buf_str(out, "{\"name\":");
    json_string(out, p->name, strlen(p->name));
    buf_printf(out, ",\"kind\":\"%s\",\"misses\":%u,\"every\":%.3f,\"confirm\":%.3f,\"slots\":\"",
               store_kind_name(p->kind), p->misses ? p->misses : 2, (double)p->every / USEC_PER_SEC,
               (double)confirm / USEC_PER_SEC);
    store_slots(out, p->ports);
    buf_str(out, "\"}");
}

static int zone_json(struct buf *out, const struct store_zone *z, struct err *e)
{
    int r;

    buf_str(out, "{\"name\":");
    json_string(out, z->name, strlen(z->name));
    buf_printf(out, ",\"host_misses\":%u,\"blocks\":[", z->host_misses ? z->host_misses : 3);
    if (out->failed)
        return -ENOMEM;
    r = zone_blocks(out, z, e);
    if (r < 0)
        return r;
    buf_str(out, "],\"passes\":[");
    for (size_t i = 0; i < z->n_passes; i++) {
        if (i)
            buf_char(out, ',');
        pass_json(out, &z->passes[i]);
    }
    buf_str(out, "]}");
    return 0;
}

int store_config_json(struct buf *out, const struct store_config *c, struct err *e)
{
    buf_str(out, "{\"zones\":[");
    for (size_t i = 0; i < c->n_zones; i++) {
        int r;

        if (i)
            buf_char(out, ',');
        r = zone_json(out, &c->zones[i], e);
        if (r < 0)
            return r;
    }
    buf_str(out, "]}");
    return out->failed ? -ENOMEM : 0;
}
