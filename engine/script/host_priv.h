/* The inside of the script host: what its files share.
 *
 * script_host owns the Lua state (through the scheduler), the index and the loaded scripts, and the
 * jobs.  A job goes through stages: its prerules, then a stage for each host (all at once), then
 * its postrules.  A stage knows for each script which candidate (host, or one of its ports) comes
 * next; a run is one thread of one script for one candidate. */
#pragma once

#include "engine/base/log.h"
#include "engine/script/bindings.h"
#include "engine/script/host.h"
#include "engine/script/output.h"
#include "engine/script/reuse.h"
#include "engine/script/select.h"
#include "engine/script/sthread.h"

#include <stdio.h>
#include <sys/queue.h>

/* ---- scripts ---- */

enum rule { RULE_PRE, RULE_HOST, RULE_PORT, RULE_POST, RULE_MAX };
#define RULE_BIT(r) (1u << (r))

const char *rule_name(enum rule r); /* "prerule" ... */

struct strings {
    char **v;
    size_t n;
};

bool strings_has(const struct strings *s, const char *text);
int strings_add(struct strings *s, const char *text) MUST_USE; /* 0 or -ENOMEM */
void strings_done(struct strings *s);

struct script {
    char *id, *path;
    int chunk_ref; /* a function: environment -> the file's main function with that _ENV; LUA_NOREF:
                      not loaded */
    struct strings categories, dependencies, volatile_keys;
    char *description, *author, *license; /* NULL: none */
    unsigned rules;                       /* RULE_BITs */
    bool forced;                          /* its rules are not asked */
    bool by_name;
    bool early;     /* finds out what runs on ports, and the others wait for that */
    unsigned level; /* 1: depends on nothing that was selected */
    size_t *after;  /* indexes of the selected scripts that it waits for */
    size_t n_after;
    bool has_followers;  /* some script waits for it */
    struct reuse *reuse; /* of its port rule */
};

/* Loads path.  0; -EINVAL, -ENOENT, ... with file and line in e; 1: it wants a library that is not
 * there (silent_require), named in e. */
int script_load(struct script_host *h, const char *path, struct script **ret,
                struct err *e) MUST_USE;
struct script *script_free(struct script_host *h, struct script *s);
/* Fills levels and `after`, sorts the host's scripts by level and id.  -ELOOP names the cycle. */
int scripts_order(struct script_host *h, struct err *e) MUST_USE;
/* The index, from script.db files or by loading everything.  Built once. */
int host_index(struct script_host *h, struct err *e) MUST_USE;

/* ---- hosts and ports as scripts see them ---- */

struct port_rec {
    enum protocol protocol;
    uint16_t port;
    enum port_state state;
    enum reason reason;
    uint8_t ttl;
    char *first_name; /* what it was called before scripts looked */
    char *name, *product, *version, *extra, *hostname, *os, *device, *tunnel, *fingerprint;
    struct strings cpe;
    enum service_method method;
    unsigned confidence;
    struct port_rec *found; /* before any script changed it; NULL: none has */
};

int port_rec_init(struct port_rec *p,
                  const struct port_finding *f) MUST_USE; /* 0 or -ENOMEM; done() it in any case */
void port_rec_done(struct port_rec *p);
/* The record as a port finding that borrows its strings. */
struct port_finding port_rec_finding(const struct port_rec *p);
/* To be called before a script's change.  -ENOMEM. */
int port_rec_keep(struct port_rec *p) MUST_USE;
/* What the rules of a script that depends on no other see: the port as it was found.  So they do
 * not depend on who happened to run first; nmap asks all of them before anything runs. */
const struct port_rec *port_rec_for(const struct script *s, const struct port_rec *p);

/* ---- jobs ---- */

enum stage_kind { STAGE_PRE, STAGE_HOST, STAGE_POST };

struct progress {  /* of one script in one stage */
    uint32_t next; /* candidate that starts next */
    uint32_t live; /* threads */
    bool taken;    /* a thread takes its candidates, one after the other: none is started */
    bool started;  /* every candidate */
    bool done;
};

