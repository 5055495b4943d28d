/* A host's findings, copied out of the callbacks that bring them.
 *
 * Ports sit in an array that is kept in the order of arrival and sorted once when the host is
 * through; only then do lookups by port happen in numbers. */
#include "service/cli/scan_record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int copy_text(const char **ret, const char *text)
{
    *ret = text ? strdup(text) : NULL;
    return text && !*ret ? -ENOMEM : 0;
}

static void drop_text(const char *text)
{
    free((void *)(uintptr_t)text);
}

static void host_texts_done(struct host_finding *h)
{
    drop_text(h->vendor);
    drop_text(h->hostname);
    drop_text(h->target);
}

static void service_info_done(struct service_info *s)
{
    const char *const texts[] = {s->name,     s->product, s->version, s->extra,
                                 s->hostname, s->os,      s->device,  s->tunnel};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        drop_text(texts[i]);
    for (size_t i = 0; i < SERVICE_CPE_MAX; i++)
        drop_text(s->cpe[i]);
    *s = (struct service_info){0};
}

static int service_info_copy(struct service_info *ret, const struct service_info *from)
{
    struct service_info s = {.method = from->method, .confidence = from->confidence};
    int r = copy_text(&s.name, from->name);

    r = r < 0 ? r : copy_text(&s.product, from->product);
    r = r < 0 ? r : copy_text(&s.version, from->version);
    r = r < 0 ? r : copy_text(&s.extra, from->extra);
    r = r < 0 ? r : copy_text(&s.hostname, from->hostname);
    r = r < 0 ? r : copy_text(&s.os, from->os);
    r = r < 0 ? r : copy_text(&s.device, from->device);
    r = r < 0 ? r : copy_text(&s.tunnel, from->tunnel);
    for (size_t i = 0; i < SERVICE_CPE_MAX && r == 0; i++)
        r = copy_text(&s.cpe[i], from->cpe[i]);
    if (r < 0)
        service_info_done(&s);
    else
        *ret = s;
    return r;
}

struct host_record *host_record_new(const struct host_finding *h)
{
    CLEANUP(host_record_freep) struct host_record *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->host = *h;
    r->host.vendor = r->host.hostname = r->host.target = NULL;
    if (copy_text(&r->host.vendor, h->vendor) < 0 ||
        copy_text(&r->host.hostname, h->hostname) < 0 || copy_text(&r->host.target, h->target) < 0)
        return NULL;
    return take(&r);
}

struct host_record *host_record_free(struct host_record *r)
{
    if (!r)
        return NULL;
    host_texts_done(&r->host);
    for (size_t i = 0; i < r->n_services; i++)
        service_info_done(&r->services[i].info);
    for (size_t i = 0; i < r->n_scripts; i++)
        record_script_done(&r->scripts[i]);
    free(r->ports);
    free(r->summaries);
    free(r->services);
    free(r->scripts);
    hops_done(&r->trace);
    free(r);
    return NULL;
}

void host_record_freep(struct host_record **r)
{
    *r = host_record_free(*r);
}

int host_record_set_name(struct host_record *r, const char *hostname)
{
    const char *copy;
    int e = copy_text(&copy, hostname);

    if (e < 0)
        return e;
    drop_text(r->host.hostname);
    r->host.hostname = copy;
    return 0;
}

static bool info_is_plain(const struct service_info *s)
{
    return !s->name && !s->product && !s->version && !s->extra && !s->hostname && !s->os &&
           !s->device && !s->tunnel && !s->cpe[0];
}

static int append_service(struct host_record *r, const struct port_finding *p)
{
    struct record_service *more = realloc(r->services, (r->n_services + 1) * sizeof *more);
    int e;

    if (!more)
        return -ENOMEM;
    r->services = more;
    more[r->n_services] = (struct record_service){.port = p->port, .protocol = p->protocol};
    e = service_info_copy(&more[r->n_services].info, &p->service);
    if (e == 0)
        r->n_services++;
    return e;
}

static int append_port(struct host_record *r, const struct port_finding *p)
{
    if (r->n_ports == r->cap_ports) {
        size_t cap = r->cap_ports ? 2 * r->cap_ports : 16;
        struct record_port *more = realloc(r->ports, cap * sizeof *more);

        if (!more)
            return -ENOMEM;
        r->ports = more;
        r->cap_ports = cap;
    }
    r->ports[r->n_ports++] = (struct record_port){.port = p->port, .protocol = p->protocol};
    return 0;
}

