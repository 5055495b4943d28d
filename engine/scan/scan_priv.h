/* What scan.c (life cycle), scan_links.c (interfaces, gateways) and scan_run.c (sending, receiving)
 * share. */
#pragma once

#include "engine/scan/capture.h"
#include "engine/scan/connect.h"
#include "engine/scan/pacer.h"
#include "engine/scan/route.h"
#include "engine/scan/route_watch.h"
#include "engine/scan/scan.h"
#include "engine/scan/sender.h"
#include "engine/scan/sweep.h"

/* One interface that raw frames go through. */
struct link {
    struct scan *scan;
    struct iface iface;
    struct probe_ctx ctx;
    struct capture *capture;
    struct sender *sender;
    uint64_t drops; /* seen so far */
};

#define LINKS_MAX 32

struct scan {
    struct loop *loop;
    struct guard *guard;
    struct scan_sink sink;
    void *user;
    struct scan_opts o; /* pointers in it are ours, or NULL */
    struct port_set ports;
    struct addr_set targets; /* without the excludes */
    bool raw;                /* raw probes find hosts, and with SCAN_SYN their ports */
    enum scan_method method; /* in use */

    struct plan plan;
    struct route_socket *routes;
    struct route_watch *watch;
    char interface[16]; /* "": from the routes */
    bool changed;       /* interfaces, addresses or routes; looked at from look_at on */
    usec_t look_at;
    usec_t lost_since; /* targets have lost their way: nothing is sent; 0: all have theirs */
    char why[128];     /* of the loss, for people */
    struct link links[LINKS_MAX];
    size_t n_links;
    struct siphash_key key;
    uint16_t sport_base;
    unsigned gateway_tries;

    struct pacer pacer;
    struct sweep *sweep;
    struct connector *connector;

    struct timer timer;
    struct task stop_task;
    bool idle;           /* the sweep waits: an answer may give it something to do */
    bool pending;        /* `probe` was taken from the sweep and not sent yet */
    bool guarded, paced; /* and guard and pacer have let it through */
    struct sweep_probe probe;
    usec_t taken; /* when it was */
    usec_t due;   /* when the timer was to fire */
    bool late;    /* it came late, and replies are read before anything is judged */

    usec_t started;
    usec_t slowed;  /* for losses of our own, last */
    usec_t blocked; /* since when a device takes nothing; 0: all do */
    unsigned busy;  /* user code is on the stack below us */
    bool ended;     /* done was told */
    bool freed;     /* scan_free() was called while busy */
};

/* scan_links.c */
/* Opens what the plan's hops need for raw probes, and sets their links. */
int scan_open_links(struct scan *s, struct err *e) MUST_USE;
/* After the plan has changed: closes what is dead, opens what is needed.  A way whose interface
 * cannot be opened is none.  -ENOMEM. */
int scan_renew_links(struct scan *s);
void scan_close_links(struct scan *s);
/* Asks for the MAC addresses of gateways that are not known.  > 0: come back after so many us; 0:
 * all are settled. */
usec_t scan_resolve_gateways(struct scan *s);
/* An ARP or ND answer may be a gateway's. */
void scan_gateway_answer(struct scan *s, struct link *l, const struct probe_reply *r);
/* 0: handed over, or in the batch; -EAGAIN; -ENETDOWN. */
int scan_send_raw(struct scan *s, const struct sweep_probe *p);
int scan_flush(struct scan *s);
uint64_t scan_drops(struct scan *s);
#define SCAN_MORE 1
/* Reads all captures.  0; SCAN_MORE: some hold more than one turn may take; -ENETDOWN: one of the
 * interfaces is gone. */
int scan_drain(struct scan *s);

/* scan_run.c */
void scan_tick_after(struct scan *s, usec_t wait);
void scan_tick(struct timer *t);
void scan_on_packet(void *user, const struct packet *p);
void scan_on_connect(void *user, const struct probe_reply *r);

/* scan_reroute.c */
void scan_ways_changed(void *user);
void scan_way_broken(struct scan *s);
/* Whether a plan made now would have a way for the probe. */
bool scan_has_way(struct scan *s, const struct sweep_probe *p);
/* One of the interfaces that are needed is down, or its cable is out. */
bool scan_ways_dead(struct scan *s);
/* > 0: the scan waits for its way; come back after so many us.  May end the scan. */
usec_t scan_follow_ways(struct scan *s);

/* scan.c */
int scan_make_plan(struct scan *s, struct plan *ret, struct err *e);
void scan_finish(struct scan *s, int status);