struct stage {
    enum stage_kind kind;
    struct job *job;
    struct job_host *jh;       /* NULL but for STAGE_HOST */
    struct progress *progress; /* one for each selected script; NULL until begun */
    size_t n_open;             /* scripts not done */
    unsigned n_live;           /* script threads, not workers */
    size_t first;              /* the scripts before it have all started */
    size_t first_host;         /* the host rules before it have started, or wait for others */
    bool begun, queued;
    TAILQ_ENTRY(stage) entry;
};

TAILQ_HEAD(stage_list, stage);

struct job_host {
    struct stage stage;
    TAILQ_ENTRY(job_host) entry, through_entry;
    bool is_through; /* in the job's list of those whose scripts have ended */
    unsigned refs;   /* living threads, workers too */
    bool over;
    struct addr address, source;
    char ip[ADDR_TEXT_MAX];
    char *target_name, *hostname, *interface;
    enum reason reason;
    uint8_t reason_ttl;
    bool has_mac, has_source_mac, has_next_hop_mac, directly_connected;
    struct mac mac, source_mac, next_hop_mac;
    int mtu; /* of the interface; 0: not known */
    usec_t srtt, rttvar, rtt_timeout;
    struct hops trace;
    struct port_rec *ports;
    size_t n_ports;
    int registry_ref;    /* host.registry; LUA_NOREF until somebody asks */
    struct loans *loans; /* tables for rules; NULL: none */
    struct slots slots;  /* of its threads, workers too */
};

TAILQ_HEAD(job_host_list, job_host);

enum job_phase { JOB_PRE, JOB_HOSTS, JOB_POST, JOB_OVER };

struct job {
    TAILQ_ENTRY(job) entry;
    struct script_host *host;
    uint64_t id;
    enum job_phase phase;
    bool finish_wanted; /* no more hosts come */
    bool cancelled;
    struct stage pre, post;
    struct job_host_list hosts;
    struct job_host *next_host;   /* the first that has not begun; NULL: all have */
    struct job_host_list through; /* hosts that are to be told as over */
    size_t n_open_hosts;          /* not over */
    unsigned n_live;              /* script threads, not workers */
    LIST_HEAD(, run) runs;
    int registry_ref; /* nmap.registry */
    size_t n_targets_added;
};

TAILQ_HEAD(job_list, job);

/* The workers of a script, and theirs: one count for all, so that none of them floods the rest.
 * Freed with the last of the runs that have it. */
struct crew {
    unsigned refs;
    unsigned living; /* workers */
    usec_t cpu;
};

/* One thread, of a script or a worker of it. */
enum run_at { RUN_FILE, RUN_RULE, RUN_ACTION };

struct run {
    struct script_host *host;
    struct job *job;       /* NULL while a file is loaded */
    struct stage *stage;   /* NULL for workers */
    struct job_host *jh;   /* NULL in pre and post */
    size_t port;           /* index in jh->ports; SIZE_MAX: none */
    struct script *script; /* NULL while libraries are loaded */
    size_t script_index;
    enum rule rule;
    enum run_at at;
    struct sthread *thread;
    bool worker;
    struct loan *host_loan; /* of the tables that its rule was asked with; NULL: its own */
    struct loan *port_loan;
    bool takes_more;        /* it has `taken` its script's candidates */
    struct crew *crew;      /* NULL: it has not started a worker */
    int box_ref;            /* worker: the table that gets its error */
    const char *end_reason; /* why it was killed */
    struct output output;
    LIST_ENTRY(run) entry;
};

/* The run behind the running thread; NULL when the host itself runs Lua. */
struct run *run_of(lua_State *L);
/* The address family of the host that the running thread looks at; else of the command line. */
enum addr_family run_family(lua_State *L);
/* Starts a thread for a candidate of a stage.  -ENOMEM. */
int run_start(struct stage *st, size_t script_index, enum rule rule, size_t port) MUST_USE;
/* Pushes a worker's coroutine and its info(); the function and n_args arguments are on top of L.
 * Raises. */
int run_start_worker(lua_State *L, int n_args);
int run_body(lua_State *L); /* what the thread runs; argument: the run */

