/* The text form: nmap's screen layout, whose readers look for "PORT STATE SERVICE" and "| script:"
 * at the places they know.
 *
 * Text from the network is escaped before it gets here on a screen: names and versions to UTF-8
 * without control characters, script output to what nmap shows (bytes outside ASCII as \xHH), so
 * that both print the same bytes. */
#include "engine/base/text.h"
#include "engine/model/services.h"
#include "service/cli/scan_writer.h"
#include "service/cli/screen.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { COLUMN_PORT, COLUMN_STATE, COLUMN_SERVICE, COLUMN_REASON, COLUMN_VERSION, COLUMN_MAX };

struct port_row {
    struct buf cells[COLUMN_MAX];
};

struct port_columns {
    bool shown[COLUMN_MAX];
    size_t width[COLUMN_MAX];
};

static const char *const column_names[COLUMN_MAX] = {"PORT", "STATE", "SERVICE", "REASON",
                                                     "VERSION"};

static void line_start(struct buf *out, const struct script_result *r, bool first, bool last)
{
    buf_str(out, last ? "|_" : "| ");
    if (first)
        buf_printf(out, "%s: ", r->script);
}

/* A line of a script's output.  text_escape_binary() lets a carriage return be, which on a terminal
 * would write over what stands before it. */
static void add_line(struct buf *out, const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (line[i] == '\r')
            buf_str(out, "\\x0D");
        else
            buf_char(out, line[i]);
    buf_char(out, '\n');
}

void scan_script_text(struct buf *out, const struct script_result *r)
{
    CLEANUP(buf_done) struct buf clean = {0};
    const char *line;
    bool first = true;

    if (!r->output || !r->output_len)
        return;
    text_escape_binary(&clean, r->output, r->output_len);
    if (clean.failed) {
        out->failed = true;
        return;
    }
    for (line = clean.data; first || *line; first = false) {
        size_t len = strcspn(line, "\n");
        const char *next = line + len + (line[len] == '\n');

        line_start(out, r, first, !*next);
        add_line(out, line, len);
        line = next;
    }
}

static void scripts_of(struct buf *out, const struct record_script *s, size_t n,
                       enum script_phase phase, const struct record_port *p)
{
    for (size_t i = 0; i < n; i++) {
        const struct script_result *r = &s[i].result;

        if (r->phase != phase || (p && (r->port != p->port || r->protocol != p->protocol)))
            continue;
        scan_script_text(out, r);
    }
}

const char *scan_service_name(const struct scan_info *i, const struct host_record *r,
                              const struct record_port *p)
{
    const struct service_info *s = host_record_service(r, p);

    return s && s->name ? s->name : services_name(i->names, p->protocol, p->port);
}

void scan_version_text(struct buf *out, const struct service_info *s)
{
    const char *const parts[] = {s->product, s->version};

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (!parts[i])
            continue;
        buf_str(out, out->len ? " " : "");
        screen_text(out, parts[i]);
    }
    if (!s->extra)
        return;
    buf_str(out, out->len ? " (" : "(");
    screen_text(out, s->extra);
    buf_char(out, ')');
}

/* What runs there was asked and not found: the name is only what usually does. */
static bool is_guess(const struct scan_info *i, const struct service_info *s,
                     const struct record_port *p)
{
    return i->versions && p->state == PORT_OPEN && !(s && s->name && s->confidence > 3);
}

void scan_service_text(struct buf *out, const struct scan_info *i, const struct host_record *r,
                       const struct record_port *p)
{
    const struct service_info *s = host_record_service(r, p);
    const char *name = scan_service_name(i, r, p);

    if (s && s->tunnel)
        buf_printf(out, "%s/", s->tunnel);
    screen_text(out, name ? name : "unknown");
    if (is_guess(i, s, p) && name)
        buf_char(out, '?');
}

static void row_fill(struct port_row *row, const struct scan_info *i, const struct host_record *r,
                     const struct record_port *p)
{
    const struct service_info *s = host_record_service(r, p);

    buf_printf(&row->cells[COLUMN_PORT], "%u/%s", p->port, protocol_name(p->protocol));
    buf_str(&row->cells[COLUMN_STATE], port_state_name(p->state));
    scan_service_text(&row->cells[COLUMN_SERVICE], i, r, p);
    buf_str(&row->cells[COLUMN_REASON], reason_name(p->reason));
    if (p->ttl)
        buf_printf(&row->cells[COLUMN_REASON], " ttl %u", p->ttl);
    if (s)
        scan_version_text(&row->cells[COLUMN_VERSION], s);
}

static void row_done(struct port_row *row)
{
    for (size_t c = 0; c < COLUMN_MAX; c++)
        buf_done(&row->cells[c]);
}

