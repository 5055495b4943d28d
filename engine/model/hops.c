#include "engine/model/hops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void hops_done(struct hops *h)
{
    for (size_t i = 0; i < h->n; i++)
        free(h->v[i].hostname);
    free(h->v);
    *h = (struct hops){0};
}

int hops_copy(struct hops *ret, const struct hops *from)
{
    bool failed = false;

    *ret = (struct hops){.protocol = from->protocol, .port = from->port};
    if (!from->n)
        return 0;
    ret->v = calloc(from->n, sizeof *ret->v);
    if (!ret->v)
        return -ENOMEM;
    for (; ret->n < from->n; ret->n++) {
        const struct hop_finding *f = &from->v[ret->n];

        ret->v[ret->n] = *f;
        ret->v[ret->n].hostname = f->hostname ? strdup(f->hostname) : NULL;
        failed |= f->hostname && !ret->v[ret->n].hostname;
    }
    if (failed)
        hops_done(ret);
    return failed ? -ENOMEM : 0;
}

static void hop_json(struct buf *out, unsigned ttl, const struct hop_finding *f)
{
    char text[ADDR_TEXT_MAX];

    buf_printf(out, "{\"ttl\":%u,\"address\":\"%s\",\"hostname\":", ttl,
               addr_format(&f->address, text));
    if (f->hostname)
        json_string(out, f->hostname, strlen(f->hostname));
    else
        buf_str(out, "null");
    if (f->rtt)
        buf_printf(out, ",\"rtt_us\":%llu}", (unsigned long long)f->rtt);
    else
        buf_str(out, ",\"rtt_us\":null}");
}

void hops_json(struct buf *out, const struct addr *host, const struct hops *h)
{
    char text[ADDR_TEXT_MAX];
    const char *separator = "";

    buf_printf(out, "{\"record\":\"trace\",\"address\":\"%s\",\"protocol\":\"%s\",\"port\":",
               addr_format(host, text), h->protocol ? protocol_name(h->protocol) : "icmp");
    if (h->port)
        buf_printf(out, "%u", h->port);
    else
        buf_str(out, "null");
    buf_str(out, ",\"hops\":[");
    for (size_t i = 0; i < h->n; i++) {
        if (h->v[i].address.family == ADDR_NONE)
            continue;
        buf_str(out, separator);
        hop_json(out, (unsigned)i + 1, &h->v[i]);
        separator = ",";
    }
    buf_str(out, "]}");
}
