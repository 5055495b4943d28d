/* DHCP for IPv4 (RFC 2131, 2132, 3396, 4702) as evidence of the client or the server. */
#pragma once

#include "engine/packet/hear_evidence.h"

/* b holds the UDP payload.  What a client sends and what a server acknowledges tells about the
 * client; offers and refusals tell about the server.  0; -ENOMSG: tells of neither (release,
 * decline, forced renewal); -EBADMSG.  *ret is written on 0 only. */
int hear_dhcp(struct hear_evidence *ret, struct rbuf *b);
