/* The configuration: config/muster.yaml as values that are checked and have their defaults filled
 * in.
 *
 * Every key is documented in config/muster.yaml and muster.yaml(5).  Secrets are never in the file:
 * `secret`, `token`, `client_key` and `url` name where they are ("file:/path", "cred:NAME").  A
 * struct config does not change after config_load(); a reload makes a new one. */
#pragma once

#include "engine/base/addrset.h"
#include "engine/base/err.h"
#include "engine/base/time.h"
#include "engine/model/ports.h"
#include "service/config/kind.h"
#include "service/config/template.h"

#include <stdbool.h>
#include <stdint.h>

enum config_pass_kind { PASS_PRESENCE, PASS_PORTS, PASS_SERVICES, PASS_SCRIPTS, PASS_KIND_MAX };

/* How ports are probed. */
enum config_method { METHOD_AUTO, METHOD_SYN, METHOD_CONNECT };

/* How hosts are found; values of enum scan_ping.  0: what nmap would do with the rights there are.
 */
enum config_probe {
    PROBE_ARP = 1 << 0,
    PROBE_ECHO = 1 << 1,
    PROBE_SYN = 1 << 2,
    PROBE_ACK = 1 << 3,
    PROBE_CONNECT = 1 << 4,
    PROBE_NONE = 1 << 5, /* every address counts as up */
    PROBE_TIMESTAMP = 1 << 6,
    PROBE_UDP = 1 << 7,
    PROBE_LINK = 1 << 8,   /* ARP and ND for every address, whatever the routes say */
    PROBE_NO_ARP = 1 << 9, /* ARP and ND decide nothing, the other probes do */
};

/* Script categories that run only where a zone grants them. */
enum config_grant {
    GRANT_BRUTE = 1 << 0,
    GRANT_DOS = 1 << 1,
    GRANT_EXPLOIT = 1 << 2,
    GRANT_EXTERNAL = 1 << 3,
    GRANT_FUZZER = 1 << 4,
    GRANT_INTRUSIVE = 1 << 5,
};
#define CONFIG_GRANTS 6
extern const char *const config_grant_names[CONFIG_GRANTS]; /* by bit */

struct config_pass {
    enum config_pass_kind kind;
    char *name;      /* unique in its zone; the kind's name where none is given */
    usec_t interval; /* start to start */
    uint32_t probes; /* mask of enum config_probe */
    char *syn_ports, *ack_ports, *udp_ports; /* of those probes; NULL: the usual ones */
    char *ports;                             /* nmap's list syntax; NULL for presence */
    struct port_set *port_set;               /* the same; NULL for presence */
    enum config_method method;
    uint32_t retries;    /* retransmissions per probe */
    uint32_t sample;     /* addresses of an empty /24 that are asked; 0: all */
    usec_t host_timeout; /* 0: none */
    char *scripts;       /* --script expression; NULL unless kind is services or scripts */
    char *args;          /* --script-args; NULL: none */
    usec_t script_timeout;
    char *interval_text, *host_timeout_text, *script_timeout_text; /* as written, or NULL */
};

struct config_confirm {
    uint32_t misses;      /* in a row, before a port or service counts as closed; at least 2 */
    uint32_t host_misses; /* and a host as gone */
    usec_t after;         /* until the confirming visit */
    char *after_text;
};

struct config_retention;

struct config_zone {
    char *name; /* unique */
    char **networks, **excludes;
    uint32_t n_networks, n_excludes;
    struct addr_set scope; /* networks without excludes */
    struct addr_set excluded;
    bool has_wide;   /* a network too large to be swept is among them (addr_range_is_wide) */
    char *interface; /* NULL: from the routes */
    char **listen;   /* interfaces to listen on */
    uint32_t n_listen;
    bool listen_auto; /* on those that the networks are on link of */
    bool promiscuous; /* hears all that passes there */
    usec_t multicast; /* IPv6 neighbours are asked at once this often; 0: never */
    char *multicast_text;
    uint32_t rate;                /* packets per second */
    uint32_t host_rate, net_rate; /* to one address, into one /24 or /64; 0: no limit */
    char *resolver;               /* of reverse names; NULL: as the system says */
    bool no_names;                /* none are asked for */
    usec_t names_every;           /* until a name is asked for again */
    char *names_every_text;
    char *fragile;                  /* TCP ports that get no payload, besides printers'; or NULL */
    uint32_t grants;                /* mask of enum config_grant */
    struct config_confirm *confirm; /* never NULL, as scanner and scripts below */
    struct config_retention *retention; /* never NULL; what it does not say is as for the whole */
    struct config_pass *passes;
    uint32_t n_passes;
};

enum config_reach { REACH_LOCAL, REACH_PUBLIC };

