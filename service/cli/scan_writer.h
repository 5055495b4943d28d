/* The forms in which `muster scan` tells what it found: JSON lines, text, nmap's XML and lines to
 * grep.
 *
 * A form is a table of functions that append to a buffer; nothing here knows files or the loop, so
 * that golden files can test it.  JSON tells each finding when it is made, text and XML tell a host
 * when it is through. */
#pragma once

#include "engine/base/buf.h"
#include "service/cli/scan_record.h"

struct services;

/* What is fixed before the first packet. */
struct scan_info {
    const char *version; /* of Muster */
    const char *command; /* the command line */
    usec_t start;        /* wall */
    const char *method;  /* of TCP ports: "syn" or "connect"; NULL: they are not asked */
    bool udp;            /* UDP ports are */
    const struct port_set *ports;
    const struct services *names; /* of ports; may be NULL */
    int verbose, debug;
    bool reasons;  /* a column with them in the text */
    bool versions; /* it was asked what runs on open ports */
    bool finished; /* nothing is under way: what is told was found before */
};

struct scan_totals {
    uint64_t hosts_probed, hosts_up, ports_open, scripts_run;
    uint64_t hosts_listed; /* by -sL, and not probed */
    usec_t end;            /* wall */
    usec_t elapsed;
    const char *failure; /* why the run is incomplete; NULL: it is complete */
};

/* NULL functions have nothing to say. */
struct scan_form {
    const char *name; /* "text" */
    void (*begin)(struct buf *out, const struct scan_info *i);
    void (*host)(struct buf *out, const struct scan_info *i, const struct host_finding *h);
    void (*port)(struct buf *out, const struct port_finding *p);
    void (*script)(struct buf *out, const struct script_result *r);
    void (*record)(struct buf *out, const struct scan_info *i, const struct host_record *r);
    /* Results of the phases before and behind the hosts; n > 0. */
    void (*phase)(struct buf *out, enum script_phase phase, const struct record_script *s,
                  size_t n);
    void (*coverage)(struct buf *out, const struct coverage *c);
    void (*end)(struct buf *out, const struct scan_info *i, const struct scan_totals *t);
};

/* scan_form_file is the text with the command line at its head, for whoever reads it next year. */
extern const struct scan_form scan_form_json, scan_form_text, scan_form_file, scan_form_xml,
    scan_form_grep;

/* The first and the last line of a file of text. */
void scan_file_begin(struct buf *out, const struct scan_info *i);
void scan_file_end(struct buf *out, const struct scan_info *i, const struct scan_totals *t);

/* The service on a port as a name: what was found, else the table's; NULL: neither knows. */
const char *scan_service_name(const struct scan_info *i, const struct host_record *r,
                              const struct record_port *p);
/* The same as the text has it: "ssl/http", "http?" for a guess, "unknown". */
void scan_service_text(struct buf *out, const struct scan_info *i, const struct host_record *r,
                       const struct record_port *p);
/* Product, version and what else is known: "OpenSSH 9.2 (protocol 2.0)". */
void scan_version_text(struct buf *out, const struct service_info *s);
/* nmap's line "Service Info: OS: Linux; CPE: cpe:/o:linux:linux_kernel", from all open ports;
 * nothing when they say nothing. */
void scan_service_info_text(struct buf *out, const struct host_record *r);
/* nmap's table "TRACEROUTE"; nothing when the host has no trace. */
void scan_trace_text(struct buf *out, const struct host_record *r);
/* A line of text that names the totals: "2 IP addresses (1 host up) scanned in 0.25 seconds". */
void scan_totals_text(struct buf *out, const struct scan_totals *t);

/* Script output as nmap's screen shows it: "| id: first", "| more", "|_last".  Empty output is
 * nothing. */
void scan_script_text(struct buf *out, const struct script_result *r);
/* Text for an XML attribute or element; control characters that XML has no place for become \xHH.
 */
void scan_xml_escape(struct buf *out, const char *s, size_t len);
