/* Every message between the roles: who may send it to whom, and its fields.
 *
 *   monitor <-> each child      life: hello, ready, ping, configuration, descriptors of peers,
 * shutdown core <-> scanner            zones (scope and rate), scans, findings core <-> script
 * worker      set-up, jobs, hosts with their ports, results
 *
 * A number in the frame's header (id) says which job, zone or ping is meant.  What is larger than a
 * frame is sent in pieces that the receiver gathers under that id: scopes, ports of a host, long
 * outputs. */
#pragma once

#include "engine/base/addrset.h"
#include "engine/model/finding.h"
#include "engine/model/ports.h"
#include "engine/model/sighting.h"
#include "engine/scan/scan.h"
#include "engine/script/host.h"
#include "service/ipc/codec.h"

enum ipc_route {
    ROUTE_TO_CHILD = 1 << 0,
    ROUTE_FROM_CHILD = 1 << 1,
    ROUTE_TO_SCANNER = 1 << 2,
    ROUTE_FROM_SCANNER = 1 << 3,
    ROUTE_TO_SCRIPT = 1 << 4,
    ROUTE_FROM_SCRIPT = 1 << 5,
};

enum ipc_type {
    MSG_CREDIT = 1, /* id: how many more messages the other side may send */

    MSG_HELLO = 16,
    MSG_READY,
    MSG_STATUS,
    MSG_PING, /* id comes back in the pong */
    MSG_PONG,
    MSG_CONFIG, /* with the file's bytes in a memfd; id: generation */
    MSG_CONFIG_DONE,
    MSG_PEER, /* with one end of a channel */
    MSG_PEER_GONE,
    MSG_BLAME,
    MSG_SHUTDOWN,
    MSG_RESOLVER, /* with what the system's resolv.conf has become in a memfd */
    MSG_CONFIG_REFUSED,

    MSG_SCOPE = 48, /* both to scanner (id: zone or scan) and script worker (id 0) */
    MSG_ZONE,       /* id: zone; its scopes came before */
    MSG_ZONE_DROP,
    MSG_SCAN_PORTS, /* id: scan */
    MSG_SCAN_START,
    MSG_SCAN_STOP,
    MSG_SCAN_HOST,
    MSG_SCAN_PORT,
    MSG_SCAN_SUMMARY,
    MSG_SCAN_HOST_DONE,
    MSG_SCAN_DONE,
    MSG_LISTEN = 72, /* id: zone, here and below; after its MSG_ZONE, one for each interface */
    MSG_SIGHTING,    /* id: zone that listens on the interface */
    MSG_LISTENER,    /* id: 0; at each change, and now and then for the figures */

    MSG_SETUP = 80,
    MSG_SETUP_DONE,
    MSG_SELECTED,
    MSG_JOB_START, /* id: job, here and below */
    MSG_JOB_HOST,
    MSG_JOB_PORT,
    MSG_JOB_HOST_END,
    MSG_JOB_FINISH,
    MSG_JOB_CANCEL,
    MSG_RESULT_PIECE,
    MSG_RESULT,
    MSG_PORT_SEEN,
    MSG_TOLD,
    MSG_HOST_DONE,
    MSG_JOB_DONE,
};

#define IPC_NAME_MAX     64
#define IPC_SENTENCE_MAX 1024
#define IPC_LIST_MAX     16384
#define IPC_PIECE_MAX    32768

/* What one result may be in all: longer output is cut, longer data left out (script_result has a
 * word for neither). */
#define IPC_OUTPUT_MAX (1U << 20)
#define IPC_DATA_MAX   (4U << 20)

/* What a peer's positive errno is here, whatever it says: 0, or a negative errno. */
#define IPC_ERRNO_MAX 4095U
int ipc_status(uint32_t error);

struct ipc_none {
    char unused;
};

struct ipc_hello {
    uint32_t protocol; /* IPC_VERSION */
    uint32_t pid;
};
struct ipc_status {
    const char *text; /* one line for people */
};
struct ipc_config {
    const char *path; /* where the bytes came from, for messages */
};
struct ipc_config_done {
    uint32_t error; /* positive errno; 0: in force */
    const char *text;
};

struct ipc_config_refused {
    const char *why; /* the configuration file is not in force; NULL: it is */
    uint64_t since;  /* wall */
};

enum ipc_peer { PEER_CORE, PEER_SCANNER, PEER_SCRIPT };
struct ipc_peer_msg {
    enum ipc_peer role;
    uint32_t index; /* of the script worker */
};
struct ipc_peer_gone {
    enum ipc_peer role;
    uint32_t index;
    const char *script; /* that ran when it died; NULL: none or not known */
    const char *why;
};
struct ipc_blame {
    const char *script;
    uint32_t signal;
};
struct ipc_shutdown {
    uint64_t within; /* usec */
};