/* It waits or acts: what it has is its own from now on.  Any number of times. */
void run_settled(struct run *r);
void run_free(struct run *r);
void job_run_begun(struct run *r); /* bookkeeping, for scripts and workers */
void job_run_ended(struct run *r); /* frees r */
/* Are there more candidates for a thread that takes them? */
bool job_run_has_next(const struct run *r);
/* Makes the next one the run's.  False: there is none. */
bool job_run_next(struct run *r);
/* Its candidate is the last that it takes.  Any number of times. */
void job_run_settled(struct run *r);
void jobs_pump(struct task *pump); /* starts what can start, ends what has nothing left */
void jobs_free(struct script_host *h);
/* The living host of the job whose address or target name that is; NULL. */
struct job_host *job_host_find(struct job *j, const char *name);

/* ---- the host ---- */

struct script_host {
    struct loop *loop;
    struct guard *guard;
    struct dns *dns;
    struct script_world world;
    struct script_host_opts o; /* strings are its own, see `owned` */
    struct strings datadirs;   /* as given */
    struct strings roots;      /* the same, resolved: what scripts may read */
    char *scratch;             /* resolved; NULL: nothing may be written */
    char *interface;
    struct buf args; /* text */
    struct sched *sched;
    struct script_index index;
    bool index_built;
    struct script **scripts;
    size_t n_scripts;
    struct strings failed; /* files that did not load, told already; of the select under way */
    FILE *output;          /* the default one of the io library: the log */
    struct job_list jobs;
    struct stage_list startable; /* stages that may have something to start */
    struct task pump;
    struct {
        char name[16];
        int mtu;
        usec_t until;
    } link;             /* the interface that was asked for last */
    unsigned n_threads; /* script threads that live, not workers */
    unsigned n_sync;    /* threads that wait for a mutex or condition variable */
    int env_meta_ref;   /* {__index = _G} */
    int registry_ref;   /* nmap.registry outside jobs */
};

/* Drops what is too large in the tables that all scripts share (shed.c). */
void host_shed(struct script_host *h);

/* ---- files (paths.c) ---- */

/* First readable file of that type (S_IFREG, S_IFDIR) among "DATADIR/name".  False: none. */
#define SCRIPT_PATH_MAX 4096
bool path_find(const struct script_host *h, const char *name, mode_t type,
               char ret[SCRIPT_PATH_MAX]);
/* May a script open path?  Only inside data directories, script arguments that name the file, and
 * the scratch directory. */
bool path_allowed(const struct script_host *h, const char *path, bool write);
int read_whole(const char *path, struct buf *ret, struct err *e) MUST_USE; /* at most 16 MiB */

/* ---- the Lua state ---- */

int env_open(struct script_host *h, struct err *e) MUST_USE;
/* Each leaves the stack as it was, raises on no memory, and is called once. */
void sandbox_open(lua_State *L); /* io, os, package, load, debug, collectgarbage */
void compat_open(lua_State *L);  /* what Lua 5.3 did and the corpus leans on */
void string_open(lua_State *L);  /* find, match, gmatch and gsub that can be interrupted */
void strict_open(lua_State *L);  /* undeclared globals of _G raise */
void require_open(lua_State *L); /* package.searchers */
void nmap_open(lua_State *L);    /* the table nmap */
/* Sets the engine's functions in the stdnse library, which is on top of the stack. */
void stdnse_inject(lua_State *L);

/* For wrappers of library functions: calls the one in upvalue 1 with all arguments, and gives its
 * errors the place and the name they would have had without a wrapper. */
int call_original(lua_State *L, const char *name);

/* Functions of the table on top of the stack, by file. */
void nmap_info_register(lua_State *L);
void nmap_port_register(lua_State *L);
void nmap_sync_register(lua_State *L);
void nmap_net_register(lua_State *L);

/* Pushes the host and port tables for a rule, nil instead of the port when there is none.  Raises.
 */
void loans_push(lua_State *L, struct run *r);
/* The rule said no; its tables are at `host` and above.  False: it changed them. */
bool loans_return(lua_State *L, struct run *r, int host);
/* The tables that were pushed are the run's now. */
void loans_keep(struct run *r);
void loans_free(lua_State *L, struct job_host *jh);

int interface_mtu(const char *name); /* 0: not known */
void push_host(lua_State *L, struct job_host *jh);
void push_port(lua_State *L, const struct port_rec *p);
void push_job_registry(lua_State *L, struct script_host *h, struct job *j);
struct script_host *host_of(lua_State *L);
