/* NetBIOS name service (RFC 1001, 1002) as evidence of the sender. */
#pragma once

#include "engine/packet/hear_evidence.h"

/* b holds the UDP payload.  A query gives evidence without facts: the sender is there.  0; -ENOMSG:
 * released names, refusals, answers of a name server about others; -EBADMSG.  *ret is written on 0
 * only. */
int hear_nbns(struct hear_evidence *ret, struct rbuf *b);
