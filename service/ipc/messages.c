/* The tables.  A field that is added here and in its struct is thereby encoded, decoded, fuzzed and
 * tested. */
#include "service/ipc/messages.h"

#include "engine/base/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define F_U8(s, m)                                                                                 \
    {                                                                                              \
        IPC_U8, offsetof(s, m), 0                                                                  \
    }
#define F_U16(s, m)                                                                                \
    {                                                                                              \
        IPC_U16, offsetof(s, m), 0                                                                 \
    }
#define F_U32(s, m)                                                                                \
    {                                                                                              \
        IPC_U32, offsetof(s, m), 0                                                                 \
    }
#define F_U64(s, m)                                                                                \
    {                                                                                              \
        IPC_U64, offsetof(s, m), 0                                                                 \
    }
#define F_F64(s, m)                                                                                \
    {                                                                                              \
        IPC_F64, offsetof(s, m), 0                                                                 \
    }
#define F_BOOL(s, m)                                                                               \
    {                                                                                              \
        IPC_BOOL, offsetof(s, m), 0                                                                \
    }
#define F_ADDR(s, m)                                                                               \
    {                                                                                              \
        IPC_ADDR, offsetof(s, m), 0                                                                \
    }
#define F_MAC(s, m)                                                                                \
    {                                                                                              \
        IPC_MAC, offsetof(s, m), 0                                                                 \
    }
#define F_ENUM(s, m, max)                                                                          \
    {                                                                                              \
        IPC_ENUM, offsetof(s, m), max                                                              \
    }
#define F_TEXT(s, m, max)                                                                          \
    {                                                                                              \
        IPC_TEXT, offsetof(s, m), max                                                              \
    }
#define F_BYTES(s, m, max)                                                                         \
    {                                                                                              \
        IPC_BYTES, offsetof(s, m), max                                                             \
    }

static const struct ipc_field hello_fields[] = {
    F_U32(struct ipc_hello, protocol),
    F_U32(struct ipc_hello, pid),
};
static const struct ipc_field status_fields[] = {
    F_TEXT(struct ipc_status, text, IPC_SENTENCE_MAX),
};
static const struct ipc_field config_fields[] = {
    F_TEXT(struct ipc_config, path, 4096),
};
static const struct ipc_field config_done_fields[] = {
    F_U32(struct ipc_config_done, error),
    F_TEXT(struct ipc_config_done, text, IPC_SENTENCE_MAX),
};
static const struct ipc_field config_refused_fields[] = {
    F_TEXT(struct ipc_config_refused, why, IPC_SENTENCE_MAX),
    F_U64(struct ipc_config_refused, since),
};
static const struct ipc_field peer_fields[] = {
    F_ENUM(struct ipc_peer_msg, role, PEER_SCRIPT),
    F_U32(struct ipc_peer_msg, index),
};
static const struct ipc_field peer_gone_fields[] = {
    F_ENUM(struct ipc_peer_gone, role, PEER_SCRIPT),
    F_U32(struct ipc_peer_gone, index),
    F_TEXT(struct ipc_peer_gone, script, IPC_NAME_MAX * 4),
    F_TEXT(struct ipc_peer_gone, why, IPC_SENTENCE_MAX),
};
static const struct ipc_field blame_fields[] = {
    F_TEXT(struct ipc_blame, script, IPC_NAME_MAX * 4),
    F_U32(struct ipc_blame, signal),
};
static const struct ipc_field shutdown_fields[] = {
    F_U64(struct ipc_shutdown, within),
};

