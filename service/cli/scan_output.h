/* The files that a scan writes: each in its form. */
#pragma once

#include "service/cli/scan_args.h"
#include "service/cli/scan_writer.h"

struct scan_output {
    const struct scan_form *form;
    const char *path; /* "-": stdout */
    FILE *file;
};

#define SCAN_OUTPUTS_MAX 5

struct scan_outputs {
    struct scan_output each[SCAN_OUTPUTS_MAX];
    size_t n;
    struct buf text; /* of one call */
    bool to_stdout;
    int failure; /* negative errno of the first write that failed */
    const char *failed_path;
    char next_xml[4096]; /* name of the XML file of a scan that is gone on with */
    char names[SCAN_OUTPUTS_MAX - 1][4096];
    time_t start;
};

/* Opens what the arguments name; text to stdout when nothing else goes there. errno
 * with path.  start: wall, for names with the time in them. */
int scan_outputs_open(struct scan_outputs *o, const struct scan_args *a, usec_t start,
                      struct err *e) MUST_USE;
/* Closes; a failure to write is told by the return value, once, with the path. */
int scan_outputs_close(struct scan_outputs *o, struct err *e) MUST_USE;
void scan_outputs_flush(struct scan_outputs *o);

void scan_outputs_begin(struct scan_outputs *o, const struct scan_info *i);
void scan_outputs_host(struct scan_outputs *o, const struct scan_info *i,
                       const struct host_finding *h);
void scan_outputs_port(struct scan_outputs *o, const struct port_finding *p);
void scan_outputs_script(struct scan_outputs *o, const struct script_result *r);
void scan_outputs_record(struct scan_outputs *o, const struct scan_info *i,
                         const struct host_record *r);
void scan_outputs_phase(struct scan_outputs *o, enum script_phase phase,
                        const struct record_script *s, size_t n);
void scan_outputs_coverage(struct scan_outputs *o, const struct coverage *c);
void scan_outputs_end(struct scan_outputs *o, const struct scan_info *i,
                      const struct scan_totals *t);
