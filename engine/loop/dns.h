/* Names by c-ares on the loop.  Each started lookup calls back exactly once, in a later turn, also
 * when cancelled
 * (-ECANCELED) or the resolver is freed.  Status 0; -ENOENT: no such name or no address of that
 * family; -ETIMEDOUT; -EIO. */
#pragma once

#include "engine/base/addr.h"
#include "engine/loop/loop.h"

struct dns;
struct dns_query;

typedef void (*dns_addrs_cb)(void *user, int status, const struct addr *addrs, size_t n);
typedef void (*dns_name_cb)(void *user, int status, const char *name);

struct dns_opts {
    const char *servers; /* "192.0.2.1,[2001:db8::1]:53"; NULL: as the system says, also when that
                            becomes another */
    const char *conf;    /* where it says so; NULL: /etc/resolv.conf */
    usec_t timeout;      /* per try; 0: 2 s */
    int tries;           /* 0: 2 */
};

int dns_new(struct dns **ret, struct loop *l, const struct dns_opts *o, struct err *e) MUST_USE;
struct dns *dns_free(struct dns *d);
void dns_freep(struct dns **d);

/* The system's file is at another path from now on (who is confined is handed one), which stays
 * readable until the next call.  Nothing where servers were given.  -ENOMEM. */
int dns_set_conf(struct dns *d, const char *path) MUST_USE;
/* Who would be asked now, in order, without ports; returns how many. */
size_t dns_servers(struct dns *d, struct addr *ret, size_t max);

/* family ADDR_NONE: both.  Numeric names and the hosts file are answered too.  ret may be NULL. */
int dns_lookup(struct dns *d, const char *name, enum addr_family family, dns_addrs_cb cb,
               void *user, struct dns_query **ret);
/* The hosts file first.  Of several names the first one by alphabet.  -ENOENT only when a server
 * said that there is no name; a silent or failing one is -ETIMEDOUT or -EIO. */
int dns_reverse(struct dns *d, const struct addr *a, dns_name_cb cb, void *user,
                struct dns_query **ret);
void dns_cancel(struct dns_query *q);
