/* nmap's XML (-oX), so that the tools which read that read us: valid against nmap's DTD, which
 * allows "nmap" alone as scanner; `version` and `args` say who really wrote it.
 *
 * Script children come from the script host as XML already; everything else is escaped here.
 * XML 1.0 has no place for most control characters and for U+FFFE and U+FFFF, not even escaped, so
 * those become the text \xHH. */
#include "engine/base/text.h"
#include "engine/model/services.h"
#include "service/cli/scan_writer.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* The version of nmap's XML format that this is. */
#define XML_FORMAT "1.05"

static void xml_char(struct buf *out, char c)
{
    switch (c) {
    case '&':
        buf_str(out, "&amp;");
        break;
    case '<':
        buf_str(out, "&lt;");
        break;
    case '>':
        buf_str(out, "&gt;");
        break;
    case '"':
        buf_str(out, "&quot;");
        break;
    case '\'':
        buf_str(out, "&apos;");
        break;
    case '\t':
    case '\n':
    case '\r':
        buf_printf(out, "&#x%x;", (unsigned)c);
        break;
    default:
        buf_char(out, c);
    }
}

void scan_xml_escape(struct buf *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        /* U+FFFE and U+FFFF */
        if (len - i >= 3 && memcmp(s + i, "\xef\xbf", 2) == 0 && (unsigned char)s[i + 2] >= 0xbe) {
            buf_printf(out, "\\xEF\\xBF\\x%02X", (unsigned char)s[i + 2]);
            i += 2;
        } else {
            xml_char(out, s[i]);
        }
    }
}

/* ` name="value"`; nothing for NULL. */
static void attribute(struct buf *out, const char *name, const char *value)
{
    CLEANUP(buf_done) struct buf clean = {0};

    if (!value)
        return;
    text_escape_utf8(&clean, value, strlen(value));
    buf_printf(out, " %s=\"", name);
    scan_xml_escape(out, clean.data ? clean.data : "", clean.len);
    buf_char(out, '"');
    out->failed |= clean.failed;
}

static uint64_t seconds(usec_t t)
{
    return t / USEC_PER_SEC;
}

/* As ctime(3) writes it, in the local time zone, which is what readers of this format expect. */
static void time_attribute(struct buf *out, const char *name, usec_t wall)
{
    time_t t = (time_t)seconds(wall);
    struct tm tm;
    char text[64];

    localtime_r(&t, &tm);
    strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &tm);
    attribute(out, name, text);
}

static void xml_scaninfo(struct buf *out, const struct scan_info *i, enum protocol protocol)
{
    CLEANUP(buf_done) struct buf services = {0};
    bool udp = protocol == PROTOCOL_UDP;

    if (udp ? !i->udp : !i->method)
        return;
    port_set_format_of(&services, i->ports, protocol);
    buf_printf(out, "<scaninfo type=\"%s\" protocol=\"%s\" numservices=\"%" PRIu32 "\"",
               udp ? "udp" : i->method, protocol_name(protocol),
               port_set_count(i->ports, protocol));
    attribute(out, "services", services.data ? services.data : "");
    buf_str(out, "/>\n");
    out->failed |= services.failed;
}

static void xml_begin(struct buf *out, const struct scan_info *i)
{
    buf_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nmaprun>\n<nmaprun "
                 "scanner=\"nmap\"");
    attribute(out, "args", i->command);
    buf_printf(out, " start=\"%" PRIu64 "\"", seconds(i->start));
    time_attribute(out, "startstr", i->start);
    buf_printf(out, " version=\"muster-%s\" xmloutputversion=\"%s\">\n", i->version, XML_FORMAT);
    xml_scaninfo(out, i, PROTOCOL_TCP);
    xml_scaninfo(out, i, PROTOCOL_UDP);
    buf_printf(out, "<verbose level=\"%d\"/>\n<debugging level=\"%d\"/>\n", i->verbose, i->debug);
}

static void xml_script(struct buf *out, const struct script_result *r)
{
    CLEANUP(buf_done) struct buf clean = {0};

    if (!r->output)
        return;
    text_escape_binary(&clean, r->output, r->output_len);
    buf_str(out, "<script");
    attribute(out, "id", r->script);
    buf_str(out, " output=\"");
    scan_xml_escape(out, clean.data ? clean.data : "", clean.len);
    if (r->xml && r->xml[0])
        buf_printf(out, "\">%s</script>", r->xml);
    else
        buf_str(out, "\"/>");
    out->failed |= clean.failed;
}

/* Scripts of a phase (and port); returns whether any was there.  `open` is written before the
 * first. */
static bool xml_scripts(struct buf *out, const struct record_script *s, size_t n,
                        enum script_phase phase, const struct record_port *p, const char *open)
{
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        const struct script_result *r = &s[i].result;

