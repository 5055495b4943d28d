/* A filter of a listing, as a person types it: "10.1.0.0/24", "22/tcp", "nginx", "0011.2233.4455".
 */
#pragma once

#include "engine/base/addr.h"
#include "engine/base/err.h"

#include <stdbool.h>

struct filter {
    const char *network;     /* an address or a network; all members: NULL when it is not one */
    const char *pattern;     /* for ILIKE, of a part of a text */
    const char *port;        /* 1 to 65535 */
    const char *protocol;    /* with a port, where it was given */
    char text[256], word[8]; /* what the others point to */
};

/* text NULL: everything.  -EINVAL, with a sentence: what looks like a network or a port is none, or
 * the text is too long. */
int filter_make(struct filter *f, const char *text, struct err *e) MUST_USE;

/* A MAC address as Muster writes it, of "00-11-22-33-44-55", "0011.2233.4455" and the like too. */
bool mac_text(const char *text, char ret[MAC_TEXT_MAX]);
