/* What one scan found out about one host, gathered for the writers that tell a host as a whole
 * (text and XML).
 *
 * A record owns all it holds.  Ports are kept small, because a closed port of a scan of all ports
 * is one of 65,535. */
#pragma once

#include "engine/model/finding.h"
#include "engine/model/hops.h"
#include "engine/model/ports.h"

struct record_port {
    uint16_t port;
    uint8_t protocol, state, reason, ttl; /* the enums of model/finding.h */
};

/* What is known of the service on a port beyond its name in the table. */
struct record_service {
    uint16_t port;
    uint8_t protocol;
    struct service_info info; /* strings are the record's */
};

struct record_script {
    struct script_result result; /* strings are the record's */
};

struct host_record {
    struct host_finding host;
    usec_t started, ended; /* wall */
    bool timed_out;        /* the scan of it was not conclusive */
    bool open_only;        /* ports that cannot be open are summed up, however few */
    struct record_port *ports;
    size_t n_ports, cap_ports;
    size_t counts[PORT_CLOSED_FILTERED + 1]; /* of all ports, by state */
    struct port_summary *summaries;          /* of ports that the scanner did not tell one by one */
    size_t n_summaries;
    struct record_service *services;
    size_t n_services;
    struct record_script *scripts;
    size_t n_scripts;
    struct hops trace; /* the way to it; empty: it was not traced, or nobody told */
};

/* NULL: no memory. */
struct host_record *host_record_new(const struct host_finding *h) MUST_USE;
struct host_record *host_record_free(struct host_record *r);
void host_record_freep(struct host_record **r);

/* All of these: 0 or -ENOMEM. */
int host_record_set_name(struct host_record *r, const char *hostname) MUST_USE;
/* A port that is not there yet: no search, because a hostile host has 65,535 open ones. */
int host_record_add_port(struct host_record *r, const struct port_finding *p) MUST_USE;
/* What a script says of a port that may be there. */
int host_record_update_port(struct host_record *r, const struct port_finding *p) MUST_USE;
int host_record_add_summary(struct host_record *r, const struct port_summary *s) MUST_USE;
int host_record_add_script(struct host_record *r, const struct script_result *s) MUST_USE;

/* Ports by protocol and number, scripts by phase, port and id.  The writers and the functions below
 * want it so. */
void host_record_sort(struct host_record *r);
/* NULL: nothing beyond the table. */
const struct service_info *host_record_service(const struct host_record *r,
                                               const struct record_port *p);
/* A port as finding, with its service; strings are the record's. */
struct port_finding host_record_port(const struct host_record *r, const struct record_port *p);
size_t host_record_count(const struct host_record *r, enum port_state state);

/* A state that more than this many ports of a host have is summed up instead of listed, but for
 * open; nmap's number. */
#define RECORD_LISTED_MAX 25
/* True when ports of this state are summed up.  */
bool host_record_ignores(const struct host_record *r, enum port_state state);
/* True when a port is there that is not summed up. */
bool host_record_lists_any(const struct host_record *r);
/* Ports of one state and reason that are summed up. */
struct record_ignored {
    enum protocol protocol;
    enum port_state state;
    enum reason reason;
    uint32_t count;
    bool listed;           /* ports says which they are */
    struct port_set ports; /* only when listed */
};
/* Calls fn for each group, most frequent state first. */
void host_record_each_ignored(const struct host_record *r,
                              void (*fn)(void *user, const struct record_ignored *g), void *user);

/* Copies of results for phases without a host, too. */
int record_script_copy(struct record_script *ret, const struct script_result *s) MUST_USE;
void record_script_done(struct record_script *s);
void record_scripts_sort(struct record_script *s, size_t n);
