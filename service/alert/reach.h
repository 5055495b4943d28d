/* Where a webhook may lead: the URL, and the addresses behind its name. */
#pragma once

#include "engine/base/addrset.h"
#include "service/alert/alert.h"

struct reach {
    enum alert_reach policy;
    struct addr_set allow;
};

/* What an address is when it only carries another one: IPv4 mapped, compatible, 6to4, NAT64,
 * Teredo.  Else itself. */
struct addr reach_carried(const struct addr *a);

/* NULL: fine.  Else why not, for the log: "loopback", "link-local", "private" ... */
const char *reach_refusal(const struct reach *r, const struct addr *a);

struct reach_url {
    char *host; /* without brackets; as libcurl names it */
    uint16_t port;
    bool literal; /* host is an address: addr */
    struct addr addr;
};
void reach_url_done(struct reach_url *u);
/* Takes a URL apart and refuses what is not wanted: other schemes, http unless meant, user names,
 * odd ports.  The sentence does not show the URL, which may be a secret.  -EINVAL, -ENOMEM. */
int reach_url_parse(struct reach_url *ret, const char *url, bool plain_http,
                    struct err *e) MUST_USE;
