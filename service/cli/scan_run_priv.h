/* The parts of a running scan: scan_run.c (life), scan_hosts.c (one host from first answer to last
 * script), scan_world.c (scripts), scan_screen.c (progress). */
#pragma once

#include "engine/loop/loop.h"
#include "engine/scan/route.h"
#include "engine/scan/scan.h"
#include "service/cli/scan_output.h"
#include "service/cli/scan_plan.h"
#include "service/cli/scan_run.h"
#include "service/cli/scan_state.h"

#include <setjmp.h>
#include <uthash.h>

struct dns;
struct dns_query;
struct guard;
struct script_host;
struct sd_event_source;
struct scan_run;
struct vendors;

struct scan_host {
    struct scan_run *run;
    struct addr_key key;
    struct host_record *record;
    struct dns_query *query;                              /* for its name; NULL: none under way */
    bool named;                                           /* its name is known, or not wanted */
    bool told;                                            /* its JSON line is out */
    bool scanned;                                         /* the scanner is through with it */
    enum { ROUTE_WANTED, ROUTE_ASKED, ROUTE_OVER } route; /* of --traceroute */
    bool scripted;                                        /* handed to the script host */
    TAILQ_ENTRY(scan_host) naming, routing;
    UT_hash_handle hh;
};

struct scan_run {
    const struct scan_args *args;
    struct scan_plan plan;
    struct addr_set echoed; /* answered a multicast echo */
    struct scan_info info;
    struct scan_outputs outputs;
    struct scan_totals totals;
    usec_t started; /* monotonic */
    struct loop *loop;
    struct dns *dns;
    struct guard *guard;
    struct scan *scan;
    struct scan_list *list;                 /* NULL: not of -sL */
    struct script_host *scripts;            /* NULL: none wanted */
    struct frames *frames;                  /* raw ones of scripts; NULL: none may be had */
    struct route_socket *routes;            /* likewise */
    struct tracer *tracer;                  /* NULL: routes are not traced */
    struct hop_name *hop_names;             /* of routers */
    TAILQ_HEAD(, scan_host) routes_to_name; /* hosts whose route waits for such names */
    struct raw_way {                        /* of the host that scripts were started for last */
        struct iface iface;
        struct addr gateway;
        bool has_mac; /* the gateway's */
        struct mac mac;
        usec_t until;
    } way;
    struct vendors *vendors; /* of MAC addresses; loaded when the first MAC address comes */
    bool vendors_tried;
    struct scan_host *hosts; /* those that are not written yet */
    TAILQ_HEAD(, scan_host) to_name;
    unsigned naming;   /* lookups under way */
    size_t unscripted; /* hosts that scripts have yet to see */
    size_t scripting;  /* hosts that scripts look at */
    bool privileged;
    bool idle; /* there is nobody to ask */
    bool scan_over, job_finished, job_over;
    bool begun; /* the outputs have their heads */
    bool interrupted;
    bool ended;                      /* all is written: what comes now comes too late */
    bool partial;                    /* something is missing: exit code 1 */
    uint64_t n_unasked;              /* addresses of which nothing can be said */
    uint64_t n_cut;                  /* hosts that are up and were not finished */
    uint64_t n_failed;               /* script runs whose error was not told */
    struct buf failed;               /* names of the first such scripts */
    struct record_script *phases[2]; /* results of SCRIPT_PRE and SCRIPT_POST not written yet */
    size_t n_phases[2];
    struct {                     /* targets that scripts add */
        bool granted;            /* by the script argument newtargets */
        bool prerules_over;      /* they may add some for as long as they run */
        bool told;               /* that there were too many */
        struct addr_set waiting; /* for the next round */
        uint64_t n;              /* all that were taken */
        unsigned lookups;        /* of names, under way */
        struct task next;
    } more;
    struct { /* a script that is in a C function for good */
        sigjmp_buf way_out;
        volatile bool armed; /* way_out may be taken */
        bool taken;          /* it was: loop and scripts must not be touched */
        char why[160];
    } stuck;
    struct task flush;
    struct timer progress;
    struct scan_state state; /* account of what is done; path NULL: none is kept */
    struct timer keep;
    bool progress_shown;
    struct sd_event_source *signals[2];
};

/* scan_raw.c: gives the scripts' world raw frames where the process has the right to them.  Closed
 * after the script host. */
struct script_world;
int scan_raw_open(struct scan_run *run, struct script_world *world, struct err *e) MUST_USE;
void scan_raw_close(struct scan_run *run);
/* Fills in the way to the target: interface, addresses of ours, the next hop's MAC address.  What
 * is not known stays as it is.  name: becomes the interface's. */
struct script_target;
void scan_raw_way(struct scan_run *run, struct script_target *t, char name[16]);

/* scan_trace.c: the ways to hosts (--traceroute). */
void scan_trace_open(struct scan_run *run);
/* False: the host waits for its route; scan_host_next() comes again. */
bool scan_trace_host(struct scan_run *run, struct scan_host *h);
void scan_trace_interrupt(struct scan_run *run);
void scan_trace_close(struct scan_run *run);