static const struct ipc_field scope_fields[] = {
    F_ENUM(struct ipc_scope_msg, which, SCOPE_KNOWN),
    F_BYTES(struct ipc_scope_msg, ranges, IPC_PIECE_MAX),
};
static const struct ipc_field zone_fields[] = {
    F_F64(struct ipc_zone, rate),
    F_F64(struct ipc_zone, host_rate),
    F_F64(struct ipc_zone, net_rate),
    F_TEXT(struct ipc_zone, fragile, IPC_LIST_MAX),
};
static const struct ipc_field scan_ports_fields[] = {
    F_U8(struct ipc_scan_ports, protocol),
    F_BYTES(struct ipc_scan_ports, bits, IPC_PORT_BITS_LEN),
};
static const struct ipc_field scan_start_fields[] = {
    F_U32(struct ipc_scan_start, zone),
    F_U32(struct ipc_scan_start, ping),
    F_TEXT(struct ipc_scan_start, ping_syn, IPC_NAME_MAX),
    F_TEXT(struct ipc_scan_start, ping_ack, IPC_NAME_MAX),
    F_TEXT(struct ipc_scan_start, ping_udp, IPC_NAME_MAX),
    F_ENUM(struct ipc_scan_start, method, SCAN_CONNECT),
    F_TEXT(struct ipc_scan_start, interface, IPC_NAME_MAX),
    F_F64(struct ipc_scan_start, max_rate),
    F_F64(struct ipc_scan_start, min_rate),
    F_U32(struct ipc_scan_start, max_retries),
    F_U64(struct ipc_scan_start, host_timeout),
    F_U64(struct ipc_scan_start, seed),
    F_U32(struct ipc_scan_start, sample),
    F_BOOL(struct ipc_scan_start, report_down),
    F_BOOL(struct ipc_scan_start, report_closed),
};
static const struct ipc_field scan_host_fields[] = {
    F_ADDR(struct host_finding, address),
    F_ENUM(struct host_finding, state, HOST_DOWN),
    F_ENUM(struct host_finding, reason, REASON_MAX - 1),
    F_U8(struct host_finding, ttl),
    F_BOOL(struct host_finding, has_mac),
    F_MAC(struct host_finding, mac),
    F_TEXT(struct host_finding, vendor, 256),
    F_TEXT(struct host_finding, hostname, 1024),
    F_TEXT(struct host_finding, target, 1024),
    F_U64(struct host_finding, rtt),
    F_U64(struct host_finding, time),
};
static const struct ipc_field port_fields[] = {
    F_ADDR(struct port_finding, address),
    F_ENUM(struct port_finding, protocol, PROTOCOL_SCTP),
    F_U16(struct port_finding, port),
    F_ENUM(struct port_finding, state, PORT_CLOSED_FILTERED),
    F_ENUM(struct port_finding, reason, REASON_MAX - 1),
    F_U8(struct port_finding, ttl),
    F_TEXT(struct port_finding, service.name, 256),
    F_TEXT(struct port_finding, service.product, 1024),
    F_TEXT(struct port_finding, service.version, 1024),
    F_TEXT(struct port_finding, service.extra, 4096),
    F_TEXT(struct port_finding, service.hostname, 1024),
    F_TEXT(struct port_finding, service.os, 1024),
    F_TEXT(struct port_finding, service.device, 1024),
    F_TEXT(struct port_finding, service.tunnel, 64),
    F_TEXT(struct port_finding, service.cpe[0], 1024),
    F_TEXT(struct port_finding, service.cpe[1], 1024),
    F_TEXT(struct port_finding, service.cpe[2], 1024),
    F_ENUM(struct port_finding, service.method, SERVICE_PROBED),
    F_U8(struct port_finding, service.confidence),
    F_U64(struct port_finding, time),
};
_Static_assert(SERVICE_CPE_MAX == 3, "port_fields has one entry for each cpe");
static const struct ipc_field summary_fields[] = {
    F_ADDR(struct port_summary, address),
    F_ENUM(struct port_summary, protocol, PROTOCOL_SCTP),
    F_ENUM(struct port_summary, state, PORT_CLOSED_FILTERED),
    F_ENUM(struct port_summary, reason, REASON_MAX - 1),
    F_U32(struct port_summary, count),
};
static const struct ipc_field scan_host_done_fields[] = {
    F_ADDR(struct ipc_scan_host_done, address),
    F_BOOL(struct ipc_scan_host_done, conclusive),
};
static const struct ipc_field scan_done_fields[] = {
    F_U32(struct ipc_scan_done, error),
    F_TEXT(struct ipc_scan_done, text, IPC_SENTENCE_MAX),
    F_TEXT(struct ipc_scan_done, coverage.method, IPC_NAME_MAX),
    F_U64(struct ipc_scan_done, coverage.probes),
    F_U64(struct ipc_scan_done, coverage.retransmissions),
    F_F64(struct ipc_scan_done, coverage.loss),
    F_F64(struct ipc_scan_done, coverage.rate_pps),
    F_U64(struct ipc_scan_done, coverage.drops),
    F_U64(struct ipc_scan_done, coverage.asked),
    F_U64(struct ipc_scan_done, coverage.sampled),
    F_BOOL(struct ipc_scan_done, coverage.complete),
    F_U64(struct ipc_scan_done, coverage.elapsed),
};

