/* The elements of nmap.dtd that tell what the inventory holds: hosts that are up with their
 * addresses and names, open ports with what was probed there, results of scripts.
 *
 * A host counts as up where nmap has an answer of it: with -Pn every address is "up" by the word of
 * the user alone, and would become a host. */
#include "service/import/nmap_xml_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    enum element parent;
    const char *name;
    enum element is;
} elements[] = {
    {EL_TOP, "nmaprun", EL_RUN},
    {EL_RUN, "runstats", EL_FINISHED_IN},
    {EL_FINISHED_IN, "finished", EL_FINISHED},
    {EL_RUN, "host", EL_HOST},
    {EL_HOST, "status", EL_STATUS},
    {EL_HOST, "address", EL_ADDRESS},
    {EL_HOST, "hostnames", EL_HOSTNAMES},
    {EL_HOSTNAMES, "hostname", EL_HOSTNAME},
    {EL_HOST, "ports", EL_PORTS},
    {EL_PORTS, "extraports", EL_EXTRAPORTS},
    {EL_PORTS, "port", EL_PORT},
    {EL_PORT, "state", EL_STATE},
    {EL_PORT, "service", EL_SERVICE},
    {EL_SERVICE, "cpe", EL_CPE},
    {EL_PORT, "script", EL_SCRIPT},
    {EL_HOST, "hostscript", EL_HOSTSCRIPT},
    {EL_HOSTSCRIPT, "script", EL_SCRIPT},
    {EL_SCRIPT, "table", EL_TABLE},
    {EL_SCRIPT, "elem", EL_ELEM},
    {EL_TABLE, "table", EL_TABLE},
    {EL_TABLE, "elem", EL_ELEM},
};

enum element xml_element(enum element parent, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(elements); i++)
        if (elements[i].parent == parent && strcmp(elements[i].name, name) == 0)
            return elements[i].is;
    return EL_OTHER;
}

/* Seconds since 1970; far enough for every clock, and no overflow in microseconds. */
static usec_t time_of(struct nmap_xml *x, const char **atts, const char *name)
{
    return xml_number(x, atts, name, 99999999999ULL) * USEC_PER_SEC;
}

/* Without its time nobody can tell whether it is older than what is known. */
static void run_start(struct nmap_xml *x, const char **atts)
{
    x->run->started = time_of(x, atts, "start");
    if (!x->run->started)
        xml_fail(x, -EBADMSG, "<nmaprun> without its time; expected start=\"SECONDS\"");
}

static void host_start(struct nmap_xml *x, const char **atts)
{
    x->host = (struct nmap_host){.finding = {.time = time_of(x, atts, "endtime")}};
    x->has_status = x->has_address = x->answers = false;
}

static void status_start(struct nmap_xml *x, const char **atts)
{
    const char *state = xml_attribute(atts, "state"), *reason = xml_attribute(atts, "reason");
    struct host_finding *f = &x->host.finding;

    x->has_status = true;
    f->state = host_state_from(state ? state : "");
    f->reason = reason_from(reason ? reason : "");
    f->ttl = (uint8_t)xml_number(x, atts, "reason_ttl", UINT8_MAX);
    x->answers |= f->reason != REASON_USER_SET;
}

static void mac_start(struct nmap_xml *x, const char *text, const char **atts)
{
    struct host_finding *f = &x->host.finding;

    if (mac_parse(text, &f->mac) < 0) {
        xml_fail(x, -EBADMSG, "addr=\"%.40s\": expected a MAC address", text);
        return;
    }
    f->has_mac = x->answers = true;
    f->vendor = xml_keep(x, xml_attribute(atts, "vendor"));
}

static void address_start(struct nmap_xml *x, const char **atts)
{
    const char *text = xml_attribute(atts, "addr"), *type = xml_attribute(atts, "addrtype");

    text = text ? text : "";
    if (type && strcmp(type, "mac") == 0)
        mac_start(x, text, atts);
    else if (addr_parse(text, &x->host.finding.address) < 0 || x->host.finding.address.scope)
        xml_fail(x, -EBADMSG, "addr=\"%.64s\": expected an IPv4 or IPv6 address", text);
    else
        x->has_address = true;
}