static void columns_measure(struct port_columns *k, const struct scan_info *i,
                            const struct host_record *r)
{
    for (size_t c = 0; c < COLUMN_MAX; c++) {
        k->shown[c] = c != COLUMN_REASON || i->reasons;
        k->width[c] = strlen(column_names[c]);
    }
    k->shown[COLUMN_VERSION] = false;
    for (size_t n = 0; n < r->n_ports; n++) {
        CLEANUP(row_done) struct port_row row = {0};

        if (host_record_ignores(r, r->ports[n].state))
            continue;
        row_fill(&row, i, r, &r->ports[n]);
        for (size_t c = 0; c < COLUMN_MAX; c++)
            k->width[c] = row.cells[c].len > k->width[c] ? row.cells[c].len : k->width[c];
        k->shown[COLUMN_VERSION] |= row.cells[COLUMN_VERSION].len > 0;
    }
}

/* Cells in their widths, without blanks at the end. */
static void columns_print(struct buf *out, const struct port_columns *k,
                          const char *const cells[COLUMN_MAX])
{
    size_t pending = 0;

    for (size_t c = 0; c < COLUMN_MAX; c++) {
        const char *text = cells[c] ? cells[c] : "";

        if (!k->shown[c])
            continue;
        if (*text)
            buf_printf(out, "%*s%s", (int)pending, "", text);
        else
            pending += k->width[c] + 1;
        if (*text)
            pending = k->width[c] + 1 - strlen(text);
    }
    buf_char(out, '\n');
}

static void text_port(struct buf *out, const struct scan_info *i, const struct host_record *r,
                      const struct record_port *p, const struct port_columns *k)
{
    CLEANUP(row_done) struct port_row row = {0};
    const char *cells[COLUMN_MAX];

    row_fill(&row, i, r, p);
    for (size_t c = 0; c < COLUMN_MAX; c++) {
        cells[c] = row.cells[c].data;
        out->failed |= row.cells[c].failed;
    }
    columns_print(out, k, cells);
    scripts_of(out, r->scripts, r->n_scripts, SCRIPT_PORT, p);
}

static size_t count_listed(const struct host_record *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_ports; i++)
        n += !host_record_ignores(r, r->ports[i].state);
    return n;
}

static size_t count_all(const struct host_record *r)
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(r->counts); i++)
        n += r->counts[i];
    return n;
}

struct ignored_to_text {
    struct buf *out;
    bool any;
};

static void text_ignored(void *user, const struct record_ignored *g)
{
    struct ignored_to_text *t = user;

    buf_printf(t->out, "%s%" PRIu32 " %s %s port%s (%s)", t->any ? ", " : "Not shown: ", g->count,
               port_state_name(g->state), protocol_name(g->protocol), g->count == 1 ? "" : "s",
               reason_name(g->reason));
    t->any = true;
}

/* "web.example (192.0.2.10)", or the address alone. */
static void text_name(struct buf *out, const struct host_finding *h)
{
    const char *name = h->target ? h->target : h->hostname;
    char address[ADDR_TEXT_MAX];

    if (name) {
        screen_text(out, name);
        buf_printf(out, " (%s)", addr_format(&h->address, address));
    } else {
        buf_str(out, addr_format(&h->address, address));
    }
}

static void text_ports(struct buf *out, const struct scan_info *i, const struct host_record *r)
{
    struct ignored_to_text t = {.out = out};
    struct port_columns k;
    size_t listed = count_listed(r);

    if (!listed && count_all(r)) {
        buf_printf(out, "All %zu scanned ports on ", count_all(r));
        text_name(out, &r->host);
        buf_str(out, " are in ignored states.\n");
    }
    host_record_each_ignored(r, text_ignored, &t);
    buf_str(out, t.any ? "\n" : listed ? "\n" : "");
    if (!listed)
        return;
    columns_measure(&k, i, r);
    columns_print(out, &k, column_names);
    for (size_t n = 0; n < r->n_ports; n++)
        if (!host_record_ignores(r, r->ports[n].state))
            text_port(out, i, r, &r->ports[n], &k);
}

/* A span in seconds with two digits that count: 0.0000050, 0.25, 12. */
static void text_latency(struct buf *out, usec_t rtt)
{
    double seconds = (double)rtt / USEC_PER_SEC;
    int digits = 1 - (int)floor(log10(seconds));

    buf_printf(out, "%.*f", digits < 0 ? 0 : digits, seconds);
}

