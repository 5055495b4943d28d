/* JSON lines: a record as soon as it is known.
 *
 * Ports that are not open are told when the host is through: by line up to RECORD_LISTED_MAX of a
 * state, above that in one record "extraports" (the word of nmap's XML for the same thing). */
#include "engine/model/services.h"
#include "service/cli/scan_writer.h"

#include <inttypes.h>

static void json_host(struct buf *out, const struct scan_info *i, const struct host_finding *h)
{
    (void)i;
    host_finding_json(out, h);
    buf_char(out, '\n');
}

static void json_port(struct buf *out, const struct port_finding *p)
{
    port_finding_json(out, p);
    buf_char(out, '\n');
}

static void json_script(struct buf *out, const struct script_result *r)
{
    script_result_json(out, r);
    buf_char(out, '\n');
}

struct ignored_to_json {
    struct buf *out;
    const struct addr *address;
};

static void json_ignored(void *user, const struct record_ignored *g)
{
    const struct ignored_to_json *j = user;
    char text[ADDR_TEXT_MAX];

    buf_printf(j->out,
               "{\"record\":\"extraports\",\"address\":\"%s\",\"protocol\":\"%s\","
               "\"state\":\"%s\",\"reason\":\"%s\",\"count\":%" PRIu32 ",\"ports\":",
               addr_format(j->address, text), protocol_name(g->protocol), port_state_name(g->state),
               reason_name(g->reason), g->count);
    if (g->listed) {
        buf_char(j->out, '"');
        port_set_format_of(j->out, &g->ports, g->protocol);
        buf_char(j->out, '"');
    } else {
        buf_str(j->out, "null");
    }
    buf_str(j->out, "}\n");
}

static void json_record(struct buf *out, const struct scan_info *i, const struct host_record *r)
{
    struct ignored_to_json j = {.out = out, .address = &r->host.address};

    for (size_t n = 0; n < r->n_ports; n++) {
        const struct record_port *p = &r->ports[n];
        struct port_finding f;

        if (p->state == PORT_OPEN || host_record_ignores(r, p->state))
            continue;
        f = host_record_port(r, p);
        if (!f.service.name) {
            f.service.name = services_name(i->names, p->protocol, p->port);
            f.service.confidence = f.service.name ? 3 : 0;
        }
        json_port(out, &f);
    }
    host_record_each_ignored(r, json_ignored, &j);
    if (r->trace.n) {
        hops_json(out, &r->host.address, &r->trace);
        buf_char(out, '\n');
    }
}

static void json_coverage(struct buf *out, const struct coverage *c)
{
    coverage_json(out, c);
    buf_char(out, '\n');
}

static void json_end(struct buf *out, const struct scan_info *i, const struct scan_totals *t)
{
    (void)i;
    buf_printf(out,
               "{\"record\":\"summary\",\"hosts_probed\":%" PRIu64 ",\"hosts_up\":%" PRIu64
               ",\"ports_open\":%" PRIu64 ",\"scripts_run\":%" PRIu64 ",\"elapsed_ms\":%" PRIu64
               ",\"complete\":%s}\n",
               t->hosts_probed, t->hosts_up, t->ports_open, t->scripts_run,
               (uint64_t)(t->elapsed / USEC_PER_MSEC), t->failure ? "false" : "true");
}

const struct scan_form scan_form_json = {
    .name = "json",
    .host = json_host,
    .port = json_port,
    .script = json_script,
    .record = json_record,
    .coverage = json_coverage,
    .end = json_end,
};
