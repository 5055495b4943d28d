/* nmap's grepable form (-oG): a line or two for each host, of fields between tabs, which many a
 * person's script takes apart.  Fields of a port end with a slash, so a slash inside one becomes a
 * bar; scripts and MAC addresses have no place here. */
#include "service/cli/scan_writer.h"
#include "service/cli/screen.h"

#include <inttypes.h>
#include <string.h>

static void ports_scanned(struct buf *out, const struct scan_info *i, enum protocol p,
                          const char *name)
{
    bool asked = i->ports && (p == PROTOCOL_UDP ? i->udp : i->method != NULL);

    buf_printf(out, " %s(%" PRIu32 ";", name, asked ? port_set_count(i->ports, p) : 0);
    if (asked)
        port_set_format_of(out, i->ports, p);
    buf_char(out, ')');
}

static void grep_begin(struct buf *out, const struct scan_info *i)
{
    scan_file_begin(out, i);
    if (!i->verbose)
        return;
    buf_str(out, "# Ports scanned:");
    ports_scanned(out, i, PROTOCOL_TCP, "TCP");
    ports_scanned(out, i, PROTOCOL_UDP, "UDP");
    buf_str(out, " SCTP(0;) PROTOCOLS(0;)\n");
}

/* Up to the tab behind the name, which is that of the address, whatever was typed. */
static void grep_host(struct buf *out, const struct host_finding *h)
{
    char address[ADDR_TEXT_MAX];

    buf_printf(out, "Host: %s (", addr_format(&h->address, address));
    screen_text(out, h->hostname ? h->hostname : "");
    buf_str(out, ")\t");
}

static void grep_status(struct buf *out, const struct host_finding *h, const char *status)
{
    grep_host(out, h);
    buf_printf(out, "Status: %s\n", status);
}

/* Appends a cell of the text, and a slash. */
static void grep_field(struct buf *out, const struct buf *cell)
{
    for (size_t n = 0; n < cell->len; n++)
        buf_char(out, (char)(cell->data[n] == '/' ? '|' : cell->data[n]));
    buf_char(out, '/');
    out->failed |= cell->failed;
}

/* port/state/protocol/owner/service/RPC program/version/ */
static void grep_port(struct buf *out, const struct scan_info *i, const struct host_record *r,
                      const struct record_port *p)
{
    const struct service_info *s = host_record_service(r, p);
    CLEANUP(buf_done) struct buf service = {0}, version = {0};

    if (scan_service_name(i, r, p) || (s && s->tunnel))
        scan_service_text(&service, i, r, p);
    if (s)
        scan_version_text(&version, s);
    buf_printf(out, "%u/%s/%s//", p->port, port_state_name(p->state), protocol_name(p->protocol));
    grep_field(out, &service);
    buf_char(out, '/');
    grep_field(out, &version);
}

struct ignored_states {
    enum port_state state;
    unsigned n;
};

static void note_ignored(void *user, const struct record_ignored *g)
{
    struct ignored_states *s = user;

    s->n += s->n == 0 || g->state != s->state; /* those of one state come together */
    s->state = g->state;
}

static void grep_ports(struct buf *out, const struct scan_info *i, const struct host_record *r)
{
    struct ignored_states ignored = {0};
    bool any = false;

    grep_host(out, &r->host);
    buf_str(out, "Ports: ");
    for (size_t n = 0; n < r->n_ports; n++) {
        if (host_record_ignores(r, r->ports[n].state))
            continue;
        buf_str(out, any ? ", " : "");
        grep_port(out, i, r, &r->ports[n]);
        any = true;
    }
    host_record_each_ignored(r, note_ignored, &ignored);
    if (ignored.n == 1) /* of several the form does not tell */
        buf_printf(out, "\tIgnored State: %s (%zu)", port_state_name(ignored.state),
                   host_record_count(r, ignored.state));
    buf_char(out, '\n');
}

static bool has_ports(const struct host_record *r)
{
    return r->n_ports || r->n_summaries;
}

static void grep_record(struct buf *out, const struct scan_info *i, const struct host_record *r)
{
    if (r->host.state != HOST_UP) {
        grep_status(out, &r->host, r->host.state == HOST_DOWN ? "Down" : "Unknown");
        return;
    }
    grep_status(out, &r->host, "Up");
    if (i->ports && has_ports(r))
        grep_ports(out, i, r);
    if (r->timed_out)
        grep_status(out, &r->host, "Timeout");
}

const struct scan_form scan_form_grep = {
    .name = "grep",
    .begin = grep_begin,
    .record = grep_record,
    .end = scan_file_end,
};
