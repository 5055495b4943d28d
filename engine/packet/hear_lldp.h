/* LLDP (IEEE 802.1AB) with the inventory of LLDP-MED (ANSI/TIA-1057) as evidence of the neighbour.
 */
#pragma once

#include "engine/packet/hear_evidence.h"

/* b holds the LLDPDU behind the Ethernet type.  0; -ENOMSG: the neighbour shuts down (time to live
 * 0); -EBADMSG.  *ret is written on 0 only. */
int hear_lldp(struct hear_evidence *ret, struct rbuf *b);