static const struct ipc_field listen_fields[] = {
    F_TEXT(struct ipc_listen, interface, IPC_NAME_MAX),
    F_BOOL(struct ipc_listen, promiscuous),
    F_U64(struct ipc_listen, multicast),
};
static const struct ipc_field sighting_fields[] = {
    F_TEXT(struct sighting, source, IPC_NAME_MAX),
    F_TEXT(struct sighting, interface, IPC_NAME_MAX),
    F_U64(struct sighting, time),
    F_U16(struct sighting, vlan),
    F_BOOL(struct sighting, has_mac),
    F_MAC(struct sighting, mac),
    F_ADDR(struct sighting, addresses[0]),
    F_ADDR(struct sighting, addresses[1]),
    F_ADDR(struct sighting, addresses[2]),
    F_ADDR(struct sighting, addresses[3]),
    F_ADDR(struct sighting, requested),
    F_TEXT(struct sighting, names[0], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, names[1], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, names[2], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, names[3], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, names[4], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, names[5], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, names[6], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, names[7], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[0], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[1], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[2], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[3], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[4], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[5], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[6], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[7], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[8], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[9], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[10], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[11], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[12], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[13], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[14], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, services[15], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[0], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[1], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[2], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[3], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[4], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[5], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[6], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[7], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[8], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[9], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[10], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[11], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[12], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[13], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[14], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, roles[15], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, prefixes[0], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, prefixes[1], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, prefixes[2], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, prefixes[3], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, prefixes[4], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, prefixes[5], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, prefixes[6], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, prefixes[7], SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, title, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, group, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, vendor_class, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, client_id, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, parameters, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, vendor, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, model, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, software, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, serial, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, uuid, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, location, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, neighbour_system, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, neighbour_chassis, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, neighbour_port, SIGHTING_TEXT_MAX),
    F_TEXT(struct sighting, neighbour_port_label, SIGHTING_TEXT_MAX),
    F_U16(struct sighting, neighbour_vlan),
};
_Static_assert(SIGHTING_ADDRESSES_MAX == 4 && SIGHTING_NAMES_MAX == 8 && SIGHTING_LIST_MAX == 16,
               "sighting_fields has one entry for each");
static const struct ipc_field listener_fields[] = {
    F_TEXT(struct ipc_listener, interface, IPC_NAME_MAX),
    F_BOOL(struct ipc_listener, up),
    F_BOOL(struct ipc_listener, promiscuous),
    F_BOOL(struct ipc_listener, over),
    F_TEXT(struct ipc_listener, why, IPC_SENTENCE_MAX),
    F_U64(struct ipc_listener, frames),
    F_U64(struct ipc_listener, bad),
    F_U64(struct ipc_listener, told),
    F_U64(struct ipc_listener, limited),
    F_U64(struct ipc_listener, drops),
};

