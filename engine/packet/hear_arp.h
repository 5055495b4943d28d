/* ARP (RFC 826) and address conflict detection (RFC 5227) as evidence of the sender. */
#pragma once

#include "engine/packet/hear_evidence.h"

/* b starts at the ARP header.  0; -ENOMSG: not Ethernet and IPv4, or no sender; -EBADMSG: cut.
 * *ret is written on 0 only. */
int hear_arp(struct hear_evidence *ret, struct rbuf *b);
