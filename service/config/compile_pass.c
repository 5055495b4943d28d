/* The passes of a zone: keys that go with their kind, ports, probes, scripts, defaults. */
#include "service/config/compile_priv.h"

#include <string.h>

#define INTERVAL_MIN     USEC_PER_SEC
#define INTERVAL_MAX     (366 * 86400 * USEC_PER_SEC)
#define DEFAULT_SCRIPTS  "default"
#define DEFAULT_VERSIONS "version"
/* The well-known ones, and registered ones that servers, printers, cameras, routers and databases
 * listen on. */
#define DEFAULT_PORTS                                                                              \
    "1-1024,1080,1099,1194,1433,1434,1521,1720,1723,1883,2049,2082,2083,2181,2222,2375,2376,2379," \
    "2380,3000,3128,3260,3268,3269,3306,3389,3478,4000,4443,4444,4786,4840,5000,5001,5044,5060,"   \
    "5061,5222,5269,5353,5357,5432,5555,5601,5666,5671,5672,5683,5900-5903,5984-5986,6000,6379,"   \
    "6443,6667,7000,7001,7077,7443,7547,7680,8000-8010,8080-8090,8123,8161,8200,8291,8333,8443,"   \
    "8500,8554,8728,8834,8883,8888,9000-9002,9042,9080,9090-9093,9100,9160,9200,9300,9418,9443,"   \
    "9999,10000,10050,10051,10250,10255,11211,15672,16992,16993,18083,20000,25565,27017,27018,"    \
    "32400,32768,44818,47808,49152-49157,50000,50051,51820,61616"

/* Keys that only some kinds of pass know. */
static void compile_pass_keys(struct compile *k, const struct config_pass *p, const char *place)
{
    static const struct {
        const char *key;
        unsigned kinds; /* bit per kind */
    } keys[] = {
        {"ports", 1 << PASS_PORTS},
        {"method", 1 << PASS_PORTS},
        {"probes", 1 << PASS_PRESENCE | 1 << PASS_PORTS},
        {"syn_ports", 1 << PASS_PRESENCE | 1 << PASS_PORTS},
        {"ack_ports", 1 << PASS_PRESENCE | 1 << PASS_PORTS},
        {"udp_ports", 1 << PASS_PRESENCE | 1 << PASS_PORTS},
        {"sample", 1 << PASS_PRESENCE | 1 << PASS_PORTS},
        {"retries", 1 << PASS_PRESENCE | 1 << PASS_PORTS},
        {"host_timeout", 1 << PASS_PRESENCE | 1 << PASS_PORTS},
        {"scripts", 1 << PASS_SERVICES | 1 << PASS_SCRIPTS},
        {"args", 1 << PASS_SERVICES | 1 << PASS_SCRIPTS},
        {"script_timeout", 1 << PASS_SERVICES | 1 << PASS_SCRIPTS},
    };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char full[PLACE_MAX];

        if (keys[i].kinds & (1U << p->kind) || !compile_has(k, place, keys[i].key))
            continue;
        compile_place(full, place, keys[i].key);
        WRONG(k, full, "has no meaning in a pass of kind '%s'", config_pass_kind_name(p->kind));
    }
}

static void compile_pass_ports(struct compile *k, struct config_pass *p, const char *place)
{
    char full[PLACE_MAX];
    struct err e = {0};

    if (p->kind != PASS_PORTS)
        return;
    if (!p->ports)
        compile_text(k, &p->ports, DEFAULT_PORTS);
    p->port_set = calloc(1, sizeof *p->port_set);
    if (!p->port_set || !p->ports) {
        k->no_memory = true;
        return;
    }
    compile_place(full, place, "ports");
    if (port_set_parse(p->port_set, p->ports, 1, NULL, &e) < 0)
        WRONG(k, full, "%s", err_text(&e));
    else if (p->method == METHOD_CONNECT && port_set_count(p->port_set, PROTOCOL_UDP))
        WRONG(k, full, "UDP ports are not reached by connect; leave out the U: part or the method");
}

