/* The table of routers on the way to a host, in nmap's layout. */
#include "service/cli/scan_writer.h"
#include "service/cli/screen.h"

#include <stdio.h>
#include <string.h>

#define RTT_MAX 32

static const char *rtt_text(const struct hop_finding *f, char ret[RTT_MAX])
{
    if (f->rtt)
        snprintf(ret, RTT_MAX, "%.2f ms", (double)f->rtt / USEC_PER_MSEC);
    else
        snprintf(ret, RTT_MAX, "--");
    return ret;
}

static size_t rtt_width(const struct hops *h)
{
    size_t width = strlen("RTT");
    char text[RTT_MAX];

    for (size_t i = 0; i < h->n; i++) {
        size_t len = strlen(rtt_text(&h->v[i], text));

        if (h->v[i].address.family != ADDR_NONE && len > width)
            width = len;
    }
    return width;
}

static void hop_text(struct buf *out, size_t ttl, const struct hop_finding *f, int width)
{
    char rtt[RTT_MAX], address[ADDR_TEXT_MAX];

    buf_printf(out, "%-3zu %-*s ", ttl, width, rtt_text(f, rtt));
    if (f->hostname) {
        screen_text(out, f->hostname);
        buf_printf(out, " (%s)\n", addr_format(&f->address, address));
    } else {
        buf_printf(out, "%s\n", addr_format(&f->address, address));
    }
}

/* Hops from..to that nobody answered for. */
static void silent_text(struct buf *out, size_t from, size_t to)
{
    if (from == to)
        buf_printf(out, "%-3zu ...\n", from);
    else
        buf_printf(out, "%-3zu ... %zu\n", from, to);
}

static void title_text(struct buf *out, const struct hops *h, const struct addr *host)
{
    buf_str(out, "\nTRACEROUTE");
    if (h->port)
        buf_printf(out, " (using port %u/%s)", h->port, protocol_name(h->protocol));
    else if (h->n > 1)
        buf_str(out,
                host->family == ADDR_V6 ? " (using proto 58/ipv6-icmp)" : " (using proto 1/icmp)");
    buf_char(out, '\n');
}

void scan_trace_text(struct buf *out, const struct host_record *r)
{
    const struct hops *h = &r->trace;
    int width = (int)rtt_width(h);
    size_t silent = 0;

    if (!h->n)
        return;
    title_text(out, h, &r->host.address);
    buf_printf(out, "HOP %-*s ADDRESS\n", width, "RTT");
    for (size_t i = 0; i < h->n; i++) {
        if (h->v[i].address.family == ADDR_NONE) {
            silent++;
            continue;
        }
        if (silent)
            silent_text(out, i + 1 - silent, i);
        silent = 0;
        hop_text(out, i + 1, &h->v[i], width);
    }
}
