/* The JSON lines of findings.
 *
 * Written by hand and not with a JSON library: the order of the keys is part of the contract, one
 * line is made per finding of scans with millions of them, and `data` of scripts is JSON text
 * already and goes in as it is. */
#include "engine/base/text.h"
#include "engine/model/finding.h"

#include <string.h>

/* How many bytes of s are one UTF-8 sequence, 0 for none.  The lead byte tells, text_is_utf8()
 * proves. */
static size_t sequence_len(const char *s, size_t left)
{
    unsigned char c = (unsigned char)s[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    return n <= left && text_is_utf8(s, n) ? n : 0;
}

/* One character that cannot stand for itself inside a literal. */
static void escape(struct buf *out, unsigned char c)
{
    static const char named[] = "\"\"\\\\\nn\rr\tt\bb\ff";

    for (size_t i = 0; i + 1 < sizeof named; i += 2) {
        if (named[i] == (char)c) {
            buf_char(out, '\\');
            buf_char(out, named[i + 1]);
            return;
        }
    }
    buf_printf(out, "\\u%04x", c);
}

void json_string(struct buf *out, const char *s, size_t len)
{
    buf_char(out, '"');
    for (size_t i = 0; i < len;) {
        size_t plain = text_plain_len(s + i, len - i), n;
        unsigned char c;

        if (plain) {
            buf_add(out, s + i, plain);
            i += plain;
            continue;
        }
        n = sequence_len(s + i, len - i);
        c = (unsigned char)s[i];

        /* NUL is UTF-8, but PostgreSQL's jsonb takes no \u0000: it is told as the text \x00 too. */
        if (!n)
            buf_printf(out, "\\\\x%02X", c);
        else if (c < 0x20 || c == '"' || c == '\\')
            escape(out, c);
        else
            buf_add(out, s + i, n);
        i += n ? n : 1;
    }
    buf_char(out, '"');
}

static void string_or_null(struct buf *out, const char *s)
{
    if (s)
        json_string(out, s, strlen(s));
    else
        buf_str(out, "null");
}

/* Starts with the comma, as every member but the first does. */
static void member(struct buf *out, const char *key, const char *value)
{
    buf_str(out, ",\"");
    buf_str(out, key);
    buf_str(out, "\":");
    string_or_null(out, value);
}

static void address_member(struct buf *out, const struct addr *a)
{
    char text[ADDR_TEXT_MAX];

    member(out, "address", a->family == ADDR_NONE ? NULL : addr_format(a, text));
}

/* The user's name for it first, then the reverse name, as nmap orders them. */
static void hostnames_member(struct buf *out, const struct host_finding *h)
{
    bool both = h->target && h->hostname && strcmp(h->target, h->hostname) != 0;

    buf_str(out, ",\"hostnames\":[");
    if (h->target || h->hostname)
        string_or_null(out, h->target ? h->target : h->hostname);
    if (both) {
        buf_char(out, ',');
        string_or_null(out, h->hostname);
    }
    buf_char(out, ']');
}

void host_finding_json(struct buf *out, const struct host_finding *h)
{
    char mac[MAC_TEXT_MAX], time[TIME_TEXT_MAX];

    buf_str(out, "{\"record\":\"host\"");
    address_member(out, &h->address);
    member(out, "state", host_state_name(h->state));
    member(out, "reason", reason_name(h->reason));
    member(out, "mac", h->has_mac ? mac_format(&h->mac, mac) : NULL);
    member(out, "vendor", h->vendor);
    hostnames_member(out, h);
    if (h->rtt)
        buf_printf(out, ",\"rtt_us\":%llu", (unsigned long long)h->rtt);
    else
        buf_str(out, ",\"rtt_us\":null");
    member(out, "time", time_format(h->time, time));
    buf_char(out, '}');
}

/* Always an object, so that readers need not look twice. */
static void service_member(struct buf *out, const struct service_info *s)
{
    buf_str(out, ",\"service\":{\"name\":");
    string_or_null(out, s->name);
    member(out, "product", s->product);
    member(out, "version", s->version);
    member(out, "extra", s->extra);
    member(out, "hostname", s->hostname);
    member(out, "os", s->os);
    member(out, "device", s->device);
    buf_str(out, ",\"cpe\":[");
    for (size_t i = 0; i < SERVICE_CPE_MAX && s->cpe[i]; i++) {
        if (i > 0)
            buf_char(out, ',');
        string_or_null(out, s->cpe[i]);
    }
    buf_char(out, ']');
    member(out, "tunnel", s->tunnel);
    member(out, "method", s->method == SERVICE_PROBED ? "probed" : "table");
    buf_printf(out, ",\"confidence\":%u}", s->confidence);
}

void port_finding_json(struct buf *out, const struct port_finding *p)
{
    buf_str(out, "{\"record\":\"port\"");
    address_member(out, &p->address);
    member(out, "protocol", protocol_name(p->protocol));
    buf_printf(out, ",\"port\":%u", p->port);
    member(out, "state", port_state_name(p->state));
    member(out, "reason", reason_name(p->reason));
    buf_printf(out, ",\"ttl\":%u", p->ttl);
    service_member(out, &p->service);
    buf_char(out, '}');
}

void script_result_json(struct buf *out, const struct script_result *r)
{
    bool port = r->phase == SCRIPT_PORT;

    buf_str(out, "{\"record\":\"script\"");
    member(out, "phase", script_phase_name(r->phase));
    address_member(out, &r->address);
    member(out, "protocol", port ? protocol_name(r->protocol) : NULL);
    if (port)
        buf_printf(out, ",\"port\":%u", r->port);
    else
        buf_str(out, ",\"port\":null");
    member(out, "script", r->script);
    member(out, "outcome", script_outcome_name(r->outcome));
    if (r->reason)
        member(out, "reason", r->reason);
    buf_str(out, ",\"output\":");
    if (r->output)
        json_string(out, r->output, r->output_len);
    else
        buf_str(out, "null");
    buf_printf(out, ",\"data\":%s", r->data ? r->data : "null");
    buf_printf(out, ",\"elapsed_ms\":%llu}", (unsigned long long)(r->elapsed / USEC_PER_MSEC));
}

void coverage_json(struct buf *out, const struct coverage *c)
{
    buf_str(out, "{\"record\":\"coverage\"");
    member(out, "scope", c->scope);
    member(out, "method", c->method);
    member(out, "ports", c->ports);
    buf_printf(out, ",\"probes\":%llu", (unsigned long long)c->probes);
    buf_printf(out, ",\"retransmissions\":%llu", (unsigned long long)c->retransmissions);
    buf_printf(out, ",\"loss\":%.4g,\"rate_pps\":%.0f", c->loss, c->rate_pps);
    /* Frames the kernel dropped are the exception: told only when there were any. */
    if (c->drops)
        buf_printf(out, ",\"drops\":%llu", (unsigned long long)c->drops);
    /* So are networks of which only a sample was asked. */
    if (c->sampled)
        buf_printf(out, ",\"asked\":%llu,\"sampled_networks\":%llu", (unsigned long long)c->asked,
                   (unsigned long long)c->sampled);
    buf_printf(out, ",\"complete\":%s}", c->complete ? "true" : "false");
}
