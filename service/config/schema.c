/* The keys of muster.yaml and where they go in struct config.
 *
 * Texts with a unit of their own (spans, networks, ports) are strings here and are read by
 * compile.c, which also fills in the defaults; so every field is optional for libcyaml but the few
 * without which nothing makes sense. */
#include "service/config/schema.h"

#include "service/config/config.h"

#include <stddef.h>

#define TEXT_LEN_MAX 4096
#define LIST_MAX     65536

/* A text that may be missing or empty: then NULL. */
#define TEXT(key, structure, member)                                                               \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL, structure, member,  \
                           0, TEXT_LEN_MAX)
#define TEXT_REQUIRED(key, structure, member)                                                      \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, structure, member, 1, TEXT_LEN_MAX)
#define NUMBER(key, structure, member) CYAML_FIELD_UINT(key, CYAML_FLAG_OPTIONAL, structure, member)
#define LIST(key, structure, member, count, entry)                                                 \
    CYAML_FIELD_SEQUENCE_COUNT(key, CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL, structure,      \
                               member, count, entry, 0, LIST_MAX)
/* A mapping that may be missing, or empty because all of it is commented out. */
#define SECTION(key, structure, member, fields)                                                    \
    CYAML_FIELD_MAPPING_PTR(key, CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL, structure, member, \
                            fields)
#define CHOICE(key, structure, member, names)                                                      \
    CYAML_FIELD_ENUM(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, structure, member, names,       \
                     CYAML_ARRAY_LEN(names))
#define SET(key, structure, member, names)                                                         \
    CYAML_FIELD_FLAGS(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, structure, member, names,      \
                      CYAML_ARRAY_LEN(names))

static const cyaml_strval_t kinds[] = {
    {"presence", PASS_PRESENCE},
    {"ports", PASS_PORTS},
    {"services", PASS_SERVICES},
    {"scripts", PASS_SCRIPTS},
};
static const cyaml_strval_t methods[] = {
    {"auto", METHOD_AUTO},
    {"syn", METHOD_SYN},
    {"connect", METHOD_CONNECT},
};
static const cyaml_strval_t probes[] = {
    {"arp", PROBE_ARP},   {"echo", PROBE_ECHO},       {"timestamp", PROBE_TIMESTAMP},
    {"syn", PROBE_SYN},   {"ack", PROBE_ACK},         {"udp", PROBE_UDP},
    {"link", PROBE_LINK}, {"connect", PROBE_CONNECT}, {"no-arp", PROBE_NO_ARP},
    {"none", PROBE_NONE},
};
static const cyaml_strval_t grants[] = {
    {"brute", GRANT_BRUTE},       {"dos", GRANT_DOS},       {"exploit", GRANT_EXPLOIT},
    {"external", GRANT_EXTERNAL}, {"fuzzer", GRANT_FUZZER}, {"intrusive", GRANT_INTRUSIVE},
};
static const cyaml_strval_t reaches[] = {
    {"local", REACH_LOCAL},
    {"public", REACH_PUBLIC},
};

static const cyaml_strval_t endpoint_kinds[] = {
    {"webhook", KIND_WEBHOOK},
    {"cloudevents", KIND_CLOUDEVENTS},
    {"cloudevents-binary", KIND_CLOUDEVENTS_BINARY},
    {"slack", KIND_SLACK},
    {"mattermost", KIND_MATTERMOST},
    {"teams", KIND_TEAMS},
    {"discord", KIND_DISCORD},
    {"ntfy", KIND_NTFY},
    {"gotify", KIND_GOTIFY},
    {"pagerduty", KIND_PAGERDUTY},
    {"opsgenie", KIND_OPSGENIE},
    {"alertmanager", KIND_ALERTMANAGER},
    {"splunk", KIND_SPLUNK},
    {"template", KIND_TEMPLATE},
};
static const cyaml_strval_t orders[] = {
    {"none", ORDER_NONE},
    {"subject", ORDER_SUBJECT},
    {"strict", ORDER_STRICT},
};

static const cyaml_strval_t severities[] = {
    {"debug", LEAST_DEBUG}, {"info", LEAST_INFO},         {"warning", LEAST_WARNING},
    {"high", LEAST_HIGH},   {"critical", LEAST_CRITICAL},
};
static const cyaml_strval_t groups[] = {
    {"zone", GROUP_ZONE},           {"asset", GROUP_ASSET}, {"host", GROUP_HOST},
    {"type", GROUP_TYPE},           {"kind", GROUP_KIND},   {"severity", GROUP_SEVERITY},
    {"script", GROUP_SCRIPT},       {"port", GROUP_PORT},   {"owner", GROUP_OWNER},
    {"condition", GROUP_CONDITION},
};

