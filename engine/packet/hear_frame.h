/* A whole frame to evidence: which protocol it is, and what the frame itself adds. */
#pragma once

#include "engine/packet/hear_evidence.h"

/* libpcap expression for the frames that hear_frame() takes (Ethernet). */
extern const char hear_filter[];

/* An Ethernet frame.  0; -ENOMSG: not one of the listened protocols, or it tells nothing; -EBADMSG:
 * malformed.  *ret is written on 0 only. */
int hear_frame(struct hear_evidence *ret, const void *frame, size_t len);