static void fill_port(struct record_port *port, const struct port_finding *p)
{
    port->state = (uint8_t)p->state;
    port->reason = (uint8_t)p->reason;
    port->ttl = p->ttl;
}

int host_record_add_port(struct host_record *r, const struct port_finding *p)
{
    int e = append_port(r, p);

    if (e < 0)
        return e;
    fill_port(&r->ports[r->n_ports - 1], p);
    r->counts[p->state]++;
    return info_is_plain(&p->service) ? 0 : append_service(r, p);
}

static int update_service(struct host_record *r, const struct port_finding *p)
{
    struct service_info copy;
    int e;

    for (size_t i = 0; i < r->n_services; i++) {
        if (r->services[i].port != p->port || r->services[i].protocol != p->protocol)
            continue;
        e = service_info_copy(&copy, &p->service);
        if (e < 0)
            return e;
        service_info_done(&r->services[i].info);
        r->services[i].info = copy;
        return 0;
    }
    return append_service(r, p);
}

int host_record_update_port(struct host_record *r, const struct port_finding *p)
{
    size_t i = 0;

    while (i < r->n_ports && (r->ports[i].port != p->port || r->ports[i].protocol != p->protocol))
        i++;
    if (i == r->n_ports)
        return host_record_add_port(r, p);
    r->counts[r->ports[i].state]--;
    r->counts[p->state]++;
    fill_port(&r->ports[i], p);
    return info_is_plain(&p->service) ? 0 : update_service(r, p);
}

int host_record_add_summary(struct host_record *r, const struct port_summary *s)
{
    struct port_summary *more = realloc(r->summaries, (r->n_summaries + 1) * sizeof *more);

    if (!more)
        return -ENOMEM;
    r->summaries = more;
    r->summaries[r->n_summaries++] = *s;
    r->counts[s->state] += s->count;
    return 0;
}

void record_script_done(struct record_script *s)
{
    drop_text(s->result.script);
    drop_text(s->result.reason);
    drop_text(s->result.output);
    drop_text(s->result.data);
    drop_text(s->result.xml);
    *s = (struct record_script){0};
}

int record_script_copy(struct record_script *ret, const struct script_result *s)
{
    struct record_script c = {.result = *s};
    char *output = s->output ? malloc(s->output_len + 1) : NULL;
    int r = s->output && !output ? -ENOMEM : 0;

    if (output) {
        memcpy(output, s->output, s->output_len);
        output[s->output_len] = '\0';
    }
    c.result.output = output;
    c.result.script = c.result.reason = c.result.data = c.result.xml = NULL;
    r = r < 0 ? r : copy_text(&c.result.script, s->script);
    r = r < 0 ? r : copy_text(&c.result.reason, s->reason);
    r = r < 0 ? r : copy_text(&c.result.xml, s->xml);
    if (r < 0)
        record_script_done(&c);
    else
        *ret = c;
    return r;
}

int host_record_add_script(struct host_record *r, const struct script_result *s)
{
    struct record_script *more = realloc(r->scripts, (r->n_scripts + 1) * sizeof *more);
    int e;

    if (!more)
        return -ENOMEM;
    r->scripts = more;
    e = record_script_copy(&r->scripts[r->n_scripts], s);
    if (e == 0)
        r->n_scripts++;
    return e;
}

static int port_order(const void *a, const void *b)
{
    const struct record_port *x = a, *y = b;

    if (x->protocol != y->protocol)
        return x->protocol < y->protocol ? -1 : 1;
    return (x->port > y->port) - (x->port < y->port);
}

static int script_order(const void *a, const void *b)
{
    const struct script_result *x = &((const struct record_script *)a)->result;
    const struct script_result *y = &((const struct record_script *)b)->result;

    if (x->phase != y->phase)
        return x->phase < y->phase ? -1 : 1;
    if (x->protocol != y->protocol)
        return x->protocol < y->protocol ? -1 : 1;
    if (x->port != y->port)
        return x->port < y->port ? -1 : 1;
    return strcmp(x->script, y->script);
}

void record_scripts_sort(struct record_script *s, size_t n)
{
    if (n)
        qsort(s, n, sizeof *s, script_order);
}