static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, TEXT_LEN_MAX),
};

static const cyaml_schema_field_t pass_fields[] = {
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct config_pass, kind, kinds,
                     CYAML_ARRAY_LEN(kinds)),
    TEXT("name", struct config_pass, name),
    TEXT("interval", struct config_pass, interval_text),
    SET("probes", struct config_pass, probes, probes),
    TEXT("syn_ports", struct config_pass, syn_ports),
    TEXT("ack_ports", struct config_pass, ack_ports),
    TEXT("udp_ports", struct config_pass, udp_ports),
    TEXT("ports", struct config_pass, ports),
    CHOICE("method", struct config_pass, method, methods),
    NUMBER("retries", struct config_pass, retries),
    NUMBER("sample", struct config_pass, sample),
    TEXT("host_timeout", struct config_pass, host_timeout_text),
    TEXT("scripts", struct config_pass, scripts),
    TEXT("args", struct config_pass, args),
    TEXT("script_timeout", struct config_pass, script_timeout_text),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t pass_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_pass, pass_fields),
};

static const cyaml_schema_field_t confirm_fields[] = {
    NUMBER("misses", struct config_confirm, misses),
    NUMBER("host_misses", struct config_confirm, host_misses),
    TEXT("after", struct config_confirm, after_text),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t zone_retention_fields[] = {
    TEXT("history", struct config_retention, history_text),
    TEXT("scripts", struct config_retention, scripts_text),
    TEXT("coverage", struct config_retention, coverage_text),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t retention_fields[] = {
    TEXT("history", struct config_retention, history_text),
    TEXT("scripts", struct config_retention, scripts_text),
    TEXT("coverage", struct config_retention, coverage_text),
    TEXT("absent", struct config_retention, absent_text),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t zone_fields[] = {
    TEXT_REQUIRED("name", struct config_zone, name),
    CYAML_FIELD_SEQUENCE_COUNT("networks", CYAML_FLAG_POINTER, struct config_zone, networks,
                               n_networks, &text_entry, 1, LIST_MAX),
    LIST("excludes", struct config_zone, excludes, n_excludes, &text_entry),
    TEXT("interface", struct config_zone, interface),
    LIST("listen", struct config_zone, listen, n_listen, &text_entry),
    CYAML_FIELD_BOOL("promiscuous", CYAML_FLAG_OPTIONAL, struct config_zone, promiscuous),
    TEXT("multicast", struct config_zone, multicast_text),
    NUMBER("rate", struct config_zone, rate),
    NUMBER("host_rate", struct config_zone, host_rate),
    NUMBER("net_rate", struct config_zone, net_rate),
    TEXT("fragile_ports", struct config_zone, fragile),
    TEXT("resolver", struct config_zone, resolver),
    TEXT("names_every", struct config_zone, names_every_text),
    SET("grants", struct config_zone, grants, grants),
    SECTION("confirm", struct config_zone, confirm, confirm_fields),
    SECTION("retention", struct config_zone, retention, zone_retention_fields),
    LIST("passes", struct config_zone, passes, n_passes, &pass_entry),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t zone_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_zone, zone_fields),
};

static const cyaml_schema_field_t endpoint_fields[] = {
    TEXT_REQUIRED("name", struct config_endpoint, name),
    TEXT_REQUIRED("url", struct config_endpoint, url),
    CHOICE("kind", struct config_endpoint, kind, endpoint_kinds),
    TEXT("secret", struct config_endpoint, secret),
    TEXT("token", struct config_endpoint, token),
    TEXT("topic", struct config_endpoint, topic),
    TEXT("template", struct config_endpoint, text),
    TEXT("content_type", struct config_endpoint, content_type),
    TEXT("timeout", struct config_endpoint, timeout_text),
    CHOICE("order", struct config_endpoint, order, orders),
    TEXT("rate", struct config_endpoint, rate_text),
    NUMBER("burst", struct config_endpoint, burst),
    NUMBER("concurrency", struct config_endpoint, concurrency),
    CHOICE("policy", struct config_endpoint, policy, reaches),
    LIST("allow", struct config_endpoint, allow, n_allow, &text_entry),
    CYAML_FIELD_BOOL("plain_http", CYAML_FLAG_OPTIONAL, struct config_endpoint, plain_http),
    CYAML_FIELD_BOOL("http2", CYAML_FLAG_OPTIONAL, struct config_endpoint, http2),
    TEXT("ca", struct config_endpoint, ca),
    TEXT("client_cert", struct config_endpoint, client_cert),
    TEXT("client_key", struct config_endpoint, client_key),
    TEXT("proxy", struct config_endpoint, proxy),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t endpoint_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_endpoint, endpoint_fields),
};

static const cyaml_schema_field_t match_fields[] = {
    LIST("zones", struct config_match, zones, n_zones, &text_entry),
    LIST("networks", struct config_match, networks, n_networks, &text_entry),
    LIST("types", struct config_match, types, n_types, &text_entry),
    LIST("kinds", struct config_match, kinds, n_kinds, &text_entry),
    CHOICE("severity", struct config_match, severity, severities),
    LIST("tags", struct config_match, tags, n_tags, &text_entry),
    LIST("owners", struct config_match, owners, n_owners, &text_entry),
    LIST("scripts", struct config_match, scripts, n_scripts, &text_entry),
    LIST("assets", struct config_match, assets, n_assets, &text_entry),
    TEXT("ports", struct config_match, ports),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t route_fields[] = {
    TEXT_REQUIRED("name", struct config_route, name),
    SECTION("match", struct config_route, match, match_fields),
    SECTION("except", struct config_route, except, match_fields),
    LIST("endpoints", struct config_route, endpoints, n_endpoints, &text_entry),
    CYAML_FIELD_BOOL("continue", CYAML_FLAG_OPTIONAL, struct config_route, goes_on),
    SET("group_by", struct config_route, group_by, groups),
    TEXT("group_wait", struct config_route, group_wait_text),
    TEXT("group_interval", struct config_route, group_interval_text),
    TEXT("repeat_interval", struct config_route, repeat_text),
    TEXT("digest", struct config_route, digest_text),
    CHOICE("bypass", struct config_route, bypass, severities),
    NUMBER("max_events", struct config_route, max_events),
    CYAML_FIELD_END,
};
static const cyaml_schema_value_t route_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_route, route_fields),
};

