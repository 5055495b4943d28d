/* An interface from a listener's side: which group frames its card lets in, and whether it is
 * there. */
#pragma once

#include "engine/base/err.h"

#include <stdbool.h>

struct listen_link {
    int fd; /* -1: closed */
    int ifindex;
    char name[16];
};

enum listen_link_mode {
    LISTEN_LINK_GROUPS,      /* all group addresses */
    LISTEN_LINK_PROMISCUOUS, /* everything that passes */
};

/* Holds as long as it is open; sends nothing, no IGMP and no MLD.  -ENODEV, -ENETDOWN, -EPERM, else
 * -errno, with the text set. */
int listen_link_open(struct listen_link *ret, const char *interface, enum listen_link_mode mode,
                     struct err *e) MUST_USE;
void listen_link_close(struct listen_link *l);
/* The interface is still the same one and up.  Else why it is not, as a phrase: "the interface is
 * gone"; NULL: all is well. */
const char *listen_link_fault(const struct listen_link *l);
