/* What the engine finds, as values: the words that scanner, script host, store and command line
 * share.
 *
 * Strings in these structs are borrowed for the length of the call they are passed in, unless a
 * function says otherwise. The words for states and reasons are nmap's, because its users and tools
 * read them. */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/buf.h"
#include "engine/base/time.h"

enum protocol { PROTOCOL_TCP = 6, PROTOCOL_UDP = 17, PROTOCOL_SCTP = 132 };

enum host_state { HOST_UNKNOWN, HOST_UP, HOST_DOWN };

enum port_state {
    PORT_UNKNOWN,
    PORT_OPEN,
    PORT_CLOSED,
    PORT_FILTERED,
    PORT_UNFILTERED,
    PORT_OPEN_FILTERED,   /* "open|filtered" */
    PORT_CLOSED_FILTERED, /* "closed|filtered" */
};

/* Why a state is believed.  One list for hosts and ports; reason_name() gives nmap's word. */
enum reason {
    REASON_UNKNOWN,     /* "unknown-response" */
    REASON_NO_RESPONSE, /* "no-response" */
    REASON_USER_SET,    /* "user-set": -Pn */
    REASON_LOCALHOST,   /* "localhost-response" */
    REASON_ARP_RESPONSE,
    REASON_ND_RESPONSE,
    REASON_ECHO_REPLY,
    REASON_TIMESTAMP_REPLY,
    REASON_SYN_ACK,
    REASON_RESET,        /* "reset" */
    REASON_CONN_REFUSED, /* "conn-refused": connect() */
    REASON_UDP_RESPONSE,
    REASON_PORT_UNREACH,
    REASON_HOST_UNREACH,
    REASON_NET_UNREACH,
    REASON_PROTO_UNREACH,
    REASON_ADMIN_PROHIBITED,
    REASON_HOST_PROHIBITED,
    REASON_NET_PROHIBITED,
    REASON_TIME_EXCEEDED,
    REASON_SCRIPT_SET,
    REASON_MAX
};

const char *host_state_name(enum host_state s);
const char *port_state_name(enum port_state s);
const char *reason_name(enum reason r);
const char *protocol_name(enum protocol p);
/* The inverse; the *_UNKNOWN value (protocol: 0) for words that are not known. */
enum host_state host_state_from(const char *name);
enum port_state port_state_from(const char *name);
enum reason reason_from(const char *name);
enum protocol protocol_from(const char *name);

struct host_finding {
    struct addr address;
    enum host_state state;
    enum reason reason;
    uint8_t ttl; /* of the reply; 0: not known */
    bool has_mac;
    struct mac mac;
    const char *vendor;   /* of the MAC; NULL: not known */
    const char *hostname; /* reverse name; NULL: not known; "": it has none */
    const char *target;   /* the name the user gave; NULL: an address */
    usec_t rtt;           /* 0: not measured */
    usec_t time;          /* wall */
};

enum service_method { SERVICE_TABLE, SERVICE_PROBED };

#define SERVICE_CPE_MAX 3

struct service_info {
    const char *name;                                               /* "http"; NULL: not known */
    const char *product, *version, *extra, *hostname, *os, *device; /* NULL: not known */
    const char *tunnel;                                             /* "ssl" or NULL */
    const char *cpe[SERVICE_CPE_MAX];                               /* NULL behind the last */
    enum service_method method;
    uint8_t confidence; /* 0..10; 3: table, 10: probed */
};

struct port_finding {
    struct addr address;
    enum protocol protocol;
    uint16_t port;
    enum port_state state;
    enum reason reason;
    uint8_t ttl;
    struct service_info service;
    usec_t time; /* wall */
};

/* Ports of a host that are all in one state and not worth a line each ("Not shown: 995 closed
 * ports"). */
struct port_summary {
    struct addr address;
    enum protocol protocol;
    enum port_state state;
    enum reason reason;
    uint32_t count;
};

enum script_phase { SCRIPT_PRE, SCRIPT_HOST, SCRIPT_PORT, SCRIPT_POST };
enum script_outcome { SCRIPT_OK, SCRIPT_NO_OUTPUT, SCRIPT_TIMEOUT, SCRIPT_ERROR, SCRIPT_SKIPPED };
const char *script_phase_name(enum script_phase p);
const char *script_outcome_name(enum script_outcome o);
enum script_phase script_phase_from(const char *name);
enum script_outcome script_outcome_from(const char *name);

struct script_result {
    enum script_phase phase;
    struct addr address; /* family ADDR_NONE for pre and post */
    enum protocol protocol;
    uint16_t port;      /* phase port only */
    const char *script; /* id: base name without .nse */
    enum script_outcome outcome;
    const char *reason; /* skipped: why; error: message and traceback; NULL else */
    const char *output; /* the text nmap would print, raw bytes (output_len); NULL: none */
    size_t output_len;
    const char *data; /* structured output as JSON text, key order kept; NULL: none */
    const char *xml;  /* the same as children of nmap's <script> element; NULL: none */
    usec_t elapsed;
    uint64_t bytes_in, bytes_out;
};

struct coverage {
    const char *scope;  /* the target expression or CIDR */
    const char *method; /* "syn", "connect", "udp", "syn+udp", "arp", "icmp", "script" */
    const char *ports;  /* nmap's list syntax; NULL: hosts only */
    uint64_t probes;
    uint64_t retransmissions;
    double loss; /* 0..1, measured on answers */
    double rate_pps;
    uint64_t drops; /* frames the kernel dropped before us */
    uint64_t asked; /* addresses that are through; 0: not counted */
    uint64_t
        sampled;   /* networks of which only a sample was asked: the rest of them is not covered */
    bool complete; /* all that was to be asked was */
    usec_t elapsed;
};

/* The JSON lines of `muster scan` (one object each, no newline); see the contract in docs/. Failure
 * is buf.failed. */
void host_finding_json(struct buf *out, const struct host_finding *h);
void port_finding_json(struct buf *out, const struct port_finding *p);
void script_result_json(struct buf *out, const struct script_result *r);
void coverage_json(struct buf *out, const struct coverage *c);
/* A JSON string literal; bytes that are not UTF-8 are written as the text \xHH. */
void json_string(struct buf *out, const char *s, size_t len);