static const struct ipc_field setup_fields[] = {
    F_TEXT(struct ipc_setup, datadirs, IPC_LIST_MAX),
    F_TEXT(struct ipc_setup, expression, IPC_LIST_MAX),
    F_TEXT(struct ipc_setup, args, IPC_LIST_MAX),
    F_TEXT(struct ipc_setup, resolver, IPC_SENTENCE_MAX),
    F_TEXT(struct ipc_setup, interface, IPC_NAME_MAX),
    F_U64(struct ipc_setup, script_timeout),
    F_U64(struct ipc_setup, memory),
    F_U32(struct ipc_setup, max_threads),
    F_F64(struct ipc_setup, rate),
    F_F64(struct ipc_setup, host_rate),
    F_F64(struct ipc_setup, net_rate),
    F_TEXT(struct ipc_setup, fragile, IPC_LIST_MAX),
};
static const struct ipc_field setup_done_fields[] = {
    F_U32(struct ipc_setup_done, error),
    F_U32(struct ipc_setup_done, selected),
    F_TEXT(struct ipc_setup_done, text, IPC_SENTENCE_MAX),
};
static const struct ipc_field selected_fields[] = {
    F_TEXT(struct ipc_selected, script, IPC_NAME_MAX * 4),
    F_TEXT(struct ipc_selected, volatile_keys, IPC_LIST_MAX),
};
static const struct ipc_field job_host_fields[] = {
    F_ADDR(struct script_target, address),
    F_TEXT(struct script_target, target_name, 1024),
    F_TEXT(struct script_target, hostname, 1024),
    F_ENUM(struct script_target, reason, REASON_MAX - 1),
    F_U8(struct script_target, reason_ttl),
    F_BOOL(struct script_target, has_mac),
    F_MAC(struct script_target, mac),
    F_BOOL(struct script_target, directly_connected),
    F_TEXT(struct script_target, interface, IPC_NAME_MAX),
    F_ADDR(struct script_target, source),
    F_U64(struct script_target, srtt),
    F_U64(struct script_target, rttvar),
    F_U64(struct script_target, rtt_timeout),
};
static const struct ipc_field piece_fields[] = {
    F_ENUM(struct ipc_result_piece, which, PIECE_DATA),
    F_BYTES(struct ipc_result_piece, bytes, IPC_PIECE_MAX),
};
static const struct ipc_field result_fields[] = {
    F_ENUM(struct script_result, phase, SCRIPT_POST),
    F_ADDR(struct script_result, address),
    F_ENUM(struct script_result, protocol, PROTOCOL_SCTP),
    F_U16(struct script_result, port),
    F_TEXT(struct script_result, script, IPC_NAME_MAX * 4),
    F_ENUM(struct script_result, outcome, SCRIPT_SKIPPED),
    F_TEXT(struct script_result, reason, IPC_LIST_MAX),
    F_U64(struct script_result, elapsed),
    F_U64(struct script_result, bytes_in),
    F_U64(struct script_result, bytes_out),
};
static const struct ipc_field told_fields[] = {
    F_ADDR(struct ipc_told, address),
};
static const struct ipc_field host_done_fields[] = {
    F_ADDR(struct ipc_host_done, address),
};

#define WITH(s, f) .size = sizeof(s), .fields = f, .n_fields = ARRAY_LEN(f)
#define EMPTY      .size = sizeof(struct ipc_none)

#define TO_WORKERS   (ROUTE_TO_SCANNER | ROUTE_TO_SCRIPT)
#define FROM_WORKERS (ROUTE_FROM_SCANNER | ROUTE_FROM_SCRIPT)
#define CONTROL      (ROUTE_TO_CHILD | ROUTE_FROM_CHILD)

