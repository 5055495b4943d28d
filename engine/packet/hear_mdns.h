/* Multicast DNS and service discovery (RFC 6762, 6763) as evidence of the sender. */
#pragma once

#include "engine/packet/hear_evidence.h"

/* b holds the UDP payload.  A query without anything of its sender's gives evidence without facts:
 * the sender is there.  0; -ENOMSG: not a standard query or response; -EBADMSG.  *ret is written on
 * 0 only. */
int hear_mdns(struct hear_evidence *ret, struct rbuf *b);