        if (r->phase != phase || !r->output)
            continue;
        if (p && (r->port != p->port || r->protocol != p->protocol))
            continue;
        if (!any)
            buf_str(out, open);
        xml_script(out, r);
        any = true;
    }
    return any;
}

static void xml_phase(struct buf *out, enum script_phase phase, const struct record_script *s,
                      size_t n)
{
    const char *open = phase == SCRIPT_PRE ? "<prescript>" : "<postscript>";

    if (xml_scripts(out, s, n, phase, NULL, open))
        buf_str(out, phase == SCRIPT_PRE ? "</prescript>\n" : "</postscript>\n");
}

static void xml_service(struct buf *out, const char *name, const struct service_info *s)
{
    static const struct service_info none;
    bool probed;

    if (!name)
        return;
    s = s ? s : &none;
    probed = s->method == SERVICE_PROBED;
    buf_str(out, "<service");
    attribute(out, "name", name);
    attribute(out, "product", s->product);
    attribute(out, "version", s->version);
    attribute(out, "extrainfo", s->extra);
    attribute(out, "hostname", s->hostname);
    attribute(out, "ostype", s->os);
    attribute(out, "devicetype", s->device);
    if (s->tunnel && strcmp(s->tunnel, "ssl") == 0)
        attribute(out, "tunnel", s->tunnel);
    buf_printf(out, " method=\"%s\" conf=\"%u\"", probed ? "probed" : "table",
               probed && s->confidence <= 10 ? s->confidence : 3);
    buf_str(out, s->cpe[0] ? ">" : "/>");
    for (size_t i = 0; i < SERVICE_CPE_MAX && s->cpe[i]; i++) {
        buf_str(out, "<cpe>");
        scan_xml_escape(out, s->cpe[i], strlen(s->cpe[i]));
        buf_str(out, "</cpe>");
    }
    buf_str(out, s->cpe[0] ? "</service>" : "");
}

static void xml_port(struct buf *out, const struct scan_info *i, const struct host_record *r,
                     const struct record_port *p)
{
    buf_printf(out,
               "<port protocol=\"%s\" portid=\"%u\"><state state=\"%s\" reason=\"%s\" "
               "reason_ttl=\"%u\"/>",
               protocol_name(p->protocol), p->port, port_state_name(p->state),
               reason_name(p->reason), p->ttl);
    xml_service(out, scan_service_name(i, r, p), host_record_service(r, p));
    xml_scripts(out, r->scripts, r->n_scripts, SCRIPT_PORT, p, "");
    buf_str(out, "</port>\n");
}

struct ignored_to_xml {
    struct buf *out;
    const struct host_record *record;
    int state; /* of the element that is open; PORT_UNKNOWN: none */
};

static void xml_ignored(void *user, const struct record_ignored *g)
{
    struct ignored_to_xml *x = user;

    if (x->state != (int)g->state) {
        buf_printf(x->out, "%s<extraports state=\"%s\" count=\"%zu\">\n",
                   x->state == PORT_UNKNOWN ? "" : "</extraports>\n", port_state_name(g->state),
                   host_record_count(x->record, g->state));
        x->state = (int)g->state;
    }
    buf_printf(x->out, "<extrareasons reason=\"%s\" count=\"%" PRIu32 "\" proto=\"%s\"",
               reason_name(g->reason), g->count, protocol_name(g->protocol));
    if (g->listed) {
        buf_str(x->out, " ports=\"");
        port_set_format_of(x->out, &g->ports, g->protocol);
        buf_char(x->out, '"');
    }
    buf_str(x->out, "/>\n");
}

static void xml_ports(struct buf *out, const struct scan_info *i, const struct host_record *r)
{
    struct ignored_to_xml x = {.out = out, .record = r, .state = PORT_UNKNOWN};

    buf_str(out, "<ports>");
    host_record_each_ignored(r, xml_ignored, &x);
    if (x.state != PORT_UNKNOWN)
        buf_str(out, "</extraports>\n");
    for (size_t n = 0; n < r->n_ports; n++)
        if (!host_record_ignores(r, r->ports[n].state))
            xml_port(out, i, r, &r->ports[n]);
    buf_str(out, "</ports>\n");
}

static void xml_mac(struct buf *out, const struct host_finding *h)
{
    char upper[MAC_TEXT_MAX];

    if (!h->has_mac)
        return;
    mac_format(&h->mac, upper);
    for (char *c = upper; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'f' ? *c - 'a' + 'A' : *c);
    buf_printf(out, "<address addr=\"%s\" addrtype=\"mac\"", upper);
    attribute(out, "vendor", h->vendor);
    buf_str(out, "/>\n");
}

static void xml_hostname(struct buf *out, const char *name, const char *type)
{
    if (!name)
        return;
    buf_str(out, "<hostname");
    attribute(out, "name", name);
    buf_printf(out, " type=\"%s\"/>\n", type);
}