static const struct ipc_message messages[] = {
    {MSG_CREDIT, "credit", TO_WORKERS | FROM_WORKERS | CONTROL, IPC_FREE, EMPTY},

    {MSG_HELLO, "hello", ROUTE_FROM_CHILD, IPC_FREE, WITH(struct ipc_hello, hello_fields)},
    {MSG_READY, "ready", ROUTE_FROM_CHILD, IPC_FREE, EMPTY},
    {MSG_STATUS, "status", ROUTE_FROM_CHILD, 0, WITH(struct ipc_status, status_fields)},
    {MSG_PING, "ping", ROUTE_TO_CHILD, IPC_FREE, EMPTY},
    {MSG_PONG, "pong", ROUTE_FROM_CHILD, IPC_FREE, EMPTY},
    {MSG_CONFIG, "config", ROUTE_TO_CHILD, IPC_FREE | IPC_CARRIES_FD,
     WITH(struct ipc_config, config_fields)},
    {MSG_CONFIG_DONE, "config-done", ROUTE_FROM_CHILD, IPC_FREE,
     WITH(struct ipc_config_done, config_done_fields)},
    {MSG_PEER, "peer", ROUTE_TO_CHILD, IPC_FREE | IPC_CARRIES_FD,
     WITH(struct ipc_peer_msg, peer_fields)},
    {MSG_PEER_GONE, "peer-gone", ROUTE_TO_CHILD, IPC_FREE,
     WITH(struct ipc_peer_gone, peer_gone_fields)},
    {MSG_BLAME, "blame", ROUTE_FROM_CHILD, IPC_FREE, WITH(struct ipc_blame, blame_fields)},
    {MSG_SHUTDOWN, "shutdown", ROUTE_TO_CHILD, IPC_FREE,
     WITH(struct ipc_shutdown, shutdown_fields)},
    {MSG_RESOLVER, "resolver", ROUTE_TO_CHILD, IPC_FREE | IPC_CARRIES_FD, EMPTY},
    {MSG_CONFIG_REFUSED, "config-refused", ROUTE_TO_CHILD, IPC_FREE,
     WITH(struct ipc_config_refused, config_refused_fields)},

    {MSG_SCOPE, "scope", TO_WORKERS, 0, WITH(struct ipc_scope_msg, scope_fields)},
    {MSG_ZONE, "zone", ROUTE_TO_SCANNER, 0, WITH(struct ipc_zone, zone_fields)},
    {MSG_ZONE_DROP, "zone-drop", ROUTE_TO_SCANNER, 0, EMPTY},
    {MSG_SCAN_PORTS, "scan-ports", ROUTE_TO_SCANNER, 0,
     WITH(struct ipc_scan_ports, scan_ports_fields)},
    {MSG_SCAN_START, "scan-start", ROUTE_TO_SCANNER, 0,
     WITH(struct ipc_scan_start, scan_start_fields)},
    {MSG_SCAN_STOP, "scan-stop", ROUTE_TO_SCANNER, 0, EMPTY},
    {MSG_SCAN_HOST, "scan-host", ROUTE_FROM_SCANNER, 0,
     WITH(struct host_finding, scan_host_fields)},
    {MSG_SCAN_PORT, "scan-port", ROUTE_FROM_SCANNER, 0, WITH(struct port_finding, port_fields)},
    {MSG_SCAN_SUMMARY, "scan-summary", ROUTE_FROM_SCANNER, 0,
     WITH(struct port_summary, summary_fields)},
    {MSG_SCAN_HOST_DONE, "scan-host-done", ROUTE_FROM_SCANNER, 0,
     WITH(struct ipc_scan_host_done, scan_host_done_fields)},
    {MSG_SCAN_DONE, "scan-done", ROUTE_FROM_SCANNER, 0,
     WITH(struct ipc_scan_done, scan_done_fields)},

    {MSG_LISTEN, "listen", ROUTE_TO_SCANNER, 0, WITH(struct ipc_listen, listen_fields)},
    {MSG_SIGHTING, "sighting", ROUTE_FROM_SCANNER, IPC_FREE,
     WITH(struct sighting, sighting_fields)},
    {MSG_LISTENER, "listener", ROUTE_FROM_SCANNER, IPC_FREE,
     WITH(struct ipc_listener, listener_fields)},

    {MSG_SETUP, "setup", ROUTE_TO_SCRIPT, 0, WITH(struct ipc_setup, setup_fields)},
    {MSG_SETUP_DONE, "setup-done", ROUTE_FROM_SCRIPT, 0,
     WITH(struct ipc_setup_done, setup_done_fields)},
    {MSG_SELECTED, "selected", ROUTE_FROM_SCRIPT, 0, WITH(struct ipc_selected, selected_fields)},
    {MSG_JOB_START, "job-start", ROUTE_TO_SCRIPT, 0, EMPTY},
    {MSG_JOB_HOST, "job-host", ROUTE_TO_SCRIPT, 0, WITH(struct script_target, job_host_fields)},
    {MSG_JOB_PORT, "job-port", ROUTE_TO_SCRIPT, 0, WITH(struct port_finding, port_fields)},
    {MSG_JOB_HOST_END, "job-host-end", ROUTE_TO_SCRIPT, 0, EMPTY},
    {MSG_JOB_FINISH, "job-finish", ROUTE_TO_SCRIPT, 0, EMPTY},
    {MSG_JOB_CANCEL, "job-cancel", ROUTE_TO_SCRIPT, 0, EMPTY},
    {MSG_RESULT_PIECE, "result-piece", ROUTE_FROM_SCRIPT, 0,
     WITH(struct ipc_result_piece, piece_fields)},
    {MSG_RESULT, "result", ROUTE_FROM_SCRIPT, 0, WITH(struct script_result, result_fields)},
    {MSG_PORT_SEEN, "port-seen", ROUTE_FROM_SCRIPT, 0, WITH(struct port_finding, port_fields)},
    {MSG_TOLD, "told", ROUTE_FROM_SCRIPT, 0, WITH(struct ipc_told, told_fields)},
    {MSG_HOST_DONE, "host-done", ROUTE_FROM_SCRIPT, 0,
     WITH(struct ipc_host_done, host_done_fields)},
    {MSG_JOB_DONE, "job-done", ROUTE_FROM_SCRIPT, 0, EMPTY},
};