/* Ports of probes: each key belongs to one of them. */
static void compile_pass_pings(struct compile *k, const struct config_zone *z,
                               const struct config_pass *p, const char *place)
{
    const struct {
        const char *key, *text;
        enum config_probe probe;
    } lists[] = {
        {"syn_ports", p->syn_ports, PROBE_SYN},
        {"ack_ports", p->ack_ports, PROBE_ACK},
        {"udp_ports", p->udp_ports, PROBE_UDP},
    };
    char full[PLACE_MAX];

    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct port_few ports;
        struct err e = {0};

        compile_place(full, place, lists[i].key);
        if (!lists[i].text || p->kind > PASS_PORTS)
            continue;
        if (!(p->probes & lists[i].probe))
            WRONG(k, full, "the probe these ports belong to is not among 'probes'");
        else if (port_few_parse(&ports, lists[i].text, &e) < 0)
            WRONG(k, full, "%s", err_text(&e));
    }
    compile_place(full, place, "probes");
    if (p->probes & PROBE_LINK && !z->interface)
        WRONG(k, full, "'link' asks every address by ARP and needs the zone's 'interface'");
}

/* Grants are by category, which a path would go round. */
static void compile_pass_scripts(struct compile *k, const struct config_pass *p, const char *place)
{
    char full[PLACE_MAX];

    compile_place(full, place, "scripts");
    if (p->scripts && strchr(p->scripts, '/'))
        WRONG(k, full,
              "expected names, categories and wildcards, not a path; add the directory that holds "
              "scripts/ to scripts.datadirs");
    else if (p->scripts && !p->scripts[strspn(p->scripts, " ,+")])
        WRONG(k, full, "names no script");
}

static void compile_pass(struct compile *k, struct config_pass *p, const char *place)
{
    static const usec_t normal[] = {
        [PASS_PRESENCE] = 5 * MINUTE,
        [PASS_PORTS] = HOUR,
        [PASS_SERVICES] = 24 * HOUR,
        [PASS_SCRIPTS] = 24 * HOUR,
    };

    if (!p->name)
        compile_text(k, &p->name, config_pass_kind_name(p->kind));
    if (p->name)
        compile_name(k, place, "name", p->name);
    compile_pass_keys(k, p, place);
    p->interval = compile_span(k, place, "interval", p->interval_text,
                               (struct bounds){INTERVAL_MIN, INTERVAL_MAX, normal[p->kind]});
    p->retries = compile_number(k, place, "retries", p->retries, (struct limits){0, 10, 2});
    p->sample = compile_number(k, place, "sample", p->sample, (struct limits){0, 128, 0});
    p->host_timeout = compile_span(k, place, "host_timeout", p->host_timeout_text,
                                   (struct bounds){0, 24 * HOUR, 15 * MINUTE});
    p->script_timeout = compile_span(k, place, "script_timeout", p->script_timeout_text,
                                     (struct bounds){USEC_PER_SEC, 24 * HOUR, 2 * MINUTE});
    compile_pass_ports(k, p, place);
    compile_pass_scripts(k, p, place);
    if (!p->scripts && (p->kind == PASS_SCRIPTS || p->kind == PASS_SERVICES))
        compile_text(k, &p->scripts, p->kind == PASS_SCRIPTS ? DEFAULT_SCRIPTS : DEFAULT_VERSIONS);
}

static void compile_pass_unique(struct compile *k, const struct config_zone *z, uint32_t i,
                                const char *place)
{
    for (uint32_t j = 0; j < i; j++)
        if (z->passes[i].name && z->passes[j].name &&
            strcmp(z->passes[i].name, z->passes[j].name) == 0) {
            WRONG(k, place, "this zone has a pass named '%s' already; give each its own 'name'",
                  z->passes[i].name);
            return;
        }
}

/* What a zone does that names no passes. */
static void passes_default(struct compile *k, struct config_zone *z)
{
    static const enum config_pass_kind kinds[] = {PASS_PRESENCE, PASS_PORTS, PASS_SERVICES,
                                                  PASS_SCRIPTS};

    z->passes = calloc(ARRAY_LEN(kinds), sizeof *z->passes);
    if (!z->passes) {
        k->no_memory = true;
        return;
    }
    z->n_passes = ARRAY_LEN(kinds);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        z->passes[i].kind = kinds[i];
}

void compile_passes(struct compile *k, struct config_zone *z, const char *place)
{
    if (!z->n_passes && !compile_has(k, place, "passes"))
        passes_default(k, z);
    for (uint32_t i = 0; i < z->n_passes; i++) {
        char full[PLACE_MAX];

        snprintf(full, sizeof full, "%.80s.passes[%u]", place, i);
        compile_pass(k, &z->passes[i], full);
        compile_pass_pings(k, z, &z->passes[i], full);
        compile_pass_unique(k, z, i, full);
    }
}
