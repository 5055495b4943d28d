/* IPv6 neighbour and router discovery (RFC 4861) as evidence of the sender. */
#pragma once

#include "engine/packet/hear_evidence.h"

/* b starts at the ICMPv6 header of a packet from `src`, whose hop limit was 255 (the caller has
 * looked: RFC 4861 7.1).  0; -ENOMSG: another type, or nothing that holds; -EBADMSG.  *ret is
 * written on 0 only. */
int hear_nd(struct hear_evidence *ret, struct rbuf *b, const struct addr *src);
