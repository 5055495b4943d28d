/* Cisco Discovery Protocol, versions 1 and 2, as evidence of the neighbour. */
#pragma once

#include "engine/packet/hear_evidence.h"

/* b starts at the LLC header (aa aa 03).  0; -ENOMSG: another SNAP protocol, or a time to live of
 * 0; -EBADMSG.  *ret is written on 0 only. */
int hear_cdp(struct hear_evidence *ret, struct rbuf *b);
