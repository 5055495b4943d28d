/* Options of the verbs that look into the database, and of those about the configuration. */
#pragma once

#include "service/cli/option.h"

struct db_args {
    const char *config;   /* --config; NULL: config_find_path() */
    const char *database; /* --database: libpq connection string; NULL: what the config says */
    bool json;
    bool all; /* also what is gone, closed, delivered ... */
    const char *zone;
    const char *since; /* time or span */
    const char *between[2];
    const char *format; /* of changes */
    bool follow;
    usec_t wait_baseline; /* 0: do not wait */
    unsigned limit;       /* 0: the default */
    bool skip;
    bool check; /* db migrate: apply nothing */
    bool audit; /* doctor */
    struct option_list datadirs;
    const char *at;            /* the inventory as it was: time or span */
    struct option_list params; /* of a report: NAME=VALUE */
    const char *by;            /* who says so; NULL: the login name */
    const char *label, *owner, *criticality, *presence, *note;
    struct option_list removes; /* tags */
    const char *policy;
    const char *until, *reason;         /* of an approval */
    bool end;                           /* take an approval back */
    const char *key, *severity, *title; /* of a policy */
    usec_t every;
    bool why;  /* of an asset: its evidence */
    bool dead; /* only dead letters */
};

/* --config, --database, --json, --help: behind the own options of each verb. */
extern const struct option db_common_options[];
