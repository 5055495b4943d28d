/* The script host: runs NSE scripts (nmap's script API, Lua 5.4) as coroutines on the loop.
 *
 * Life: new -> select (script expressions) -> jobs: script_job_start, any number of
 * script_job_add_host as hosts become known (their scripts start at once: no host groups),
 * script_job_finish when no more hosts come (postrules run then), job_done. Scripts can harm
 * nothing: see sched.h for budgets.  Not thread-safe; one host per process is usual, several are
 * possible. */
#pragma once

#include "engine/loop/loop.h"
#include "engine/model/hops.h"
#include "engine/script/world.h"

struct dns;
struct guard;
struct script_host;

struct script_host_opts {
    const char *const *datadirs; /* each holds scripts/, nselib/ and data files; first hit wins */
    size_t n_datadirs;
    const char *args;              /* --script-args text; NULL: none */
    const char *args_file;         /* --script-args-file; NULL: none */
    int verbosity, debugging;      /* as nmap's -v and -d */
    int timing_level;              /* 0..5; nmap's default is 3 */
    int version_intensity;         /* 0..9; 7 */
    bool version_first;            /* scripts of category version first: the others see what runs */
    enum addr_family family;       /* nmap.address_family(); ADDR_V4 default */
    const char *interface;         /* nmap.get_interface(); NULL */
    bool privileged;               /* nmap.is_privileged() */
    usec_t script_timeout;         /* wall limit per script thread; 0: none */
    usec_t cpu_limit;              /* per script thread; 0: 10 s */
    size_t memory_limit;           /* bytes for the whole Lua state; 0: 512 MiB */
    unsigned max_threads;          /* threads that may hold sockets at a time; 0: 1000 */
    unsigned max_threads_per_host; /* script threads at a time against one host; 0: 100 */
    unsigned max_sockets_per_host; /* those of its threads, workers too, that hold sockets; 0: 20 */
    unsigned trace;                /* 1: --script-trace */
    const char *scratch_dir;       /* the one directory that scripts may write below; NULL: none */
};

struct script_target {
    struct addr address;
    const char *target_name; /* what the user typed; NULL */
    const char *hostname;    /* reverse name; NULL */
    enum reason reason;
    uint8_t reason_ttl;
    bool has_mac;
    struct mac mac;
    bool directly_connected;
    const char *interface; /* NULL: not known */
    struct addr source;    /* our address towards it; ADDR_NONE: not known */
    bool has_source_mac, has_next_hop_mac;
    struct mac source_mac, next_hop_mac; /* ours there; the target's, or its gateway's */
    usec_t srtt, rttvar, rtt_timeout;
    const struct hops *trace;         /* the way to it; NULL: it was not traced; copied */
    const struct port_finding *ports; /* every state that was found; copied */
    size_t n_ports;
};

int script_host_new(struct script_host **ret, struct loop *l, struct guard *g, struct dns *dns,
                    const struct script_world *w, const struct script_host_opts *o,
                    struct err *e) MUST_USE;
struct script_host *script_host_free(struct script_host *h);
/* The same where the process ends next: the memory of the Lua state is left to the system. */
struct script_host *script_host_leave(struct script_host *h);
void script_host_freep(struct script_host **h);

/* `--script` expression.  Loads every selected file; a file that does not load is an outcome
 * (world.result with SCRIPT_ERROR, phase of no target) and a warning, never the end of the others.
 * -EINVAL: the expression (message quotes the part), -ENOENT: matched nothing. *ret_n: how many
 * were selected. */
int script_host_select(struct script_host *h, const char *expression, size_t *ret_n,
                       struct err *e) MUST_USE;
/* Whether a script argument of this name was given, alone or with a value. */
bool script_host_has_arg(struct script_host *h, const char *name);
/* For --script-help and `script list`: calls fn for each script selected. */
struct script_meta {
    const char *id, *path, *description, *author, *license;
    const char *const *categories;
    size_t n_categories;
    const char *const *volatile_keys; /* field `volatile`: what does not count in its results */
    size_t n_volatile_keys;
    bool prerule, hostrule, portrule, postrule;
};
void script_host_each(struct script_host *h, void (*fn)(void *user, const struct script_meta *m),
                      void *user);

int script_job_start(struct script_host *h, uint64_t job,
                     struct err *e) MUST_USE; /* prerules start */
int script_job_add_host(struct script_host *h, uint64_t job, const struct script_target *t,
                        struct err *e) MUST_USE;
int script_job_finish(struct script_host *h,
                      uint64_t job); /* no more hosts; postrules follow the last */
void script_job_cancel(
    struct script_host *h,
    uint64_t job); /* every thread ends now; outcomes SCRIPT_SKIPPED "cancelled" */

void script_host_raw_frame(struct script_host *h, uint32_t id, const void *frame, size_t len,
                           size_t wire_len, usec_t wall);

/* The script that is running right now, for the watchdog's blame; "" when none.  Async-signal-safe.
 */
const char *script_host_current(const struct script_host *h);

struct script_stats {
    uint64_t threads_started, threads_live, threads_parked, preemptions;
    size_t memory_used, memory_peak;
};
void script_host_stats(const struct script_host *h, struct script_stats *ret);