static void hostname_start(struct nmap_xml *x, const char **atts)
{
    const char *name = xml_attribute(atts, "name"), *type = xml_attribute(atts, "type");

    if (name && *name && type && strcmp(type, "PTR") == 0 && !x->host.finding.hostname)
        x->host.finding.hostname = xml_keep(x, name);
}

static bool is_answer(enum port_state s)
{
    return s == PORT_OPEN || s == PORT_CLOSED || s == PORT_UNFILTERED;
}

static void extraports_start(struct nmap_xml *x, const char **atts)
{
    const char *state = xml_attribute(atts, "state");

    x->answers |= is_answer(port_state_from(state ? state : ""));
}

static void port_start(struct nmap_xml *x, const char **atts)
{
    const char *protocol = xml_attribute(atts, "protocol");

    x->port = (struct port_finding){
        .address = x->host.finding.address,
        .protocol = protocol_from(protocol ? protocol : ""),
    };
    x->n_cpes = 0;
    x->port_told = x->port.protocol != 0; /* else of a scan for IP protocols */
    if (x->port_told)
        x->port.port = (uint16_t)xml_number(x, atts, "portid", UINT16_MAX);
}

static void state_start(struct nmap_xml *x, const char **atts)
{
    const char *state = xml_attribute(atts, "state"), *reason = xml_attribute(atts, "reason");

    x->port.state = port_state_from(state ? state : "");
    x->port.reason = reason_from(reason ? reason : "");
    x->port.ttl = (uint8_t)xml_number(x, atts, "reason_ttl", UINT8_MAX);
    x->answers |= is_answer(x->port.state);
}

static const char *kept_attribute(struct nmap_xml *x, const char **atts, const char *name)
{
    const char *v = xml_attribute(atts, name);

    return v && *v ? xml_keep(x, v) : NULL;
}

static void service_start(struct nmap_xml *x, const char **atts)
{
    const char *method = xml_attribute(atts, "method"), *tunnel = xml_attribute(atts, "tunnel");

    x->port.service = (struct service_info){
        .name = kept_attribute(x, atts, "name"),
        .product = kept_attribute(x, atts, "product"),
        .version = kept_attribute(x, atts, "version"),
        .extra = kept_attribute(x, atts, "extrainfo"),
        .hostname = kept_attribute(x, atts, "hostname"),
        .os = kept_attribute(x, atts, "ostype"),
        .device = kept_attribute(x, atts, "devicetype"),
        .tunnel = tunnel && strcmp(tunnel, "ssl") == 0 ? "ssl" : NULL,
        .method = method && strcmp(method, "probed") == 0 ? SERVICE_PROBED : SERVICE_TABLE,
        .confidence = (uint8_t)xml_number(x, atts, "conf", 10),
    };
}

static void script_start(struct nmap_xml *x, const char **atts)
{
    const char *id = xml_attribute(atts, "id"), *output = xml_attribute(atts, "output");

    if (!id || !*id) {
        xml_fail(x, -EBADMSG, "<script> without its name; expected id=\"NAME\"");
        return;
    }
    x->script = (struct script_result){
        .phase = x->stack[x->depth - 2] == EL_PORT ? SCRIPT_PORT : SCRIPT_HOST,
        .address = x->host.finding.address,
        .script = xml_keep(x, id),
        .outcome = SCRIPT_OK,
        .output = output && *output ? xml_keep(x, output) : NULL,
    };
    x->script.output_len = x->script.output ? strlen(x->script.output) : 0;
    if (x->script.phase == SCRIPT_PORT) {
        x->script.protocol = x->port.protocol;
        x->script.port = x->port.port;
    }
}

static void table_start(struct nmap_xml *x, const char **atts)
{
    xml_check(x, structure_open(&x->structure, xml_attribute(atts, "key")));
}

