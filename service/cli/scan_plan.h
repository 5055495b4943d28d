/* What a scan is to do, worked out from the command line before anything is sent. */
#pragma once

#include "engine/base/addrset.h"
#include "engine/model/ports.h"
#include "engine/scan/scan.h"
#include "engine/scan/targets.h"
#include "service/cli/scan_args.h"

struct dns;
struct lookups;
struct payloads;
struct services;

/* A target that was given by name. */
struct named_target {
    struct addr address;
    char *name;
};

struct scan_plan {
    struct target_list targets, excludes; /* names among them are resolved by scan_plan_resolve() */
    struct addr_set scope;                /* targets without excludes and groups */
    struct addr_set groups;               /* multicast and broadcast addresses among the targets */
    bool lists;                           /* nobody is asked: -sL */
    bool untargeted;                      /* nobody was named: only scripts run */
    struct lookups *lookups;              /* names under way; free the loop before the plan */
    struct named_target *named;
    size_t n_named;
    size_t n_unresolved;       /* names that led nowhere; told on stderr */
    struct services *services; /* NULL: no table was found */
    struct payloads *payloads; /* NULL: no table was found, or it is not needed */
    struct port_set ports;
    struct ping_choice ping;
    char **datadirs; /* first hit wins; NULL behind the last */
    size_t n_datadirs;
    char *scripts;     /* expression; NULL: none */
    char *script_args; /* NULL: none */
    int timing;
    unsigned retries;
    double max_rate;         /* packets per second; 0: the scanner's default */
    enum addr_family family; /* of names */
};

/* Everything but names.  -EINVAL and errno of files, with a sentence. */
int scan_plan_make(struct scan_plan *p, const struct scan_args *a,
                   const struct option_list *targets, struct err *e) MUST_USE;
void scan_plan_done(struct scan_plan *p);
/* A part of it: puts link-local targets that name no interface on this one, or (NULL) on the only
 * one that there is.  -EINVAL lists those that there are; -EADDRNOTAVAIL, -ENODEV, -ENOMEM. */
int scan_plan_links(struct scan_plan *p, const char *interface, struct err *e) MUST_USE;

/* Looks up the names, turning the loop meanwhile, and makes the scope.  A name that does not
 * resolve is told on stderr and counted; -EINVAL when nothing is left to scan. */
int scan_plan_resolve(struct scan_plan *p, struct loop *l, struct dns *d, struct err *e) MUST_USE;
/* Notes that the address was given by this name. */
int scan_plan_name(struct scan_plan *p, const struct addr *a,
                   const char *name) MUST_USE; /* 0, -ENOMEM */
/* Moves the addresses of groups (multicast, broadcast) from one set to another.  Nobody is behind
 * them: scripts ask them, and the hosts that answer are others. */
int scan_groups_split(struct addr_set *groups, struct addr_set *from) MUST_USE; /* 0, -ENOMEM */
/* NULL: it was given as an address. */
const char *scan_plan_name_of(const struct scan_plan *p, const struct addr *a);

/* Where scripts and data files are looked for: those given, then Muster's own.  Both by the plan
 * and by `muster script`. */
int scan_datadirs(char ***ret, size_t *ret_n, const struct option_list *given,
                  struct err *e) MUST_USE;
void scan_datadirs_free(char **dirs);
/* The first table of port names in the directories, ours or nmap's; *ret is untouched when there is
 * none.  -EINVAL. */
int scan_services_load(struct services **ret, char *const *dirs, struct err *e) MUST_USE;

struct lookups *scan_lookups_free(struct lookups *all);