void host_record_sort(struct host_record *r)
{
    if (r->n_ports)
        qsort(r->ports, r->n_ports, sizeof *r->ports, port_order);
    record_scripts_sort(r->scripts, r->n_scripts);
}

const struct service_info *host_record_service(const struct host_record *r,
                                               const struct record_port *p)
{
    for (size_t i = 0; i < r->n_services; i++)
        if (r->services[i].port == p->port && r->services[i].protocol == p->protocol)
            return &r->services[i].info;
    return NULL;
}

struct port_finding host_record_port(const struct host_record *r, const struct record_port *p)
{
    const struct service_info *s = host_record_service(r, p);
    struct port_finding f = {.address = r->host.address,
                             .protocol = p->protocol,
                             .port = p->port,
                             .state = p->state,
                             .reason = p->reason,
                             .ttl = p->ttl,
                             .time = r->ended};

    if (s)
        f.service = *s;
    return f;
}

size_t host_record_count(const struct host_record *r, enum port_state state)
{
    return r->counts[state];
}

static bool may_be_open(enum port_state state)
{
    return state == PORT_OPEN || state == PORT_OPEN_FILTERED || state == PORT_UNFILTERED;
}

bool host_record_ignores(const struct host_record *r, enum port_state state)
{
    if (r->open_only && !may_be_open(state))
        return true;
    return state != PORT_OPEN && host_record_count(r, state) > RECORD_LISTED_MAX;
}

bool host_record_lists_any(const struct host_record *r)
{
    for (size_t s = 0; s < ARRAY_LEN(r->counts); s++)
        if (r->counts[s] && !host_record_ignores(r, (enum port_state)s))
            return true;
    return false;
}

/* The ports of one protocol, state and reason, as one group. */
static void group_fill(const struct host_record *r, struct record_ignored *g)
{
    for (size_t i = 0; i < r->n_ports; i++) {
        const struct record_port *p = &r->ports[i];

        if (p->protocol != g->protocol || p->state != g->state || p->reason != g->reason)
            continue;
        port_set_add(&g->ports, g->protocol, p->port);
        g->count++;
    }
    g->listed = g->count > 0;
    for (size_t i = 0; i < r->n_summaries; i++) {
        const struct port_summary *s = &r->summaries[i];

        if (s->protocol != g->protocol || s->state != g->state || s->reason != g->reason)
            continue;
        g->count += s->count;
        g->listed = false;
    }
}

/* A mask of the reasons for which ports of the protocol are in that state. */
static uint64_t reasons_of(const struct host_record *r, enum protocol protocol,
                           enum port_state state)
{
    uint64_t mask = 0;

    _Static_assert(REASON_MAX <= 64, "reasons are bits of a mask");
    for (size_t i = 0; i < r->n_ports; i++)
        if (r->ports[i].protocol == protocol && r->ports[i].state == state)
            mask |= 1ULL << r->ports[i].reason;
    for (size_t i = 0; i < r->n_summaries; i++)
        if (r->summaries[i].protocol == protocol && r->summaries[i].state == state)
            mask |= 1ULL << r->summaries[i].reason;
    return mask;
}

static void each_reason(const struct host_record *r, enum port_state state,
                        void (*fn)(void *user, const struct record_ignored *g), void *user)
{
    static const enum protocol protocols[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP};

    for (size_t p = 0; p < ARRAY_LEN(protocols); p++) {
        for (uint64_t mask = reasons_of(r, protocols[p], state); mask; mask &= mask - 1) {
            struct record_ignored g = {.protocol = protocols[p],
                                       .state = state,
                                       .reason = (enum reason)__builtin_ctzll(mask)};

            group_fill(r, &g);
            fn(user, &g);
        }
    }
}

void host_record_each_ignored(const struct host_record *r,
                              void (*fn)(void *user, const struct record_ignored *g), void *user)
{
    enum { N_STATES = PORT_CLOSED_FILTERED + 1 };
    size_t count[N_STATES];

    for (int s = 0; s < N_STATES; s++)
        count[s] = host_record_ignores(r, (enum port_state)s)
                       ? host_record_count(r, (enum port_state)s)
                       : 0;
    for (;;) {
        int best = 0;

        for (int s = 1; s < N_STATES; s++)
            if (count[s] > count[best])
                best = s;
        if (!count[best])
            return;
        each_reason(r, (enum port_state)best, fn, user);
        count[best] = 0;
    }
}
