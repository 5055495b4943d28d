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
    struct option_list datadirs;
};

/* --config, --database, --json, --help: behind the own options of each verb. */
extern const struct option db_common_options[];