static void elem_start(struct nmap_xml *x, const char **atts)
{
    const char *key = xml_attribute(atts, "key");

    free(x->key);
    x->key = key ? strdup(key) : NULL;
    if (key && !x->key)
        xml_check(x, -ENOMEM);
}

static void finished_start(struct nmap_xml *x, const char **atts)
{
    x->run->ended = time_of(x, atts, "time");
}

static void cpe_end(struct nmap_xml *x)
{
    if (x->n_cpes < SERVICE_CPE_MAX && x->text.len)
        x->port.service.cpe[x->n_cpes++] = xml_keep(x, x->text.data);
}

static void elem_end(struct nmap_xml *x)
{
    xml_check(x, structure_add(&x->structure, x->key, x->text.data ? x->text.data : ""));
    free(x->key);
    x->key = NULL;
}

static void table_end(struct nmap_xml *x)
{
    structure_close(&x->structure);
}

/* What nmap prints of a script that failed is no result. */
static bool is_result(const struct script_result *s)
{
    static const char failed[] = "ERROR: Script execution failed";

    return s->data || (s->output && strncmp(s->output, failed, sizeof failed - 1) != 0);
}

/* nmap runs scripts on ports that may be open, too; a detail counts only where one is. */
static void script_end(struct nmap_xml *x)
{
    CLEANUP(freep) char *data = NULL;

    xml_check(x, structure_take(&x->structure, &data));
    if (x->script.phase == SCRIPT_PORT && (!x->port_told || x->port.state != PORT_OPEN))
        return;
    x->script.data = xml_keep(x, data);
    if (is_result(&x->script))
        xml_check(x, nmap_run_result(x->run, &x->host, &x->script));
}

static void port_end(struct nmap_xml *x)
{
    if (x->port_told && x->port.state == PORT_OPEN)
        xml_check(x, nmap_run_port(x->run, &x->host, &x->port));
}

/* masscan writes no <status>: there its open ports say it. */
static void host_end(struct nmap_xml *x)
{
    struct nmap_host h = x->host;
    bool up = x->has_status ? h.finding.state == HOST_UP : h.n_ports > 0;

    if (up && x->answers && !x->has_address)
        xml_fail(x, -EBADMSG, "<host> without its address; expected <address>");
    if (!up || !x->answers || x->err.code)
        goto drop;
    h.finding.state = HOST_UP;
    xml_check(x, nmap_run_host(x->run, &h.finding));
    if (x->err.code)
        goto drop;
    x->run->hosts[x->run->n_hosts - 1] = h;
    x->host = (struct nmap_host){0};
    return;
drop:
    free(x->host.ports);
    free(x->host.results);
    x->host = (struct nmap_host){0};
}

static void (*const starts[])(struct nmap_xml *x, const char **atts) = {
    [EL_RUN] = run_start,         [EL_FINISHED] = finished_start,
    [EL_HOST] = host_start,       [EL_STATUS] = status_start,
    [EL_ADDRESS] = address_start, [EL_HOSTNAME] = hostname_start,
    [EL_PORT] = port_start,       [EL_EXTRAPORTS] = extraports_start,
    [EL_STATE] = state_start,     [EL_SERVICE] = service_start,
    [EL_SCRIPT] = script_start,   [EL_TABLE] = table_start,
    [EL_ELEM] = elem_start,
};
static void (*const ends[])(struct nmap_xml *x) = {
    [EL_CPE] = cpe_end,       [EL_ELEM] = elem_end, [EL_TABLE] = table_end,
    [EL_SCRIPT] = script_end, [EL_PORT] = port_end, [EL_HOST] = host_end,
};

void xml_start(struct nmap_xml *x, enum element is, const char **atts)
{
    if (is < ARRAY_LEN(starts) && starts[is])
        starts[is](x, atts);
}

void xml_end(struct nmap_xml *x, enum element is)
{
    if (is < ARRAY_LEN(ends) && ends[is])
        ends[is](x);
}
