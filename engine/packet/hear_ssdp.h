/* SSDP (UPnP Device Architecture 2.0, chapter 1) as evidence of the sender. */
#pragma once

#include "engine/packet/hear_evidence.h"

/* b holds the UDP payload: an announcement, a search, or the answer to a search.  0; -ENOMSG: a
 * device says goodbye; -EBADMSG: none of these.  *ret is written on 0 only. */
int hear_ssdp(struct hear_evidence *ret, struct rbuf *b);