enum config_order {
    ORDER_DEFAULT, /* as the kind usually wants it */
    ORDER_NONE,
    ORDER_SUBJECT, /* events about one thing one after the other */
    ORDER_STRICT,  /* one after the other, whatever they are about */
};

struct config_endpoint {
    char *name; /* unique */
    enum config_kind kind;
    char *url;                 /* http(s)://..., or where it is kept: "file:/path", "cred:NAME" */
    char *secret;              /* "file:/path", "cred:NAME"; NULL: unsigned */
    char *token;               /* likewise: what the receiver knows us by; NULL: none */
    char *topic;               /* ntfy */
    char *text;                /* of kind template */
    struct template *template; /* the same */
    char *content_type;        /* of kind template; NULL: plain text */
    usec_t timeout;
    char *timeout_text;
    enum config_reach policy; /* local: private addresses are fine; public: refused */
    char **allow; /* addresses that are reachable whatever the policy: loopback, metadata ... */
    uint32_t n_allow;
    struct addr_set allowed;
    bool plain_http; /* http:// is meant */
    bool http2;
    enum config_order order;
    char *rate_text;
    double rate;          /* deliveries per second; 0: as the kind usually bears */
    uint32_t burst;       /* 0: likewise */
    uint32_t concurrency; /* 0: likewise */
    char *ca;             /* file of certificates that are trusted instead of the system's */
    char *client_cert;    /* file of the certificate shown to the receiver; NULL: none */
    char *client_key;     /* its key: "file:/path", "cred:NAME" */
    char *proxy;          /* http(s)://HOST:PORT, or where that is kept; NULL: none */
};

/* What an event must be like; a field that is not given fits all.  Names may have * and ?. */
struct config_match {
    char **zones, **networks, **types, **kinds, **tags, **owners, **scripts, **assets;
    uint32_t n_zones, n_networks, n_types, n_kinds, n_tags, n_owners, n_scripts, n_assets;
    int severity; /* enum config_severity, at least; -1: any */
    char *ports;  /* nmap's list syntax; NULL: any */
    struct port_set *port_set;
};

enum config_severity { LEAST_DEBUG, LEAST_INFO, LEAST_WARNING, LEAST_HIGH, LEAST_CRITICAL };

/* What events of one incident have in common. */
enum config_group {
    GROUP_ZONE = 1 << 0,
    GROUP_ASSET = 1 << 1,
    GROUP_HOST = 1 << 2,
    GROUP_TYPE = 1 << 3,
    GROUP_KIND = 1 << 4,
    GROUP_SEVERITY = 1 << 5,
    GROUP_SCRIPT = 1 << 6,
    GROUP_PORT = 1 << 7,
    GROUP_OWNER = 1 << 8,
    GROUP_CONDITION = 1 << 9,
};
#define CONFIG_GROUPS 10
extern const char *const config_group_names[CONFIG_GROUPS]; /* by bit */

#define DIGEST_TIMES_MAX 24

/* Messages at certain times. */
struct config_digest {
    usec_t every;                       /* 0: by the calendar */
    unsigned days;                      /* bit 1 Monday .. 7 Sunday */
    unsigned minutes[DIGEST_TIMES_MAX]; /* of the day, wall clock of `zone` */
    unsigned n_minutes;
    char zone[64]; /* "Europe/Berlin" */
};

struct config_route {
    char *name;                          /* unique */
    struct config_match *match, *except; /* NULL: all; none */
    char **endpoints;
    uint32_t n_endpoints;
    bool all_endpoints; /* none were named */
    bool goes_on;       /* later routes may take the event too */
    uint32_t group_by;  /* mask of enum config_group */
    usec_t group_wait, group_interval;
    usec_t repeat_interval; /* 0: never */
    struct config_digest times;
    bool has_digest;
    int bypass; /* enum config_severity from which on events do not wait for the digest; -1: none */
    uint32_t max_events;
    char *group_wait_text, *group_interval_text, *repeat_text, *digest_text;
};

/* Many changes of one sort at once. */
struct config_breaker {
    uint32_t share; /* percent of the hosts of a zone */
    uint32_t least; /* hosts */
    usec_t window, hold, settle, confirm;
    uint32_t canaries;
    char *window_text, *hold_text, *settle_text, *confirm_text;
};

/* One condition that comes and goes. */
struct config_flap {
    uint32_t changes;
    usec_t within, quiet;
    char *within_text, *quiet_text;
};

struct config_alerts {
    usec_t close_after;
    char *close_after_text;
    char *last_resort; /* name of an endpoint; NULL: none */
    struct config_breaker *breaker;
    struct config_flap *flap; /* neither is ever NULL */
};

struct config_scripts {
    char **datadirs; /* absolute; first hit wins */
    uint32_t n_datadirs;
    uint32_t workers;
    uint32_t memory_mib;  /* per worker */
    uint32_t max_threads; /* per worker: scripts that may hold sockets at a time */
    char *args;           /* --script-args for every pass */
    char *args_file;      /* absolute; NULL: none */
};

