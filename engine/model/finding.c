/* The words for states, reasons, protocols, phases and outcomes, each in one table that serves both
 * directions.
 *
 * They are nmap's words: users and tools read them, the store keeps them as text. */
#include "engine/model/finding.h"

#include <string.h>

static const char *const host_states[] = {"unknown", "up", "down"};

static const char *const port_states[] = {
    "unknown", "open", "closed", "filtered", "unfiltered", "open|filtered", "closed|filtered",
};

static const char *const reasons[REASON_MAX] = {
    [REASON_UNKNOWN] = "unknown-response",
    [REASON_NO_RESPONSE] = "no-response",
    [REASON_USER_SET] = "user-set",
    [REASON_LOCALHOST] = "localhost-response",
    [REASON_ARP_RESPONSE] = "arp-response",
    [REASON_ND_RESPONSE] = "nd-response",
    [REASON_ECHO_REPLY] = "echo-reply",
    [REASON_TIMESTAMP_REPLY] = "timestamp-reply",
    [REASON_SYN_ACK] = "syn-ack",
    [REASON_RESET] = "reset",
    [REASON_CONN_REFUSED] = "conn-refused",
    [REASON_UDP_RESPONSE] = "udp-response",
    [REASON_PORT_UNREACH] = "port-unreach",
    [REASON_HOST_UNREACH] = "host-unreach",
    [REASON_NET_UNREACH] = "net-unreach",
    [REASON_PROTO_UNREACH] = "proto-unreach",
    [REASON_ADMIN_PROHIBITED] = "admin-prohibited",
    [REASON_HOST_PROHIBITED] = "host-prohibited",
    [REASON_NET_PROHIBITED] = "net-prohibited",
    [REASON_TIME_EXCEEDED] = "time-exceeded",
    [REASON_SCRIPT_SET] = "script-set",
};

static const char *const phases[] = {"pre", "host", "port", "post"};

static const char *const outcomes[] = {"ok", "no_output", "timeout", "error", "skipped"};

/* The place of `name` in a table, or `otherwise`. */
static int find(const char *const *table, size_t n, const char *name, int otherwise)
{
    for (size_t i = 0; name && i < n; i++)
        if (strcmp(table[i], name) == 0)
            return (int)i;
    return otherwise;
}

#define NAME(table, i)           ((size_t)(i) < ARRAY_LEN(table) ? (table)[i] : (table)[0])
#define FIND(table, name, other) find(table, ARRAY_LEN(table), name, other)

const char *host_state_name(enum host_state s)
{
    return NAME(host_states, s);
}

const char *port_state_name(enum port_state s)
{
    return NAME(port_states, s);
}

const char *reason_name(enum reason r)
{
    return NAME(reasons, r);
}

const char *protocol_name(enum protocol p)
{
    switch (p) {
    case PROTOCOL_TCP:
        return "tcp";
    case PROTOCOL_UDP:
        return "udp";
    case PROTOCOL_SCTP:
        return "sctp";
    }
    return "unknown";
}

enum host_state host_state_from(const char *name)
{
    return (enum host_state)FIND(host_states, name, HOST_UNKNOWN);
}

enum port_state port_state_from(const char *name)
{
    return (enum port_state)FIND(port_states, name, PORT_UNKNOWN);
}

enum reason reason_from(const char *name)
{
    return (enum reason)FIND(reasons, name, REASON_UNKNOWN);
}

enum protocol protocol_from(const char *name)
{
    static const enum protocol all[] = {PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP};

    for (size_t i = 0; name && i < ARRAY_LEN(all); i++)
        if (strcmp(protocol_name(all[i]), name) == 0)
            return all[i];
    return (enum protocol)0;
}

const char *script_phase_name(enum script_phase p)
{
    return NAME(phases, p);
}

const char *script_outcome_name(enum script_outcome o)
{
    return NAME(outcomes, o);
}

enum script_phase script_phase_from(const char *name)
{
    return (enum script_phase)FIND(phases, name, SCRIPT_PRE);
}

enum script_outcome script_outcome_from(const char *name)
{
    return (enum script_outcome)FIND(outcomes, name, SCRIPT_ERROR);
}
