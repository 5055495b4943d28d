/* What a file of nmap's XML tells, as findings.
 *
 * Only hosts that are up, each address once: what several <host> elements tell of one (masscan
 * writes one for each port) is put together.  All texts belong to the run. */
#pragma once

#include "engine/base/err.h"
#include "engine/model/finding.h"

struct nmap_host {
    struct host_finding finding; /* time: when the host was done with; 0: not told */
    struct port_finding *ports;  /* open ones */
    size_t n_ports;
    struct script_result *results; /* phases host and port, with output or structure */
    size_t n_results;
};

struct text_chunk;

struct nmap_run {
    usec_t started, ended;   /* wall; ended 0: not told */
    struct nmap_host *hosts; /* in order of their addresses */
    size_t n_hosts;
    struct text_chunk *texts;
    size_t bytes; /* that all this takes */
};

/* What a run may take in memory: a file beyond it is refused, not read until memory ends. */
#define NMAP_RUN_BYTES_MAX ((size_t)1 << 30)

struct nmap_run *nmap_run_new(void); /* NULL: no memory */
struct nmap_run *nmap_run_free(struct nmap_run *r);
void nmap_run_freep(struct nmap_run **r);

/* When a host was seen, by the file. */
usec_t nmap_run_seen(const struct nmap_run *r, const struct nmap_host *h);
/* Whether that can be: -EBADMSG, and the message names the host, for one that was seen before there
 * were such files, or after now (wall) by more than clocks differ. */
int nmap_run_times(const struct nmap_run *r, usec_t now, struct err *e) MUST_USE;

/* While it is read.  All return -ENOMEM, or -E2BIG beyond NMAP_RUN_BYTES_MAX. */

/* A copy of len bytes, which the run keeps; *ret is NULL for s NULL. */
int nmap_run_text(struct nmap_run *r, const char *s, size_t len, const char **ret) MUST_USE;
/* Each appends a copy of the struct. */
int nmap_run_host(struct nmap_run *r, const struct host_finding *h) MUST_USE;
int nmap_run_port(struct nmap_run *r, struct nmap_host *h, const struct port_finding *p) MUST_USE;
int nmap_run_result(struct nmap_run *r, struct nmap_host *h,
                    const struct script_result *s) MUST_USE;
/* Everything was told: brings the hosts into order. */
int nmap_run_close(struct nmap_run *r) MUST_USE;