static void xml_host_head(struct buf *out, const struct host_finding *h)
{
    char address[ADDR_TEXT_MAX];

    buf_printf(out, "<status state=\"%s\" reason=\"%s\" reason_ttl=\"%u\"/>\n",
               host_state_name(h->state), reason_name(h->reason), h->ttl);
    buf_printf(out, "<address addr=\"%s\" addrtype=\"%s\"/>\n", addr_format(&h->address, address),
               h->address.family == ADDR_V6 ? "ipv6" : "ipv4");
    if (h->state == HOST_DOWN || (h->state == HOST_UNKNOWN && !h->target && !h->hostname))
        return;
    xml_mac(out, h);
    buf_str(out, "<hostnames>\n");
    xml_hostname(out, h->target, "user");
    xml_hostname(out, h->hostname, "PTR");
    buf_str(out, "</hostnames>\n");
}

/* That a host is up, long before its ports are known: all that a file tells of it whose scan was
 * killed. */
static void xml_host(struct buf *out, const struct scan_info *i, const struct host_finding *h)
{
    if (h->state != HOST_UP || !i->ports || i->finished)
        return;
    buf_str(out, "<hosthint>");
    xml_host_head(out, h);
    buf_str(out, "</hosthint>\n");
}

/* One answer was timed: RFC 6298 starts the variance at half of it, and nmap waits 100 ms at least.
 */
static void xml_times(struct buf *out, uint64_t srtt)
{
    uint64_t rttvar = srtt / 2, to = srtt + 4 * rttvar;

    if (!srtt)
        return;
    to = to < 100000 ? 100000 : to;
    buf_printf(out, "<times srtt=\"%" PRIu64 "\" rttvar=\"%" PRIu64 "\" to=\"%" PRIu64 "\"/>\n",
               srtt, rttvar, to);
}

static void xml_hop(struct buf *out, size_t ttl, const struct hop_finding *f)
{
    char address[ADDR_TEXT_MAX];

    buf_printf(out, "<hop ttl=\"%zu\" ipaddr=\"%s\"", ttl, addr_format(&f->address, address));
    if (f->rtt)
        buf_printf(out, " rtt=\"%.2f\"", (double)f->rtt / USEC_PER_MSEC);
    attribute(out, "host", f->hostname);
    buf_str(out, "/>\n");
}

static void xml_trace(struct buf *out, const struct hops *h)
{
    if (!h->n)
        return;
    buf_str(out, "<trace");
    if (h->port)
        buf_printf(out, " port=\"%u\" proto=\"%s\"", h->port, protocol_name(h->protocol));
    buf_str(out, ">\n");
    for (size_t i = 0; i < h->n; i++)
        if (h->v[i].address.family != ADDR_NONE)
            xml_hop(out, i + 1, &h->v[i]);
    buf_str(out, "</trace>\n");
}

static void xml_record(struct buf *out, const struct scan_info *i, const struct host_record *r)
{
    if (r->host.state == HOST_UP)
        buf_printf(out, "<host starttime=\"%" PRIu64 "\" endtime=\"%" PRIu64 "\"%s>",
                   seconds(r->started), seconds(r->ended),
                   r->timed_out ? " timedout=\"true\"" : "");
    else
        buf_str(out, "<host>");
    xml_host_head(out, &r->host);
    if (r->host.state == HOST_UP && i->ports)
        xml_ports(out, i, r);
    if (xml_scripts(out, r->scripts, r->n_scripts, SCRIPT_HOST, NULL, "<hostscript>"))
        buf_str(out, "</hostscript>\n");
    xml_trace(out, &r->trace);
    xml_times(out, r->host.rtt);
    buf_str(out, "</host>\n");
}

static void xml_end(struct buf *out, const struct scan_info *i, const struct scan_totals *t)
{
    CLEANUP(buf_done) struct buf summary = {0};
    uint64_t n = t->hosts_probed + t->hosts_listed;

    (void)i;
    buf_str(&summary, "Muster done: ");
    scan_totals_text(&summary, t);
    buf_printf(out, "<runstats><finished time=\"%" PRIu64 "\"", seconds(t->end));
    time_attribute(out, "timestr", t->end);
    attribute(out, "summary", summary.data);
    buf_printf(out, " elapsed=\"%.2f\" exit=\"%s\"", (double)t->elapsed / USEC_PER_SEC,
               t->failure ? "error" : "success");
    attribute(out, "errormsg", t->failure);
    buf_printf(out,
               "/><hosts up=\"%" PRIu64 "\" down=\"%" PRIu64 "\" total=\"%" PRIu64
               "\"/>\n</runstats>\n</nmaprun>\n",
               t->hosts_up, n > t->hosts_up ? n - t->hosts_up : 0, n);
}

const struct scan_form scan_form_xml = {
    .name = "xml",
    .begin = xml_begin,
    .host = xml_host,
    .record = xml_record,
    .phase = xml_phase,
    .end = xml_end,
};