/* scan_stuck.c: turns the loop to its end.  0 or -errno; a script that never comes back out of a C
 * function ends the run as well, and then scan_stuck_leave() ends the process. */
int scan_stuck_loop(struct scan_run *run);
void scan_stuck_leave(const struct scan_run *run, int code);
/* For the world of scripts. */
void scan_stuck(void *user, const char *script, usec_t cpu);

/* scan_more.c: targets that scripts add. */
void scan_more_open(struct scan_run *run); /* the script host is there */
void scan_more_done(struct scan_run *run);
size_t scan_more_add(struct scan_run *run, const char *word); /* 1: it will be scanned */
void scan_more_prerules_over(struct scan_run *run);
/* Looks again whether the run is at its end, in the next turn. */
void scan_more_look(struct scan_run *run);
/* Whether the scan is not at its end although all its hosts are: then scan_run_advance() is called
 * again. */
bool scan_more_may_come(struct scan_run *run);
/* scan_untargeted.c: opens the guard for the links that scripts ask where no targets are named.
 * -EINVAL: an excluded address is on one; -ENODEV, -ENOMEM. */
int scan_untargeted_scope(struct scan_run *run, struct err *e) MUST_USE;
/* Starts the scripts alone.  -EINVAL: none of them runs without a target. */
int scan_untargeted_start(struct scan_run *run, struct err *e) MUST_USE;
/* scan_list.c: -sL, instead of scanner and scripts. */
struct scan_list;
int scan_list_start(struct scan_run *run, struct err *e) MUST_USE;
void scan_list_interrupt(struct scan_run *run);
/* When the resolver is gone. */
struct scan_list *scan_list_free(struct scan_list *l);

/* scan_run.c: sends the scanner out for these. */
int scan_run_scanner(struct scan_run *run, const struct addr_set *targets, struct err *e) MUST_USE;

/* One line to the person, escaped; the progress line makes room. */
void scan_say(struct scan_run *run, const char *fmt, ...) PRINTF(2, 3);
void scan_progress_clear(struct scan_run *run);
/* An open port, to whoever wants to hear of it before its host is through. */
void scan_progress_port(struct scan_run *run, const struct port_finding *p);
int scan_progress_start(struct scan_run *run, struct err *e) MUST_USE;
/* scan_tell.c: why the exit code will be 1, where nothing has said so yet; and what people try when
 * nobody answers. */
void scan_tell_printers(struct scan_run *run);
void scan_tell_links(struct scan_run *run); /* the scripts are loaded */
void scan_tell_undecided(struct scan_run *run);
void scan_tell_end(struct scan_run *run);
void scan_note_failed(struct scan_run *run, const char *script);
/* Call after anything was written: the flush comes in the next turn. */
void scan_written(struct scan_run *run);

/* scan_account.c: what is done, for --resume.  Without --state each does nothing. */
int scan_account_open(struct scan_run *run, const struct scan_begin *begin, struct err *e) MUST_USE;
int scan_account_start(struct scan_run *run, struct err *e) MUST_USE;
void scan_account_up(struct scan_run *run, const struct addr *a);
void scan_account_done(struct scan_run *run, const struct addr *a);
void scan_account_close(struct scan_run *run); /* the last time; says how to go on */
/* Whether there is nothing to do: a scan that was completed before. */
bool scan_account_is_over(const struct scan_run *run);

/* scan_multicast.c: makes the targets those within them that answer a multicast. */
int scan_multicast(struct scan_run *run, struct err *e) MUST_USE;

extern const struct scan_sink scan_run_sink;
struct scan_host *scan_host_find(struct scan_run *run, const struct addr *a);
/* The host goes on to what comes next: scripts, or its place in the output (then it is freed). */
void scan_host_next(struct scan_run *run, struct scan_host *h);
void scan_host_finish(struct scan_run *run, struct scan_host *h);
/* Tells the host, once.  False: --open leaves it out, as none of its ports may be open. */
bool scan_host_list(struct scan_run *run, struct scan_host *h);
/* The run was interrupted: names are not waited for any more. */
void scan_hosts_interrupt(struct scan_run *run);
void scan_hosts_free(struct scan_run *run);
/* The whole run goes on to what comes next, if it can. */
void scan_run_advance(struct scan_run *run);

/* Loads the scripts that are wanted; run->scripts stays NULL when none are. */
int scan_scripts_load(struct scan_run *run, struct err *e) MUST_USE;
/* Tells the outputs of files that did not load. */
void scan_load_results(struct scan_run *run);
int scan_scripts_start(struct scan_run *run, struct err *e) MUST_USE;
int scan_scripts_add(struct scan_run *run, struct scan_host *h, struct err *e) MUST_USE;
void scan_phase_write(struct scan_run *run, enum script_phase phase);
void scan_phases_free(struct scan_run *run);

#define SCAN_JOB 1