static void text_up(struct buf *out, const struct scan_info *i, const struct host_finding *h)
{
    buf_str(out, "\nHost is up");
    if (i->reasons)
        buf_printf(out, ", received %s", reason_name(h->reason));
    if (h->rtt) {
        buf_str(out, " (");
        text_latency(out, h->rtt);
        buf_str(out, "s latency)");
    }
    buf_str(out, ".\n");
    if (h->target && h->hostname && strcmp(h->target, h->hostname) != 0) {
        char address[ADDR_TEXT_MAX];

        buf_printf(out, "rDNS record for %s: ", addr_format(&h->address, address));
        screen_text(out, h->hostname);
        buf_char(out, '\n');
    }
}

static void text_mac(struct buf *out, const struct host_finding *h)
{
    if (!h->has_mac)
        return;
    buf_str(out, "MAC Address: ");
    for (size_t n = 0; n < sizeof h->mac.b; n++)
        buf_printf(out, "%s%02X", n ? ":" : "", h->mac.b[n]);
    buf_str(out, " (");
    screen_text(out, h->vendor ? h->vendor : "Unknown");
    buf_str(out, ")\n");
}

static bool has_host_scripts(const struct host_record *r)
{
    for (size_t n = 0; n < r->n_scripts; n++) {
        const struct script_result *s = &r->scripts[n].result;

        if (s->phase == SCRIPT_HOST && s->output && s->output_len)
            return true;
    }
    return false;
}

static void text_record(struct buf *out, const struct scan_info *i, const struct host_record *r)
{
    buf_str(out, "Muster scan report for ");
    text_name(out, &r->host);
    if (r->host.state != HOST_UP) {
        buf_str(out, r->host.state == HOST_DOWN ? " [host down]\n" : "\n");
        return;
    }
    text_up(out, i, &r->host);
    if (r->timed_out)
        buf_str(out, "The scan of this host did not finish; what is known so far follows.\n");
    text_ports(out, i, r);
    text_mac(out, &r->host);
    scan_service_info_text(out, r);
    if (has_host_scripts(r)) {
        buf_str(out, "\nHost script results:\n");
        scripts_of(out, r->scripts, r->n_scripts, SCRIPT_HOST, NULL);
    }
    scan_trace_text(out, r);
    if (i->ports || has_host_scripts(r) || r->trace.n)
        buf_char(out, '\n');
}

static void text_phase(struct buf *out, enum script_phase phase, const struct record_script *s,
                       size_t n)
{
    size_t start = out->len, heading;

    buf_printf(out, "%s script results:\n", phase == SCRIPT_PRE ? "Pre-scan" : "Post-scan");
    heading = out->len;
    scripts_of(out, s, n, phase, NULL);
    if (out->len == heading && !out->failed) { /* none of them printed */
        out->len = start;
        out->data[start] = '\0';
    }
}

static void text_begin(struct buf *out, const struct scan_info *i)
{
    char time[TIME_TEXT_MAX];

    buf_printf(out, "Starting Muster %s at %s\n", i->version, time_format(i->start, time));
}

void scan_file_begin(struct buf *out, const struct scan_info *i)
{
    char time[TIME_TEXT_MAX];

    buf_printf(out, "# Muster %s scan initiated %s as: ", i->version, time_format(i->start, time));
    screen_text(out, i->command);
    buf_char(out, '\n');
}

void scan_totals_text(struct buf *out, const struct scan_totals *t)
{
    uint64_t n = t->hosts_probed + t->hosts_listed;

    buf_printf(out, "%" PRIu64 " IP address%s (%" PRIu64 " host%s up) scanned in %.2f seconds", n,
               n == 1 ? "" : "es", t->hosts_up, t->hosts_up == 1 ? "" : "s",
               (double)t->elapsed / USEC_PER_SEC);
}

static void text_end(struct buf *out, const struct scan_info *i, const struct scan_totals *t)
{
    (void)i;
    if (t->failure)
        buf_printf(out, "Incomplete: %s.\n", t->failure);
    buf_str(out, "Muster done: ");
    scan_totals_text(out, t);
    buf_char(out, '\n');
}

void scan_file_end(struct buf *out, const struct scan_info *i, const struct scan_totals *t)
{
    char time[TIME_TEXT_MAX];

    (void)i;
    if (t->failure)
        buf_printf(out, "# Incomplete: %s\n", t->failure);
    buf_printf(out, "# Muster done at %s -- ", time_format(t->end, time));
    scan_totals_text(out, t);
    buf_char(out, '\n');
}

const struct scan_form scan_form_file = {
    .name = "file",
    .begin = scan_file_begin,
    .record = text_record,
    .phase = text_phase,
    .end = scan_file_end,
};

const struct scan_form scan_form_text = {
    .name = "text",
    .begin = text_begin,
    .record = text_record,
    .phase = text_phase,
    .end = text_end,
};