int ipc_status(uint32_t error)
{
    return error <= IPC_ERRNO_MAX ? -(int)error : -EIO;
}

const struct ipc_message *ipc_message_find(uint16_t type)
{
    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        if (messages[i].type == type)
            return &messages[i];
    return NULL;
}

const struct ipc_message *ipc_messages(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(messages);
    return messages;
}

static void put_range(struct buf *out, const struct addr_range *r)
{
    buf_char(out, (char)r->first.family);
    buf_add(out, r->first.b, addr_len(&r->first));
    buf_add(out, r->last.b, addr_len(&r->last));
    if (r->first.family == ADDR_V6) {
        uint32_t scope = htonl(r->first.scope);

        buf_add(out, &scope, sizeof scope);
    }
}

size_t ipc_ranges_put(struct buf *out, const struct addr_set *s, size_t from, size_t limit)
{
    size_t n = 0;

    for (size_t i = from; i < s->n; i++, n++) {
        if (out->len + IPC_RANGE_LEN(s->ranges[i].first.family) > limit)
            break;
        put_range(out, &s->ranges[i]);
    }
    return n;
}

static int get_range(struct addr_set *s, struct rbuf *b)
{
    uint8_t family = rbuf_u8(b);
    size_t len = family == ADDR_V4 ? 4 : 16;
    const uint8_t *first = rbuf_bytes(b, len), *last = rbuf_bytes(b, len);
    uint32_t scope = family == ADDR_V6 ? rbuf_u32(b) : 0;
    struct addr from, to;
    int r;

    if (b->bad || (family != ADDR_V4 && family != ADDR_V6))
        return -EBADMSG;
    from = addr_from_bytes(family, first);
    to = addr_from_bytes(family, last);
    from.scope = to.scope = scope;
    r = addr_set_add(s, &from, &to);
    return r == -EINVAL ? -EBADMSG : r;
}

int ipc_ranges_get(struct addr_set *s, const struct ipc_bytes *bytes)
{
    struct rbuf b = rbuf_of(bytes->data, bytes->len);
    int r = 0;

    while (r == 0 && rbuf_left(&b) > 0)
        r = get_range(s, &b);
    return r;
}

void ipc_port_bits_put(uint8_t ret[IPC_PORT_BITS_LEN], const uint64_t words[1024])
{
    for (size_t i = 0; i < IPC_PORT_BITS_LEN; i++)
        ret[i] = (uint8_t)(words[i / 8] >> (8 * (i % 8)));
}

int ipc_port_bits_get(uint64_t words[1024], const struct ipc_bytes *bits)
{
    if (bits->len != IPC_PORT_BITS_LEN)
        return -EBADMSG;
    memset(words, 0, 1024 * sizeof *words);
    for (size_t i = 0; i < IPC_PORT_BITS_LEN; i++)
        words[i / 8] |= (uint64_t)bits->data[i] << (8 * (i % 8));
    return 0;
}
