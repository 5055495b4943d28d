/* Alerts on their way: events of the outbox (alert.event) to webhooks, at least once, under a
 * stable id.
 *
 * An event is delivered to each endpoint in the order of its subject; attempts, retries and dead
 * letters are rows (schema alert), so all of it survives a crash: what was sent and not yet marked
 * is sent again under the same `webhook-id`.  A broken endpoint holds up nobody else: it is probed
 * with backoff while its events wait in the log.  One process delivers for an endpoint at a time; a
 * second one stands by, and a paused old one is fenced.  docs/alerts.md is the view of the user.
 *
 * The pipeline has a database connection of its own, its own resolver, and libcurl on the loop. */
#pragma once

#include "engine/base/addrset.h"
#include "engine/loop/loop.h"
#include "service/config/config.h"

struct alert;

/* Which addresses an endpoint may lead to; checked after resolution, and again on the socket.
 * Loopback, link-local, multicast, documentation and other special addresses are refused by both,
 * unless listed in `allow`. */
enum alert_reach {
    ALERT_REACH_LOCAL,  /* private ones too: receivers of an inventory are usually on the LAN */
    ALERT_REACH_PUBLIC, /* only public ones */
};

struct alert_endpoint {
    const char *name; /* unique; the key of its state in the database */
    enum config_kind kind;
    const char *url;     /* http(s)://..., itself secret perhaps: never logged, never stored */
    const char *secrets; /* "whsec_..." keys, separated by white space; the first is the newest;
                            NULL: unsigned */
    usec_t timeout;      /* of one attempt; 0: 15 s */
    enum alert_reach reach;
    const struct addr_set *allow; /* addresses that are fine whatever `reach` says; may be NULL */
    bool plain_http;              /* http:// is meant */
    const char *token;            /* what the receiver knows us by; NULL: none */
    const char *topic, *content_type;
    const char *text;            /* of kind template */
    const char *ca, *cert, *key; /* PEM; NULL: the system's, none, none */
    const char *proxy;           /* URL; NULL: none */
    bool http2;
    enum config_order order;
    double rate;          /* deliveries per second; 0: as the kind bears */
    unsigned burst;       /* likewise */
    unsigned concurrency; /* likewise */
};

struct alert_opts {
    const char *conninfo; /* as for db_open() */
    const char *
        holder; /* who this is; NULL: "local".  A new process of the same name takes over at once */
    const char *resolver;                   /* as dns_opts.servers; NULL: as the system says */
    const struct alert_endpoint *endpoints; /* copied */
    size_t n_endpoints;
    const char *rules; /* JSON for alert.sync_rules(); copied.  NULL: those that are in the database
                          stay; where there never were any, all goes to everybody */
    bool patient;      /* wait for an earlier one of this name to give its endpoints up (a reload),
                          instead of taking them */
    usec_t backoff_base; /* of failures; 0: 5 s */
    usec_t backoff_cap;  /* 0: 1 h */
    usec_t poll;         /* how often to look without a hint; 0: 2 s */
    usec_t refused_for;  /* the database refuses an outcome for good when it did so for so long;
                            0: 10 min */
    usec_t tell_after;   /* an endpoint that fails for so long is told to the others; 0: a minute */
};

/* Begins to deliver.  -EINVAL: a bad URL or secret; the sentence names the endpoint and never what
 * is secret.  -ENOMEM. */
int alert_new(struct alert **ret, struct loop *l, const struct alert_opts *o,
              struct err *e) MUST_USE;
/* At once: what is in flight is cut (and sent again by the next life). */
struct alert *alert_free(struct alert *a);
void alert_freep(struct alert **a);

/* A hint that events were committed: look now. */
void alert_poke(struct alert *a);

/* Starts nothing new; what is in flight may end, its outcome is written, and the endpoints are
 * given up for others.  done comes once, in a later turn: 0, or (half a second after the deadline
 * at the latest) -ETIMEDOUT when it cut something (it will be sent again).  Then alert_free(). */
void alert_stop(struct alert *a, usec_t deadline, void (*done)(void *user, int status), void *user);

/* Numbers since the start, for metrics and `muster status`.  -ENOENT: no endpoint of that index. */
struct alert_stats {
    const char *name;
    const char *state; /* "standby", "ok", "throttled", "failing", "quarantined", "disabled" */
    uint64_t delivered, attempts, failures, dead;
    unsigned waiting, in_flight;
};
int alert_stats(const struct alert *a, size_t index, struct alert_stats *ret);
/* Whether nothing is known to be on its way: everything seen has been delivered or put aside, and
 * written. */
bool alert_idle(const struct alert *a);
