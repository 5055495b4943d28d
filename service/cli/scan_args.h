/* The command line of `muster scan`, in nmap's spelling. */
#pragma once

#include "service/cli/option.h"

enum scan_way {                               /* scan_args.ways */
                WAY_HOSTS_ONLY = 1 << 0,      /* -sn */
                WAY_SYN = 1 << 1,             /* -sS */
                WAY_CONNECT = 1 << 2,         /* -sT */
                WAY_DEFAULT_SCRIPTS = 1 << 3, /* -sC */
                WAY_UDP = 1 << 4,             /* -sU */
                WAY_VERSION = 1 << 5,         /* -sV */
                WAY_VERSION_LIGHT = 1 << 6,   /* --version-light */
                WAY_VERSION_ALL = 1 << 7,     /* --version-all */
                WAY_LIST = 1 << 8,            /* -sL, which is hosts only as well */
};

struct scan_args {
    struct option_list target_files; /* -iL */
    struct option_list excludes;
    struct option_list exclude_files;
    const char *ports;
    bool fast;          /* -F */
    unsigned top_ports; /* 0: not given */
    struct option_list exclude_ports;
    unsigned version_intensity; /* see scan_args_intensity() */
    unsigned ways;              /* mask of enum scan_way */
    bool multicast;             /* the targets are those that answer a multicast */
    bool traceroute;            /* the way to each host that is up */
    bool no_ping;               /* -Pn */
    unsigned pings;             /* mask of enum scan_ping */
    const char *syn_ports, *ack_ports, *udp_ports; /* of -PS, -PA and -PU; "": their usual ones */
    bool no_names;                                 /* -n */
    bool ipv6;
    struct option_list scripts;
    struct option_list script_args;
    const char *script_args_file;
    const char *script_help;
    usec_t script_timeout;
    bool script_trace;
    const char *script_scratch;
    struct option_list datadirs;
    double min_rate, max_rate;
    unsigned max_retries; /* SCAN_RETRIES_DEFAULT: as the timing template says */
    usec_t host_timeout;
    const char *timing; /* "0".."5" or nmap's word; NULL: 3 */
    const char *interface;
    unsigned sample;    /* 0: everything is asked */
    bool estimate;      /* tell what it would cost, and end */
    const char *state;  /* file to keep account in */
    const char *resume; /* file of a scan to go on with */
    bool appending;     /* outputs go on where an earlier run stopped; set by --resume */
    int verbose, debug;
    usec_t stats_every; /* 0: each second, on a terminal */
    bool say_failures;  /* of scripts, with their tracebacks: `script run` is for authors */
    const char *xml, *text, *grep, *json; /* files; "-": stdout; NULL: none */
    const char *all;                      /* the first three of them, but for their ends; NULL */
    bool reason;
    bool open_only; /* --open */
};

#define SCAN_RETRIES_DEFAULT    1000000000U
#define VERSION_INTENSITY_USUAL 7

extern const struct option scan_options[];
/* What nmap's users know and Muster does not do, each with the reason; the second table. */
extern const struct option scan_refused[];
#define SCAN_TABLES                                                                                \
    {                                                                                              \
        scan_options, scan_refused                                                                 \
    }

void scan_args_init(struct scan_args *a);
/* What cannot be meant together, in one sentence.  -EINVAL. */
int scan_args_check(const struct scan_args *a, const struct option_list *operands,
                    struct err *e) MUST_USE;
/* 0..9: which of several ways was taken to say it. */
int scan_args_intensity(const struct scan_args *a);
/* 0..5 from "4" or "aggressive"; -EINVAL. */
int scan_args_timing(const struct scan_args *a, struct err *e);