/* SCOPE_KNOWN: of a scan that samples, the addresses that were in use before. */
enum ipc_scope { SCOPE_TARGETS, SCOPE_EXCLUDES, SCOPE_KNOWN };
struct ipc_scope_msg {
    enum ipc_scope which;
    struct ipc_bytes ranges; /* ipc_ranges_*() */
};
struct ipc_zone {
    double rate;                /* packets per second */
    double host_rate, net_rate; /* to one address, into one /24 or /64; 0: no limit */
    const char *fragile;        /* TCP ports that get no payload, besides printers'; may be NULL */
};
struct ipc_scan_ports {
    uint8_t protocol;      /* 6 or 17 */
    struct ipc_bytes bits; /* 8192 bytes, port p is bit p % 8 of byte p / 8 */
};
struct ipc_scan_start {
    uint32_t zone;
    uint32_t ping;                              /* mask of enum scan_ping, and the ports of */
    const char *ping_syn, *ping_ack, *ping_udp; /* three of them; NULL: the usual ones */
    enum scan_method method;
    const char *interface;
    double max_rate, min_rate;
    uint32_t max_retries;
    uint64_t host_timeout;
    uint64_t seed;
    uint32_t sample; /* addresses of each /24; 0: all */
    bool report_down, report_closed;
};
struct ipc_scan_host_done {
    struct addr address;
    bool conclusive;
};
struct ipc_scan_done {
    uint32_t error; /* positive errno; 0: done */
    const char *text;
    struct coverage coverage;
};

struct ipc_listen {
    const char *interface; /* NULL: those that the zone's scope is on link of */
    bool promiscuous;
    uint64_t multicast; /* IPv6 neighbours are asked by multicast this often; 0: never */
};
struct ipc_listener {
    const char *interface;
    bool up, promiscuous;
    bool over;       /* no longer listened to */
    const char *why; /* it is down; else NULL */
    uint64_t frames, bad, told, limited, drops;
};

struct ipc_setup {
    const char *datadirs; /* one a line */
    const char *expression;
    const char *args;
    const char *resolver;
    const char *interface;
    uint64_t script_timeout;
    uint64_t memory;
    uint32_t max_threads;
    double rate;                /* connections and datagrams per second */
    double host_rate, net_rate; /* as in ipc_zone */
    const char *fragile;
};
struct ipc_setup_done {
    uint32_t error;
    uint32_t selected;
    const char *text;
};
struct ipc_selected {
    const char *script;
    const char *volatile_keys; /* one a line; NULL: it declares none */
};
enum ipc_piece { PIECE_OUTPUT, PIECE_DATA };
struct ipc_result_piece {
    enum ipc_piece which;
    struct ipc_bytes bytes;
};
/* A script was told of this address (nmap.add_targets). */
struct ipc_told {
    struct addr address;
};
struct ipc_host_done {
    struct addr address;
};

/* The struct of each message that has one of the engine's: host_finding (SCAN_HOST), port_finding
 * (SCAN_PORT, JOB_PORT, PORT_SEEN), sighting (SIGHTING; sighting_count() after decoding),
 * port_summary, script_target without ports (JOB_HOST),
 * script_result without output and data (RESULT). */

const struct ipc_message *ipc_message_find(uint16_t type); /* NULL: no such type */
const struct ipc_message *ipc_messages(size_t *ret_n);     /* all of them, for tests */

/* Room for the struct of any message. */
union ipc_any {
    struct ipc_hello hello;
    struct ipc_status status;
    struct ipc_config config;
    struct ipc_config_done config_done;
    struct ipc_config_refused config_refused;
    struct ipc_peer_msg peer;
    struct ipc_peer_gone peer_gone;
    struct ipc_blame blame;
    struct ipc_shutdown shutdown;
    struct ipc_scope_msg scope;
    struct ipc_zone zone;
    struct ipc_scan_ports scan_ports;
    struct ipc_scan_start scan_start;
    struct host_finding scan_host;
    struct port_finding port;
    struct port_summary summary;
    struct ipc_scan_host_done scan_host_done;
    struct ipc_scan_done scan_done;
    struct ipc_listen listen;
    struct sighting sighting;
    struct ipc_listener listener;
    struct ipc_setup setup;
    struct ipc_setup_done setup_done;
    struct ipc_selected selected;
    struct script_target target;
    struct ipc_result_piece piece;
    struct script_result result;
    struct ipc_told told;
    struct ipc_host_done host_done;
};

/* Address ranges as bytes: family, first, last, and for IPv6 the scope (u32).  Writes ranges [from,
 * ...) of a set as far as `limit` bytes go; returns how many. */
#define IPC_RANGE_LEN(family) ((family) == ADDR_V4 ? 9U : 37U)
size_t ipc_ranges_put(struct buf *out, const struct addr_set *s, size_t from, size_t limit);
/* Adds the ranges to *s.  -EBADMSG, -ENOMEM; then *s may hold a part. */
int ipc_ranges_get(struct addr_set *s, const struct ipc_bytes *bytes) MUST_USE;

#define IPC_PORT_BITS_LEN 8192U
void ipc_port_bits_put(uint8_t ret[IPC_PORT_BITS_LEN], const uint64_t words[1024]);
int ipc_port_bits_get(uint64_t words[1024], const struct ipc_bytes *bits); /* -EBADMSG */
