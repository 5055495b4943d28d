/* Targets and excludes in nmap's syntax: "192.0.2.0/24", "10.0.0-3.1-254", "10.0.*.1,3",
 * "2001:db8::1", "fe80::1%eth0", names.  Addresses go into a set; names are returned for the caller
 * to resolve. */
#pragma once

#include "engine/base/addrset.h"

struct target_list {
    struct addr_set addrs;
    char **names; /* to be resolved, "name" or "name/len"; owned */
    size_t n_names;
};

void target_list_done(struct target_list *t);
/* -EINVAL names the expression and what was expected. */
int target_list_add(struct target_list *t, const char *expression, struct err *e) MUST_USE;
/* One expression per word; '#' starts a comment.  "-" is stdin.  Errors name file and line. */
int target_list_add_file(struct target_list *t, const char *path, struct err *e) MUST_USE;