static const cyaml_schema_field_t breaker_fields[] = {
    NUMBER("share", struct config_breaker, share),
    NUMBER("least", struct config_breaker, least),
    TEXT("window", struct config_breaker, window_text),
    TEXT("hold", struct config_breaker, hold_text),
    TEXT("settle", struct config_breaker, settle_text),
    TEXT("confirm", struct config_breaker, confirm_text),
    NUMBER("canaries", struct config_breaker, canaries),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t flap_fields[] = {
    NUMBER("changes", struct config_flap, changes),
    TEXT("within", struct config_flap, within_text),
    TEXT("quiet", struct config_flap, quiet_text),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t alerts_fields[] = {
    TEXT("close_after", struct config_alerts, close_after_text),
    TEXT("last_resort", struct config_alerts, last_resort),
    SECTION("breaker", struct config_alerts, breaker, breaker_fields),
    SECTION("flap", struct config_alerts, flap, flap_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t scanner_fields[] = {
    NUMBER("rate", struct config_scanner, rate),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t scripts_fields[] = {
    LIST("datadirs", struct config_scripts, datadirs, n_datadirs, &text_entry),
    NUMBER("workers", struct config_scripts, workers),
    NUMBER("memory_mib", struct config_scripts, memory_mib),
    NUMBER("max_threads", struct config_scripts, max_threads),
    TEXT("args", struct config_scripts, args),
    TEXT("args_file", struct config_scripts, args_file),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t top_fields[] = {
    TEXT("database", struct config, database),
    TEXT("database_secret", struct config, database_secret),
    TEXT("sensor", struct config, sensor),
    TEXT("state_directory", struct config, state_directory),
    TEXT("log_level", struct config, log_level_text),
    TEXT("resolver", struct config, resolver),
    SECTION("retention", struct config, retention, retention_fields),
    SECTION("scanner", struct config, scanner, scanner_fields),
    SECTION("scripts", struct config, scripts, scripts_fields),
    LIST("zones", struct config, zones, n_zones, &zone_entry),
    LIST("endpoints", struct config, endpoints, n_endpoints, &endpoint_entry),
    SECTION("alerts", struct config, alerts, alerts_fields),
    LIST("routes", struct config, routes, n_routes, &route_entry),
    CYAML_FIELD_END,
};

const cyaml_schema_value_t config_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config, top_fields),
};
