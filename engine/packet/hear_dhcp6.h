/* DHCP for IPv6 (RFC 8415, 4704) as evidence of the client or server that sent it. */
#pragma once

#include "engine/packet/hear_evidence.h"

/* b holds the UDP payload.  0; -ENOMSG: relayed, released or declined; -EBADMSG.  *ret is written
 * on 0 only. */
int hear_dhcp6(struct hear_evidence *ret, struct rbuf *b);