/* How long the past is kept; 0: for ever. */
struct config_retention {
    usec_t history;  /* of facts that ended */
    usec_t scripts;  /* of script results that ended; at most as long as history */
    usec_t coverage; /* proof of what was looked at */
    usec_t absent;   /* a host that is gone so long is not listed any more; of the whole alone */
    char *history_text, *scripts_text, *coverage_text, *absent_text; /* as written, or NULL */
};

struct config_scanner {
    uint32_t rate; /* packets per second over all zones */
};

struct config {
    char *path;            /* of the file, as given */
    char *database;        /* libpq connection string without password; NULL: embedded */
    char *database_secret; /* where its password is: "file:/path", "cred:NAME"; NULL: none needed */
    char *sensor;          /* name of this engine in the database; NULL: its default */
    char *state_directory; /* absolute */
    char *log_level_text;
    int log_level;                      /* LOG_ERR ... LOG_DEBUG */
    char *resolver;                     /* "192.0.2.1,192.0.2.2"; NULL: as the system says */
    struct config_retention *retention; /* never NULL */
    struct config_scanner *scanner;
    struct config_scripts *scripts;
    struct config_zone *zones;
    uint32_t n_zones;
    struct config_endpoint *endpoints;
    uint32_t n_endpoints;
    struct config_alerts *alerts; /* never NULL */
    struct config_route *routes;  /* none: the default ones, see config_rules() */
    uint32_t n_routes;
};

/* Reads and checks a file.  On failure *ret is untouched and e holds "FILE:LINE: what is wrong,
 * what was expected" of the first problem.  -ENOENT and others of open(2), -EINVAL: the content,
 * -ENOMEM.  Does not log. */
int config_load(struct config **ret, const char *path, struct err *e) MUST_USE;

/* Of a file that has faults what says where the database is, and defaults for all else: for those
 * who only read the inventory.  -EINVAL: that cannot be told from it. */
int config_rescue(struct config **ret, const char *path) MUST_USE;

/* The bytes of a configuration file.  *ret is the caller's.  Errors name the path. */
int config_read_file(char **ret, size_t *ret_len, const char *path, struct err *e) MUST_USE;

/* One call for each problem, in the order of the file: "FILE:LINE: ...". */
typedef void (*config_problem_fn)(void *user, const char *text);

/* The same from memory.  path is for messages and for relative file names (they start at its
 * directory).  fn may be NULL. */
int config_load_data(struct config **ret, const char *path, const char *data, size_t len,
                     config_problem_fn fn, void *user, struct err *e) MUST_USE;

struct config *config_free(struct config *c);
void config_freep(struct config **c);

/* The file to use: `given` (--config; may be NULL), $MUSTER_CONFIG, ./var/muster.yaml,
 * /etc/muster/muster.yaml: the first that is named, or there.  *ret is the caller's.  -ENOENT says
 * where was looked. */
int config_find_path(char **ret, const char *given, struct err *e) MUST_USE;

/* The libpq connection string with its password, for a database that is not embedded.  *ret is the
 * caller's, to be wiped.  Errors of config_secret_read(). */
int config_conninfo(char **ret, const struct config *c, struct err *e) MUST_USE;

/* NULL when there is none of that name. */
const struct config_zone *config_zone_find(const struct config *c, const char *name);
const char *config_pass_kind_name(enum config_pass_kind k);

/* The script expression that the zone's grants allow: "(EXPR) and not (brute or dos ...)" for each
 * part of the pass's list.  *ret is the caller's.  without: scripts to leave out besides; may be
 * NULL. */
struct config_without {
    const char *const *scripts;
    size_t n;
};
int config_script_expression(char **ret, const struct config_zone *z, const struct config_pass *p,
                             const struct config_without *without) MUST_USE;

/* Routes and the settings around them as alert.sync_rules() takes them: JSON.  *ret is the
 * caller's.  -ENOMEM. */
int config_rules(char **ret, const struct config *c) MUST_USE;
/* Appends a matcher in that form: {"zones":[...], ...}. */
void config_match_json(struct buf *out, const struct config_match *m);
/* "1h", or days, times and a zone: "Mon-Fri 08:00,16:00 Europe/Berlin".  -EINVAL. */
int config_digest_parse(struct config_digest *ret, const char *text) MUST_USE;

/* Reads a secret reference: "file:/path" or "cred:NAME" (in $CREDENTIALS_DIRECTORY).  Trailing
 * newline is dropped.  *ret is the caller's, to be wiped.  The text of e names the reference, never
 * the content.  -EINVAL, -EACCES: file readable by others, errno of open(2). */
int config_secret_read(char **ret, const char *reference, struct err *e) MUST_USE;
